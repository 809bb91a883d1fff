"""Solids from rings, profiles and paths, and what is done to whole solids. Millimetres."""

from collections.abc import Sequence

import numpy as np
from manifold3d import CrossSection, Error, Manifold, Mesh64, OpType, triangulate
from numpy.typing import NDArray

from pc3dad.data.synthetic.parts.outlines import sides
from pc3dad.types import Float64Array

Int64Array = NDArray[np.int64]


def solid(vertices: Float64Array, faces: Int64Array) -> Manifold:
    """The solid inside (V, 3) vertices and (F, 3) outward faces.

    Raises:
        ValueError: If the faces do not close.
    """
    body = Manifold(Mesh64(np.ascontiguousarray(vertices), np.ascontiguousarray(faces, np.uint64)))
    if body.status() != Error.NoError:
        raise ValueError(f"these faces do not bound a solid: {body.status()}")
    return body


def loft(rings: Float64Array, *, endless: bool = False) -> Manifold:
    """The solid inside a skin over rings, closed by flat ends or by joining the last ring to the first.

    Args:
        rings: (R, S, 3) float64, each counterclockwise seen from the next one.
        endless: Whether the rings go round. The solid then lies to the left of the way along the rings.
    """
    count, corners = rings.shape[:2]
    vertices = rings.reshape(-1, 3)
    if endless:
        return solid(vertices, walls(count + 1, corners) % len(vertices))
    first, last = _cap(rings[0]), _cap(rings[-1])
    ends = [first[:, ::-1], last + (count - 1) * corners]
    return solid(vertices, np.concatenate([walls(count, corners), *ends]))


def sweep(path: Float64Array, section: Float64Array, *, up: Sequence[float]) -> Manifold:
    """A section led along a path.

    Args:
        path: (R, 3) float64.
        section: (S, 2) or, if it changes, (R, S, 2) float64, counterclockwise: offsets to the left of the way
            (seen with `up` upwards) and up.
        up: A direction that the path never runs along.
    """
    forward = np.gradient(path, axis=0)
    forward /= np.linalg.norm(forward, axis=1)[:, None]
    left = np.cross(np.asarray(up, np.float64), forward)
    left /= np.linalg.norm(left, axis=1)[:, None]
    upward = np.cross(forward, left)
    offsets = np.broadcast_to(section, (len(path), *section.shape[-2:]))
    return loft(path[:, None] + offsets[..., :1] * left[:, None] + offsets[..., 1:] * upward[:, None])


def turned(profile: Float64Array) -> Manifold:
    """What a closed (P, 2) outline of radius and height, counterclockwise, sweeps around the z axis."""
    return Manifold.revolve(CrossSection([profile]), sides(float(profile[:, 0].max())))


def joined(*solids: Manifold) -> Manifold:
    """The union."""
    return Manifold.batch_boolean(solids, OpType.Add)


def without(body: Manifold, *tools: Manifold) -> Manifold:
    """What is left of `body` when the tools are cut out."""
    return Manifold.batch_boolean([body, *tools], OpType.Subtract)


def rested(body: Manifold) -> Manifold:
    """The body moved up or down until its lowest point has z = 0."""
    return body.translate((0, 0, -body.bounding_box()[2]))


def walls(rings: int, corners: int) -> Int64Array:
    """(F, 3) int64: the faces between neighbouring rings of so many corners each."""
    first = np.arange(corners)
    second = np.roll(first, -1)
    ring = np.concatenate(
        [
            np.stack([first, second, second + corners], axis=1),
            np.stack([first, second + corners, first + corners], axis=1),
        ]
    )
    return (ring + corners * np.arange(rings - 1)[:, None, None]).reshape(-1, 3)


def _cap(ring: Float64Array) -> Int64Array:
    """(F, 3) int64: the faces of a flat (S, 3) ring, seen with the sense of the ring."""
    arms = ring - ring.mean(axis=0)
    normal = np.cross(arms, np.roll(arms, -1, axis=0)).sum(axis=0)
    normal /= np.linalg.norm(normal)
    right = np.cross(normal, np.eye(3)[np.abs(normal).argmin()])
    right /= np.linalg.norm(right)
    return np.asarray(
        triangulate([np.stack([arms @ right, arms @ np.cross(normal, right)], axis=1)]), np.int64
    )
