"""Which points of a surface a scanner sees that walks around the part."""

import itertools

import numpy as np

from pc3dad.data.synthetic.solids import Drawn
from pc3dad.types import BoolArray, Float64Array

COVER = 12_000  # at least so many points cover a part; what more of them would hide or show does not count
GRAZING = 0.2  # smallest cosine between a normal and the way to the scanner
PLACES = np.array([*np.eye(3), *-np.eye(3), *itertools.product((-1, 1), repeat=3)])
"""(14, 3): along the axes and the diagonals of a cube."""


class Sight:
    """Looks at points that cover a part.

    Args:
        drawn: n points, at least about `COVER`.
        area: of the surface that they cover, square millimetres.
    """

    def __init__(self, drawn: Drawn, area: float) -> None:
        import torch

        columns = drawn.xyz.T.copy()
        low, high = columns.min(axis=1), columns.max(axis=1)
        side, spacing = float((high - low).max()), float(np.sqrt(area / COVER))
        middle = (low + high)[:, None] / 2
        self._points = torch.from_numpy(((columns - middle) / side).astype(np.float32))
        self._normals = drawn.normals
        self._window = int(np.clip(side / spacing, 24, 640))
        self._tolerance = 2 * spacing / side

    def seen(self, rotation: Float64Array) -> BoolArray:
        """Which points (n,) a camera sees; rows of its `rotation` (3, 3): right, up, towards the camera."""
        from pc3dad.render import cameras, raster, visibility
        from pc3dad.render.renderer import one_thread

        with one_thread("cpu"):
            projected = cameras.project(cameras.place(self._points, rotation), self._window)
            picture = raster.draw(projected, size=3, window=self._window)
            shown = visibility.within_tolerance(projected, picture, self._tolerance).numpy()
        seen: BoolArray = shown & (self._normals @ rotation[2] > GRAZING)
        return seen


def outside(drawn: Drawn, area: float) -> BoolArray:
    """Which of n points that cover a surface of that area are seen from some of 14 places around it."""
    sight = Sight(drawn, area)
    seen = np.zeros(len(drawn.xyz), dtype=np.bool_)
    for towards in PLACES / np.linalg.norm(PLACES, axis=1, keepdims=True):
        seen |= sight.seen(upright(towards))
    return seen


def upright(towards: Float64Array) -> Float64Array:
    """(3, 3) rotation of a camera at the unit vector `towards`: right, up (z as far as possible), towards."""
    level = np.array([-towards[1], towards[0], 0.0])
    length = np.linalg.norm(level)
    right = level / length if length > 1e-6 else np.array([1.0, 0.0, 0.0])
    return np.stack([right, np.cross(towards, right), towards])
