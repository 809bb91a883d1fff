"""Fast point feature histograms (Rusu, Blodow and Beetz, 2009): 33 numbers on the shape around a point."""

from collections.abc import Iterable
from math import atan2, floor, pi, sqrt
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pc3dad.errors import ConfigError, DataError
from pc3dad.geometry import neighbors
from pc3dad.types import Float32Array, Float64Array

Pooling = Literal["max", "mean"]

BINS = 11  # of each of the three histograms
KEPT = 1 << 26  # neighbours that are held in memory; those of larger clouds are searched twice
LENGTH_ERROR = 1e-3  # by which a unit normal may miss length 1
ROUNDING = 1e-15  # what rounding may leave of a cosine that is 0


def describe(
    points: NDArray[np.floating],
    normals: NDArray[np.floating],
    *,
    radius: float,
    max_neighbours: int = 100,
    workers: int = 1,
) -> Float32Array:
    """Histograms of the angles between the normals of a point and its neighbours, and those of the latter.

    The simple histogram (SPFH) of a point counts, over its neighbours, the `pair_features` theta, alpha and
    phi in 11 bins each, as percentages. To it are added the simple histograms of the neighbours, weighted by
    1 / distance**2 and scaled to 100 per feature. Weight and scale are those of PCL and Open3D and thus of
    published results; the paper has 1 / distance and 1 / number of neighbours.

    The point itself and neighbours in the same position have no weight; the latter have features 0 in the
    simple histogram. A row sums to 600; to 300 where all neighbours are in the position of the point; to 0
    without neighbours. Values turn, move and scale with the cloud, if normals and radius do.

    Args:
        points: (N, 3), any unit.
        normals: (N, 3) of length 1. Their signs matter: see `normals.Orientation`.
        radius: neighbours are closer than this, in the unit of `points`.
        max_neighbours: the nearest ones at most, the point itself included.
        workers: threads of the neighbour search.

    Returns:
        (N, 33) float32: theta, alpha, phi.

    Raises:
        DataError: there is no point, a shape does not fit, a coordinate is not finite, or a normal has
            another length.
    """
    from pc3dad.geometry import kernels

    xyz, directions = _checked(points, normals)
    simple = np.zeros((len(xyz), 3 * BINS), dtype=np.float32)
    full = np.zeros_like(simple)

    def search() -> Iterable[neighbors.Neighbourhoods]:
        return neighbors.neighbourhoods(xyz, max_neighbours=max_neighbours, radius=radius, workers=workers)

    known = list(search()) if len(xyz) * max_neighbours <= KEPT else None
    for around in known or search():
        kernels.simple_histograms(xyz, directions, around, simple)
    for around in known or search():
        kernels.weighted_histograms(xyz, simple, around, full)
    return full


def describe_plain(
    points: NDArray[np.floating],
    normals: NDArray[np.floating],
    *,
    radius: float,
    max_neighbours: int = 100,
) -> Float32Array:
    """Plain twin of `describe` for tests: one pair of points at a time."""
    xyz, directions = _checked(points, normals)
    distances, near = neighbors.knn_brute_force(xyz, xyz, k=min(max_neighbours, len(xyz)))
    simple, full = np.zeros((2, len(xyz), 3 * BINS))
    around = [indices[far < radius][1:] for far, indices in zip(distances, near, strict=True)]
    for point, neighbours in enumerate(around):
        for other in neighbours:
            theta, alpha, phi = pair_features(xyz, directions, point, other)
            for block, value in enumerate(((theta / pi + 1) / 2, (alpha + 1) / 2, (phi + 1) / 2)):
                place = min(max(floor(BINS * value), 0), BINS - 1)
                simple[point, BINS * block + place] += 100 / len(neighbours)
    for point, neighbours in enumerate(around):
        weighted = np.zeros((3, BINS))
        for other in neighbours:
            squared = ((xyz[other] - xyz[point]) ** 2).sum()
            weighted += simple[other].reshape(3, BINS) / squared if squared > 0 else 0
        mass = weighted.sum(axis=1, keepdims=True)
        full[point] = simple[point] + (100 * weighted / np.where(mass > 0, mass, 1)).ravel()
    return full.astype(np.float32)


def pair_features(
    points: Float64Array, normals: Float64Array, one: int, two: int
) -> tuple[float, float, float]:
    """Angle theta in radians and the cosines alpha and phi between two points with normals.

    The point whose normal has the smaller angle to the line between both is the first, in whichever order
    they are given; of equal angles it is `one`. With u its normal, v at a right angle to u and to that line,
    and w = u x v: phi is the cosine of u and the line, alpha that of v and the other normal, and theta the
    direction of the other normal around v. All are 0 if both points coincide or the line runs along u.

    Opposite normals at a right angle to the line have theta pi. In Open3D it is pi or -pi, the last or the
    first bin, by a rounding error or by the sign of a zero.

    Args:
        points: (N, 3).
        normals: (N, 3) of length 1.
        one: index of a point.
        two: index of the other.
    """
    line = points[two] - points[one]
    length = sqrt((line * line).sum())  # as the kernel rounds: `@` may add in another order
    if length == 0:
        return 0.0, 0.0, 0.0
    u, other = normals[one], normals[two]
    phi, other_phi = float((u * line).sum() / length), float((other * line).sum() / length)
    if abs(phi) < abs(other_phi):
        u, other, line, phi = other, u, -line, -other_phi
    v = np.cross(line, u)
    size = sqrt((v * v).sum())
    if size == 0:
        return 0.0, 0.0, 0.0
    v = v / size
    w = np.cross(u, v)
    across, along = ((axis * other).sum() for axis in (w, u))
    theta = atan2(*(0.0 if abs(cosine) <= ROUNDING else cosine for cosine in (across, along)))
    return theta, float((v * other).sum()), phi


def pool(
    descriptors: Float32Array, patches: NDArray[np.integer], *, pooling: Pooling = "max"
) -> Float32Array:
    """One descriptor per patch of points: the largest or the mean value of each column.

    Args:
        descriptors: (N, D) float32.
        patches: (P, K) indices into `descriptors`; K at least 1.
        pooling: "max", as BTP trains, or "mean".

    Returns:
        (P, D) float32.

    Raises:
        ConfigError: there is no such pooling.
        DataError: a patch is empty or names a point that does not exist, or patches are no indices.
    """
    if pooling not in get_args(Pooling):
        raise ConfigError(f"pooling has no value {pooling!r}", hint="use max or mean")
    if patches.dtype.kind not in "iu" or patches.ndim != 2 or patches.shape[1] == 0:
        raise DataError(
            f"patches of shape {patches.shape} and type {patches.dtype} are no indices of points",
            hint="pass whole numbers, a row of at least one for each patch",
        )
    if patches.size and not (patches.min() >= 0 and patches.max() < len(descriptors)):
        raise DataError(
            f"patches name points {patches.min()} to {patches.max()}, but there are {len(descriptors)} "
            "descriptors",
            hint="pass the patches and the descriptors of the same cloud",
        )
    members = descriptors[patches]
    if pooling == "max":
        largest: Float32Array = members.max(axis=1)
        return largest
    mean: Float32Array = members.mean(axis=1, dtype=np.float64).astype(np.float32)
    return mean


def _checked(
    points: NDArray[np.floating], normals: NDArray[np.floating]
) -> tuple[Float64Array, Float64Array]:
    """float64 copies. Kernels rely on normals that are finite: they find bins without a check."""
    xyz = neighbors.checked_xyz(points)
    if normals.shape != xyz.shape:
        raise DataError(f"normals have shape {normals.shape}, points have {points.shape}")
    directions = np.ascontiguousarray(normals, dtype=np.float64)
    off = ~(np.abs(np.sqrt((directions**2).sum(axis=1)) - 1) <= LENGTH_ERROR)  # NaN is off too
    if off.any():
        raise DataError(
            f"{off.sum()} of {len(off)} normals do not have length 1",
            hint="leave points without a normal out, or estimate normals",
        )
    return xyz, directions
