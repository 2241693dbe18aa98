"""Channels that are asked for by name, where one file holds all channels of an image."""

import re

import numpy as np
import pytest

import cellsieve as cs
from cellsieve.cli import main
from cellsieve.look.views import Look, image_table, pictures

KNOWN = {
    "ome": "DAPI or 0, GFP or 1",
    "rgb": "red, green, blue",
    "gray": "image or gray",
}
MEASURED = {"ome": ("DAPI", "GFP"), "rgb": ("red", "green"), "gray": ("image",)}


@pytest.fixture(params=["ome", "rgb", "gray"])
def kind(request):
    return request.param


@pytest.fixture
def data(kind, tmp_path, rng):
    """Two images; in each channel another quarter of every cell is bright."""
    folder = tmp_path / "data"
    folder.mkdir()
    mask = np.zeros((40, 60), np.uint8)
    mask[4:24, 4:24], mask[10:30, 34:54] = 1, 2
    count = {"ome": 2, "rgb": 3, "gray": 1}[kind]
    for name in ("a", "b"):
        stack = rng.integers(0, 9, (count, 40, 60)).astype(np.uint8)
        for channel in range(count):
            for row, column in ((4, 4), (10, 34)):
                row, column = row + 10 * (channel // 2), column + 10 * (channel % 2)
                stack[channel, row : row + 10, column : column + 10] += 200
        np.savez(folder / f"{name}_mask.npz", mask)
        if kind == "ome":
            tifffile = pytest.importorskip("tifffile", reason="needs the extra tiff")
            names = {"axes": "CYX", "Channel": {"Name": ["DAPI", "GFP"]}}
            tifffile.imwrite(folder / f"{name}.img.tif", stack, metadata=names, ome=True)
        else:
            cs.write_png(folder / f"{name}.img.png", np.squeeze(np.moveaxis(stack, 0, 2)))
    return folder


def measure(data, kind, channels, output):
    suffix = "tif" if kind == "ome" else "png"
    return main(
        [
            *(
                "measure",
                str(data),
                "--masks",
                str(data),
                "--image-pattern",
                f"{{id}}.img.{suffix}",
            ),
            *("--mask-pattern", "{id}_mask.npz", "--channels", channels, "-o", str(output)),
        ]
    )


@pytest.fixture
def cleaned(data, kind, tmp_path):
    assert measure(data, kind, ",".join(MEASURED[kind]), tmp_path / "cells.csv") == 0
    output = tmp_path / "clean.csv"
    column = ["--column", "area"]
    rule = ["--by", "none", "--values", "--lower", "0"]
    assert main(["clean", str(tmp_path / "cells.csv"), *column, *rule, "-o", str(output)]) == 0
    return output


COMMANDS = {
    "gallery": "gallery {} --channels blu -o {}.png",
    "gallery of several": "gallery {} --channels {known},blu -o {}.png",
    "report": "report {} --channels blu -o {}.html",
    "crops": "crops {} --channels blu -o {}",
    "annotate": "annotate {} --multi one --min-intensity 50 --channel blu -o {}.json",
    "composites": "annotate {} --multi one --composites {}.pictures --colours blu=red -o {}.json",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_channel_that_no_file_has_is_refused(command, cleaned, kind, tmp_path, capsys):
    made = tmp_path / "made"
    known = MEASURED[kind][0]
    words = [
        word.replace("{known}", known).replace("{}", str(made if number > 1 else cleaned))
        for number, word in enumerate(COMMANDS[command].split())
    ]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert f"channels: found blu; the images have {KNOWN[kind]}\n" in said
    assert not list(tmp_path.glob("made*"))


def test_measure_refuses_it_before_it_writes(data, kind, tmp_path, capsys):
    output = tmp_path / "out" / "cells.csv"
    output.parent.mkdir()
    assert measure(data, kind, "blu", output) == 2
    assert f"channels: found blu; the images have {KNOWN[kind]}\n" in capsys.readouterr().err
    assert not list(output.parent.iterdir())


def drawn_channels(cleaned, monkeypatch, *options):
    """What the first cell's pictures were made of, and the words of the legend."""
    cuts = []

    def watched(cells, images, look, finish, **others):
        return pictures(cells, images, look, lambda cut: [cuts.append(cut), finish(cut)][1])

    monkeypatch.setattr("cellsieve.look.plots.pictures", watched)
    figure = cs.plot_gallery(
        cs.read_table(cleaned), cleaned.with_suffix(".images.csv"), "all", **dict(options)
    )
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    cut = min(cuts, key=lambda cut: cut.row)
    return cut, texts[: len(cut.planes)]


def quarter(cut, plane):
    """Which quarter of its cell is bright: the number of the channel."""
    rows, columns = np.nonzero((plane.pixels > 100) & cut.own)
    middle = [(each.min() + each.max()) / 2 for each in np.nonzero(cut.own)]
    return int(2 * (rows.mean() > middle[0]) + (columns.mean() > middle[1]))


@pytest.mark.parametrize(
    ("kind", "asked", "shown"),
    [
        ("ome", "GFP", {"GFP": 1}),
        ("ome", "1", {"1": 1}),
        ("ome", "DAPI,GFP", {"DAPI": 0, "GFP": 1}),
        ("rgb", "green", {"green": 1}),
        ("rgb", "blue,red", {"blue": 2, "red": 0}),
        ("gray", "gray", {"gray": 0}),
        ("gray", "image", {"image": 0}),
    ],
    indirect=["kind"],
)
def test_a_gallery_shows_the_channels_that_were_asked_for(cleaned, asked, shown, monkeypatch):
    cut, legend = drawn_channels(cleaned, monkeypatch, ("channels", asked.split(",")))
    assert {plane.name: quarter(cut, plane) for plane in cut.planes} == shown
    assert legend == list(shown)


@pytest.mark.parametrize("kind", ["ome"], indirect=True)
@pytest.mark.parametrize(
    ("column", "shown"),
    [("fraction_GFP", {"GFP": 1}), ("fraction_DAPI", {"DAPI": 0}), ("area", {"DAPI": 0})],
)
def test_by_default_that_of_the_shown_column(cleaned, column, shown, monkeypatch, tmp_path):
    cut, legend = drawn_channels(cleaned, monkeypatch, ("column", column))
    assert {plane.name: quarter(cut, plane) for plane in cut.planes} == shown
    assert legend == list(shown)
    cs.report(cleaned, tmp_path / "r.html", column=column, progress=False)
    assert f"Pictures: {legend[0]};" in (tmp_path / "r.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", ["rgb"], indirect=True)
def test_by_default_a_colour_image_is_shown_as_it_is(cleaned, monkeypatch):
    cut, legend = drawn_channels(cleaned, monkeypatch)
    assert [plane.pixels.shape[2] for plane in cut.planes] == [3]
    assert legend == ["image"]


@pytest.mark.parametrize("kind", ["ome"], indirect=True)
def test_report_and_notebook_show_the_channels_that_were_asked_for(cleaned, tmp_path):
    assert main(["report", str(cleaned), "--channels", "GFP", "-o", str(tmp_path / "r.html")]) == 0
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "Pictures: GFP;" in page
    images = cleaned.with_suffix(".images.csv")
    table = cs.read_table(cleaned)
    html = [cs.show_cells(table, images, channels=[name])._html for name in ("DAPI", "GFP")]
    assert html[0] != html[1]
    with pytest.raises(ValueError, match="found GPF; the images have DAPI or 0, GFP or 1"):
        cs.show_cells(table, images, channels=["GPF"])


@pytest.mark.parametrize("kind", ["rgb"], indirect=True)
def test_an_image_without_a_channel_that_others_have_is_told_apart(cleaned, data, tmp_path, capsys):
    """The gray image gives no picture and no crop under the name of a colour."""
    cs.write_png(data / "a.img.png", np.full((40, 60), 99, np.uint8))
    table, images = cs.read_table(cleaned), image_table(cleaned.with_suffix(".images.csv"))
    made = pictures(table, images, Look(("blue",)), lambda cut: cut)
    of_gray = (table["image_id"] == "a").tolist()
    assert [picture.made is None for picture in made] == of_gray
    assert all(
        re.search(r'a\.img\.png: has the channels gray; found no "blue"', picture.problem)
        for picture, gray in zip(made, of_gray, strict=True)
        if gray
    )
    assert main(["crops", str(cleaned), "--channels", "blue", "-o", str(tmp_path / "q")]) == 1
    index = cs.read_table(tmp_path / "q" / "index.csv")
    assert index["image_id"].tolist() == ["b", "b"]


def test_channels_of_real_nuclei(real_data, tmp_path, capsys):
    data = real_data / "masks" / "dsb2018"
    patterns = ["--image-pattern", "{id}_gray.png", "--mask-pattern", "{id}_label.png"]
    measured = ["measure", str(data), "--masks", str(data), *patterns]
    assert main([*measured, "--channels", "gren", "-o", str(tmp_path / "a.csv")]) == 2
    assert "found gren; the images have image or gray" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    assert main([*measured, "-o", str(tmp_path / "a.csv")]) == 0
    crops = ["crops", str(tmp_path / "a.csv"), "--all-cells", "-o", str(tmp_path / "q")]
    assert main([*crops, "--channels", "blu"]) == 2
    assert "found blu; the images have image or gray" in capsys.readouterr().err
    assert main([*crops, "--channels", "gray"]) == 0
