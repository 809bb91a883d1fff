"""PLY files: a reader for all three encodings, and a writer of scored clouds that any viewer can show."""

import logging
import re
import struct
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pc3dad.errors import DataError
from pc3dad.io import atomic, colormap
from pc3dad.io.columns import Column, triple
from pc3dad.io.scan import (
    HEADER_BYTES,
    AnyArray,
    Scan,
    damaged,
    fan_faces,
    header_count,
    make_cloud,
    read_bytes,
    shown,
    unit_colours,
)
from pc3dad.types import Float32Array, Int32Array, PointCloud, UInt8Array

LOGGER = logging.getLogger(__name__)
HEADER_END = re.compile(rb"^end_header[ \t]*\r?\n", re.MULTILINE)
TYPES = {"char": "i1", "short": "i2", "int": "i4", "uchar": "u1", "ushort": "u2", "uint": "u4"}
TYPES |= {"int8": "i1", "int16": "i2", "int32": "i4", "uint8": "u1", "uint16": "u2", "uint32": "u4"}
TYPES |= {"float": "f4", "double": "f8", "float32": "f4", "float64": "f8"}
BYTE_ORDERS = {"ascii": "=", "binary_little_endian": "<", "binary_big_endian": ">"}
FACE_LISTS = ("vertex_indices", "vertex_index")


@dataclass(frozen=True, slots=True)
class _Property:
    """One number of a row, or a list of numbers when `count_dtype` is given."""

    name: str
    dtype: np.dtype[Any]
    count_dtype: np.dtype[Any] | None = None


@dataclass(frozen=True, slots=True)
class _Element:
    """A table of the file: vertices, faces or anything else."""

    name: str
    rows: int
    properties: tuple[_Property, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """What an element holds: its numbers, and of each list the (N,) lengths and all values in one column."""

    columns: Mapping[str, Column]
    lists: Mapping[str, tuple[AnyArray, AnyArray]]


def read_ply(path: Path) -> Scan:
    """Reads a PLY file: x y z, and if present nx ny nz, red green blue and faces; the rest is ignored.

    Properties and elements may come in any order, with any type. Polygons become fans of triangles.

    Raises:
        DataError: the file is not a PLY file or contradicts itself.
    """
    data = read_bytes(path, header_end=HEADER_END)
    encoding, elements, body = _read_header(path, data)
    if encoding == "ascii":
        block, read_as, start = _ascii_block(path, data, body), _as_doubles(elements), 0
    else:
        block, read_as, start = data, elements, body
    tables: dict[str, _Table] = {}
    for element in read_as:
        table, start = _read_element(path, block, start, element)
        tables.setdefault(element.name, table)
    if start < len(block):
        LOGGER.warning("%s: data after the last element is ignored", path)
    vertices = tables.get("vertex", _Table({}, {}))
    xyz = triple(vertices.columns, ("x", "y", "z"))
    if xyz is None:
        raise DataError(f"{path}: no element vertex with x, y and z", hint="export the points as vertices")
    normals = triple(vertices.columns, ("nx", "ny", "nz"))
    cloud = make_cloud(xyz, normals=normals, rgb=_colours(elements, vertices))
    return Scan(cloud, _faces(path, tables, len(cloud)))


def write_ply(
    path: Path,
    cloud: PointCloud,
    *,
    scores: Float32Array | None = None,
    colour_range: tuple[float, float] | None = None,
) -> None:
    """Writes the valid points of a cloud, atomically, in little-endian binary.

    Coordinates are those of the file the cloud came from: double if `cloud.origin` is not 0, else float. With
    scores the colours show them (`colormap`) and the property `score` holds them unchanged; without, the
    colours are those of the cloud.

    Args:
        path: file to write.
        cloud: N points.
        scores: (N,) float32, finite at valid points.
        colour_range: scores of the first and the last colour; None means `colormap.score_range`.

    Raises:
        DataError: the scores do not fit the cloud or are not finite.
    """
    valid = cloud.valid
    xyz = cloud.xyz[valid] + cloud.origin if cloud.origin.any() else cloud.xyz[valid]
    parts: list[tuple[str, AnyArray]] = [("x y z", xyz)]
    if cloud.normals is not None:
        parts.append(("nx ny nz", cloud.normals[valid]))
    if scores is not None:
        if scores.shape != (len(cloud),) or not np.isfinite(scores[valid]).all():
            problem = f"{path}: scores of shape {scores.shape} for {len(cloud)} points, or not finite"
            raise DataError(problem, hint="give one finite score for each point")
        kept = scores[valid].astype(np.float32)
        low, high = colour_range or colormap.score_range(kept)
        parts += [("red green blue", colormap.colours(kept, low=low, high=high)), ("score", kept[:, None])]
    elif cloud.rgb is not None:
        parts.append(("red green blue", np.rint(cloud.rgb[valid] * 255).astype(np.uint8)))
    atomic.write_bytes(path, _ply_bytes(parts))


def _ply_bytes(parts: list[tuple[str, AnyArray]]) -> bytes:
    """A PLY file of one element vertex; each part has names of columns and their (N, C) values."""
    keywords = {"f4": "float", "f8": "double", "u1": "uchar"}
    row = np.dtype([(names, values.dtype.newbyteorder("<"), values.shape[1:]) for names, values in parts])
    table = np.empty(len(parts[0][1]), row)
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {len(table)}"]
    for names, values in parts:
        table[names] = values
        lines += [f"property {keywords[values.dtype.str[1:]]} {name}" for name in names.split()]
    return "\n".join([*lines, "end_header", ""]).encode() + table.tobytes()


def _read_header(path: Path, data: UInt8Array) -> tuple[str, list[_Element], int]:
    """Returns the encoding, the elements in file order and the byte where they start."""
    head = data[:HEADER_BYTES].tobytes()
    last = HEADER_END.search(head)
    if not head.startswith(b"ply") or last is None:
        raise DataError(f"{path}: no PLY header from ply to end_header", hint="check that this is a PLY file")
    encoding, elements = "", list[_Element]()
    for line in head[: last.start()].decode("latin-1").split("\n")[1:]:
        try:
            match line.split():
                case ["format", name, *_]:
                    encoding = name
                case ["element", name, count]:
                    elements.append(_Element(name, header_count(count), ()))
                case ["property", *words]:
                    table, item = elements.pop(), _property(words, BYTE_ORDERS[encoding])
                    elements.append(_Element(table.name, table.rows, (*table.properties, item)))
                case [word, *_] if word not in ("comment", "obj_info"):
                    raise damaged(path, f"the PLY header has the line {line[:60].strip()!r}")
        except (ValueError, LookupError) as error:
            raise damaged(path, f"the PLY header has the line {line[:60].strip()!r}") from error
    if encoding not in BYTE_ORDERS:
        raise damaged(path, "the PLY header has no format that is known")
    return encoding, elements, last.end()


def _property(words: list[str], order: str) -> _Property:
    """Parses the words after `property`."""
    match words:
        case ["list", count_type, type_name, name]:
            count_dtype = np.dtype(order + TYPES[count_type])
            if count_dtype.kind == "f":
                raise ValueError(f"list with lengths of type {count_type}")
            return _Property(name, np.dtype(order + TYPES[type_name]), count_dtype)
        case [type_name, name]:
            return _Property(name, np.dtype(order + TYPES[type_name]))
    raise ValueError("property " + " ".join(words))


def _ascii_block(path: Path, data: UInt8Array, body: int) -> UInt8Array:
    """All numbers of an ascii body as float64 bytes, so that one parser of elements serves every encoding."""
    text = data[body:].tobytes()
    try:
        return np.fromiter(map(float, text.split()), np.float64).view(np.uint8)
    except ValueError as error:
        for number, line in enumerate(text.split(b"\n"), start=data[:body].tobytes().count(b"\n") + 1):
            try:
                [float(word) for word in line.split()]
            except ValueError:
                shown = line[:60].decode("latin-1")
                raise DataError(f"{path}: line {number} holds {shown!r}", hint="correct the line") from error
        raise


def _as_doubles(elements: list[_Element]) -> list[_Element]:
    """The elements as `_ascii_block` stores them."""
    double = np.dtype(np.float64)

    def convert(item: _Property) -> _Property:
        return _Property(item.name, double, None if item.count_dtype is None else double)

    return [_Element(item.name, item.rows, tuple(map(convert, item.properties))) for item in elements]


def _read_element(path: Path, block: UInt8Array, start: int, element: _Element) -> tuple[_Table, int]:
    """Reads one element that starts at byte `start`; returns it and the byte after it."""
    least = sum((item.count_dtype or item.dtype).itemsize for item in element.properties)
    left = len(block) - start
    if least * element.rows > left:
        problem = (
            f"header promises {element.rows} rows of element {shown(element.name)} but the file has room for "
        )
        raise damaged(path, f"{problem}{left // least}")
    try:
        return _read_equal_rows(block, start, element) or _read_unequal_rows(block, start, element)
    except (struct.error, ValueError, OverflowError) as error:
        raise damaged(
            path, f"a list of element {shown(element.name)} has a wrong length or no end"
        ) from error


def _read_equal_rows(block: UInt8Array, start: int, element: _Element) -> tuple[_Table, int] | None:
    """Reads rows that are all as long as the first, without a copy; None if they are not."""
    layout: list[tuple[_Property, int, int]] = []  # property, first byte of its value or values, their number
    at = start
    for item in element.properties:
        length = 1
        if item.count_dtype is not None:
            length = int(np.frombuffer(block, item.count_dtype, 1, at)[0]) if element.rows else 0
            at += item.count_dtype.itemsize
        layout.append((item, at, length))
        at += length * item.dtype.itemsize
    stride = at - start
    if stride * element.rows > len(block) - start:
        return None
    columns: dict[str, Column] = {}
    lists: dict[str, tuple[AnyArray, AnyArray]] = {}
    for item, first, length in layout:
        column = Column(block, item.dtype, first, stride, element.rows)
        if item.count_dtype is None:
            columns.setdefault(item.name, column)
            continue
        counts = Column(block, item.count_dtype, first - item.count_dtype.itemsize, stride, element.rows)
        if length < 0 or (counts.values() != length).any():
            return None
        lists[item.name] = (counts.values()[:, 0], column.values(width=length).reshape(-1))
    return _Table(columns, lists), start + stride * element.rows


def _read_unequal_rows(block: UInt8Array, start: int, element: _Element) -> tuple[_Table, int]:
    """Reads rows with lists of different lengths: walks over them once, then gathers each property.

    Raises:
        struct.error, ValueError, OverflowError: a length is negative, broken or leads behind the file.
    """
    plan = [
        (
            item.dtype.itemsize,
            None if item.count_dtype is None else _struct(item.count_dtype),
            array("q"),
            array("q"),
        )
        for item in element.properties
    ]
    at, data = start, block.data
    for _ in range(element.rows):
        for size, count_struct, places, lengths in plan:
            length = 1
            if count_struct is not None:
                value = count_struct.unpack_from(data, at)[0]
                length = int(value)
                if length < 0 or length != value:
                    raise ValueError("length of a list")
                at += count_struct.size
            places.append(at)
            lengths.append(length)
            at += length * size
        if at > len(block):
            raise ValueError("row behind the end of the file")
    columns: dict[str, Column] = {}
    lists: dict[str, tuple[AnyArray, AnyArray]] = {}
    for item, (size, _, places, lengths) in zip(element.properties, plan, strict=True):
        counts = np.array(lengths)
        inside = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        values = block[(np.repeat(places, counts) + size * inside)[:, None] + np.arange(size)].reshape(-1)
        if item.count_dtype is None:
            columns.setdefault(item.name, Column(values, item.dtype, 0, size, element.rows))
        else:
            lists[item.name] = (counts, values.view(item.dtype))
    return _Table(columns, lists), at


def _struct(dtype: np.dtype[Any]) -> struct.Struct:
    return struct.Struct(dtype.byteorder.replace("|", "=") + dtype.char)


def _colours(elements: list[_Element], vertices: _Table) -> Float32Array | None:
    """(N, 3) in [0, 1] from red, green, blue; the type that the header declares says what 1 means."""
    values = triple(vertices.columns, ("red", "green", "blue"))
    if values is None:
        return None
    declared = next(element.properties for element in elements if element.name == "vertex")
    integer = next(item.dtype.kind != "f" for item in declared if item.name == "red")
    return unit_colours(values, integer=integer)


def _faces(path: Path, tables: Mapping[str, _Table], n_points: int) -> Int32Array | None:
    """Triangles of the element face."""
    lists = tables["face"].lists if "face" in tables else {}
    for name in FACE_LISTS:
        if name in lists:
            return fan_faces(path, *lists[name], n_points)
    return None
