"""Bodies that look grown or modelled: bones, gloves, cacti, firs, urchins, flowers, masks, hammers."""

import numpy as np
from manifold3d import CrossSection, Manifold

from pc3dad.data.synthetic.parts.meshes import joined, loft
from pc3dad.data.synthetic.parts.outlines import around, circle, rectangle, rounded, smooth
from pc3dad.data.synthetic.parts.terraces import prism
from pc3dad.encoders.embedded.families.making import (
    ball,
    chance,
    count,
    cushion,
    even,
    finished,
    lifted,
    limb,
    plate,
    ringed,
    rounded_power,
    starred,
    stroke,
)
from pc3dad.types import Float64Array


def bone(rng: np.random.Generator) -> Manifold:
    """A bent shank with two knuckles at each end."""
    half, thick, bow = rng.uniform(34, 60), rng.uniform(6, 10), rng.uniform(-10, 10)
    pieces = [limb((-half, 0, 0), (0, 0, bow), thick), limb((0, 0, bow), (half, 0, 0), thick)]
    for sign in (-1, 1):
        size = thick * rng.uniform(1.25, 1.7)
        apart = size * rng.uniform(0.55, 0.9)
        for side in (-1, 1):
            half_axes = size * rng.uniform(0.8, 1.15, 3)
            knuckle = starred(rounded_power(half_axes, 2), segments=64)
            pieces.append(knuckle.translate((sign * (half + 0.3 * size), side * apart, 0)))
    return finished(joined(*pieces))


def glove(rng: np.random.Generator) -> Manifold:
    """A hand with a flat palm, four fingers and a thumb, on a cuff."""
    wide, long, thick = rng.uniform(17, 25), rng.uniform(18, 28), rng.uniform(6, 9)
    pieces = [cushion([wide, long, thick], 0.8 * thick)]
    spread = rng.uniform(0.02, 0.2)
    for k, share in enumerate((0.8, 1, 0.95, 0.75)):
        x = wide * (-0.72 + 0.48 * k)
        reach, lean = share * rng.uniform(26, 40), spread * (k - 1.5)
        bent = rng.uniform(-0.1, 0.35) * reach
        middle = (x + lean * reach, 0.9 * long + 0.5 * reach, 0.3 * bent)
        end = (x + 2 * lean * reach, 0.9 * long + reach, bent)
        size = 0.23 * wide
        pieces += [limb((x, 0.7 * long, 0), middle, size), limb(middle, end, size, 0.9 * size)]
    out = rng.uniform(14, 24)
    pieces.append(limb((0.7 * wide, -0.3 * long, 0), (wide + out, 0.5 * long, 3), 0.3 * wide, 0.24 * wide))
    cuff = prism(rounded(rectangle(1.7 * wide, 2.2 * thick), 0.9 * thick), rng.uniform(12, 26), edge=0.8)
    pieces.append(cuff.rotate((90, 0, 0)).translate((0, -0.85 * long, 0)))
    return finished(joined(*pieces))


def cactus(rng: np.random.Generator) -> Manifold:
    """A ribbed column with 1 to 3 ribbed arms that bend upwards; in a pot at times."""
    ribs, deep = count(rng, 5, 11), rng.uniform(0.08, 0.18)
    turn = np.linspace(0, 2 * np.pi, 10 * ribs, endpoint=False)
    outline = (1 + deep * np.cos(ribs * turn))[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)

    def column(radius: float, high: float) -> Manifold:
        way = np.linspace(0, 1, 14)
        size = radius * np.append(np.ones(5), np.sqrt(np.maximum(1 - way[1:] ** 2, 0.004)))
        z = np.append(np.linspace(0, high - radius, 5), high - radius + radius * way[1:])
        return loft(np.stack([np.insert(outline * s, 2, at, axis=1) for s, at in zip(size, z, strict=True)]))

    radius, high = rng.uniform(11, 18), rng.uniform(65, 125)
    pieces = [column(radius, high)]
    for k in range(count(rng, 1, 3)):
        turned_by, arm = 360 * (k / 3 + rng.uniform(0, 0.2)), radius * rng.uniform(0.5, 0.75)
        out, low = radius + rng.uniform(12, 22), rng.uniform(0.25, 0.55) * high
        side = [
            limb((0, 0, low), (out, 0, low), 0.9 * arm),
            column(arm, rng.uniform(18, 38)).translate((out, 0, low)),
        ]
        pieces.append(joined(*side).rotate((0, 0, turned_by)))
    if chance(rng, 0.5):
        pot = rng.uniform(1.3, 1.7) * radius
        pieces.append(Manifold.cylinder(26, 0.8 * pot, pot, 72).translate((0, 0, -20)))
    return finished(joined(*pieces))


def fir(rng: np.random.Generator) -> Manifold:
    """3 to 6 cones on each other on a trunk; round, angular or star-shaped."""
    tiers, radius, trunk = count(rng, 3, 6), rng.uniform(24, 42), rng.uniform(4, 7)
    high, corners = rng.uniform(22, 36), int(rng.choice([60, 60, 5, 6, 8]))
    pieces, z = [Manifold.cylinder(20, trunk, trunk, 40).translate((0, 0, -14))], 0.0
    star = chance(rng, 0.35)
    for k in range(tiers):
        size = radius * (1 - 0.75 * k / tiers)
        outline = circle(size, count=corners)
        if star:
            points = count(rng, 6, 9)
            outline = np.stack(
                [around(points, size), around(points, 0.7 * size, start=np.pi / points)], axis=1
            )
        tip = max(0.25 * size, 1.0) / size
        skirt = Manifold.extrude(CrossSection([outline.reshape(-1, 2)]), high, 0, 0.0, (tip, tip))
        pieces.append(skirt.rotate((0, 0, rng.uniform(0, 60))).translate((0, 0, z)))
        z += high * rng.uniform(0.5, 0.7)
        high *= rng.uniform(0.8, 1)
    return finished(joined(*pieces))


def caterpillar(rng: np.random.Generator) -> Manifold:
    """4 to 9 beads along a curve, round, flat or boxy, of changing size."""
    beads, kind = count(rng, 4, 9), count(rng, 0, 2)
    knots = np.stack([np.linspace(-50, 50, 4), rng.uniform(-24, 24, 4), rng.uniform(-12, 12, 4)], axis=1)
    path = smooth(knots, beads)
    apart = np.linalg.norm(np.diff(path, axis=0), axis=1).max()
    pieces = []
    for at in path:
        size = apart * rng.uniform(0.56, 0.75)
        if kind == 0:
            bead = ball(size, segments=64)
        elif kind == 1:
            bead = starred(rounded_power(size * np.array([1, 1.3, 1]), rng.uniform(2, 3)), segments=64)
        else:
            bead = cushion([0.9 * size, size, size], 0.3 * size)
        pieces.append(bead.translate(tuple(map(float, at))))
    return finished(joined(*pieces))


def urchin(rng: np.random.Generator) -> Manifold:
    """A ball or an ellipsoid with 12 to 50 spikes or pegs, evenly spread."""
    half, spikes = rng.uniform(18, 32, 3), count(rng, 12, 50)
    body = starred(rounded_power(half, 2), segments=96)
    step = np.arange(spikes) + 0.5
    height, turn = 1 - 2 * step / spikes, np.pi * (1 + np.sqrt(5)) * step
    flat = np.sqrt(1 - height**2)
    ways = np.stack([flat * np.cos(turn), flat * np.sin(turn), height], axis=1)
    out, thick = rng.uniform(6, 26), rng.uniform(2.6, 4.5)
    tip = rng.uniform(0.25, 1) * thick
    roots = ways * half
    spines = [limb(0.85 * root, root + out * way, thick, tip) for root, way in zip(roots, ways, strict=True)]
    return finished(joined(body, *spines))


def flower(rng: np.random.Generator) -> Manifold:
    """5 to 11 petals around a button, flat or raised, in one row or two."""
    petals, reach, thick = count(rng, 5, 11), rng.uniform(22, 40), rng.uniform(3, 6)
    wide = reach * min(0.42, 2.6 / petals)
    leaf = starred(rounded_power(np.array([0.55 * reach, wide, thick]), rng.uniform(2, 3)), segments=40)
    pieces = []
    for row in range(count(rng, 1, 2)):
        tilt, size = rng.uniform(-5, 35) + 15 * row, 1 - 0.25 * row
        piece = leaf.scale((size, size, 1)).translate((0.7 * reach * size, 0, 0)).rotate((0, -tilt, 0))
        pieces.append(ringed(rng, piece, petals).translate((0, 0, 2.0 * row)))
    button = starred(rounded_power(np.array([0.38, 0.38, 0.3]) * reach, 2.2), segments=72)
    pieces.append(button)
    if chance(rng, 0.4):
        pieces.append(limb((0, 0, 0), (rng.uniform(-15, 15), 0, -rng.uniform(30, 60)), rng.uniform(3, 4.5)))
    return finished(joined(*pieces))


def mask(rng: np.random.Generator) -> Manifold:
    """A curved oval shell with two eyes, a nose and a mouth."""
    half, thick, bow = (
        np.array([rng.uniform(28, 42), rng.uniform(36, 58)]),
        rng.uniform(3, 5),
        rng.uniform(0.3, 0.6),
    )
    shape = CrossSection([oval(half, rng.uniform(1.8, 3))])
    eye = rng.uniform(0.14, 0.22) * half[0]
    for sign in (-1, 1):
        shape -= CrossSection(
            [circle(1) * [1.3 * eye, eye] + np.array([0.42 * sign * half[0], 0.25 * half[1]])]
        )
    low, wide, lips = -0.5 * half[1], rng.uniform(0.25, 0.45) * half[0], rng.uniform(0, 6)
    mouth = np.array([[-wide, low + lips], [0, low], [wide, low + lips]])
    shape -= stroke(smooth(mouth, 12).tolist(), rng.uniform(3, 6), around=True)
    body = even(plate(shape, thick))
    nose, deep = rng.uniform(8, 16), bow * half[0]

    def move(xyz: Float64Array) -> Float64Array:
        u, v = xyz[:, 0] / half[0], xyz[:, 1] / half[1]
        ridge = nose * np.exp(-((u / 0.16) ** 2) - ((v + 0.08) / 0.28) ** 2)
        return lifted(xyz, ridge - deep * u**2 - 0.4 * deep * v**2)

    return finished(body.warp_batch(move))


def oval(half: Float64Array, power: float) -> Float64Array:
    """(S, 2) float64: an oval of (2,) half axes, the fuller the higher its power."""
    turn = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    ring = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    outline: Float64Array = half * ring / ((np.abs(ring) ** power).sum(axis=1) ** (1 / power))[:, None]
    return outline


def snowflake(rng: np.random.Generator) -> Manifold:
    """A flat star of 5 to 8 branching arms."""
    arms, reach, bar, high = count(rng, 5, 8), rng.uniform(34, 62), rng.uniform(3.5, 6), rng.uniform(4, 10)
    arm = stroke([[0, 0], [reach, 0]], bar, around=True)
    for share in np.linspace(rng.uniform(0.35, 0.5), 0.85, count(rng, 1, 3)):
        out, lean = reach * rng.uniform(0.14, 0.28), rng.uniform(0.5, 1.2)
        for sign in (-1, 1):
            tip = [share * reach + out * np.cos(lean), sign * out * np.sin(lean)]
            arm += stroke([[share * reach, 0], tip], 0.8 * bar, around=True)
    shape = CrossSection([circle(rng.uniform(0.12, 0.3) * reach, count=arms)])
    for k in range(arms):
        shape += arm.rotate(360 * k / arms)
    return finished(plate(shape, high, edge=0.4))


def hammer(rng: np.random.Generator) -> Manifold:
    """A hammer or an axe: a head of two faces on a long handle."""
    long, grip = rng.uniform(75, 125), rng.uniform(5, 8)
    pieces = [
        starred(rounded_power(np.array([long / 2, grip, 0.8 * grip]), 5), segments=96).translate(
            (long / 2, 0, 0)
        )
    ]
    half, size = rng.uniform(18, 30), rng.uniform(8, 12)
    face = prism(circle(size, count=int(rng.choice([0, 4, 6, 8]))), half + 2, edge=1.2).rotate((-90, 0, 0))
    pieces.append(face.translate((long - size, -2, 0)))
    kind = count(rng, 0, 2)
    if kind == 0:
        pieces.append(face.mirror((0, 1, 0)).translate((long - size, 2, 0)))
    else:
        blade = size * (0.7 if kind == 1 else 2.2)
        ends = [cushion([size, 2, size], 1), cushion([blade, 1.2, 1.2], 1).translate((0, -half, 0))]
        pieces.append(Manifold.batch_hull(ends).translate((long - size, 0, 0)))
    return finished(joined(*pieces))


def pine_cone(rng: np.random.Generator) -> Manifold:
    """An egg-shaped body covered by rows of scales, each row turned by half a scale."""
    radius, long, scales = rng.uniform(16, 26), rng.uniform(28, 45), count(rng, 5, 9)
    pieces = [starred(rounded_power(np.array([radius, radius, long]), 2), segments=64)]
    rows = count(rng, 4, 6)
    tilt = rng.uniform(20, 60)
    for row, z in enumerate(np.linspace(-0.75, 0.75, rows) * long):
        reach = radius * float(np.sqrt(1 - (z / long) ** 2))
        half = np.array([0.3 * long / rows + 4, 2.4 * reach / scales, 2.4])
        scale = (
            starred(rounded_power(half, 2.2), segments=24).rotate((0, -tilt, 0)).translate((reach + 2, 0, z))
        )
        pieces += [scale.rotate((0, 0, 360 * (k + row / 2) / scales)) for k in range(scales)]
    return finished(joined(*pieces))
