"""The report: what is on the page, what it says when something is missing, and what it can't do."""

import base64
import hashlib
import io
import json
import re
import sys
from collections import Counter
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage

import cellsieve as cs
from cellsieve.cli import main
from cellsieve.look import views
from cellsieve.look.report.bins import Axis, nice_step
from cellsieve.look.report.page import as_json, percent
from cellsieve.look.report.sections import sections_of
from cellsieve.look.views import Look, draw_cell, drawn, edge, pictures
from cellsieve.schema.verdicts import remembered

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{ 7*7 }}"


class Page(HTMLParser):
    """The elements of a page and its text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.inside = ""
        self.scripts: list[str] = []
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.inside = tag
        if self.tags[-1] == ("script", {"type": "text/html", "class": "later"}):
            self.inside = "later"  # text that the page builds sections of when they come near
        elif tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside == "script":
            self.scripts[-1] += data
        elif self.inside not in ("style", "later"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))

    @property
    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.scripts[0])
        return found

    def of(self, tag: str, name: str) -> list[dict[str, str | None]]:
        return [attrs for each, attrs in self.tags if each == tag and attrs.get("class") == name]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    images = cs.make_demo_set(folder, size=160)
    cs.measure_to(images, folder / "cells.csv", "green", progress=False)
    cs.clean_to([folder / "cells.csv"], folder / "clean.csv", [cs.Rule(lower=0.1, upper=0.9)])
    return folder


@pytest.fixture(scope="module")
def page(demo: Path) -> Page:
    cs.report(demo / "clean.csv", demo / "report.html", n=4)
    return Page(demo / "report.html")


def rows(fractions: list[float], **columns: Any) -> pd.DataFrame:
    """A cleaned cell table without images."""
    table = pd.DataFrame(
        {
            "image_id": "a",
            "class_label": pd.Series("0", index=range(len(fractions)), dtype="str"),
            "label": range(1, len(fractions) + 1),
            **dict.fromkeys(("min_row", "min_col"), 0),
            **dict.fromkeys(("max_row", "max_col"), 4),
            "fraction": pd.Series(fractions, dtype="float64"),
        }
    )
    return cs.clean(table, lower=0.1, upper=0.9).assign(**columns)


def written(table: Any, tmp_path: Path, **options: Any) -> Page:
    cs.report(table, tmp_path / "page.html", overwrite=True, **options)
    return Page(tmp_path / "page.html")


# ---- the page as a whole ----


def test_the_page_asks_for_nothing(page: Page) -> None:
    for tag, attrs in page.tags:
        for name in ("src", "href", "srcset", "action", "poster"):
            if attrs.get(name) is not None:
                assert re.match(r"data:|#", str(attrs[name])), (tag, attrs)
    styles = re.search(r"<style>(.*?)</style>", page.source, flags=re.S)
    assert styles
    assert "url(" not in styles[1]
    assert "@import" not in styles[1]
    [policy] = [attrs for tag, attrs in page.tags if "http-equiv" in attrs]
    digest = base64.b64encode(hashlib.sha256(page.scripts[1].encode()).digest()).decode()
    assert str(policy["content"]).startswith("default-src 'none'; img-src data:")
    assert f"script-src 'sha256-{digest}'" in str(policy["content"])
    assert len(page.scripts) == 2


def test_it_opens_with_what_was_decided(page: Page, demo: Path) -> None:
    clean = cs.read_table(demo / "clean.csv")
    kept = int(clean["clean"].sum())
    assert f"Images 12 1 failed Cells {len(clean)}" in page.text
    assert f"Kept {kept}" in page.text
    cut = int(clean["reason"].isin(["low", "high"]).sum())
    assert f"Cut by limits {cut}" in page.text
    assert f"Not judged {len(clean) - kept - cut}" in page.text
    for reason, said in (("low", "too low"), ("high", "too high"), ("multi_label", "several")):
        assert re.search(rf"{said}\D* {(clean['reason'] == reason).sum()} ", page.text)
    assert "demo-11 no_mask no mask for this image" in page.text


def test_a_section_a_class_in_natural_order(page: Page) -> None:
    links = [str(attrs["href"]) for attrs in page.of("a", "name")]
    assert links == ["#class-0", "#class-1", "#class-16", "#cells-several"]
    assert [f"#{attrs['id']}" for attrs in page.of("section", "class")] == links


def test_galleries_show_cells_of_their_band_by_value(page: Page, demo: Path) -> None:
    clean = cs.read_table(demo / "clean.csv").set_index(["image_id", "label"])
    cells = page.data["cells"]
    assert len(cells) == len({(cell["image_id"], cell["label"]) for cell in cells})
    rows: list[list[dict[str, Any]]] = []
    for _, attrs in page.tags:
        if attrs.get("class") == "row":
            rows.append([])
        elif attrs.get("class") == "cell" and len(rows[-1]) < 4:  # those shown at first
            rows[-1].append(cells[int(str(attrs["data-cell"]))])
    for start in range(0, 9, 3):  # three classes of low, middle, high
        low, middle, high = rows[start : start + 3]
        for gallery in (low, middle, high):
            values = [cell["value"] for cell in gallery]
            assert values == sorted(values)
        reasons = [
            [clean.loc[(cell["image_id"], cell["label"]), "reason"] for cell in gallery]
            for gallery in (low, middle, high)
        ]
        assert "low" in reasons[0]
        assert reasons[1] == [""] * 4 or pd.isna(reasons[1]).all()
        assert "high" in reasons[2]
        assert "low" not in reasons[2]


def pictures_in(page: Page, name: str) -> list[Any]:
    """The pictures of a layer, in the order of the page."""
    found = []
    for (_, before), (tag, attrs) in zip(page.tags, page.tags[1:], strict=False):
        own = attrs.get("class") or before.get("class")  # channels stand in an element of theirs
        if tag == "img" and name in str(own).split():
            kind, _, encoded = str(attrs["src"]).partition("base64,")
            assert kind == "data:image/webp;"
            found.append(np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded)))))
    return found


def test_pictures_are_layers_that_lie_on_each_other(page: Page) -> None:
    cells = page.data["cells"]
    for name in ("plane-0", "plane-1", "plane-2", "outline", "above"):
        assert len(pictures_in(page, name)) == len(cells)
    for plane, outline in zip(
        pictures_in(page, "plane-0"), pictures_in(page, "outline"), strict=True
    ):
        assert outline.shape[2] == 4
        assert 0 < (outline[:, :, 3] > 0).mean() < 0.5  # a line, and see-through elsewhere
        assert plane.shape[0] / plane.shape[1] == outline.shape[0] / outline.shape[1]


def test_the_pixels_above_the_threshold_are_marked(page: Page, demo: Path) -> None:
    """As many as were counted, where the picture has a pixel for each of the image."""
    clean = cs.read_table(demo / "clean.csv").set_index(["image_id", "label"])
    order = [int(str(attrs["data-cell"])) for _, attrs in page.tags if "data-cell" in attrs]
    whole = 0
    for index, above in zip(order, pictures_in(page, "above"), strict=True):
        cell = page.data["cells"][index]
        if cell["place"][2] == 1:
            whole += 1
            marked = (above[:, :, 3] > 0).sum()
            assert marked == clean.loc[(cell["image_id"], cell["label"]), "area_above"]
    assert whole > 10


def test_another_measured_channel_is_a_layer_of_its_own(demo: Path, tmp_path: Path) -> None:
    page = written(demo / "clean.csv", tmp_path, channels=["red", "blue"])
    cells = page.data["cells"]
    assert len(pictures_in(page, "extra")) == len(cells) == len(pictures_in(page, "above"))
    area = written(demo / "clean.csv", tmp_path, column="area")
    assert not pictures_in(area, "above")
    with pytest.raises(ValueError, match="pixel_size: found 0"):
        written(demo / "clean.csv", tmp_path, pixel_size=0)
    assert "µm" in written(demo / "clean.csv", tmp_path, pixel_size=0.1).text


def test_the_page_says_what_the_measure_is(demo: Path, tmp_path: Path) -> None:
    assert "area: number of pixels (len(rows)); from the mask alone" in written(
        demo / "clean.csv", tmp_path, column="area"
    ).text  # fmt: skip
    mine = cs.read_table(demo / "clean.csv").assign(mine=1.0)
    images = demo / "clean.images.csv"
    page = written(mine, tmp_path, column="mine", images=images)
    assert "mine is a column of the table; cellsieve has no formula for it" in page.text
    red = mine.rename(columns={"fraction": "fraction_red"})
    page = written(red, tmp_path, column="fraction_red", images=images)
    assert "(area_above / area); channel red;" in page.text


def test_a_cell_can_be_reached_and_heard(page: Page) -> None:
    buttons = [attrs["aria-label"] for attrs in page.of("button", "open")]
    cell = page.data["cells"][0]
    assert f"Cell {cell['label']} of image {cell['image_id']}, fraction" in str(buttons[0])
    assert "dropped (too low)" in str(buttons[0])
    assert all(
        attrs.get("aria-label") or attrs.get("aria-hidden")
        for tag, attrs in page.tags
        if tag == "svg"
    )
    ids = [str(attrs["id"]) for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    for tag, attrs in page.tags:
        if tag == "label":
            assert attrs["for"] in ids


def test_the_same_table_gives_the_same_bytes(demo: Path, tmp_path: Path) -> None:
    options = {"title": "x", "images": demo / "clean.images.csv", "jobs": 2}
    first = written(demo / "clean.csv", tmp_path, **options)
    again = written(demo / "clean.csv", tmp_path, **options)
    other = written(demo / "clean.csv", tmp_path, seed=1, **options)
    assert first.source == again.source
    assert first.source != other.source


def test_each_image_is_decoded_once(demo: Path, tmp_path: Path, monkeypatch: Any) -> None:
    opened: Counter[str] = Counter()
    for name in ("read_image", "read_mask"):
        read = getattr(views, name)
        monkeypatch.setattr(
            views,
            name,
            lambda path, read=read, **how: (opened.update([str(path)]), read(path, **how))[1],
        )
    page = written(demo / "clean.csv", tmp_path)
    images = {cell["image_id"] for cell in page.data["cells"]}
    assert len(opened) == 4 * len(images)  # three colours and the mask
    assert set(opened.values()) == {1}


# ---- what is missing, hostile or odd ----


def test_hostile_text_shows_as_text(tmp_path: Path) -> None:
    table = rows(list(np.linspace(0, 1, 30))).assign(
        image_id=HOSTILE, class_label=HOSTILE, **{HOSTILE: HOSTILE}
    )
    images = pd.DataFrame(
        {
            "image_id": [HOSTILE, "b"],
            "path_mask": HOSTILE,
            "path_green": HOSTILE,
            "channel": "green",
            "status": ["measured", HOSTILE],
            "error": HOSTILE,
            "warning": HOSTILE,
        }
    )
    page = written(table, tmp_path, images=images, title=HOSTILE)
    assert len(page.scripts) == 2
    assert not [attrs for tag, attrs in page.tags if attrs.get("src") or "onerror" in attrs]
    assert HOSTILE in "".join(page.words)
    assert page.data["cells"][0]["image_id"] == HOSTILE
    assert "49" not in page.of("section", "class")[0].values()


def test_json_can_not_leave_its_element() -> None:
    text = as_json({"a": "</script><!--&\u2028"})
    assert not re.search(r"[<>&\u2028]", text)
    assert json.loads(text) == {"a": "</script><!--&\u2028"}
    with pytest.raises(ValueError, match="JSON"):
        as_json(float("nan"))


def test_a_file_that_is_gone_is_said_in_its_place(demo: Path, tmp_path: Path) -> None:
    images = cs.read_image_table(demo / "clean.images.csv")
    images.loc[images["image_id"] == "demo-00", "path_mask"] = str(tmp_path / "gone.npz")
    page = written(demo / "clean.csv", tmp_path, images=images)
    images.to_csv(tmp_path / "images.csv", index=False)
    command = ["report", str(demo / "clean.csv"), "--image-table", str(tmp_path / "images.csv")]
    assert main([*command, "-q", "-o", str(tmp_path / "again.html")]) == 1
    of_it = sum(cell["image_id"] == "demo-00" for cell in page.data["cells"])
    assert of_it > 0
    # Once in full, with a way out; in every tile, and in the place of the whole image, in short,
    # since a path is cut off there.
    assert page.text.count("gone.npz: No such file or directory") == 1
    assert page.text.count("No such file or directory") == 2 + of_it
    assert f"{of_it} of the {len(page.data['cells'])} cells shown have no picture" in page.text
    assert "--moved OLD=NEW" in page.text


def test_files_that_were_moved_are_found(demo: Path, tmp_path: Path) -> None:
    images = cs.read_image_table(demo / "clean.images.csv")
    elsewhere = images.replace(f"^{re.escape(str(demo))}", "/gone", regex=True)
    elsewhere.to_csv(tmp_path / "images.csv", index=False)
    command = ["report", str(demo / "clean.csv"), "--image-table", str(tmp_path / "images.csv")]
    command += ["-q", "-o", str(tmp_path / "page.html"), "--overwrite"]
    assert main(command) == 1
    assert main([*command, "--moved", f"/gone={demo}"]) == 0
    assert main([*command, "--moved", "/nowhere=/else"]) == 2


def test_a_channel_that_one_image_lacks_is_left_out(demo: Path, tmp_path: Path) -> None:
    images = cs.read_image_table(demo / "clean.images.csv")
    images.loc[images["image_id"] == "demo-00", "path_red"] = None
    page = written(demo / "clean.csv", tmp_path, images=images)
    assert len(pictures_in(page, "outline")) == len(page.data["cells"])
    asked = written(demo / "clean.csv", tmp_path, images=images, channels=["red"])
    assert "image demo-00: has no channel red" in asked.text


def test_a_mask_that_changed_is_said(demo: Path, tmp_path: Path) -> None:
    clean = cs.read_table(demo / "clean.csv").head(1).assign(label=999)
    page = written(clean, tmp_path, images=demo / "clean.images.csv")
    assert "no cell 999 in its box; has the mask changed?" in page.text


def test_without_an_image_table_there_are_numbers(tmp_path: Path) -> None:
    page = written(rows(list(np.linspace(0, 1, 30))), tmp_path)
    assert "There is no image table beside the cell table" in page.text
    assert "30 cells" in page.text


def test_an_empty_table(tmp_path: Path) -> None:
    page = written(rows([]), tmp_path)
    assert "The table holds no cells." in page.text
    assert not page.of("section", "class")


def test_one_cell(tmp_path: Path) -> None:
    page = written(rows([0.5]), tmp_path)
    assert "1 cell " in page.text
    assert len(page.data["cells"]) == 1


def test_all_cells_dropped(tmp_path: Path) -> None:
    page = written(rows([0.1, 0.2, 0.3]), tmp_path)  # a group too small
    assert "Every cell was dropped" in page.text
    assert "group too small 3 100 %" in page.text


def test_fractions_that_are_nan(tmp_path: Path) -> None:
    page = written(rows([np.nan, *np.linspace(0, 1, 29)]), tmp_path)
    assert "1 of 30 cells have no value" in page.text
    nothing = written(rows([np.nan] * 30), tmp_path)
    assert "No cell here has a value for fraction" in nothing.text
    assert "NaN" not in nothing.scripts[0]


def test_a_table_that_was_not_cleaned(tmp_path: Path) -> None:
    table = rows(list(np.linspace(0, 1, 30)))[
        ["image_id", "class_label", "label", "fraction", "min_row", "min_col", "max_row", "max_col"]
    ]
    page = written(table, tmp_path)
    assert "The table has not been cleaned" in page.text
    assert "Lower limit none" in page.text
    without = written(table.drop(columns="class_label"), tmp_path)
    assert "All cells" in without.text


def test_cells_of_several_and_of_no_class_have_their_sections() -> None:
    table = rows(list(np.linspace(0, 1, 40)))
    table["class_label"] = np.repeat(["0", "10", "2", "0|2"], 10)
    table.loc[5, "class_label"] = None
    cleaned = cs.clean(table, lower=0.1, upper=0.9, min_group=5)
    assert [(name, kind) for name, kind, _ in sections_of(cleaned)] == [
        ("0", "class"),
        ("2", "class"),
        ("10", "class"),
        ("Several classes", "several"),
        ("No class", "none"),
    ]
    own = cs.clean(table, multi="own", lower=0.1, upper=0.9, min_group=5)
    assert [name for name, _, _ in sections_of(own, remembered(own) or [])] == [
        "0",
        "2",
        "10",
        "0|2",
        "No class",
    ]


@pytest.mark.filterwarnings("ignore:.*none can be cut")
def test_spellings_of_a_combination_are_one_section_where_they_are_one_group(
    tmp_path: Path,
) -> None:
    """Named and counted as in the summary of `clean`."""
    table = rows(list(np.linspace(0, 1, 60)))
    labels = ["0"] * 20 + ["2|0"] * 12 + ["0|2"] * 8 + ["0|0|2"] * 3 + ["10|2", "2|10"] * 6 + ["0"]
    table["class_label"] = [*labels, *[None] * 4]
    cs.write_table(table, tmp_path / "cells.csv")
    rule = cs.Rule(lower=0.1, upper=0.9, min_group=5)
    counts = cs.clean_to([tmp_path / "cells.csv"], tmp_path / "own.csv", [rule], "own")
    cleaned = cs.read_table(tmp_path / "own.csv")
    page = written(cleaned, tmp_path)
    sections = {each["label"]: each for each in page.data["sections"]}
    assert list(sections) == ["0", "10|2", "2|0", "No class"]
    for label, of_group in counts.groupby("class_label"):
        found = sections.pop(str(label))
        assert found["n"] == of_group["cells"].sum()
        assert found["kept"] == of_group.loc[of_group["clean"], "cells"].sum()
        assert found["kept"] < found["n"]
    assert list(sections) == ["No class"]
    assert {"class-2%7C0", "class-10%7C2"} < {each["id"] for each in page.data["sections"]}
    # Under another choice, nothing is one group.
    skipped = cs.clean(table, lower=0.1, upper=0.9, min_group=5)
    names = [name for name, _, _ in sections_of(skipped, remembered(skipped) or [])]
    assert names == ["0", "Several classes", "No class"]


def test_rules_of_two_columns(tmp_path: Path) -> None:
    table = rows(list(np.linspace(0, 1, 40))).assign(area=np.arange(40) % 13)
    rules = [cs.Rule(lower=0.1, upper=0.9), cs.Rule("area", lower=3, by=None, kind="value")]
    cleaned = cs.clean(table, rules=rules)
    page = written(cleaned, tmp_path, column="area")
    [section] = page.data["sections"]
    assert section["lower"] == 3
    assert section["upper"] is None
    assert page.data["own"] == [1]
    free = np.frombuffer(base64.b64decode(page.data["free"]), np.uint8)
    by_fraction = cleaned["reason"].str.contains("fraction").sum()
    assert np.unpackbits(free).sum() == len(cleaned) - by_fraction


def test_cells_kept_by_hand_are_said(tmp_path: Path) -> None:
    cleaned = rows(list(np.linspace(0, 1, 40)))
    marks = pd.DataFrame({"image_id": "a", "label": [1, 20], "mark": ["keep", "drop"]})
    page = written(cs.apply_overrides(cleaned, marks), tmp_path)
    assert "1 by hand" in page.text
    assert "Dropped by hand 1 2.5 %" in page.text


def test_four_hundred_classes_stay_small(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    table = rows(rng.random(8000).tolist())
    table["class_label"] = np.repeat([f"class {k}" for k in range(400)], 20)
    table.loc[7990:, "class_label"] = HOSTILE
    page = written(cs.clean(table, lower=0.1, upper=0.9), tmp_path)
    assert len(page.of("section", "class")) == 401
    assert len(page.scripts) == 2
    assert len(page.data["cells"]) <= 1500
    assert len(page.source) < 8e6


def test_cells_that_are_left_out_are_said_and_a_larger_page_has_them(tmp_path: Path) -> None:
    table = cs.clean(rows(np.linspace(0, 1, 3000).tolist()), lower=0.3, upper=0.7)
    page = written(table, tmp_path)
    cells = page.data["cells"]
    assert 800 < len(cells) <= 900
    left = int((~table["clean"]).sum()) - sum(not cell["clean"] for cell in cells)
    assert left > 900
    assert f"{left:,} cells beyond the limits are not on this page" in page.text
    more = [int(each.replace(",", "")) for each in re.findall(r"([\d,]+) more are not", page.text)]
    assert sum(more) == left
    assert "--megabytes 40 in place of 10" in page.text
    page = written(table, tmp_path, megabytes=40)
    cells = page.data["cells"]
    assert {cell["label"] for cell in cells} > set(table.loc[~table["clean"], "label"])
    assert "not on this page" not in page.text
    with pytest.raises(ValueError, match="megabytes: found 0; expected a number above 0"):
        written(table, tmp_path, megabytes=0)


def test_what_can_not_be_reported_is_refused(demo: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"page.txt: expected a page: .html"):
        cs.report(demo / "clean.csv", tmp_path / "page.txt")
    with pytest.raises(ValueError, match="has no column image_id, label, min_row"):
        cs.report(pd.DataFrame({"a": [1]}), tmp_path / "page.html")
    with pytest.raises(ValueError, match="column 'aera': not in the table"):
        cs.report(demo / "clean.csv", tmp_path / "page.html", column="aera")
    with pytest.raises(ValueError, match="found cyan; the images have"):
        cs.report(demo / "clean.csv", tmp_path / "page.html", channels=["cyan"])
    assert not list(tmp_path.iterdir())


def test_without_jinja_it_says_how_to_get_it(monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ImportError, match=r"pip install 'cellsieve\[report\]'"):
        cs.report(rows([0.5]), tmp_path / "page.html")


def test_the_command(demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "page.html"
    arguments = ["report", str(demo / "clean.csv"), "-o", str(output)]
    assert main([*arguments, "-n", "2", "--channels", "green,yellow", "--no-outline"]) == 0
    assert f"report: {output}" in capsys.readouterr().out
    assert "Pictures: green, yellow; neighbours are dimmed" in Page(output).text


def test_a_page_is_not_replaced_unasked(
    demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "page.html"
    output.write_text("mine")
    said = f"{output} exists; overwrite (--overwrite) to replace it"
    # Before anything is read.
    with pytest.raises(FileExistsError, match=re.escape(said)):
        cs.report(tmp_path / "nowhere.csv", output)
    arguments = ["report", str(demo / "clean.csv"), "-o", str(output), "-n", "1"]
    assert main(arguments) == 2
    assert capsys.readouterr().err == f"cellsieve: error: {said}\n"
    assert output.read_text() == "mine"
    assert main([*arguments, "--overwrite", "-q"]) == 0
    assert "Pictures:" in Page(output).text


# ---- the numbers in the page ----


@given(st.floats(1e-9, 1e9))
def test_ticks_are_round_and_few(width: float) -> None:
    step = nice_step(width / 5)
    assert width / 5 <= step * (1 + 1e-6) <= width / 2 + step * 1e-5
    ticks = Axis(0.0, width).ticks()
    assert 2 <= len(ticks) <= 6
    assert all(0 <= place <= 1 for place, _ in ticks)


def test_shares_never_round_to_all_or_nothing() -> None:
    assert percent(1, 10**6) == "< 0.01 %"
    assert percent(10**6 - 1, 10**6) == "> 99.99 %"
    assert percent(0, 5) == "0 %"
    assert percent(5, 5) == "100 %"
    assert percent(1, 0) == "–"


# ---- pictures ----


def test_a_cell_is_drawn_in_colour_with_neighbours_dimmed() -> None:
    own, others = np.zeros((2, 20, 20), bool)
    own[5:15, 2:10] = True
    others[5:15, 12:18] = True
    colours = np.full((20, 20, 3), (0, 200, 0), np.uint8)
    dimmed = draw_cell(colours, own, others, Look(side=20, outline=False))
    assert dimmed[10, 5].tolist() == [0, 200, 0]
    assert dimmed[10, 14].tolist() == [0, 60, 0]
    assert dimmed[1, 1].tolist() == [0, 200, 0]  # background is no neighbour
    blank = draw_cell(colours, own, others, Look(side=20, outline=False, neighbours="blank"))
    assert blank[10, 14].tolist() == [0, 0, 0]
    outlined = draw_cell(colours, own, others, Look(side=20, neighbours="show"))
    assert (outlined == 255).all(axis=2).sum() == edge(own).sum() == 32
    assert outlined[10, 14].tolist() == [0, 200, 0]
    gray = draw_cell(np.full((20, 20, 3), 255, np.uint8), own, others, Look(side=20))
    assert gray[5, 2].tolist() != [255, 255, 255]  # a line can be told from a gray picture


@given(st.integers(0, 2**32 - 1))
def test_the_edge_is_what_erosion_takes_away(seed: int) -> None:
    rng = np.random.default_rng(seed)
    inside = rng.random(rng.integers(1, 30, 2)) < rng.random()
    assert (edge(inside) == inside & ~ndimage.binary_erosion(inside)).all()


@pytest.mark.parametrize(("size", "side", "longest"), [(20, 64, 60), (50, 64, 50), (200, 64, 64)])
def test_pictures_come_in_size(size: int, side: int, longest: int) -> None:
    own = np.ones((size, size // 2), bool)
    colours = np.zeros((*own.shape, 3), np.uint8)
    shape = draw_cell(colours, own, ~own, Look(side=side)).shape
    assert shape == (longest, longest // 2, 3)


def test_cells_of_one_image_share_their_brightness(tmp_path: Path) -> None:
    """A dark cell stays dark beside a bright one, also in 16 bits."""
    mask = np.zeros((60, 60), np.uint8)
    mask[5:25, 5:25], mask[30:55, 30:55] = 1, 2
    green = np.full((60, 60), 300, np.uint16)
    green[mask == 1], green[mask == 2] = 900, 6300
    cs.write_png(tmp_path / "a_green.png", green)
    np.savez(tmp_path / "a.npz", mask)
    images = cs.ImageSet.hpa(tmp_path, tmp_path)
    cells = cs.measure_images(images, "green")
    look = Look(outline=False)
    made = pictures(cells, images.table, look, partial(drawn, look=look))
    dark, bright = (each.made for each in made)
    assert dark is not None
    assert bright is not None
    middle = [int(each[each.shape[0] // 2, each.shape[1] // 2, 1]) for each in (dark, bright)]
    assert middle == [25, 255]  # (900 - 300) / (6300 - 300) of 255
    assert dark[:, :, [0, 2]].max() == 0


# ---- plates ----


@pytest.fixture
def inferred() -> pd.DataFrame:
    table = pd.DataFrame(
        {"experiment": ["RPE-01", HOSTILE], "wells": [3, 3], "best": [1, 0],
         "posterior": [0.999, 0.6], "margin": [7.5, 0.4], "certain": [True, False]}
    )  # fmt: skip
    for k in range(2):
        table[f"share_{k}"] = [0.2 + 0.6 * k, 0.5]
    for k in range(2):
        table[f"posterior_{k}"] = [0.001, 0.6] if k == 0 else [0.999, 0.4]
    return table


@pytest.fixture
def wells() -> pd.DataFrame:
    return pd.DataFrame(
        {"id_code": ["RPE-01_1_B02", "RPE-01_1_B03", "RPE-01_2_C04", "U_2_OS_1_P24"],
         "sirna": [5, 6, 7, 8], "confidence": [0.95, 0.91, 0.15, np.nan],
         "runner_up": [1, 1, 1, 1], "margin": [0.5, 0.5, 0.1, 0.2]}
    )  # fmt: skip


def test_plates_report_shows_assignments_confidence_and_maps(
    inferred: pd.DataFrame, wells: pd.DataFrame, tmp_path: Path
) -> None:
    truth = pd.DataFrame({"id_code": wells["id_code"].iloc[:3], "sirna": [5, 9, None]})
    truth.loc[2, "sirna"] = 7.0  # a column of whole numbers with a gap comes back as 7.0
    page = written(inferred, tmp_path, wells=wells, truth=truth)
    assert "Experiments 2 1 certain Uncertain 1" in page.text
    assert "RPE-01 3 0.001 0.999 0.200 0.800 7.5 yes" in page.text
    assert HOSTILE in "".join(page.words)
    assert len(page.scripts) == 1
    assert "Wells without a confidence: 1." in page.text
    assert "Right 66.7 % of 3 whose class is known" in page.text
    assert "0.930 0.500 2" in page.text  # claimed, right, wells
    assert "0.150 1.000 1" in page.text
    labels = [str(attrs.get("aria-label")) for tag, attrs in page.tags if tag == "svg"]
    assert any("Plate 1 of RPE-01" in label and "1 wrong" in label for label in labels)
    assert any("Plate 1 of U_2_OS" in label and "P24" in label for label in labels)
    assert page.text.index(HOSTILE[:7]) < page.text.index("RPE-01 3 0.001")  # the uncertain first
    assert "look at these by hand" in page.text
    assert "A B C D E F G H" in page.text  # the rows' letters
    for words in ("confidence from 0 to 1", "a dot: no well", "a frame: no confidence"):
        assert words in page.text


def test_nobody_is_asked_to_look_at_no_experiments(inferred: pd.DataFrame, tmp_path: Path) -> None:
    page = written(inferred.assign(certain=True), tmp_path)
    assert "Uncertain 0 none to look at" in page.text
    assert "by hand" not in page.text


def test_plates_report_without_wells_or_truth(
    inferred: pd.DataFrame, wells: pd.DataFrame, tmp_path: Path
) -> None:
    alone = written(inferred.drop(columns=["posterior_0", "posterior_1"]), tmp_path)
    assert "No table of wells was given" in alone.text
    decoded = written(wells, tmp_path)
    assert "is unknown without wells whose class is known" in decoded.text
    assert "only wells are shown" in decoded.text
    with pytest.raises(ValueError, match="id_code 'B02' is not of the form experiment_plate_well"):
        written(wells.assign(id_code=["B02", "a_1_B03", "a_1_B04", "a_1_B05"]), tmp_path)
    with pytest.raises(ValueError, match="truth: has no column sirna"):
        written(wells, tmp_path, truth=wells[["id_code"]])


# ---- real images ----


def test_real_images(real_data: Path, tmp_path: Path) -> None:
    hpa = real_data / "hpa"
    images = cs.ImageSet.hpa(hpa / "train", hpa / "hpa_cell_mask", hpa / "train.csv")
    cs.measure_to(images, tmp_path / "cells.csv", "green", progress=False)
    cs.clean_to([tmp_path / "cells.csv"], tmp_path / "clean.csv", [cs.Rule(lower=0.05)], "own")
    page = written(tmp_path / "clean.csv", tmp_path)
    assert len(pictures_in(page, "outline")) == len(page.data["cells"]) > 20
    assert "Images 3 none failed" in page.text


# ---- columns ----


def test_any_columns_can_be_set_against_each_other(tmp_path: Path) -> None:
    table = rows(list(np.linspace(0.1, 0.4, 40))).assign(area=range(40), extra=7.5)
    found = written(table, tmp_path).data["scatter"]["columns"]
    assert [each["name"] for each in found] == ["fraction", "area"]  # nothing differs in the other
    page = written(table, tmp_path, columns=["area", "extra"])
    assert [each["name"] for each in page.data["scatter"]["columns"]] == [
        "fraction",
        "area",
        "extra",
    ]
    flat = page.data["scatter"]["pairs"][0]
    assert sum(flat[1::3]) + sum(flat[2::3]) == 40
    assert sum(flat[1::3]) == table["clean"].sum()
    with pytest.raises(ValueError, match="column 'aera': not in the table"):
        written(table, tmp_path, columns=["aera"])
    with pytest.raises(ValueError, match="columns: found 21; expected at most 20"):
        written(table, tmp_path, columns=["area"] * 21)


def test_a_table_of_several_channels_shows_the_first_with_its_measure(tmp_path: Path) -> None:
    """Without images too: the columns alone name the channels."""
    table = rows(list(np.linspace(0.1, 0.4, 40)))
    table = table.drop(columns=["reason", "clean", "lower_limit", "upper_limit", "group_size"])
    for name in ("area_above", "fraction"):
        table[f"{name}_green"] = table[f"{name}_red"] = table["fraction"]
    table = table.drop(columns="fraction")
    page = written(table, tmp_path)
    assert page.data["column"] == "fraction_green"
    said = "fraction_green: share of the pixels that are strictly above the threshold"
    assert f"{said} (area_above / area); channel green" in page.text
    assert page.data["axis"] == [0, 1]  # a share
    judged = cs.clean(table, column="fraction_red", lower=0.1, upper=0.9)
    assert written(judged, tmp_path).data["column"] == "fraction_red"


# ---- before and after ----


def test_what_moved_between_two_cleanings(tmp_path: Path) -> None:
    table = rows(list(np.linspace(0, 1, 100)))
    measured = table.drop(columns=["lower_limit", "upper_limit", "group_size", "reason", "clean"])
    before = cs.clean(measured, lower=0.2, upper=0.95)
    page = written(table, tmp_path, against=before)
    newly = set(table["label"][before["clean"] & ~table["clean"]])
    again = set(table["label"][~before["clean"] & table["clean"]])
    assert len(newly) == 5
    assert len(again) == 10
    assert "5 newly dropped, 10 kept again" in page.text
    assert "judged otherwise before: 15" in page.text
    said = {cell["label"]: cell["said"] for cell in page.data["cells"]}
    assert {
        label for label, text in said.items() if text.startswith("dropped") and "; kept" in text
    } == newly
    assert {
        label for label, text in said.items() if text == "kept; dropped (too low) before"
    } == again
    assert "Kept then: fraction from the 20 % to the 95 % percentile" in page.text


def test_the_other_cleaning_may_have_other_cells(tmp_path: Path) -> None:
    table = rows(list(np.linspace(0, 1, 100)))
    other = table.iloc[:60].assign(fraction=table["fraction"].where(table["label"] > 3, 0.5))
    page = written(table, tmp_path, against=pd.concat([other, other.tail(1).assign(label=999)]))
    assert "0 newly dropped, 0 kept again" in page.text
    assert "with another fraction there: 3. Cells that are not there: 40." in page.text
    assert "there alone: 1." in page.text
    with pytest.raises(ValueError, match="against: has no cell of this table"):
        written(table, tmp_path, against=other.assign(image_id="b"))
    with pytest.raises(ValueError, match="against: has no column clean"):
        written(table, tmp_path, against=other.drop(columns="clean"))


# ---- images ----


def test_images_are_ranked_and_drawn_with_verdicts(demo: Path, tmp_path: Path) -> None:
    clean = cs.read_table(demo / "clean.csv")
    page = written(clean, tmp_path, images=demo / "clean.images.csv")
    cut = clean["reason"].isin(["low", "high"]).groupby(clean["image_id"]).mean()
    places = [page.source.index(f'<tr><th scope="row">{name}</th><td data-value') for name in
              cut.sort_values(ascending=False, kind="stable").index]  # fmt: skip
    shares = cut.sort_values(ascending=False)
    first = min(zip(places, shares.index, strict=True))[1]
    assert cut[first] == cut.max()
    assert re.search(r'data-column="\d">threshold</button>', page.source)
    drawn = pictures_in(page, "lines")
    assert len(drawn) == min(8, len(cut))
    lines = drawn[0]
    orange = (lines[..., :3] == (255, 140, 90)).all(axis=2) & (lines[..., 3] == 255)
    teal = (lines[..., :3] == (92, 205, 175)).all(axis=2) & (lines[..., 3] == 255)
    own = clean[clean["image_id"] == first]
    assert orange.any() == (own["reason"] != "").any()
    assert teal.any() == own["clean"].any()


def test_an_image_that_is_gone_is_named_among_the_images(demo: Path, tmp_path: Path) -> None:
    clean = cs.read_table(demo / "clean.csv")
    images = cs.read_image_table(demo / "clean.images.csv").assign(path_green="/nowhere/green.png")
    page = written(clean, tmp_path, images=images)
    assert re.search('<span class="nothing">No such file or directory</span>', page.source)


def test_a_table_without_its_image_table_is_said(tmp_path, capsys):
    """No cell has a picture, and one that has other images is refused by the gallery."""
    images = cs.make_demo_set(tmp_path, size=96)
    cs.measure_to(images, tmp_path / "cells.csv", "green", progress=False)
    other = tmp_path / "other.csv"
    (tmp_path / "cells.csv").rename(other)
    assert main(["report", str(other), "-o", str(tmp_path / "r.html")]) == 1
    assert "other.images.csv: there is no such image table" in capsys.readouterr().err
    listed = tmp_path / "cells.images.csv"
    cs.read_table(listed)[1:].to_csv(listed, index=False)
    gallery = ["gallery", str(other), "--image-table", str(listed)]
    assert main([*gallery, "-o", str(tmp_path / "g.png")]) == 2
    assert "1 image not in" in (said := capsys.readouterr().err)
    assert "the first is demo-00; do the two belong together?" in said
    assert not (tmp_path / "g.png").exists()


def test_a_demo_set_replaces_no_labels_of_another(tmp_path):
    (tmp_path / "train.csv").write_text("ID,Label\nmine,3\n")
    with pytest.raises(FileExistsError, match=r"train\.csv exists, and is not of the demo set"):
        cs.make_demo_set(tmp_path, size=64)
    assert [path.name for path in tmp_path.iterdir()] == ["train.csv"]
    (tmp_path / "train.csv").unlink()
    cs.make_demo_set(tmp_path, size=64)
    cs.make_demo_set(tmp_path, size=64)  # its own may be written again
