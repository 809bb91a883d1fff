"""Clouds in NumPy files. Sizes are checked before anything is unpacked, and nothing is ever unpickled."""

import io
import lzma
import math
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pc3dad.errors import DataError
from pc3dad.io.scan import AnyArray, check_file, make_cloud, read_bytes, unit_colours
from pc3dad.types import PointCloud

ALWAYS_ALLOWED = 1 << 26  # bytes: an array may always unpack to this size, ...
MAX_EXPANSION = 200  # ... beyond it to this multiple of its compressed size; coordinates rarely reach 10
XYZ_NAMES = ("xyz", "points", "positions")  # the last is Open3D's
RGB_NAMES = ("rgb", "colors")
ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError, ValueError)
HEADER_ERRORS = (ValueError, TypeError, SyntaxError, RecursionError, MemoryError, tokenize.TokenError)


def read_npy(path: Path) -> PointCloud:
    """Reads coordinates (N, 3), or (H, W, 3) of an organised cloud, from a `.npy` file.

    Raises:
        DataError: the file is damaged, needs pickle, or has another shape.
    """
    return _cloud(path, {"xyz": _parse_npy(path, read_bytes(path).tobytes())})


def read_npz(path: Path) -> PointCloud:
    """Reads the arrays `xyz`, `normals` and `rgb` (N, 3) and `valid` (N,) of a `.npz` file.

    All but the coordinates may be missing. Each may also be organised, (H, W, 3) or (H, W). Coordinates may
    be called `points` or `positions` too, and colours `colors`.

    Raises:
        DataError: the file is damaged, needs pickle, claims to unpack to more than `MAX_EXPANSION` times its
            size, or has other arrays or shapes.
    """
    check_file(path)
    arrays: dict[str, AnyArray] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            for name in (*XYZ_NAMES, *RGB_NAMES, "normals", "valid"):
                if name in names:
                    arrays[name] = _parse_npy(path, _unpack(path, archive, f"{name}.npy"))
    except (*ZIP_ERRORS, KeyError) as error:
        raise DataError(f"{path}: damaged NumPy archive ({error})", hint="export the cloud again") from error
    if not arrays.keys() & set(XYZ_NAMES):
        found = ", ".join(names[:8]) or "nothing"
        raise DataError(
            f"{path}: holds {found}", hint="store the coordinates as an array named xyz or points"
        )
    return _cloud(path, arrays)


def _unpack(path: Path, archive: zipfile.ZipFile, name: str) -> bytes:
    """Unpacks one member whose claimed size is plausible; `zipfile` never unpacks more than it claims."""
    member = archive.getinfo(name)
    if member.file_size > max(ALWAYS_ALLOWED, MAX_EXPANSION * member.compress_size):
        problem = f"{path}: {name} claims {member.file_size} bytes in {member.compress_size} compressed ones"
        raise DataError(problem, hint="store the array without compression if that is true")
    return archive.read(member)


def _parse_npy(path: Path, data: bytes) -> AnyArray:
    """Parses an array of numbers or booleans, after checking that its claimed shape fits the bytes."""
    stream = io.BytesIO(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # files of Python 2 are read, with a warning
            version = np.lib.format.read_magic(stream)
            first = version == (1, 0)
            read_header = (
                np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
            )
            shape, column_major, dtype = read_header(stream)
    except HEADER_ERRORS as error:
        raise DataError(
            f"{path}: no NumPy array ({str(error)[:80]})", hint="save it with numpy.save"
        ) from error
    if dtype.kind not in "biuf":
        raise DataError(f"{path}: an array of type {dtype} is refused", hint="save plain numbers")
    count, start = math.prod(shape), stream.tell()
    fits = len(shape) <= 3 and all(0 <= length <= len(data) for length in shape)
    if not fits or count * dtype.itemsize > len(data) - start:
        problem = (
            f"{path}: an array claims shape {shape} of {dtype} but only {len(data) - start} bytes follow"
        )
        raise DataError(problem, hint="the file is cut or damaged, export it again")
    array = np.ndarray(shape, dtype, data, start, order="F" if column_major else "C")
    return array.astype(
        dtype.newbyteorder("="), order="C"
    )  # a copy: aligned, and not tied to the file's bytes


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
