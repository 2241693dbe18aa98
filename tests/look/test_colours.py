"""Which channels pictures show, unless some are chosen."""

import pandas as pd
import pytest

from cellsieve.look.colours import default_channels


@pytest.mark.parametrize(
    ("measured", "shown"),
    [
        ("green", ("red", "green", "blue")),
        ("yellow", ("yellow",)),
        ("green,yellow", ("red", "green", "blue")),
        ("yellow,far", ("yellow", "far")),
        (None, ("red", "green", "blue")),
    ],
)
def test_default_channels(measured, shown):
    names = ("mask", "blue", "far", "green", "red", "yellow")
    images = pd.DataFrame({f"path_{name}": ["x"] for name in names} | {"channel": [measured]})
    assert default_channels(images) == shown
