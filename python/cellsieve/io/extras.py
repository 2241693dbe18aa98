"""Optional libraries, and the command that installs each."""

import importlib
from collections.abc import Mapping
from itertools import groupby
from typing import Any


def require(module: str, extra: str, purpose: str) -> Any:
    """Imports `module`, or says what needs it and how to install it.

    Raises:
        ImportError: the module is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ImportError(
            f"{purpose} needs {package}, which is not installed; "
            f"install it with: pip install 'cellsieve[{extra}]' "
            f"(in a checkout: pip install '.[{extra}]')"
        ) from error


def listed(formats: Mapping[str, str | None]) -> str:
    """File extensions, with the command that installs the extra if they need one."""
    return "; ".join(
        ", ".join(extensions) + (f" (needs pip install 'cellsieve[{extra}]')" if extra else "")
        for extra, extensions in groupby(formats, formats.__getitem__)
    )
