"""Defects by construction: a part of the surface is shifted along one direction by a known height."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from pc3dad.data.shapes import Surface
from pc3dad.types import BoolArray, Float64Array

VISIBLE = 0.15  # mm; a point that is shifted by less does not count as defective
FACING = 0.6  # smallest cosine between the normals below a defect and its direction
PROBE = 4000  # points that look for an edge below a defect
TRIES = 64  # places looked at before a defect is made smaller
SHRINK = 0.9
STEP = 1e-3  # of the reach, for slopes

Height = Callable[[Float64Array, Float64Array], Float64Array]
"""Two coordinates (M,) in a plane, in units of the reach, to (M,) millimetres; 0 outside the unit circle."""


@dataclass(frozen=True, slots=True, eq=False)
class Relief:
    """Heights over a plane, negative below the surface. `reach`, in millimetres, is the unit of the plane."""

    reach: float
    height: Height


@dataclass(frozen=True, slots=True, eq=False)
class Defect:
    """A relief at a place of a surface.

    Attributes:
        relief: what is added.
        centre: (3,) float64, millimetres.
        frame: (3, 3) float64, rows: two directions in the plane of the relief, and its upward direction.
    """

    relief: Relief
    centre: Float64Array
    frame: Float64Array

    @property
    def direction(self) -> Float64Array:
        """(3,) float64: the outward direction along which points are shifted."""
        upward: Float64Array = self.frame[2]
        return upward

    def footprint(self, xyz: Float64Array) -> BoolArray:
        """(M,) bool: where the relief is, on this side of the part and on others close by."""
        local = (xyz - self.centre) @ self.frame.T / self.relief.reach
        close: BoolArray = (local**2).sum(axis=1) < 4
        close[close] = self.relief.height(local[close, 0], local[close, 1]) != 0
        return close

    def apply(self, xyz: Float64Array, normals: Float64Array) -> tuple[Float64Array, Float64Array]:
        """What the defect does to points of the intact surface.

        The surface is a graph over the plane with slopes -n_u / n_w and -n_v / n_w. Its area per area of
        the plane is sqrt(1 + slopes^2), which the slopes of the relief change.

        Args:
            xyz: (M, 3) float64, millimetres.
            normals: (M, 3) float64, outward unit normals.

        Returns:
            the shift (M,) in millimetres along `direction`, and the factor (M,) by which the surface is
            stretched, that is, by which points drawn before the shift are too few.
        """
        height, reach = self.relief.height, self.relief.reach
        shift, stretch = np.zeros(len(xyz)), np.ones(len(xyz))
        below = np.flatnonzero(self.footprint(xyz) & (normals @ self.direction > FACING / 2))
        u, v, _ = (self.frame @ (xyz[below] - self.centre).T) / reach
        along_u, along_v, facing = self.frame @ normals[below].T
        rise_u = (height(u + STEP, v) - height(u - STEP, v)) / (2 * STEP * reach)
        rise_v = (height(u, v + STEP) - height(u, v - STEP)) / (2 * STEP * reach)
        shift[below] = height(u, v)
        stretch[below] = facing * np.sqrt(
            1 + (rise_u - along_u / facing) ** 2 + (rise_v - along_v / facing) ** 2
        )
        return shift, stretch


def bulge(rng: np.random.Generator, area: float) -> Relief:
    """A round hill, 1.5 to 3.5 mm high, on 0.7 to 2 % of the surface."""
    return _hill(area * rng.uniform(0.007, 0.02), rng.uniform(1.5, 3.5))


def dent(rng: np.random.Generator, area: float) -> Relief:
    """A round hollow, 1.5 to 3.5 mm deep, on 0.7 to 2 % of the surface."""
    return _hill(area * rng.uniform(0.007, 0.02), -rng.uniform(1.5, 3.5))


def scratch(rng: np.random.Generator, area: float) -> Relief:
    """A groove, 0.8 to 1.8 mm deep and 5 to 8 times as long as wide, on 0.7 to 1 % of the surface."""
    depth, aspect = rng.uniform(0.8, 1.8), rng.uniform(5, 8)
    visible = area * rng.uniform(0.007, 0.01)

    def height(u: Float64Array, v: Float64Array) -> Float64Array:
        return -depth * _cap(u) * _cap(aspect * v)

    # 3.4: between the ellipse (pi) and the rectangle (4) in which that product is still visible
    return Relief(np.sqrt(visible * aspect / 3.4) / _visible_share(depth), height)


DEFECTS: Mapping[str, Callable[[np.random.Generator, float], Relief]] = MappingProxyType(
    {"bulge": bulge, "dent": dent, "scratch": scratch}
)
"""Kind to a function that makes one from a generator and the area of the surface in square millimetres."""


def place(kind: str, surface: Surface, others: Sequence[Defect], rng: np.random.Generator) -> Defect:
    """Makes a defect and finds a place for it: away from edges, holes and the `others`.

    Where it fits nowhere it becomes smaller.
    """
    relief = DEFECTS[kind](rng, surface.area)
    xyz, normals = surface.draw(PROBE, rng)
    while True:
        for index in rng.integers(len(xyz), size=TRIES):
            defect = Defect(relief, xyz[index], _frame(normals[index], rng))
            facing = normals[defect.footprint(xyz)] @ defect.direction
            if (np.abs(facing) >= FACING).all() and all(_apart(defect, other) for other in others):
                return defect
        relief = replace(relief, reach=SHRINK * relief.reach)


def _hill(visible: float, height: float) -> Relief:
    """A round cap of that height whose visible part covers that area."""
    reach = np.sqrt(visible / np.pi) / _visible_share(abs(height))
    return Relief(reach, lambda u, v: height * _cap(np.hypot(u, v)))


def _cap(distance: Float64Array) -> Float64Array:
    """Smooth bump: 1 at 0, 0 with a level tangent from 1 on."""
    bump: Float64Array = np.maximum(1 - distance**2, 0) ** 2
    return bump


def _visible_share(height: float) -> float:
    """Distance, in units of the reach, at which a cap of that height sinks to the visible limit."""
    return float(np.sqrt(1 - np.sqrt(VISIBLE / height)))


def _frame(normal: Float64Array, rng: np.random.Generator) -> Float64Array:
    """(3, 3) float64, orthonormal rows, the last one `normal`, the others turned at random around it."""
    across = np.cross(normal, rng.normal(size=3))
    across /= np.linalg.norm(across)
    return np.stack([across, np.cross(normal, across), normal])


def _apart(one: Defect, other: Defect) -> bool:
    return bool(np.linalg.norm(one.centre - other.centre) > one.relief.reach + other.relief.reach)
