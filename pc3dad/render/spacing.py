"""How far apart the points of a surface lie, so that squares of that size cover it."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv

from pc3dad.geometry import neighbors
from pc3dad.types import Float32Array

LEVELS = 16  # smallest cells: 1 / 65536 of the box; places are rounded to them
FILLING = (2.5, 1.5, 0.0)  # halved cells: of a surface that has points enough 4 times as many, of a line 2
FINER = 2  # halvings from cells with about one point each to cells that are thinned to one
NEIGHBOURS = 6
FARTHEST = 1.5  # cells with about one point each; points without a neighbour closer by are strays
SHARE = 0.75  # of the area, is at least as dense as the spacing says
POINTS = 1 << 13  # of larger clouds a part is asked, and the result scaled
QUERIES = 1 << 10


def mean_spacing(points: Float32Array, *, workers: int = 1) -> float:
    """Distance between the points (n, 3) of a surface: 1 / sqrt(points per area), in their unit.

    Where most of the points are need not be where most of the surface is: copies, overlapping scans, jitter
    and dense patches count as one point per cell, and places count by their area. A surface of even density
    has the spacing of which three quarters of the area would be no wider at random. The order of the points
    does not matter. 0 for fewer than 2 positions.
    """
    low = points.min(axis=0).astype(np.float64)
    side = float((points.max(axis=0) - low).max()) or 1.0
    cells = np.minimum((points - low) * (2**LEVELS / side), 2**LEVELS - 1).astype(np.uint64)
    thin, size = _thinned(cells)
    part = cells[thin[:: -(-len(thin) // POINTS)]].astype(np.float64)
    nth = min(NEIGHBOURS, len(part) - 1)
    if nth < 1:
        return 0.0
    asked = part[:: -(-len(part) // QUERIES)]
    distances, _ = neighbors.knn(part, asked, k=nth + 1, workers=workers)
    reach = distances[:, nth] * np.sqrt(len(part) / len(thin), dtype=np.float64)
    areas = np.sort(np.pi * np.minimum(reach, FARTHEST * size) ** 2)
    covered = np.cumsum(areas)
    area = areas[np.searchsorted(covered, SHARE * covered[-1])]
    return float(np.sqrt(area / gammaincinv(nth + 1, SHARE)) * side / 2**LEVELS)


def _thinned(cells: NDArray[np.uint64]) -> tuple[NDArray[np.intp], int]:
    """One point of every larger cell, in an order of places, and the side of cells that hold about one point.

    Cells (n, 3) are put together, and halved again for as long as that fills more of them the way a surface
    does; then each holds about one point. The cells that are thinned are smaller than that, so that an even
    surface keeps nearly all of its points.
    """
    key = _every_third_bit(cells[:, 0])
    for axis in (1, 2):
        key |= _every_third_bit(cells[:, axis]) << np.uint64(axis)
    order = np.argsort(key)
    differing = key[order[1:]] ^ key[order[:-1]]
    filled = np.array([1 + np.count_nonzero(_begins(differing, level)) for level in range(LEVELS + 1)])
    growth = filled[1:] / filled[:-1]
    like = next(least for least in FILLING if (growth >= least).any())
    level = 1 + int(np.flatnonzero(growth >= like)[-1])
    begins = np.flatnonzero(_begins(differing, min(level + FINER, LEVELS))) + 1
    return order[np.append(0, begins)], 1 << (LEVELS - level)


def _begins(differing: NDArray[np.uint64], level: int) -> NDArray[np.uint64]:
    """Not 0 where a sorted key lies in another cell of the level than the key before it."""
    return differing >> np.uint64(3 * (LEVELS - level))


def _every_third_bit(cells: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Bits of numbers below 2^16, two zeros apart; keys of three such numbers sort by cells of any size."""
    for shift, mask in ((16, 0xFF0000FF), (8, 0xF00F00F00F), (4, 0xC30C30C30C3), (2, 0x249249249249)):
        cells = (cells | cells << np.uint64(shift)) & np.uint64(mask)
    return cells
