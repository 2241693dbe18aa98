"""What decides the numbers of a cell table, apart from the files."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from cellsieve.cells.own import OwnMeasure, own_columns
from cellsieve.io.readers import MAX_PIXELS, pixel_limit
from cellsieve.schema.cells import RLE_COLUMN
from cellsieve.schema.choices import Convention, check_choice
from cellsieve.schema.images import WHOLE
from cellsieve.schema.measure import Measure
from cellsieve.schema.measures import chosen, columns_of, kernels, kernels_apart


@dataclass(frozen=True)
class Settings:
    """All that decides the numbers, apart from the files."""

    channels: tuple[str | int | None, ...] = (None,)  # None: the only one of its file
    quantile: float = 0.99
    threshold: float | None = None
    convention: Convention = "cellsieve"
    max_pixels: int = MAX_PIXELS
    rle: bool = False  # whether cells are encoded in the same scan; changes no number
    exact: bool = False  # whether the files themselves must know channels of these names
    properties: tuple[str, ...] = ()  # beside those of a default table
    own: tuple[OwnMeasure, ...] = field(default=())  # functions of a cell's mask and pixels
    nuclei: bool = False  # whether there is a second label image
    max_value: float | None = None  # pixels are saturated from it on
    named: bool = False  # whether the columns of a single channel end in its name too

    parts: tuple[str, ...] = ()  # columns that say more of each image: see `ImageSet.parts`

    def __post_init__(self) -> None:
        """Refuses settings that no image could be measured with."""
        if not 0 <= self.quantile <= 1:
            raise ValueError(f"quantile: found {self.quantile}; expected a number from 0 to 1")
        if self.threshold is not None and self.threshold != self.threshold:
            raise ValueError("threshold: found NaN; expected a number")
        if self.max_value is not None and self.max_value != self.max_value:
            raise ValueError("max_value: found NaN; expected a number")
        check_choice("convention", self.convention, Convention)
        pixel_limit(self.max_pixels)
        names = self.suffixes
        if len(set(names)) < len(names):
            raise ValueError(f"channels: found {', '.join(map(str, names))}; each may stand once")
        if self.convention == "notebook" and (self.asked or self.own or len(names) > 1):
            raise ValueError(
                "convention: 'notebook' measures one channel and has no properties beside those of "
                "a default table"
            )

    @property
    def wanted(self) -> list[str | None]:
        """The channels to ask the files for; None for the only one of a file."""
        only = (None, WHOLE) if self.exact else (None,)
        return [None if channel in only else str(channel) for channel in self.channels]

    @property
    def suffixes(self) -> list[str | None]:
        """What tells the channels apart in the names of columns: nothing, if there is one."""
        several = self.named or len(self.channels) > 1
        return [str(channel) if several else None for channel in self.channels]

    @cached_property
    def measures(self) -> tuple[Measure, ...]:
        """The measures of the two tables."""
        return chosen(self.properties, nuclei=self.nuclei)

    @property
    def asked(self) -> tuple[Measure, ...]:
        """Those beside the measures of a default table."""
        return tuple(measure for measure in self.measures if measure.family != "basic")

    @cached_property
    def kernels(self) -> list[str]:
        """What to ask the kernels for."""
        return kernels(self.measures)

    @cached_property
    def kernels_apart(self) -> list[str]:
        """What to ask the kernels for in nuclei and cytoplasm apart."""
        return kernels_apart(self.measures)

    @property
    def in_python(self) -> bool:
        """Whether something is measured that takes the pixels into Python."""
        return bool(self.own) or any(row.name == "power_spectrum_slope" for row in self.measures)

    @property
    def columns_of_set(self) -> dict[str, str]:
        """The columns of the cell table of a data set, and their types."""
        first = dict.fromkeys(("image_id", "class_label", *self.parts), "str")
        return first | self.columns

    @property
    def columns(self) -> dict[str, str]:
        """The columns of the cell table of one image, and their types."""
        measured = columns_of(self.measures, self.suffixes)
        return measured | own_columns(self.own, self.suffixes) | (RLE_COLUMN if self.rle else {})

    @property
    def image_columns(self) -> dict[str, str]:
        """The columns that measures add to the image table, and their types."""
        return columns_of(self.measures, self.suffixes, image_table=True)


def listed(channels: Sequence[str | int | None]) -> str:
    """Channels as one text, as the image table records them."""
    return ",".join(map(str, channels))
