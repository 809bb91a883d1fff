"""Defects that move the surface: bulge, dent, scratch, bend."""

from collections.abc import Callable

import numpy as np

from pc3dad.data.synthetic.defects import LARGEST, VISIBLE, Ball, Shift, Sites
from pc3dad.data.synthetic.solids import Drawn
from pc3dad.types import BoolArray, Float64Array

Height = Callable[[Float64Array, Float64Array, Float64Array], Float64Array]
"""Coordinates (n,) along and above the surface, in units of the reach, to (n,) millimetres; 0 outside 1."""


def bulge(sites: Sites, share: float, rng: np.random.Generator) -> Shift | None:
    """A round hill whose height is 0.2 to 0.4 of its radius, 0.5 to 8 mm."""
    return _hill(sites, share, rng, sign=1)


def dent(sites: Sites, share: float, rng: np.random.Generator) -> Shift | None:
    """A round hollow whose depth is 0.2 to 0.4 of its radius, 0.5 to 8 mm."""
    return _hill(sites, share, rng, sign=-1)


def scratch(sites: Sites, share: float, rng: np.random.Generator) -> Shift | None:
    """A bent groove, 0.8 to 2.4 mm wide and 0.4 to 1.2 mm deep."""
    area, width = share * sites.solid.area, rng.uniform(0.8, 2.4)
    depth = float(np.clip(rng.uniform(0.4, 0.6) * width, 0.4, 1.2))
    reach, bow = max(1.3 * area / width, 2 * width) / 2, rng.uniform(-0.35, 0.35)
    wide, high = width / reach / 2 / _visible(depth), max(4 * depth / reach, 0.3)

    def height(u: Float64Array, v: Float64Array, w: Float64Array) -> Float64Array:
        return -depth * np.sqrt(cap(u)) * cap((v - bow * u**2) / wide) * cap(w / high)

    return relief(sites, reach, height, share, rng)


def bend(sites: Sites, share: float, rng: np.random.Generator) -> Shift | None:
    """The end of the part, turned by 4 to 15 degrees about an axis across it."""
    outward = rng.normal(size=3)
    outward /= np.linalg.norm(outward)
    reached = sites.probes.xyz @ outward
    begin, end = np.quantile(reached, 1 - 1.3 * share), reached.max()  # near the axis little moves
    beyond = sites.probes.xyz[reached > begin]
    if end - begin < 3 or len(beyond) < 3:
        return None
    middle = beyond[np.argsort(reached[reached > begin])[: max(3, len(beyond) // 10)]].mean(axis=0)
    axis = np.cross(outward, rng.normal(size=3))
    axis /= np.linalg.norm(axis)
    angle, run = np.radians(rng.uniform(4, 15)) * rng.choice([-1, 1]), 0.5 * (end - begin)

    def touches(drawn: Drawn) -> BoolArray:
        found: BoolArray = drawn.xyz @ outward > begin
        return found

    def move(xyz: Float64Array) -> Float64Array:
        ramp = np.clip((xyz @ outward - begin) / run, 0, 1)
        turn = (angle * ramp**2 * (3 - 2 * ramp))[:, None]
        arm = xyz - middle
        along = (arm @ axis)[:, None] * axis
        turned: Float64Array = (
            middle + along + np.cos(turn) * (arm - along) + np.sin(turn) * np.cross(axis, arm)
        )
        return turned

    centre = (beyond.min(axis=0) + beyond.max(axis=0)) / 2
    ball = Ball(centre, float(np.linalg.norm(beyond - centre, axis=1).max()))
    return Shift(ball, touches, move) if sites.free(ball) else None


def _hill(sites: Sites, share: float, rng: np.random.Generator, *, sign: int) -> Shift | None:
    radius = np.sqrt(share * sites.solid.area / np.pi)
    top = float(np.clip(rng.uniform(0.2, 0.4) * radius, 0.5, 8))
    reach, aspect = radius / np.sqrt(_visible(top)), rng.uniform(1, 1.6)  # not quite round

    def height(u: Float64Array, v: Float64Array, w: Float64Array) -> Float64Array:
        return sign * top * cap(u**2 / aspect + v**2 * aspect + w**2)  # a broad top, steep sides

    return relief(sites, reach * np.sqrt(aspect), height, share, rng, unit=reach)


def relief(
    sites: Sites,
    reach: float,
    height: Height,
    share: float,
    rng: np.random.Generator,
    *,
    unit: float | None = None,
) -> Shift | None:
    """Presses or pulls what is in the reach of a place along the normal there, edges and thin walls too."""
    centre, frame = sites.frame(rng)
    ball, scale = Ball(centre, reach), unit or reach

    def rise(xyz: Float64Array) -> Float64Array:
        u, v, w = (frame @ (xyz - centre).T) / scale
        return height(u, v, w)

    def touches(drawn: Drawn) -> BoolArray:
        near: BoolArray = ((drawn.xyz - centre) ** 2).sum(axis=1) < 2 * reach**2
        near[near] = rise(drawn.xyz[near]) != 0
        return near

    def move(xyz: Float64Array) -> Float64Array:
        moved: Float64Array = xyz + rise(xyz)[:, None] * frame[2]
        return moved

    visible = np.mean(np.abs(rise(sites.probes.xyz)) > VISIBLE)
    if not sites.free(ball) or not share / 2 <= visible + 1 / len(sites.probes.xyz) <= min(
        2 * share, LARGEST
    ):
        return None
    return Shift(ball, touches, move)


def cap(distance: Float64Array) -> Float64Array:
    """Smooth bump: 1 at 0, 0 with a level tangent from 1 on."""
    bump: Float64Array = np.maximum(1 - distance**2, 0) ** 2
    return bump


def _visible(height: float) -> float:
    """Distance, in units of the reach, at which a cap of that height sinks to the visible limit."""
    return float(np.sqrt(1 - np.sqrt(VISIBLE / height)))
