"""Draws points as squares into a depth buffer: the nearest point wins every pixel, of equal ones the first.

A square per point needs no loop over its pixels. Every point is written once, at the corner of its square;
then the minimum of a sliding window of the same size is what all squares together would have left.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from pc3dad.render.cameras import Projected

EMPTY = 0x7F800000 << 32  # the bits of an infinite depth; a float can hold it, as `functional.pad` wants
BACKGROUND = -1
Reduce = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


@dataclass(frozen=True, slots=True)
class Mend:
    """What counts as a hole between squares.

    Attributes:
        reach: pixels; holes up to twice as wide are closed.
        tolerance: how much farther than its surroundings a hole shows, unit of the scene.
    """

    reach: int
    tolerance: float


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """What is in the window.

    Attributes:
        front: (W, W) int32, the point that each pixel shows, -1 in the background.
        depth: (W, W) float32, depth of that point, infinite in the background.
        cell: (n,) int64, where the square of each point lies: index into a grid of W + size + 1 cells a side.
            Cell (i, j) is that of the square whose last pixel is (i - 1, j - 1); the outermost cells collect
            points whose squares miss the window.
        size: side of the squares in pixels.
    """

    front: torch.Tensor
    depth: torch.Tensor
    cell: torch.Tensor
    size: int


def draw(points: Projected, *, size: int, window: int, mend: Mend | None = None) -> Drawn:
    """Draws squares of `size` pixels, one depth each, centred on the points as nearly as whole pixels allow.

    Args:
        points: n projected points.
        size: side of a square.
        window: side W of the window.
        mend: closes holes between squares; None leaves them.
    """
    side = window + size + 1
    cell = (_last_pixel(points.v, size, side) * side + _last_pixel(points.u, size, side)).long()
    order = torch.arange(len(cell), device=cell.device)
    key = (points.depth.view(torch.int32).long() << 32) + order  # positive floats sort like their bits
    nearest = torch.full((side * side,), EMPTY, device=cell.device)
    nearest.scatter_reduce_(0, cell, key, "amin")
    won = _slide(nearest.view(side, side)[1:-1, 1:-1], size, torch.minimum)
    if mend is not None:
        won = _mend(won, mend)
    front = won.to(torch.int32).masked_fill_(won == EMPTY, BACKGROUND)  # the low half
    return Drawn(front, _depth(won), cell, size)


def _mend(won: torch.Tensor, mend: Mend) -> torch.Tensor:
    """(W, W) int64 keys without the pixels through which one sees a far side or the background.

    Every pixel takes the nearest point of its surroundings; what this adds at outlines is taken back by
    looking for the farthest depth in the same surroundings. So outlines and slanted surfaces stay, and only
    what is deeper than all that surrounds it, and narrower than the surroundings, is replaced.
    """
    reach, width = mend.reach, 2 * mend.reach + 1
    nearest = _slide(functional.pad(won, [2 * reach] * 4, value=EMPTY), width, torch.minimum)
    cover = _slide(_depth(nearest), width, torch.maximum)
    return torch.where(_depth(won) > cover + mend.tolerance, nearest[reach:-reach, reach:-reach], won)


def _depth(keys: torch.Tensor) -> torch.Tensor:
    """Depths, the high half of keys."""
    return (keys >> 32).to(torch.int32).view(torch.float32)


def draw_plain(points: Projected, *, size: int, window: int) -> Drawn:
    """Plain twin of `draw` for tests: one point and one pixel at a time."""
    front = np.full((window, window), BACKGROUND, dtype=np.int32)
    depth = np.full((window, window), np.inf, dtype=np.float32)
    side = window + size + 1
    cells = []
    u, v, depths = (values.cpu().numpy() for values in (points.u, points.v, points.depth))
    for index in range(len(depths)):
        column, row = (int(np.floor(place[index] - np.float32((size - 1) / 2))) for place in (u, v))
        for y in range(max(row, 0), min(row + size, window)):
            for x in range(max(column, 0), min(column + size, window)):
                if depths[index] < depth[y, x]:
                    front[y, x], depth[y, x] = index, depths[index]
        cell_row, cell_column = (min(max(first + size, 0), side - 1) for first in (row, column))
        cells.append(cell_row * side + cell_column)
    return Drawn(torch.from_numpy(front), torch.from_numpy(depth), torch.tensor(cells), size)


def deepest_shown(drawn: Drawn) -> torch.Tensor:
    """(n,) float32: the largest depth that is drawn in any pixel of the square of each point.

    A point that is not hidden shows in some pixel of its square: there, what is drawn is no nearer than the
    point. 0 for squares outside the window.
    """
    padded = functional.pad(drawn.depth, [drawn.size] * 4, value=0.0)
    return _slide(padded, drawn.size, torch.maximum).reshape(-1).index_select(0, drawn.cell)


def _last_pixel(place: torch.Tensor, size: int, side: int) -> torch.Tensor:
    """(n,) float32: row or column of the cell of each square, see `Drawn.cell`."""
    return (place - (size - 1) / 2).floor_().add_(size).clamp_(0, side - 1)


def _slide(values: torch.Tensor, size: int, reduce: Reduce) -> torch.Tensor:
    """Reduces every `size` x `size` window of (H, W); (H - size + 1, W - size + 1). Windows double."""
    for _ in range(2):
        done = 1
        while done < size:
            step = min(done, size - done)
            values = reduce(values[step:], values[:-step])
            done += step
        values = values.T
    return values
