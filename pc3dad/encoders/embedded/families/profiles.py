"""Extruded outlines: letters, keys, combs, frames, arches, arrows, ribbons."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from manifold3d import CrossSection, Manifold

from pc3dad.data.synthetic.parts.meshes import joined, without
from pc3dad.data.synthetic.parts.outlines import circle, outer_rim, rectangle, rounded, smooth, softened
from pc3dad.data.synthetic.parts.terraces import prism
from pc3dad.encoders.embedded.families.making import (
    chance,
    count,
    cuboid,
    deformed,
    drilled,
    finished,
    plate,
    relieved,
    stroke,
)

Strokes = Sequence[Sequence[Sequence[float]]]

LETTERS: Mapping[str, Strokes] = MappingProxyType(
    {
        "A": ([[0, 0], [1, 3], [2, 0]], [[0.4, 1.1], [1.6, 1.1]]),
        "B": (
            [[0, 0], [0, 3], [1.5, 3], [1.9, 2.3], [1.5, 1.6], [2, 0.8], [1.5, 0], [0, 0]],
            [[0, 1.6], [1.5, 1.6]],
        ),
        "E": ([[2, 3], [0, 3], [0, 0], [2, 0]], [[0, 1.5], [1.6, 1.5]]),
        "F": ([[2, 3], [0, 3], [0, 0]], [[0, 1.6], [1.6, 1.6]]),
        "G": ([[2, 2.4], [1.5, 3], [0.5, 3], [0, 2.4], [0, 0.6], [0.5, 0], [2, 0], [2, 1.4], [1.2, 1.4]],),
        "K": ([[0, 0], [0, 3]], [[2, 3], [0.2, 1.4], [2, 0]]),
        "M": ([[0, 0], [0, 3], [1.2, 1.4], [2.4, 3], [2.4, 0]],),
        "N": ([[0, 0], [0, 3], [2, 0], [2, 3]],),
        "P": ([[0, 0], [0, 3], [1.6, 3], [2, 2.3], [1.6, 1.5], [0, 1.5]],),
        "R": ([[0, 0], [0, 3], [1.6, 3], [2, 2.3], [1.6, 1.5], [0, 1.5]], [[0.9, 1.5], [2, 0]]),
        "S": (
            [
                [2, 2.5],
                [1.5, 3],
                [0.4, 3],
                [0, 2.3],
                [0.4, 1.6],
                [1.6, 1.4],
                [2, 0.7],
                [1.6, 0],
                [0.4, 0],
                [0, 0.5],
            ],
        ),
        "V": ([[0, 3], [1, 0], [2, 3]],),
        "W": ([[0, 3], [0.7, 0], [1.4, 2.2], [2.1, 0], [2.8, 3]],),
        "X": ([[0, 0], [2, 3]], [[0, 3], [2, 0]]),
        "Y": ([[0, 3], [1, 1.5], [2, 3]], [[1, 1.5], [1, 0]]),
        "2": ([[0, 2.4], [0.5, 3], [1.5, 3], [2, 2.3], [0, 0], [2, 0]],),
        "3": ([[0, 3], [2, 3], [1, 1.8], [2, 1], [1.5, 0], [0, 0]],),
        "4": ([[1.5, 0], [1.5, 3], [0, 1], [2, 1]],),
        "5": ([[2, 3], [0.2, 3], [0, 1.7], [1.5, 1.8], [2, 1], [1.5, 0], [0, 0]],),
        "7": ([[0, 3], [2, 3], [0.8, 0]],),
    }
)


def c_clip(rng: np.random.Generator) -> Manifold:
    """A spring clip: an open ring of strip with ends that turn out, 12 to 50 mm wide."""
    radius, thick, opening = rng.uniform(22, 48), rng.uniform(3, 7), rng.uniform(0.25, 1.2)
    turn = np.linspace(opening, 2 * np.pi - opening, 60)
    line = radius * np.stack([np.cos(turn), rng.uniform(0.6, 1.1) * np.sin(turn)], axis=1)
    if chance(rng, 0.5):
        out = rng.uniform(8, 18)
        ends = line[[0, -1]] + np.array([[out, 0.5 * out], [out, -0.5 * out]])
        line = np.concatenate([ends[:1], line, ends[1:]])
    body = plate(stroke(line.tolist(), thick, around=True), rng.uniform(12, 50), edge=0.4)
    return finished(drilled(rng, body, share=0.3, along=(0,)))


def letter(rng: np.random.Generator) -> Manifold:
    """One of twenty letters and digits, 50 to 110 mm high; square or round strokes; on a plate or not."""
    strokes = LETTERS[list(LETTERS)[count(rng, 0, len(LETTERS) - 1)]]
    size, stretch = rng.uniform(18, 33), [rng.uniform(0.8, 1.2), 1]
    width, high, round_ends = size * rng.uniform(0.35, 0.6), rng.uniform(8, 30), chance(rng, 0.5)
    shape = CrossSection()
    for line in strokes:
        shape += stroke((np.array(line) * stretch * size).tolist(), width, around=round_ends)
    body = plate(shape, high, edge=rng.uniform(0.3, 1.2))
    if chance(rng, 0.25):
        low, far = np.reshape(shape.bounds(), (2, 2))
        sheet = prism(rectangle(*(far - low + 10), radius=3) + (low + far) / 2, 5, edge=0.6)
        body = joined(sheet, body.translate((0, 0, 4)))
    return finished(deformed(rng, body, share=0.2))


def cutout(rng: np.random.Generator) -> Manifold:
    """A random smooth outline of 50 to 140 mm, 4 to 40 mm thick, at times with a hole of its own shape."""
    turn = np.linspace(0, 2 * np.pi, 180, endpoint=False)
    orders = np.arange(1, 7)
    waves = rng.normal(size=(6, 2)) * rng.uniform(0.1, 0.32) / orders[:, None] ** 0.6
    reach = 1 + (
        waves[:, :1] * np.cos(orders[:, None] * turn) + waves[:, 1:] * np.sin(orders[:, None] * turn)
    ).sum(axis=0)
    outline = (
        rng.uniform(30, 55)
        * np.maximum(reach, 0.35)[:, None]
        * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    )
    shape = CrossSection([outline])
    if chance(rng, 0.4):
        shape -= CrossSection([outline * rng.uniform(0.35, 0.7)])
    high = rng.uniform(4, 40)
    body = plate(shape, high, edge=min(1.2, 0.2 * high))
    return finished(
        deformed(
            rng, relieved(rng, drilled(rng, body, share=0.2, along=(2,)), about="plane", share=0.4), share=0.3
        )
    )


def jigsaw_piece(rng: np.random.Generator) -> Manifold:
    """A square piece with a tab or a socket on each side."""
    side, high = rng.uniform(40, 70), rng.uniform(5, 18)
    shape, radius = CrossSection([rectangle(side, side)]), side * rng.uniform(0.11, 0.15)
    for turn in range(4):
        kind = count(rng, 0, 2)
        if kind == 2:
            continue
        neck = CrossSection([rectangle(1.1 * radius, 1.4 * radius)])
        tab = CrossSection([circle(radius, centre=(0, 0.9 * radius))]) + neck
        aside = rng.uniform(-0.12, 0.12) * side
        if kind:
            shape += tab.translate((aside, side / 2)).rotate(90.0 * turn)
        else:
            shape -= tab.rotate(180).translate((aside, side / 2)).rotate(90.0 * turn)
    return finished(relieved(rng, plate(shape, high, edge=0.6), about="plane", share=0.35))


def arch(rng: np.random.Generator) -> Manifold:
    """A bridge: a block with 1 to 3 arches, round or pointed, a parapet or a deck on top."""
    long, high, wide, spans = rng.uniform(70, 140), rng.uniform(35, 70), rng.uniform(18, 45), count(rng, 1, 3)
    shape = CrossSection([np.array([[-long / 2, 0], [long / 2, 0], [long / 2, high], [-long / 2, high]])])
    pitch = long / spans
    radius, point = 0.38 * pitch, rng.uniform(0.8, 1.5)
    point = min(point, (high - 6) / radius)
    turn = np.linspace(0, np.pi, 40)
    foot = rng.uniform(0, max(0.0, high - 6 - point * radius))
    for k in range(spans):
        x = (k + 0.5 - spans / 2) * pitch
        bow = np.stack([x + radius * np.cos(turn), foot + point * radius * np.sin(turn)], axis=1)
        shape -= CrossSection([np.concatenate([[[x - radius, -1], [x + radius, -1]], bow])])
    body = plate(shape, wide, edge=0.6).rotate((90, 0, 0))
    if chance(rng, 0.5):
        deck = cuboid(long + 6, wide + 8, 5, at=(0, -wide / 2, high - 1))
        body = joined(body, deck)
    elif chance(rng, 0.5):
        body = without(body, cuboid(long + 2, wide - 8, 10, at=(0, -wide / 2, high - 5)))
    return finished(body)


def frame(rng: np.random.Generator) -> Manifold:
    """A picture frame of 60 to 140 mm: a rectangle or a polygon, with a stepped moulding."""
    wide, deep, border = rng.uniform(60, 130), rng.uniform(50, 110), rng.uniform(7, 14)
    outline = rectangle(wide, deep, radius=rng.uniform(0, 10))
    if chance(rng, 0.3):
        outline = circle(wide / 2, count=count(rng, 3, 6)) * [1, rng.uniform(0.7, 1)]
    shape, pieces, low = CrossSection([outline]), [], 0.0
    inner = shape.offset(-border)
    for back in np.linspace(0, 0.75 * border, count(rng, 1, 4)):
        high = low + rng.uniform(3, 7)
        ring = shape.offset(-back) - (inner if chance(rng, 0.6) else inner.offset(0.1 * back))
        pieces.append(plate(ring, high, edge=0.5))
        low = high
    body = joined(*pieces)
    if chance(rng, 0.25):
        body = joined(body, plate(shape.offset(-0.5 * border), 3))
    return finished(body)


def key(rng: np.random.Generator) -> Manifold:
    """A key of 60 to 120 mm: a bow with an opening, a shank, and a bit with notches."""
    long, bow, shank, high = rng.uniform(40, 80), rng.uniform(12, 22), rng.uniform(3, 5.5), rng.uniform(4, 9)
    corners = int(rng.choice([0, 0, 4, 6, 8]))
    grip = CrossSection([circle(bow, count=corners, centre=(-0.8 * bow, 0))])
    grip -= CrossSection(
        [circle(bow * rng.uniform(0.35, 0.62), count=corners, centre=(-rng.uniform(0.8, 1) * bow, 0))]
    )
    shape = grip + stroke([[-2, 0], [long, 0]], 2 * shank)
    teeth = count(rng, 2, 6)
    span = rng.uniform(0.35, 0.6) * long
    for k in range(teeth):
        out, x = rng.uniform(4, 15), long - span * (k + 0.5) / teeth
        shape += stroke([[x, 0], [x, -shank - out]], 0.75 * span / teeth)
    return finished(relieved(rng, plate(shape, high, edge=0.6), about="plane", share=0.2))


def spanner(rng: np.random.Generator) -> Manifold:
    """A wrench of 80 to 150 mm: a jaw at one end, a jaw, an eye or nothing at the other."""
    half, grip, high = rng.uniform(32, 62), rng.uniform(5, 9), rng.uniform(5, 12)
    shape = stroke([[-half, 0], [half, 0]], 2 * grip, around=True)
    for sign, kind in ((1, 0), (-1, count(rng, 0, 2))):
        head, gap = grip * rng.uniform(1.7, 2.3), grip * rng.uniform(0.9, 1.3)
        if kind == 2:
            continue
        shape += CrossSection([circle(head, centre=(sign * half, 0))])
        if kind == 0:
            jaw = stroke([[-0.3 * gap, 0], [3 * head, 0]], 1.4 * gap).rotate(rng.uniform(-20, 20))
            shape -= (jaw if sign > 0 else jaw.rotate(180)).translate((sign * half, 0))
        else:
            shape -= CrossSection([circle(gap, count=6, centre=(sign * half, 0))])
    body = plate(shape, high, edge=rng.uniform(0.6, 1.2))
    if chance(rng, 0.5):
        slot = cuboid(half, grip, 3, at=(0, 0, high - 1.5))
        body = without(body, slot)
    return finished(deformed(rng, body, share=0.2))


def comb(rng: np.random.Generator) -> Manifold:
    """A comb or rake of 60 to 140 mm: a back with 5 to 18 tines on one side or both."""
    tines, pitch, long, back = count(rng, 5, 18), rng.uniform(5.5, 9), rng.uniform(16, 45), rng.uniform(7, 16)
    pitch = min(pitch, 140 / tines)
    wide, high = tines * pitch, rng.uniform(4, 11)
    shape = CrossSection([rectangle(wide, back, radius=2)])
    for k in range(tines):
        x = (k + 0.5 - tines / 2) * pitch
        far = long * (1 - 0.3 * (2 * abs(k + 0.5 - tines / 2) / tines) ** 2)
        shape += stroke([[x, 0], [x, back / 2 + far]], pitch * 0.55, around=True)
    if chance(rng, 0.2):
        shape += shape.mirror((0, 1))
    return finished(deformed(rng, plate(shape, high, edge=0.4), share=0.3))


def crescent(rng: np.random.Generator) -> Manifold:
    """A moon: a disc less another one, flat or thick, its horns blunt."""
    radius, shift, high = rng.uniform(35, 60), rng.uniform(0.25, 0.6), rng.uniform(8, 40)
    shape = CrossSection([circle(radius)]) - CrossSection(
        [circle(radius * rng.uniform(0.7, 0.95), centre=(shift * radius, 0))]
    )
    body = prism(softened(outer_rim(shape), rng.uniform(1.5, 3)), high, edge=rng.uniform(0.4, 1))
    return finished(relieved(rng, drilled(rng, body, share=0.2), about="plane", share=0.5))


def arrow(rng: np.random.Generator) -> Manifold:
    """An arrow or a chevron, 50 to 130 mm, flat or thick."""
    long, head, wide, shank = (
        rng.uniform(40, 80),
        rng.uniform(22, 45),
        rng.uniform(22, 48),
        rng.uniform(6, 16),
    )
    back = rng.uniform(-0.2, 0.4) * head
    half = [[long + head, 0.0], [long - back, wide], [long, shank]]
    half += [[0, shank], [rng.uniform(0, 12), 0]] if chance(rng, 0.6) else [[long - 1.2 * head, wide], [0, 0]]
    outline = np.concatenate([half, np.array(half)[-2:0:-1] * [1, -1]])
    if half[-2][1] == wide:
        outline = np.array(
            [
                [long + head, 0],
                [long, wide],
                [long - head, wide],
                [long, 0],
                [long - head, -wide],
                [long, -wide],
            ]
        )
    high = rng.uniform(6, 26)
    body = prism(rounded(outline, rng.uniform(0, 3)), high, edge=0.8)
    return finished(relieved(rng, drilled(rng, body, share=0.2, along=(2,)), about="plane", share=0.3))


def ribbon(rng: np.random.Generator) -> Manifold:
    """A strip on edge that winds in random curves or in a spiral, 10 to 45 mm high."""
    thick, high = rng.uniform(3, 6.5), rng.uniform(10, 45)
    if chance(rng, 0.4):
        turn = np.linspace(0, 2 * np.pi * rng.uniform(1.4, 2.6), 140)
        reach = 6 + (thick + rng.uniform(5, 9)) * turn / (2 * np.pi)
        line = reach[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    else:
        knots = count(rng, 4, 7)
        across = rng.uniform(12, 30) * (-1.0) ** np.arange(knots) * rng.uniform(0.5, 1, knots)
        line = smooth(np.stack([np.linspace(-55, 55, knots), across], axis=1), 90)
    return finished(plate(stroke(line.tolist(), thick, around=True), high, edge=0.4))
