"""Round bodies: ellipsoids, eggs, blobs, pills, dumbbells, clusters, gourds, cushions."""

import numpy as np
from manifold3d import Manifold

from pc3dad.data.synthetic.parts.meshes import joined, without
from pc3dad.encoders.embedded.families.making import (
    ball,
    chance,
    count,
    cushion,
    deformed,
    drilled,
    finished,
    limb,
    noise,
    relieved,
    rounded_power,
    starred,
)
from pc3dad.types import Float64Array


def ellipsoid(rng: np.random.Generator) -> Manifold:
    """An ellipsoid of power 1.7 to 3 with semi-axes of 24 to 70 mm."""
    body = starred(rounded_power(rng.uniform(24, 70, 3), rng.uniform(1.7, 3)))
    return finished(deformed(rng, relieved(rng, body, about="centre"), share=0.2))


def egg(rng: np.random.Generator) -> Manifold:
    """An egg or a pear: a body of revolution, thicker below, waisted or not; or squeezed to an almond."""
    radius, long, shift = rng.uniform(22, 45), rng.uniform(1.1, 1.7), rng.uniform(0.1, 0.45)
    waist, squeeze = rng.uniform(0, 0.5) * chance(rng, 0.6), rng.uniform(0.6, 1)

    def move(xyz: Float64Array) -> Float64Array:
        z = xyz[:, 2:]
        narrow = 1 - shift * z - waist * np.exp(-(((z - 0.35) / 0.35) ** 2)) * 0.5
        return radius * np.concatenate(
            [xyz[:, :1] * narrow, xyz[:, 1:2] * narrow * squeeze, long * z], axis=1
        )

    body = relieved(rng, Manifold.sphere(1, 120).warp_batch(move))
    return finished(drilled(rng, body, share=0.15))


def blob(rng: np.random.Generator) -> Manifold:
    """A lump of clay: a sphere whose radius changes by slow random waves."""
    half, amount = rng.uniform(28, 60, 3), rng.uniform(0.06, 0.2)
    wave = noise(rng, waves=6, slowest=1.5, fastest=5)
    round_reach = rounded_power(half, 2)
    return finished(starred(lambda xyz: round_reach(xyz) * (1 + np.clip(amount * wave(xyz), -0.5, 0.5))))


def pill(rng: np.random.Generator) -> Manifold:
    """The hull of 2 to 4 balls of 10 to 30 mm, in a line or not: capsules, drops, cushions."""
    number = count(rng, 2, 4)
    centres = rng.uniform(-1, 1, (number, 3)) * [45, 30, 12]
    centres[:2, 0] = -rng.uniform(15, 45), rng.uniform(15, 45)
    body = Manifold.batch_hull([ball(rng.uniform(10, 24), at=at, segments=80) for at in centres])
    return finished(drilled(rng, relieved(rng, body, about="plane", share=0.4), share=0.25))


def dumbbell(rng: np.random.Generator) -> Manifold:
    """Two weights on a bar: balls, discs or rounded boxes, alike or not."""
    half, bar = rng.uniform(28, 58), rng.uniform(5, 12)
    kind, pieces = count(rng, 0, 2), [Manifold.cylinder(2 * half, bar, bar, 64, True)]
    size = rng.uniform(1.6, 2.6, 2) * bar
    if chance(rng, 0.6):
        size[1] = size[0]
    for sign, radius in zip((-1, 1), size, strict=True):
        if kind == 0:
            weight = ball(radius, segments=80)
        elif kind == 1:
            weight = Manifold.batch_hull(
                [
                    Manifold.cylinder(0.9 * radius, radius, radius, 80, True),
                    Manifold.cylinder(1.2 * radius, 0.8 * radius, 0.8 * radius, 80, True),
                ]
            )
        else:
            weight = cushion([radius, radius, 0.6 * radius], 0.25 * radius)
        pieces.append(weight.translate((0, 0, sign * half)))
    return finished(relieved(rng, joined(*pieces), share=0.4).rotate((90, 0, 0)))


def cluster(rng: np.random.Generator) -> Manifold:
    """4 to 9 balls grown together, like a berry."""
    centres, radii, pieces = [np.zeros(3)], [rng.uniform(16, 26)], []
    for _ in range(count(rng, 3, 8)):
        base = count(rng, 0, len(centres) - 1)
        way = rng.normal(size=3)
        radius = rng.uniform(9, 22)
        centres.append(centres[base] + way / np.linalg.norm(way) * 0.8 * max(radii[base], radius))
        radii.append(radius)
    pieces = [ball(radius, at=at, segments=64) for at, radius in zip(centres, radii, strict=True)]
    return finished(joined(*pieces))


def molecule(rng: np.random.Generator) -> Manifold:
    """3 to 6 balls on rods that branch from a middle one."""
    pieces = [ball(rng.uniform(13, 19))]
    ways = rng.normal(size=(count(rng, 2, 5), 3))
    rod = rng.uniform(3, 5.5)
    for way in ways / np.linalg.norm(ways, axis=1)[:, None]:
        end = way * rng.uniform(28, 52)
        pieces += [limb((0, 0, 0), end, rod), ball(rng.uniform(8, 15), at=end)]
    return finished(joined(*pieces))


def gourd(rng: np.random.Generator) -> Manifold:
    """A pumpkin of 4 to 13 lobes with sunk poles, some with a stalk."""
    lobes, depth = count(rng, 4, 13), rng.uniform(0.05, 0.14)
    radius, flat, sunk = rng.uniform(30, 60), rng.uniform(0.5, 1.2), rng.uniform(0, 0.3)
    sharp = rng.uniform(0.5, 1)

    def move(xyz: Float64Array) -> Float64Array:
        turn, away = np.arctan2(xyz[:, 1], xyz[:, 0]), np.hypot(xyz[:, 0], xyz[:, 1])
        ridge = 1 - depth * (1 - np.abs(np.cos(lobes * turn / 2)) ** sharp) * np.minimum(1, 3 * away)
        z = xyz[:, 2] * flat * (1 - sunk * np.exp(-((away / 0.35) ** 2)))
        return radius * np.stack([xyz[:, 0] * ridge, xyz[:, 1] * ridge, z], axis=1)

    body = Manifold.sphere(1, 144).warp_batch(move)
    if chance(rng, 0.5):
        stalk = limb(
            (0, 0, 0), (rng.uniform(-8, 8), 0, radius * flat + rng.uniform(4, 14)), rng.uniform(3, 6)
        )
        body = joined(body, stalk)
    return finished(body)


def rounded_box(rng: np.random.Generator) -> Manifold:
    """A box with round edges, half sides 12 to 60 mm; some have a band, a pocket or holes."""
    half = rng.uniform(14, 60, 3)
    radius = half.min() * rng.uniform(0.12, 0.7)
    body = cushion(half, radius)
    if chance(rng, 0.3):
        pocket = cushion([0.6 * half[0], 0.6 * half[1], rng.uniform(0.15, 0.4) * half[2]], 0.1 * half.min())
        body = without(body, pocket.translate((0, 0, half[2])))
    body = relieved(rng, drilled(rng, body), about=("plane", "axis")[count(rng, 0, 1)], share=0.45)
    return finished(deformed(rng, body))


def pebble_stack(rng: np.random.Generator) -> Manifold:
    """3 to 5 flat ellipsoids on each other, shifted a little."""
    pieces, z, radius = [], 0.0, rng.uniform(24, 45)
    for _ in range(count(rng, 3, 5)):
        half = radius * np.array([1, rng.uniform(0.75, 1), rng.uniform(0.25, 0.45)])
        stone = starred(rounded_power(half, rng.uniform(2, 2.8)), segments=80)
        x, y = rng.uniform(-0.15, 0.15, 2) * radius
        pieces.append(stone.rotate((0, 0, rng.uniform(0, 180))).translate((x, y, z + half[2])))
        z += 1.75 * half[2]
        radius *= rng.uniform(0.7, 0.97)
    return finished(joined(*pieces))
