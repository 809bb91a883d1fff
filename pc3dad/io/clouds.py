"""One function for every kind of scan: the extension of the file chooses the reader."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np

from pc3dad.errors import DataError
from pc3dad.io.meshes import read_obj, read_stl
from pc3dad.io.npz import read_npy, read_npz
from pc3dad.io.pcd import read_pcd
from pc3dad.io.ply import read_ply
from pc3dad.io.scan import Scan, check_file
from pc3dad.io.text import read_text_cloud
from pc3dad.types import PointCloud

__all__ = ["SUFFIXES", "Scan", "read_cloud", "read_scan"]


def read_cloud(path: Path) -> PointCloud:
    """Reads the points of any file that `SUFFIXES` names; of a mesh, its vertices.

    Points keep the order of the file. Formats: PLY, PCD, STL, OBJ, delimited text, NumPy arrays, organised
    TIFF (x, y, z as channels) and 16-bit depth PNG with a camera file; each reader documents what it takes.

    Raises:
        DataError: the file is missing, of an unknown kind, damaged or hostile, or has no valid point.
    """
    return read_scan(path).cloud


def read_scan(path: Path) -> Scan:
    """Reads the points and, if the file is a mesh, the faces of any file that `SUFFIXES` names.

    Raises:
        DataError: as `read_cloud`.
    """
    check_file(path)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        known = " ".join(SUFFIXES)
        raise DataError(f"{path}: unknown extension {path.suffix!r}", hint=f"these are read: {known}")
    with np.errstate(
        invalid="ignore", over="ignore"
    ):  # odd NaNs and huge numbers are missing points, no mistakes
        read = reader(path)
    scan = read if isinstance(read, Scan) else Scan(read)
    if not scan.cloud.valid.any():
        n_points = len(scan.cloud)
        reason = f"none of its {n_points} points is finite" if n_points else "it has no points"
        raise DataError(f"{path}: no valid point, {reason}", hint="export the cloud again")
    return scan


def _read_tiff(path: Path) -> PointCloud:
    from pc3dad.io.images import read_xyz_tiff  # tifffile and Pillow are slow to import

    return read_xyz_tiff(path)


def _read_depth(path: Path) -> PointCloud:
    from pc3dad.io.depth import read_depth_cloud

    return read_depth_cloud(path)


_READERS: Mapping[str, Callable[[Path], Scan | PointCloud]] = MappingProxyType(
    {
        ".ply": read_ply,
        ".pcd": read_pcd,
        ".stl": read_stl,
        ".obj": read_obj,
        ".xyz": read_text_cloud,
        ".txt": read_text_cloud,
        ".asc": read_text_cloud,
        ".csv": read_text_cloud,
        ".pts": read_text_cloud,
        ".npz": read_npz,
        ".npy": read_npy,
        ".tif": _read_tiff,
        ".tiff": _read_tiff,
        ".png": _read_depth,
    }
)
SUFFIXES: tuple[str, ...] = tuple(_READERS)
