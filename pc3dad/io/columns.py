"""Columns of numbers inside a block of bytes, whatever the layout of the file around them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pc3dad.types import UInt8Array


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One number per row: row i lies `offset + i * stride` bytes into `block`.

    Attributes:
        block: (B,) uint8, contiguous.
        dtype: of the number, byte order included.
        offset: bytes before the first row.
        stride: bytes from row to row.
        rows: number of rows N.
    """

    block: UInt8Array
    dtype: np.dtype[Any]
    offset: int
    stride: int
    rows: int

    def values(self, width: int = 1) -> NDArray[Any]:
        """View (N, width) of this column and the `width - 1` of the same type that follow it in each row."""
        size = self.dtype.itemsize
        if not self.rows:  # the block may end before the first row
            return np.empty((0, width), self.dtype)
        return np.ndarray((self.rows, width), self.dtype, self.block.data, self.offset, (self.stride, size))


def table_columns(table: NDArray[np.float64]) -> list[Column]:
    """The columns of a contiguous (N, C) float64 table."""
    block = table.reshape(-1).view(np.uint8)
    rows, width = table.shape
    return [Column(block, table.dtype, 8 * column, 8 * width, rows) for column in range(width)]


def triple(columns: Mapping[str, Column], names: tuple[str, str, str]) -> NDArray[Any] | None:
    """Three columns as (N, 3), native byte order, aligned and writable; None if one of them is missing."""
    if not columns.keys() >= set(names):
        return None
    first, second, third = (columns[name] for name in names)
    size, dtype = first.dtype.itemsize, first.dtype
    packed = all(
        (other.block is first.block, other.dtype, other.offset, other.stride)
        == (True, dtype, first.offset + step * size, first.stride)
        for step, other in ((1, second), (2, third))
    )
    if packed:  # no copy if the rows hold nothing else, and one that is several times faster if they do
        return np.require(first.values(width=3), dtype.newbyteorder("="), ["C", "A", "W"])
    return np.concatenate([first.values(), second.values(), third.values()], axis=1)
