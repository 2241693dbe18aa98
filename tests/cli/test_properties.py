"""Properties, channels and nuclei from the command line: what a user types, and what it writes."""

import numpy as np
import pandas as pd
import pytest

import cellsieve as cs
from cellsieve.cli import main
from conftest import blobs


@pytest.fixture
def plate(tmp_path, rng):
    """Three images of two channels, with masks of cells and of nuclei in folders of their own."""
    for folder in ("images", "cells", "nuclei"):
        (tmp_path / folder).mkdir()
    for name in ("a", "b", "c"):
        mask = blobs(rng, (60, 80), range(1, 9)).astype(np.uint16)
        nuclei = np.where(rng.random(mask.shape) < 0.6, mask, 0)
        np.savez(tmp_path / "cells" / f"{name}.npz", mask)
        np.savez(tmp_path / "nuclei" / f"{name}.npz", nuclei)
        for channel, light in (("green", 20), ("red", 90)):
            pixels = rng.poisson(light, mask.shape).astype(np.uint8)
            cs.write_png(tmp_path / "images" / f"{name}_{channel}.png", pixels)
    return tmp_path


@pytest.fixture
def measure(plate):
    def run(*options, output="cells.parquet"):
        folders = [str(plate / "images"), "--masks", str(plate / "cells")]
        return main(["measure", *folders, "-o", str(plate / output), *options])

    return run


EVERYTHING = ("--channels", "green,red", "--properties", "all")


def test_nuclei_that_nothing_needs_are_refused(plate, measure, capsys):
    options = ("--channels", "green", "--nuclei", str(plate / "nuclei"))
    assert measure(*options, "--properties", "intensity,shape") == 2
    assert "--nuclei: nothing that is measured needs it; expected" in capsys.readouterr().err
    assert not (plate / "cells.parquet").exists()
    assert measure(*options, "--properties", "nucleus_area") == 0


@pytest.mark.parametrize("extension", [".csv", ".parquet"])
def test_everything_of_every_channel(plate, measure, capsys, extension):
    nuclei = ("--nuclei", str(plate / "nuclei"), "--compartments", "--rle")
    assert measure(*EVERYTHING, *nuclei, output=f"cells{extension}") == 0
    assert "channels green, red" in capsys.readouterr().out
    cells = cs.read_table(plate / f"cells{extension}")
    images = cs.read_image_table(plate / "cells.images.csv").set_index("image_id")
    assert set(images["channel"]) == {"green,red"}
    for image_id, found in cells.groupby("image_id"):
        mask, of_nuclei = (
            cs.read_mask(plate / kind / f"{image_id}.npz") for kind in ("cells", "nuclei")
        )
        planes = {
            name: cs.read_image(plate / "images" / f"{image_id}_{name}.png")
            for name in ("green", "red")
        }
        expected = cs.measure(
            mask, planes, properties=["all"], nuclei=of_nuclei, compartments=True, rle=True
        )
        found = found.drop(columns=["image_id", "class_label"]).reset_index(drop=True)
        pd.testing.assert_frame_equal(found, expected, check_dtype=False, check_exact=True)
        row = images.loc[image_id]
        assert row["cells_at_border"] == expected["touches_border"].sum()
        outside = planes["red"][mask == 0]
        assert row["background_median_red"] == np.quantile(outside, 0.5)
        assert row["threshold_green"] == expected["threshold_green"][0]


def test_no_channel_is_assumed(measure, capsys):
    assert measure() == 2
    said = capsys.readouterr().err
    assert "none is named (--channels); the images have the channels green, red" in said
    assert measure("--channels", "green,blue") == 2
    assert "found 'blue'" in capsys.readouterr().err
    assert measure("--channels", "green,green") == 2
    assert "each may stand once" in capsys.readouterr().err


def test_the_default_columns_stay_in_one_channel(plate, measure):
    assert measure("--channels", "red") == 0
    default = ["image_id", "class_label", *cs.measure(np.ones((2, 2), int), np.ones((2, 2), "u1"))]
    assert list(cs.read_table(plate / "cells.parquet")) == default


def test_nuclei_need_their_masks(plate, measure, capsys):
    assert measure("--channels", "red", "--properties", "nuclei") == 2
    assert "needs masks of the nuclei" in capsys.readouterr().err
    (plate / "nuclei" / "b.npz").unlink()
    options = ("--channels", "red", "--properties", "nuclei", "--nuclei", str(plate / "nuclei"))
    assert measure(*options) == 1
    assert "b: no mask of the nuclei" in capsys.readouterr().err
    np.savez(plate / "nuclei" / "b.npz", np.ones((3, 3), np.uint8))
    assert measure(*options, "--resume") == 1
    assert "3 x 3 pixels, that of the cells 60 x 80" in capsys.readouterr().err


def test_resume_notices_other_properties(plate, measure, capsys):
    assert measure("--channels", "red", "--properties", "focus") == 0
    before = (plate / "cells.parquet").read_bytes()
    assert measure("--channels", "red", "--properties", "focus,shape", "--resume") == 2
    assert "properties was" in capsys.readouterr().err
    assert measure("--channels", "red", "--properties", "focus", "--resume") == 0
    assert (plate / "cells.parquet").read_bytes() == before


def test_twelve_bits_in_sixteen(tmp_path):
    np.save(tmp_path / "m.npy", np.ones((4, 4), np.uint8))
    cs.write_png(tmp_path / "i.png", np.full((4, 4), 4095, np.uint16))
    table = pd.DataFrame({"image_id": ["x"], "path_mask": ["m.npy"], "path_dna": ["i.png"]})
    table.to_csv(tmp_path / "files.csv", index=False)
    for options, share in (([], 0), (["--max-value", "4095"], 1)):
        arguments = ["measure", "--images", str(tmp_path / "files.csv"), "--overwrite"]
        arguments += ["--properties", "saturated", "-o", str(tmp_path / "c.csv"), *options]
        assert main(arguments) == 0
        assert cs.read_table(tmp_path / "c.csv")["saturated"].tolist() == [share]


def test_the_list_of_properties(capsys):
    assert main(["properties"]) == 0
    listed = capsys.readouterr().out
    for name in ("solidity", "tenengrad_relative", "intensity_mean_cytoplasm"):
        assert f"  {name} " in listed
    assert main(["properties", "contrast"]) == 0
    assert "(intensity_mean - background_median) / background_mad" in capsys.readouterr().out
    assert main(["properties", "roundness"]) == 2
    assert "NAME: found roundness" in capsys.readouterr().err


def test_the_slope_of_the_power_spectrum_is_asked_for_by_name(plate, measure):
    assert measure(*EVERYTHING) == 0
    assert "power_spectrum_slope_red" not in cs.read_image_table(plate / "cells.images.csv")
    names = ("--channels", "green,red", "--properties", "power_spectrum_slope")
    assert measure(*names, "--overwrite") == 0
    assert cs.read_image_table(plate / "cells.images.csv")["power_spectrum_slope_red"].notna().all()
