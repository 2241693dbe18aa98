"""Presets on tables as `measure` writes them: the columns have the names that the rules ask for."""

import numpy as np
import pytest

import cellsieve as cs


@pytest.mark.filterwarnings("ignore:.*(MAD is 0|can be cut|could not judge):UserWarning")
@pytest.mark.parametrize("channels", [["green"], ["green", "red"]], ids=["one", "two"])
@pytest.mark.parametrize("preset", ["faults", "nuclei", "notebook"])
def test_every_rule_of_a_preset_finds_its_columns(channels: list[str], preset: str) -> None:
    rng = np.random.default_rng(5)
    mask = np.kron(np.arange(36).reshape(6, 6), np.ones((20, 20), int))
    nuclei = mask * (np.kron(np.ones((12, 12), int), np.pad(np.ones((4, 4), int), 3)) > 0)
    images = {name: rng.poisson(30, mask.shape).astype(np.uint8) for name in channels}
    cells = cs.measure(mask, images, properties=["all"], nuclei=nuclei)
    cells = cells.assign(image_id="a", class_label="0")
    found = cs.clean(cells, rules=preset)
    assert "not_applied" not in found.attrs["cellsieve"]
    names = {rule.name for rule in cs.rules_of(found)}
    assert names == {rule.name for rule in cs.preset(preset)}
    if preset != "notebook":
        border = cells["touches_border"].astype(bool)
        assert found["reason"].str.contains("at the border").equals(border)
        assert 0 < border.sum() < len(cells)
