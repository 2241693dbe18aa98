"""The one type of columns that hold text."""

from typing import Any

import numpy as np
import pandas as pd

# What pandas 3 calls "str". To pandas 2 that word means Python's objects, and missing text becomes
# "nan"; and what Arrow keeps for it can't be searched with lookbehinds.
_STORAGE: Any = "python" if pd.__version__.startswith("2.") else None
STRING = pd.StringDtype(_STORAGE, na_value=np.nan)


def text_typed(table: pd.DataFrame) -> pd.DataFrame:
    """The table with `STRING` for columns of objects that are all text or missing."""
    return table.astype(
        {
            name: STRING
            for name in table.columns[[pd.api.types.is_object_dtype(kind) for kind in table.dtypes]]
            if pd.api.types.infer_dtype(table[name]) in ("string", "empty")
        }
    )
