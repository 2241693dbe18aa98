"""What a file holds whose reader is written in Python, and what is made of it.

Errors here name no file: who opened it puts its name in front.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cellsieve.io.arrays import native
from cellsieve.io.reading import CHANNELS, MAX, PAGES, Z
from cellsieve.schema.images import WHOLE

COLOURS = ("red", "green", "blue", "alpha")
UNNAMED = "IQ"  # axes of which a TIFF file says nothing: pages, and what an array had in front


class Planes(NamedTuple):
    """One plane, or one for each channel; axes of length 1 are dropped."""

    pixels: Any  # an array, or one in its store that is read once it is known what of it
    axes: str  # one letter for each: Y and X; C or, of colours, S; Z; I or Q for unnamed pages
    names: list[str]  # of the channels, where the file names them

    def of(self, choice: Mapping[str, str], *, lone: bool = False) -> "Planes":
        """What is chosen of them.

        Args:
            choice: `pages`, what the unnamed pages are, "channels" or "z"; and `z`, a number from 0
                or "max", the largest value of each pixel.
            lone: whether a single plane is every z: a mask that was made of a whole stack.

        Raises:
            ValueError: there is no such plane.
        """
        pixels, axes, names = self
        if what := choice.get(PAGES):
            letter = "C" if what == CHANNELS else "Z"
            unnamed = [axis for axis in axes if axis in UNNAMED]
            if len(unnamed) > 1 or (unnamed and letter in axes):
                raise ValueError(
                    f"{self._shape()}; which of them are {what} can't be told from each other"
                )
            axes = axes.replace(unnamed[0], letter) if unnamed else axes
        if wanted := choice.get(Z):
            if "Z" in axes:
                axis = axes.index("Z")
                depth = pixels.shape[axis]
                if wanted != MAX and int(wanted) >= depth:
                    raise ValueError(
                        f"{self._shape()}; found z {wanted}, expected 0 to {depth - 1}"
                    )
                pixels = pixels.max(axis) if wanted == MAX else pixels.take(int(wanted), axis)
                axes = axes.replace("Z", "")
            elif not lone and wanted not in (MAX, "0"):
                raise ValueError(f"{self._shape()}; found z {wanted}, but no axis Z")
        return Planes(pixels, axes, names)

    def _shape(self) -> str:
        return f"has the axes {self.axes} and the shape {self.pixels.shape}"

    def channel(self, channel: str | int | None, *, exact: bool = False) -> NDArray[Any]:
        """The plane of one channel: by its number, the name of its colour or that in the file.

        A single plane is given under any name, unless `exact` asks for one that the file itself
        knows.

        Raises:
            ValueError: there is no such plane, or it is not of uint8, uint16 or float32.
        """
        plane = self._plane(channel, exact)
        if plane.dtype not in (np.uint8, np.uint16, np.float32):
            raise ValueError(
                f"dtype {plane.dtype} is not supported; expected uint8, uint16 or float32"
            )
        return native(plane)

    def channels(self) -> list[tuple[str, ...]]:
        """The channels, each with all its names: that in the file, its number.

        A single plane is "image" too.

        Raises:
            ValueError: the planes are not those of channels.
        """
        rest = self._rest()
        count = self.pixels.shape[self.axes.index(rest)] if rest else 1
        names = [*(COLOURS if rest == "S" else self.names), *[""] * count][:count]
        alone = () if rest else (WHOLE,)
        return [
            tuple(filter(None, (name, *alone, str(number)))) for number, name in enumerate(names)
        ]

    def _rest(self) -> str:
        """The letter of the axis of channels, if there is one."""
        rest = self.axes.replace("Y", "").replace("X", "")
        if rest not in ("", "C", "S"):
            raise ValueError(
                f"{self._shape()}; expected one plane (rows, columns), or one for each "
                f"channel{self._hint()}"
            )
        return rest

    def _plane(self, channel: str | int | None, exact: bool) -> NDArray[Any]:
        pixels, axes, rest = self.pixels, self.axes, self._rest()
        if not rest and (channel is None or not exact):
            return np.asarray(pixels)
        known = self.channels()
        listed = ", ".join(
            f"{number} ({names[0]})" if len(names) > 1 else str(number)
            for number, names in enumerate(known)
        )
        if channel is None:
            raise ValueError(
                f"{self._shape()}; expected one plane, or the number or name of a channel: {listed}"
            )
        fitting = [number for number, names in enumerate(known) if str(channel) in names]
        if len(fitting) != 1:
            what = "no" if not fitting else "more than one"
            channels = "1 channel" if len(known) == 1 else f"{len(known)} channels"
            raise ValueError(
                f"has {channels}, {listed}; found {what} channel {channel!r} among them"
            )
        plane = pixels.take(fitting[0], axis=axes.index(rest)) if rest else pixels
        return np.asarray(plane)

    def _hint(self) -> str:
        """What would choose one of several planes."""
        if any(axis in UNNAMED for axis in self.axes):
            return "; --pages says whether these are channels or z"
        return "; --z takes one, or their maximum" if "Z" in self.axes else ""

    def labels(self, channel: str | None = None) -> tuple[NDArray[Any], int]:
        """The label image, in the narrowest type, and the largest id that its own type can hold.

        Args:
            channel: which, where the file holds several.

        Raises:
            ValueError: several planes, a type that is not of integers, or a negative id.
        """
        if channel is None and self.pixels.ndim != 2:
            hint = "; --mask-channel takes one" if set(self.axes) == set("CYX") else self._hint()
            raise ValueError(
                f"{self._shape()}; expected a label image of one plane (rows, columns){hint}"
            )
        pixels = self._plane(channel, exact=False)
        if pixels.dtype.kind not in "iu" or pixels.dtype == np.int8:
            raise ValueError(
                f"dtype {pixels.dtype} is not supported; expected an integer label image: uint8 "
                "to uint64, int16 to int64"
            )
        lowest, highest = int(pixels.min(initial=0)), int(pixels.max(initial=0))
        if lowest < 0:
            raise ValueError(f"found the label {lowest}; labels are 0 (outside) or 1 to 2^63 - 1")
        narrow = np.ascontiguousarray(pixels, dtype=np.min_scalar_type(highest))
        return narrow, int(np.iinfo(pixels.dtype).max)
