"""Bodies along a curve: ropes, twisted bars, horns, meanders, hooks, handles, branches, waves of wire."""

from itertools import pairwise

import numpy as np
from manifold3d import CrossSection, Manifold

from pc3dad.data.synthetic.parts.meshes import joined, sweep
from pc3dad.data.synthetic.parts.outlines import circle, rectangle, rounded, smooth, spun
from pc3dad.encoders.embedded.families.making import (
    ball,
    chance,
    count,
    cushion,
    drilled,
    finished,
    limb,
    relieved,
)
from pc3dad.types import Float64Array


def section(rng: np.random.Generator, radius: float) -> Float64Array:
    """(S, 2) float64: a round, square, flat, lobed or star-shaped section of about that radius."""
    kind = count(rng, 0, 4)
    turn = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    ring = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    if kind == 0:
        return circle(radius, count=60)
    if kind == 1:
        return rounded(circle(1.2 * radius, count=count(rng, 3, 6)), 0.25 * radius, steps=3)
    if kind == 2:
        return (
            rounded(rectangle(2.6 * radius, 1.2 * radius), 0.5 * radius)
            if chance(rng, 0.5)
            else circle(1, count=60) * radius * np.array([1.3, rng.uniform(0.5, 0.8)])
        )
    lobes = count(rng, 3, 8)
    deep = rng.uniform(0.08, 0.2)
    lobed: Float64Array = radius * (1 + deep * np.cos(lobes * turn))[:, None] * ring
    return lobed


def rope(rng: np.random.Generator) -> Manifold:
    """A curved bar of random section through 4 or 5 random points, plain or twisted into strands."""
    knots = rng.uniform(-1, 1, (count(rng, 4, 5), 3)) * [10, 28, 22]
    knots[:, 0] = np.linspace(-58, 58, len(knots))
    path = smooth(knots, 90)
    outline = section(rng, rng.uniform(6, 12))
    turns = rng.uniform(1, 5) * chance(rng, 0.5)
    sections = np.stack([spun(outline, 2 * np.pi * turns * way) for way in np.linspace(0, 1, len(path))])
    return finished(sweep(path, sections, up=(0, 0, 1)))


def twisted_bar(rng: np.random.Generator) -> Manifold:
    """A straight bar of square, flat, star or lobed section, twisted by up to two turns."""
    outline = section(rng, rng.uniform(10, 24))
    if chance(rng, 0.4):
        outline = rectangle(rng.uniform(30, 50), rng.uniform(5, 12), radius=1.5)
    long, taper = rng.uniform(60, 145), rng.uniform(0.4, 1)
    taper = 1.0 if chance(rng, 0.5) else taper
    body = Manifold.extrude(
        CrossSection([outline]), long, 70, rng.uniform(60, 600) * rng.choice([-1, 1]), (taper, taper)
    )
    return finished(body.rotate((90, 0, 0)) if chance(rng, 0.5) else body)


def horn(rng: np.random.Generator) -> Manifold:
    """A curved horn that tapers to a blunt tip; smooth, ringed or of angular section."""
    way, angle, reach = np.linspace(0, 1, 80), rng.uniform(0.8, 3.6), rng.uniform(40, 75)
    turn = angle * way
    shrink = 1 - rng.uniform(0, 0.35) * way
    path = reach * np.stack([shrink * np.cos(turn), shrink * np.sin(turn), rng.uniform(0, 0.5) * way], axis=1)
    thick = rng.uniform(0.16, 0.3) * reach
    size = (1 - 0.9 * way ** rng.uniform(0.8, 1.4)) * (
        1 + rng.uniform(0.02, 0.08) * chance(rng, 0.5) * np.cos(2 * np.pi * count(rng, 6, 13) * way)
    )
    outline = section(rng, thick)
    sections = outline * size[:, None, None]
    return finished(sweep(path, sections, up=(0, 0, 1)))


def meander(rng: np.random.Generator) -> Manifold:
    """A tube or bar that runs to and fro in one plane, 3 to 6 bends."""
    bends, pitch, long = count(rng, 3, 6), rng.uniform(16, 26), rng.uniform(22, 60)
    points, turn = [], np.linspace(-np.pi / 2, np.pi / 2, 14)
    for k in range(bends):
        side, x = (-1) ** k, k * pitch
        arc = np.stack(
            [x + pitch / 2 + pitch / 2 * np.sin(turn), side * (long + pitch / 2 * np.cos(turn))], axis=1
        )
        points.append(arc)
    path = np.concatenate([[[0, -long]], *points, [[bends * pitch, (-1) ** bends * long]]])
    path = np.insert(path, 2, 0, axis=1) * 0.6
    outline = section(rng, 0.6 * pitch * rng.uniform(0.18, 0.32))
    body = sweep(path, outline, up=(0, 0, 1))
    if chance(rng, 0.4):
        bow = rng.uniform(0.004, 0.012)
        body = body.warp_batch(lambda xyz: xyz + bow * xyz[:, 1:2] ** 2 * np.array([0, 0, 1]))
    return finished(body)


def hook(rng: np.random.Generator) -> Manifold:
    """A J or S hook of 50 to 130 mm; with a ball, an eye or a plate at its end."""
    radius, long, thick = rng.uniform(16, 30), rng.uniform(30, 80), rng.uniform(4, 7.5)
    turn = np.linspace(0, rng.uniform(2.6, 4.2), 40)
    bow = np.stack([radius * (1 - np.cos(turn)), -radius * np.sin(turn)], axis=1)
    line = np.concatenate([[[0, long]], [[0, 0.5 * long]], bow])
    if chance(rng, 0.4):
        line = np.concatenate([(-bow + [0, long])[::-1], bow])
    path = np.insert(line, 1, 0, axis=1)
    outline = section(rng, thick)
    pieces = [sweep(path, outline, up=(0, 1, 0)), ball(1.2 * thick, at=path[-1], segments=40)]
    kind = count(rng, 0, 2)
    if kind == 0:
        pieces.append(ball(1.5 * thick, at=path[0], segments=40))
    elif kind == 1:
        pieces.append(cushion([2.4 * thick, 2.4 * thick, 2.5], 1.2).translate(tuple(map(float, path[0]))))
    return finished(joined(*pieces))


def handle(rng: np.random.Generator) -> Manifold:
    """A drawer pull: a bow or a bar between two feet, 60 to 140 mm."""
    half, high, thick = rng.uniform(32, 62), rng.uniform(18, 45), rng.uniform(4, 9)
    square = rng.uniform(2, 7)
    turn = np.linspace(0, np.pi, 80)
    x, z = np.cos(turn), np.sin(turn)
    norm = (np.abs(x) ** square + np.abs(z) ** square) ** (-1 / square)
    path = np.stack([half * x * norm, np.zeros(80), high * z * norm], axis=1)
    swell = 1 + rng.uniform(-0.3, 0.5) * np.sin(turn) ** 2
    pieces = [sweep(path, section(rng, thick) * swell[:, None, None], up=(0, 1, 0))]
    foot = [rng.uniform(1.4, 2.4) * thick, rng.uniform(1.3, 2) * thick, rng.uniform(2.5, 5)]
    pieces += [cushion(foot, 1.5).translate((sign * half, 0, 0)) for sign in (-1, 1)]
    return finished(relieved(rng, joined(*pieces), about="centre", share=0.25))


def branch(rng: np.random.Generator) -> Manifold:
    """A forked limb: 2 or 3 generations of tapering round rods, like a twig or coral."""
    pieces: list[Manifold] = []

    def grow(start: Float64Array, way: Float64Array, long: float, thick: float, left: int) -> None:
        end = start + long * way
        pieces.append(limb(start, end, thick, 0.75 * thick))
        for _ in range(count(rng, 2, 3) if left else 0):
            turn = way + 0.75 * rng.normal(size=3) * [1, 1, 0.5]
            grow(end, turn / np.linalg.norm(turn), long * rng.uniform(0.6, 0.85), 0.7 * thick, left - 1)

    grow(np.zeros(3), np.array([0, 0, 1.0]), rng.uniform(24, 40), rng.uniform(7, 11), count(rng, 1, 2))
    return finished(joined(*pieces))


def crank(rng: np.random.Generator) -> Manifold:
    """A solid rod with 2 to 4 square bends, like a crank; collars at the ends at times."""
    way, points = np.eye(3)[0], [np.zeros(3)]
    for _ in range(count(rng, 3, 5)):
        points.append(points[-1] + way * rng.uniform(18, 45))
        way = np.cross(way, rng.permutation(np.eye(3))[0])
        way = way if way.any() else np.eye(3)[count(rng, 0, 2)]
        way = way * rng.choice([-1, 1])
    thick = rng.uniform(4.5, 8)
    pieces = [limb(a, b, thick) for a, b in pairwise(points)]
    if chance(rng, 0.5):
        pieces += [ball(1.5 * thick, at=at) for at in (points[0], points[-1])]
    return finished(joined(*pieces))


def staple(rng: np.random.Generator) -> Manifold:
    """A stapled bow of constant section on two long feet: a hairpin or staple."""
    half, high, thick = rng.uniform(14, 34), rng.uniform(45, 100), rng.uniform(4, 8)
    turn = np.linspace(0, np.pi, 40)
    bow = np.stack([half * np.cos(turn), high + half * np.sin(turn)], axis=1)
    spread = rng.uniform(-0.15, 0.3) * half
    line = np.concatenate(
        [
            [[half + spread, 0]],
            [[half + 0.3 * spread, 0.6 * high]],
            bow,
            [[-half - 0.3 * spread, 0.6 * high]],
            [[-half - spread, 0]],
        ]
    )
    path = np.insert(smooth(line, 130), 1, 0, axis=1)
    body = sweep(path, section(rng, thick), up=(0, 1, 0))
    return finished(drilled(rng, body, share=0.2, along=(1,)))
