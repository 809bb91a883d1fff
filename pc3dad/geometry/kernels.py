"""Loops that NumPy has no words for, compiled by numba when they first run; imported inside functions only.

Each has a plain twin beside the function that calls it. They check nothing: their callers do.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from math import atan2, floor, inf, pi, sqrt
from pickle import UnpicklingError
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

from pc3dad.geometry.neighbors import Neighbourhoods
from pc3dad.types import Float32Array, Float64Array, Int32Array

Loop = TypeVar("Loop", bound=Callable[..., object])

LEAF = 32  # points; fewer or more take longer
FAR, BEST = 3, 6  # rows of points and columns of boxes with squared distances to the chosen points
SWEEPS = 12  # of Jacobi rotations at most; convergence is quadratic, four or five do
BINS = 11  # of each of the three histograms; as in `fpfh`, but files of machine code notice only this file
ROUNDING = 1e-15  # what rounding may leave of a cosine that is 0; as in `fpfh`
UNUSABLE = (  # what damaged pickles raise (Python's documentation of pickle), and locked files and full disks
    *(AttributeError, EOFError, ImportError, LookupError, MemoryError, OSError, OverflowError, TypeError),
    *(UnpicklingError, ValueError),
)


@dataclass(frozen=True, slots=True)
class SpareFiles:
    """numba's store of machine code as a mere convenience: what cannot be read is compiled again.

    Attributes:
        files: a `numba.core.caching.FunctionCache`, which raises for damaged files and full disks.
    """

    files: Any

    @property
    def cache_path(self) -> str:
        """Folder of the files; part of `stats` of a compiled loop."""
        return str(self.files.cache_path)

    def load_overload(self, signature: Any, target: Any) -> Any:
        """Compiled code, or None if there is none that can be read; then the loop gets new files."""
        try:
            return self.files.load_overload(signature, target)
        except UNUSABLE:
            with suppress(OSError):
                self.files.flush()
            return None

    def save_overload(self, signature: Any, code: Any) -> None:
        """Saves compiled code if that is possible."""
        with suppress(*UNUSABLE):
            self.files.save_overload(signature, code)


def compiled(loop: Loop) -> Loop:
    """The loop as machine code, which is kept on disk unless no folder for it can be written."""
    try:
        fast = numba.njit(loop, cache=True, error_model="numpy")
    except RuntimeError:  # a read-only installation of a user who has no home
        return cast(Loop, numba.njit(loop, error_model="numpy"))
    if fast is not loop:  # as it is where the user has switched compilation off
        fast._cache = SpareFiles(fast._cache)  # noqa: SLF001  there is no public way
    return cast(Loop, fast)


@compiled
def farthest(xyz: Float64Array, order: NDArray[np.intp], count: int, start: int) -> NDArray[np.intp]:
    """Farthest-point sampling on a tree of boxes.

    A new choice can only lower the distances of points to the chosen ones, and none in a box that lies
    farther from it than the largest distance in there: such boxes are left out. Rounding keeps order, so the
    result is exact.

    Args:
        xyz: (N, 3).
        order: (N,) indices such that consecutive points lie close together. Sorted within every leaf.
        count: how many to choose.
        start: index of the first one.

    Returns:
        (count,) indices into `xyz`.
    """
    points = _leaves(xyz, order)
    boxes = _boxes(points)
    which = np.full(len(boxes), -1, np.intp)  # position in `order` of the farthest point of a node
    visited = np.empty(len(boxes), np.intp)
    chosen = np.empty(count, np.intp)
    newest = np.flatnonzero(order == start)[0]
    for step in range(count):
        chosen[step] = order[newest]
        points[FAR, newest] = -1.0
        visited[0] = 1
        seen, read = 1, 0
        while read < seen:  # from the root down
            node = visited[read]
            read += 1
            if 2 * node >= len(boxes):
                _lower(points, boxes, which, node, newest)
            else:
                for child in range(2 * node, 2 * node + 2):
                    if _gap(points, newest, boxes, child) < boxes[child, BEST] or which[child] == newest:
                        visited[seen] = child
                        seen += 1
        for read in range(seen - 1, -1, -1):  # and up again
            if 2 * visited[read] < len(boxes):
                _take_farther(boxes, which, order, visited[read])
        newest = which[1]
    return chosen


@compiled
def _leaves(xyz: Float64Array, order: NDArray[np.intp]) -> Float64Array:
    """(4, N): x, y, z of the points by `order`, which is sorted within leaves, and infinite distances."""
    points = np.empty((4, len(order)))
    for first in range(0, len(order), LEAF):
        order[first : first + LEAF].sort()
    for position in range(len(order)):
        for axis in range(3):
            points[axis, position] = xyz[order[position], axis]
        points[FAR, position] = inf
    return points


@compiled
def _boxes(points: Float64Array) -> Float64Array:
    """(nodes, 7): lower and upper corner and largest distance of the nodes of a complete binary tree.

    Node n has the children 2n and 2n + 1, node 1 is the root, and a leaf holds `LEAF` consecutive points. The
    largest distance is -1 if there is no point, or if all of them are chosen.
    """
    leaves = 1
    while leaves * LEAF < points.shape[1]:
        leaves *= 2
    boxes = np.empty((2 * leaves, 7))
    boxes[:, :3], boxes[:, 3:6], boxes[:, BEST] = inf, -inf, -1.0
    for position in range(points.shape[1]):
        leaf = leaves + position // LEAF
        boxes[leaf, BEST] = inf
        for axis in range(3):
            boxes[leaf, axis] = min(boxes[leaf, axis], points[axis, position])
            boxes[leaf, 3 + axis] = max(boxes[leaf, 3 + axis], points[axis, position])
    for node in range(leaves - 1, 0, -1):
        for axis in range(3):
            boxes[node, axis] = min(boxes[2 * node, axis], boxes[2 * node + 1, axis])
        for column in range(3, 7):
            boxes[node, column] = max(boxes[2 * node, column], boxes[2 * node + 1, column])
    return boxes


@compiled
def _gap(points: Float64Array, position: int, boxes: Float64Array, node: int) -> float:
    """Squared distance of a point to a box; rounded as in `_lower`, so never more than to a point in it."""
    x = max(boxes[node, 0] - points[0, position], 0.0, points[0, position] - boxes[node, 3])
    y = max(boxes[node, 1] - points[1, position], 0.0, points[1, position] - boxes[node, 4])
    z = max(boxes[node, 2] - points[2, position], 0.0, points[2, position] - boxes[node, 5])
    return float(x * x + y * y + z * z)


@compiled
def _lower(
    points: Float64Array, boxes: Float64Array, which: NDArray[np.intp], leaf: int, newest: int
) -> None:
    """Lowers the distances of the points of a leaf for a new choice, and finds the farthest of them."""
    first = (leaf - len(boxes) // 2) * LEAF
    largest, holder = -1.0, first
    for position in range(first, min(points.shape[1], first + LEAF)):
        x = points[0, position] - points[0, newest]
        y = points[1, position] - points[1, newest]
        z = points[2, position] - points[2, newest]
        here = min(points[FAR, position], x * x + y * y + z * z)
        points[FAR, position] = here
        if here > largest:
            largest, holder = here, position
    boxes[leaf, BEST], which[leaf] = largest, holder


@compiled
def _take_farther(boxes: Float64Array, which: NDArray[np.intp], order: NDArray[np.intp], node: int) -> None:
    """A node takes the farthest point of its children, of equally far ones that of the lowest index."""
    one, two = 2 * node, 2 * node + 1
    tied = boxes[two, BEST] == boxes[one, BEST] and order[which[two]] < order[which[one]]
    winner = two if boxes[two, BEST] > boxes[one, BEST] or tied else one
    boxes[node, BEST], which[node] = boxes[winner, BEST], which[winner]


@compiled
def normals(points: Float64Array, around: Neighbourhoods, out: Float64Array) -> None:
    """Directions in which neighbourhoods extend least.

    Args:
        points: (N, 3).
        around: some points with their neighbours.
        out: (N, 3); the rows of these points are filled with unit vectors of any sign, but left alone where
            there are fewer than 3 neighbours or all are in one position.
    """
    covariance, axes = np.empty((3, 3)), np.empty((3, 3))
    for place in range(len(around.rows)):
        _covariance(points, around.near[place, : around.counts[place]], covariance)
        trace = covariance[0, 0] + covariance[1, 1] + covariance[2, 2]
        if around.counts[place] >= 3 and trace > 0:
            covariance /= trace
            _diagonalise(covariance, axes)
            smallest = 0
            for axis in range(1, 3):
                if covariance[axis, axis] < covariance[smallest, smallest]:
                    smallest = axis
            out[around.rows[place]] = axes[:, smallest]


@compiled
def _covariance(points: Float64Array, members: Int32Array, out: Float64Array) -> None:
    """(3, 3) covariance of some points, up to a factor; 0 if they are in one position."""
    start, centre = members[0], np.zeros(3)  # relative to one of them nothing cancels far from the origin
    for member in members:
        for axis in range(3):
            centre[axis] += (points[member, axis] - points[start, axis]) / len(members)
    out[:] = 0.0
    for member in members:
        x = points[member, 0] - points[start, 0] - centre[0]
        y = points[member, 1] - points[start, 1] - centre[1]
        z = points[member, 2] - points[start, 2] - centre[2]
        out[0, 0] += x * x
        out[1, 1] += y * y
        out[2, 2] += z * z
        out[0, 1] += x * y
        out[0, 2] += x * z
        out[1, 2] += y * z
    out[1, 0], out[2, 0], out[2, 1] = out[0, 1], out[0, 2], out[1, 2]


@compiled
def _diagonalise(matrix: Float64Array, vectors: Float64Array) -> None:
    """Turns a symmetric (3, 3) matrix into its eigenvalues, `vectors` into the eigenvectors as columns.

    Cyclic Jacobi rotations (Golub and Van Loan, Matrix Computations, section 8.5): exact for neighbourhoods
    on a plane or a line too, where closed formulas lose digits.
    """
    vectors[:] = 0.0
    for axis in range(3):
        vectors[axis, axis] = 1.0
    for _ in range(SWEEPS):
        if abs(matrix[0, 1]) + abs(matrix[0, 2]) + abs(matrix[1, 2]) == 0.0:
            break
        for first in range(2):
            for second in range(first + 1, 3):
                mixed = matrix[first, second]
                if abs(mixed) < 1e-300:
                    matrix[first, second] = matrix[second, first] = 0.0
                    continue
                slope = (matrix[second, second] - matrix[first, first]) / (2 * mixed)
                tangent = 1 / (abs(slope) + sqrt(slope * slope + 1))
                if slope < 0:
                    tangent = -tangent
                cosine = 1 / sqrt(tangent * tangent + 1)
                sine = tangent * cosine
                third = 3 - first - second
                matrix[first, first] -= tangent * mixed
                matrix[second, second] += tangent * mixed
                matrix[first, second] = matrix[second, first] = 0.0
                one, two = matrix[first, third], matrix[second, third]
                matrix[first, third] = matrix[third, first] = cosine * one - sine * two
                matrix[second, third] = matrix[third, second] = sine * one + cosine * two
                for axis in range(3):
                    one, two = vectors[axis, first], vectors[axis, second]
                    vectors[axis, first] = cosine * one - sine * two
                    vectors[axis, second] = sine * one + cosine * two


@compiled
def simple_histograms(
    points: Float64Array, normals: Float64Array, around: Neighbourhoods, out: Float32Array
) -> None:
    """Simple point feature histograms of some points (`fpfh.describe`).

    Args:
        points: (N, 3).
        normals: (N, 3) of length 1.
        around: some points with their neighbours.
        out: (N, 33) zeros; the rows of these points are filled.
    """
    for place in range(len(around.rows)):
        row, count = around.rows[place], around.counts[place]
        for neighbour in around.near[place, 1:count]:
            angle, alpha, phi = _pair(points, normals, row, neighbour)
            out[row, _bin((angle / pi + 1) / 2)] += 1
            out[row, BINS + _bin((alpha + 1) / 2)] += 1
            out[row, 2 * BINS + _bin((phi + 1) / 2)] += 1
        if count > 1:
            out[row] *= 100 / (count - 1)


@compiled
def _bin(value: float) -> int:
    """Number of the bin of a value in [0, 1]; rounding may have brought it just outside."""
    return min(max(floor(BINS * value), 0), BINS - 1)


@compiled
def _pair(points: Float64Array, normals: Float64Array, one: int, two: int) -> tuple[float, float, float]:
    """Features of a pair of points as in `fpfh.pair_features`: theta in radians, cosines alpha and phi."""
    x = points[two, 0] - points[one, 0]
    y = points[two, 1] - points[one, 1]
    z = points[two, 2] - points[one, 2]
    length = sqrt(x * x + y * y + z * z)
    if length == 0.0:
        return 0.0, 0.0, 0.0
    phi = (normals[one, 0] * x + normals[one, 1] * y + normals[one, 2] * z) / length
    other_phi = (normals[two, 0] * x + normals[two, 1] * y + normals[two, 2] * z) / length
    if abs(phi) < abs(other_phi):
        one, two = two, one
        x, y, z = -x, -y, -z
        phi = -other_phi
    n0, n1, n2 = normals[one, 0], normals[one, 1], normals[one, 2]
    m0, m1, m2 = normals[two, 0], normals[two, 1], normals[two, 2]
    v0, v1, v2 = y * n2 - z * n1, z * n0 - x * n2, x * n1 - y * n0
    size = sqrt(v0 * v0 + v1 * v1 + v2 * v2)
    if size == 0.0:
        return 0.0, 0.0, 0.0
    v0, v1, v2 = v0 / size, v1 / size, v2 / size
    w0, w1, w2 = n1 * v2 - n2 * v1, n2 * v0 - n0 * v2, n0 * v1 - n1 * v0
    alpha = v0 * m0 + v1 * m1 + v2 * m2
    across, along = w0 * m0 + w1 * m1 + w2 * m2, n0 * m0 + n1 * m1 + n2 * m2
    theta = atan2(0.0 if abs(across) <= ROUNDING else across, 0.0 if abs(along) <= ROUNDING else along)
    return theta, alpha, phi


@compiled
def weighted_histograms(
    points: Float64Array, simple: Float32Array, around: Neighbourhoods, out: Float32Array
) -> None:
    """Sums of the simple histograms of some points and the weighted ones of their neighbours.

    Args:
        points: (N, 3).
        simple: (N, 33), from `simple_histograms`.
        around: some points with their neighbours.
        out: (N, 33); the rows of these points are filled.
    """
    total = np.empty(3 * BINS)
    for place in range(len(around.rows)):
        row = around.rows[place]
        total[:] = 0.0
        closest = 0.0  # weights are relative to that of the closest neighbour, so that no unit overflows
        for neighbour in around.near[place, 1 : around.counts[place]]:
            x = points[neighbour, 0] - points[row, 0]
            y = points[neighbour, 1] - points[row, 1]
            z = points[neighbour, 2] - points[row, 2]
            squared = x * x + y * y + z * z
            if squared > 0.0:
                closest = closest or squared
                weight = closest / squared
                for column in range(3 * BINS):
                    total[column] += weight * simple[neighbour, column]
        for first in range(0, 3 * BINS, BINS):
            block = total[first : first + BINS]
            mass = block.sum()
            if mass > 0.0:
                block *= 100.0 / mass
        for column in range(3 * BINS):
            out[row, column] = simple[row, column] + total[column]
