"""Every output says how it was made, and `cellsieve info` prints it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cellsieve as cs
from cellsieve.cli import main
from cellsieve.schema.record import MOST
from cellsieve.trial.demo_plates import run_plates_demo


def calls(path):
    return [step["call"] for step in cs.info(path)["made"]]


def said(capsys, *arguments):
    """What `info` prints, in one line, and its exit code."""
    code = main(["info", *map(str, arguments)])
    return " ".join(capsys.readouterr().out.split()), code


# ---- each kind of output ----


@pytest.mark.parametrize("extension", [".csv", ".csv.gz", ".parquet"])
def test_tables(small_set, small_images, capsys, extension):
    if extension == ".parquet":
        pytest.importorskip("pyarrow")
    cells, clean = small_set / f"cells{extension}", small_set / f"clean{extension}"
    cs.measure_to(small_images, cells, "green", quantile=0.9, progress=False)
    rules = [cs.Rule("area", 0.1, None, kind="value", name="debris")]
    cs.clean_to([cells], clean, rules)
    [measured] = cs.info(cells)["made"]
    assert measured["call"] == "measure"
    assert measured["version"] == cs.__version__
    assert measured["settings"]["quantile"] == 0.9
    assert measured["inputs"]["of"] == "images"
    assert measured["inputs"]["count"] == 6
    assert cs.info(clean)["made"][0] == measured
    assert calls(clean) == ["measure", "clean"]
    assert cs.info(clean)["made"][1]["inputs"]["count"] == len(cs.read_table(cells))
    assert cs.info(small_set / "cells.images.csv") == cs.info(cells)
    assert cs.info(small_set / "clean.images.csv") == cs.info(clean)

    text, code = said(capsys, clean)
    assert code == 0
    digest = measured["inputs"]["digest"]
    assert f"measure (cellsieve {cs.__version__}): 6 images ({digest[:19]})" in text
    assert "channel green, quantile 0.9" in text
    assert "convention" not in text  # it is the default
    assert "clean (cellsieve" in text
    assert "rule: debris" in text
    main(["info", str(cells), str(clean), "--json"])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    expected = [{"file": str(path), "record": cs.info(path)} for path in (cells, clean)]
    assert lines == expected


@pytest.mark.filterwarnings("ignore:area")
def test_in_memory_as_on_disk(small_images, small_set):
    cells = cs.measure_images(small_images, "green", progress=False)
    cs.measure_to(small_images, small_set / "cells.csv", "green", progress=False)
    assert cells.attrs["cellsieve"] == cs.info(small_set / "cells.csv")
    rule = [cs.Rule("area", 0.2, 0.8, min_group=2)]
    cs.clean_to([small_set / "cells.csv"], small_set / "clean.csv", rule)
    assert cs.clean(cells, rules=rule).attrs["cellsieve"] == cs.info(small_set / "clean.csv")


@pytest.mark.parametrize(
    ("call", "output", "options", "files"),
    [
        ("annotate", "a.json", {}, ["a.json", "a.json.images.csv"]),
        ("annotate", "b.json", {"format": "mmdet"}, ["b.json", "b.json.images.csv"]),
        ("annotate", "c.pkl", {}, ["c.pkl", "c.pkl.images.csv"]),
        ("annotate", "yolo", {"format": "yolo"}, ["yolo", "yolo/index.csv"]),
        ("masks", "masks_of", {}, ["masks_of", "masks_of/index.csv", "masks_of/index.images.csv"]),
        ("crops", "crops_of", {"size": 16, "channels": ["green"]}, ["crops_of"]),
    ],
)
def test_exports(small_set, clean_table, capsys, call, output, options, files):
    getattr(cs, call)(clean_table, small_set / output, progress=False, **options)
    for name in files:
        made = cs.info(small_set / name)["made"]
        assert [step["call"] for step in made] == ["measure", "clean", call]
        assert made[-1]["inputs"] == made[1]["inputs"]  # the same cells
        for option, value in options.items():
            assert made[-1]["settings"][option] in (value, [value, value])
        text, code = said(capsys, small_set / name)
        assert code == 0
        assert f"{call} (cellsieve {cs.__version__})" in text
    rules = cs.info(clean_table)["rules"]
    assert cs.info(small_set / files[0])["rules"] == rules


def test_annotations_are_read_no_further_than_their_record(small_set, clean_table):
    cs.annotate(clean_table, small_set / "a.json", progress=False)
    whole = (small_set / "a.json").read_bytes()
    assert json.loads(whole)["info"]["cellsieve"] == cs.info(small_set / "a.json")
    (small_set / "b.json").write_bytes(whole[: whole.index(b'\n"images"') + 30])
    assert cs.info(small_set / "b.json") == cs.info(small_set / "a.json")


def test_anndata(small_set, clean_table):
    pytest.importorskip("anndata")
    cs.export_to(clean_table, small_set / "clean.h5ad")
    assert calls(small_set / "clean.h5ad") == ["measure", "clean", "export"]
    other = cs.to_anndata(clean_table)
    del other.uns["cellsieve"]
    other.write_h5ad(small_set / "other.h5ad")
    assert cs.info(small_set / "other.h5ad") is None
    (small_set / "broken.h5ad").write_bytes(b"broken")
    with pytest.raises(ValueError, match=r"broken\.h5ad: not an \.h5ad file"):
        cs.info(small_set / "broken.h5ad")


def test_report(small_set, clean_table):
    pytest.importorskip("jinja2")
    table = cs.read_table(clean_table)
    hostile = '"></script><script>alert(1)'  # whatever stands in a record stays inert
    table["image_id"] = hostile
    table.attrs["cellsieve"]["made"][0]["settings"]["channel"] = hostile
    table["label"] = range(len(table))
    cs.report(table, small_set / "report.html", n=2, title="Mine")
    assert calls(small_set / "report.html") == ["measure", "clean", "report"]
    made = cs.info(small_set / "report.html")["made"]
    assert made[0]["settings"]["channel"] == hostile
    assert made[2]["settings"]["n"] == 2
    page = (small_set / "report.html").read_text()
    assert "alert(1)" in page
    assert "<script>alert(1)" not in page
    assert f"<li>clean (cellsieve {cs.__version__}): {len(table)} cells" in page


def test_plates(tmp_path, capsys):
    run_plates_demo(tmp_path)
    layout, test, scores = (
        str(tmp_path / f) for f in ("layout.json", "test.csv", "predictions.npy")
    )
    assert calls(layout) == ["plates fit"]
    assert cs.info(layout)["made"][0]["inputs"]["of"] == "wells"
    source = [layout, test, scores]
    out = {name: str(tmp_path / f"{name}.csv") for name in ("p", "g", "s", "d", "c", "r")}
    main(["plates", "infer", *source, "-o", out["p"], "--groups", out["g"], "--prior", "counts"])
    decode = ["plates", "decode", *source, "-o", out["s"], "--details", out["d"]]
    main([*decode, "--posterior", out["p"], "--method", "argmax"])
    main(["plates", "check", *source, "-o", out["c"], "--permutations", "20"])
    main(["plates", "score", *source, "-o", out["r"], "--truth", str(tmp_path / "truth.csv")])
    expected = {
        "p": ["plates fit", "plates infer"],
        "g": ["plates fit", "plates infer"],
        "s": ["plates fit", "plates infer", "plates decode"],
        "d": ["plates fit", "plates infer", "plates decode"],
        "c": ["plates fit", "plates check"],
        "r": ["plates fit", "plates score"],
    }
    assert {name: calls(path) for name, path in out.items()} == expected
    last = cs.info(out["d"])["made"][-1]
    assert last["settings"]["method"] == "argmax"
    assert last["settings"]["posterior"] == "p.csv"
    assert last["inputs"]["predictions"] == ["predictions.npy"]
    assert last["inputs"]["count"] == len(pd.read_csv(test))
    capsys.readouterr()
    text, code = said(capsys, out["p"])
    assert code == 0
    assert "prior counts" in text
    loaded = cs.PlateLayout.load(layout)
    loaded.save(tmp_path / "again.json")  # a layout keeps its record
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "layout.json").read_bytes()
    models = loaded.agreement(test, [scores, np.load(scores)])
    assert models.attrs["cellsieve"]["made"][-1]["call"] == "plates agreement"
    agree = cs.agreement(out["s"], out["s"])
    assert agree.attrs["cellsieve"]["made"][-1]["settings"] == {"a": "s.csv", "b": "s.csv"}


# ---- what it says ----


def test_no_folder_and_no_date_decides_the_digest(small_set, tmp_path_factory):
    other = tmp_path_factory.mktemp("elsewhere") / "set"
    shutil.copytree(small_set, other)
    found = []
    for folder, output in ((small_set, "cells.csv"), (other, "deep/er/cells.csv")):
        (folder / output).parent.mkdir(parents=True, exist_ok=True)
        images = cs.ImageSet.hpa(folder / "images", folder / "masks", folder / "train.csv")
        cs.measure_to(images, folder / output, "green", progress=False)
        found.append(cs.info(folder / output))
        assert str(folder) not in json.dumps(found[-1])
    assert found[0] == found[1]
    (other / "images" / "im0_green.png").rename(other / "images" / "im9_green.png")
    images = cs.ImageSet.hpa(other / "images", other / "masks", other / "train.csv")
    renamed = cs.measure_images(images, "green", progress=False, return_images=True)[0]
    step = renamed.attrs["cellsieve"]["made"][0]
    assert step["inputs"]["digest"] != found[0]["made"][0]["inputs"]["digest"]


@pytest.mark.parametrize("extension", [".csv", ".parquet"])
def test_shards_merged_and_a_run_resumed_have_the_record_of_an_unbroken_run(
    small_set, small_images, extension
):
    if extension == ".parquet":
        pytest.importorskip("pyarrow")
    whole = small_set / "whole" / f"cells{extension}"
    whole.parent.mkdir()
    cs.measure_to(small_images, whole, "green", progress=False)
    parts = []
    for number in (1, 2, 3):
        parts.append(small_set / f"{number}{extension}")
        shard = small_images.sharded(number, 3)
        cs.measure_to(shard, parts[-1], "green", progress=False)
        assert cs.info(parts[-1])["made"][0]["settings"]["shard"] == f"{number}/3"
    merged = small_set / "whole" / f"merged{extension}"
    cs.merge_to(parts, merged)
    assert cs.info(merged) == cs.info(whole)
    assert merged.read_bytes() == whole.read_bytes()
    record = whole.with_name("cells.record.json")
    assert record.exists() == (extension == ".csv")
    if record.exists():
        before = record.read_bytes()
        assert merged.with_name("merged.record.json").read_bytes() == before
        record.unlink()
    before_table = whole.read_bytes()
    cs.measure_to(small_images, whole, "green", progress=False, resume=True)
    assert whole.read_bytes() == before_table
    assert cs.info(whole) == cs.info(merged)
    if extension == ".csv":
        assert record.read_bytes() == before


def test_a_shard_that_says_nothing_leaves_the_whole_without_a_record(small_set, small_images):
    parts = [small_set / f"{number}.csv" for number in (1, 2)]
    for number, part in enumerate(parts, 1):
        cs.measure_to(small_images.sharded(number, 2), part, "green", progress=False)
    (small_set / "2.record.json").unlink()
    cs.merge_to(parts, small_set / "merged.csv")
    assert cs.info(small_set / "merged.csv") is None


def test_cleaning_again_replaces_the_step_and_parts_bring_theirs(small_set, small_images):
    halves = [small_set / f"{half}.csv" for half in "ab"]
    for half, rows in zip(halves, (range(3), range(3, 6)), strict=True):
        cs.measure_to(small_images.take(rows), half, "green", progress=False)
    rule = [cs.Rule("area", 0.2, 0.8, min_group=2)]
    cs.clean_to(halves, small_set / "clean.csv", rule)
    assert calls(small_set / "clean.csv") == ["measure", "measure", "clean"]
    cs.clean_to([small_set / "clean.csv"], small_set / "again.csv", rule)
    assert cs.info(small_set / "again.csv") == cs.info(small_set / "clean.csv")


# ---- none, and hostile ones ----


def test_files_without_a_record(small_set, clean_table, capsys):
    foreign = {"plain.csv": "a,b\n1,2\n", "list.json": "[1, 2]", "x.txt": "x", "page.html": "<p>x"}
    foreign |= {"coco.json": '{"info": {"year": 2026}, "images": []}', "broken.json": '{"info": {'}
    for name, text in foreign.items():
        (small_set / name).write_text(text)
        assert cs.info(small_set / name) is None
    assert cs.info(small_set / "images") is None
    text, code = said(capsys, small_set / "plain.csv", clean_table)
    assert code == 1  # and the other is printed all the same
    assert "plain.csv: does not say how it was made" in text
    assert "clean (cellsieve" in text
    assert main(["info", str(small_set / "absent.csv")]) == 2
    assert "absent.csv: No such file" in capsys.readouterr().err


def test_an_older_parquet_table(tmp_path):
    pytest.importorskip("pyarrow")
    pd.DataFrame({"image_id": ["a"], "label": [1], "fraction": [0.5]}).to_parquet(
        tmp_path / "old.parquet"
    )
    assert cs.info(tmp_path / "old.parquet") is None
    cs.clean_to(
        [tmp_path / "old.parquet"],
        tmp_path / "clean.parquet",
        [cs.Rule(lower=0.1, upper=None, by=None)],
    )
    assert calls(tmp_path / "clean.parquet") == ["clean"]


HOSTILE = {
    "not JSON": b"{",
    "nested": b"[" * 200_000,
    "huge": b'{"made": "' + b"x" * MOST + b'"}',
    "a number": b"1" * 5000,
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("form", ["csv", "parquet", "html", "h5ad"])
def test_what_is_no_record_is_refused_in_one_sentence(tmp_path, capsys, kind, form):
    text, path = HOSTILE[kind], tmp_path / f"cells.{form}"
    if form == "csv":
        path.write_text("image_id,label\na,1\n")
        (tmp_path / "cells.record.json").write_bytes(text)
    elif form == "parquet":
        arrow = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        table = arrow.table({"label": [1]}).replace_schema_metadata({b"cellsieve": text})
        parquet.write_table(table, path)
    elif form == "html":
        path.write_bytes(
            b'<meta name="cellsieve-record" content="' + text.replace(b'"', b"&#34;") + b'">'
        )
    else:
        h5py = pytest.importorskip("h5py")
        with h5py.File(path, "w") as file:
            file["uns/cellsieve"] = text
    assert main(["info", str(path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("cellsieve: error: ")
    assert "not a record" in error
    assert len(error.splitlines()) == 1
    assert len(error) < 500


@pytest.mark.parametrize(
    "record",
    [
        [],
        {"made": 1},
        {"made": []},
        {"made": [1]},
        {"made": [{"call": "measure"}]},
        {"made": [{"call": [], "version": "1", "settings": {}, "inputs": {}}]},
    ],
)
def test_a_record_of_another_form_is_none(tmp_path, record):
    (tmp_path / "cells.csv").write_text("image_id,label,fraction\na,1,0.5\n")
    (tmp_path / "cells.record.json").write_text(json.dumps(record))
    assert cs.info(tmp_path / "cells.csv") is None
    cs.clean_to(
        [tmp_path / "cells.csv"], tmp_path / "clean.csv", [cs.Rule(lower=0.1, upper=None, by=None)]
    )
    assert calls(tmp_path / "clean.csv") == ["clean"]


def test_what_is_printed_moves_no_cursor(tmp_path, capsys):
    step = {"call": "\x1b[2Jx", "version": "1\n2", "settings": {"a": "\x1b]0;x\x07" + "y" * 9999}}
    record = {
        "made": [{**step, "inputs": {"of": "\x9bx", "digest": 3}}],
        "rules": "x",
        "by_hand": 1,
    }
    (tmp_path / "cells.csv").write_text("image_id,label\na,1\n")
    (tmp_path / "cells.record.json").write_text(json.dumps(record))
    assert main(["info", str(tmp_path / "cells.csv")]) == 0
    text = capsys.readouterr().out
    assert all(sign.isprintable() for line in text.split("\n") for sign in line)
    assert len(text) < 1000


def test_passwords_get_nowhere(small_set, small_images):
    table = small_images.table.assign(path_mask="https://me:secret@host/mask.png")
    with pytest.raises(ValueError, match="holds a password or a key"):
        cs.ImageSet.from_table(table)
    folder = Path(run_folder(small_set))
    scores = "https://me:secret@host/predictions.npy"
    with pytest.raises(ValueError, match="holds a password or a key") as refused:
        cs.PlateLayout.load(folder / "layout.json").infer(folder / "test.csv", scores)
    assert "secret" not in str(refused.value)


def run_folder(small_set):
    run_plates_demo(small_set / "plates")
    return small_set / "plates"
