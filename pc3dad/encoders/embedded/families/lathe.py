"""Bodies made on a lathe, many of them hollow: vases, balusters, shafts, spools, funnels, bellows, tops."""

import numpy as np
from manifold3d import Manifold

from pc3dad.data.synthetic.parts.meshes import joined, turned, without
from pc3dad.data.synthetic.parts.outlines import circle, rounded, smooth
from pc3dad.data.synthetic.parts.terraces import prism
from pc3dad.encoders.embedded.families.making import (
    chance,
    count,
    cuboid,
    deformed,
    drilled,
    finished,
    relieved,
    ringed,
    starred,
    wavy_profile,
)
from pc3dad.types import Float64Array


def filled(radii: Float64Array, heights: Float64Array) -> Manifold:
    """The body of revolution below (P,) radii at (P,) heights."""
    line = np.stack([radii, heights], axis=1)
    return turned(np.concatenate([[[0, heights[0]]], line, [[0, heights[-1]]]]))


def curve(
    rng: np.random.Generator, knots: int, low: float, high: float, height: float
) -> tuple[Float64Array, Float64Array]:
    """Radii and heights (P,) of a smooth random profile."""
    line = np.stack([wavy_profile(rng, knots, low, high), np.linspace(0, height, knots)], axis=1)
    radii, heights = smooth(line, 7 * knots).T
    return np.maximum(radii, 0.6 * low), heights


def cylinder(rng: np.random.Generator) -> Manifold:
    """A round bar or a disc, 14 to 60 mm in radius, with chamfers or round edges; some knurled."""
    radius, height = rng.uniform(14, 55), rng.uniform(14, 130)
    edge = rng.uniform(0.05, 0.35) * min(radius, height / 2)
    steps = 1 if chance(rng, 0.5) else 0
    profile = np.array([[0, 0], [radius, 0], [radius, height], [0, height]])
    body = turned(rounded(profile, [0, edge, edge, 0], steps=steps))
    return finished(deformed(rng, drilled(rng, relieved(rng, body)), share=0.25))


def cone(rng: np.random.Generator) -> Manifold:
    """A cone or frustum of 30 to 110 mm, straight, hollowed or bellied, pointed or blunt; some on a base."""
    radius, height, top = rng.uniform(20, 52), rng.uniform(30, 110), rng.uniform(0.04, 0.7)
    way = np.linspace(0, 1, 24)
    radii = radius * (1 + (top - 1) * way) + rng.uniform(-0.25, 0.25) * radius * way * (1 - way) * 2
    body = filled(np.maximum(radii, 1), height * way)
    if chance(rng, 0.4):
        base = rng.uniform(1.1, 1.5) * radius
        body = joined(
            body,
            prism(circle(base, count=int(rng.choice([4, 6, 0]))), rng.uniform(4, 9), edge=1).translate(
                (0, 0, -4)
            ),
        )
    return finished(deformed(rng, drilled(rng, relieved(rng, body), share=0.2), share=0.3))


def vase(rng: np.random.Generator) -> Manifold:
    """A hollow vessel of 80 to 145 mm, higher than wide: a wide mouth, a smooth wall of 3 to 6 mm."""
    height, wall = rng.uniform(80, 145), rng.uniform(3, 6)
    radii, heights = curve(rng, count(rng, 3, 6), 15, 0.32 * height, height)
    mouth = np.linspace(0, 1, len(radii)) ** 3
    radii = radii * (1 - mouth) + mouth * np.maximum(radii, rng.uniform(0.2, 0.34) * height)
    inside = heights > 2 * wall
    profile = np.concatenate(
        [
            [[0, 0]],
            np.stack([radii, heights], axis=1),
            np.stack([radii - wall, heights], axis=1)[inside][::-1],
            [[0, heights[inside][0]]],
        ]
    )
    body = turned(profile)
    return finished(deformed(rng, relieved(rng, body), share=0.25))


def baluster(rng: np.random.Generator) -> Manifold:
    """A turned column of 80 to 150 mm on a foot: beads, hollows and steps in random order."""
    radius, profile, z = rng.uniform(14, 26), [], 0.0
    for _ in range(count(rng, 4, 8)):
        high, kind = rng.uniform(6, 26), count(rng, 0, 3)
        wide, next_wide = rng.uniform(0.3, 1, 2) * radius
        way = np.linspace(0, 1, 13)
        if kind == 0:
            radii = wide + 0.35 * high * np.sin(np.pi * way)
        elif kind == 1:
            radii = np.maximum(wide + 4 - 0.3 * high * np.sin(np.pi * way), 4)
        elif kind == 2:
            radii = wide + (next_wide - wide) * way
        else:
            radii = np.full(13, wide + 3)
        profile.append(np.stack([radii, z + high * way], axis=1))
        z += high
    foot = rng.uniform(1.1, 1.7) * radius
    profile = [np.array([[foot, -5.0], [foot, -1], [0.9 * foot, 0]]), *profile]
    line = np.concatenate(profile)
    return finished(filled(np.maximum(line[:, 0], 3.5), line[:, 1] + np.linspace(0, 1e-3, len(line))))


def shaft(rng: np.random.Generator) -> Manifold:
    """A stepped shaft of 80 to 150 mm: 3 to 6 shoulders with chamfers, grooves, flats or key seats."""
    steps, long = count(rng, 3, 6), rng.uniform(80, 150)
    ends = np.cumsum(np.append(0, rng.uniform(0.6, 1.4, steps)))
    ends *= long / ends[-1]
    radii = rng.uniform(7, 24, steps)
    points = [[0.0, 0.0]]
    for radius, low, high in zip(radii, ends, ends[1:], strict=False):
        points += [[radius, low], [radius, high]]
        if chance(rng, 0.3) and high - low > 12:
            middle, deep = (low + high) / 2, rng.uniform(0.12, 0.25) * radius
            points[-1:] = [
                [radius, middle - 2],
                [radius - deep, middle - 2],
                [radius - deep, middle + 2],
                [radius, middle + 2],
                [radius, high],
            ]
    body = turned(rounded(np.array([*points, [0, long]]), 1.0, steps=1))
    for _ in range(count(rng, 0, 2)):
        at = count(rng, 0, steps - 1)
        radius, span = radii[at], ends[at + 1] - ends[at]
        seat = cuboid(
            rng.uniform(0.35, 0.6) * radius, radius, 0.7 * span, at=(0, 1.25 * radius, ends[at] + 0.15 * span)
        )
        body = without(body, seat.rotate((0, 0, rng.uniform(0, 360))))
    return finished(body.rotate((90, 0, 0)) if chance(rng, 0.5) else body)


def funnel(rng: np.random.Generator) -> Manifold:
    """An open cone of 60 to 130 mm that ends in a spout."""
    wall, spout, long = rng.uniform(2.5, 4), rng.uniform(6, 13), rng.uniform(18, 50)
    mouth, deep, rim = rng.uniform(32, 65), rng.uniform(28, 70), rng.uniform(0, 8)
    way = np.linspace(0, 1, 16)
    bell = spout + (mouth - spout) * way ** rng.uniform(0.8, 1.7)
    outer = np.concatenate(
        [[[0.8 * spout, 0]], np.stack([bell, long + deep * way], axis=1), [[mouth, long + deep + rim]]]
    )
    profile = np.concatenate([outer + np.array([wall, 0]), outer[::-1]])
    body = turned(profile)
    if chance(rng, 0.4):
        fin = cuboid(mouth * 0.6, rng.uniform(2.5, 4), deep, at=(spout + wall + 0.25 * mouth, 0, long + 1))
        solid_bell = filled(outer[:, 0] + wall / 2, outer[:, 1])
        body = joined(body, ringed(rng, without(fin, solid_bell), count(rng, 3, 6)))
    body = body.mirror((0, 0, 1)) if chance(rng, 0.5) else body
    return finished(relieved(rng, body, share=0.35))


def hemisphere(rng: np.random.Generator) -> Manifold:
    """Half of a ball or of an ellipsoid, filled, with a bore, a base or steps."""
    radius, flat = rng.uniform(28, 65), rng.uniform(0.5, 1.2)
    turn = np.linspace(0, np.pi / 2, 28)
    body = filled(np.maximum(radius * np.cos(turn), 0.5), flat * radius * np.sin(turn))
    if chance(rng, 0.5):
        body = joined(
            body,
            prism(circle(radius * rng.uniform(1.05, 1.3)), rng.uniform(4, 10), edge=1).translate((0, 0, -3)),
        )
    body = drilled(rng, relieved(rng, body), share=0.4)
    return finished(body)


def spool(rng: np.random.Generator) -> Manifold:
    """A reel: two discs on a core, with or without a bore, windows in the discs, or wound with thread."""
    core, rim, high, disc = rng.uniform(9, 20), rng.uniform(28, 58), rng.uniform(24, 80), rng.uniform(3, 8)
    points = [
        [0, 0],
        [rim, 0],
        [rim, disc],
        [core, disc + rng.uniform(0, 4)],
        [core, high - disc],
        [rim, high - disc],
        [rim, high],
        [0, high],
    ]
    body = turned(rounded(np.array(points, np.float64), [0, 1, 1, 3, 3, 1, 1, 0]))
    if chance(rng, 0.35):
        pitch, wound = rng.uniform(3, 6), core + rng.uniform(0.3, 0.8) * (rim - core)
        z = np.linspace(disc, high - disc, int(8 * (high - 2 * disc) / pitch))
        body = joined(body, filled(wound + 0.35 * pitch * np.abs(np.sin(np.pi * z / pitch)), z))
    elif chance(rng, 0.6) and rim - core > 14:
        size = 0.3 * (rim - core)
        window = Manifold.cylinder(high + 2, size, size, 40).translate(((rim + core) / 2, 0, -1))
        body = without(body, ringed(rng, window, count(rng, 3, 6)))
    if chance(rng, 0.6):
        bore = core * rng.uniform(0.3, 0.65)
        body = without(body, Manifold.cylinder(high + 2, bore, bore, 40).translate((0, 0, -1)))
    return finished(body.rotate((90, 0, 0)) if chance(rng, 0.3) else body)


def sleeve(rng: np.random.Generator) -> Manifold:
    """A straight tube of 65 to 140 mm, wall 3 to 9 mm, round or square, slotted, windowed or cut aslant."""
    outer, wall, long = rng.uniform(16, 36), rng.uniform(3, 9), rng.uniform(65, 140)
    square = chance(rng, 0.35)
    outline = rounded(circle(outer, count=4), rng.uniform(0.1, 0.4) * outer) if square else circle(outer)
    body = prism(outline, long, holes=[outline * (1 - wall / outer)], edge=0.6)
    kind = count(rng, 0, 3)
    if kind == 1:
        slot = cuboid(2 * outer, rng.uniform(3, 8), long * rng.uniform(0.3, 0.7), at=(outer, 0, -1))
        body = without(body, ringed(rng, slot, count(rng, 1, 4)))
    elif kind == 2:
        rows, size = count(rng, 1, 4), rng.uniform(3, 0.35 * outer)
        window = Manifold.cylinder(2 * outer, size, size, 32).rotate((0, 90, 0))
        ring = ringed(rng, window, count(rng, 2, 5))
        body = without(
            body,
            *(
                ring.translate((0, 0, long * (k + 0.5) / rows))
                for k in range(rows)
                if long / rows > 2.6 * size or k == 0
            ),
        )
    elif kind == 3:
        body = body.trim_by_plane((rng.uniform(-0.6, 0.6), 0, -1), -0.75 * long)
    body = relieved(rng, body, share=0.4)
    return finished(body.rotate((90, 0, 0)) if chance(rng, 0.4) else body)


def spinning_top(rng: np.random.Generator) -> Manifold:
    """A top: a round belly on a point, with a stem."""
    radius, belly, stem, long = (
        rng.uniform(24, 50),
        rng.uniform(14, 34),
        rng.uniform(3, 6),
        rng.uniform(15, 45),
    )
    way = np.linspace(0, 1, 20)
    low = np.stack([1.5 + (radius - 1.5) * way ** rng.uniform(0.4, 1.2), belly * way], axis=1)
    high = np.stack(
        [radius + (stem - radius) * way ** rng.uniform(0.5, 1.5), belly + rng.uniform(4, 22) * way], axis=1
    )
    line = np.concatenate(
        [low, high[1:], [[stem, high[-1, 1] + long], [stem - 1.5, high[-1, 1] + long + 1.5]]]
    )
    return finished(relieved(rng, filled(line[:, 0], line[:, 1]), share=0.5))


def bellows(rng: np.random.Generator) -> Manifold:
    """A pleated tube or rod of 50 to 140 mm: 4 to 14 folds, pointed, round or square, between two ends."""
    radius, long, folds = rng.uniform(18, 40), rng.uniform(50, 140), count(rng, 4, 14)
    deep, ends, kind = rng.uniform(0.12, 0.3) * radius, rng.uniform(5, 14), count(rng, 0, 2)
    z = np.linspace(0, 1, 10 * folds + 1)
    wave = np.cos(2 * np.pi * folds * z)
    wave = np.arcsin(wave) * 2 / np.pi if kind == 1 else np.clip(2.5 * wave, -1, 1) if kind == 2 else wave
    taper = 1 + rng.uniform(-0.3, 0.3) * z * chance(rng, 0.4)
    line = np.stack([(radius + deep * wave) * taper, ends + (long - 2 * ends) * z], axis=1)
    low, high = line[0, 0] - deep, line[-1, 0] - deep
    line = np.concatenate([[[low, 0], [low, ends - 0.5]], line, [[high, long - ends + 0.5], [high, long]]])
    body = filled(line[:, 0], line[:, 1])
    if chance(rng, 0.7):
        bore = 0.72 * float(line[:, 0].min())
        body = without(body, Manifold.cylinder(long + 2, bore, bore, 64).translate((0, 0, -1)))
    return finished(deformed(rng, body, share=0.45))


def chess_piece(rng: np.random.Generator) -> Manifold:
    """A pawn or a bishop: a foot, a waisted body, a collar and a head."""
    foot, high, head = rng.uniform(16, 26), rng.uniform(45, 85), rng.uniform(8, 15)
    way = np.linspace(0, 1, 16)
    waist = foot * rng.uniform(0.3, 0.5)
    body = waist + (0.85 * foot - waist) * (1 - way) ** rng.uniform(1.5, 3)
    line = [[foot, 0], [foot, 4], [0.85 * foot, 6]]
    line += np.stack([body, 6 + high * way], axis=1).tolist()
    line += [[1.6 * waist, high + 7], [1.6 * waist, high + 10], [waist, high + 11]]
    column = filled(*np.array(line).T)
    stretch = rng.uniform(0.9, 1.6)
    top = starred(
        lambda xyz: head / np.sqrt(xyz[:, 0] ** 2 + xyz[:, 1] ** 2 + (xyz[:, 2] / stretch) ** 2), segments=64
    )
    body_all = joined(column, top.translate((0, 0, high + 11 + 0.7 * head * stretch)))
    if chance(rng, 0.4):
        slit = cuboid(3, 40, 0.8 * head, at=(0.4 * head, 0, high + 12 + head * stretch)).rotate((0, 0, 0))
        body_all = without(body_all, slit)
    return finished(body_all)
