"""Background of organised scans: connected components of the image and the support plane.

The data set decides what is background, once and without looking at names or labels; every method gets the
same mask. Coordinates are never changed, only `valid`.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from pc3dad.types import BoolArray, Float64Array

EIGHT_NEIGHBOURS = np.ones((3, 3), dtype=bool)


def largest_component(mask: BoolArray) -> BoolArray:
    """The largest 8-connected component of an (H, W) mask; of equal ones the first in row-major order."""
    labels, count = ndimage.label(mask, EIGHT_NEIGHBOURS)
    if count == 0:
        return mask.copy()
    sizes = np.bincount(labels.ravel())[1:]
    component: BoolArray = labels == 1 + np.argmax(sizes)
    return component


def central_component(mask: BoolArray) -> BoolArray:
    """The 8-connected component of an (H, W) mask with the pixel nearest to the image centre."""
    if not mask.any():
        return mask.copy()
    labels, _ = ndimage.label(mask, EIGHT_NEIGHBOURS)
    row, column = np.nonzero(mask)
    height, width = mask.shape
    nearest = np.argmin((row - (height - 1) / 2) ** 2 + (column - (width - 1) / 2) ** 2)
    component: BoolArray = labels == labels[row[nearest], column[nearest]]
    return component


def border(height: int, width: int, *, pixels: int) -> BoolArray:
    """(H, W) bool: True within `pixels` of any side."""
    mask = np.ones((height, width), dtype=bool)
    mask[pixels : height - pixels, pixels : width - pixels] = False
    return mask


@dataclass(frozen=True, slots=True)
class PlaneSearch:
    """Parameters of the random search for a plane, lengths in the unit of the points."""

    threshold: float = 0.004  # largest distance of an inlier
    draw: int = 50  # points per draw
    iterations: int = 1000

    def fit(self, points: Float64Array, rng: np.random.Generator) -> tuple[Float64Array, float] | None:
        """The plane with most inliers among random draws, fitted once more to its inliers.

        Each draw (with replacement) gives the plane of least squared distance to its points. Of draws with
        equally many inliers the first wins.

        Args:
            points: (B, 3) float64.
            rng: source of the draws.

        Returns:
            Unit normal (3,) and offset: `points @ normal - offset` are signed distances. None if there are
            fewer points than one draw needs.
        """
        if len(points) < self.draw:
            return None
        centre = points.mean(axis=0)
        shifted = points - centre
        drawn = shifted[rng.integers(len(points), size=(self.iterations, self.draw))]
        normals, offsets = _planes(drawn)
        counts = np.concatenate(
            [
                np.count_nonzero(np.abs(shifted @ normals[part].T - offsets[part]) <= self.threshold, axis=0)
                for part in np.array_split(np.arange(self.iterations), max(1, self.iterations // 50))
            ]  # in parts: 32 000 border points times 1000 planes would take 256 MB
        )
        best = int(np.argmax(counts))
        inliers = np.abs(shifted @ normals[best] - offsets[best]) <= self.threshold
        normal, offset = (
            _planes(shifted[inliers][None]) if inliers.any() else (normals[best:], offsets[best:])
        )
        return normal[0], float(offset[0] + centre @ normal[0])


def _planes(groups: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Least-squares planes of (G, M, 3) points: unit normals (G, 3) and offsets (G,)."""
    centres = groups.mean(axis=1)
    deviations = groups - centres[:, None]
    _, axes = np.linalg.eigh(np.swapaxes(deviations, 1, 2) @ deviations)
    normals = axes[:, :, 0]  # eigenvalues ascend: the first axis has the least spread
    return normals, np.einsum("gd,gd->g", centres, normals)


def without_support_plane(
    xyz: Float64Array,
    valid: BoolArray,
    rng: np.random.Generator,
    *,
    search: PlaneSearch,
    border_pixels: int,
    margin: float,
) -> BoolArray:
    """Marks the plane on which the object lies as not valid.

    The plane is searched among the valid points of the image border. If these are fewer than one draw needs
    (an image cropped to the object, or whose plane was removed before), nothing is marked.

    Args:
        xyz: (H, W, 3) float64.
        valid: (H, W) bool.
        rng: source of the draws.
        search: parameters of the plane search.
        border_pixels: width of the border on each side.
        margin: points within this distance of the plane are marked, unit of `xyz`.

    Returns:
        (H, W) bool, a subset of `valid`.
    """
    candidates = valid & border(valid.shape[0], valid.shape[1], pixels=border_pixels)
    plane = search.fit(xyz[candidates], rng)
    if plane is None:
        return valid.copy()
    normal, offset = plane
    kept = valid.copy()
    kept[valid] = np.abs(xyz[valid] @ normal - offset) > margin
    return kept
