"""Solids without a plan: random unions and differences of simple bodies, endlessly different."""

import numpy as np
from manifold3d import Manifold

from pc3dad.data.synthetic.parts.meshes import joined, turned, without
from pc3dad.data.synthetic.parts.outlines import circle, rounded, smooth
from pc3dad.data.synthetic.parts.terraces import prism
from pc3dad.data.synthetic.solids import from_manifold
from pc3dad.encoders.embedded.families.making import (
    ball,
    chance,
    count,
    cushion,
    deformed,
    extents,
    finished,
    limb,
    relieved,
    rounded_power,
    starred,
)
from pc3dad.types import Float64Array


def primitive(rng: np.random.Generator, size: float) -> Manifold:
    """One simple body about the origin: box, cylinder, cone, ball, ellipsoid, prism, ring."""
    kind = count(rng, 0, 6)
    half = size * rng.uniform(0.35, 1, 3)
    if kind == 0:
        body = cushion(half, rng.uniform(0.05, 0.4) * float(half.min()))
    elif kind == 1:
        body = Manifold.cylinder(2 * half[2], half[0], half[0], 64, True)
    elif kind == 2:
        body = Manifold.cylinder(2 * half[2], half[0], half[0] * rng.uniform(0.1, 0.8), 64, True)
    elif kind == 3:
        body = ball(float(half[0]))
    elif kind == 4:
        body = starred(rounded_power(half, rng.uniform(1.5, 4)), segments=72)
    elif kind == 5:
        body = prism(circle(float(half[0]), count=count(rng, 3, 8)), 2 * half[2], edge=0.05 * size).translate(
            (0, 0, -half[2])
        )
    else:
        wall = 0.25 * half[0]
        body = prism(
            circle(float(half[0])), half[2], holes=[circle(float(half[0] - wall))], edge=0.5
        ).translate((0, 0, -half[2] / 2))
    if chance(rng, 0.5):
        return body.rotate(tuple(map(float, 90.0 * rng.integers(0, 4, 3))))
    return body.rotate(tuple(map(float, rng.uniform(0, 360, 3))))


def spot(rng: np.random.Generator, body: Manifold) -> Float64Array:
    """(3,) float64: a place on the surface, anywhere by area."""
    place: Float64Array = from_manifold(body, {}).draw(1, rng).xyz[0]
    return place


def composite(rng: np.random.Generator) -> Manifold:
    """A union of 3 to 7 simple bodies, each stuck into an earlier one; mirrored at times."""
    body = primitive(rng, rng.uniform(24, 40))
    for _ in range(count(rng, 2, 6)):
        at = spot(rng, body) * rng.uniform(0.7, 1)
        body = joined(body, primitive(rng, rng.uniform(9, 26)).translate(tuple(map(float, at))))
    if chance(rng, 0.35):
        body = joined(body, body.mirror((1, 0, 0)))
    return finished(body)


def carving(rng: np.random.Generator) -> Manifold:
    """A simple body from which 2 to 6 others are cut, singly or in a row."""
    body = primitive(rng, rng.uniform(34, 55))
    sides = extents(body)[1]
    for _ in range(count(rng, 2, 6)):
        tool, at = primitive(rng, rng.uniform(6, 18)), spot(rng, body)
        cuts = [tool.translate(tuple(map(float, at)))]
        if chance(rng, 0.4):
            step = rng.uniform(0.25, 0.4) * sides * np.eye(3)[count(rng, 0, 2)]
            cuts += [tool.translate(tuple(map(float, at + k * step))) for k in (-1, 1)]
        left = max(without(body, *cuts).decompose(), key=lambda piece: piece.volume())
        body = left if left.volume() > 0.6 * body.volume() else body
    return finished(deformed(rng, body, share=0.25))


def contraption(rng: np.random.Generator) -> Manifold:
    """Boxes, rods and plates joined at right angles, then bored: what a machine part might be."""
    body = cushion(rng.uniform(14, 40, 3), 1.5)
    for _ in range(count(rng, 2, 5)):
        middle, sides = extents(body)
        axis, sign = count(rng, 0, 2), rng.choice([-1, 1])
        at = middle + rng.uniform(-0.3, 0.3, 3) * sides
        at[axis] = middle[axis] + sign * sides[axis] / 2
        half = rng.uniform(5, 26, 3)
        if chance(rng, 0.5):
            piece = cushion(half, rng.uniform(0.6, 4))
        else:
            tip = at + np.eye(3)[axis] * sign * rng.uniform(10, 35)
            radius = float(rng.uniform(4, 13))
            pin = Manifold.cylinder(float(np.linalg.norm(tip - at)) + 6, radius, radius, 56, True)
            turn = {0: (0, 90, 0), 1: (-90, 0, 0), 2: (0, 0, 0)}[axis]
            piece, at = pin.rotate(turn), (at + tip) / 2
        body = joined(body, piece.translate(tuple(map(float, at))))
    middle, sides = extents(body)
    for _ in range(count(rng, 1, 3)):
        axis = count(rng, 0, 2)
        radius = float(rng.uniform(2.5, 7))
        bore = Manifold.cylinder(float(sides[axis]) + 2, radius, radius, 40, True)
        turn = {0: (0, 90, 0), 1: (-90, 0, 0), 2: (0, 0, 0)}[axis]
        body = without(
            body, bore.rotate(turn).translate(tuple(map(float, middle + rng.uniform(-0.25, 0.25, 3) * sides)))
        )
    return finished(body)


def skeleton(rng: np.random.Generator) -> Manifold:
    """A random truss: 5 to 9 nodes joined by rods to their neighbours."""
    nodes = rng.uniform(-1, 1, (count(rng, 5, 9), 3)) * rng.uniform(28, 55, 3)
    rod = rng.uniform(3, 5.5)
    pieces = [ball(1.5 * rod, at=node, segments=32) for node in nodes]
    for k, node in enumerate(nodes[1:], start=1):
        nearest = np.argsort(np.linalg.norm(nodes[:k] - node, axis=1))[: count(rng, 1, 3)]
        pieces += [limb(node, nodes[other], rod) for other in nearest]
    return finished(joined(*pieces))


def random_turning(rng: np.random.Generator) -> Manifold:
    """A random closed profile turned around the axis: solid, or a thick shell with a wide bore."""
    number, high = count(rng, 4, 8), rng.uniform(20, 110)
    heights = np.linspace(0, high, number)
    outer = rng.uniform(16, 55, number)
    line = np.stack([outer, heights], axis=1)
    smooth_line = smooth(line, 50) if chance(rng, 0.5) else np.repeat(line, 2, axis=0)[1:] * 1.0
    smooth_line[:, 0] = np.maximum(smooth_line[:, 0], 10)
    if len(smooth_line) < 50:
        smooth_line[1::2, 1] = smooth_line[::2, 1][: len(smooth_line[1::2])] + 1e-3
        smooth_line = smooth_line[np.argsort(smooth_line[:, 1], kind="stable")]
    bore = rng.uniform(0.3, 0.7) * smooth_line[:, 0].min() if chance(rng, 0.5) else 0.0
    profile = np.concatenate([smooth_line, [[bore, high], [bore, 0]]])
    body = turned(rounded(profile, 0.6, steps=1) if len(profile) < 40 else profile)
    return finished(deformed(rng, relieved(rng, body, share=0.5), share=0.3))
