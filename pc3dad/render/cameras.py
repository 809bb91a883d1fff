"""The one camera of all pictures: perspective, 60 degrees, in front of the box of the turned cloud."""

import math
from dataclasses import dataclass

import torch

from pc3dad.types import Float64Array

HALF_FIELD = math.tan(math.radians(30.0))
ZOOM = 0.7
DISTANCE = ZOOM / HALF_FIELD  # from the centre of the box, in largest sides of it
FOCAL = 0.5 / HALF_FIELD  # in sides of the window
INSIDE = 0.99  # of the window holds all points when the camera moves back for them


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """Points in front of the camera; the origin is the centre of their box, the unit that of the scene.

    Attributes:
        x: (n,) float32, to the right.
        y: (n,) float32, up.
        z: (n,) float32, towards the eye, which is at (0, 0, distance).
        distance: of the eye from the origin.
        extent: largest side of the box; 1 if all points are at one place.
    """

    x: torch.Tensor
    y: torch.Tensor
    z: torch.Tensor
    distance: float
    extent: float


@dataclass(frozen=True, slots=True, eq=False)
class Projected:
    """Where points appear in the window; pixel k reaches from k to k + 1, row 0 is the top.

    Attributes:
        u: (n,) float32, to the right.
        v: (n,) float32, down.
        depth: (n,) float32, along the axis of the camera, positive.
    """

    u: torch.Tensor
    v: torch.Tensor
    depth: torch.Tensor


def place(points: torch.Tensor, rotation: Float64Array, *, keep_inside: bool = False) -> Placed:
    """Turns points and puts the camera in front of them.

    Args:
        points: (3, n) float32.
        rotation: (3, 3), of `ViewList.rotations`.
        keep_inside: move the camera back until every point is inside the window.
    """
    axes, sides = [], []
    for row in rotation:
        axis = combine(row, points)
        low, high = float(axis.amin()), float(axis.amax())
        axes.append(axis - (low + high) / 2)
        sides.append(high - low)
    x, y, z = axes
    extent = max(sides) or 1.0
    distance = DISTANCE * extent
    if keep_inside:
        needed = torch.maximum(x.abs(), y.abs()) / (INSIDE * HALF_FIELD) + z
        distance = max(distance, float(needed.amax()))
    return Placed(x, y, z, distance, extent)


def project(placed: Placed, window: int) -> Projected:
    """Projects points into a square window of `window` pixels."""
    depth = placed.distance - placed.z
    scale = (FOCAL * window) / depth
    return Projected(placed.x * scale + window / 2, window / 2 - placed.y * scale, depth)


def combine(row: Float64Array, vectors: torch.Tensor) -> torch.Tensor:
    """(n,) scalar product of `row` (3,) with vectors (3, n).

    One operation at a time instead of a matrix product: no device may reorder or fuse them, so every device
    draws the same pixels. Views about one axis skip a third of the work.
    """
    terms = [vectors[index] * float(factor) for index, factor in enumerate(row) if factor != 0]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total
