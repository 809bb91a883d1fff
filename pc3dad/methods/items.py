"""Training samples as arrays on disk: looked at once, read in every epoch, deleted afterwards."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pc3dad.context import RunContext
from pc3dad.errors import MethodError
from pc3dad.types import BoolArray, Sample, Truth

Arrays = dict[str, NDArray[Any]]


class KeptArrays:
    """Arrays by name for each of some samples, in a temporary folder that is deleted with `close`.

    They are mapped into memory when they are read, so that training sets of any size pass.

    Args:
        ctx: its scratch folder holds the folder.
    """

    def __init__(self, ctx: RunContext) -> None:
        self._folder = tempfile.TemporaryDirectory(dir=ctx.scratch, prefix="pc3dad-items-")
        self._length = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Arrays:
        if index >= self._length:
            raise IndexError(index)  # ends a loop
        folder = Path(self._folder.name) / str(index)
        return {path.stem: np.load(path, mmap_mode="c") for path in folder.iterdir()}

    def keep(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Adds a sample."""
        folder = Path(self._folder.name) / str(self._length)
        folder.mkdir()
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", array)
        self._length += 1

    def close(self) -> None:
        """Deletes the folder."""
        self._folder.cleanup()


def point_labels(sample: Sample, truth: Truth) -> BoolArray:
    """(N,) bool for training; all False for a normal sample without labels of points.

    Raises:
        MethodError: labels are missing.
    """
    if truth.anomalous is None:
        raise MethodError(f"training sample {sample.id!r} has no label", hint="train on labelled samples")
    if truth.points is not None:
        return truth.points
    if truth.anomalous:
        raise MethodError(
            f"anomalous training sample {sample.id!r} has no labels of points", hint="train on others"
        )
    return np.zeros(len(sample.cloud), np.bool_)
