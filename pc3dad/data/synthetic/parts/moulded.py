"""Parts that are moulded, stamped or folded: bracket, connector, gasket, hinge."""

from collections.abc import Sequence

import numpy as np
from manifold3d import CrossSection, Manifold

from pc3dad.data.synthetic.parts.meshes import joined, rested, turned
from pc3dad.data.synthetic.parts.outlines import (
    around,
    circle,
    outer_rim,
    rectangle,
    rounded,
    sides,
    softened,
)
from pc3dad.data.synthetic.parts.terraces import Area, hole, prism, terraced
from pc3dad.types import Float64Array


def bracket(rng: np.random.Generator) -> Manifold:
    """An angle bracket: two plates of 36 to 80 mm at a right angle, with 1 to 3 ribs and holes or slots.

    34 to 80 mm wide, plates 3.5 to 7 mm, ribs 3 to 6 mm thick and 35 to 75 % as long as the plates; the
    upright plate is straight or narrower at the top; corners round, the bend with a fillet.
    """
    long, tall, wide = rng.uniform(36, 80), rng.uniform(36, 80), rng.uniform(34, 80)
    thick, rib, top = rng.uniform(3.5, 7), rng.uniform(3, 6), wide * rng.choice([1, 1, 0.75])
    ribs = 1 if wide < 42 else int(rng.integers(1, 4))
    places, lane = {1: ([0.0], 0.28), 2: ([-0.32, 0.32], 0.0), 3: ([-0.34, 0.0, 0.34], 0.17)}[ribs]
    room = min(0.22 * top, abs((lane or 0.32) * top) - rib / 2)
    radius, edge, corner = min(6, room * rng.uniform(0.45, 0.62)), rng.uniform(0.4, 0.9), rng.uniform(3, 10)
    slots, counts = rng.random(2) < 0.4, rng.integers(1, 3, size=2)
    lanes = [-lane, lane] if lane else [0.0]
    floor = np.array([[0, -wide / 2], [long, -wide / 2], [long, wide / 2], [0, wide / 2]])
    wall = np.array([[-wide / 2, 0], [wide / 2, 0], [top / 2, tall], [-top / 2, tall]])
    pieces = []
    for corners, length, width, which in ((floor, long, wide, 0), (wall, tall, top, 1)):
        reach = thick + 7 + radius, length - radius - 4.5
        holes = _holes(reach, [y * width for y in lanes], radius, count=counts[which], slot=slots[which])
        if which:
            holes = [each[:, ::-1] * [-1, 1] for each in holes]  # a quarter turn: along the plate is up
        round_ones = [0, 0, corner, corner] if which else [0, corner, corner, 0]
        pieces.append(prism(rounded(corners, round_ones), thick, holes=holes, edge=edge))
    pieces[1] = pieces[1].rotate((90, 0, 90))
    out, up, low = long * rng.uniform(0.35, 0.75), tall * rng.uniform(0.35, 0.75), thick - 0.5
    side = [[low, low], [out, low], [out, thick + 1], [thick + 1, up], [low, up]]
    gusset = _across(rounded(np.array(side), [0, 0, 2, 2, 0]), rib, edge=0.6)
    fillet, turn = rng.uniform(2.5, 4.5), np.linspace(1.5 * np.pi, np.pi, 10)
    hollow = low + fillet * (1 + np.stack([np.cos(turn), np.sin(turn)], axis=1))
    bend = _across(np.concatenate([[[low, low]], hollow]), wide - 2, edge=0)
    return rested(joined(*pieces, bend, *(gusset.translate((0, y * wide, 0)) for y in places)))


def connector(rng: np.random.Generator) -> Manifold:
    """A plug housing of 40 to 125 mm: rows of pin cavities, or pins in an open shroud.

    5 to 12 columns and 1 to 3 rows at a pitch of 6 to 9 mm, 18 to 40 mm high; 3 to 8 grip ribs on one side,
    a latch on the other, one corner cut off as a key; with or without a mounting plate with two holes.
    """
    pitch, rows, wall, height = (
        rng.uniform(6, 9),
        rng.integers(1, 4),
        rng.uniform(2.2, 3.5),
        rng.uniform(18, 40),
    )
    columns = np.clip(rng.uniform(40, 95) // pitch, 5, 12)
    wide, deep = columns * pitch + 2 * wall, rows * pitch + 2 * wall
    grid = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(-1, 2)
    places = (grid - grid.mean(axis=0)) * pitch
    floor = height * rng.uniform(0.25, 0.6)
    if rng.random() < 0.45:
        pin = rounded(rectangle(1, 1), 0.2, steps=1) * max(1.8, 0.27 * pitch)
        tip = height - rng.uniform(2, 4)
        shroud = _keyed(wide - 2 * wall, deep - 2 * wall, cut=0.2 * pitch)
        inside = [Area(shroud, 0, floor, [Area(pin + at, 0, tip) for at in places])]
    else:
        size, square = pitch * rng.uniform(0.5, 0.7), rng.random() < 0.5
        cavity = rounded(rectangle(size, size), 0.12 * size, steps=1) if square else circle(size / 2)
        inside = [Area(cavity + at, 0, floor) for at in places]
    outline = _gripped(wide, deep, int(rng.integers(3, 9)), out=rng.uniform(1, 1.8), cut=1.3 * wall)
    body, plate = Area(outline, 0, height, inside), 0.0
    if rng.random() < 0.5:
        plate, ear, screw = rng.uniform(3, 5), rng.uniform(9, 14), rng.uniform(1.8, 2.8)
        holes = [hole(circle(screw, centre=(x, 0))) for x in (-(wide + ear) / 2, (wide + ear) / 2)]
        ears = rectangle(wide + 2 * ear, deep + rng.uniform(4, 8), radius=3)
        body = Area(ears, 0, plate, [body, *holes])
    span, out = rng.uniform(0.2, 0.4) * wide, rng.uniform(2, 4)
    low = plate + rng.uniform(0.2, 0.5) * (height - plate)
    latch = [[-1, low], [out, low], [out, low + 2], [0, height - 2], [-1, height - 2]]
    latch = prism(np.array(latch), span, edge=0.4).rotate((90, 0, 90)).translate((-span / 2, deep / 2, 0))
    return rested(joined(terraced(body, edge=0.5), latch))


def gasket(rng: np.random.Generator) -> Manifold:
    """A flat gasket of 60 to 150 mm: 1 to 4 bores, bolt holes, and beads around them.

    Sheet 1.8 to 3.2 mm, beads 0.6 to 1.2 mm high and 2 to 3.4 mm wide; one bore of 32 to 76 mm with 2 to 8
    bolts around it, or 2 to 4 smaller ones in a row with bolts on both sides; the outline follows the holes
    or is convex.
    """
    sheet, bead, width = rng.uniform(1.8, 3.2), rng.uniform(0.6, 1.2), rng.uniform(2, 3.4)
    bores, bolt, rim = int(rng.choice([1, 1, 2, 3, 4])), rng.uniform(2, 3.6), rng.uniform(4, 6)
    margin = width + 2.5
    if bores == 1:
        radius, centres = rng.uniform(16, 38), np.zeros((1, 2))
        places = around(int(rng.integers(2, 9)), radius + margin + bolt + 2, start=rng.random())
        places = places * [1, rng.uniform(1, 1.2)]
    else:
        radius = rng.uniform(11, 56 / bores)
        step, across = 2 * radius + rng.uniform(3, 6.5), radius + margin + bolt + rng.uniform(2, 5)
        centres = np.stack([step * (np.arange(bores) - (bores - 1) / 2), np.zeros(bores)], axis=1)
        along = step * (np.arange(bores + 1) - bores / 2)
        places = np.stack([np.tile(along, 2), np.repeat([-across, across], bores + 1)], axis=1)
    seal = CrossSection.hull_points(np.concatenate([circle(radius + margin) + at for at in centres]))
    count = sides(radius + margin)
    body = seal.offset(rim - 2, circular_segments=count)
    for at in places:
        foot = np.clip(at, centres[0], centres[-1])
        ears = [circle(bolt + rim) + end for end in (at, foot)]
        body += CrossSection.hull_points(np.concatenate(ears))
    body = body.hull() if rng.random() < 0.4 else body
    openings = [hole(circle(radius) + at) for at in centres]
    bolts = [hole(circle(bolt) + at) for at in places]
    if rng.random() < 0.6:
        eyes = [circle(bolt + 1.6) + at for at in places]
        bolts = [Area(eye, 0, sheet + 0.8 * bead, [each]) for eye, each in zip(eyes, bolts, strict=True)]
    sheltered = Area(outer_rim(seal.offset(-width, circular_segments=count)), 0, sheet, openings)
    ring = Area(outer_rim(seal), 0, sheet + bead, [sheltered])
    return terraced(Area(softened(outer_rim(body), 3.5), 0, sheet, [ring, *bolts]), edge=0.4)


def hinge(rng: np.random.Generator) -> Manifold:
    """A hinge, opened by 80 to 180 degrees: two leaves with sunk screw holes, 3 to 7 knuckles and a pin.

    Leaves 50 to 120 mm long, 18 to 42 mm wide and 2.5 to 4.5 mm thick with round corners and 2 to 4 screw
    holes each, in a line or a zigzag; knuckles 8 to 15 mm across.
    """
    long, wide, thick = rng.uniform(50, 120), rng.uniform(18, 42), rng.uniform(2.5, 4.5)
    knuckle, gap = thick + rng.uniform(1.6, 3.2), rng.uniform(0.6, 1)
    count, corner = rng.choice([3, 5, 5, 7]), rng.uniform(1, 8)
    screw, zigzag = rng.uniform(1.8, 2.6), rng.uniform(0, 0.12) * wide
    screws = rng.integers(2, min(5, 1 + int(0.8 * long / (3.6 * screw + 2))))
    opening = rng.uniform(0, 100) * (rng.random() < 0.7)
    ends = np.linspace(0, long, count + 1)
    spans = np.stack([ends[:-1] + gap / 2, ends[1:] - gap / 2], axis=1)  # of the knuckles
    along = long * (0.5 + 0.8 * (np.arange(screws) - (screws - 1) / 2) / screws)
    middle = knuckle + 0.55 * wide + zigzag * (-1.0) ** np.arange(screws)
    sunk = [
        Area(circle(1.8 * screw) + at, 0, thick - 1, [hole(circle(screw) + at)])
        for at in np.stack([middle, along], axis=1)
    ]
    leaves = []
    for mine in (spans[::2], spans[1::2]):
        outline = _leaf(
            mine, near=knuckle + gap, far=knuckle + wide, ends=spans[[0, -1], [0, 1]], corner=corner
        )
        leaves.append(terraced(Area(outline, 0, thick, sunk), edge=0.4).translate((0, 0, -knuckle)))
    leaves[1] = leaves[1].mirror((1, 0, 0)).rotate((0, opening, 0))
    barrel = turned(_barrel(spans, knuckle, pin=knuckle * rng.uniform(0.45, 0.62), head=rng.uniform(1.8, 4)))
    return rested(joined(*leaves, barrel.mirror((0, 0, 1)).rotate((90, 0, 0))))


def _across(outline: Float64Array, width: float, *, edge: float) -> Manifold:
    """A prism about the plane y = 0 whose (S, 2) outline gives x and z."""
    return prism(outline, width, edge=edge).rotate((90, 0, 0)).translate((0, width / 2, 0))


def _holes(
    reach: tuple[float, float], lanes: Sequence[float], radius: float, *, count: int, slot: bool
) -> list[Float64Array]:
    """(S, 2) float64 each: holes, or a slot, along x in each lane between two limits of their centres."""
    first, last = reach
    ring = circle(radius)
    if slot:
        stretch = np.where(ring[:, :1] > 0, [last, 0], [0.4 * first + 0.6 * last, 0])
        return [ring + stretch + np.array([0, lane]) for lane in lanes]
    if count == 1 or last - first < 2 * radius + 3:
        first = last = (first + 2 * last) / 3
    return [ring + np.array([at, lane]) for lane in lanes for at in sorted({first, last})]


def _keyed(width: float, depth: float, *, cut: float) -> Float64Array:
    """(S, 2) float64: a rectangle about the origin without its corner at the upper right."""
    x, y = width / 2, depth / 2
    corners = np.array([[-x, -y], [x, -y], [x, y - cut], [x - cut, y], [-x, y]])
    return rounded(corners, [0.8, 0.8, 0, 0, 0.8])


def _gripped(width: float, depth: float, grips: int, *, out: float, cut: float) -> Float64Array:
    """(S, 2) float64: a keyed rectangle with ribs on its lower side."""
    pitch = min(4.5, 0.8 * width / grips)
    starts = (np.arange(grips) - grips / 2 + 0.25) * pitch
    rib = np.array([[0, 0], [0.1 * pitch, -out], [0.4 * pitch, -out], [0.5 * pitch, 0]])
    ribs = rib + np.stack([starts, np.full(grips, -depth / 2)], axis=1)[:, None]
    box = _keyed(width, depth, cut=cut)
    right = int(np.argmax(box[:, 0] > 0))
    return np.concatenate([box[:right], *ribs, box[right:]])


def _leaf(spans: Float64Array, *, near: float, far: float, ends: Float64Array, corner: float) -> Float64Array:
    """(S, 2) float64: a leaf between two ends, from x = `near` to `far`, and its fingers at (K, 2) spans."""
    low, high = ends
    outer = rounded(np.array([[near, low], [far, low], [far, high], [near, high]]), [0, corner, corner, 0])
    fingers = [[[near, b], [0, b], [0, a], [near, a]] for a, b in spans[::-1]]
    every: Float64Array = np.concatenate([outer, *np.array(fingers)])
    twice = (every == np.roll(every, 1, axis=0)).all(axis=1)
    once: Float64Array = every[~twice]
    return once


def _barrel(spans: Float64Array, knuckle: float, *, pin: float, head: float) -> Float64Array:
    """(P, 2) float64: the profile of knuckles at (K, 2) spans and of a pin with heads that holds them."""
    cut, reach, low, high = 0.6, min(1.3 * pin, knuckle - 0.8), spans[0, 0] - 0.4, spans[-1, 1] + 0.4
    points = [[0, low - head], [reach - cut, low - head], [reach, low - head + cut], [reach, low], [pin, low]]
    for a, b in spans:
        points += [[pin, a], [knuckle - cut, a], [knuckle, a + cut]]
        points += [[knuckle, b - cut], [knuckle - cut, b], [pin, b]]
    points += [
        [pin, high],
        [reach, high],
        [reach, high + head - cut],
        [reach - cut, high + head],
        [0, high + head],
    ]
    return np.array(points)
