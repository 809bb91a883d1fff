"""Which pixel of a picture a point falls into, and whether the view shows it."""

import torch

from pc3dad.render.cameras import Placed, Projected
from pc3dad.render.raster import Drawn, deepest_shown

HALF_PIXEL = 0.5


def pixels(points: Projected, *, window: int, size: int) -> torch.Tensor:
    """(n,) int32: row * size + column in a picture of size x size; outside, a pixel of the border."""
    return _flat(points.u, points.v, scale=size / window, size=size)


def within_tolerance(points: Projected, drawn: Drawn, tolerance: float) -> torch.Tensor:
    """(n,) bool: whether some pixel of a point's square shows nothing nearer by more than `tolerance`.

    Asking only the pixel of the point itself would lose slanted surfaces: there the squares of nearer points
    cover it. A point outside the window is not visible, though a part of its square may be inside.

    Args:
        points: n projected points.
        drawn: the same points, drawn.
        tolerance: unit of the scene.
    """
    side = len(drawn.front)
    inside = (points.u >= 0) & (points.u < side) & (points.v >= 0) & (points.v < side)
    return inside & (points.depth <= deepest_shown(drawn) + tolerance)


def one_per_pixel(
    placed: Placed, points: Projected, *, window: int, size: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels and visibility as released: in each pixel only the point of highest z, of equal ones the first.

    Pixels are half a pixel of the window off, since places of pixel centres were cut to whole numbers. Points
    outside the window take part in the pixels of the border.

    Returns:
        (n,) int32 and (n,) bool.
    """
    found = _flat(points.u - HALF_PIXEL, points.v - HALF_PIXEL, scale=size / window, size=size)
    behind = placed.z.amax() - placed.z
    order = torch.arange(len(behind), device=behind.device)
    best = torch.full((size * size,), torch.iinfo(torch.int64).max, device=behind.device)
    best.scatter_reduce_(0, found.long(), (behind.view(torch.int32).long() << 32) + order, "amin")
    winners = best[best != torch.iinfo(torch.int64).max].to(torch.int32).long()  # the low half
    visible = torch.zeros(len(behind), dtype=torch.bool, device=behind.device)
    visible[winners] = True
    return found, visible


def _flat(u: torch.Tensor, v: torch.Tensor, *, scale: float, size: int) -> torch.Tensor:
    column, row = ((place * scale).floor_().clamp_(0, size - 1) for place in (u, v))
    return (row * size + column).to(torch.int32)
