"""Numbers agree with their nouns."""

import re

import numpy as np
import pandas as pd
import pytest

import cellsieve as cs
from cellsieve.cli import main
from cellsieve.schema.words import count


def test_count():
    assert [count(number, "cell") for number in (0, 1, 2)] == ["0 cells", "1 cell", "2 cells"]
    assert count(1, "mark names", "marks name") == "1 mark names"
    assert count(np.int64(3), "mark names", "marks name") == "3 marks name"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda: cs.rename_columns(pd.DataFrame(), "mine"),
            "columns: found 'mine'; expected 'cellsieve', 'skimage', 'cellprofiler' or 'notebook'",
        ),
        (
            lambda: cs.measure(np.eye(2, dtype=int), np.eye(2), convention=None),
            "convention: found None; expected 'cellsieve' or 'notebook'",
        ),
        (
            lambda: cs.Rule(kind="v"),
            "kind: found 'v'; expected 'percentile', 'value', 'ratio', 'mad' or 'zscore'",
        ),
        (lambda: cs.Rule(multi=0), "multi: found 0; expected 'skip', 'explode' or 'own'"),
        (
            lambda: cs.encode_rle([[1]], form="COCO"),
            "form: found 'COCO'; expected 'compressed', 'uncompressed' or 'hpa'",
        ),
        (
            lambda: cs.annotate("a.csv", "a.json", multi="all"),
            "multi: found 'all'; expected 'each' or 'one'",
        ),
        (
            lambda: cs.annotate("a.csv", "a.json", picture=["png"]),
            "picture: found ['png']; expected 'png' or 'jpg'",
        ),
    ],
)
def test_a_word_that_is_no_choice_is_told_all_of_them(call, said):
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        call()


@pytest.fixture
def one_image(tmp_path):
    """One image of one cell."""
    mask = np.zeros((8, 9), np.uint8)
    mask[2:5, 3:6] = 7
    np.save(tmp_path / "a.npy", mask)
    cs.write_png(tmp_path / "a_green.png", mask)
    return tmp_path


def run(*arguments):
    return main([str(argument) for argument in arguments])


def test_one_of_everything(one_image, capsys):
    cells, clean = one_image / "cells.csv", one_image / "clean.csv"
    (one_image / "labels.csv").write_text("ID,Label\na,0\n")
    source = (one_image, "--masks", one_image, "--mask-pattern", "{id}.npy")
    source += ("--labels", one_image / "labels.csv")
    assert run("measure", *source, "-o", cells) == 0
    assert "1 cell of 1 image, channel green" in capsys.readouterr().out
    run("clean", cells, "--by", "none", "--min-group", 1, "-o", clean)
    for command, said in (("annotate", "annotated"), ("crops", "cut out"), ("masks", "written")):
        capsys.readouterr()
        output = one_image / (command + (".json" if command == "annotate" else ""))
        assert run(command, clean, "-o", output) == 0
        what = "mask" if command == "masks" else "cell"
        assert f"1 {what} of 1 image {said}: " in capsys.readouterr().out
    np.save(one_image / "a.npy", np.eye(8, 9, dtype=np.uint8))
    assert run("annotate", clean, "-o", one_image / "again.json") == 1
    said = capsys.readouterr().err
    assert said.startswith("1 image failed:\n")
    assert "a.npy: 1 cell of the table is not in it; the first has the label 7" in said


def test_one_image_that_is_not_measured(one_image):
    (one_image / "a.npy").write_bytes(b"\x93NUMPY")
    images = cs.ImageSet.from_patterns(
        f"{one_image}/{{id}}_{{channel}}.png", f"{one_image}/*{{id}}.npy"
    )
    with pytest.warns(UserWarning, match="^1 of 1 image was not measured; the first is a: "):
        cs.measure_images(images, "green", progress=False)
