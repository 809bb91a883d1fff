"""Point labels of a user: tables, arrays or mask images, brought to the order of the scan's points."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from pc3dad.errors import DataError
from pc3dad.io.images import read_mask
from pc3dad.io.npz import parse_npy, read_members
from pc3dad.io.scan import check_file, read_bytes
from pc3dad.io.text import read_label_table
from pc3dad.types import BoolArray, Float64Array, PointCloud

SUFFIXES = (".txt", ".csv", ".npy", ".npz", ".png")
NPZ_ARRAY = "labels"
THRESHOLD = 0.5  # of labels written as numbers
TOLERANCE = 1e-5  # of the bounding-box diagonal: what writing coordinates as text may move a point
SCAN_AGAIN = "make labels from the same file as the scan"


def read_labels(path: Path, cloud: PointCloud) -> BoolArray:
    """Labels of one scan: tables (`.txt`, `.csv`), arrays (`.npy`, `.npz`), or a mask (`.png`) of its grid.

    A table without coordinates and an array hold one label per point in the order of the scan. A table with
    coordinates may be in any order; its rows are matched to the points that have finite coordinates.

    Args:
        path: label file.
        cloud: N points.

    Returns:
        (N,) bool. Tables and arrays are anomalous above 0.5, masks above 0.

    Raises:
        DataError: unreadable, of another length or size than the scan, or not matching its coordinates.
    """
    suffix = path.suffix.lower()
    if suffix == ".png":
        mask = read_mask(path)
        if mask.shape != cloud.grid:
            grid = "not an image" if cloud.grid is None else f"{cloud.grid[0]} x {cloud.grid[1]}"
            problem = f"{path}: mask has {mask.shape[0]} x {mask.shape[1]} pixels but the scan is {grid}"
            raise DataError(problem, hint=SCAN_AGAIN)
        return mask.ravel()
    if suffix in (".npy", ".npz"):
        return _in_order(path, _read_array(path, cloud), len(cloud))
    table = read_label_table(path)
    if table.labels is None:
        raise DataError(f"{path}: has coordinates but no labels", hint="write x y z label in each line")
    if table.xyz is None:
        return _in_order(path, table.labels, len(cloud))
    return match_labels(
        path, table.xyz, table.labels > THRESHOLD, cloud, tolerance=TOLERANCE * _diagonal(cloud)
    )


def _diagonal(cloud: PointCloud) -> float:
    """Of the box around the finite points; 1 if it is empty."""
    points = cloud.xyz[np.isfinite(cloud.xyz).all(axis=1)].astype(np.float64)
    return float(np.linalg.norm(np.ptp(points, axis=0))) or 1.0 if len(points) else 1.0


def _in_order(path: Path, labels: NDArray[Any], n_points: int) -> BoolArray:
    if len(labels) != n_points:
        raise DataError(f"{path}: has {len(labels)} labels for {n_points} points", hint=SCAN_AGAIN)
    if not np.isfinite(labels).all():
        raise DataError(f"{path}: holds a label that is not finite", hint="correct the labels")
    anomalous: BoolArray = labels > THRESHOLD
    return anomalous


def _read_array(path: Path, cloud: PointCloud) -> NDArray[Any]:
    """(N,) numbers, row by row if the file holds a grid of them."""
    if path.suffix.lower() == ".npy":
        array = parse_npy(path, read_bytes(path).tobytes())
    else:
        check_file(path)
        _, arrays = read_members(path, path, lambda name: name == NPZ_ARRAY)
        if NPZ_ARRAY not in arrays:
            raise DataError(f"{path}: holds no array {NPZ_ARRAY}", hint="numpy.savez(path, labels=...)")
        array = arrays[NPZ_ARRAY]
    n_points = len(cloud)
    if array.size != n_points:
        raise DataError(f"{path}: has {array.size} labels for {n_points} points", hint=SCAN_AGAIN)
    if array.shape not in ((n_points,), (n_points, 1), cloud.grid):
        grid = "is no grid" if cloud.grid is None else f"is a grid of {cloud.grid}"
        raise DataError(f"{path}: labels have shape {array.shape} but the scan {grid}", hint=SCAN_AGAIN)
    return array.ravel()


def match_labels(
    path: Path, xyz: Float64Array, labels: BoolArray, cloud: PointCloud, *, tolerance: float
) -> BoolArray:
    """Brings labelled rows to the order of the scan's points, one row for each finite point.

    Points and rows that are nearest to each other, in either direction, share a place, and so do those of one
    position. A place must have as many rows as points, and its rows must agree: points of one place are
    interchangeable.

    Args:
        path: label file, named in errors.
        xyz: (R, 3) float64 coordinates of the rows, unit and frame of the scan's file.
        labels: (R,) bool.
        cloud: N points.
        tolerance: largest distance between a point and its row, unit of the scan.

    Returns:
        (N,) bool, False for points that are not finite.

    Raises:
        DataError: the rows are not the points of the scan, or give one place both labels.
    """
    finite = np.isfinite(cloud.xyz).all(axis=1)
    points = cloud.xyz[finite].astype(np.float64) + cloud.origin
    if len(xyz) != len(points):
        raise DataError(f"{path}: has {len(xyz)} rows for {len(points)} points", hint=SCAN_AGAIN)
    anomalous = np.zeros(len(cloud), dtype=np.bool_)
    if not len(points):
        return anomalous
    points, of_point = _positions(points)  # a tree full of equal points answers in quadratic time
    rows, of_row = _positions(xyz)
    to_row, row = cKDTree(rows).query(points)
    to_point, point = cKDTree(points).query(rows)
    farthest = max(to_row.max(), to_point.max())
    if farthest > tolerance:
        problem = f"{path}: coordinates are not those of the scan, one is {farthest:.3g} away from any other"
        raise DataError(problem, hint=SCAN_AGAIN)
    place_of_point, place_of_row = _places(row, point)
    place_of_point, place_of_row = place_of_point[of_point], place_of_row[of_row]
    n_places = int(place_of_row.max()) + 1  # every place has a row
    n_rows = np.bincount(place_of_row, minlength=n_places)
    if (n_rows != np.bincount(place_of_point, minlength=n_places)).any():
        raise DataError(
            f"{path}: coordinates are not those of the scan, some place has more rows than points",
            hint=SCAN_AGAIN,
        )
    n_anomalous = np.bincount(place_of_row[labels], minlength=n_places)
    if ((n_anomalous > 0) & (n_anomalous < n_rows)).any():
        raise DataError(f"{path}: gives one position both labels", hint="correct the labels")
    anomalous[finite] = n_anomalous[place_of_point] > 0
    return anomalous


def _positions(xyz: Float64Array) -> tuple[Float64Array, NDArray[np.intp]]:
    """Different positions, (U, 3) float64, and the one of each row, (R,)."""
    order = np.lexsort(xyz.T)
    ordered = xyz[order]
    starts = np.ones(len(xyz), dtype=np.bool_)
    starts[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    position = np.empty(len(xyz), dtype=np.intp)
    position[order] = np.cumsum(starts) - 1
    return ordered[starts], position


def _places(row: NDArray[np.intp], point: NDArray[np.intp]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Connected groups of points and rows, numbered from 0: that of each point and that of each row.

    Args:
        row: (P,) the row nearest to each point.
        point: (R,) the point nearest to each row.
    """
    n_points, n_rows = len(row), len(point)
    nodes = np.arange(n_points + n_rows)  # points first, then rows
    neighbours = np.concatenate([n_points + row, point])
    graph = coo_array((np.ones(len(nodes), np.bool_), (nodes, neighbours)), shape=(len(nodes), len(nodes)))
    _, place = connected_components(graph, directed=False)
    return place[:n_points], place[n_points:]
