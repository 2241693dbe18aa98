"""What decides the crops of an image."""

from dataclasses import dataclass

from cellsieve.schema.choices import CropKind, Fit, Keep, check_choice


@dataclass(frozen=True)
class Settings:
    """What decides the crops of an image, besides its cells."""

    output: str
    channels: tuple[str, ...]
    size: tuple[int, int] | None
    fit: Fit
    keep: Keep
    kind: CropKind
    folders: bool
    max_pixels: int

    def __post_init__(self) -> None:
        """Refuses choices that are none."""
        check_choice("fit", self.fit, Fit)
        check_choice("keep", self.keep, Keep)
        check_choice("kind", self.kind, CropKind)
        if self.size is not None and not all(0 < side <= 2**15 for side in self.size):
            raise ValueError(f"size: found {self.size}; expected 1 to 32,768 pixels a side")
        if self.size is None and self.fit != "cut":
            raise ValueError(f"fit: {self.fit!r} needs a size to fit the cells into")
        if self.kind == "png" and len(self.channels) not in (1, 3, 4):
            raise ValueError(
                f"channels: found {len(self.channels)} ({', '.join(self.channels)}); a PNG file "
                "holds 1, 3 or 4; kinds 'npz' and 'npy' hold any number"
            )
        if self.kind == "tar" and self.folders:
            raise ValueError("folders: shards hold no folders; each crop's .json has its class")
