"""What arguments are, wherever they appear: one name each."""

import os
from typing import TYPE_CHECKING, Union

if TYPE_CHECKING:
    import pandas as pd
    from typing_extensions import TypeIs

FilePath = str | os.PathLike[str]
"""The path of a file or folder."""

Table = Union["pd.DataFrame", FilePath]
"""A table in memory, or its file. One of polars or pyarrow will do too: see `in_pandas`."""


def is_path(value: object) -> "TypeIs[FilePath]":
    """Whether an argument is a path, and not the data themselves."""
    return isinstance(value, str | os.PathLike)


def is_table(value: object) -> "TypeIs[Table]":
    """Whether an argument is a table, in memory or as a file."""
    import pandas as pd  # here, since paths are checked by commands that never load it

    return is_path(value) or isinstance(value, pd.DataFrame)
