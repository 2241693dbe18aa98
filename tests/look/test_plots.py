"""Plots: what is drawn, what is said where there is nothing, and the files."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cellsieve as cs
from cellsieve.cli import main
from cellsieve.look.picking import pick
from cellsieve.look.plots import cell_centres, save
from cellsieve.schema.wellmap import SHAPES, plate_map, plate_shape, row_name, well_places

mpl.use("agg")
import matplotlib.pyplot as plt


@pytest.fixture(autouse=True)
def _close() -> Any:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plots")
    images = cs.make_demo_set(folder, size=160)
    cs.measure_to(images, folder / "cells.csv", "green", progress=False)
    cs.clean_to([folder / "cells.csv"], folder / "clean.csv", [cs.Rule(lower=0.1, upper=0.9)])
    return folder


def table(fractions: list[float], lower: float = 0.2, upper: float = 0.8) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "image_id": "a",
            "class_label": "3",
            "label": range(1, len(fractions) + 1),
            "fraction": fractions,
            "lower_limit": lower,
            "upper_limit": upper,
        }
    )


def words(ax: Any) -> str:
    return " | ".join(text.get_text() for text in ax.texts)


def test_distribution_draws_all_cells_the_limits_and_what_is_cut() -> None:
    ax = cs.plot_distribution(table([0.1, 0.15, 0.5, 0.5, 0.9, np.nan]), bins=10)
    assert sum(bar.get_height() for bar in ax.patches) == 5
    assert [line.get_xdata()[0] for line in ax.lines] == [0.2, 0.8]
    assert words(ax) == "2 below 0.2 | 1 above 0.8"
    assert "1 cell without a value" in ax.get_xlabel()


@pytest.mark.parametrize(
    ("lower", "upper"),
    [(0.026, 0.048), (0.4, 0.41), (0.95, 0.97), (0.1, 0.9), (0.02, 0.4), (0.02, 0.96)],
)
def test_what_is_said_of_the_limits_can_be_read(lower: float, upper: float) -> None:
    cleaned = cs.clean(
        table(list(np.linspace(0, 1, 201))).drop(columns=["lower_limit", "upper_limit"]),
        rules=[cs.Rule(lower=lower, upper=upper, kind="value")],
    )
    ax = cs.plot_distribution(cleaned)
    ax.figure.canvas.draw()
    parts = [*ax.texts, ax.get_legend(), ax._left_title]
    boxes = [part.get_window_extent() for part in parts]
    assert len(boxes) == 4
    assert not [k for k, box in enumerate(boxes) if box.count_overlaps(boxes[:k])]


def test_distribution_paints_cells_by_their_verdict() -> None:
    """Not by the limits alone: cells of several classes are dropped wherever they lie."""
    cells = pd.concat([table(list(np.linspace(0, 1, 30))), table([0.5] * 20)], ignore_index=True)
    cells.loc[30:, "class_label"] = "16|0"
    cells = cells.drop(columns=["lower_limit", "upper_limit"]).assign(label=range(50))
    cleaned = cs.clean(cells, lower=0.1, upper=0.9)
    for class_label, rows in (("16|0", cleaned[30:]), (None, cleaned)):
        ax = cs.plot_distribution(cleaned, class_label=class_label)
        kept, dropped = (sum(bar.get_height() for bar in bars) for bars in ax.containers)
        assert (kept, dropped) == (rows["clean"].sum(), (~rows["clean"]).sum())
        assert f", {dropped:.0f} dropped)" in ax.get_title(loc="left")
    colours = [mpl.colors.to_rgb(bars[0].get_facecolor()) for bars in ax.containers]
    light, dark = sorted((sum(colour) for colour in colours), reverse=True)
    assert light > 1.8 * dark  # also in gray print


def test_distribution_on_given_axes_of_one_class() -> None:
    cells = pd.concat([table([0.1] * 3), table([0.5] * 4).assign(class_label="4")])
    _, mine = plt.subplots()
    assert cs.plot_distribution(cells, class_label=4, ax=mine) is mine
    assert sum(bar.get_height() for bar in mine.patches) == 4


def test_distribution_of_a_skewed_column_can_be_read() -> None:
    """Its bars are equally wide on a logarithmic axis, and no cell is missing."""
    rng = np.random.default_rng(0)
    skewed = np.exp(2 * rng.normal(size=500))
    for values in (skewed, skewed - 1, -skewed):
        ax = cs.plot_distribution(table(list(values)), bins=40)
        heights = [bar.get_height() for bar in ax.patches]
        assert sum(heights) == 500
        assert max(heights) < 150  # on a linear axis, nearly all would be in the first bar
        assert "logarithmic axis" in ax.get_xlabel()
    even = cs.plot_distribution(table(list(rng.random(500))))
    assert even.get_xscale() == "linear"
    assert cs.plot_distribution(table(list(skewed)), axis="linear").get_xscale() == "linear"
    assert cs.plot_distribution(table([0.1, 0.2]), axis="log").get_xscale() == "log"
    with pytest.raises(ValueError, match="axis: found 'lin'"):
        cs.plot_distribution(table([0.1]), axis="lin")  # type: ignore[arg-type]


def test_distribution_of_any_column_without_limits() -> None:
    cells = table([0.1, 0.2]).drop(columns=["lower_limit", "upper_limit"]).assign(area=[5, 900])
    ax = cs.plot_distribution(cells, "area")
    assert not ax.lines
    assert ax.get_xlabel() == "area"


def test_distribution_says_when_there_is_nothing() -> None:
    assert "no cell has a value" in words(cs.plot_distribution(table([np.nan])))
    assert "no cell has a value" in words(cs.plot_distribution(table([])))
    with pytest.raises(ValueError, match="no cell is of class '7'; the table has 3"):
        cs.plot_distribution(table([0.1]), class_label="7")
    with pytest.raises(ValueError, match="column 'aera': not in the table"):
        cs.plot_distribution(table([0.1]), "aera")


def test_text_is_not_taken_for_formulas(tmp_path: Path) -> None:
    """Dollar signs stand as they are, in names that would be a formula and in those that can't."""
    for name in ("$x$", "$\\frac{$"):
        cells = table([0.1, 0.2]).assign(class_label=name)
        ax = cs.plot_distribution(cells.rename(columns={"fraction": name}), name, name)
        with mpl.rc_context({"svg.fonttype": "none"}):  # text stays text, formulas do not
            save(ax, tmp_path / "plot.svg")
        drawn = (tmp_path / "plot.svg").read_text()
        assert f">class {name} (2 cells)</text>" in drawn
        assert f">{name}   (the table does not say" in drawn


def test_pick_takes_cells_from_their_band() -> None:
    cells = table(list(np.linspace(0, 1, 101)))
    low, middle, high = (pick(cells, band, 7, seed=1) for band in ("low", "middle", "high"))
    assert low["fraction"].max() < 0.2
    assert middle["fraction"].between(0.2, 0.8).all()
    assert high["fraction"].min() > 0.8
    assert [len(rows) for rows in (low, middle, high)] == [7, 7, 7]
    assert pick(cells, "low", 7, seed=1).equals(low)
    assert not pick(cells, "low", 7, seed=2).equals(low)
    assert pick(cells, "low", 3, order="lowest")["label"].tolist() == [1, 2, 3]
    assert pick(cells, "all", 2, order="highest")["label"].tolist() == [101, 100]


def test_pick_refuses_what_it_does_not_know() -> None:
    for wrong in ({"which": "lower"}, {"order": "first"}, {"n": 0}):
        with pytest.raises(ValueError, match=r"found .*; expected"):
            pick(table([0.1]), **wrong)  # type: ignore[arg-type]


def test_gallery_shows_cells_with_their_values(demo: Path) -> None:
    clean = cs.read_table(demo / "clean.csv")
    figure = cs.plot_gallery(clean, demo / "clean.images.csv", "low", 5, across=3)
    shown = [ax for ax in figure.axes if ax.images]
    assert len(shown) == 5
    values = [float(ax.get_title()) for ax in shown]
    assert values == sorted(values)
    lowest = clean.loc[clean["reason"] == "low", "fraction"]
    assert {f"{value:.4g}" for value in lowest} >= {ax.get_title() for ax in shown}


def test_gallery_has_a_title_a_scale_bar_and_a_legend(demo: Path) -> None:
    clean = cs.read_table(demo / "clean.csv")
    images = demo / "clean.images.csv"
    figure = cs.plot_gallery(clean, images, "low", 3, column="fraction", pixel_size=0.5)
    low = int((clean["fraction"] < clean["lower_limit"]).sum())
    assert figure.get_suptitle() == f"3 of {low} cells below the limit of fraction"
    [legend] = figure.legends
    said = [text.get_text() for text in legend.get_texts()]
    assert said == ["red", "green", "blue", "fraction of dropped cells"]
    scale = re.fullmatch(r"Scale bar: (\d+) µm\.", legend.get_title().get_text())
    assert scale
    white = mpl.colors.to_rgba("white")
    bars = [bar for ax in figure.axes for bar in ax.patches if bar.get_facecolor() == white]
    assert [bar.get_width() for bar in bars] == [int(scale[1]) / 0.5]
    widths = {np.ptp(ax.get_xlim()) for ax in figure.axes}
    assert len(widths) == 1  # one scale
    own = cs.plot_gallery(clean, images, "low", 3, same_scale=False, title="Mine")
    assert own.get_suptitle() == "Mine"
    assert len({np.ptp(ax.get_xlim()) for ax in own.axes}) > 1
    with pytest.raises(ValueError, match="pixel_size: found 0; expected the µm"):
        cs.plot_gallery(clean, images, pixel_size=0)


def test_numbers_below_cells_are_as_people_write_them(demo: Path) -> None:
    clean = cs.read_table(demo / "clean.csv").assign(size=10160.4)
    figure = cs.plot_gallery(clean, demo / "clean.images.csv", n=1, column="size")
    assert figure.axes[0].get_title() == "10,160"


def test_gallery_shows_the_cells_that_one_rule_dropped(demo: Path, tmp_path: Path) -> None:
    table = cs.read_table(demo / "clean.csv")
    area = float(table["area"].median())
    rules = [
        cs.Rule("fraction", 0.3, None, None, name="dim"),
        cs.Rule("area", area, None, kind="value", name="small", unjudged="keep"),
        cs.Rule("area", None, 1.5 * area, kind="value", name="large", flag=True),
    ]
    clean = cs.clean(table, rules=rules)
    images = demo / "clean.images.csv"
    for reason, wanted in (
        ("small", clean["area"] < area),
        ("large", clean["area"] > 1.5 * area),
    ):
        figure = cs.plot_gallery(clean, images, reason=reason, n=len(clean))
        values = [int(ax.get_title().replace(",", "")) for ax in figure.axes if ax.images]
        assert values == sorted(clean.loc[wanted, "area"])
        assert figure.get_suptitle() == f"{wanted.sum()} cells: {reason}"
    several = cs.clean(
        table,
        rules=[
            cs.Rule("fraction", 0.01, None, None, name="odd"),
            cs.Rule("area", area, None, kind="value", name="odd"),
        ],
    )
    figure = cs.plot_gallery(several, images, reason="odd", n=len(several))
    small = several["area"] < area  # most of them fail by it
    dim = (several["reason"] == "odd") & ~small
    assert dim.any()
    wanted = [f"area {value:,}" for value in several.loc[small, "area"]]
    wanted += [f"fraction {value:.4g}" for value in several.loc[dim, "fraction"]]
    assert sorted(ax.get_title() for ax in figure.axes if ax.images) == sorted(wanted)
    said = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "value of dropped cells" in said
    note = figure.legends[0].get_title().get_text().replace("\n", " ")
    assert "Each cell has the values below it by which it is “odd”." in note
    # A rule of several bands has failed by all of them.
    two = cs.Rule(
        *("fraction", 0.3, None, None),
        name="faint",
        also=[cs.Rule("area", None, 1.1 * area, kind="value")],
    )
    faint = cs.clean(table, rules=[two])
    figure = cs.plot_gallery(faint, images, reason="faint", n=len(faint))
    cut = faint[faint["reason"] == "faint"].sort_values("fraction", kind="stable")
    assert 0 < len(cut) < (faint["fraction"] < 0.3).sum()
    assert sorted(ax.get_title() for ax in figure.axes if ax.images) == sorted(
        f"fraction {row['fraction']:.4g}\narea {row['area']:,}" for _, row in cut.iterrows()
    )
    both = (clean["reason"] == "dim; small").sum()
    assert both  # cells that failed another rule too are among them
    output = tmp_path / "dim.png"
    cs.write_table(clean, tmp_path / "clean.csv")
    words_of = ["gallery", str(tmp_path / "clean.csv"), "--image-table", str(images)]
    assert main([*words_of, "--reason", "dim", "--order", "lowest", "-o", str(output)]) == 0
    assert output.stat().st_size > 1000
    with pytest.raises(ValueError, match="reason: no cell has 'blurred'; the table has dim, large"):
        cs.plot_gallery(clean, images, reason="blurred")


def test_gallery_names_the_channel_that_each_cell_failed_in(demo: Path) -> None:
    images = cs.ImageSet.hpa(demo / "images", demo / "masks")
    cells, _ = cs.measure_images(
        images, ["green", "red"], properties=["intensity_max"], progress=False, return_images=True
    )
    cuts = {name: float(cells[f"intensity_max_{name}"].quantile(0.9)) for name in ("green", "red")}
    rules = [
        cs.Rule(f"intensity_max_{name}", None, cut, kind="value", name="bright")
        for name, cut in cuts.items()
    ]
    clean = cs.clean(cells, rules=rules)
    figure = cs.plot_gallery(clean, images.table, reason="bright", n=len(clean))
    said = [ax.get_title().split() for ax in figure.axes if ax.images]
    assert len(said) == (~clean["clean"]).sum()
    assert {channel for channel, _ in said} == {"green", "red"}
    assert all(float(value.replace(",", "")) > cuts[channel] for channel, value in said)
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "intensity_max of dropped cells" in legend


def test_legend_of_a_gallery_says_no_verdict_that_is_not_there(demo: Path) -> None:
    """Nor that a cell was dropped by the column whose value is shown."""
    images = demo / "clean.images.csv"
    clean = cs.read_table(demo / "clean.csv")
    for table, column, wanted in (
        (cs.read_table(demo / "cells.csv"), "fraction", {"fraction"}),
        (clean, "area", {"area of kept cells", "area of dropped cells"}),
        (clean[~clean["clean"]], "area", {"area of dropped cells"}),
    ):
        figure = cs.plot_gallery(table, images, "all", 30, column=column)
        said = {text.get_text() for text in figure.legends[0].get_texts()}
        assert said - {"red", "green", "blue"} == wanted


def test_gallery_from_an_image_set(demo: Path) -> None:
    images = cs.ImageSet.hpa(demo / "images", demo / "masks")
    figure = cs.plot_gallery(
        cs.read_table(demo / "clean.csv"), images, n=2, channels=["yellow"], outline=False
    )
    pixels = figure.axes[0].images[0].get_array()
    assert pixels[:, :, 2].max() == 0  # yellow has no blue
    assert pixels[:, :, 0].max() > 100


def test_gallery_says_what_is_missing(demo: Path) -> None:
    clean = cs.read_table(demo / "clean.csv")
    none = cs.plot_gallery(clean[clean["clean"]], demo / "clean.images.csv", "low")
    assert none.texts[0].get_text() == "no cell is low"
    images = cs.read_image_table(demo / "clean.images.csv").assign(path_red="/nowhere/red.png")
    gone = cs.plot_gallery(clean, images, n=1)
    assert "/nowhere/red.png: No such file" in words(gone.axes[0])
    with pytest.raises(ValueError, match="found cyan; the images have blue, green, red, yellow"):
        cs.plot_gallery(clean, images, channels=["cyan"])


def test_overlay_shows_three_panels_with_ids() -> None:
    mask = np.zeros((40, 60), np.uint16)
    mask[5:15, 5:25] = 7
    mask[20:35, 30:50] = 4_000
    image = np.arange(2400, dtype=np.uint16).reshape(40, 60)
    figure = cs.plot_overlay(image, mask)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["image", "mask", "both"]
    assert words(figure.axes[1]) == "7 | 4000"
    assert not figure.axes[0].texts
    seven = next(text for text in figure.axes[2].texts if text.get_text() == "7")
    assert seven.get_position() == (14.5, 9.5)
    areas = figure.axes[1].images[0].get_array()
    assert not areas[0, 0].any()
    assert (areas[5, 5] != areas[20, 30]).any()
    _, mine = plt.subplots()
    assert cs.plot_overlay(image, mask, ids=False, ax=mine) is mine
    assert not mine.texts


def test_overlay_leaves_out_ids_that_would_overlap() -> None:
    """Of those of two cells, the larger one's is written, and it says how many are missing."""
    mask = np.zeros((400, 400), np.uint16)
    for k in range(400):
        row, column = divmod(k, 20)
        mask[20 * row : 20 * row + 15, 20 * column : 20 * column + 15] = 1000 + k
    mask[380:400, 380:400] = 1399
    figure = cs.plot_overlay(mask, mask)
    boxes = [text.get_window_extent() for text in figure.axes[2].texts]
    assert 20 < len(boxes) < 400
    assert not any(box.count_overlaps(boxes[:k]) for k, box in enumerate(boxes))
    assert "1399" in words(figure.axes[2])
    assert figure.get_suptitle() == f"400 cells; {400 - len(boxes)} ids left out"


def test_overlay_leaves_out_ids_that_would_hide_their_cell() -> None:
    mask = np.zeros((400, 400), np.uint16)
    for k in range(100):
        row, column = divmod(k, 10)
        mask[40 * row : 40 * row + 6, 40 * column : 40 * column + 6] = 1000 + k
    mask[300:340, 300:360] = 7
    figure = cs.plot_overlay(mask, mask)
    assert words(figure.axes[2]) == "7"
    many = len(np.unique(mask)) - 1
    assert figure.get_suptitle() == f"{many} cells; {many - 1} ids left out"


def test_outlines_are_drawn_whole_however_large_the_image_is() -> None:
    """Every pixel of a one pixel wide outline of a large mask is seen in what is drawn."""
    mask = np.zeros((3001, 3001), np.uint8)
    mask[500:2500, 701:2503] = 3
    shown = cs.plot_overlay(np.zeros_like(mask), mask, ids=False).axes[2].images[0].get_array()
    lines = shown.any(axis=2)
    assert max(lines.shape) < 1024
    inside = lines[lines.any(axis=1)][:, lines.any(axis=0)]
    assert inside[[0, -1]].all()
    assert inside[:, [0, -1]].all()
    assert not inside[1:-1, 1:-1].any()


@given(st.integers(0, 2**32 - 1), st.sampled_from(["u1", "u2", "i4", "i8", "u8"]))
def test_the_centre_of_a_cell_is_the_mean_of_its_pixels(seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, np.iinfo(kind).max, 6, kind, endpoint=True)
    labels = rng.choice(ids, rng.integers(0, 30, 2)) * (rng.random() < 0.9)
    expected = []
    for label in np.unique(labels[labels != 0]):
        rows, columns = np.nonzero(labels == label)
        many = len(rows)
        expected.append((int(label), rows.sum() / many, columns.sum() / many, many))
    assert cell_centres(labels.astype(kind)) == expected


def test_overlay_refuses_shapes_that_differ() -> None:
    with pytest.raises(ValueError, match=r"\(4, 5\) and a mask of \(5, 4\)"):
        cs.plot_overlay(np.zeros((4, 5), np.uint8), np.ones((5, 4), np.uint8))


def test_overlay_of_an_empty_mask() -> None:
    figure = cs.plot_overlay(np.zeros((4, 5), np.uint8), np.zeros((4, 5), np.uint8))
    assert not figure.axes[2].texts


@pytest.mark.parametrize(
    ("name", "place"),
    [("A1", (0, 0)), ("A01", (0, 0)), ("B002", (1, 1)), ("p24", (15, 23)), ("AF48", (31, 47))],
)
def test_wells_have_their_places(name: str, place: tuple[int, int]) -> None:
    assert well_places([name]).tolist() == [list(place)]
    assert name.upper().startswith(row_name(place[0]))


@pytest.mark.parametrize(
    "name", ["2B", "B0", "B", "7", "ABC1", "B1000", "B-1", "", "B\u0663", None]
)
def test_what_is_no_well_is_named(name: str | None) -> None:
    with pytest.raises(ValueError, match=r"train: found .*; expected letters and a number"):
        well_places(["A1", name], "train")


@pytest.mark.parametrize("shape", SHAPES)
def test_every_usual_plate_is_known_by_its_last_well(shape: tuple[int, int]) -> None:
    last = f"{row_name(shape[0] - 1)}{shape[1]:02d}"
    places = well_places([last, "A1"])
    assert plate_shape(places) == shape
    assert plate_map(["A1", last], pd.Series([1.0, 2.0])).shape == shape


def test_plate_maps() -> None:
    plate = plate_map(["A1", "B02", "B2"], pd.Series([1.0, 2.0, 4.0]))
    assert plate.shape == (2, 3)
    assert plate[0, 0] == 1
    assert plate[1, 1] == 3  # the mean of its two rows
    assert np.isnan(plate[0, 1])
    assert plate_map(["P24"], pd.Series([1.0])).shape == (16, 24)
    with pytest.raises(ValueError, match="well: found 2B; expected letters and a number"):
        plate_map(["2B"], pd.Series([1.0]))
    with pytest.raises(ValueError, match="found C01; expected wells of a plate of 2 rows"):
        plate_map(["A1", "C1"], pd.Series([1.0, 1.0]), (2, 3))
    with pytest.raises(ValueError, match=r"found AG01; expected .* up to AF48"):
        plate_map(["A1", "AG1"], pd.Series([1.0, 1.0]))


def test_plate_draws_values_and_leaves_gaps() -> None:
    wells = pd.DataFrame({"well": ["A1", "H12", "C3"], "agree": [True, False, None]})
    wells["agree"] = wells["agree"].astype("boolean")
    ax = cs.plot_plate(wells, "agree", limits=(0, 1))
    drawn = ax.images[0].get_array()
    assert drawn.shape == (8, 12)
    assert drawn[0, 0] == 1
    assert drawn[7, 11] == 0
    assert drawn.mask.sum() == 94
    assert "no well has a value" in words(cs.plot_plate(wells.assign(x=np.nan), "x"))
    ax = cs.plot_plate(wells, "agree", limits=(0, 0.5), title="plate 1")
    assert ax.get_title(loc="left") == "plate 1"
    assert ax.images[0].get_clim() == (0, 0.5)
    assert ax.get_xlabel() == "gray: no value; crossed: no well"
    assert len(ax.collections[0].get_offsets()) == 93
    with pytest.raises(ValueError, match=r"limits: found \(1, 0\); expected two numbers"):
        cs.plot_plate(wells, "agree", limits=(1, 0))
    with pytest.raises(ValueError, match="column 'Well': not in the table"):
        cs.plot_plate(wells, "agree", well="Well")


@pytest.fixture
def inferred() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "experiment": ["RPE-01", "<b>"],
            "best": [1, 0],
            "share_0": [0.2, 0.9],
            "share_1": [0.8, 0.1],
        }
    )


def test_assignment_heat_map(inferred: pd.DataFrame) -> None:
    ax = cs.plot_assignment(inferred)
    assert ax.images[0].get_array().tolist() == [[0.2, 0.8], [0.9, 0.1]]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["RPE-01", "<b>"]
    assert [patch.get_xy() for patch in ax.patches] == [(0.5, -0.5), (-0.5, 0.5)]
    assert not any(patch.get_clip_on() for patch in ax.patches)  # frames at the edge are whole
    assert "no experiments" in words(cs.plot_assignment(inferred.head(0)))
    with pytest.raises(ValueError, match="has no column posterior_0"):
        cs.plot_assignment(inferred, "posterior")


def test_a_plot_is_written_whole_and_always_the_same(
    inferred: pd.DataFrame, tmp_path: Path
) -> None:
    for name in ("a.svg", "b.svg", "a.png", "b.png"):
        save(cs.plot_assignment(inferred), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with pytest.raises(ValueError, match=r"expected a picture: .png, .svg"):
        save(cs.plot_assignment(inferred), tmp_path / "a.jpg")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "a.svg", "b.png", "b.svg"]


def test_commands_write_pictures_and_replace_none_unasked(
    demo: Path, inferred: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clean = str(demo / "clean.csv")
    inferred.to_csv(tmp_path / "inferred.csv", index=False)
    wells = pd.DataFrame({"well": ["A1", "B2"], "plate": [1, 2], "confidence": [0.5, 1.0]})
    wells.to_csv(tmp_path / "wells.csv", index=False)
    image = str(demo / "images" / "demo-00_green.png")
    for name, arguments in {
        "gallery.png": ["gallery", clean, "--which", "high", "-n", "3", "--class", "0"],
        "distribution.svg": ["plot", "distribution", clean, "--column", "area"],
        "overlay.png": ["plot", "overlay", image, str(demo / "masks" / "demo-00.npz")],
        "plate.svg": ["plot", "plate", f"{tmp_path}/wells.csv", "--value", "confidence",
                      "--where", "plate=2", "--limits", "0,1"],
        "assignment.png": ["plot", "assignment", f"{tmp_path}/inferred.csv"],
    }.items():  # fmt: skip
        assert main([*arguments, "-o", str(tmp_path / name)]) == 0
        start = (tmp_path / name).read_bytes()[:60]
        assert start.startswith(b"\x89PNG") or b"<?xml" in start
        (tmp_path / name).write_bytes(b"mine")
        capsys.readouterr()
        assert main([*arguments, "-o", str(tmp_path / name)]) == 2
        said = f"cellsieve: error: {tmp_path / name} exists; overwrite (--overwrite) to replace it"
        assert capsys.readouterr().err == said + "\n"
        assert (tmp_path / name).read_bytes() == b"mine"
        assert main([*arguments, "-o", str(tmp_path / name), "--overwrite"]) == 0
        assert (tmp_path / name).read_bytes()[:60] == start


def test_commands_refuse_in_one_line(
    demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = tmp_path / "alone.csv"
    alone.write_bytes((demo / "clean.csv").read_bytes())
    assert main(["gallery", str(alone), "-o", str(tmp_path / "x.png")]) == 2
    assert "name it with --image-table" in capsys.readouterr().err
    wells = tmp_path / "wells.csv"
    wells.write_text("well,v\nA1,1\n")
    plate = ["plot", "plate", str(wells), "--value", "v", "-o", str(tmp_path / "x.png")]
    assert main([*plate, "--where", "batch=1"]) == 2
    assert "expected COLUMN=VALUE" in capsys.readouterr().err
    assert main([*plate, "--where", "plate=1"]) == 2
    assert "no column experiment, plate, and well 'A1' is not of the" in capsys.readouterr().err


def test_importing_the_package_imports_no_plotting() -> None:
    code = (
        "import sys, cellsieve, cellsieve.cli\n"
        "cellsieve.plot_plate, cellsieve.cli.parser()\n"
        "print([name for name in ('matplotlib', 'jinja2', 'PIL') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_without_matplotlib_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"pip install 'cellsieve\[plot\]'"):
        cs.plot_distribution(table([0.1]))
