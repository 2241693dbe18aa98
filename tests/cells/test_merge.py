"""Shards: measured apart, put together as if they had never been divided."""

import re

import numpy as np
import pandas as pd
import pytest

import cellsieve as cs
from cellsieve.cli import main


@pytest.fixture
def arguments(small_set):
    """An image that fails, one without a mask, one of two classes; and a number as an id."""
    (small_set / "images" / "im1_green.png").write_bytes(b"broken")
    (small_set / "masks" / "im2.npz").unlink()
    for path in [*small_set.glob("*/im3*")]:
        path.rename(path.with_name(path.name.replace("im3", "007")))
    return [
        *("measure", str(small_set / "images"), "--masks", str(small_set / "masks"), "-q"),
        *("--labels", str(small_set / "train.csv"), "--channels", "green"),
    ]


def shards(folder, arguments, of, extension):
    """The tables of all shards, in a folder of their own."""
    (folder / "shards").mkdir(exist_ok=True)
    parts = [folder / "shards" / f"part{number}{extension}" for number in range(1, of + 1)]
    for number, part in enumerate(parts, 1):
        assert main([*arguments, "--shard", f"{number}/{of}", "-o", str(part)]) in (0, 1)
    return parts


def both(table):
    images = table.with_name(re.sub(r"\.(csv|csv\.gz|parquet)$", ".images.csv", table.name))
    return table.read_bytes(), images.read_bytes()


@pytest.mark.parametrize("of", [2, 12])
@pytest.mark.parametrize(
    ("extension", "options"),
    [(".csv", []), (".csv.gz", ["--rle"]), (".parquet", ["--properties", "shape,intensity"])],
)
def test_the_bytes_of_an_undivided_run(small_set, arguments, of, extension, options):
    if extension == ".parquet":
        pytest.importorskip("pyarrow", reason="needs the extra parquet")
    arguments += options
    whole, merged = small_set / f"whole{extension}", small_set / f"merged{extension}"
    assert main([*arguments, "-o", str(whole)]) == 1
    parts = shards(small_set, arguments, of, extension)
    sizes = [len(cs.read_image_table(small_set / "shards" / f"part{n + 1}.images.csv"))
             for n in range(of)]  # fmt: skip
    assert sum(sizes) == 6
    if of == 12:
        assert 0 in sizes
    assert main(["merge", *map(str, reversed(parts)), "-o", str(merged), "-q"]) == 0
    assert both(merged) == both(whole)
    # It is a finished run: what failed is tried again, the rest is not.
    assert main([*arguments, "-o", str(merged), "--resume"]) == 1
    assert both(merged) == both(whole)


def test_pieces_that_end_anywhere(tmp_path, monkeypatch, rng):
    """Tables are read a few rows at a time, which may end within an image."""
    monkeypatch.setattr(cs.cells.merge, "ROWS_OF_ALL", 7)
    monkeypatch.setattr(cs.cells.merge, "ROWS_OF_EACH", 3)
    (tmp_path / "files").mkdir()
    for number in range(40):
        mask = rng.permutation(20).reshape(4, 5)[: rng.integers(1, 5)].astype(np.uint8)
        if number % 7 == 0:
            mask[:] = 0
        cs.write_png(tmp_path / "files" / f"{number}_m.png", mask)
        cs.write_png(tmp_path / "files" / f"{number}.png", mask * 3)
    images = cs.ImageSet.from_patterns(
        f"{tmp_path}/files/{{id}}.png", f"{tmp_path}/files/{{id}}_m.png"
    )
    cs.measure_to(images, tmp_path / "whole.csv", progress=False)
    parts = [tmp_path / f"part{number}.csv" for number in range(1, 6)]
    for number, part in enumerate(parts, 1):
        cs.measure_to(images.sharded(number, 5), part, progress=False)
    cs.merge_to(parts, tmp_path / "merged.csv")
    assert both(tmp_path / "merged.csv") == both(tmp_path / "whole.csv")
    assert len(cs.read_table(tmp_path / "merged.csv")) > 200


def test_an_image_stays_in_its_shard(small_images):
    """Whatever others there are, so that files that come or go in between move nothing."""
    of_all = {name: number for number in range(1, 4)
              for name in small_images.sharded(number, 3).table["image_id"]}  # fmt: skip
    assert len(of_all) == len(small_images)
    few = small_images.take([1, 3, 5])
    of_few = {name: number for number in range(1, 4)
              for name in few.sharded(number, 3).table["image_id"]}  # fmt: skip
    assert of_few == {name: of_all[name] for name in few.table["image_id"]}
    # These numbers are written down: another version must not divide otherwise.
    assert of_all == EXPECTED


EXPECTED = {"im0": 1, "im1": 1, "im2": 1, "im3": 1, "im4": 1, "im5": 3}


def test_shards_are_of_about_one_size():
    frame = pd.DataFrame({"image_id": [f"P1+A{n:05}" for n in range(8000)]})
    images = cs.ImageSet.from_table(frame.assign(path_mask="m.png", path_green="g.png"))
    sizes = [len(images.sharded(number, 16)) for number in range(1, 17)]
    assert sum(sizes) == 8000
    assert max(sizes) < 1.2 * min(sizes)


@pytest.mark.parametrize("shard", [(0, 3), (4, 3), (1, 0)])
def test_there_is_no_such_shard(small_images, shard, capsys):
    with pytest.raises(ValueError, match=r"shard: found .*; expected 1/"):
        small_images.sharded(*shard)
    with pytest.raises(SystemExit):
        main(["measure", "x", "--masks", "m", "-o", "c.csv", "--shard", "{}/{}".format(*shard)])
    assert "expected as 1/16 to 16/16" in capsys.readouterr().err


def test_another_shard_does_not_resume(small_set, arguments, capsys):
    output = ["-o", str(small_set / "part.csv")]
    main([*arguments, *output, "--shard", "1/2"])
    capsys.readouterr()
    assert main([*arguments, *output, "--shard", "2/2", "--resume"]) == 2
    assert "shard was 1/2, now 2/2" in capsys.readouterr().err
    assert main([*arguments, *output, "--resume"]) == 2
    assert "shard was 1/2, now not given" in capsys.readouterr().err


def test_what_does_not_belong_together_is_refused(small_set, arguments, capsys):
    parts = shards(small_set, arguments, 3, ".csv")
    one, two, three = map(str, parts)
    other = str(small_set / "shards" / "other.csv")
    main([*arguments, "--shard", "3/3", "--quantile", "0.5", "-o", other])
    whole = str(small_set / "shards" / "whole.csv")
    main([*arguments, "-o", whole])
    shape = str(small_set / "shards" / "shape.csv")
    main([*arguments, "--shard", "3/3", "--properties", "shape", "-o", shape])
    cleaned = str(small_set / "shards" / "clean.csv")
    cs.clean_to([three], cleaned, [cs.Rule("area", 0.1)], "own", min_group=1)
    lone = str(small_set / "shards" / "lone.csv")
    cs.write_table(cs.read_table(three), lone)
    capsys.readouterr()
    for tables, said in (
        ([one, two], "expected each of 3 shards once; not among them: 2/3, 3/3"),
        ([one, two, two], "part2.csv: is given twice"),
        ([one, two, whole], "duplicate image ids"),
        ([one, two, other], "quantile was 0.99 there, 0.5 here"),
        ([one, two, shape], "shape.csv: differs from"),
        ([one, two, cleaned], "not yet cleaned"),
        ([one, two, lone], "lone.images.csv: No such file or directory"),
        ([one, two, "nowhere.csv"], "nowhere.csv: No such file or directory"),
        ([one, two, str(small_set / "merged.csv")], "merged.csv: is the output"),
        ([one, two, str(small_set / "p.parquet")], "p.parquet: expected a CSV table"),
    ):
        assert main(["merge", *tables, "-o", str(small_set / "merged.csv")]) == 2, tables
        found = capsys.readouterr().err
        assert said in found
        assert found.count("\n") == 1
        assert not list(small_set.glob("merged*"))
    (small_set / "shards" / "part3.csv.parts").mkdir()
    assert main(["merge", one, two, three, "-o", str(small_set / "merged.csv")]) == 2
    assert "part3.csv: is not finished" in capsys.readouterr().err
    (small_set / "shards" / "part3.csv.parts").rmdir()
    assert main(["merge", one, two, three, "-o", str(small_set / "merged.csv")]) == 0
    assert main(["merge", one, two, three, "-o", str(small_set / "merged.csv")]) == 2
    assert "overwrite (--overwrite) to replace it" in capsys.readouterr().err


@pytest.mark.parametrize("change", [lambda t: t.iloc[::-1], lambda t: t.iloc[:-1]])
def test_tables_that_something_else_has_changed(small_set, arguments, change, capsys):
    parts = shards(small_set, arguments, 1, ".csv")
    cs.write_table(change(cs.read_table(parts[0])), parts[0])
    assert main(["merge", str(parts[0]), "-o", str(small_set / "merged.csv")]) == 2
    assert re.search("not in the order of their images|but their image tables say",
                     capsys.readouterr().err)  # fmt: skip
    assert not list(small_set.glob("merged*"))
