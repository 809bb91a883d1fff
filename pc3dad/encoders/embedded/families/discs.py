"""Round bodies with a face that is made up: stoppers, lids, knobs, sieves, medals."""

import numpy as np
from manifold3d import Manifold

from pc3dad.data.synthetic.parts.meshes import joined, turned, without
from pc3dad.data.synthetic.parts.outlines import around, circle, rounded
from pc3dad.data.synthetic.parts.terraces import prism
from pc3dad.encoders.embedded.families.lathe import filled
from pc3dad.encoders.embedded.families.making import (
    chance,
    count,
    cuboid,
    drilled,
    finished,
    relieved,
    ringed,
)


def stopper(rng: np.random.Generator) -> Manifold:
    """A plug: a tapered stem with 0 to 5 rings below a wider head."""
    stem, long, head, high = rng.uniform(12, 24), rng.uniform(25, 55), rng.uniform(1.3, 2), rng.uniform(8, 22)
    taper, rings = rng.uniform(0.7, 1), count(rng, 0, 5)
    points = [[0.0, 0.0], [stem * taper, 0]]
    for k in range(rings):
        low = long * (k + 0.35) / max(rings, 1)
        radius = stem * (taper + (1 - taper) * low / long)
        points += [[radius, low - 1.6], [radius + 2.4, low], [radius, low + 1.6]]
    points += [[stem, long], [head * stem, long], [head * stem, long + high], [0, long + high]]
    radii = np.full(len(points), 0.6)
    radii[-3:-1] = rng.uniform(0.8, 0.4 * high, 2)
    body = turned(rounded(np.array(points), radii))
    grip = chance(rng, 0.4)
    if grip:
        lobes, size = count(rng, 5, 12), 0.25 * stem
        tool = Manifold.cylinder(high + 4, size, size, 32).translate((head * stem + 0.3 * size, 0, long - 1))
        body = without(body, ringed(rng, tool, lobes))
    return finished(drilled(rng, body, share=0.3, along=(2,)))


def lid(rng: np.random.Generator) -> Manifold:
    """A cover: a stepped disc or dome, hollow below, with a knob or a grip."""
    radius, rim, thick = rng.uniform(32, 68), rng.uniform(6, 16), rng.uniform(3, 6)
    rise, grip = rng.uniform(0, 0.3) * radius, rng.uniform(7, 13)
    way = np.linspace(0, 1, 14)
    roof = np.stack([radius * (1 - way), rim + rise * np.sqrt(np.maximum(1 - (1 - way) ** 2, 0))], axis=1)
    under = roof - [0, thick]
    under[:, 0] *= (radius - thick) / radius
    profile = np.concatenate([[[radius, 0]], roof, under[::-1], [[radius - thick, 0]]])
    body = turned(rounded(profile, [0.8, 1.5, *np.zeros(len(profile) - 2)]))
    top = rim + rise - 1
    if chance(rng, 0.6):
        stem = filled(
            np.array([1, 0.6, 0.55, 0.9, 1, 0.8]) * grip, top + np.array([-1, 3, 7, 9, 14, 17]) * grip / 12
        )
    else:
        stem = cuboid(3 * grip, 0.7 * grip, 1.2 * grip, at=(0, 0, top - 1))
    return finished(relieved(rng, joined(body, stem), share=0.3))


def knob(rng: np.random.Generator) -> Manifold:
    """A grip to turn: fluted, lobed or faceted, on a thinner neck or with a pointer."""
    radius, high, lobes = rng.uniform(24, 45), rng.uniform(18, 45), count(rng, 3, 14)
    turn = np.linspace(0, 2 * np.pi, 240, endpoint=False)
    kind, deep = count(rng, 0, 2), rng.uniform(0.05, 0.16)
    wave = np.cos(lobes * turn)
    reach = radius * (
        1
        + deep
        * (wave if kind == 0 else -np.abs(wave) if kind == 1 else np.sign(wave) * np.abs(wave) ** 0.4 * 0.5)
    )
    body = prism(
        reach[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1), high, edge=rng.uniform(1, 3)
    )
    neck, long = rng.uniform(0.35, 0.7) * radius, rng.uniform(6, 25)
    pieces = [body, prism(circle(neck), long + 1, edge=0.8).translate((0, 0, -long))]
    if chance(rng, 0.4):
        pieces.append(cuboid(0.9 * radius, 0.16 * radius, 6, at=(0.35 * radius, 0, high - 3)))
    body = joined(*pieces)
    if chance(rng, 0.5):
        bore = 0.5 * neck
        body = without(
            body, Manifold.cylinder(long + 0.5 * high, bore, bore, 40).translate((0, 0, -long - 1))
        )
    return finished(body)


def sieve(rng: np.random.Generator) -> Manifold:
    """A disc with a rim and many holes or slots in a regular pattern."""
    radius, thick, rim = rng.uniform(35, 70), rng.uniform(2.5, 6), rng.uniform(0, 14)
    body = prism(circle(radius), thick, edge=0.5)
    if rim > 4:
        body = joined(body, prism(circle(radius), rim, holes=[circle(radius - rng.uniform(3, 5))], edge=0.5))
    pitch = rng.uniform(8, 15)
    size, kind = pitch * rng.uniform(0.22, 0.34), count(rng, 0, 2)
    if kind == 0:
        steps = np.arange(-20, 21)
        lattice = (
            np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
            @ np.array([[1, 0], [0.5, 0.866]])
            * pitch
        )
    elif kind == 1:
        rings = [around(max(1, 6 * k), k * pitch) for k in range(int(radius / pitch))]
        lattice = np.concatenate(rings)
    else:
        width, step = 2 * size, pitch
        rows = np.arange(-radius + step, radius - step / 2, step)
        slots = [
            cuboid(1.7 * float(np.sqrt(max(radius**2 - y**2, 1))) - 8, width * 0.8, thick + 2, at=(0, y, -1))
            for y in rows
            if radius**2 - y**2 > 200
        ]
        return finished(without(body, *slots))
    lattice = lattice[np.linalg.norm(lattice, axis=1) < radius - size - 5]
    drill = Manifold.cylinder(thick + 2, size, size, int(rng.choice([4, 6, 20])))
    return finished(without(body, *(drill.translate((x, y, -1)) for x, y in lattice)))


def medal(rng: np.random.Generator) -> Manifold:
    """A thick disc with an embossed face: rings, a star, dots, a rim; some with a hole at the edge."""
    radius, thick = rng.uniform(26, 60), rng.uniform(5, 14)
    body, raised = prism(circle(radius), thick, edge=0.8), rng.uniform(0.8, 2.2)
    pieces = [
        prism(circle(radius - 1), raised + 1, holes=[circle(radius * rng.uniform(0.82, 0.92))], edge=0.3)
    ]
    kind, inner = count(rng, 0, 2), radius * rng.uniform(0.4, 0.7)
    if kind == 0:
        points = count(rng, 4, 8)
        outline = np.stack([around(points, inner), around(points, 0.5 * inner, start=np.pi / points)], axis=1)
        pieces.append(prism(outline.reshape(-1, 2), raised + 1, edge=0.3))
    elif kind == 1:
        pieces += [
            prism(circle(0.1 * radius, centre=at), raised + 1, edge=0.3)
            for at in around(count(rng, 5, 12), inner)
        ]
    else:
        pieces += [
            prism(circle(size), raised + 1, holes=[circle(0.8 * size)], edge=0.3)
            for size in (0.45 * inner, inner)
        ]
    relief = joined(*pieces).translate((0, 0, thick - 1))
    body = (
        joined(body, relief)
        if chance(rng, 0.7)
        else without(body, joined(*pieces).translate((0, 0, thick - raised)))
    )
    return finished(
        relieved(rng, body, share=0.3) if chance(rng, 0.5) else drilled(rng, body, share=0.6, along=(2,))
    )
