"""The table for MultiQC: its form, its numbers, and what MultiQC makes of it."""

import json
import shutil
import subprocess

import pandas as pd
import pytest

import cellsieve as cs
from cellsieve.cli import main


@pytest.fixture(scope="module")
def cleaned(tmp_path_factory):
    """The folder of a cleaned set of two plates, one image of which could not be measured."""
    folder = tmp_path_factory.mktemp("multiqc")
    images = cs.make_demo_set(folder, size=160)
    table = images.table.drop(columns="problem")
    table["plate"] = [f"P{1 + (number % 2)}" for number in range(len(table))]
    broken = folder / "broken.png"
    broken.write_bytes(b"broken")
    table.loc[table.index[-1], "path_green"] = str(broken)
    images = cs.ImageSet.from_table(table, parts=["plate"])
    cs.measure_to(images, folder / "cells.csv", "green", progress=False)
    rules = [cs.Rule(lower=0.2, upper=0.8), cs.Rule("area", 0.3, name="tiny", flag=True)]
    cs.clean_to([folder / "cells.csv"], folder / "clean.csv", rules)
    return folder


def parsed(path):
    """The settings and the table of a file."""
    lines = path.read_text().splitlines()
    heads = [line[2:].split(": ", 1) for line in lines if line.startswith("# ")]
    settings = {name: json.loads(value) for name, value in heads}
    names, *rows = [line.split("\t") for line in lines if not line.startswith("#")]
    table = pd.DataFrame(rows, columns=names).set_index("group")
    table.index = table.index.str.strip('"')
    return settings, table


def test_a_row_for_each_plate(cleaned, tmp_path):
    path = cs.write_multiqc(cleaned / "clean.csv", tmp_path)
    assert path == tmp_path / "cellsieve_mqc.tsv"
    settings, table = parsed(path)
    assert (settings["id"], settings["plot_type"]) == ("cellsieve", "table")
    assert list(settings["headers"]) == list(table.columns)
    assert table.index.tolist() == ["P1", "P2"]
    clean = cs.read_table(cleaned / "clean.csv")
    images = cs.read_image_table(cleaned / "clean.images.csv")
    for plate, row in table.iterrows():
        cells = clean[clean["plate"] == plate]
        unjudged = cells["reason"].fillna("").str.contains("label|small_group|unmeasured")
        assert int(row["cells"]) == len(cells)
        assert int(row["kept"]) == cells["clean"].sum() > 0
        assert int(row["not_judged"]) == (unjudged & ~cells["clean"]).sum()
        parts = [int(row[name]) for name in ("kept", "dropped", "not_judged")]
        assert sum(parts) == len(cells)
        assert int(row["flagged"]) == (cells["clean"] & (cells["flagged"] == "tiny")).sum() > 0
        assert float(row["kept_percent"]) == pytest.approx(100 * parts[0] / len(cells), rel=1e-3)
        assert int(row["images"]) == (images["plate"] == plate).sum()
    assert sorted(table["failed"].astype(int)) == [0, 1]
    assert table["not_judged"].astype(int).sum() > 0


def test_other_groups(cleaned, tmp_path):
    table = cs.read_table(cleaned / "clean.csv")
    by_image = cs.write_multiqc(
        table, tmp_path, images=cleaned / "clean.images.csv", by=["image_id"]
    )
    rows = parsed(by_image)[1]
    failed = rows[rows["failed"] == "1"]
    assert failed["cells"].tolist() == ["0"]  # an image without cells has a row
    assert failed["kept_percent"].tolist() == [""]
    assert len(rows) == len(cs.read_image_table(cleaned / "clean.images.csv"))
    with pytest.raises(FileExistsError, match=r"cellsieve_mqc\.tsv exists"):
        cs.write_multiqc(table, tmp_path)
    rows = parsed(cs.write_multiqc(table.drop(columns="plate"), tmp_path, overwrite=True))[1]
    assert rows.index.tolist() == ["all cells"]
    assert "failed" not in rows  # nobody knows
    with pytest.raises(
        ValueError, match="the image table: has no column well_class to make groups"
    ):
        cs.write_multiqc(
            table.assign(well_class=1), tmp_path, images=cleaned / "clean.images.csv",
            by=["well_class"], overwrite=True,
        )  # fmt: skip
    with pytest.raises(ValueError, match="has no column clean, reason; expected a cleaned table"):
        cs.write_multiqc(cleaned / "cells.csv", tmp_path, overwrite=True)
    empty = parsed(cs.write_multiqc(table[:0], tmp_path, by=[], overwrite=True))[1]
    assert empty["cells"].tolist() == ["0"]


def test_the_command(cleaned, tmp_path, capsys):
    command = ["report", str(cleaned / "clean.csv")]
    assert main([*command, "--multiqc", str(tmp_path / "qc")]) == 0
    assert parsed(tmp_path / "qc" / "cellsieve_mqc.tsv")[1].index.tolist() == ["P1", "P2"]
    assert not list(tmp_path.glob("*.html"))
    assert main([*command, "--multiqc", str(tmp_path / "qc")]) == 2
    page = str(tmp_path / "page.html")
    both = ["--multiqc", str(tmp_path / "qc"), "--multiqc-by", "class_label", "-o", page]
    assert main([*command, *both, "--overwrite"]) == 0
    assert "0" in parsed(tmp_path / "qc" / "cellsieve_mqc.tsv")[1].index
    assert "</html>" in (tmp_path / "page.html").read_text()
    capsys.readouterr()
    assert main(command) == 2
    assert "expected a page to write (-o), or a folder (--multiqc)" in capsys.readouterr().err
    assert main([*command, "--multiqc-by", "plate", "-o", page, "--overwrite"]) == 2


def test_multiqc_makes_a_section_of_it(cleaned, tmp_path):
    multiqc = shutil.which("multiqc")
    if multiqc is None:
        pytest.skip("MultiQC is not installed")
    cs.write_multiqc(cleaned / "clean.csv", tmp_path)
    found = subprocess.run(
        [multiqc, str(tmp_path), "-o", str(tmp_path / "out"), "--strict", "--no-ai"],
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stderr
    data = json.loads((tmp_path / "out" / "multiqc_data" / "multiqc_data.json").read_text())
    rows = parsed(tmp_path / "cellsieve_mqc.tsv")[1]
    [section] = [
        each for name, each in data["report_saved_raw_data"].items() if "cellsieve" in name
    ]
    assert {name: int(row["kept"]) for name, row in section.items()} == {
        name: int(row["kept"]) for name, row in rows.iterrows()
    }
