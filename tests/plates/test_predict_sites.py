"""The example that runs a model, on sites made on the spot and on the real ones."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cellsieve as cs

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "predict_sites.py"
MODEL = """
import numpy as np

def predict(batch):
    # A score a class: how close the brightness of the first channel is to the class's.
    brightness = batch[:, 0].mean(axis=(1, 2))
    return -100 * (brightness[:, None] - np.linspace(0, 1, 8)) ** 2

def short(batch):
    return np.zeros((len(batch), 3))
"""


@pytest.fixture
def folder(tmp_path, rng):
    """Eight wells on two plates with two sites of three channels; brightness tells the class."""
    rows = []
    for number in range(8):
        plate, well = number // 4 + 1, f"B{number % 4 + 2:02d}"
        rows.append((f"E-1_{plate}_{well}", "E-1", plate, well))
        place = tmp_path / "images" / "E-1" / f"Plate{plate}"
        place.mkdir(parents=True, exist_ok=True)
        for site in (1, 2):
            for channel in (1, 2, 3):
                image = np.full((6, 7), 255 * number / 7) + rng.normal(0, 2, (6, 7))
                image = image.clip(0, 255).astype(np.uint8)
                cs.write_png(place / f"{well}_s{site}_w{channel}.png", image)
    table = pd.DataFrame(rows, columns=["id_code", "experiment", "plate", "well"])
    table.to_csv(tmp_path / "test.csv", index=False)
    (tmp_path / "classes.txt").write_text("\n".join(map(str, range(8))))
    (tmp_path / "mine.py").write_text(MODEL)
    return tmp_path


def run(folder, *arguments):
    command = [sys.executable, str(EXAMPLE), *map(str, arguments), "--classes", "classes.txt"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_a_python_model(folder):
    done = run(
        folder, "images", "test.csv", "mine:predict", "-o", "p.npz", "--channels", 3, "--batch", 3
    )
    assert done.returncode == 0, done.stderr
    assert "8 wells, 16 sites" in done.stdout
    train = pd.read_csv(folder / "test.csv").assign(sirna=range(8), experiment="E-0")
    layout = cs.PlateLayout.fit(train)
    decoded = layout.decode(folder / "test.csv", folder / "p.npz", kind="logit")
    assert decoded["sirna"].tolist() == list(range(8))


def test_an_onnx_model(folder):
    onnx = pytest.importorskip("onnx", reason="onnx makes the model of this test")
    pytest.importorskip("onnxruntime", reason="onnxruntime runs it")
    make = onnx.helper
    numbers = onnx.TensorProto.FLOAT
    weights = np.stack([2 * np.linspace(0, 1, 8), np.zeros(8), np.zeros(8)]).astype(np.float32)
    graph = make.make_graph(
        [
            make.make_node("GlobalAveragePool", ["sites"], ["pooled"]),
            make.make_node("Flatten", ["pooled"], ["flat"]),
            make.make_node("Gemm", ["flat", "w", "b"], ["scores"]),
        ],
        "brightness",
        [make.make_tensor_value_info("sites", numbers, ["n", 3, "r", "c"])],
        [make.make_tensor_value_info("scores", numbers, ["n", 8])],
        [
            onnx.numpy_helper.from_array(weights, "w"),
            onnx.numpy_helper.from_array((-(np.linspace(0, 1, 8) ** 2)).astype(np.float32), "b"),
        ],
    )
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, folder / "model.onnx")
    done = run(folder, "images", "test.csv", "model.onnx", "-o", "p.npz", "--channels", 3)
    assert done.returncode == 0, done.stderr
    scores = np.load(folder / "p.npz", allow_pickle=False)
    # -(x - c)^2 plus x^2: the nearest class wins.
    assert scores["scores"].argmax(axis=1).tolist() == list(range(8))
    assert scores["ids"].tolist() == pd.read_csv(folder / "test.csv")["id_code"].tolist()


def test_mistakes_are_one_line(folder):
    three = ("--channels", 3)
    for arguments, text in [
        (("images", "none.csv", "mine:predict", "-o", "p.npz"), "none.csv"),
        (("images", "test.csv", "mine:absent", "-o", "p.npz"), "has no function 'absent'"),
        (("images", "test.csv", "mine", "-o", "p.npz"), "expected a .onnx file or module:function"),
        (("images", "test.csv", "mine:short", "-o", "p.npz", *three), "expected (16, 8)"),
        (("images", "test.csv", "mine:predict", "-o", "p.csv"), "ends in .npz"),
    ]:
        done = run(folder, *arguments)
        assert done.returncode == 2
        assert text in done.stderr.splitlines()[-1]
        assert not (folder / "p.npz").exists()


def test_wells_without_images_are_told(folder):
    for path in (folder / "images" / "E-1" / "Plate2").glob("B02_*"):
        path.unlink()
    arguments = ("images", "test.csv", "mine:predict", "-o", "p.npz", "--channels", 3)
    done = run(folder, *arguments)
    assert done.returncode == 1
    assert "1 of 8 wells have no images, such as images/E-1/Plate2/B02_s1_w1.png" in done.stderr
    assert not (folder / "p.npz").exists()
    assert run(folder, *arguments, "--skip-missing").returncode == 0
    assert np.load(folder / "p.npz")["scores"].shape == (7, 8)


def test_the_real_sites(folder, real_data):
    """One site of each of four cell types, six channels of 512 x 512."""
    names = ["HEPG2-01", "HUVEC-01", "RPE-01", "U2OS-01"]
    table = pd.DataFrame({"id_code": [f"{n}_1_B02" for n in names], "experiment": names})
    table.assign(plate=1, well="B02").to_csv(folder / "real.csv", index=False)
    images = real_data / "rxrx1" / "images" / "train"
    done = run(folder, images, "real.csv", "mine:predict", "-o", "p.npz", "--sites", 1)
    assert done.returncode == 0, done.stderr
    assert "4 wells, 4 sites" in done.stdout
    assert np.isfinite(np.load(folder / "p.npz")["scores"]).all()
