"""The report in a browser, as a person uses it: headless Chromium, where it is installed."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import cellsieve as cs

selenium = pytest.importorskip("selenium", reason="selenium is not installed")
from selenium import webdriver  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed"
)

HOSTILE = "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in ("--headless=new", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    if os.geteuid() == 0:  # Chromium refuses its sandbox to root
        options.add_argument("--no-sandbox")
    folder = tmp_path_factory.mktemp("downloads")
    options.add_experimental_option("prefs", {"download.default_directory": str(folder)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(str(DRIVER)))
    driver.downloads = folder
    driver.set_window_size(1300, 900)
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browser")
    images = cs.make_demo_set(folder, size=160)
    cs.measure_to(images, folder / "cells.csv", "green", progress=False)
    cs.clean_to([folder / "cells.csv"], folder / "clean.csv", [cs.Rule(lower=0.1, upper=0.9)])
    cs.report(folder / "clean.csv", folder / "report.html", n=4)
    return folder / "clean.csv"


@pytest.fixture
def page(browser: Any, clean: Path) -> Iterator[Any]:
    """The report, freshly opened; at the end there must be no word in the console."""
    address = clean.with_name("report.html").as_uri()
    browser.get(address)
    browser.execute_script("localStorage.clear()")
    for kind in ("browser", "performance"):
        browser.get_log(kind)
    browser.get(address)
    yield browser
    assert browser.get_log("browser") == []


def one(within: Any, selector: str) -> Any:
    return within.find_element(By.CSS_SELECTOR, selector)


def every(within: Any, selector: str) -> list[Any]:
    found: list[Any] = within.find_elements(By.CSS_SELECTOR, selector)
    return found


def shown(within: Any, selector: str) -> list[Any]:
    return [each for each in every(within, selector) if each.is_displayed()]


def write(box: Any, text: str) -> None:
    box.clear()
    box.send_keys(text)


def wait(browser: Any, condition: Any) -> Any:
    return WebDriverWait(browser, 20).until(condition)


def test_it_opens_without_a_request(page: Any) -> None:
    requests = [
        entry["message"]
        for entry in page.get_log("performance")
        if '"Network.requestWillBeSent"' in entry["message"]
    ]
    others = [text for text in requests if '"url":"data:' not in text and "report.html" not in text]
    assert others == []
    assert len(shown(page, "section.class")) == 4
    images = every(page, ".open img")
    page.execute_script("arguments[0].scrollIntoView()", images[-1])
    wait(page, lambda _: images[-1].get_property("naturalWidth") > 0)


def test_filter_and_sort(page: Any) -> None:
    names = [each.text for each in shown(page, "#list .name")]
    assert names == ["0", "1", "16", "Several classes"]
    write(one(page, "#filter"), "1")
    assert [each.text for each in shown(page, "#list .name")] == ["1", "16"]
    assert one(page, "#found").text == "2 of 4"
    assert len(shown(page, "section.class")) == 2
    write(one(page, "#filter"), "nothing like it")
    assert "No class matches" in one(page, "#nonefound").text
    one(page, "#filter").clear()
    one(page, "#filter").send_keys("s" + Keys.BACKSPACE)
    one(page, '#sort option[value="share"]').click()
    assert shown(page, "#list .name")[0].text == "Several classes"
    assert shown(page, "section.class h2")[0].text == "Several classes"
    one(page, '#sort option[value="place"]').click()
    assert [each.text for each in shown(page, "#list .name")] == names


def numbers(page: Any, section: Any) -> tuple[int, int]:
    return tuple(int(one(section, f".{side}-text").text) for side in ("low", "high"))  # type: ignore[return-value]


def test_moving_the_percentiles_counts_as_clean_does(page: Any, clean: Path) -> None:
    table = cs.read_table(clean)
    for lower, upper in ((20, 85), (3, 99.5)):
        write(one(page, "#lower"), str(lower))
        write(one(page, "#upper"), str(upper))
        again = cs.clean(table, lower=lower / 100, upper=upper / 100)
        for section in every(page, "section.class")[:3]:
            label = one(section, "h2").text.removeprefix("Class ")
            reasons = again.loc[again["class_label"] == label, "reason"]
            expected = ((reasons == "low").sum(), (reasons == "high").sum())
            assert numbers(page, section) == expected
        falling = int((~again["clean"]).sum())
        assert one(page, "#outcome").text.startswith(f"{falling} of {len(again)} cells")
    assert "would be dropped" in one(page, ".numbers").text
    assert one(page, ".numbers .reason").is_displayed() is False
    one(page, "#reset").click()
    assert one(page, "#outcome").text == (
        f"As cleaned: {(~table['clean']).sum()} of {len(table)} cells dropped."
    )
    assert "would be dropped" not in one(page, ".numbers").text


def test_the_slider_moves_by_keyboard_and_takes_cells_along(page: Any) -> None:
    slider = one(page, "#lower-slide")
    low = every(page, ".gallery.low")[0]
    before = [each.text for each in every(low, ".verdict")]
    assert "dropped" in before
    slider.send_keys(Keys.HOME)
    assert one(page, "#lower").get_property("value") == "0"
    assert [each.text for each in every(low, ".verdict")] == ["kept"] * 4
    limit = one(every(page, "section.class")[0], "line.limit.lower")
    at_zero = float(limit.get_attribute("x1"))
    slider.send_keys(Keys.END)
    assert float(limit.get_attribute("x1")) > at_zero


def test_percentiles_out_of_order_are_said(page: Any) -> None:
    write(one(page, "#lower"), "99")
    write(one(page, "#upper"), "50")
    assert "the lower one first" in one(page, "#outcome").text


def test_a_larger_view_with_its_row(page: Any, clean: Path) -> None:
    tile = every(page, ".cell")[0]
    one(tile, ".open").send_keys(Keys.ENTER)
    view = one(page, "#view")
    wait(page, lambda _: view.is_displayed())
    fields = {one(row, "dt").text: one(row, "dd").text for row in every(view, ".fields div")}
    row = cs.read_table(clean).set_index(["image_id", "label"]).loc[
        (fields["image_id"], int(fields["label"]))
    ]  # fmt: skip
    assert float(fields["fraction"]) == pytest.approx(row["fraction"], rel=1e-5)
    assert fields["reason"] == "low"
    assert one(view, ".said").text == "dropped (too low)"
    assert one(view, ".picture img").size["height"] > 200
    title = one(view, "#view-title").text
    one(view, ".close").send_keys(Keys.ARROW_RIGHT)
    assert one(view, "#view-title").text != title
    one(view, ".close").send_keys(Keys.ARROW_LEFT)
    assert one(view, "#view-title").text == title
    one(view, ".close").send_keys(Keys.ESCAPE)
    wait(page, lambda _: not view.is_displayed())
    assert page.switch_to.active_element == one(tile, ".open")


def test_marks_are_kept_downloaded_and_applied(page: Any, clean: Path, tmp_path: Path) -> None:
    cells = page.execute_script(
        "return JSON.parse(document.querySelector('#data').textContent).cells"
    )
    tiles = every(page, ".cell")
    dropped = next(k for k, cell in enumerate(cells) if not cell["clean"])
    kept = next(k for k, cell in enumerate(cells) if cell["clean"])
    one(tiles[dropped], '[data-mark="keep"]').click()
    assert one(tiles[dropped], ".verdict").text == "kept"
    one(tiles[kept], ".open").click()  # the other one by keyboard, in the larger view
    view = one(page, "#view")
    one(view, ".close").send_keys("d")
    assert one(view, '[data-mark="drop"]').get_attribute("aria-pressed") == "true"
    assert one(view, ".said").text == "dropped by hand; kept before"
    one(view, ".close").click()
    page.execute_script("arguments[0].scrollIntoView()", tiles[-1])
    one(tiles[-1], '[data-mark="drop"]').click()
    one(tiles[-1], '[data-mark="drop"]').click()  # a second time takes it back
    assert one(page, "#marked-text").text == "2 marked: 1 keep, 1 drop"

    page.refresh()  # closing the page by mistake loses nothing
    assert one(page, "#marked-text").text == "2 marked: 1 keep, 1 drop"
    one(page, "#download").click()
    file = page.downloads / "marks.csv"
    wait(page, lambda _: file.exists() and file.stat().st_size)  # its name is there before it is
    marks = pd.read_csv(file)
    wanted = {(cells[k]["image_id"], cells[k]["label"]) for k in (dropped, kept)}
    assert set(zip(marks["image_id"], marks["label"], strict=True)) == wanted

    cs.clean_to(
        [clean.with_name("cells.csv")], tmp_path / "again.csv", [cs.Rule(lower=0.1, upper=0.9)],
        overrides=file,
    )  # fmt: skip
    again = cs.read_table(tmp_path / "again.csv").set_index(["image_id", "label"])
    key = (cells[dropped]["image_id"], cells[dropped]["label"])
    assert again.loc[key, "clean"]
    assert again.loc[key, "reason"] == "by hand"
    assert (again["reason"] == "by hand").sum() == 2
    file.unlink()

    one(page, "#clear").click()
    wait(page, lambda driver: driver.switch_to.alert).accept()
    assert not one(page, "#marked").is_displayed()


def test_light_dark_and_narrow(page: Any) -> None:
    def background() -> str:
        color: str = one(page, "body").value_of_css_property("background-color")
        return color

    first = background()
    one(page, "#theme").click()
    assert background() != first
    one(page, "#theme").click()
    assert background() == first
    page.set_window_size(500, 900)
    wide = page.execute_script("return document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0
    page.set_window_size(1300, 900)


def test_it_can_be_used_by_keyboard_from_the_top(page: Any) -> None:
    one(page, "body").send_keys(Keys.TAB)
    assert page.switch_to.active_element.text == "Skip to the contents"
    unnamed = page.execute_script(
        "return [...document.querySelectorAll('button, input, select, a')].filter(e =>"
        " !(e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.length)).length"
    )
    assert unnamed == 0


def test_it_prints_all_cells_and_no_controls(page: Any) -> None:
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert not one(page, "#filter").is_displayed()
    assert not one(page, "#lower").is_displayed()
    assert len(shown(page, ".cell")) == len(every(page, ".cell"))
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_hostile_text_stays_text(browser: Any, tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "image_id": HOSTILE,
            "class_label": HOSTILE,
            "label": range(1, 31),
            **dict.fromkeys(("min_row", "min_col"), 0),
            **dict.fromkeys(("max_row", "max_col"), 4),
            "fraction": np.linspace(0, 1, 30),
            HOSTILE: HOSTILE,
        }
    )
    cs.report(cs.clean(table), tmp_path / "page.html", title=HOSTILE)
    browser.get((tmp_path / "page.html").as_uri())
    browser.get_log("browser")
    assert one(browser, "h1").text == HOSTILE
    every(browser, ".open")[0].click()
    assert HOSTILE in one(browser, "#view-title").text
    assert HOSTILE in [each.text for each in every(browser, ".fields dd")]
    assert browser.title.startswith("<script>")
    assert browser.get_log("browser") == []


def test_a_page_without_cells(browser: Any, tmp_path: Path) -> None:
    table = pd.DataFrame(
        columns=["image_id", "class_label", "label", "min_row", "min_col", "max_row", "max_col"]
    ).assign(fraction=pd.Series(dtype="float64"))
    cs.report(cs.clean(table), tmp_path / "page.html")
    browser.get((tmp_path / "page.html").as_uri())
    write(one(browser, "#lower"), "3")
    assert "holds no cells" in one(browser, "body").text
    assert browser.get_log("browser") == []
