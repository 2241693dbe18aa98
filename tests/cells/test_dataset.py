"""Data sets: in parallel, in memory and to disk, resumable, with a ledger of what failed."""

import gzip
import os
import subprocess
import sys
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from itertools import product

import numpy as np
import pandas as pd
import pytest

import cellsieve as cs
from cellsieve.cells import dataset
from cellsieve.cells.settings import Settings
from cellsieve.schema.text import STRING
from conftest import blobs


def test_equals_one_image_at_a_time(small_images):
    cells, images = cs.measure_images(small_images, "green", return_images=True)
    expected = []
    for row in small_images.table.itertuples():
        one = cs.measure(cs.read_mask(row.path_mask), cs.read_image(row.path_green))
        one.insert(0, "image_id", row.image_id)
        one.insert(1, "class_label", row.class_label)
        expected.append(one)
    expected = pd.concat(expected, ignore_index=True).astype(
        {"image_id": STRING, "class_label": STRING}
    )
    pd.testing.assert_frame_equal(cells, expected, check_exact=True)
    assert images["status"].tolist() == ["measured"] * 6
    assert images["cells"].tolist() == cells.groupby("image_id").size().tolist()
    assert images["height"].tolist() == [40] * 6
    assert (images["quantile"] == 0.99).all()


@pytest.mark.parametrize(
    "options", [{"quantile": 0.5}, {"threshold": 7.5}, {"convention": "notebook"}]
)
def test_settings_reach_the_kernel(small_images, options):
    cells = cs.measure_images(small_images, "red", **options)
    row = small_images.table.iloc[2]
    expected = cs.measure(cs.read_mask(row["path_mask"]), cs.read_image(row["path_red"]), **options)
    found = cells[cells["image_id"] == row["image_id"]].reset_index(drop=True)
    assert found[expected.columns].equals(expected)


class Counting(Executor):
    """Runs at once, and counts how much is waiting to be taken."""

    def __init__(self):
        self.tasks = 0

    def submit(self, function, *arguments):
        self.tasks += 1
        future = Future()
        future.set_result(function(*arguments))
        return future


def test_any_executor(small_images):
    expected = cs.measure_images(small_images, "green", jobs=1)
    with ProcessPoolExecutor(2) as pool:  # tasks and results must be picklable
        assert cs.measure_images(small_images, "green", executor=pool).equals(expected)
    counting = Counting()
    assert cs.measure_images(small_images, "green", executor=counting).equals(expected)
    assert counting.tasks > 1


def break_some(folder):
    """A mask that is missing, one of another size, one of fractions, a broken image, an orphan."""
    (folder / "masks" / "im0.npz").unlink()
    np.savez(folder / "masks" / "im1.npz", np.zeros((3, 4), int))
    np.savez(folder / "masks" / "im2.npz", np.zeros((40, 50)))
    (folder / "images" / "im3_green.png").write_bytes(b"broken")
    np.savez(folder / "masks" / "orphan.npz", np.zeros((3, 4), int))
    np.savez(folder / "masks" / "im5.npz", np.ones((40, 50), np.uint8))


def test_what_is_wrong_stands_in_the_image_table_and_the_rest_goes_on(small_set):
    break_some(small_set)
    images = cs.ImageSet.hpa(small_set / "images", small_set / "masks", small_set / "train.csv")
    cells, table = cs.measure_images(images, "green", return_images=True)
    table = table.set_index("image_id")
    status = ["no_mask", "failed", "failed", "failed", "measured", "no_background", "no_image"]
    assert table["status"].tolist() == status
    assert "40 x 50 pixels, its mask 3 x 4" in table.loc["im1", "error"]
    assert "im2.npz: dtype float64" in table.loc["im2", "error"]
    assert "im3_green.png: not a readable PNG" in table.loc["im3", "error"]
    assert "no background" in table.loc["im5", "warning"]
    assert set(cells["image_id"]) == {"im4", "im5"}
    assert cells.loc[cells["image_id"] == "im5", "fraction"].isna().all()
    with pytest.warns(UserWarning, match="5 of 7 images were not measured; the first is im0"):
        cs.measure_images(images, "green")


def test_duplicates_are_listed_and_not_measured(small_images):
    frame = pd.concat([small_images.table, small_images.table.iloc[[1]]])
    cells, table = cs.measure_images(cs.ImageSet.from_table(frame), "green", return_images=True)
    assert table["status"].value_counts().to_dict() == {"measured": 5, "unusable": 2}
    assert "im1" not in set(cells["image_id"])


def test_no_such_channel(small_images):
    with pytest.raises(ValueError, match="found 'blue'; the images have the channels green, red"):
        cs.measure_images(small_images, "blue")


def test_nothing_to_measure(small_images):
    images = cs.ImageSet(small_images.table.iloc[:0])
    cells, table = cs.measure_images(images, "green", return_images=True)
    assert cells.empty
    assert table.empty
    assert cells["fraction"].dtype == np.float64


EXTENSIONS = [".csv", ".csv.gz", ".parquet"]


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_to_disk(small_images, tmp_path, extension):
    output = tmp_path / f"cells{extension}"
    images = cs.measure_to(small_images, output, "green")
    expected, table = cs.measure_images(small_images, "green", return_images=True)
    found = cs.read_table(output).astype({"area_above": "Int64"})
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    pd.testing.assert_frame_equal(images, table)
    again = cs.read_table(tmp_path / "cells.images.csv")
    assert again["image_id"].tolist() == table["image_id"].tolist()
    assert again["threshold"].tolist() == table["threshold"].tolist()
    assert sorted(path.name for path in tmp_path.glob("*cells*")) == sorted(
        [output.name, "cells.images.csv"]
        + (["cells.record.json"] if extension != ".parquet" else [])
    )


def bytes_of(folder):
    """What a run has left: every file beside the data set."""
    return {path.name: path.read_bytes() for path in folder.glob("cells*")}


class StopAfter(Counting):
    """An executor that is interrupted after some tasks."""

    def __init__(self, tasks):
        super().__init__()
        self.left = tasks

    def submit(self, function, *arguments):
        if self.left == 0:
            raise KeyboardInterrupt
        self.left -= 1
        return super().submit(function, *arguments)


@pytest.mark.parametrize("extension", EXTENSIONS)
@pytest.mark.parametrize("tasks", [0, 1, 4])
def test_a_stopped_run_resumes_to_the_same_bytes(small_images, tmp_path, extension, tasks):
    output = tmp_path / f"cells{extension}"
    cs.measure_to(small_images, output, "green")
    unbroken = bytes_of(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        cs.measure_to(
            small_images, output, "green", executor=StopAfter(tasks), jobs=1, overwrite=True
        )
    assert not output.exists()
    counting = Counting()
    cs.measure_to(small_images, output, "green", executor=counting, jobs=1, resume=True)
    assert bytes_of(tmp_path) == unbroken
    # What went through the first time is not done again. (A stop loses what is in flight.)
    assert counting.tasks <= 6 - max(0, tasks - 2)


KILLED = """
import sys, time
import cellsieve as cs
from cellsieve.run import journal
from cellsieve.run import parallel
parallel.CHUNK = 1
add = journal.Journal.add
def slow(self, *rows):
    add(self, *rows)
    print("kept", flush=True)
    sys.stdin.readline()
journal.Journal.add = slow
folder = sys.argv[1]
cs.measure_to(cs.ImageSet.hpa(folder + "/images", folder + "/masks", folder + "/train.csv"),
              folder + "/cells.csv", "green", jobs=1)
"""


def test_a_killed_run_resumes_to_the_same_bytes(small_set, small_images):
    cs.measure_to(small_images, small_set / "cells.csv", "green")
    unbroken = bytes_of(small_set)
    for name in unbroken:
        (small_set / name).unlink()
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(small_set)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        for _ in range(2):
            assert process.stdout.readline() == "kept\n"
            process.stdin.write("\n")
            process.stdin.flush()
        assert process.stdout.readline() == "kept\n"
        process.kill()
    assert not (small_set / "cells.csv").exists()
    counting = Counting()
    cs.measure_to(
        small_images, small_set / "cells.csv", "green", executor=counting, jobs=1, resume=True
    )
    assert bytes_of(small_set) == unbroken
    assert counting.tasks == 3


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_resuming_a_finished_run_tries_the_failed_images_again(small_set, tmp_path, extension):
    def images():
        return cs.ImageSet.hpa(small_set / "images", small_set / "masks", small_set / "train.csv")

    output = tmp_path / f"cells{extension}"
    cs.measure_to(images(), output, "green")
    whole = bytes_of(tmp_path)
    good = (small_set / "images" / "im3_green.png").read_bytes()
    (small_set / "images" / "im3_green.png").write_bytes(good[:100])
    table = cs.measure_to(images(), output, "green", overwrite=True)
    assert table["status"].tolist().count("failed") == 1
    (small_set / "images" / "im3_green.png").write_bytes(good)
    counting = Counting()
    table = cs.measure_to(images(), output, "green", resume=True, executor=counting, jobs=1)
    assert counting.tasks == 1
    assert bytes_of(tmp_path) == whole


def test_resuming_with_other_labels_or_files_measures_those_images_anew(
    small_set, small_images, tmp_path
):
    output = tmp_path / "cells.csv"
    cs.measure_to(small_images, output, "green")
    (small_set / "train.csv").write_text("ID,Label\nim0,5\n")
    moved = small_set / "masks" / "im1.npz"
    moved.rename(small_set / "im1.npz")
    images = cs.ImageSet.hpa(small_set / "images", small_set / "masks", small_set / "train.csv")
    table = images.table.drop(columns="problem")
    table.loc[1, "path_mask"] = str(small_set / "im1.npz")
    images = cs.ImageSet.from_table(table)
    cs.measure_to(images, output, "green", resume=True)
    resumed = bytes_of(tmp_path)
    assert cs.read_table(output)["class_label"].dropna().unique().tolist() == ["5"]
    cs.measure_to(images, output, "green", overwrite=True)
    assert bytes_of(tmp_path) == resumed


def test_resuming_with_more_and_fewer_images(small_images, tmp_path):
    output = tmp_path / "cells.csv"
    some = cs.ImageSet(small_images.table.iloc[1:4].reset_index(drop=True))
    cs.measure_to(some, output, "green")
    few = bytes_of(tmp_path)
    cs.measure_to(small_images, output, "green", resume=True)
    assert len(set(cs.read_table(output)["image_id"])) == 6
    cs.measure_to(some, output, "green", resume=True)
    assert bytes_of(tmp_path) == few


def test_an_output_is_not_replaced_unasked(small_images, tmp_path):
    output = tmp_path / "cells.csv"
    cs.measure_to(small_images, output, "green")
    before = bytes_of(tmp_path)
    with pytest.raises(FileExistsError, match=r"cells\.csv exists; resume .* or overwrite"):
        cs.measure_to(small_images, output, "green")
    with pytest.raises(ValueError, match="choose one"):
        cs.measure_to(small_images, output, "green", resume=True, overwrite=True)
    assert bytes_of(tmp_path) == before


def test_outputs_that_cannot_be(small_images, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"cells\.xlsx: expected a table"):
        cs.measure_to(small_images, tmp_path / "cells.xlsx", "green")
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        cs.measure_to(small_images, tmp_path / "file" / "cells.csv", "green")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ImportError, match=r"pip install 'cellsieve\[parquet\]'"):
        cs.measure_to(small_images, tmp_path / "cells.parquet", "green")
    assert not list(tmp_path.glob("cells*")), "refused before anything was done"


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_columns_of_other_programs(small_images, tmp_path, extension):
    options = {"columns": "notebook", "convention": "notebook"}
    output = tmp_path / f"cells{extension}"
    cs.measure_to(small_images, output, "green", **options)
    table = cs.read_table(output)
    assert table.columns.tolist() == ["cell_ID", "bbox", "fraction", "Label"]
    assert table["cell_ID"][0] == "im0_1"
    with pytest.raises(ValueError, match=r"own column names, .* can be resumed"):
        cs.measure_to(small_images, output, "green", resume=True, **options)


def test_memory_does_not_grow_with_the_number_of_images(small_images):
    """At most twice as many chunks as workers are in flight."""
    flying, most = set(), 0

    class Watching(Executor):
        def submit(self, function, *arguments):
            nonlocal most
            future = Future()
            flying.add(future)
            most = max(most, len(flying))
            future.set_result(function(*arguments))
            future.add_done_callback(flying.discard)
            flying.add(future)
            return future

    frame = pd.concat(
        [
            small_images.table.assign(image_id=f"x{n}_" + small_images.table["image_id"])
            for n in range(20)
        ]
    )
    work = dataset.chunks(dataset.tasks(cs.ImageSet.from_table(frame), Settings(("green",))), 2)
    assert len(work) > 7
    taken = dataset.run(lambda chunk: chunk, work, executor=Watching(), jobs=2)
    next(taken)
    assert most <= 4


def test_gzip_has_no_time_in_it(small_images, tmp_path):
    cs.measure_to(small_images, tmp_path / "cells.csv.gz", "green")
    whole = (tmp_path / "cells.csv.gz").read_bytes()
    assert whole[4:8] == b"\0\0\0\0"
    assert gzip.decompress(whole).startswith(b"image_id,class_label,label,")


def test_the_progress_bar_is_for_terminals(small_images, capfd):
    cs.measure_images(small_images, "green")
    assert capfd.readouterr().err == ""
    cs.measure_images(small_images, "green", progress=True)
    assert "6/6" in capfd.readouterr().err


def test_two_runs_at_once(small_images, tmp_path):
    """The second is refused, and the first ends as if it had been alone."""
    output = tmp_path / "cells.csv"
    cs.measure_to(small_images, output, "green")
    alone = bytes_of(tmp_path)

    class Meddling(Counting):
        def submit(self, function, *arguments):
            for options in ({"resume": True}, {"overwrite": True}):
                with pytest.raises(FileExistsError, match="another run is writing it"):
                    cs.measure_to(small_images, output, "green", **options)
            return super().submit(function, *arguments)

    cs.measure_to(small_images, output, "green", executor=Meddling(), overwrite=True)
    assert bytes_of(tmp_path) == alone


def test_a_kill_while_parts_are_removed(small_images, tmp_path, monkeypatch):
    output = tmp_path / "cells.csv"

    def killed(path):
        next(path.glob("*.cells.csv")).unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("cellsieve.run.journal.shutil.rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            cs.measure_to(small_images, output, "green", jobs=1)
    cs.measure_to(small_images, output, "green", resume=True)
    left = bytes_of(tmp_path)
    cs.measure_to(small_images, output, "green", overwrite=True)
    assert bytes_of(tmp_path) == left
    assert not list(tmp_path.glob(".cells*")), "nothing of the killed run stays"


def test_parts_that_somebody_changed(small_images, tmp_path):
    output = tmp_path / "cells.csv"
    with pytest.raises(KeyboardInterrupt):
        cs.measure_to(small_images, output, "green", executor=StopAfter(5), jobs=1)
    part = next((tmp_path / "cells.csv.parts").glob("*.cells.csv"))
    part.write_text("".join(part.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(ValueError, match="something else has changed this folder"):
        cs.measure_to(small_images, output, "green", resume=True)
    assert not output.exists()


def test_no_image_can_be_measured(small_set, tmp_path, capsys):
    """The commonest mistake: names that do not match."""
    images = cs.ImageSet.from_patterns(
        f"{small_set}/images/{{id}}_{{channel}}.png", f"{small_set}/masks/im{{id}}.npz"
    )
    table = cs.measure_to(images, tmp_path / "out" / "cells.csv", "green")
    assert table["status"].value_counts().to_dict() == {"no_mask": 6, "no_image": 6}
    assert cs.read_table(tmp_path / "out" / "cells.csv").empty
    assert len(cs.read_table(tmp_path / "out" / "cells.images.csv")) == 12


def test_names_that_are_no_text(small_set, tmp_path):
    """One odd file name does not end the run."""
    image = (small_set / "images" / "im0_green.png").read_bytes()
    for name in (b"odd\xff_green.png", b"two\rlines_green.png"):
        (small_set / "images" / os.fsdecode(name)).write_bytes(image)
    (small_set / "train.csv").write_text('ID,Label\nim0,"a\rb"\n')
    images = cs.ImageSet.hpa(small_set / "images", small_set / "masks", small_set / "train.csv")
    table = cs.measure_to(images, tmp_path / "cells.csv", "green")
    assert table["status"].value_counts().to_dict() == {"measured": 6, "unusable": 2}
    assert "odd\\xff" in set(table["image_id"])
    assert cs.measure_to(images, tmp_path / "cells.csv", "green", resume=True).equals(table)
    assert set(cs.read_table(tmp_path / "cells.csv")["class_label"].dropna()) == {"a b"}


def test_a_missing_extra_is_said_once(small_images, monkeypatch):
    monkeypatch.setitem(sys.modules, "tifffile", None)
    frame = small_images.table.assign(path_green=lambda rows: rows["path_green"] + ".tif")
    with pytest.raises(ImportError, match=r"cellsieve\[tiff\]"):
        cs.measure_images(cs.ImageSet.from_table(frame), "green")


def test_more_refusals(small_images):
    with pytest.raises(TypeError, match="images: found str; expected an ImageSet"):
        cs.measure_images("images/", "green")
    with pytest.raises(ValueError, match="jobs: found 0"):
        cs.measure_images(small_images, "green", jobs=0)


@pytest.fixture
def whole_files(tmp_path, rng):
    """Images whose files hold all channels: one gray, one RGB, and an OME-TIFF with names."""
    tifffile = pytest.importorskip("tifffile", reason="needs the extra tiff")

    def make(kind):
        mask = blobs(rng, (20, 30), range(1, 5))
        folder = tmp_path / kind
        folder.mkdir()
        np.savez(folder / "a_mask.npz", mask)
        gray = rng.integers(0, 99, (20, 30)).astype(np.uint8)
        if kind == "gray":
            cs.write_png(folder / "a.png", gray)
        elif kind == "rgb":
            cs.write_png(folder / "a.png", np.stack([gray, gray[::-1], gray], axis=2))
        else:
            names = {"axes": "CYX", "Channel": {"Name": ["DAPI", "RFP"][: 1 + (kind == "two")]}}
            stack = np.stack([gray, gray[::-1]])[: 1 + (kind == "two")]
            tifffile.imwrite(folder / "a.tif", stack, metadata=names, ome=True)
        suffix = "png" if kind in ("gray", "rgb") else "tif"
        return cs.ImageSet.from_patterns(f"{folder}/{{id}}.{suffix}", f"{folder}/{{id}}_mask.npz")

    return make


@pytest.mark.parametrize(
    ("kind", "asked", "recorded"),
    [
        ("gray", None, "image"),
        ("rgb", "red", "red"),
        ("two", "RFP", "RFP"),
        ("two", "1", "1"),
        ("one", "DAPI", "DAPI"),
        ("one", None, "image"),
    ],
)
def test_the_channel_recorded_is_the_one_that_was_read(whole_files, kind, asked, recorded):
    cells, ledger = cs.measure_images(whole_files(kind), asked, return_images=True, progress=False)
    assert ledger[["channel", "status"]].values.tolist() == [[recorded, "measured"]]
    assert len(cells)


@pytest.mark.parametrize(
    ("kind", "asked", "known"),
    [
        ("gray", "DAPIII", "image or gray"),
        ("gray", "green", "image or gray"),
        ("two", "DAPIII", "DAPI or 0, RFP or 1"),
        ("one", "GFP", "DAPI or image or 0"),
    ],
)
def test_a_channel_that_is_in_no_file_is_refused(whole_files, kind, asked, known):
    images = whole_files(kind)
    with pytest.raises(ValueError, match=f"^channels: found {asked}; the images have {known}$"):
        cs.measure_images(images, asked, return_images=True, progress=False)


def test_an_image_without_the_channel_of_others_fails_alone(whole_files):
    """Under its name a gray image has nothing to give."""
    paths = [whole_files(kind).table for kind in ("rgb", "gray")]
    table = pd.concat(paths).assign(image_id=["rgb", "gray"])
    images = cs.ImageSet.from_table(table)
    cells, ledger = cs.measure_images(images, "green", return_images=True, progress=False)
    by_id = ledger.set_index("image_id")
    assert by_id["status"].to_dict() == {"rgb": "measured", "gray": "failed"}
    assert 'has the channels gray; found no "green" among them' in by_id.loc["gray", "error"]
    assert set(cells["image_id"]) == {"rgb"}


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("rgb", "has 3 channels (red, green, blue); name one"),
        ("two", "expected one plane, or the number or name of a channel: 0 (DAPI), 1 (RFP)"),
    ],
)
def test_of_several_channels_in_a_file_one_must_be_named(whole_files, kind, said):
    _, ledger = cs.measure_images(whole_files(kind), return_images=True, progress=False)
    assert ledger["status"].tolist() == ["failed"]
    assert said in ledger["error"][0]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_parts_of_the_id_are_columns(small_set, suffix):
    """As they stand in the names: 01 stays 01, and a resumed run ends with the same bytes."""
    for number, (plate, well) in enumerate(product(("01", "P2"), ("A1", "a1"))):
        folder = small_set / "plates" / plate / well
        folder.mkdir(parents=True)
        for name in ("green", "red"):
            (small_set / "images" / f"im{number}_{name}.png").rename(folder / f"f007_{name}.png")
        (small_set / "masks" / f"im{number}.npz").rename(folder / "f007.npz")
    folder = small_set / "plates/{plate}/{well}"
    images = cs.ImageSet.from_patterns(
        f"{folder}/f{{field}}_{{channel}}.png", f"{folder}/f{{field}}.npz"
    )
    output, part = small_set / f"cells.{suffix}", small_set / f"part.{suffix}"
    cs.measure_to(images, output, "green", progress=False)
    table = cs.read_image_table(small_set / "cells.images.csv", text=images.parts)
    assert list(table.columns[:6]) == [
        *("image_id", "class_label", "plate", "well", "field", "path_mask")
    ]
    assert (table["image_id"] == table["plate"] + "+" + table["well"] + "+007").all()
    assert table["plate"].tolist() == ["01", "01", "P2", "P2"]
    cells = cs.read_table(output, text=("image_id", "plate", "field"))
    assert list(cells.columns[:6]) == ["image_id", "class_label", *images.parts, "label"]
    assert (cells["image_id"] == cells["plate"] + "+" + cells["well"] + "+" + cells["field"]).all()
    in_memory = cs.measure_images(images, "green").drop(columns="class_label")
    pd.testing.assert_frame_equal(in_memory, cells.drop(columns="class_label"), check_dtype=False)
    # Some first, the rest later; and once more what is finished.
    cs.measure_to(images.take([0, 2]), part, "green", progress=False)
    for _ in range(2):
        cs.measure_to(images, part, "green", progress=False, resume=True)
        assert part.read_bytes() == output.read_bytes()
    again = cs.ImageSet.from_table(small_set / "cells.images.csv", parts=images.parts)
    pd.testing.assert_frame_equal(again.table, images.table)
