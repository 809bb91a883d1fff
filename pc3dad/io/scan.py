"""What every reader of clouds shares: bytes of a file, precision, colours, faces."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pc3dad.errors import DataError
from pc3dad.types import BoolArray, Float32Array, Float64Array, Int32Array, PointCloud, UInt8Array

AnyArray = NDArray[Any]
SHOWN = 80  # characters of a file that a message repeats at most
COUNT_DIGITS = 18
HEADER_BYTES = 1 << 16  # headers of PCD and PLY must end within them
FLOAT32_MAX = float(np.finfo(np.float32).max)
ORIGIN_TOLERANCE = 1e-6  # of the diagonal of the bulk: what rounding to float32 may move a point
BULK = (0.01, 0.99)  # quantiles of each coordinate between which the bulk lies
BULK_ROWS = 10_000  # they are taken of at most so many points


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """What one file holds.

    Attributes:
        cloud: the points; the vertices in file order if the file is a mesh.
        faces: (F, 3) int32 indices into the cloud, polygons as fans; None if the file has no faces.
    """

    cloud: PointCloud
    faces: Int32Array | None = None


def check_file(path: Path) -> None:
    """Makes sure that `path` is a regular file with content that may be read.

    Raises:
        DataError: it is missing, a folder, something else (a pipe would block for ever), empty, or forbidden.
    """
    try:
        exists, is_folder, is_file = path.exists(), path.is_dir(), path.is_file()
        size = path.stat().st_size if is_file else 0
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}", hint="check the path and its permissions") from error
    if not exists:
        raise DataError(f"{path}: no such file", hint="check the path")
    if not is_file:
        kind = "a folder" if is_folder else "not a regular file"
        raise DataError(f"{path}: is {kind}", hint="name one file with a point cloud")
    if size == 0:
        raise DataError(f"{path}: the file is empty", hint="copy or export it again")
    if not os.access(path, os.R_OK):
        raise DataError(f"{path}: permission denied", hint="check the permissions of the file")


def read_bytes(path: Path, *, header_end: re.Pattern[bytes] | None = None) -> UInt8Array:
    """Returns the content of a regular file, (B,) uint8.

    Args:
        path: file to read.
        header_end: matches the last line of the header, within `HEADER_BYTES`. What follows is then aligned
            in memory, so that numbers that start there can be used without a copy.

    Raises:
        DataError: as `check_file`, or the file cannot be read.
    """
    check_file(path)
    try:
        with path.open("rb") as stream:
            last = header_end.search(stream.read(HEADER_BYTES)) if header_end else None
            shift = -last.end() % 8 if last else 0
            size = stream.seek(0, os.SEEK_END)
            content = np.empty(shift + size, np.uint8)[shift:]
            stream.seek(0)
            return content[: stream.readinto(content.data)]
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}", hint="check the permissions of the file") from error


def damaged(path: Path, problem: str) -> DataError:
    """The error for a file whose content contradicts itself."""
    return DataError(f"{path}: {problem}", hint="the file is cut or damaged, export it again")


def shown(text: object, *, limit: int = SHOWN) -> str:
    """What a file or a library says, fit for a sentence: short, on one line, without control characters."""
    line = "".join(mark if mark.isprintable() else " " for mark in str(text))
    words = " ".join(line.split())
    return words if len(words) <= limit else words[:limit] + "..."


def header_count(word: str) -> int:
    """A number of points, rows or bytes in a header.

    Raises:
        ValueError: it is no number, negative, or longer than that of any file, and may be too long to print.
    """
    if len(word) > COUNT_DIGITS or not word.isdecimal():
        raise ValueError(f"{shown(word)!r} is no number or a negative count")
    return int(word)


def make_cloud(
    xyz: AnyArray,
    *,
    normals: AnyArray | None = None,
    rgb: Float32Array | None = None,
    valid: BoolArray | None = None,
    grid: tuple[int, int] | None = None,
) -> PointCloud:
    """Builds a cloud from the coordinates of a file and keeps their precision.

    Coordinates that float32 holds exactly keep `origin` 0. So do others, unless rounding the largest of the
    bulk to float32 could move a point by more than `ORIGIN_TOLERANCE` of the diagonal of its box (map
    coordinates do): then `origin` is the centre of the box, rounded to the power of ten at or below the
    diagonal. The bulk leaves out points at exactly (0, 0, 0) and those outside the quantiles `BULK`, so that
    stray points do not hide what precision the others need. Coordinates beyond the range of float32 count
    as missing.

    Args:
        xyz: (N, 3) of any real dtype, file unit.
        normals: (N, 3) of any length; they are scaled to unit length, and zeros stay zeros.
        rgb: (N, 3) float32 in [0, 1].
        valid: (N,) bool; points with a coordinate that is not finite are never valid.
        grid: (H, W) of an organised cloud.
    """
    origin = np.zeros(3)
    if xyz.dtype != np.float32:
        xyz, origin = _relative(xyz.astype(np.float64, copy=False))
    return PointCloud(
        xyz,
        origin=origin,
        normals=None if normals is None else _unit_length(normals),
        rgb=rgb,
        valid=valid,  # type: ignore[arg-type]  # None means finite
        grid=grid,
    )


def unit_colours(values: AnyArray, *, integer: bool) -> Float32Array:
    """Scales colours to [0, 1].

    Args:
        values: (N, 3) colours. The full scale of uint8 is 255 and that of uint16 is 65535. Other integers
            have 255, or 65535 if any of them is larger. So do real ones if any is above 2; otherwise theirs
            is 1, and what filters and rounding left above it is clipped.
        integer: whether the file declares them as integers, so that 1 is nearly black and not full.
    """
    colours = np.nan_to_num(values.astype(np.float32), posinf=0.0, neginf=0.0)
    largest = colours.max(initial=0.0)
    if values.dtype == np.uint16 or largest > 255:
        colours /= 65535
    elif integer or largest > 2:
        colours /= 255
    return colours.clip(0.0, 1.0)


def fan_faces(path: Path, sizes: AnyArray, corners: AnyArray, n_points: int) -> Int32Array | None:
    """Splits polygons into fans around their first corner.

    Args:
        path: file named in errors.
        sizes: (P,) number of corners of each polygon; those with fewer than three are left out.
        corners: (sum of sizes,) indices of points, polygon after polygon.
        n_points: number of points.

    Returns:
        (F, 3) int32, or None if there is no face.

    Raises:
        DataError: a corner is not the index of a point.
    """
    wrong = np.flatnonzero(~((corners >= 0) & (corners < n_points)))  # catches NaN too
    if len(wrong):
        problem = f"a face names point {corners[wrong[0]]:.0f} but the file has {n_points}, counted from 0"
        raise damaged(path, problem)
    sizes = sizes.astype(np.int64)
    triangles = np.maximum(sizes - 2, 0)
    if not triangles.any():
        return None
    first = np.repeat(np.cumsum(sizes) - sizes, triangles)
    step = np.arange(triangles.sum()) - np.repeat(np.cumsum(triangles) - triangles, triangles)
    rows = np.stack((first, first + step + 1, first + step + 2), axis=1)
    faces: Int32Array = corners.astype(np.int32)[rows]
    return faces


def _relative(xyz: Float64Array) -> tuple[Float32Array, Float64Array]:
    """Returns (N, 3) float32 and the (3,) float64 origin they are relative to; see `make_cloud`."""
    low, high = _bulk(xyz)
    largest, diagonal = float(np.abs([low, high]).max()), float(np.linalg.norm(high - low))
    rounding = float(np.spacing(np.float32(largest))) / 2
    with np.errstate(
        over="ignore", invalid="ignore"
    ):  # what is too large becomes infinite, so its point is not valid
        rounded = xyz.astype(np.float32)
    if rounding <= ORIGIN_TOLERANCE * diagonal or np.array_equal(rounded, xyz, equal_nan=True):
        return rounded, np.zeros(3)
    origin: Float64Array = low + (high - low) / 2
    if diagonal > 1e-15 * largest:  # smaller steps than float64 resolves would only add noise
        step = 10.0 ** np.floor(np.log10(diagonal))
        origin = np.round(origin / step) * step
    with np.errstate(over="ignore", invalid="ignore"):
        return (xyz - origin).astype(np.float32), origin


def _bulk(xyz: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Lower and upper corner, (3,) each, of the box around the bulk of the points; zeros without any."""
    rows = _measured(xyz[:: -(-len(xyz) // BULK_ROWS) or 1])
    if len(rows) < BULK_ROWS // 100:  # hardly anything was measured: look at all points
        rows = _measured(xyz)
    if not len(rows):
        return np.zeros(3), np.zeros(3)
    low, high = np.quantile(rows, BULK, axis=0)
    return low, high


def _measured(xyz: Float64Array) -> Float64Array:
    """Rows that are neither missing nor a placeholder: within the range of float32 and not all zero."""
    inside: Float64Array = xyz[(np.abs(xyz) <= FLOAT32_MAX).all(axis=1) & (xyz != 0).any(axis=1)]
    return inside


def _unit_length(normals: AnyArray) -> Float32Array:
    """Scales (N, 3) vectors to length 1; zeros and vectors that are not finite become zeros."""
    vectors = normals.astype(np.float64)
    length = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
    good = np.isfinite(length) & (length > 0)
    if not good.all():
        vectors[~good], length[~good] = 0.0, 1.0
    vectors /= length[:, None]
    return vectors.astype(np.float32)
