"""The command line as a user meets it: output, errors, exit codes."""

import os
import subprocess
import sys

import numpy as np
import pytest

import cellsieve as cs
from cellsieve.cli import main


@pytest.fixture
def arguments(small_set):
    return [
        *("measure", str(small_set / "images"), "--masks", str(small_set / "masks")),
        *("--labels", str(small_set / "train.csv"), "-o", str(small_set / "cells.csv")),
        *("--channels", "green"),
    ]


@pytest.mark.filterwarnings("ignore:.* none can be cut:UserWarning")
def test_measure_and_clean(arguments, small_set, capsys):
    assert main(arguments) == 0
    said = capsys.readouterr()
    assert "6 images" in said.out
    assert "cells of 6 images" in said.out
    assert said.err == ""
    cells = cs.read_table(small_set / "cells.csv")
    assert len(cells) > 30
    code = main(
        [
            "clean",
            str(small_set / "cells.csv"),
            "-o",
            str(small_set / "clean.csv"),
            "--lower",
            "0.1",
        ]
    )
    said = capsys.readouterr().out
    assert code == 0
    assert f"of {len(cells)} cells kept" in said
    assert "multi_label" in said
    expected = cs.clean(cells, lower=0.1)["clean"].tolist()
    assert cs.read_table(small_set / "clean.csv")["clean"].tolist() == expected


def test_failed_images_give_1(arguments, small_set, capsys):
    (small_set / "images" / "im1_green.png").write_bytes(b"broken")
    (small_set / "masks" / "im2.npz").unlink()
    assert main(arguments) == 1
    said = capsys.readouterr().err
    assert "im1_green.png: not a readable PNG" in said
    assert "im2: no mask for this image" in said


def test_a_mask_without_an_image_is_listed_but_no_failure(arguments, small_set, capsys):
    np.savez(small_set / "masks" / "other.npz", np.zeros((3, 4), int))
    assert main(arguments) == 0
    assert "1 image no_image" in capsys.readouterr().err


def test_an_existing_output_gives_2_and_stays(arguments, small_set, capsys):
    main(arguments)
    before = (small_set / "cells.csv").read_bytes()
    assert main([*arguments, "--quantile", "0.5"]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert (small_set / "cells.csv").read_bytes() == before
    assert main([*arguments, "--quantile", "0.5", "--overwrite", "-q"]) == 0
    other = (small_set / "cells.csv").read_bytes()
    assert other != before
    assert main([*arguments, "--resume", "-q"]) == 2
    assert "quantile was 0.5, now 0.99" in capsys.readouterr().err
    assert (small_set / "cells.csv").read_bytes() == other
    assert main([*arguments, "--quantile", "0.5", "--resume", "-q"]) == 0
    assert (small_set / "cells.csv").read_bytes() == other
    assert capsys.readouterr().out.count("\n") <= 4  # quiet runs say nothing


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (["--channels", "blue"], "the images have the channels green, red"),
        (["--mask-pattern", "{id}.tif"], "no mask fits '{id}.tif'; the folder holds im0.npz"),
        (["--masks", "nowhere"], "nowhere: No such file or directory"),
        (["--quantile", "99"], "quantile: found 99.0; expected a number from 0 to 1"),
        (["--labels", "nowhere.csv"], "nowhere.csv: No such file or directory"),
        (["--labels", "nowhere.parquet"], "error: nowhere.parquet: No such file or directory"),
        (["--jobs", "0"], None),
        (["-o", "cells.txt"], None),
        (["--resume", "--overwrite"], None),
    ],
)
def test_mistakes_give_2_and_one_line(arguments, change, said, capsys):
    try:
        code = main([*arguments, *change])
    except SystemExit as stop:  # argparse's own refusals, with the usage
        code = stop.code
        assert said is None
    found = capsys.readouterr().err
    assert code == 2
    assert "Traceback" not in found
    if said is not None:
        assert found == f"cellsieve: error: {found.removeprefix('cellsieve: error: ')}"
        assert said in found
        assert found.count("\n") == 1


def test_help_of_every_command(capsys):
    for command in ([], ["measure"], ["clean"], ["demo"], ["bench"]):
        with pytest.raises(SystemExit) as stop:
            main([*command, "--help"])
        assert stop.value.code == 0
        assert "usage: cellsieve" in capsys.readouterr().out


def test_version(capsys):
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"cellsieve {cs.__version__}\n"


def test_patterns(small_set, capsys):
    """One file with all channels, masks named as Cellpose does."""
    rng = np.random.default_rng(1)
    (small_set / "rgb").mkdir()
    for name in ("a", "b"):
        mask = rng.integers(0, 4, (20, 30)).astype(np.uint8)
        cs.write_png(
            small_set / "rgb" / f"{name}.png", rng.integers(0, 9, (20, 30, 3)).astype(np.uint8)
        )
        cs.write_png(small_set / "masks" / f"{name}_cp_masks.png", mask)
    folders = [str(small_set / "rgb"), "--masks", str(small_set / "masks")]
    patterns = ["--image-pattern", "{id}.png", "--mask-pattern", "{id}_cp_masks.png"]
    output = small_set / "rgb.csv"
    assert main(["measure", *folders, *patterns, "-o", str(output), "--channels", "blue"]) == 0
    cells = cs.read_table(output)
    image = cs.read_image(small_set / "rgb" / "a.png", "blue")
    mask = cs.read_mask(small_set / "masks" / "a_cp_masks.png")
    first = cells[cells["image_id"] == "a"]
    assert first["area_above"].tolist() == cs.measure(mask, image)["area_above"].tolist()


def test_rules(arguments, small_set, capsys):
    main(arguments)
    (small_set / "rules.toml").write_text('[[rule]]\ncolumn = "area"\nkind = "value"\nlower = 20\n')
    output = small_set / "clean.csv"
    options = ["--rules", str(small_set / "rules.toml")]
    assert main(["clean", str(small_set / "cells.csv"), "-o", str(output), *options]) == 0
    found = cs.read_table(output)
    assert found["clean"].equals(found["area"] >= 20)


def test_demo_and_bench(tmp_path, capsys):
    assert main(["demo", str(tmp_path / "demo")]) == 0
    said = capsys.readouterr().out
    assert "of 11 images" in said
    assert "demo-11: no mask for this image" in said
    for name in ("cells.csv", "cells.images.csv", "clean.csv", "train.csv"):
        assert (tmp_path / "demo" / name).stat().st_size > 0
    reasons = cs.read_table(tmp_path / "demo" / "clean.csv")["reason"].replace("", "kept")
    assert {"kept", "low", "high", "multi_label"} <= set(reasons)
    assert main(["demo", str(tmp_path / "demo")]) == 2
    assert "--overwrite" in capsys.readouterr().err

    images = ["--images", str(tmp_path / "demo/images"), "--masks", str(tmp_path / "demo/masks")]
    for options in (["--size", "96"], [*images, "--channels", "green"]):
        assert main(["bench", *options]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) > 5
        assert all(line.endswith("yes") for line in lines[1:])


def test_as_a_program(small_set):
    found = subprocess.run(
        [sys.executable, "-m", "cellsieve", "clean", "nowhere.csv", "-o", "x.csv"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 2
    assert found.stderr == "cellsieve: error: nowhere.csv: No such file or directory\n"


def test_values_leave_the_other_side_open(arguments, small_set, capsys):
    main(arguments)
    cells, output = str(small_set / "cells.csv"), small_set / "clean.csv"
    band = ["--values", "--column", "area", "--lower", "20"]
    assert main(["clean", cells, "-o", str(output), *band]) == 0
    found = cs.read_table(output)
    assert found["clean"].equals(found["area"] >= 20)
    assert set(found["reason"]) == {"", "low"}
    assert main(["clean", cells, "-o", str(output), "--upper", "none", "--overwrite"]) == 0
    assert "high" not in set(cs.read_table(output)["reason"])


def test_no_common_id_is_said(arguments, small_set, capsys):
    assert main([*arguments, "--mask-pattern", "im{id}.npz"]) == 1
    said = capsys.readouterr().err
    assert "No image and mask share an id: images are like 'im0', masks like '0'" in said


def test_the_demo_removes_only_what_it_made(tmp_path, capsys):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.txt").write_text("years of work")
    assert main(["demo", str(tmp_path / "thesis"), "--overwrite"]) == 2
    assert "was not made by the demo" in capsys.readouterr().err
    assert (tmp_path / "thesis" / "thesis.txt").exists()


def test_a_channel_of_a_tiff_by_number(tmp_path):
    tifffile = pytest.importorskip("tifffile", reason="needs the extra tiff")
    rng = np.random.default_rng(2)
    image = rng.integers(0, 90, (3, 20, 30)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", image, metadata={"axes": "CYX"}, photometric="minisblack")
    mask = rng.integers(0, 4, (20, 30)).astype(np.uint8)
    (tmp_path / "m").mkdir()
    cs.write_png(tmp_path / "m" / "a.png", mask)
    patterns = ["--image-pattern", "{id}.tif", "--mask-pattern", "{id}.png", "--channels", "2"]
    output = tmp_path / "cells.csv"
    assert (
        main(
            ["measure", str(tmp_path), "--masks", str(tmp_path / "m"), *patterns, "-o", str(output)]
        )
        == 0
    )
    expected = cs.measure(mask, image[2])["area_above"].tolist()
    assert cs.read_table(output)["area_above"].tolist() == expected


def as_a_program(*arguments, unbuffered=False, **options):
    flags = ["-u"] if unbuffered else []
    command = [sys.executable, *flags, "-m", "cellsieve", *map(str, arguments)]
    return subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False, **options)


def nobody_reads():
    """The end of a pipe whose other end is closed, as that of `| head` once it has enough."""
    reading, writing = os.pipe()
    os.close(reading)
    return os.fdopen(writing, "w")


@pytest.mark.parametrize("unbuffered", [False, True])  # the first print fails, or the last flush
@pytest.mark.parametrize("failed", [False, True])
def test_nobody_reads_what_is_said(arguments, small_set, unbuffered, failed):
    if failed:
        (small_set / "masks" / "im2.npz").unlink()
    main([*arguments, "-q"])
    with nobody_reads() as out:
        found = as_a_program(*arguments, "--overwrite", stdout=out, unbuffered=unbuffered)
    assert found.returncode == int(failed)
    assert "pipe" not in found.stderr.lower()
    assert found.stderr.startswith("1 image no_mask" if failed else "")
    assert len(cs.read_table(small_set / "cells.images.csv")) == 6
    assert not list(small_set.glob("*.parts"))


def test_nobody_reads_the_help_or_the_errors(small_set):
    with nobody_reads() as out:
        found = as_a_program("measure", "--help", stdout=out)
        assert (found.returncode, found.stderr) == (0, "")
        command = [sys.executable, "-m", "cellsieve", "clean", "nowhere.csv", "-o", "x.csv"]
        assert subprocess.run(command, stdout=out, stderr=out, check=False).returncode == 2


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110
def test_a_full_disk_behind_stdout_is_said(arguments):
    with open("/dev/full", "w") as out:  # noqa: PTH123
        found = as_a_program(*arguments, stdout=out)
    assert found.returncode == 2
    assert found.stderr == "cellsieve: error: [Errno 28] No space left on device\n"


def test_no_stdout_at_all(arguments, small_set):
    found = as_a_program(*arguments, preexec_fn=lambda: os.close(1))
    assert (found.returncode, found.stderr) == (0, "")
    assert (small_set / "cells.csv").exists()


INTERRUPTED_PANDAS = """
import signal
signal.raise_signal(signal.SIGINT)
"""


@pytest.mark.parametrize(
    "start",
    [
        ["-m", "cellsieve"],
        ["-c", "import sys; from cellsieve.cli import main; sys.exit(main())"],  # the script's
    ],
)
def test_an_interrupt_of_the_first_moment_is_said_in_one_line(tmp_path, start):
    """While pandas is imported, by far the longest part of the start."""
    (tmp_path / "pandas.py").write_text(INTERRUPTED_PANDAS)
    paths = [str(tmp_path), *sys.path]
    found = subprocess.run(
        [sys.executable, *start, "clean", "cells.csv", "-o", "clean.csv"],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        text=True,
        check=False,
    )
    assert found.returncode == 130
    assert found.stderr == "cellsieve: interrupted\n"  # nothing is kept of a clean


def test_a_table_of_paths(arguments, small_set, small_images, capsys):
    """The same bytes as from the folders; and other columns as parts where they are named."""
    assert main(arguments) == 0
    files = small_images.table.drop(columns="problem").assign(plate="01", x=7)
    for name in ("path_mask", "path_green", "path_red"):
        files[name] = files[name].str.removeprefix(f"{small_set}/")
    files.iloc[::-1].to_csv(small_set / "files.csv", index=False)
    (small_set / "out").mkdir()
    files.to_csv(small_set / "out" / "files.csv", index=False)
    table = ["measure", "--channels", "green", "--images", str(small_set / "files.csv"), "-o"]
    assert main([*table, str(small_set / "t.csv")]) == 0
    for end in ("csv", "images.csv"):
        same = (small_set / f"cells.{end}").read_bytes()
        assert (small_set / f"t.{end}").read_bytes() == same
    assert main([*table, str(small_set / "p.csv"), "--parts", "plate"]) == 0
    cells = cs.read_table(small_set / "p.csv", text=("plate",))
    assert set(cells["plate"]) == {"01"}
    assert "x" not in cells
    files = str(small_set / "out" / "files.csv")
    table = ["measure", "--channels", "green", "--images", files, "-o"]
    assert main([*table, str(small_set / "no.csv"), "-q"]) == 1
    assert main([*table, str(small_set / "r.csv"), "--root", str(small_set)]) == 0
    assert (small_set / "r.csv").read_bytes() == (small_set / "cells.csv").read_bytes()
    labels = ["--labels", str(small_set / "new.csv"), "--root", str(small_set)]
    (small_set / "new.csv").write_text("ID,Label\nim0,99\n")
    assert main([*table, str(small_set / "l.csv"), *labels]) == 0
    assert set(cs.read_table(small_set / "l.csv")["class_label"].dropna()) == {"99"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["i"], "--masks: is missing; expected a folder of images and --masks, or a table"),
        (["--masks", "m"], "IMAGES: is missing"),
        (["i", "--images", "t.csv"], "--images and IMAGES: found both"),
        (["--images", "t.csv", "--mask-pattern", "x"], "--images and --mask-pattern: found both"),
        (["i", "--masks", "m", "--parts", "x"], "--parts: belongs to a table of paths"),
    ],
)
def test_folders_or_a_table(given, said, capsys):
    assert main(["measure", *given, "-o", "c.csv"]) == 2
    assert said in capsys.readouterr().err
