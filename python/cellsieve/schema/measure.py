"""What is known about one measured column."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from numpy.typing import NDArray

Scope = Literal["cell", "cell and channel", "image", "image and channel"]
Needs = Literal["mask", "nuclei", "image", "threshold", "background"]


@dataclass(frozen=True)
class Measure:
    """One column, or one for each channel."""

    name: str
    dtype: str
    unit: str
    family: str
    scope: Scope
    needs: Needs
    sentence: str
    formula: str
    source: str
    #: Computes it from other columns, whose names are the parameters; if None, the kernels do.
    function: Callable[..., NDArray[Any]] | None = None
    #: The column of which this is the value in one compartment of the cells.
    whole: str | None = None

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """The columns that its function takes."""
        return tuple(inspect.signature(self.function).parameters) if self.function else ()

    @property
    def of_channel(self) -> bool:
        """Whether there is a value for each channel."""
        return self.scope.endswith("channel")

    @property
    def of_image(self) -> bool:
        """Whether there is a value for each image and not for each cell."""
        return self.scope.startswith("image")

    @property
    def compartment(self) -> str | None:
        """The compartment that it is of."""
        return None if self.whole is None else self.name.removeprefix(self.whole + "_")

    def column(self, channel: str | None) -> str:
        """The column's name; `channel` is None where one channel alone is measured."""
        return f"{self.name}_{channel}" if self.of_channel and channel is not None else self.name
