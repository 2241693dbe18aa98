"""Makes docs/report.png: the report of the made-up demo set, in headless Chromium.

    pip install '.[test]' && python docs/make_pictures.py

Needs Debian's packages chromium and chromium-driver, or their like.
"""

import base64
import io
import shutil
import tempfile
from pathlib import Path

from PIL import Image
from selenium import webdriver

from cellsieve.trial.demo import demo

WIDTH, HEIGHT = 1280, 1010


def main() -> None:
    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(argument)
    with tempfile.TemporaryDirectory() as folder:
        demo(Path(folder) / "demo")
        browser = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1.25, "mobile": False},
        )
        browser.get((Path(folder) / "demo" / "report.html").as_uri())
        browser.execute_script(
            "document.querySelectorAll('.open img').forEach((each) => (each.loading = 'eager'))"
        )
        browser.execute_async_script(
            "Promise.all([...document.images].slice(0, 24).map((each) => each.decode()))"
            ".then(arguments[0])"
        )
        png = base64.b64decode(browser.execute_cdp_cmd("Page.captureScreenshot", {})["data"])
        browser.quit()
    picture = Image.open(io.BytesIO(png)).convert("RGB").quantize(256)
    path = Path(__file__).with_name("report.png")
    picture.save(path, optimize=True)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
