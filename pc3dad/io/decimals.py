"""Tables of plain decimals, parsed many numbers at a time: most text that scanners and label tools write.

NumPy's own reader takes numbers of any form, one after the other. Where each is an optional minus, digits,
and as many decimals as the first row has in that column, its digits form an integer below 2^53, and one
division by a power of ten gives the same correctly rounded float64. Other text is left to NumPy
(`text.read_numbers`).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pc3dad.types import Float64Array, UInt8Array

PIECE = 1 << 18  # bytes at a time: temporaries stay in the cache
WINDOW = 8  # digits that fit into one 64-bit word
MAX_COLUMNS = 256  # each costs a dozen calls of NumPy in each piece
EXACT = 15  # digits whose integer is below 2^53
MINUS, DOT, ZERO, NEWLINE = b"-.0\n"
KEPT = np.array([0x0F0F0F0F0F0F0F0F << 8 * (8 - count) & (2**64 - 1) for count in range(9)], np.uint64)
PAIRS = (  # factor, shift, mask: 8 digits become 4 pairs, these 2 fours, and these the integer
    (2561, 8, 0x00FF00FF00FF00FF),
    (6553601, 16, 0x0000FFFF0000FFFF),
    (42949672960001, 32, 0x00000000FFFFFFFF),
)

Places = tuple[int | None, ...]
"""Digits behind the dot in each column, None for a column without dots."""


def parse_decimals(text: bytes, *, delimiter: bytes) -> Float64Array | None:
    """Parses rows of plain decimals with one separator between numbers.

    Args:
        text: the table.
        delimiter: one byte between columns.

    Returns:
        (N, C) float64, equal to the bit to `float` of each number; None if the text is anything else.
    """
    first = text[: text.find(b"\n") % (len(text) + 1)]
    if first.count(delimiter) >= MAX_COLUMNS:
        return None
    places: Places = tuple(_places(word) for word in first.split(delimiter))
    pieces, start = [], 0
    while start < len(text):
        stop = text.find(b"\n", start + PIECE) + 1 or len(text)
        piece = text[start:stop]
        buffer = np.frombuffer(bytes(WINDOW) + piece + b"\n" * (not piece.endswith(b"\n")), np.uint8)
        table = _parse(buffer, ord(delimiter), places)
        if table is None:
            return None
        pieces.append(table)
        start = stop
    return np.concatenate(pieces) if pieces else None


def _places(word: bytes) -> int | None:
    _, dot, behind = word.partition(b".")
    return len(behind) if dot else None


def _parse(buffer: UInt8Array, delimiter: int, places: Places) -> Float64Array | None:
    """(N, C) numbers of whole lines behind `WINDOW` bytes of padding; None if a byte is out of place."""
    is_newline = buffer == NEWLINE
    ends = np.flatnonzero(is_newline | (buffer == delimiter))
    shape = np.count_nonzero(is_newline), len(places)
    if len(ends) != shape[0] * shape[1] or not is_newline[ends[shape[1] - 1 :: shape[1]]].all():
        return None
    starts = np.concatenate(([WINDOW], ends[:-1] + 1))
    negative = buffer[starts] == MINUS
    starts += negative
    n_digits = int((ends - starts).sum()) - shape[0] * sum(count is not None for count in places)
    if n_digits != np.count_nonzero(buffer - np.uint8(ZERO) <= 9):
        return None  # digits elsewhere cannot be; so a byte that should be a digit is none
    table = np.empty(shape)
    for column, count in enumerate(places):
        rows = slice(column, None, shape[1])
        values = _column(buffer, starts[rows], ends[rows], count)
        if values is None:
            return None
        table[:, column] = np.negative(values, out=values, where=negative[rows])
    return table


def _column(
    buffer: UInt8Array, starts: NDArray[np.intp], ends: NDArray[np.intp], places: int | None
) -> Float64Array | None:
    """(N,) values without sign of the bytes from `starts` to `ends`, `places` of them behind a dot."""
    dots = ends if places is None else ends - places - 1
    whole = dots - starts
    behind = places or 0
    if whole.min() < 1 or max(int(whole.max()), behind) > WINDOW or int(whole.max()) + behind > EXACT:
        return None
    if places is not None and not (buffer[dots] == DOT).all():
        return None
    digits = _integers(buffer, dots, KEPT[whole])
    if behind:
        digits = digits * np.uint64(10**behind) + _integers(buffer, ends, KEPT[behind])
    return digits / np.float64(10**behind)


def _integers(buffer: UInt8Array, ends: NDArray[np.intp], kept: Any) -> NDArray[np.uint64]:
    """(N,) integers of the digits before `ends`; `kept` masks those of the 8 bytes there that belong."""
    words: NDArray[np.uint64] = np.ndarray(len(buffer) - 7, "<u8", buffer, strides=(1,))[ends - WINDOW] & kept
    for factor, shift, mask in PAIRS:
        words = (words * np.uint64(factor) >> np.uint64(shift)) & np.uint64(mask)
    return words
