"""A folder of crops as a data set to train on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellsieve.io.readers import read_image
from cellsieve.io.tables import read_csv
from cellsieve.run.folders import INDEX
from cellsieve.schema.labels import natural
from cellsieve.schema.types import FilePath


class CellCrops:
    """The crops of a folder as a map-style data set, as PyTorch's `DataLoader` takes it.

    Args:
        folder: what `crops` wrote, of kind "png", "npz" or "npy".
        transform: a function of the array, as to augment it; what it returns takes its place.

    `len(data)` is the number of crops, and `data[i]` the array, of shape (channels, rows, columns)
    and the dtype of the images, with the class label as text ("" where there is none).
    `data.index` is the table, `data.classes` the class labels, whole numbers in their order first.

    Reading is thread-safe and needs no open file, so workers of any kind will do. Crops of one size
    can be batched as they are.

    Raises:
        OSError: there is no index in the folder, or (on reading) no such crop.
        ValueError: the crops are in shards, which a streaming reader takes (as the package
            webdataset).
        IndexError: on reading, `i` is beyond the end.
    """

    def __init__(
        self, folder: FilePath, transform: Callable[[NDArray[Any]], Any] | None = None
    ) -> None:
        self.folder = Path(folder)
        self.transform = transform
        index = read_csv(self.folder / INDEX, text=("path", "image_id", "class_label"))
        if index["path"].str.startswith("shard-").any() and index["path"].str.contains("/").any():
            raise ValueError(
                f"{self.folder}: holds shards, which are read one after the other (as by the "
                "package webdataset); crops of the other kinds can be had by number"
            )
        self.index = index
        self.classes: list[str] = sorted(index["class_label"].dropna().unique(), key=natural)
        self._paths: list[str] = index["path"].tolist()
        self._labels: list[str] = index["class_label"].fillna("").tolist()

    def __len__(self) -> int:
        """The number of crops."""
        return len(self._paths)

    def __getitem__(self, i: int) -> tuple[Any, str]:
        """A crop and its class label."""
        path = self.folder / self._paths[i]
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:
                image: NDArray[Any] = file["image"]
        elif path.suffix == ".npy":
            image = np.load(path, allow_pickle=False)
        else:
            image = read_image(path)
        image = image[None] if image.ndim == 2 else np.moveaxis(image, 2, 0)
        image = np.ascontiguousarray(image)
        return (self.transform(image) if self.transform else image), self._labels[i]
