"""Parametric parts: surfaces made of conical rings, from which points are drawn uniformly by area."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from pc3dad.types import BoolArray, Float64Array

NO_BORES = np.zeros((0, 3))


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """Conical rings around the vertical axis, with discs and tubes as special cases. Millimetres.

    Attributes:
        rings: (R, 4) float64: radius and height where a ring begins, radius and height where it ends. Seen
            with the axis on the left, the material lies to the left of the way from begin to end.
        bores: (B, 3) float64: x, y and radius of vertical holes through all horizontal rings.
    """

    rings: Float64Array
    bores: Float64Array

    @property
    def area(self) -> float:
        """Area in square millimetres. Each bore cuts one disc out of the bottom and one out of the top."""
        return float(self._ring_areas().sum() - 2 * np.pi * (self.bores[:, 2] ** 2).sum())

    def draw(self, n: int, rng: np.random.Generator) -> tuple[Float64Array, Float64Array]:
        """At most `n` points (those that fall into a bore are lost) and their outward unit normals.

        Returns:
            (M, 3) float64, millimetres, and (M, 3) float64.
        """
        areas = self._ring_areas()
        ring = rng.choice(len(areas), size=n, p=areas / areas.sum())
        begin, bottom, end, top = self.rings[ring].T
        share, turn = 1 - rng.random((2, n))  # never 0, which the tip of a cone could not divide by
        # distance along the slant at which `share` of the ring's area is left behind; exact for begin = end
        along = share * (begin + end) / (begin + np.sqrt(begin**2 + share * (end**2 - begin**2)))
        radius, height = begin + along * (end - begin), bottom + along * (top - bottom)
        cosine, sine = np.cos(2 * np.pi * turn), np.sin(2 * np.pi * turn)
        xyz = np.stack([radius * cosine, radius * sine, height], axis=1)
        slant = np.hypot(end - begin, top - bottom)
        outward, upward = (top - bottom) / slant, (begin - end) / slant
        normals = np.stack([outward * cosine, outward * sine, upward], axis=1)
        kept = ~self._inside_bore(xyz, horizontal=np.abs(top - bottom) < 1e-9)
        return xyz[kept], normals[kept]

    def _ring_areas(self) -> Float64Array:
        begin, bottom, end, top = self.rings.T
        areas: Float64Array = np.pi * (begin + end) * np.hypot(end - begin, top - bottom)
        return areas

    def _inside_bore(self, xyz: Float64Array, *, horizontal: BoolArray) -> BoolArray:
        inside = np.zeros(len(xyz), dtype=np.bool_)
        for x, y, radius in self.bores:
            inside |= np.hypot(xyz[:, 0] - x, xyz[:, 1] - y) < radius
        return inside & horizontal


def bottle(rng: np.random.Generator) -> Surface:
    """A closed bottle of 100 to 140 mm: a body, a shoulder of its own curve, a neck; no two are alike."""
    height, body, neck = rng.uniform(100, 140), rng.uniform(22, 30), rng.uniform(9, 13)
    shoulder, neck_begins = height * rng.uniform(0.45, 0.6), height * rng.uniform(0.74, 0.84)
    belly, steepness, corner = rng.uniform(-2.5, 2.5), rng.uniform(0.8, 1.3), rng.uniform(2, 5)
    turn = np.linspace(0, np.pi / 2, 13)
    rounded = np.stack([body - corner * (1 - np.sin(turn)), corner * (1 - np.cos(turn))], axis=1)
    way = np.linspace(0, 1, 41)
    wall = np.stack([body + belly * np.sin(np.pi * way) ** 2, corner + way * (shoulder - corner)], axis=1)
    fall = (1 - np.cos(np.pi * way**steepness)) / 2
    upper = np.stack([body + (neck - body) * fall, shoulder + way * (neck_begins - shoulder)], axis=1)
    profile = np.concatenate([[[0, 0]], rounded, wall[1:], upper[1:], [[neck, height], [0, height]]])
    return _revolved(profile)


def flange(rng: np.random.Generator) -> Surface:
    """A disc of 100 to 130 mm across with a round rim, a bell-shaped hub, a bore and 3 to 6 bolt holes.

    The scanner does not look into the bore and the holes: their walls are missing.
    """
    outer, foot, bore = rng.uniform(50, 65), rng.uniform(26, 32), rng.uniform(8, 12)
    thickness, height, mouth = rng.uniform(8, 14), rng.uniform(24, 36), rng.uniform(3, 6)
    turn = np.linspace(-np.pi / 2, np.pi / 2, 25)
    rim = np.stack([outer + thickness / 2 * (np.cos(turn) - 1), thickness / 2 * (1 + np.sin(turn))], axis=1)
    way = np.linspace(0, 1, 41)
    rise = (1 - np.cos(np.pi * way)) / 2
    hub = np.stack([foot + way * (bore + mouth - foot), thickness + rise * (height - thickness)], axis=1)
    bolts, radius, circle = int(rng.integers(3, 7)), rng.uniform(3, 4.5), outer - rng.uniform(11, 13)
    angles = 2 * np.pi * (np.arange(bolts) / bolts + rng.random())
    bores = np.column_stack([circle * np.cos(angles), circle * np.sin(angles), np.full(bolts, radius)])
    return _revolved(np.concatenate([[[bore, 0]], rim, hub, [[bore, height]]]), bores)


SHAPES: Mapping[str, Callable[[np.random.Generator], Surface]] = MappingProxyType(
    {"bottle": bottle, "flange": flange}
)
"""Category to a function that makes one part of it."""


def _revolved(profile: Float64Array, bores: Float64Array = NO_BORES) -> Surface:
    """What a (P, 2) profile of radius and height sweeps, from the bottom over the outside to the top."""
    return Surface(np.concatenate([profile[:-1], profile[1:]], axis=1), bores)
