"""Real images: every number equal to an independent computation, in both conventions."""

import warnings

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from skimage.measure import regionprops_table

import cellsieve as cs
from cellsieve.cli import main
from cellsieve.trial import reference

HPA = {
    "000a6c98-bb9b-11e8-b2b9-ac1f6b6435d0": "7|1|2|0",
    "a34d8680-bb99-11e8-b2b9-ac1f6b6435d0": "18",
    "b6a469d8-bbad-11e8-b2ba-ac1f6b6435d0": "11",
}


def by_skimage(mask, image, threshold=None):
    """skimage, numpy and Pillow only."""
    if threshold is None:
        threshold = float(np.quantile(image[mask == 0], 0.99))

    def area_above(region, pixels):
        return (pixels[region] > threshold).sum()

    table = pd.DataFrame(
        regionprops_table(
            mask.astype(np.int64),
            image,
            properties=("label", "bbox", "area"),
            extra_properties=[area_above],
        )
    )
    table["fraction"] = table["area_above"] / table["area"]
    table["threshold"] = threshold
    return table


def check(found, expected):
    assert len(found) == len(expected) > 0
    renamed = cs.rename_columns(found, "skimage")
    for column in expected.columns:
        np.testing.assert_array_equal(renamed[column], expected[column])


def hpa(real_data, masks):
    if masks == "npz":
        pattern = str(real_data / "hpa" / "hpa_cell_mask" / "{id}.npz")
    else:
        pattern = str(real_data / "hpa" / "predictedmask" / "{id}_predictedmask.png")
    images = str(real_data / "hpa" / "train" / "{id}_{channel}.png")
    return cs.ImageSet.from_patterns(images, pattern, real_data / "hpa" / "train.csv")


def opened(path):
    path = str(path)
    return np.load(path)["arr_0"] if path.endswith(".npz") else np.asarray(Image.open(path))


@pytest.mark.parametrize("masks", ["npz", "png"])
@pytest.mark.parametrize("convention", ["cellsieve", "notebook"])
def test_hpa(real_data, masks, convention):
    images = hpa(real_data, masks)
    assert images.labels_without_image == 21_803
    cells, table = cs.measure_images(images, "green", convention=convention, return_images=True)
    assert dict(zip(table["image_id"], table["class_label"], strict=True)) == HPA
    assert table["status"].tolist() == ["measured"] * 3
    for row in table.itertuples():
        mask, image = opened(row.path_mask), opened(row.path_green)
        found = cells[cells["image_id"] == row.image_id].reset_index(drop=True)
        if convention == "cellsieve":
            check(found, by_skimage(mask, image))
        expected = reference.measure(mask, image, convention=convention)
        assert found[expected.columns].equals(expected)


def test_hpa_masks_are_of_three_types(real_data):
    folder = real_data / "hpa" / "hpa_cell_mask"
    assert sorted(str(opened(path).dtype) for path in folder.iterdir()) == [
        "int32",
        "int64",
        "uint16",
    ]


def test_hpa_from_the_command_line(real_data, tmp_path):
    folder, output = real_data / "hpa", tmp_path / "cells.parquet"
    code = main(
        [
            *("measure", str(folder / "train"), "--masks", str(folder / "hpa_cell_mask")),
            *("--labels", str(folder / "train.csv"), "-o", str(output), "--quiet"),
            *("--channels", "green"),
        ]
    )
    assert code == 0
    found = cs.read_table(output)
    assert found.equals(cs.measure_images(hpa(real_data, "npz"), "green").astype(found.dtypes))


@pytest.mark.parametrize("convention", ["cellsieve", "notebook"])
def test_16_bits(real_data, convention):
    folder = real_data / "hpa" / "portable16bit"
    mask_path, image_path = folder / "1000_A12_2_cellmask.png", folder / "1000_A12_2_green.png"
    mask, image = opened(mask_path), opened(image_path)
    assert image.dtype == np.uint16
    assert image.max() > 255
    found = cs.measure_file(mask_path, image_path, convention=convention)
    assert len(found) == 21
    assert found.equals(reference.measure(mask, image, convention=convention))
    if convention == "cellsieve":
        check(found, by_skimage(mask, image))


def test_dsb2018(real_data):
    masks = sorted((real_data / "masks" / "dsb2018").glob("*_label.png"))
    assert len(masks) == 3
    for path in masks:
        image_path = path.with_name(path.name.replace("label", "gray"))
        found = cs.measure_file(path, image_path)
        check(found, by_skimage(opened(path), opened(image_path)))


def test_stardist(real_data):
    tifffile = pytest.importorskip("tifffile", reason="needs the extra tiff")
    folder = real_data / "masks" / "stardist"
    mask, image = (tifffile.imread(folder / name) for name in ("mask2d.tif", "img2d.tif"))
    found = cs.measure_file(folder / "mask2d.tif", folder / "img2d.tif")
    assert len(found) == 125
    assert found["label"].max() > 125, "ids are sparse, and kept"
    check(found, by_skimage(mask, image))


def test_float_masks_are_refused(real_data):
    pytest.importorskip("tifffile", reason="needs the extra tiff")
    folder = real_data / "masks" / "bbbc007_crops"
    images = cs.ImageSet.from_patterns(f"{folder}/{{id}}_image.tif", f"{folder}/{{id}}_mask.tif")
    cells, table = cs.measure_images(images, return_images=True)
    assert cells.empty
    assert len(table) == 4
    assert (table["status"] == "failed").all()
    assert table["error"].str.contains("dtype float64 .* expected an integer label image").all()


def test_binary_masks_draw_a_warning(real_data):
    pytest.importorskip("tifffile", reason="needs the extra tiff")
    folder = real_data / "masks" / "nf1_B7"
    mask, image = folder / "B7_01_1_3_DAPI_001_MaskNuclei.tiff", folder / "B7_01_1_3_DAPI_001.tif"
    with pytest.warns(UserWarning, match=r"label 255 lies in \d+ separate pieces"):
        cs.measure_file(mask, image)
    images = cs.ImageSet.from_table(
        pd.DataFrame({"image_id": ["B7"], "path_mask": [mask], "path_dapi": [image]})
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, table = cs.measure_images(images, "dapi", return_images=True)
    assert "not a label image" in table["warning"][0]


def test_a_notebook_table_of_the_real_images(real_data):
    """The CSV that the notebook would have written for these images."""
    cells = cs.measure_images(
        hpa(real_data, "npz"), "green", convention="notebook", columns="notebook"
    )
    first = cells.iloc[0]
    assert first["cell_ID"] == "000a6c98-bb9b-11e8-b2b9-ac1f6b6435d0_1"
    assert first["Label"] == "7|1|2|0"
    top, bottom, left, right = map(int, first["bbox"].strip("()").split(", "))
    rows, columns = np.nonzero(opened(hpa(real_data, "npz").table["path_mask"][0]) == 1)
    assert (top, bottom) == (rows.min(), rows.max())
    assert (left, right) == (columns.min(), columns.max())
