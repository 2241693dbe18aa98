"""What a notebook shows of a cell table."""

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import cellsieve as cs


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("notebook")
    images = cs.make_demo_set(folder, size=160)
    cs.measure_to(images, folder / "cells.csv", "green", progress=False)
    cs.clean_to([folder / "cells.csv"], folder / "clean.csv", [cs.Rule(lower=0.1, upper=0.9)])
    return folder


def test_cells_are_shown_with_pictures_values_and_verdicts(demo: Path) -> None:
    clean = cs.read_table(demo / "clean.csv")
    view = cs.show_cells(clean, demo / "clean.images.csv", "low", 5, columns=["area"])
    assert (view.cells["fraction"] < view.cells["lower_limit"]).all()
    html = view._repr_html_()
    pictures = re.findall(r'src="data:image/webp;base64,([^"]+)"', html)
    assert len(pictures) == len(view.cells) == 5
    assert all(
        np.asarray(Image.open(io.BytesIO(base64.b64decode(each)))).max() for each in pictures
    )
    assert "<th>fraction</th><th>area</th><th>verdict</th>" in html
    assert html.count("dropped (too low)") == 5
    for area in view.cells["area"]:
        assert f"<td>{area:,}</td>" in html


def test_what_cannot_be_shown_is_said(demo: Path) -> None:
    clean = cs.read_table(demo / "clean.csv").assign(class_label="<b>")
    images = cs.read_image_table(demo / "clean.images.csv").assign(path_red="/nowhere/<i>.png")
    html = cs.show_cells(clean, images, n=1)._repr_html_()
    assert "/nowhere/&lt;i&gt;.png: No such file" in html
    assert "<td>&lt;b&gt;</td>" in html
    none = cs.show_cells(clean[clean["clean"]], images, "low")
    assert none.cells.empty
    assert "There are no such cells" in none._repr_html_()
