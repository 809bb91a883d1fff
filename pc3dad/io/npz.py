"""Clouds in NumPy files. Sizes are checked before anything is unpacked, and nothing is ever unpickled."""

import io
import math
import sys
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

import numpy as np

from pc3dad.errors import DataError
from pc3dad.io.scan import AnyArray, check_file, make_cloud, read_bytes, shown, unit_colours
from pc3dad.types import BoolArray, PointCloud

ALWAYS_ALLOWED = 1 << 26  # bytes: an array may always unpack to this size, ...
MAX_EXPANSION = 200  # ... beyond it to this multiple of its compressed size; coordinates rarely reach 10
XYZ_NAMES = ("xyz", "points", "positions")  # the last is Open3D's
RGB_NAMES = ("rgb", "colors")
NUMBERS = "biuf"  # kinds of dtype
ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError)
HEADER_ERRORS = (ValueError, TypeError, SyntaxError, RecursionError, MemoryError, tokenize.TokenError)


def read_npy(path: Path) -> PointCloud:
    """Reads coordinates (N, 3), or (H, W, 3) of an organised cloud, from a `.npy` file.

    Raises:
        DataError: the file is damaged, needs pickle, or has another shape.
    """
    return _cloud(path, {"xyz": parse_npy(path, read_bytes(path).tobytes())})


def read_npz(path: Path) -> PointCloud:
    """Reads the arrays `xyz`, `normals` and `rgb` (N, 3) and `valid` (N,) of a `.npz` file.

    All but the coordinates may be missing. Each may also be organised, (H, W, 3) or (H, W). Coordinates may
    be called `points` or `positions` too, and colours `colors`.

    Raises:
        DataError: the file is damaged, needs pickle, claims to unpack to more than `MAX_EXPANSION` times its
            size, or has other arrays or shapes.
    """
    check_file(path)
    known = (*XYZ_NAMES, *RGB_NAMES, "normals", "valid")
    names, arrays = read_members(path, path, lambda name: name in known)
    if not arrays.keys() & set(XYZ_NAMES):
        found = shown(", ".join(names)) or "nothing"
        raise DataError(
            f"{path}: holds {found}", hint="store the coordinates as an array named xyz or points"
        )
    return _cloud(path, arrays)


def read_arrays(path: Path) -> dict[str, AnyArray]:
    """Every array of a `.npz` file: numbers, booleans and text.

    Raises:
        DataError: as `read_npz`.
    """
    check_file(path)
    return read_members(path, path, lambda _name: True, kinds=NUMBERS + "U")[1]


def parse_arrays(path: Path, content: bytes) -> dict[str, AnyArray]:
    """Every array of a `.npz` file of which the content has been read already.

    Args:
        path: file named in errors.
        content: its bytes.

    Raises:
        DataError: as `read_npz`.
    """
    return read_members(path, io.BytesIO(content), lambda _name: True)[1]


def read_members(
    path: Path, source: Path | IO[bytes], wanted: Callable[[str], bool], *, kinds: str = NUMBERS
) -> tuple[list[str], dict[str, AnyArray]]:
    """Names of all members of a `.npz` file, and the arrays that are wanted.

    Args:
        path: file named in errors.
        source: the file, or its content.
        wanted: whether the array of that name is read.
        kinds: kinds of dtype that are read.

    Raises:
        DataError: as `read_npz`.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            if sum(member.compress_size for member in archive.infolist()) > archive.start_dir:
                raise zipfile.BadZipFile("members overlap")  # they would be unpacked again and again
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            return names, {
                name: parse_npy(path, _unpack(path, archive, f"{name}.npy"), kinds=kinds)
                for name in dict.fromkeys(names)
                if wanted(name)
            }
    except (*ZIP_ERRORS, KeyError) as error:
        raise DataError(
            f"{path}: damaged NumPy archive ({shown(error)})", hint="export the cloud again"
        ) from error


def _unpack(path: Path, archive: zipfile.ZipFile, name: str) -> bytes:
    """Unpacks one member whose claimed size is plausible, and never more than it claims."""
    member = archive.getinfo(name)
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others unpack without limit
        problem = f"{path}: {shown(name)} is compressed in a way that NumPy never uses"
        raise DataError(problem, hint="save it with numpy.savez_compressed")
    if member.file_size > max(ALWAYS_ALLOWED, MAX_EXPANSION * member.compress_size):
        claim = f"{member.file_size} bytes in {member.compress_size} compressed ones"
        problem = f"{path}: {shown(name)} claims {claim}"
        raise DataError(problem, hint="store the array without compression if that is true")
    with archive.open(member) as stream:
        return stream.read(member.file_size)  # without a size, `zipfile` unpacks whatever there is


def parse_npy(path: Path, data: bytes, *, kinds: str = NUMBERS) -> AnyArray:
    """Parses one array, after checking that its claimed shape fits the bytes.

    Args:
        path: file named in errors.
        data: content of a `.npy` file.
        kinds: kinds of dtype that are read.

    Raises:
        DataError: no such array, or not all of it.
    """
    stream = io.BytesIO(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of files of Python 2, which are read, and of odd literals
            version = np.lib.format.read_magic(stream)
            first = version == (1, 0)
            read_header = (
                np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
            )
            shape, column_major, dtype = read_header(stream)
    except HEADER_ERRORS as error:
        raise DataError(f"{path}: no NumPy array ({shown(error)})", hint="save it with numpy.save") from error
    if dtype.kind not in kinds:
        raise DataError(f"{path}: an array of type {shown(dtype)} is refused", hint="save plain numbers")
    count, start = math.prod(shape), stream.tell()
    dimensions = 32 if count else 3  # what NumPy can count: of no elements, the other sides may be anything
    sides = all(type(length) is int and 0 <= length <= len(data) for length in shape)  # True is no side
    fits = sides and len(shape) <= dimensions
    if not fits or count * dtype.itemsize > len(data) - start:
        problem = (
            f"{path}: an array claims shape {shown(shape)} of {dtype}, only {len(data) - start} bytes follow"
        )
        raise DataError(problem, hint="the file is cut or damaged, export it again")
    stored = np.ndarray(shape, dtype, data, start, order="F" if column_major else "C")
    array = stored.astype(dtype.newbyteorder("="), order="C")  # a copy: aligned, not tied to the file's bytes
    if dtype.kind == "U" and not _is_text(array):
        raise DataError(f"{path}: holds text with characters that do not exist", hint="make the file again")
    return array


def _is_text(array: AnyArray) -> bool:
    """Whether Python takes every code for a character; lone surrogates are some, others break it."""
    return not (np.frombuffer(array.tobytes(), np.uint32) > sys.maxunicode).any()


def pack_text(text: str) -> AnyArray:
    """(B,) uint8: UTF-8 of any text, also of names of files that are not Unicode."""
    return np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8)


def unpack_text(packed: AnyArray) -> str:
    """Inverse of `pack_text`.

    Raises:
        ValueError: these are not the bytes of a text.
    """
    if packed.dtype != np.uint8 or packed.ndim != 1:
        raise ValueError(f"text as {packed.dtype} of shape {packed.shape}")
    return packed.tobytes().decode("utf-8", "surrogatepass")


def unpack_bits(packed: AnyArray, n_bits: AnyArray) -> BoolArray:
    """Inverse of `numpy.packbits`: (n_bits,) bool.

    Raises:
        ValueError: these are not the bytes of so many bits.
    """
    count = int(n_bits)
    if packed.dtype != np.uint8 or packed.ndim != 1 or len(packed) != -(-count // 8):
        raise ValueError(f"{count} bits in {len(np.atleast_1d(packed))} bytes")
    return np.unpackbits(packed, count=count).astype(np.bool_)


def _cloud(path: Path, arrays: Mapping[str, AnyArray]) -> PointCloud:
    """Checks shapes and flattens organised arrays."""
    xyz = next(arrays[name] for name in XYZ_NAMES if name in arrays)
    shape = xyz.shape
    if len(shape) not in (2, 3) or shape[-1] != 3 or xyz.dtype.kind == "b":
        problem = f"{path}: the coordinates have shape {shape} and type {xyz.dtype}"
        raise DataError(problem, hint="expected numbers of shape (N, 3) or (H, W, 3)")
    n_points = math.prod(shape[:-1])

    def aligned(name: str, width: int) -> AnyArray | None:
        if name not in arrays:
            return None
        array = arrays[name]
        row = () if width == 1 else (width,)
        if array.shape not in ((*shape[:-1], *row), (n_points, *row)):
            problem = f"{path}: {name} has shape {array.shape} but the coordinates have {shape}"
            raise DataError(problem, hint="store one row per point")
        return array.reshape(n_points, width)

    rgb = aligned(next((name for name in RGB_NAMES if name in arrays), "rgb"), 3)
    valid = aligned("valid", 1)
    return make_cloud(
        xyz.reshape(-1, 3),
        normals=aligned("normals", 3),
        rgb=None if rgb is None else unit_colours(rgb, integer=rgb.dtype.kind != "f"),
        valid=None if valid is None else valid[:, 0] != 0,
        grid=(shape[0], shape[1]) if len(shape) == 3 else None,
    )
