"""Broken files of predictions and layouts: one kind of error, which begins with the file."""

import json

import numpy as np
import pytest

import cellsieve as cs
from cellsieve.trial.planted import plant, probabilities

MADE = plant(group_size=4, train_experiments=4, test_experiments=2, missing=0, seed=1)
ROUNDS = 250
NESTED: list = [None, True, -1, 10**400, 1e308, float("nan"), float("inf"), "", "x", "\ud800"]
NESTED += [[], {}, [[[]]], {"a": {"b": []}}, 3.5, [None], [1, "a"]]


@pytest.fixture(scope="module")
def layout():
    return cs.PlateLayout.fit(MADE.train)


def damaged(raw, rng):
    """Bytes that were cut, changed, lost, added or repeated, mostly where a file's header is."""
    raw = bytearray(raw)
    end = 200 if rng.random() < 0.6 else len(raw)
    start = int(rng.integers(0, min(end, len(raw))))
    stop = min(len(raw), start + int(rng.integers(1, 40)))
    how = rng.integers(5)
    if how == 0:
        return bytes(raw[:start])
    if how == 1:
        for place in rng.integers(start, stop, 4).tolist():
            raw[place] = int(rng.integers(256))
    elif how == 2:
        del raw[start:stop]
    elif how == 3:
        raw[start:start] = rng.bytes(5)
    else:
        raw[start:start] = raw[start:stop]
    return bytes(raw)


def refused(action, path):
    """Whether the file was refused; if so, in a message that begins with it."""
    message = ""
    try:
        action()
    except ValueError as error:
        message = str(error)
    assert not message or message.startswith(f"{path}: ")
    return bool(message)


@pytest.mark.parametrize("form", ["scores.npy", "votes.npy", "plain.npz", "packed.npz"])
def test_broken_predictions_are_named(layout, rng, tmp_path, form):
    path = tmp_path / form
    scores, ids = probabilities(MADE.logits), MADE.test["id_code"].to_numpy(str)
    if form == "scores.npy":
        np.save(path, scores)
    elif form == "votes.npy":
        np.save(path, MADE.sirna)
    else:
        save = np.savez if form == "plain.npz" else np.savez_compressed
        save(path, scores=scores, ids=ids, classes=np.arange(16))
    whole = path.read_bytes()
    many = 0
    for _ in range(ROUNDS):
        path.write_bytes(damaged(whole, rng))
        many += refused(lambda: layout.infer(MADE.test, path), path)
    assert many > ROUNDS / 2  # the others read as other numbers, or nothing has changed


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"PK\x03\x04", b"PK\x05\x06" + bytes(18)])
@pytest.mark.parametrize("name", ["p.npy", "p.npz"])
def test_what_is_no_array_is_named(layout, tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    assert refused(lambda: layout.infer(MADE.test, path), path)


def test_parts_of_another_shape_are_named(layout, tmp_path):
    path = tmp_path / "p.npz"
    scores = probabilities(MADE.logits)
    for parts in ({"ids": np.zeros((len(scores), 2))}, {"classes": np.zeros(())}):
        np.savez(path, scores=scores, **parts)
        with pytest.raises(ValueError, match=r"p\.npz: '(ids|classes)' is not an array with"):
            layout.infer(MADE.test, path)


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_bad_number_is_found_in_its_file_and_row(tmp_path, order):
    made = plant(group_size=80, train_experiments=4, test_experiments=4, missing=0, seed=1)
    scores = probabilities(made.logits)
    assert len(scores) > 1100  # matrices in Fortran order are read in blocks of 1024 rows
    scores[1100, 7] = np.nan
    np.savez(tmp_path / "p.npz", np.asarray(scores, order=order))
    with pytest.raises(ValueError, match=r"p\.npz: row 1100, column 7 is NaN; expected a number"):
        cs.PlateLayout.fit(made.train).infer(made.test, tmp_path / "p.npz")


def test_names_that_are_no_text_are_named(layout, tmp_path):
    names = tmp_path / "classes.txt"
    names.write_bytes(b"\xff\xfe\n")
    with pytest.raises(ValueError, match=r"classes\.txt: not UTF-8 text"):
        layout.infer(MADE.test, MADE.logits, "logit", classes=names)
    names.write_text("\n".join(f"gene {number}" for number in range(16)) + "\n\n")
    read = cs.read_predictions(MADE.logits, classes=names)
    assert read.classes == [f"gene {number}" for number in range(16)]  # one per line, gaps and all


def test_a_broken_layout_is_named(layout, rng, tmp_path):
    path = tmp_path / "layout.json"
    layout.save(path)
    whole = path.read_bytes()
    many = 0
    for _ in range(ROUNDS):
        path.write_bytes(damaged(whole, rng))
        many += refused(lambda: cs.PlateLayout.load(path), path)
    assert many > ROUNDS / 2
    for text in ("[" * 100_000, "9" * 5000, '{"format": NaN}', "null", "[]", '"x"', ""):
        path.write_text(text)
        assert refused(lambda: cs.PlateLayout.load(path), path)


def changed(stored, rng):
    """Parsed JSON in which one value is another one, is gone, or is there again."""
    stored = json.loads(json.dumps(stored))
    places = []

    def walk(value):
        for key in value if isinstance(value, dict) else range(len(value)):
            places.append((value, key))
            if isinstance(value[key], dict | list):
                walk(value[key])

    walk(stored)
    parent, key = places[int(rng.integers(len(places)))]
    how = rng.random()
    if how < 0.7:
        parent[key] = NESTED[int(rng.integers(len(NESTED)))]
    elif how < 0.85:
        del parent[key]
    elif isinstance(parent, list):
        parent.append(parent[key])
    else:
        parent["more"] = parent[key]
    return stored


def test_a_layout_of_wrong_values_is_named(layout, rng, tmp_path):
    path = tmp_path / "layout.json"
    layout.save(path)
    whole = json.loads(path.read_text())
    many = 0
    for _ in range(ROUNDS):
        path.write_text(json.dumps(changed(whole, rng)))
        many += refused(lambda: cs.PlateLayout.load(path), path)
    assert many > ROUNDS / 2


@pytest.mark.parametrize("key", ["groups", "assignments", "experiments", "plates"])
def test_a_layout_that_says_two_things_is_refused(layout, tmp_path, key):
    path = tmp_path / "layout.json"
    layout.save(path)
    stored = json.loads(path.read_text())
    stored[key] = stored[key][:-1]
    path.write_text(json.dumps(stored))
    with pytest.raises(ValueError, match=rf"layout\.json: .*{key}|damaged layout: KeyError"):
        cs.PlateLayout.load(path)


def test_one_column_cannot_be_two_things():
    with pytest.raises(ValueError, match="expected four different columns"):
        cs.PlateLayout.fit(MADE.train, well="plate")


def test_a_layout_whose_column_is_two_things_is_named(layout, tmp_path):
    path = tmp_path / "layout.json"
    layout.save(path)
    stored = json.loads(path.read_text())
    stored["columns"]["well"] = stored["columns"]["plate"]
    path.write_text(json.dumps(stored))
    with pytest.raises(ValueError, match=r"layout\.json: columns: found .* four different columns"):
        cs.PlateLayout.load(path)


@pytest.mark.parametrize("part", ["ids", "classes"])
@pytest.mark.parametrize("point", [0xD800, 0x110000, 2**32 - 1])
def test_names_of_no_characters_are_named(layout, tmp_path, part, point):
    """Numbers that no character has: numpy's files can hold them."""
    path = tmp_path / "p.npz"
    parts = {
        "scores": probabilities(MADE.logits),
        "ids": MADE.test["id_code"].to_numpy(str),
        "classes": np.arange(16).astype(str),
    }
    parts[part].view(np.uint32)[0] = point
    np.savez(path, **parts)
    assert refused(lambda: layout.infer(MADE.test, path), path)


def test_a_key_with_a_line_break_is_said_in_one_line(layout, tmp_path):
    path = tmp_path / "layout.json"
    layout.save(path)
    stored = json.loads(path.read_text())
    stored["columns"]["experim\x1b\nt"] = stored["columns"].pop("experiment")
    path.write_text(json.dumps(stored))
    with pytest.raises(ValueError, match="a damaged layout") as refusal:
        cs.PlateLayout.load(path)
    assert str(refusal.value).isprintable()


def test_an_id_with_a_line_break_is_said_in_one_line(layout, tmp_path):
    ids = MADE.test["id_code"].to_numpy(str)
    ids[3] = "HUVEC\n01"
    scores = probabilities(MADE.logits)
    np.savez(tmp_path / "p.npz", scores=scores, ids=ids, classes=np.arange(scores.shape[1]))
    with pytest.raises(ValueError, match=r"ids that are not in test: HUVEC\\n01; expected"):
        layout.infer(MADE.test, tmp_path / "p.npz")


@pytest.mark.parametrize("part", ["ids", "classes"])
def test_names_that_are_records_are_refused(layout, tmp_path, part):
    scores = probabilities(MADE.logits)
    names = {"ids": MADE.test["id_code"].to_numpy(str), "classes": np.arange(scores.shape[1])}
    names[part] = np.array([(f"H{n}",) for n in range(len(names[part]))], [("f0", "<U9")])
    np.savez(tmp_path / "p.npz", scores=scores, **names)
    with pytest.raises(ValueError, match=r"p\.npz: (ids that are not in|no column for 16 of)"):
        layout.infer(MADE.test, tmp_path / "p.npz")


def test_an_archive_of_other_arrays_is_said_in_one_line(layout, tmp_path):
    np.savez(tmp_path / "p.npz", **{"scores\n": np.zeros(3), "ids": np.arange(3)})
    with pytest.raises(ValueError, match=r"p\.npz: holds scores\\n, ids; expected 'scores'"):
        layout.infer(MADE.test, tmp_path / "p.npz")
