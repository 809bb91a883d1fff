"""Bars of U, I, T and Z section, rails, hollow sections."""

import numpy as np
from manifold3d import CrossSection, Manifold

from pc3dad.data.synthetic.parts.outlines import circle, rectangle, rounded
from pc3dad.encoders.embedded.families.making import (
    chance,
    count,
    deformed,
    drilled,
    finished,
    plate,
    relieved,
    stroke,
)


def channel(rng: np.random.Generator) -> Manifold:
    """A U profile of 60 to 150 mm; legs alike or not, with or without lips; holes in the web."""
    wide, left, right, thick = (
        rng.uniform(20, 55),
        rng.uniform(14, 40),
        rng.uniform(14, 40),
        rng.uniform(2.5, 6),
    )
    right = left if chance(rng, 0.6) else right
    line = [[-wide / 2, left], [-wide / 2, 0], [wide / 2, 0], [wide / 2, right]]
    if chance(rng, 0.35):
        lip = 0.22 * wide
        line = [[-wide / 2 + lip, left], *line, [wide / 2 - lip, right]]
    return _bar(rng, stroke(line, thick), thick)


def i_beam(rng: np.random.Generator) -> Manifold:
    """An I or H profile of 50 to 150 mm; flanges alike or not."""
    high, low, top, thick = rng.uniform(22, 60), rng.uniform(18, 50), rng.uniform(18, 50), rng.uniform(3, 7)
    top = low if chance(rng, 0.6) else top
    shape = stroke([[0, 0], [0, high]], thick) + stroke(
        [[-low / 2, 0], [low / 2, 0]], thick * rng.uniform(0.9, 1.4)
    )
    return _bar(
        rng, shape + stroke([[-top / 2, high], [top / 2, high]], thick * rng.uniform(0.9, 1.4)), thick
    )


def t_bar(rng: np.random.Generator) -> Manifold:
    """A T profile of 50 to 150 mm; the foot in the middle or aside, plain or thicker at its end."""
    wide, high, thick = rng.uniform(28, 62), rng.uniform(18, 50), rng.uniform(3, 8)
    aside = rng.uniform(-0.25, 0.25) * wide * chance(rng, 0.4)
    shape = stroke([[-wide / 2, high], [wide / 2, high]], thick) + stroke([[aside, 0], [aside, high]], thick)
    if chance(rng, 0.3):
        shape += CrossSection([circle(1.1 * thick, centre=(aside, 0))])
    return _bar(rng, shape, thick)


def z_bar(rng: np.random.Generator) -> Manifold:
    """A Z or S profile of 50 to 150 mm, its legs square or aslant."""
    high, thick, slant = rng.uniform(20, 50), rng.uniform(2.5, 6), rng.uniform(-8, 12)
    left, right = rng.uniform(14, 36, 2)
    line = [[-left, high], [-slant / 2, high], [slant / 2, 0], [right, 0]]
    if chance(rng, 0.3):
        line = [[-left, high - 0.3 * high], *line, [right, 0.3 * high]]
    return _bar(rng, stroke(line, thick), thick)


def rail(rng: np.random.Generator) -> Manifold:
    """A rail of 60 to 150 mm: a head on a web on a foot, or a dovetail with a groove."""
    foot, head, high = rng.uniform(26, 50), rng.uniform(12, 26), rng.uniform(24, 50)
    web, base, cap = rng.uniform(0.25, 0.5) * head, rng.uniform(3, 6), rng.uniform(7, 12)
    if chance(rng, 0.5):
        right = [
            [foot / 2, 0],
            [foot / 2, base],
            [web, base + 4],
            [web, high - cap],
            [head / 2, high - cap + 2],
            [head / 2, high],
        ]
    else:
        right = [
            [foot / 2, 0],
            [foot / 2, base],
            [head / 2.6, base],
            [head / 1.5, high - 2],
            [head / 1.5, high],
        ]
    outline = np.concatenate([right, np.array(right)[::-1] * [-1, 1]])
    shape = CrossSection([rounded(outline, rng.uniform(0.8, 2.2))])
    if chance(rng, 0.4):
        shape -= CrossSection([circle(0.28 * head, centre=(0, high))])
    return _bar(rng, shape, web)


def box_tube(rng: np.random.Generator) -> Manifold:
    """A hollow profile of 40 to 140 mm with 1 to 4 chambers, rectangular or six-sided."""
    wide, deep, wall = rng.uniform(24, 60), rng.uniform(18, 45), rng.uniform(2.2, 4.5)
    corner, cells = rng.uniform(1, 6), count(rng, 1, 4)
    outline = rectangle(wide, deep, radius=corner) if chance(rng, 0.8) else circle(wide / 2, count=6)
    shape = CrossSection([outline]) - CrossSection([outline]).offset(-wall)
    if cells > 1:
        for at in np.linspace(-wide / 2, wide / 2, cells + 1)[1:-1]:
            shape += stroke([[at, -deep / 2 + wall], [at, deep / 2 - wall]], wall) ^ CrossSection([outline])
    return _bar(rng, shape, wall, edge=0.0)


def slotted_profile(rng: np.random.Generator) -> Manifold:
    """An aluminium profile of 40 to 130 mm: a square with a T-shaped groove in 2 to 4 sides, and a bore."""
    half, mouth, deep = rng.uniform(14, 28), rng.uniform(0.16, 0.26), rng.uniform(0.12, 0.2)
    shape = CrossSection([rectangle(2 * half, 2 * half, radius=1.5)])
    wide, inner = mouth + rng.uniform(0.12, 0.22), rng.uniform(0.45, 0.55)
    groove = CrossSection(
        [
            np.array(
                [
                    [1.1, -mouth],
                    [1.1, mouth],
                    [1 - deep, mouth],
                    [1 - deep, wide],
                    [inner, mouth * 0.8],
                    [inner, -mouth * 0.8],
                    [1 - deep, -wide],
                    [1 - deep, -mouth],
                ]
            )
            * half
        ]
    )
    for side in range(count(rng, 2, 4)):
        shape -= groove.rotate(90.0 * side)
    shape -= CrossSection([circle(half * rng.uniform(0.12, 0.25))])
    return _bar(rng, shape, 3, edge=0.0)


def _bar(rng: np.random.Generator, shape: CrossSection, wall: float, *, edge: float = 0.4) -> Manifold:
    """A bar of that section, lying along y or standing, some with holes, a relief or a warp."""
    long = rng.uniform(50, 145)
    body = plate(shape, long, edge=min(edge, 0.2 * wall)) if edge else Manifold.extrude(shape, long)
    low, high = np.reshape(shape.bounds(), (2, 2))
    body = body.translate((*(-(low + high) / 2), 0))
    body = drilled(rng, body, share=0.4, along=(0, 1))
    body = deformed(rng, relieved(rng, body, share=0.2), share=0.3)
    return finished(body.rotate((90, 0, 0)) if chance(rng, 0.75) else body)
