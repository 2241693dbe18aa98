"""The report in a browser, as a person uses it: headless Chromium, where it is installed."""

import os
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
import pandas as pd
import pytest

import cellsieve as cs
from cellsieve.cli import main

selenium = pytest.importorskip("selenium", reason="selenium is not installed")
from selenium import webdriver  # noqa: E402
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
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
    """As a person does, so that the page hears of it even where nothing is left."""
    box.send_keys(Keys.CONTROL, "a")
    box.send_keys(text or Keys.DELETE)


def wait(browser: Any, condition: Any) -> Any:
    return WebDriverWait(browser, 20).until(condition)


def serious_findings(page: Any) -> list[str]:
    """What axe calls serious or critical."""
    package = pytest.importorskip("axe_core_python", reason="axe-core-python is not installed")
    page.execute_script((Path(package.__file__).parent / "axe.min.js").read_text("utf-8"))
    found = page.execute_async_script(
        "axe.run(document, {resultTypes: ['violations']}).then(arguments[0])"
    )
    assert found["testEngine"]["name"] == "axe-core"
    return [
        f"{each['impact']} {each['id']}: {node['html'][:120]}"
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"][:3]
    ]


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
    write(one(page, "#filter"), "")
    one(page, '[data-sort="unjudged"]').click()
    assert shown(page, "#list .name")[0].text == "Several classes"
    assert shown(page, "section.class h2")[0].text == "Several classes"
    assert one(page, '[aria-sort="descending"]').text.startswith("Not judged")
    one(page, '[data-sort="place"]').click()
    assert [each.text for each in shown(page, "#list .name")] == names


def test_the_first_screen_says_why_and_by_what(page: Any, clean: Path) -> None:
    table = cs.read_table(clean)
    cut = int(table["reason"].isin(["low", "high"]).sum())
    several = int((table["reason"] == "multi_label").sum())
    assert numbers(page) == {"kept": int(table["clean"].sum()), "cut": cut, "unjudged": several}
    assert several > 0
    text = one(page, ".summary").text
    assert "share of the pixels that are strictly above the threshold" in text
    assert "channel green; threshold: the 0.99 quantile of the pixels with label 0" in text
    assert "cellsieve clean CELLS -o clean.csv --lower 0.1 --upper 0.9" in text
    assert f"Cleaned by cellsieve {cs.__version__}" in text


# ---- limits ----


def numbers(page: Any, section: str = "") -> dict[str, int]:
    """What the page counts, in all or in a section."""
    where = f'section[id="{section}"]' if section else ".tiles"
    found: dict[str, int] = page.execute_script(
        "return Object.fromEntries(['kept', 'cut', 'unjudged', 'by_hand']"
        ".map((name) => [name, document.querySelector(`${arguments[0]} [data-n=${name}]`)])"
        ".filter(([, each]) => each)"
        ".map(([name, each]) => [name, Number(each.textContent.replaceAll(',', ''))]))",
        where,
    )
    return found


def counted(table: pd.DataFrame) -> dict[str, int]:
    """The same of a table with a single rule."""
    cut = table["reason"].isin(["low", "high"])
    unjudged = table["reason"].isin(["multi_label", "no_label", "small_group", "unmeasured"])
    return {
        "kept": int(table["clean"].sum()),
        "cut": int(cut.sum()),
        "unjudged": int(unjudged.sum()),
    }


def test_moving_the_percentiles_counts_as_clean_does(page: Any, clean: Path) -> None:
    """In the headings, in the table of classes, in the totals, and in the tiles' words."""
    table = cs.read_table(clean)
    for lower, upper in ((20, 85), (3, 99.5)):
        write(one(page, "#lower-0"), str(lower))
        write(one(page, "#upper-0"), str(upper))
        again = cs.clean(table, lower=lower / 100, upper=upper / 100)
        assert numbers(page) == counted(again)
        for label in ("0", "1", "16"):
            rows = again[again["class_label"] == label]
            found = numbers(page, f"class-{label}")
            assert found["cut"] == counted(rows)["cut"]
            assert found["kept"] == counted(rows)["kept"]
            row = one(page, f'tr[data-section="class-{label}"]')
            assert one(row, '[data-n="cut"]').text == str(found["cut"])
        falling = int((~again["clean"]).sum())
        newly = int((table["clean"] & ~again["clean"]).sum())
        back = int((~table["clean"] & again["clean"]).sum())
        outcome = one(page, "#outcome").text
        assert outcome.startswith(f"{falling} of {len(again)} cells")
        assert f"{newly} newly dropped, {back} kept again" in outcome
    assert "would be kept" in [each.text for each in every(page, ".verdict")]
    assert one(page, ".numbers .reason").is_displayed() is False  # of the cut as it was
    one(page, "#reset").click()
    dropped = (~table["clean"]).sum()
    assert one(page, "#outcome").text == f"As cleaned: {dropped} of {len(table)} cells dropped."
    assert numbers(page) == counted(table)
    assert not [each for each in every(page, ".verdict") if "would" in each.text]


def test_the_two_limits_are_independent(page: Any) -> None:
    before = one(page, "#lower-0").get_property("value"), numbers(page)
    write(one(page, "#upper-0"), "70")
    assert numbers(page) != before[1]
    write(one(page, "#upper-0"), "90")
    assert (one(page, "#lower-0").get_property("value"), numbers(page)) == before
    assert one(page, "#outcome").text.startswith("As cleaned")


def cells(values: list[float], **columns: Any) -> pd.DataFrame:
    """A cell table without pictures."""
    return pd.DataFrame(
        {
            "image_id": "a",
            "class_label": "0",
            "label": range(1, len(values) + 1),
            **dict.fromkeys(("min_row", "min_col"), 0),
            **dict.fromkeys(("max_row", "max_col"), 4),
            "area": values,
        }
    ).assign(**columns)


def opened(browser: Any, table: pd.DataFrame, folder: Path, column: str = "area") -> None:
    cs.report(table, folder / "page.html", column=column, overwrite=True)
    browser.get("about:blank")
    browser.get((folder / "page.html").as_uri())


INTEGERS = [*range(20), *[20] * 30, *range(21, 60), *[60] * 25]  # ties at both limits
FEW = [1.0] * 40 + [2.0] * 40 + [3.0] * 40
SEVERAL = [cs.Rule("area", 0.05, None, None), cs.Rule("area", 3, 55, kind="value")]


@pytest.mark.filterwarnings("ignore:.*(none can be cut|could not judge)")
@pytest.mark.parametrize("values", [INTEGERS, FEW], ids=["integers", "few"])
@pytest.mark.parametrize(
    "rules",
    [
        [cs.Rule("area", 0.01, 0.99)],
        [cs.Rule("area", None, 0.6)],
        [cs.Rule("area", 2, 58, kind="value")],
        SEVERAL,
        [cs.Rule("area", 0.1, 0.9, None), cs.Rule("label", 10, None, kind="value")],
        [cs.Rule("area", -1.5, 1.25, kind="mad")],
        [cs.Rule("area", -1.5, 1.25, kind="zscore")],
        [cs.Rule("area", 0.5, 1.5, kind="ratio")],
        [
            cs.Rule("area", 0.05, 0.95, name="odd", where={"class_label": ["1"]}, unjudged="keep"),
            cs.Rule(
                "label",
                None,
                30,
                kind="value",
                name="early",
                also=[cs.Rule("area", None, 15, kind="value")],
            ),
            cs.Rule("area", None, 50, kind="value", name="large", flag=True),
        ],
    ],
    ids=[
        "percentiles",
        "one side",
        "values",
        "several",
        "another column",
        "mads",
        "sds",
        "ratio",
        "named",
    ],
)
def test_limits_start_from_the_rule_stored_with_the_table(
    browser: Any, tmp_path: Path, values: list[float], rules: list[Any]
) -> None:
    rng = np.random.default_rng(5)
    table = cells(values, class_label=rng.choice(["0", "1", "0|1"], len(values)))
    cleaned = cs.clean(table, rules=rules)
    opened(browser, cleaned, tmp_path)
    of_area = [rule for rule in rules if rule.column == "area" and not rule.flag]
    for number, rule in enumerate(of_area):
        factor = 100 if rule.kind == "percentile" else 1
        for side, end in (("lower", rule.lower), ("upper", rule.upper)):
            text = one(browser, f"#{side}-{number}").get_property("value")
            assert (text == "") if end is None else float(text) == pytest.approx(factor * end)
    assert one(browser, "#outcome").text.startswith(
        f"As cleaned: {(~cleaned['clean']).sum()} of {len(cleaned)} cells"
    )
    assert not one(browser, "#not-its-own").is_displayed()
    kept = numbers(browser)["kept"]
    first = of_area[0]
    # Moved, and counted as `clean` counts.
    text, lower = {
        "percentile": ("40", 0.4),
        "value": ("20", 20),
        "mad": ("-0.5", -0.5),
        "zscore": ("-0.25", -0.25),
        "ratio": ("0.95", 0.95),
    }[first.kind]
    write(one(browser, "#lower-0"), text)
    moved = replace(first, lower=lower)
    again = cs.clean(table, rules=[moved, *rules[1:]])
    assert numbers(browser)["kept"] == again["clean"].sum()
    assert again["clean"].sum() != kept or values is FEW  # some limits lie on the same few values
    # And so does the file that the page gives.
    (tmp_path / "limits.toml").write_text(browser.execute_script(
        "document.querySelector('#use').click();"
        "return document.querySelector('#use-rules').textContent"
    ))  # fmt: skip
    by_file = cs.clean(table, rules=cs.read_rules(tmp_path / "limits.toml"))
    assert by_file["reason"].tolist() == again["reason"].tolist()
    assert browser.get_log("browser") == []


@pytest.mark.parametrize("kind", ["zscore", "mad", "ratio"])
@pytest.mark.parametrize("scale", [1e-9, 1.0, 3e12])
def test_limits_from_a_middle_are_those_of_clean_to_the_last_bit(
    browser: Any, tmp_path: Path, kind: str, scale: float
) -> None:
    rng = np.random.default_rng(6)
    labels = rng.choice(["0", "1", "2", "3"], 400)
    middle = 0 if kind == "ratio" else -40
    table = cells((scale * (rng.lognormal(1, 2, 400) + middle)).tolist(), class_label=labels)
    opened(browser, cs.clean(table, column="area", lower=0.2, upper=0.8), tmp_path)
    one(browser, f'#kind-0 option[value="{kind}"]').click()
    write(one(browser, "#lower-0"), "0.37")
    rule = cs.Rule("area", 0.37, None, kind=kind)  # type: ignore[arg-type]
    again = cs.clean(table, rules=[rule])
    found = [
        float(one(browser, f"#class-{label} .handle.lower").get_attribute("aria-valuenow"))
        for label in "01"  # the others are drawn when they come into sight
    ]
    assert found == again.groupby("class_label")["lower_limit"].first().tolist()[:2]
    assert numbers(browser) == counted(again)


def test_limits_of_one_rule_change_to_values_and_back(browser: Any, tmp_path: Path) -> None:
    """Values judge all cells, also those of several classes and of small groups."""
    labels = ["0"] * 60 + ["1"] * 5 + ["0|1"] * (len(INTEGERS) - 65)
    table = cells(INTEGERS, class_label=labels).assign(area=lambda t: t["area"].where(t.index != 7))
    cleaned = cs.clean(table, column="area", lower=0.1, upper=0.9)
    opened(browser, cleaned, tmp_path)
    assert numbers(browser) == counted(cleaned)
    one(browser, '#kind-0 option[value="value"]').click()
    assert one(browser, "#lower-0").get_property("value") == ""  # nothing is guessed
    write(one(browser, "#upper-0"), "40")
    assert numbers(browser) == counted(
        cs.clean(table, rules=[cs.Rule("area", None, 40, kind="value")])
    )
    one(browser, '#kind-0 option[value="percentile"]').click()
    assert numbers(browser) == counted(cleaned)
    assert one(browser, "#outcome").text.startswith("As cleaned")


def test_an_uncleaned_table_has_no_limits_until_someone_sets_one(
    browser: Any, tmp_path: Path
) -> None:
    table = cells(INTEGERS)
    opened(browser, table, tmp_path)
    assert every(browser, "line.limit:not([hidden])") == []
    assert [each.get_property("value") for each in every(browser, ".box input")] == ["", ""]
    assert not one(browser, "#use").is_enabled()
    write(one(browser, "#lower-0"), "20")
    assert numbers(browser) == counted(cs.clean(table, column="area", lower=0.2, upper=None))
    assert len(every(browser, "line.limit:not([hidden])")) == 1


def test_a_limit_is_dragged_and_moved_by_keys(page: Any) -> None:
    section = one(page, "#class-0")
    handle = one(section, ".handle.lower")
    low = one(section, ".gallery.low")
    assert "dropped" in [each.text for each in every(low, ".verdict")]
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", section)
    handle.send_keys(Keys.HOME)
    assert one(page, "#lower-0").get_property("value") == "0"
    assert numbers(page, "class-0")["cut"] == int(one(section, '[data-n="high"]').text)
    assert not [each for each in every(low, ".verdict") if each.text.endswith("dropped")]
    at_zero = float(one(section, "line.limit.lower").get_attribute("x1"))
    for _ in range(3):
        handle.send_keys(Keys.PAGE_UP)
    assert float(one(page, "#lower-0").get_property("value")) == pytest.approx(3)
    before = numbers(page)
    ActionChains(page).click_and_hold(handle).move_by_offset(80, 0).release().perform()
    assert float(one(section, "line.limit.lower").get_attribute("x1")) > at_zero + 4  # of 80 bars
    assert numbers(page)["cut"] > before["cut"]
    one(section, ".handle.upper").send_keys(Keys.HOME)  # limits never pass each other
    ends = [one(page, f"#{side}-0").get_property("value") for side in ("lower", "upper")]
    assert ends[0] == ends[1]
    handle.send_keys(Keys.DELETE)
    assert one(page, "#lower-0").get_property("value") == ""
    assert one(section, 'dl [data-n="lower"]').text == "none"


def test_percentiles_out_of_order_are_said(page: Any) -> None:
    write(one(page, "#upper-0"), "50")
    write(one(page, "#lower-0"), "99")
    assert "the lower one first" in one(page, ".problem").text


def test_the_axis_fits_one_class(page: Any, clean: Path) -> None:
    table = cs.read_table(clean)
    values = table.loc[table["class_label"] == "0", "fraction"]
    handle = one(page, "#class-0 .handle.lower")
    assert [float(handle.get_attribute(f"aria-value{end}")) for end in ("min", "max")] == [0, 1]
    one(page, "#zoom option[value='class-0']").click()
    ends = [float(handle.get_attribute(f"aria-value{end}")) for end in ("min", "max")]
    assert ends == [values.min(), values.max()]
    bars, _ = np.histogram(values, 80, ends)
    shape = str(one(page, "#bars-0 path.drop").get_attribute("d"))
    assert shape.startswith(f"M0 100V{round(100 - max(2, 100 * bars[0] / max(bars)))}")
    assert min(bars[0], bars[-1]) > 0  # the class fills the axis from end to end
    # A number stands below its place, also the first and the last of them.
    off = page.execute_script(
        "const axis = document.querySelector('#class-0 .ticks').getBoundingClientRect();"
        "return [...document.querySelectorAll('#class-0 .ticks span')].map((e) => {"
        "const box = e.getBoundingClientRect(), at = parseFloat(e.style.left) / 100;"
        "const edge = at < 0.02 || at > 0.98;"
        "return edge ? 0 : Math.abs((box.left + box.right) / 2 - axis.left - at * axis.width)})"
    )
    assert len(off) > 2
    assert max(off) < 1
    # A limit beyond the axis has no line, which would stand where it is not.
    one(page, "#zoom option[value='high']").click()
    line = "#class-0 line.lower:not([hidden])"
    assert not every(page, line)
    assert one(page, "#class-0 .handle.lower").get_attribute("class").endswith("unset")
    one(page, "#zoom option[value='whole']").click()
    assert every(page, line)


def test_only_cells_that_change_are_shown(page: Any) -> None:
    one(page, "#only-changes").click()
    assert shown(page, ".cell") == []
    write(one(page, "#lower-0"), "40")
    changing = shown(page, ".cell")
    assert changing
    assert {one(each, ".verdict").text for each in changing} == {"would be dropped"}


def test_cells_of_one_reason_are_shown(browser: Any, tmp_path: Path) -> None:
    """Also those that are not shown at first; by keyboard, and from the address."""
    rules = [
        cs.Rule("area", None, 150, kind="value", name="merged"),
        cs.Rule("area", 0.1, None),
        cs.Rule("label", 20, 185, kind="value"),
        cs.Rule("label", None, 90, kind="value", name="late", flag=True),
    ]
    rng = np.random.default_rng(4)
    table = cells(rng.permutation(200).tolist(), class_label=rng.choice(["0", "1"], 200))
    cleaned = cs.clean(table, rules=rules)
    opened(browser, cleaned, tmp_path)
    every_cell = len(shown(browser, ".cell"))
    choice = one(browser, "#reason")
    assert [each.text for each in every(choice, "option")] == [
        *("all reasons", "late", "merged", "area too low", "label too low", "label too high")
    ]
    rows = cleaned.set_index("label")
    for words, reason, column in (
        ("merged", "merged", "reason"),
        ("late", "late", "flagged"),
        ("label too low", "label low", "reason"),
    ):
        choice.send_keys(words)  # a list is moved by typing what one wants
        having = rows[column].str.split("; ").map(lambda parts, name=reason: name in parts)
        labels = browser.execute_script(
            "const { cells } = JSON.parse(document.querySelector('#data').textContent);"
            "return [...document.querySelectorAll('main .cell')].filter((e) => e.checkVisibility())"
            ".map((e) => cells[e.dataset.cell].label)"
        )
        on_page = browser.execute_script(
            "const { cells } = JSON.parse(document.querySelector('#data').textContent);"
            "return cells.map((cell) => cell.label)"
        )
        assert sorted(labels) == sorted(having[having].index.intersection(on_page))
        said = f"only cells with the reason “{words}”: {len(labels)} of {having.sum()} are on"
        assert said in one(browser, "#of-reason").text
        # Each gallery with such cells has a tab stop that can be reached.
        for gallery in shown(browser, ".gallery"):
            stops = [
                stop for stop in every(gallery, ".open") if stop.get_attribute("tabindex") == "0"
            ]
            assert [stop.is_displayed() for stop in stops] == [True]
            stops[0].send_keys(Keys.END)
            assert browser.switch_to.active_element == shown(gallery, ".open")[-1]
        # What is hidden is turned over in the larger view.
        browser.switch_to.active_element.send_keys(Keys.ENTER)
        assert one(browser, "#view .position").text.endswith(f" of {len(labels)}")
        one(browser, "#view .close").click()
    assert serious_findings(browser) == []
    wait(browser, lambda driver: "reason=label+low" in driver.current_url)
    address = browser.current_url
    browser.get("about:blank")
    browser.get(address)
    assert len(shown(browser, "main .cell")) == len(labels)
    # With the cells that change: both hold. Without either, all are back.
    one(browser, "#only-changes").click()
    assert shown(browser, "main .cell") == []
    one(browser, "#only-changes").click()
    one(browser, '#reason option[value=""]').click()
    assert one(browser, "#of-reason").text == ""
    assert len(shown(browser, "main .cell")) >= every_cell
    assert browser.get_log("browser") == []
    opened(browser, cs.clean(table, column="area", lower=0.1), tmp_path)
    assert every(browser, "#reason") == []  # the galleries say it


@pytest.mark.parametrize("kind", ["percentile", "value"])
def test_limits_taken_away_clean_to_the_promised_counts(
    browser: Any, clean: Path, tmp_path: Path, kind: str
) -> None:
    """End to end: the file and the command of the page, marks by hand included."""
    browser.get(clean.with_name("report.html").as_uri())
    browser.execute_script("localStorage.clear()")
    browser.get("about:blank")
    browser.get(clean.with_name("report.html").as_uri())
    one(browser, f'#kind-0 option[value="{kind}"]').click()
    write(one(browser, "#lower-0"), "12.5" if kind == "percentile" else "0.3")
    write(one(browser, "#upper-0"), "77" if kind == "percentile" else "")
    first = every(browser, ".cell")[0]
    one(first, '[data-mark="keep"]').click()
    promised = numbers(browser)
    one(browser, "#use").click()
    command = one(browser, "#use-command").text
    assert command.startswith("cellsieve clean clean.csv -o clean-new.csv --rules limits.toml")
    one(browser, "#use-download").click()
    one(browser, "#use-marks").click()
    for name in ("limits.toml", "marks.csv"):
        wait(browser, lambda _, name=name: (browser.downloads / name).exists())
    wait(browser, lambda _: (browser.downloads / "marks.csv").stat().st_size > 0)
    for name in ("limits.toml", "marks.csv"):
        shutil.move(browser.downloads / name, tmp_path / name)
    shutil.copy(clean, tmp_path / "clean.csv")
    words = shlex.split(command)[1:]
    words = [str(tmp_path / word) if word.endswith((".csv", ".toml")) else word for word in words]
    assert main(words) == 0
    again = cs.read_table(tmp_path / "clean-new.csv")
    assert promised["kept"] == again["clean"].sum()
    assert {name: promised[name] for name in ("kept", "cut", "unjudged")} == counted(again)
    assert (again["reason"] == "by hand").sum() == 1
    one(browser, "#use-view .close").click()
    assert browser.get_log("browser") == []


def one_spelling(label: str) -> str:
    return "|".join(sorted(set(label.split("|"))))


def promise(page: Any, table: pd.DataFrame) -> None:
    """What the page counts, in all and in each section, is what its file of rules gives."""
    text = page.execute_script(
        "document.querySelector('#use').click();"
        "const text = document.querySelector('#use-rules').textContent;"
        "document.querySelector('#use-view').close();"
        "return text"
    )
    file = Path(page.downloads) / "promise.toml"
    file.write_text(text, "utf-8")
    again = cs.clean(table, rules=cs.read_rules(file))
    unjudged = again["reason"].map(
        lambda reason: (
            bool(reason)
            and all(
                part.endswith(("multi_label", "no_label", "small_group", "unmeasured"))
                for part in reason.split("; ")
            )
        )
    )
    wanted = pd.DataFrame(
        {"kept": again["clean"], "cut": ~again["clean"] & ~unjudged, "unjudged": unjudged}
    )
    labels = again["class_label"].map(one_spelling, na_action="ignore")
    for section in every(page, "section.class"):
        name = str(section.get_attribute("id"))
        rows = labels == one_spelling(unquote(name.removeprefix("class-")))
        if name == "cells-several":
            rows = labels.str.contains("|", regex=False, na=False)
        if name == "cells-none":
            rows = labels.isna()
        assert rows.any()
        found = numbers(page, name)
        assert found == {each: int(wanted.loc[rows, each].sum()) for each in found}
    found = numbers(page)
    assert found == {each: int(wanted[each].sum()) for each in found}


@pytest.mark.filterwarnings("ignore:.*(none can be cut|could not judge)")
@pytest.mark.parametrize(
    "rules",
    [
        [cs.Rule("area", 0.05, 0.9)],
        [cs.Rule("area", 0.05, 0.9, multi="own", min_group=3)],
        [cs.Rule("area", 0.05, 0.9, None)],
        [cs.Rule("area", -1.5, 1.5, kind="mad"), cs.Rule("area", 2, 58, kind="value")],
        [
            cs.Rule(
                "area", 0.1, None, name="odd", where={"class_label": ["1", "7"]}, unjudged="keep"
            )
        ],
        [cs.Rule("area", 0.05, 0.9, unless={"class_label": ["0"]}), cs.Rule("label", 0.1, None)],
    ],
    ids=["percentiles", "combinations", "all as one", "two rules", "some classes", "others"],
)
@pytest.mark.parametrize("kind", ["percentile", "value", "mad"])
def test_limits_of_one_class_alone(
    browser: Any, tmp_path: Path, rules: list[Any], kind: str
) -> None:
    rng = np.random.default_rng(8)
    labels = np.array(["0", "1", "7", "0|1", "1|7", None], object)
    table = cells(INTEGERS * 3)
    table["class_label"] = rng.choice(labels, len(table), p=[0.3, 0.25, 0.2, 0.1, 0.1, 0.05])
    table.loc[5, "area"] = np.nan
    cleaned = cs.clean(table, rules=rules)
    opened(browser, cleaned, tmp_path)
    before = numbers(browser, "class-7")
    others = numbers(browser, "class-0")
    one(browser, '#scope option[value="1"]').click()  # class 1
    one(browser, f'#kind-0 option[value="{kind}"]').click()
    text = {"percentile": "40", "value": "33", "mad": "-0.5"}[kind]
    write(one(browser, "#lower-0"), text)
    changed = numbers(browser, "class-1")
    promise(browser, table)
    if rules[0].groups:  # the others have theirs
        assert numbers(browser, "class-7") == before
        assert numbers(browser, "class-0") == others
    assert one(browser, "#class-1 .alone input").is_selected()
    # Then those of the others, which leaves the one alone; then a second class.
    one(browser, '#scope option[value=""]').click()
    write(one(browser, "#upper-0"), {"percentile": "70", "value": "44", "mad": "1"}[rules[0].kind])
    promise(browser, table)
    if rules[0].groups and len(rules) == 1:
        assert numbers(browser, "class-1") == changed
    one(browser, "#class-7 .alone input").click()
    write(one(browser, "#lower-0"), "")
    write(
        one(browser, "#upper-0"), {"percentile": "60", "value": "40", "mad": "0.5"}[rules[0].kind]
    )
    promise(browser, table)
    assert browser.get_log("browser") == []
    counts = numbers(browser)
    last = {"percentile": "0.6", "value": "40", "mad": "0.5"}[rules[0].kind]
    stored = re.compile(rf"class-7,0,{rules[0].kind},[^,]*,{re.escape(last)}(?!\d)")
    wait(browser, lambda driver: stored.search(unquote(driver.current_url)))
    address = browser.current_url
    browser.get("about:blank")
    browser.get(address)
    assert numbers(browser) == counts  # the address holds them
    one(browser, "#class-1 .alone input").click()
    one(browser, "#class-7 .alone input").click()
    promise(browser, table)
    one(browser, "#reset").click()
    assert one(browser, "#outcome").text.startswith("As cleaned")


@pytest.mark.filterwarnings("ignore:.*none can be cut")
@pytest.mark.parametrize(
    "rules",
    [
        [cs.Rule("area", 0.05, 0.9, multi="own", min_group=3)],
        # Rules that are meant for some spellings alone, as a file written by hand may have it.
        [
            cs.Rule("area", 0.05, 0.9, multi="own", unless={"class_label": ["1|0", "0|0"]}),
            cs.Rule("area", 0.2, None, multi="own", where={"class_label": ["1|0"]}),
        ],
    ],
    ids=["all", "some spellings"],
)
@pytest.mark.parametrize("kind", ["percentile", "value"])
def test_a_combination_is_one_class_however_it_is_spelled(
    browser: Any, tmp_path: Path, rules: list[Any], kind: str
) -> None:
    """Alone too: the file of the page names every spelling, and `clean --rules` counts the same."""
    rng = np.random.default_rng(11)
    labels = np.array(["0", "0|0", "1", "0|1", "1|0", "1|0|1", "1|7", "7|1"], object)
    table = cells(INTEGERS * 3)
    share = [0.2, 0.05, 0.2, 0.15, 0.2, 0.05, 0.1, 0.05]
    table["class_label"] = rng.choice(labels, len(table), p=share)
    cs.write_table(table, tmp_path / "cells.csv")
    counts = cs.clean_to([tmp_path / "cells.csv"], tmp_path / "clean.csv", rules)
    opened(browser, cs.read_table(tmp_path / "clean.csv"), tmp_path)
    names = [each.text for each in shown(browser, "#list .name")]
    assert names == ["0", "1", "1|0", "1|7"]
    assert names == sorted(counts["class_label"].unique())
    promise(browser, table)
    write(one(browser, "#filter"), "0|1")  # any spelling finds it
    assert [each.text for each in shown(browser, "#list .name")] == ["1|0"]
    write(one(browser, "#filter"), "")
    for number, text in ((2, "30"), (0, "25"), (1, "45")):
        one(browser, f'#scope option[value="{number}"]').click()
        one(browser, f'.rule-card:not([hidden]) option[value="{kind}"]').click()
        write(one(browser, ".rule-card:not([hidden]) input.lower"), text)
        promise(browser, table)
    before = numbers(browser)
    one(browser, "#use").click()
    one(browser, "#use-download").click()
    wait(browser, lambda _: (browser.downloads / "limits.toml").exists())
    wait(browser, lambda _: (browser.downloads / "limits.toml").stat().st_size > 0)
    shutil.move(browser.downloads / "limits.toml", tmp_path / "limits.toml")
    one(browser, "#use-view .close").click()
    command = ["clean", tmp_path / "cells.csv", "-o", tmp_path / "alone.csv"]
    assert main([*map(str, command), "--rules", str(tmp_path / "limits.toml"), "-q"]) == 0
    assert cs.read_table(tmp_path / "alone.csv")["clean"].sum() == before["kept"]
    assert browser.get_log("browser") == []
    # The next report has the limits alone as rules of their own, and counts by them again.
    opened(browser, cs.read_table(tmp_path / "alone.csv"), tmp_path)
    assert numbers(browser)["kept"] == before["kept"]
    assert [each.text for each in shown(browser, "#list .name")] == names
    promise(browser, table)
    one(browser, "#class-1\\%7C0 .handle.upper").send_keys(Keys.HOME)
    promise(browser, table)


def test_a_histogram_moves_the_limits_of_its_class_if_it_has_some(page: Any, clean: Path) -> None:
    """Dragged, downloaded, and applied by the command of the page: the counts it promised."""
    others = numbers(page, "class-16")
    one(page, "#class-0 .alone input").click()
    handle = one(page, "#class-0 .handle.lower")
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", handle)
    before = numbers(page, "class-0")["cut"]
    ActionChains(page).click_and_hold(handle).move_by_offset(80, 0).release().perform()
    promised = numbers(page)
    assert numbers(page, "class-0")["cut"] > before
    assert numbers(page, "class-16") == others
    assert one(page, "#scope").get_property("value") == "0"
    one(page, "#use").click()
    one(page, "#use-download").click()
    wait(page, lambda _: (page.downloads / "limits.toml").exists())
    wait(page, lambda _: (page.downloads / "limits.toml").stat().st_size > 0)
    rules = clean.with_name("limits.toml")
    shutil.move(page.downloads / "limits.toml", rules)
    new = clean.with_name("alone.csv")
    assert main(["clean", str(clean), "-o", str(new), "--rules", str(rules)]) == 0
    table = cs.read_table(new)
    table["reason"] = table["reason"].str.removeprefix("fraction ")
    assert promised == counted(table)
    one(page, "#use-view .close").click()
    # The next report tells the two rules apart, and moves the one that holds where one drags.
    page.get_log("browser")
    cs.report(new, new.with_name("alone.html"), n=2)
    page.get(new.with_name("alone.html").as_uri())
    of_16 = numbers(page, "class-16")
    assert "where class_label is 0" in every(page, ".rule-card legend")[1].text
    one(page, "#class-0 .handle.lower").send_keys(Keys.HOME)
    assert numbers(page, "class-16") == of_16
    assert numbers(page, "class-0")["cut"] < promised["cut"]


@pytest.fixture(scope="module")
def many_classes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    rng = np.random.default_rng(2)
    table = cells(rng.integers(0, 1000, 70 * 40).tolist())
    table["class_label"] = np.repeat([f'c{k}<&"' for k in range(10, 80)], 40)
    cleaned = cs.clean(table, column="area", lower=0.05, upper=0.95)
    page = tmp_path_factory.mktemp("many") / "page.html"
    cs.report(cleaned, page, column="area")
    return page, cleaned


def test_of_many_classes_the_later_ones_are_built_when_needed(
    browser: Any, many_classes: tuple[Path, pd.DataFrame]
) -> None:
    page, table = many_classes
    browser.get(page.as_uri())
    built = len(every(browser, ".cell"))
    sections = every(browser, "section.class")
    assert len(sections) == 70
    last = sections[-1]
    assert every(last, ".gallery") == []  # so that the page opens at once
    browser.execute_script("arguments[0].scrollIntoView()", last)
    wait(browser, lambda _: len(every(last, ".gallery")) == 3)
    assert one(last, "h2").text == 'Class c79<&"'
    assert len(every(last, ".cell")) > 10
    assert one(last, ".handle").get_attribute("aria-label").endswith('limit of c79<&"')
    assert built < len(every(browser, ".cell")) < 70 * 12
    # A limit of all classes is counted in each of them, built or not.
    write(one(browser, "#lower-0"), "20")
    again = cs.clean(table, column="area", lower=0.2, upper=0.95)
    assert numbers(browser) == counted(again)
    row = 'tr[data-section="{}"] [data-n="kept"]'
    for section in (sections[0], sections[40], last):
        name = str(section.get_attribute("id"))
        rows = again[again["class_label"] == one(section, "h2").text.removeprefix("Class ")]
        there = row.format(name.replace('"', '\\"'))
        kept = str(rows["clean"].sum())
        wait(
            browser,
            lambda _, t=there, kept=kept: one(browser, t).get_property("textContent") == kept,
        )
    # A link to a class that is not built, and the next cell without a mark.
    browser.execute_script("scrollTo(0, 0)")
    browser.get("about:blank")
    browser.get(f"{page.as_uri()}#{sections_id(table, 45)}")
    wait(browser, lambda _: every(every(browser, "section.class")[45], ".gallery"))
    every(browser, "section.class")[45].find_element(By.CSS_SELECTOR, ".open").click()
    every_tile = len(every(browser, "main .cell"))
    assert every_tile > built  # the larger view turns through all of them
    assert one(browser, "#view .position").text.endswith(f"of {every_tile}")
    one(browser, "#view .close").click()
    assert browser.get_log("browser") == []


def sections_id(table: pd.DataFrame, number: int) -> str:
    return "class-" + quote(sorted(table["class_label"].unique())[number], safe="")


def test_of_many_classes_all_are_printed(
    browser: Any, many_classes: tuple[Path, pd.DataFrame]
) -> None:
    browser.get(many_classes[0].as_uri())
    assert len(every(browser, ".gallery")) < 210
    browser.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert len(every(browser, ".gallery")) == 210


def test_the_address_holds_the_state(page: Any) -> None:
    write(one(page, "#lower-0"), "25")
    one(page, '[data-sort="cut"]').click()
    one(page, "#log").click()
    write(one(page, "#filter"), "1")
    counts = numbers(page)
    wait(page, lambda driver: "filter=1" in driver.current_url)
    address = page.current_url
    page.get("about:blank")
    page.get(address)
    assert numbers(page) == counts
    assert one(page, "#lower-0").get_property("value") == "25"
    assert [each.text for each in shown(page, "#list .name")] == ["1", "16"] or [
        each.text for each in shown(page, "#list .name")
    ] == ["16", "1"]
    assert one(page, "#log").is_selected()
    assert one(page, "[aria-sort=descending]").text.startswith("Cut")


def test_a_class_has_a_link_that_stays(page: Any, clean: Path) -> None:
    page.get(clean.with_name("report.html").as_uri() + "#class-16")
    top = one(page, "#class-16").rect["y"] - page.execute_script("return scrollY")
    assert -5 < top < 100


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
    assert one(view, ".position").text.startswith("1 of ")
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
    tiles = {int(tile.get_attribute("data-cell")): tile for tile in every(page, ".cell")}
    dropped = next(k for k in tiles if not cells[k]["clean"])
    kept = next(k for k in tiles if cells[k]["clean"])
    one(tiles[dropped], '[data-mark="keep"]').click()
    assert one(tiles[dropped], ".verdict").text == "kept"
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", tiles[kept])
    one(tiles[kept], ".open").click()  # the other one by keyboard, in the larger view
    view = one(page, "#view")
    one(view, ".close").send_keys("d")  # which goes on to the next
    one(view, ".close").send_keys(Keys.ARROW_LEFT)
    assert one(view, '[data-mark="drop"]').get_attribute("aria-pressed") == "true"
    assert one(view, ".said").text == "dropped by hand; kept before"
    one(view, ".close").click()
    last = tiles[max(tiles)]
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", last)
    one(last, '[data-mark="drop"]').click()
    one(last, '[data-mark="drop"]').click()  # a second time takes it back
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


def test_two_hundred_cells_are_reviewed_by_keyboard(browser: Any, tmp_path: Path) -> None:
    """All cells beyond the limits can be reached; K and D go on, U takes back, N skips."""
    table = cs.clean(cells(list(range(400))), column="area", lower=0.1, upper=0.9)
    opened(browser, table, tmp_path)
    low = one(browser, ".gallery.low")
    assert len(shown(low, ".cell")) == 8
    assert one(low, ".reviewed").text == "0 of 80 marked"  # 40 below the limit, and kept ones near
    one(low, ".open").send_keys("d")
    active = lambda: browser.switch_to.active_element.find_element(By.XPATH, "..")  # noqa: E731
    assert active() == every(low, ".cell")[1]
    active().find_element(By.CSS_SELECTOR, ".open").send_keys("k")
    assert [each.get_attribute("data-marked") or "" for each in every(low, ".cell")[:3]] == [
        "drop",
        "keep",
        "",
    ]
    assert one(low, ".reviewed").text == "2 of 80 marked"
    browser.switch_to.active_element.send_keys("u")
    assert active() == every(low, ".cell")[1]
    assert one(low, ".reviewed").text == "1 of 80 marked"
    browser.switch_to.active_element.send_keys(Keys.HOME)
    browser.switch_to.active_element.send_keys("n")
    assert active() == every(low, ".cell")[1]
    # On and on: through the rest of the gallery, and into the next.
    browser.switch_to.active_element.send_keys("k" * 7 + "n")
    assert len(shown(low, ".cell")) == 80
    browser.switch_to.active_element.send_keys("k" * 71 + "n")
    assert one(low, ".reviewed").text == "79 of 80 marked"
    shown_values = {one(each, ".value").text for each in every(low, ".cell")}
    assert {str(value) for value in range(40)} <= shown_values
    browser.execute_script("localStorage.clear()")


def test_a_gallery_is_one_tab_stop(page: Any) -> None:
    for row in every(page, ".row"):
        stops = [each for each in every(row, "button") if each.get_attribute("tabindex") != "-1"]
        assert len(stops) == 1
    first = every(page, ".row")[0]
    one(first, ".open").send_keys(Keys.ARROW_RIGHT)
    assert page.switch_to.active_element == every(first, ".open")[1]
    assert every(first, ".open")[0].get_attribute("tabindex") == "-1"
    page.switch_to.active_element.send_keys(Keys.END)
    assert page.switch_to.active_element == every(first, ".open")[-1]


def test_marks_are_imported_or_refused(page: Any, clean: Path, tmp_path: Path) -> None:
    table = cs.read_table(clean)
    row = table[table["reason"] == "low"].iloc[0]
    columns = ["image_id", "label", "min_row", "min_col", "max_row", "max_col"]
    marks = row[columns].to_frame().T.assign(mark="keep")
    marks.to_csv(tmp_path / "marks.csv", index=False)
    box = page.execute_script(
        "const i = document.querySelector('#import-file'); i.hidden = false; return i"
    )
    before = numbers(page)
    box.send_keys(str(tmp_path / "marks.csv"))
    wait(page, lambda _: one(page, "#imported").text == "1 marks imported.")
    assert numbers(page)["kept"] == before["kept"] + 1
    assert numbers(page)["cut"] == before["cut"] - 1
    marks.assign(max_row=marks["max_row"] + 3).to_csv(tmp_path / "other.csv", index=False)
    box.send_keys(str(tmp_path / "other.csv"))
    wait(page, lambda _: "another segmentation" in one(page, "#imported").text)


# ---- pictures ----


def test_pictures_switch_between_channels_and_what_was_measured(page: Any) -> None:
    stack = one(page, ".stack")
    assert [each.is_displayed() for each in every(stack, ".plane")] == [True] * 3
    assert not one(stack, ".above").is_displayed()
    assert one(stack, ".outline").is_displayed()
    one(page, "#show-measured").click()
    assert [each.is_displayed() for each in every(stack, ".plane")] == [False, True, False]
    assert one(stack, ".above").is_displayed()
    one(page, "#show-measured").click()
    one(page, "#plane-0").click()
    assert [each.is_displayed() for each in every(stack, ".plane")] == [False, True, True]
    colour = one(stack, ".plane-1").value_of_css_property("background-color")
    one(page, '#palette option[value="gray"]').click()
    assert one(stack, ".plane-1").value_of_css_property("background-color") != colour
    one(page, "#show-outline").click()
    assert not one(stack, ".outline").is_displayed()
    wait(page, lambda driver: "show-outline" in driver.current_url)
    address = page.current_url
    page.get("about:blank")
    page.get(address)
    assert not one(page, ".stack .outline").is_displayed()
    assert not one(page, ".stack .plane-0").is_displayed()


def test_cells_at_one_scale_with_a_bar(page: Any) -> None:
    def width(stack: Any) -> float:
        size = stack.size
        return max(size["width"], size["height"])

    stacks = every(page, ".stack")[:8]
    assert len({round(width(each)) for each in stacks}) == 1
    assert not one(page, ".open .bar").is_displayed()
    one(page, "#same-scale").click()
    per_pixel = []
    for each in stacks:
        pixels = page.execute_script(
            "return ['--w', '--h'].map((name) => +arguments[0].style.getPropertyValue(name))", each
        )
        per_pixel.append(width(each) / max(pixels))
    assert max(per_pixel) - min(per_pixel) < 0.15 * max(per_pixel)  # up to rounding
    assert one(page, ".open .bar").is_displayed()
    assert "pixels" in page.find_element(By.XPATH, "//label[@for='same-scale']").text


def test_the_larger_view_shows_where_the_cell_lies(page: Any, clean: Path) -> None:
    every(page, ".cell .open")[0].click()
    view = one(page, "#view")
    wait(page, lambda _: one(view, ".where").is_displayed())
    assert "In its image of 160 \u00d7 160 pixels" in one(view, ".where").text
    fields = {one(row, "dt").text: one(row, "dd").text for row in every(view, ".fields div")}
    place = one(view, ".box-in-map").get_attribute("style")
    top = float(re.search(r"top: ([\d.]+)%", place)[1]) / 100 * 160  # type: ignore[index]
    assert 0 <= int(fields["min_row"]) - top < 10
    one(view, ".close").click()


@pytest.fixture
def large_cells(tmp_path: Path) -> Path:
    """Three cells, of which two are larger than the pictures of the galleries."""
    rng = np.random.default_rng(4)
    pixels = rng.integers(0, 200, (1100, 1100), dtype=np.uint8)
    mask = np.zeros((1100, 1100), np.uint16)
    for label, (first, side) in enumerate(((10, 700), (720, 340), (1085, 10)), 1):
        mask[first : first + side, first : first + side] = label
    np.save(tmp_path / "mask.npy", mask)
    np.save(tmp_path / "green.npy", pixels)
    images = cs.ImageSet.from_table(
        pd.DataFrame({"image_id": ["a"], "path_mask": ["mask.npy"], "path_green": ["green.npy"]}),
        root=tmp_path,
    )
    cs.measure_to(images, tmp_path / "cells.csv", "green", progress=False)
    return tmp_path / "cells.csv"


def test_the_larger_view_has_pixels_of_its_own(
    browser: Any, large_cells: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them, or one in two of the large ones, which it says."""

    def of_view(page: Path) -> dict[str, tuple[list[int], str]]:
        browser.get(page.as_uri())
        browser.get_log("browser")
        every(browser, ".cell .open")[0].click()
        view = one(browser, "#view")
        found = {}
        for _ in range(3):
            layers = every(view, ".large img")
            wait(browser, lambda _, these=layers: all(e.get_property("complete") for e in these))
            sizes = [int(each.get_property("naturalWidth")) for each in layers]
            found[one(view, "#view-title").text] = sizes, one(view, ".where figcaption").text
            one(view, ".next").click()
        return found

    cs.report(large_cells, large_cells.with_name("page.html"))
    found = of_view(large_cells.with_name("page.html"))
    window = 10 + 700 + 57  # the cell, and what is around it
    sizes, said = found["Cell 1 of a"]
    assert len(sizes) == 3
    assert {abs(size - window / 2) < 1 for size in sizes} == {True}
    assert said.endswith(f"shows {window} \u00d7 {window} of them, shown at 1/2.")
    window = 28 + 340 + 28
    sizes, said = found["Cell 2 of a"]
    assert set(sizes) == {window}  # each pixel
    assert said.endswith(", each as it is.")
    assert found["Cell 3 of a"][1].endswith(", each as it is.")
    # Where there is no room for it, the small picture is what there is, and that is said.
    monkeypatch.setattr("cellsieve.look.report.cells.FULL_SHARE", 0)
    cs.report(large_cells, large_cells.with_name("small.html"))
    sizes, said = of_view(large_cells.with_name("small.html"))["Cell 1 of a"]
    assert set(sizes) == {320}
    assert "shown at 1/2.4. This page has room for larger pictures of 0 of its cells" in said


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
    over = page.execute_script(  # values and verdicts stay within their cell
        "return [...document.querySelectorAll('.cell figcaption')]"
        ".filter((each) => each.scrollWidth > each.clientWidth + 1).length"
    )
    assert over == 0
    page.set_window_size(1300, 900)


def test_no_line_of_a_heading_begins_with_a_separator(page: Any) -> None:
    """The point between two reasons is cut off where the second begins a line."""
    page.set_window_size(500, 900)
    for width in range(500, 100, -20):
        page.execute_script("document.body.style.width = `${arguments[0]}px`", width)
        found = page.execute_script(
            "const numbers = document.querySelector('#class-0 .numbers');"
            "const left = numbers.getBoundingClientRect().left;"
            "return [...numbers.querySelectorAll('.reason')]"
            ".filter((each) => each.getBoundingClientRect().left - left < 1)"
            ".map((each) => getComputedStyle(each, '::before'))"
            ".map((point) => [parseFloat(point.left), point.position])"
        )
        if found:
            break
    page.set_window_size(1300, 900)
    assert found
    assert all(left < -5 and position == "absolute" for left, position in found)
    assert one(page, "#class-0 .numbers").value_of_css_property("overflow-x") == "clip"


@pytest.mark.parametrize("width", [1300, 375])
def test_verdicts_and_reasons_stay_within_their_cell(page: Any, clean: Path, width: int) -> None:
    page.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False},
    )
    try:
        dropped = shown(page, "#class-0 [data-verdict=drop]")
        assert {one(each, ".because").text for each in dropped} == {"too low", "too high"}
        assert not [each for each in shown(page, "[data-verdict=keep]") if every(each, ".because")]
        write(one(page, "#lower-0"), "40")
        words = [each.text for each in shown(page, "#class-0 .changes .verdict")]
        assert set(words) == {"would be dropped"}
        assert not shown(page, ".changes .because")  # the reason was that of the verdict before
        over = page.execute_script(
            "return [...document.querySelectorAll('.cell figcaption')]"
            ".filter((each) => each.checkVisibility() && each.scrollWidth > each.clientWidth)"
            ".length"
        )
        assert over == 0
        broken = page.execute_script(  # a name and its number stand in one line
            "return [...document.querySelectorAll('#class-0 .facts div')].filter((each) => {"
            "const [name, value] = [...each.children].map((one) => one.getClientRects());"
            "return name.length !== 1 || value.length !== 1 || name[0].top !== value[0].top"
            " || name[0].right > value[0].left || value[0].height > 1.5 * name[0].height})"
            ".map((each) => each.textContent)"
        )
        assert broken == []
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_it_can_be_used_by_keyboard_from_the_top(page: Any) -> None:
    one(page, "body").send_keys(Keys.TAB)
    assert page.switch_to.active_element.text == "Skip to the contents"
    unnamed = page.execute_script(
        "return [...document.querySelectorAll('button, input:not([hidden]), select, a')]"
        ".filter(e => !(e.getAttribute('aria-label') || e.textContent.trim()"
        " || e.labels?.length)).length"
    )
    assert unnamed == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", ["page", "larger view", "use these limits", "narrow"])
def test_axe_finds_nothing_serious(page: Any, scheme: str, state: str) -> None:
    page.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
    )
    try:
        if state == "narrow":
            page.set_window_size(500, 900)
        elif state != "page":
            every(page, ".open" if state == "larger view" else "#use")[0].click()
            wait(page, lambda _: shown(page, "dialog"))
        assert serious_findings(page) == []
    finally:
        page.set_window_size(1300, 900)
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_targets_are_large_enough_to_hit(page: Any) -> None:
    """24 pixels, as WCAG 2.2 asks; links within a line of text are exempt."""
    small = page.execute_script(
        "return [...document.querySelectorAll('button, select, input, .handle, summary')]"
        ".filter(e => e.checkVisibility()).map(e => [e.outerHTML.slice(0, 80), "
        "(e.closest('label.check') ?? e).getBoundingClientRect()])"
        ".filter(([, box]) => box.width < 24 || box.height < 24).map(([html]) => html)"
    )
    assert small == []


def test_rules_that_can_not_be_moved_are_named(browser: Any, tmp_path: Path) -> None:
    tiny = cs.Rule(
        *("area", -1.5, None),
        kind="zscore",
        name="tiny",
        also=[cs.Rule("label", 90, None, kind="value")],
    )
    rules = [cs.Rule("area", 0.1, 0.9), tiny]
    table = cells(list(range(100)))
    opened(browser, cs.clean(table, rules=rules), tmp_path)
    assert len(every(browser, ".rule-card")) == 1
    said = one(browser, ".side").text
    assert "stay as they are: tiny: area at most 1.5 standard deviations below the mean" in said
    write(one(browser, "#lower-0"), "20")  # which still holds beside the limits that are tried
    moved = cs.clean(table, rules=[cs.Rule("area", 0.2, 0.9), rules[1]])
    assert numbers(browser)["kept"] == moved["clean"].sum()


def test_plates_are_printed_without_what_needs_a_pointer(browser: Any, tmp_path: Path) -> None:
    wells = pd.DataFrame({"id_code": ["E_1_B02"], "sirna": [5], "confidence": [0.9]})
    cs.report(wells.assign(runner_up=1, margin=0.5), tmp_path / "page.html")
    browser.get((tmp_path / "page.html").as_uri())
    assert shown(browser, ".pointing")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert shown(browser, ".plates svg")
        assert not shown(browser, ".pointing, .plates .well")
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_it_prints_all_cells_and_no_controls(page: Any) -> None:
    page.execute_script("document.querySelector('#images').open = true")
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert not one(page, "#filter").is_displayed()
    assert not one(page, "#lower-0").is_displayed()
    assert not shown(page, ".alone, .pointing")
    scroll = one(page, "#images .scroll")  # every row of it
    assert scroll.get_property("scrollHeight") <= scroll.get_property("clientHeight") + 1
    # What a PDF can blend: else it shows the last channel alone.
    assert one(page, ".plane").value_of_css_property("mix-blend-mode") == "screen"
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
    write(one(browser, "#lower-0"), "3")
    assert "holds no cells" in one(browser, "body").text
    assert browser.get_log("browser") == []


def test_a_well_is_read_by_pointer_and_by_key(browser: Any, tmp_path: Path) -> None:
    wells = pd.DataFrame(
        {"id_code": ["E_1_B02", "E_1_B03", "E_1_H12"], "sirna": [5, 6, 7],
         "confidence": [0.95, 0.0, np.nan], "runner_up": 1, "margin": 0.5}
    )  # fmt: skip
    truth = pd.DataFrame({"id_code": ["E_1_B02", "E_1_B03"], "sirna": [5, 9]})
    cs.report(wells, tmp_path / "page.html", truth=truth)
    browser.get((tmp_path / "page.html").as_uri())
    plate, said = one(browser, ".plates svg"), one(browser, ".plates .well")
    path = every(browser, ".plates path.keep")[-1]  # the well of the highest confidence
    ActionChains(browser).move_to_element(path).perform()
    assert said.text == "B2: 0.95, right"
    browser.execute_script("arguments[0].focus()", plate)
    ActionChains(browser).send_keys(Keys.RIGHT).perform()
    assert said.text == "B3: 0, wrong"
    ActionChains(browser).send_keys(Keys.RIGHT).perform()
    assert said.text == "B4: no well"
    ActionChains(browser).send_keys(Keys.DOWN * 10 + Keys.RIGHT * 20).perform()
    assert said.text == "H12: no confidence"
    assert serious_findings(browser) == []


SET = """
for (const [name, value] of Object.entries(arguments[0])) {
  const input = document.getElementById(`brush-${name}`);
  input.value = value;
  input.dispatchEvent(new Event("input"));
}
"""


@pytest.mark.parametrize("judged", [True, False], ids=["cleaned", "not cleaned"])
def test_a_brush_becomes_two_rules_that_clean_to_what_it_promised(
    browser: Any, tmp_path: Path, judged: bool
) -> None:
    rng = np.random.default_rng(3)
    area = rng.integers(1, 300, 400)  # many ties
    table = cells(list(area), width=np.round(area * rng.lognormal(size=400), 3))
    table.loc[:9, "width"] = np.nan
    if judged:
        table = cs.clean(table, column="area", lower=0.1, upper=0.9)
    table.to_parquet(tmp_path / "table.parquet")
    cs.report(tmp_path / "table.parquet", tmp_path / "page.html", column="area", n=60)
    browser.get((tmp_path / "page.html").as_uri())
    one(browser, "#scatter > summary").click()
    assert not one(browser, "#brush-use").is_enabled()
    browser.execute_script(SET, {"x-from": 3, "x-to": 31, "y-from": 8, "y-to": 33})
    said = one(browser, "#brush-said").text
    inside = int(re.match(r"(\d+) cells inside", said)[1])  # type: ignore[index]
    assert 50 < inside < 390
    crops = every(browser, "#brushed .cell")
    assert len(crops) == min(48, int(re.search(r"(\d+) of them are on", said)[1]))  # type: ignore[index]
    crops[0].find_element(By.CSS_SELECTOR, ".open").click()
    assert one(browser, "#view").is_displayed()
    one(browser, "#view .close").click()
    one(browser, "#brush-use").click()
    promised = int(one(browser, "#use-promise").text.split()[0])
    one(browser, "#use-download").click()
    wait(browser, lambda _: (browser.downloads / "limits.toml").exists())
    wait(browser, lambda _: (browser.downloads / "limits.toml").stat().st_size > 0)
    shutil.move(browser.downloads / "limits.toml", tmp_path / "limits.toml")
    words = ["clean", str(tmp_path / "table.parquet"), "-o", str(tmp_path / "new.parquet")]
    assert main([*words, "--rules", str(tmp_path / "limits.toml")]) == 0
    new = cs.read_table(tmp_path / "new.parquet")
    assert new["clean"].sum() == promised
    if not judged:
        assert promised == inside
    rules = cs.read_rules(tmp_path / "limits.toml")
    assert [rule.column for rule in rules[-2:]] == ["area", "width"]
    assert len(rules) == 2 + judged
    assert browser.get_log("browser") == []


def test_a_brush_is_drawn_and_what_is_hidden_cannot_be_had(page: Any) -> None:
    one(page, "#scatter > summary").click()
    plot = one(page, "#scatter .ground")
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", plot)
    ActionChains(page).move_to_element_with_offset(plot, -60, -60).click_and_hold().move_by_offset(
        100, 120
    ).release().perform()
    box = one(page, "#scatter .brush")
    assert 90 < float(str(box.get_attribute("width"))) < 140
    ends = [int(one(page, f"#brush-x-{end}").get_property("value")) for end in ("from", "to")]
    assert 0 < ends[0] < ends[1] < 40
    one(page, "#scatter-y option:nth-child(1)").click()  # the same as across: the other gives way
    assert one(page, "#scatter-x").get_property("value") == "1"
    assert serious_findings(page) == []


def test_images_are_sorted_by_any_column(page: Any) -> None:
    one(page, "#images > summary").click()

    def column(k: int) -> list[float]:
        cells_of = every(page, f"#images tbody tr > :nth-child({k})")
        return [float(str(each.get_attribute("data-value"))) for each in cells_of]

    assert column(5) == sorted(column(5), reverse=True)  # the share cut
    headings = every(page, "#images th button")
    threshold = 1 + [each.text for each in headings].index("threshold")
    headings[threshold - 1].click()
    assert column(threshold) == sorted(column(threshold), reverse=True)
    one(page, f"#images th:nth-child({threshold}) button").click()
    assert column(threshold) == sorted(column(threshold))
    drawn = every(page, ".fields-drawn img")
    assert drawn
    assert all(each.get_property("naturalWidth") > 100 for each in drawn)
    assert serious_findings(page) == []


def test_a_notebook_shows_the_page_itself(browser: Any, clean: Path, tmp_path: Path) -> None:
    made = cs.report(clean, tmp_path / "page.html", n=2)
    assert made.path == tmp_path / "page.html"
    (tmp_path / "notebook.html").write_text(made._repr_html_(), "utf-8")
    made.path.unlink()  # what a notebook keeps needs no file
    browser.get((tmp_path / "notebook.html").as_uri())
    browser.get_log("browser")
    browser.switch_to.frame(one(browser, "iframe"))
    before = numbers(browser)["kept"]
    write(one(browser, "#lower-0"), "40")
    assert numbers(browser)["kept"] < before
    one(browser, "#classes .name").click()
    wait(browser, lambda _: shown(browser, "section.class"))
    browser.switch_to.default_content()
    assert browser.get_log("browser") == []
