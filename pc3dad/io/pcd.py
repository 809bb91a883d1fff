"""PCD files of the Point Cloud Library: ascii, binary and binary_compressed, little endian."""

import logging
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from pc3dad.errors import DataError
from pc3dad.io.columns import Column, table_columns, triple
from pc3dad.io.scan import HEADER_BYTES, damaged, header_count, make_cloud, read_bytes, shown, unit_colours
from pc3dad.io.text import read_numbers
from pc3dad.types import Float32Array, PointCloud, UInt8Array

LOGGER = logging.getLogger(__name__)
HEADER_END = re.compile(rb"^data[^\n]*\n", re.MULTILINE | re.IGNORECASE)
SIZES = {"F": (4, 8), "I": (1, 2, 4, 8), "U": (1, 2, 4, 8)}  # what each TYPE may have as SIZE
COUNTS = ("WIDTH", "HEIGHT", "POINTS")
MAX_EXPANSION = 88  # three bytes of LZF give at most 264


@dataclass(frozen=True, slots=True)
class _Field:
    """One FIELD of a point: `count` values of `dtype`."""

    name: str
    dtype: np.dtype[Any]
    count: int

    @property
    def size(self) -> int:
        return self.dtype.itemsize * self.count


@dataclass(frozen=True, slots=True)
class _Header:
    """What the header says. `body` is the byte where the points start and `n_lines` the lines before it."""

    fields: tuple[_Field, ...]
    n_points: int
    grid: tuple[int, int] | None
    encoding: str
    body: int
    n_lines: int

    @property
    def row_bytes(self) -> int:
        return sum(field.size for field in self.fields)


def read_pcd(path: Path) -> PointCloud:
    """Reads a PCD file: x y z, normals, and colours in `rgb` or `rgba`; other fields are ignored.

    Fields may come in any order and type; HEIGHT above 1 makes an organised cloud, in which NaN marks missing
    points.

    Raises:
        DataError: the file is not a PCD file or contradicts itself.
    """
    data = read_bytes(path, header_end=HEADER_END)
    header = _read_header(path, data)
    read = {"ascii": _ascii_columns, "binary": _binary_columns, "binary_compressed": _compressed_columns}
    encoding = header.encoding if header.n_points else "binary"  # no rows are the same in each
    columns = read[encoding](path, data, header)
    xyz = triple(columns, ("x", "y", "z"))
    if xyz is None:
        names = " ".join(field.name for field in header.fields)
        raise DataError(f"{path}: the fields are {shown(names)}", hint="a cloud needs x, y and z")
    normals = triple(columns, ("normal_x", "normal_y", "normal_z"))
    return make_cloud(xyz, normals=normals, rgb=_packed_colours(header, columns), grid=header.grid)


def _read_header(path: Path, data: UInt8Array) -> _Header:
    """Parses the header; keys may be lower case, COUNT may be missing, `#` starts a comment."""
    entries, body, n_lines = _header_entries(path, data)
    names = entries.get("FIELDS") or entries.get("COLUMNS") or []
    sizes, types = entries.get("SIZE", []), [name.upper() for name in entries.get("TYPE", [])]
    try:
        counts = [header_count(word) for word in entries.get("COUNT", ["1"] * len(names))]
        numbers = {key: header_count(entries[key][0]) for key in COUNTS if entries.get(key)}
        if not names or not len(names) == len(sizes) == len(types) == len(counts):
            raise DataError(
                f"{path}: FIELDS, SIZE, TYPE and COUNT name {len(names)}, {len(sizes)}, {len(types)} and "
                f"{len(counts)} fields",
                hint="export the file again",
            )
        fields = tuple(
            _Field(name.lower(), _field_dtype(path, kind, header_count(size)), count)
            for name, kind, size, count in zip(names, types, sizes, counts, strict=True)
        )
    except ValueError as error:
        raise damaged(path, f"the PCD header has a bad number ({error})") from error
    width, height = numbers.get("WIDTH"), numbers.get("HEIGHT", 1)
    if width is None and "POINTS" not in numbers:
        raise damaged(path, "the PCD header has neither WIDTH nor POINTS")
    n_points = numbers.get("POINTS", (width or 0) * height)
    fits = width is None or width * height == n_points
    if not fits:
        LOGGER.warning(
            "%s: WIDTH %s x HEIGHT %s is not POINTS %s; read as a list of points",
            path,
            width,
            height,
            n_points,
        )
    grid = (height, width) if fits and width is not None and height > 1 else None
    return _Header(fields, n_points, grid, entries["DATA"][0].lower(), body, n_lines)


def _header_entries(path: Path, data: UInt8Array) -> tuple[dict[str, list[str]], int, int]:
    """Splits the header into words by upper-case key; also the byte and the line where the points start."""
    entries: dict[str, list[str]] = {}
    end = 0
    for n_lines, line in enumerate(data[:HEADER_BYTES].tobytes().split(b"\n")[:-1], start=1):
        end += len(line) + 1
        words = line.removeprefix(b"\xef\xbb\xbf").decode("latin-1").split("#")[0].split()
        if words:
            entries.setdefault(words[0].upper(), words[1:])
        if words and words[0].upper() == "DATA":
            if [word.lower() for word in words[1:]] in (["ascii"], ["binary"], ["binary_compressed"]):
                return entries, end, n_lines
            break
    raise DataError(f"{path}: no PCD header that ends in a DATA line", hint="check that this is a PCD file")


def _field_dtype(path: Path, kind: str, size: int) -> np.dtype[Any]:
    if size not in SIZES.get(kind, ()):
        raise damaged(path, f"the PCD header has a field of TYPE {shown(kind)} and SIZE {size}")
    return np.dtype(f"<{kind.lower()}{size}")


def _ascii_columns(path: Path, data: UInt8Array, header: _Header) -> dict[str, Column]:
    """Columns of float64, whatever the TYPE; the bits of packed colours are put back."""
    starts = list(accumulate((field.count for field in header.fields), initial=0))
    _require(path, header, promised=2 * header.n_points * starts[-1], found=len(data) - header.body + 1)
    table = read_numbers(path, skipped_lines=header.n_lines)
    if len(table) < header.n_points:
        raise damaged(path, f"header promises {header.n_points} points but {len(table)} lines follow")
    if len(table) > header.n_points:
        LOGGER.warning("%s: %d lines after the last point are ignored", path, len(table) - header.n_points)
    if table.shape[1] != starts[-1]:
        raise damaged(path, f"header promises {starts[-1]} numbers per line but there are {table.shape[1]}")
    columns = table_columns(table[: header.n_points])
    return {
        field.name: columns[start]
        for field, start in zip(header.fields, starts, strict=False)
        if field.count == 1 and field.name != "_"
    }


def _binary_columns(path: Path, data: UInt8Array, header: _Header) -> dict[str, Column]:
    """Columns of points stored one after the other."""
    left, promised = len(data) - header.body, header.n_points * header.row_bytes
    _require(path, header, promised=promised, found=left)
    _warn_of_extra(path, data[header.body + promised :])
    starts = accumulate((field.size for field in header.fields), initial=header.body)
    return {
        field.name: Column(data, field.dtype, start, header.row_bytes, header.n_points)
        for field, start in zip(header.fields, starts, strict=False)
        if field.count == 1
    }


def _compressed_columns(path: Path, data: UInt8Array, header: _Header) -> dict[str, Column]:
    """Columns of fields stored one after the other and packed with LZF."""
    body = data[header.body :].tobytes()
    promised = header.n_points * header.row_bytes
    if len(body) < 8:
        raise damaged(
            path, f"the sizes of the compressed block need 8 bytes but {len(body)} follow the header"
        )
    packed_size, size = struct.unpack("<II", body[:8])
    packed = body[8 : 8 + packed_size]
    _require(path, header, promised=promised, found=size)
    if size > promised:
        raise damaged(path, f"header promises {promised} bytes but the compressed block unpacks to {size}")
    if len(packed) < packed_size:
        raise damaged(path, f"the compressed block should have {packed_size} bytes but has {len(packed)}")
    if size > MAX_EXPANSION * packed_size:
        raise damaged(path, f"{packed_size} compressed bytes cannot hold {size} bytes")
    _warn_of_extra(path, data[header.body + 8 + packed_size :])
    try:
        block = np.frombuffer(unpack_lzf(packed, size), np.uint8)
    except ValueError as error:
        raise damaged(path, str(error)) from error
    starts = accumulate((field.size * header.n_points for field in header.fields), initial=0)
    return {
        field.name: Column(block, field.dtype, start, field.dtype.itemsize, header.n_points)
        for field, start in zip(header.fields, starts, strict=False)
        if field.count == 1
    }


def unpack_lzf(packed: bytes, size: int) -> bytearray:
    """Unpacks an LZF stream of literal runs and copies of earlier output.

    Args:
        packed: the stream.
        size: length of the result, known from the file.

    Raises:
        ValueError: the stream ends early, points before its start, or gives another length.
    """
    out = bytearray()
    position, end = 0, len(packed)
    try:
        while position < end:
            control = packed[position]
            position += 1
            if control < 32:  # a run of control + 1 literal bytes
                out += packed[position : position + control + 1]
                position += control + 1
                continue
            length = control >> 5
            if length == 7:
                length += packed[position]
                position += 1
            start = len(out) - ((control & 31) << 8) - packed[position] - 1
            position += 1
            length += 2
            if start < 0:
                raise ValueError("the compressed stream points before its start")
            piece = out[start : start + length]
            if len(piece) < length:  # the copy runs into its own output: a repeated pattern
                piece = (piece * (length // len(piece) + 1))[:length]
            out += piece
            if len(out) > size:
                break
    except IndexError as error:
        raise ValueError("the compressed stream ends inside an instruction") from error
    if len(out) != size or position > end:
        raise ValueError(f"the compressed stream does not give the {size} bytes that it promises")
    return out


def _packed_colours(header: _Header, columns: Mapping[str, Column]) -> Float32Array | None:
    """Colours from the bits 0x00RRGGBB of an integer or float field; ascii columns hold its value."""
    for field in header.fields:
        if field.name in ("rgb", "rgba") and field.name in columns and field.dtype.itemsize == 4:
            bits = columns[field.name].values()[:, 0].astype(field.dtype).view(np.uint32)
            channels = np.stack([bits >> 16 & 255, bits >> 8 & 255, bits & 255], axis=1)
            return unit_colours(channels, integer=True)
    return None


def _warn_of_extra(path: Path, extra: UInt8Array) -> None:
    """Warns of data after the points, except for zeros: the Point Cloud Library fills up the last page."""
    if extra.any():
        LOGGER.warning("%s: %d bytes after the last point are ignored", path, len(extra))


def _require(path: Path, header: _Header, *, promised: int, found: int) -> None:
    """Refuses a header that promises more bytes than there are, before anything is allocated for them."""
    if promised > found:
        raise damaged(
            path,
            f"header promises {header.n_points} points ({promised} bytes) but the file has {found} for them",
        )
