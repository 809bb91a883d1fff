"""Outlines in the plane, and curves. Millimetres."""

from collections.abc import Sequence

import numpy as np
from manifold3d import CrossSection

from pc3dad.types import Float64Array

TOLERANCE = 0.018
"""How far a chord may lie inside its arc."""


def sides(radius: float) -> int:
    """How many sides a circle needs to stay within the tolerance: a multiple of four, at least 16."""
    return max(16, 4 * int(np.ceil(np.pi / np.arccos(1 - min(TOLERANCE / radius, 0.5)) / 4)))


def circle(
    radius: float, *, centre: Sequence[float] | Float64Array = (0.0, 0.0), count: int = 0
) -> Float64Array:
    """(S, 2) float64: a circle, counterclockwise, with `count` corners or as many as `sides` asks."""
    corners = count or sides(radius)
    turn = 2 * np.pi * np.arange(corners) / corners
    return np.stack([radius * np.cos(turn) + centre[0], radius * np.sin(turn) + centre[1]], axis=1)


def around(count: int, radius: float, *, start: float = 0.0) -> Float64Array:
    """(count, 2) float64: points spread evenly on a circle, the first at the angle `start` in radians."""
    turn = start + 2 * np.pi * np.arange(count) / count
    return radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)


def rectangle(width: float, depth: float, *, radius: float = 0.0) -> Float64Array:
    """(S, 2) float64: a rectangle about the origin with round corners, counterclockwise."""
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * np.array([width / 2, depth / 2])
    return rounded(corners, radius)


def rounded(
    corners: Float64Array, radius: float | Sequence[float] | Float64Array, *, steps: int = 0
) -> Float64Array:
    """A polygon whose corners are replaced by arcs or, with `steps` = 1, cut off.

    Args:
        corners: (P, 2) float64, of either sense.
        radius: Of all arcs or of each; 0 keeps a corner. One too large for the edges beside it shrinks.
        steps: How many chords an arc has; 0 for as many as `sides` asks.

    Returns:
        (S, 2) float64.
    """
    before, after = np.roll(corners, 1, axis=0) - corners, np.roll(corners, -1, axis=0) - corners
    reach_before, reach_after = np.linalg.norm(before, axis=1), np.linalg.norm(after, axis=1)
    before, after = before / reach_before[:, None], after / reach_after[:, None]
    half = np.arccos(np.clip((before * after).sum(axis=1), -1, 1)) / 2  # half of the angle at the corner
    room = 0.45 * np.minimum(reach_before, reach_after)
    pieces = []
    for index, wanted in enumerate(np.broadcast_to(radius, len(corners))):
        corner, tangent = corners[index], np.tan(half[index])
        fitting = min(float(wanted), room[index] * tangent)
        if fitting < 1e-6 or half[index] > 0.499 * np.pi:
            pieces.append(corner[None])
            continue
        middle = before[index] + after[index]
        middle = corner + middle / np.linalg.norm(middle) * fitting / np.sin(half[index])
        first, last = (corner + way * fitting / tangent - middle for way in (before[index], after[index]))
        chords = steps or max(2, int(np.ceil(sides(fitting) * (np.pi - 2 * half[index]) / (2 * np.pi))))
        begin = np.arctan2(first[1], first[0])
        sweep = (np.arctan2(last[1], last[0]) - begin + np.pi) % (2 * np.pi) - np.pi
        turn = begin + sweep * np.linspace(0, 1, chords + 1)
        pieces.append(middle + fitting * np.stack([np.cos(turn), np.sin(turn)], axis=1))
    return np.concatenate(pieces)


def softened(outline: Float64Array, radius: float) -> Float64Array:
    """(S, 2) float64: a counterclockwise (P, 2) outline; all corners, also inner ones, get this radius."""
    count = sides(radius)
    shape = CrossSection([outline])
    for by in (radius, -2 * radius, radius):
        shape = shape.offset(by, circular_segments=count)
    return outer_rim(shape)


def outer_rim(shape: CrossSection) -> Float64Array:
    """(S, 2) float64: the largest outline of a shape, without the crumbs that plane operations leave."""
    return max((np.asarray(each) for each in shape.simplify(0.005).to_polygons()), key=_area)


def spun(outline: Float64Array, angle: float) -> Float64Array:
    """(S, 2) float64: an (S, 2) outline turned about the origin by an angle in radians."""
    cosine, sine = np.cos(angle), np.sin(angle)
    turned: Float64Array = outline @ np.array([[cosine, sine], [-sine, cosine]])
    return turned


def inset(outline: Float64Array, distance: float) -> Float64Array:
    """(S, 2) float64: a counterclockwise (S, 2) outline, each corner moved so that its edges move inwards."""
    edge = np.roll(outline, -1, axis=0) - outline
    edge /= np.linalg.norm(edge, axis=1)[:, None]
    inward = np.stack([-edge[:, 1], edge[:, 0]], axis=1)
    before = np.roll(inward, 1, axis=0)
    share = distance / (1 + (before * inward).sum(axis=1))
    moved: Float64Array = outline + (before + inward) * share[:, None]
    return moved


def smooth(knots: Float64Array, count: int) -> Float64Array:
    """(count, D) float64: points on a smooth curve through (K, D) knots (Catmull and Rom's spline)."""
    padded = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    at = np.linspace(0, len(knots) - 1, count)
    piece = np.minimum(at.astype(np.int64), len(knots) - 2)
    t = (at - piece)[:, None]
    a, b, c, d = (padded[piece + shift] for shift in range(4))
    curve: Float64Array = b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    return curve


def _area(outline: Float64Array) -> float:
    x, y = outline.T
    return float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2)
