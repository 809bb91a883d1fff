"""Thin sheets and lattices: corrugated, wavy, perforated, embossed, grids, honeycombs, leaves."""

import numpy as np
from manifold3d import CrossSection, Manifold

from pc3dad.data.synthetic.parts.meshes import joined, without
from pc3dad.data.synthetic.parts.outlines import circle, rectangle, softened
from pc3dad.data.synthetic.parts.terraces import prism
from pc3dad.encoders.embedded.families.making import (
    chance,
    count,
    cuboid,
    deformed,
    drilled,
    even,
    finished,
    lifted,
    noise,
    plate,
    relieved,
    stroke,
)
from pc3dad.types import Float64Array


def corrugated(rng: np.random.Generator) -> Manifold:
    """A sheet folded in one direction, 60 to 140 mm: round, pointed or trapezoid folds."""
    folds, long, wide, thick = (
        count(rng, 3, 9),
        rng.uniform(60, 135),
        rng.uniform(30, 110),
        rng.uniform(2.2, 4.5),
    )
    deep = min(rng.uniform(0.25, 0.6) * long / folds, 16)
    way = np.linspace(0, 1, 24 * folds + 1)
    wave = np.sin(2 * np.pi * folds * way)
    kind = count(rng, 0, 2)
    wave = np.arcsin(wave) * 2 / np.pi if kind == 1 else np.clip(1.8 * wave, -1, 1) if kind == 2 else wave
    line = np.stack([long * (way - 0.5), deep * wave], axis=1)
    body = plate(stroke(line.tolist(), thick, around=True), wide, edge=0.3).rotate((90, 0, 0))
    return finished(deformed(rng, drilled(rng, body, share=0.25, along=(2,)), share=0.3))


def wavy_sheet(rng: np.random.Generator) -> Manifold:
    """A sheet with slow waves in both directions, 70 to 150 mm and 3 to 6 mm thick."""
    half, thick = rng.uniform(35, 72, 2), rng.uniform(3, 6)
    outline = rectangle(*(2 * half), radius=rng.uniform(1, 20)) if chance(rng, 0.7) else circle(1) * half
    value, high = noise(rng, waves=4, slowest=0.04, fastest=0.12), rng.uniform(2.5, 7)
    body = even(prism(outline, thick)).warp_batch(lambda xyz: lifted(xyz, high * value(xyz[:, :2])))
    return finished(body)


def perforated(rng: np.random.Generator) -> Manifold:
    """A plate of 60 to 140 mm with a regular field of round, square or long holes; flat or bent."""
    half, thick, pitch = rng.uniform(30, 68, 2), rng.uniform(2.5, 6), rng.uniform(9, 18)
    size, border, kind = pitch * rng.uniform(0.22, 0.34), rng.uniform(4, 9), count(rng, 0, 2)
    corners, stretch = ((24, 1.0), (4, 1.0), (24, 1.9))[kind]
    steps = [
        np.arange(-half[k] + border + size * s, half[k] - border - size * s + 1e-6, pitch * s)
        for k, s in ((0, stretch), (1, 1.0))
    ]
    holes = [
        circle(size, count=corners) * [stretch, 1] + (x, y)
        for x in steps[0] - steps[0].mean()
        for y in steps[1] - steps[1].mean()
    ]
    body = plate(CrossSection([rectangle(*(2 * half), radius=3)]) - CrossSection(holes), thick, edge=0.3)
    return finished(deformed(rng, body, share=0.4))


def grid(rng: np.random.Generator) -> Manifold:
    """A lattice of crossing bars, 60 to 140 mm, in one plane or in two layers, square or slanting."""
    half, bar, high = rng.uniform(32, 65, 2), rng.uniform(3, 7), rng.uniform(4, 12)
    pitch, layered = bar + rng.uniform(8, 18), chance(rng, 0.4)
    pieces = []
    for axis in (0, 1):
        number = int(2 * half[axis] / pitch) + 1
        for at in (np.arange(number) - (number - 1) / 2) * pitch:
            size, place = [bar, bar], [0.0, 0.0]
            size[1 - axis], place[axis] = 2 * half[1 - axis], at
            pieces.append(cuboid(size[0], size[1], high, at=(*place, (high - 1) * axis * layered)))
    body = joined(*pieces)
    if chance(rng, 0.4):
        body = joined(
            body,
            plate(
                CrossSection([rectangle(*(2 * half))]) - CrossSection([rectangle(*(2 * half - 2 * bar))]),
                high,
            ),
        )
    slant = rng.uniform(-0.4, 0.4) * chance(rng, 0.4)
    body = body.warp_batch(lambda xyz: xyz + slant * xyz[:, 1:2] * [1, 0, 0])
    return finished(deformed(rng, body, share=0.3))


def honeycomb(rng: np.random.Generator) -> Manifold:
    """A panel of hexagonal cells, open or on a floor, round or rectangular outside."""
    radius, wall, high = rng.uniform(6, 11), rng.uniform(1.8, 3.2), rng.uniform(6, 30)
    half = rng.uniform(28, 58, 2)
    outline = circle(float(half.min())) if chance(rng, 0.3) else rectangle(*(2 * half), radius=2)
    steps = np.arange(-9, 10)
    lattice = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2) @ np.array(
        [[1, 0], [0.5, np.sqrt(0.75)]]
    )
    lattice = lattice * (np.sqrt(3) * radius + wall)
    cell = circle(radius, count=6) @ np.array([[0, 1], [-1, 0]])
    shape = CrossSection([outline])
    inner = shape.offset(-wall)
    cells = CrossSection([cell + at for at in lattice if (np.abs(at) < half + radius).all()]) ^ inner
    cells = CrossSection([each for each in cells.to_polygons() if CrossSection([each]).area() > 12])
    if chance(rng, 0.4):
        return finished(without(prism(outline, high), Manifold.extrude(cells, high).translate((0, 0, 3))))
    return finished(deformed(rng, Manifold.extrude(shape - cells, high), share=0.3))


def leaf(rng: np.random.Generator) -> Manifold:
    """A pointed curved sheet with a rib along the middle and veins, 70 to 150 mm."""
    long, wide, thick = rng.uniform(70, 140), rng.uniform(16, 38), rng.uniform(2.5, 4)
    way = np.linspace(0, 1, 60)
    side = wide * np.sin(np.pi * way ** rng.uniform(0.6, 1.3)) ** rng.uniform(0.7, 1.2) + 1
    line = np.stack([long * (way - 0.5), side], axis=1)
    outline = softened(np.concatenate([line * [1, -1], line[::-1]]), 1.0)
    rib = stroke([[-long / 2 - rng.uniform(0, 18), 0], [0.4 * long, 0]], rng.uniform(3, 5), around=True)
    pieces = [prism(outline, thick), plate(rib, thick + rng.uniform(1, 3))]
    veins = count(rng, 0, 5)
    for k in range(veins):
        x = long * (0.75 * (k + 0.5) / veins - 0.42)
        reach = float(np.interp(x + 0.6 * wide, line[:, 0], side)) * 0.8
        for sign in (-1, 1):
            vein = stroke([[x, 0], [x + 0.6 * reach, sign * reach]], 2.4, around=True)
            pieces.append(plate(vein, thick + 1))
    curl, fold = rng.uniform(-0.006, 0.006), rng.uniform(0, 0.012)
    body = even(joined(*pieces)).warp_batch(
        lambda xyz: lifted(xyz, curl * xyz[:, 0] ** 2 + fold * xyz[:, 1] ** 2)
    )
    return finished(body)


def pressed_sheet(rng: np.random.Generator) -> Manifold:
    """A thin sheet with a regular pressed relief: dots, knurls, ribs or waves; flat or rolled."""
    half, thick = rng.uniform(35, 70, 2), rng.uniform(2.2, 4)
    body = prism(rectangle(*(2 * half), radius=rng.uniform(1, 12)), thick)
    return finished(deformed(rng, relieved(rng, body, about="plane", share=1.0), share=0.5))


def gutter(rng: np.random.Generator) -> Manifold:
    """A half pipe or a rolled strip of 60 to 150 mm, with or without beads along its edges."""
    radius, thick, span = rng.uniform(18, 42), rng.uniform(2.5, 5), rng.uniform(1.8, 4.4)
    turn = np.linspace(-span / 2, span / 2, 50) - np.pi / 2
    line = radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    shape = stroke(line.tolist(), thick, around=True)
    if chance(rng, 0.4):
        shape += CrossSection([circle(thick, centre=at) for at in line[[0, -1]]])
    body = plate(shape, rng.uniform(60, 145), edge=0.3).rotate((90, 0, 0))
    return finished(
        deformed(
            rng,
            drilled(rng, relieved(rng, body, about="plane", share=0.25), share=0.3, along=(2,)),
            share=0.3,
        )
    )


def louvre(rng: np.random.Generator) -> Manifold:
    """A frame with 4 to 9 slanting slats."""
    wide, deep, high, bar = rng.uniform(50, 110), rng.uniform(50, 110), rng.uniform(10, 18), rng.uniform(4, 8)
    slats, tilt, thick = count(rng, 4, 9), rng.uniform(20, 70), rng.uniform(2.2, 3.5)
    rim = plate(
        CrossSection([rectangle(wide, deep, radius=2)])
        - CrossSection([rectangle(wide - 2 * bar, deep - 2 * bar)]),
        high,
        edge=0.4,
    )
    depth = 0.85 * high / np.sin(np.radians(tilt)) if tilt > 40 else 1.1 * high
    slat = Manifold.cube((wide - bar, thick, depth), True).rotate((90 - tilt, 0, 0))
    room = deep - 2 * bar
    places = [room * ((k + 0.5) / slats - 0.5) for k in range(slats)]
    return finished(joined(rim, *(slat.translate((0, y, high / 2)) for y in places)))


def fan(rng: np.random.Generator) -> Manifold:
    """A folded or scalloped fan: a sector of thin pleats, 60 to 120 mm."""
    radius, inner, span = rng.uniform(60, 110), rng.uniform(12, 25), rng.uniform(1.2, 2.9)
    pleats, thick, high = count(rng, 5, 12), rng.uniform(3, 5), rng.uniform(2, 4.5)
    turn = np.linspace(-span / 2, span / 2, 90)
    scallop = 1 + rng.uniform(0, 0.06) * np.abs(np.cos(pleats * np.pi * (turn / span + 0.5)))
    arc = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    body = even(prism(np.concatenate([radius * scallop[:, None] * arc, inner * arc[::-1]]), thick))

    def move(xyz: Float64Array) -> Float64Array:
        angle, away = np.arctan2(xyz[:, 1], xyz[:, 0]), np.hypot(xyz[:, 0], xyz[:, 1])
        fold = np.arcsin(np.sin(2 * np.pi * pleats * angle / span)) * 2 / np.pi
        return lifted(xyz, high * fold * away / radius)

    return finished(body.warp_batch(move))
