"""Layers for napari: of what they are made, without napari, and that it takes them."""

import itertools

import numpy as np
import pandas as pd
import pytest

import cellsieve as cs
from cellsieve.look.colours import VERDICTS


@pytest.fixture(scope="module")
def cleaned(tmp_path_factory):
    """The folder of a cleaned set whose cells have all verdicts, and its first image."""
    folder = tmp_path_factory.mktemp("layers")
    images = cs.make_demo_set(folder, size=160)
    cs.measure_to(images, folder / "cells.csv", "green", progress=False)
    rules = [cs.Rule(lower=0.2, upper=0.8), cs.Rule("area", 0.3, name="tiny", flag=True)]
    cs.clean_to([folder / "cells.csv"], folder / "clean.csv", rules)
    return folder


def of_kind(made, kind):
    return [(data, meta) for data, meta, each in made if each == kind]


def test_the_layers_of_an_image(cleaned):
    table, images = cs.read_table(cleaned / "clean.csv"), cleaned / "clean.images.csv"
    ledger = cs.read_image_table(images).set_index("image_id")
    seen = set()
    for image_id in table["image_id"].unique():
        made = cs.napari.layers(table, image_id, images)
        assert [kind for _, _, kind in made] == ["image"] * (len(made) - 1) + ["labels"]
        for data, meta in of_kind(made, "image"):
            file = ledger.loc[image_id, f"path_{meta['name']}"]
            np.testing.assert_array_equal(data, cs.read_image(file))
            assert meta["colormap"] == meta["name"]
            assert "contrast_limits" not in meta
        [(mask, meta)] = of_kind(made, "labels")
        np.testing.assert_array_equal(mask, cs.read_mask(ledger.loc[image_id, "path_mask"]))
        features, rows = meta["features"], table[table["image_id"] == image_id]
        assert features["index"].tolist() == rows["label"].tolist()
        assert features.index.tolist() == list(range(len(rows)))
        own = list(table.columns)
        pd.testing.assert_frame_equal(features[own], rows[own].reset_index(drop=True))
        assert set(meta["colormap"]) == {None, 0, *rows["label"]}
        assert meta["colormap"][0][3] == meta["colormap"][None][3] == 0
        for row in features.itertuples():
            seen.add(row.verdict)
            if not row.clean:
                unjudged = row.reason.endswith(("label", "small_group", "unmeasured"))
                assert row.verdict == ("not judged" if unjudged else "dropped")
            else:
                assert row.verdict == ("flagged" if row.flagged == "tiny" else "kept")
            kind = {"dropped": "cut", "not judged": "unjudged"}.get(row.verdict, row.verdict)
            colour = (*(part / 255 for part in VERDICTS[kind]), 1.0)
            assert meta["colormap"][row.index] == colour
    assert seen == {"kept", "flagged", "dropped", "not judged"}


def test_where_the_images_are_is_found_beside_the_table(cleaned):
    made = cs.napari.layers(cleaned / "clean.csv", "demo-00")
    assert len(of_kind(made, "labels")[0][1]["features"])
    with pytest.raises(ValueError, match="images: found none; expected the data set"):
        cs.napari.layers(cs.read_table(cleaned / "clean.csv"), "demo-00")


def test_channels(cleaned):
    images = cs.read_image_table(cleaned / "clean.images.csv")
    table = cs.read_table(cleaned / "clean.csv")
    renamed = images.rename(columns={"path_blue": "path_DNA"})
    made = of_kind(cs.napari.layers(table, "demo-00", renamed), "image")
    looks = {meta["name"]: (meta["colormap"], meta["visible"]) for _, meta in made}
    assert looks["DNA"] == ("gray", False)
    assert looks["green"] == ("green", True)
    [(_, meta)] = of_kind(cs.napari.layers(table, "demo-00", renamed, channels=["DNA"]), "image")
    assert (meta["name"], meta["visible"]) == ("DNA", True)
    with pytest.raises(ValueError, match="has no channel far_red"):
        cs.napari.layers(table, "demo-00", images, channels=["far_red"])


def test_a_colour_picture_becomes_its_channels(cleaned, tmp_path):
    ledger = cs.read_image_table(cleaned / "clean.images.csv")
    first = ledger[ledger["image_id"] == "demo-00"].iloc[0]
    planes = [cs.read_image(first[f"path_{name}"]) for name in ("red", "green", "blue")]
    cs.write_png(tmp_path / "picture.png", np.stack(planes, axis=2))
    table = cs.read_table(cleaned / "clean.csv")
    images = pd.DataFrame({"image_id": ["demo-00"], "path_mask": [first["path_mask"]]})
    images["path_image"] = str(tmp_path / "picture.png")
    made = of_kind(cs.napari.layers(table, "demo-00", images), "image")
    assert [meta["name"] for _, meta in made] == ["red", "green", "blue"]
    for (found, _), plane in zip(made, planes, strict=True):
        np.testing.assert_array_equal(found, plane)


def test_what_is_refused_and_what_is_empty(cleaned):
    table, images = cs.read_table(cleaned / "clean.csv"), cleaned / "clean.images.csv"
    with pytest.raises(ValueError, match="image nowhere is not in the image table"):
        cs.napari.layers(table, "nowhere", images)
    with pytest.raises(ValueError, match="has no column label"):
        cs.napari.layers(table.drop(columns="label"), "demo-00", images)
    several = table["class_label"].astype("str").str.contains("|", regex=False)
    image_id = table["image_id"][several].iloc[0]
    exploded = cs.clean(table.assign(), lower=0.2, upper=0.8, multi="explode")
    with pytest.raises(ValueError, match="has a row for each of its classes"):
        cs.napari.layers(exploded, image_id, images)
    label = exploded.loc[exploded["image_id"] == image_id, "class_label"].iloc[0]
    made = cs.napari.layers(exploded, image_id, images, class_label=label)
    assert made[-1][1]["features"]["class_label"].unique().tolist() == [label]
    empty = cs.napari.layers(table[table["image_id"] != "demo-00"], "demo-00", images)
    assert empty[-1][1]["features"].empty
    assert empty[-1][0].any()  # the mask is there all the same


def test_a_table_that_is_not_cleaned_keeps_all(cleaned):
    cells = cs.read_table(cleaned / "cells.csv").assign(index=5, verdict="mine")
    [(_, meta)] = of_kind(
        cs.napari.layers(cells, "demo-00", cleaned / "clean.images.csv"), "labels"
    )
    assert set(meta["features"]["verdict"]) == {"kept"}
    assert meta["features"]["index"].tolist() == meta["features"]["label"].tolist()


#: What is seen without one kind of cone (Machado and others, 2009), of linear red, green and blue.
BLIND = {
    "red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998]],
    "green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
              [-0.011820, 0.042940, 0.968881]],
    "blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
             [0.004733, 0.691367, 0.303900]],
    "none": np.eye(3),
}  # fmt: skip


@pytest.mark.parametrize("missing", BLIND)
def test_verdicts_are_told_apart_by_everybody(missing):
    color = pytest.importorskip("skimage.color", reason="scikit-image is not installed")
    seen = {}
    for kind, rgb in VERDICTS.items():
        part = np.array(rgb) / 255
        linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
        other = np.clip(BLIND[missing] @ linear, 0, 1)
        shown = np.where(other <= 0.0031308, other * 12.92, 1.055 * other ** (1 / 2.4) - 0.055)
        seen[kind] = color.rgb2lab(shown)
    del seen["by_hand"]  # is dropped, as what is cut
    distances = {
        (a, b): float(color.deltaE_ciede2000(seen[a], seen[b]))
        for a, b in itertools.combinations(seen, 2)
    }
    assert min(distances.values()) > 10, distances


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of napari's own
def test_napari_takes_them(cleaned):
    napari_layers = pytest.importorskip("napari.layers", reason="napari is not installed")
    for made in cs.napari.layers(cleaned / "clean.csv", "demo-00"):
        layer = napari_layers.Layer.create(*made)
        np.testing.assert_array_equal(layer.data, made[0])
    row = layer.features.iloc[0]
    place = np.argwhere(layer.data == row["index"])[0]
    said = layer.get_status(place)["value"] + str(layer._get_properties(place))
    assert f"verdict: {row['verdict']}" in said
    np.testing.assert_allclose(
        layer.get_color(row["index"]), made[1]["colormap"][row["index"]], atol=0.01
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_napari_shows_them(cleaned, monkeypatch):
    napari = pytest.importorskip("napari", reason="napari is not installed")
    from napari.components import ViewerModel

    monkeypatch.setattr(napari, "Viewer", ViewerModel)  # a window needs a screen
    viewer = cs.napari.show(cleaned / "clean.csv", "demo-00", channels=["green"])
    assert [layer.name for layer in viewer.layers] == ["green", "cells"]
    assert viewer.title == "demo-00"


def test_napari_missing_is_said(cleaned, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "napari", None)
    with pytest.raises(ImportError, match=r"pip install 'cellsieve\[napari\]'"):
        cs.napari.show(cleaned / "clean.csv", "demo-00")
