"""Tables of other libraries, which give their columns through Arrow's capsules."""

from typing import Any

import pandas as pd

from cellsieve.io.extras import require
from cellsieve.schema.text import text_typed


def in_pandas(table: Any) -> Any:
    """A table of polars, pyarrow or another library as one of pandas; anything else as it is.

    Arrow's PyCapsule interface is what tells them. Whole numbers with gaps become floats with NaN,
    as from a CSV, and dictionaries the values that they stand for.

    Raises:
        ImportError: such a table, and the extra `parquet`, which brings pyarrow, is not installed.
    """
    if isinstance(table, pd.DataFrame) or not hasattr(table, "__arrow_c_stream__"):
        return table
    pyarrow = require("pyarrow", "parquet", f"a {type(table).__module__} table")
    frame: pd.DataFrame = pyarrow.table(table).to_pandas()
    for name in frame.columns[[isinstance(kind, pd.CategoricalDtype) for kind in frame.dtypes]]:
        frame[name] = frame[name].astype(frame[name].cat.categories.dtype)
    return text_typed(frame)  # older versions of pyarrow give objects
