"""Parts whose sections follow a path: turbine blade, pipe elbow, mug, spring."""

import numpy as np
from manifold3d import CrossSection, Manifold

from pc3dad.data.synthetic.parts.meshes import joined, loft, rested, sweep, turned
from pc3dad.data.synthetic.parts.outlines import (
    around,
    circle,
    inset,
    outer_rim,
    rectangle,
    rounded,
    sides,
    smooth,
    spun,
)
from pc3dad.data.synthetic.parts.terraces import prism
from pc3dad.types import Float64Array


def blade(rng: np.random.Generator) -> Manifold:
    """A turbine blade of 65 to 135 mm: a twisted, tapered aerofoil on a platform with a root below.

    Chord 24 to 46 mm at the foot, 55 to 90 % of it at the tip, 12 to 18 % thick, cambered by 4 to 16 %,
    twisted by 10 to 45 degrees; the root is a fir tree of 2 or 3 pairs of teeth, a dovetail or a block; a
    shroud may close the tip.
    """
    span, plate, depth = rng.uniform(45, 95), rng.uniform(3, 6), rng.uniform(16, 30)
    chord, taper = rng.uniform(24, 46), rng.uniform(0.55, 0.9)
    stagger, twist = np.radians(rng.uniform(-10, 25)), np.radians(rng.uniform(10, 45))
    foil = _foil(rng, span, chord=chord, taper=taper, stagger=stagger, twist=twist)
    low, high = foil[0, :, :2].min(axis=0), foil[0, :, :2].max(axis=0)
    length, width = high - low + rng.uniform(3, 8, size=2)
    platform = prism(rectangle(length, width, radius=1.5), plate, edge=0.6).translate((0, 0, -plate))
    slice_length = length * rng.uniform(0.8, 0.98)
    root = prism(_root(int(rng.integers(4)), width * rng.uniform(0.55, 0.8), depth), slice_length, edge=0.3)
    root = root.rotate((90, 0, 90)).translate((-slice_length / 2, 0, 0.5 - plate))
    pieces = [loft(foil).translate((*(-(low + high) / 2), 0)), platform, root]
    if rng.random() < 0.3:
        lid = spun(rectangle(1.05 * chord * taper, 0.6 * chord * taper, radius=2), stagger + twist)
        middle = foil[-1].mean(axis=0)[:2] - (low + high) / 2
        pieces.append(prism(lid, 2.5, edge=0.5).translate((*middle, span - 1)))
    return rested(joined(*pieces))


def elbow(rng: np.random.Generator) -> Manifold:
    """A pipe elbow of 65 to 150 mm with a flange at each end.

    Bend of 45 to 100 degrees, radius 1.2 to 1.9 times the bore of 20 to 40 mm, wall 3 to 5 mm, straight
    ends of 4 to 20 mm; flanges 5 to 9 mm thick, round, square or oval.
    """
    bore, wall, angle = rng.uniform(10, 20), rng.uniform(3, 5), np.radians(rng.uniform(45, 100))
    bend, thickness = max(bore * rng.uniform(2.4, 3.8), bore + wall + 4), rng.uniform(5, 9)
    before, after = rng.uniform(4, 20, size=2) + thickness + 1.5
    turn = np.linspace(0, angle, 1 + max(8, int(sides(bend + bore) * angle / (2 * np.pi))))
    arc = bend * np.stack([np.sin(turn), 1 - np.cos(turn)], axis=1)
    out = np.array([np.cos(angle), np.sin(angle)])
    path = np.concatenate([[[-before, 0]], arc, [arc[-1] + out * after]])
    pipe = _pipe(path, np.concatenate([[0], turn, [angle]]), bore=bore, wall=wall)
    face = _face(rng, bore + wall / 2, thickness)
    first = face.rotate((0, 90, 0)).translate((1.5 - before, 0, 0))  # the pipe stands out by 1.5 mm
    second = face.rotate((0, -90, 0)).rotate((0, 0, np.degrees(angle)))
    return rested(joined(pipe, first, second.translate((*(path[-1] - 1.5 * out), 0))))


def mug(rng: np.random.Generator) -> Manifold:
    """A mug of 70 to 112 mm with a handle: hollow, open at the top.

    Radius 30 to 44 mm, wall 4 to 5.5 mm, sides straight, tapered or bellied, the foot of its own curve; the
    handle stands out by 20 to 32 mm, is full or pointed and has its own section.
    """
    height, radius, wall = rng.uniform(70, 112), rng.uniform(30, 44), rng.uniform(4, 5.5)
    taper, belly = rng.uniform(-0.12, 0.16) * radius, rng.uniform(-0.06, 0.16) * radius * (rng.random() < 0.6)
    corner, foot = rng.uniform(3, 12), rng.uniform(0.6, 0.75) * radius
    way = np.linspace(0, 1, 21 if belly else 2)
    reach = radius + taper * (way - 0.5) + belly * np.sin(np.pi * way)
    side = np.stack([reach, height * way], axis=1)
    floor = wall + 2.5
    inside = side[1:] - [wall, 0]
    inside = np.concatenate([[[reach[0] - wall, floor]], inside[inside[:, 1] > floor + 2]])
    base = [[0, 1.5], [foot - 3, 1.5], [foot, 0]]
    profile = np.concatenate([base, side, inside[::-1], [[0, floor]]])
    radii = np.zeros(len(profile))
    radii[[3, -2]], radii[[len(side) + 2, len(side) + 3]] = corner, 0.49 * wall
    places = height * np.array([rng.uniform(0.76, 0.86), rng.uniform(0.14, 0.26)])
    handle = _handle(rng, places, np.interp(places, side[:, 1], reach), deep=0.6 * wall)
    return joined(turned(rounded(profile, radii)), handle)


def spring(rng: np.random.Generator) -> Manifold:
    """A compression spring of 40 to 110 mm, standing, with closed ends, ground flat or not.

    Wire 3.5 to 6 mm, coils 24 to 54 mm across, 3 to 5.5 active turns of either sense; a cylinder, a cone, a
    barrel or waisted.
    """
    wire, radius, turns = rng.uniform(1.75, 3), rng.uniform(12, 24), rng.uniform(3, 5.5)
    pitch, dead = 2 * wire * rng.uniform(1.7, 2.8), rng.uniform(0.8, 1.1)
    swell, cone = (
        rng.uniform(-0.2, 0.2) * (rng.random() < 0.4),
        rng.uniform(-0.25, 0.25) * (rng.random() < 0.4),
    )
    sense, ground = rng.choice([-1, 1], p=[0.2, 0.8]), rng.random() < 0.6
    total = turns + 2 * dead
    turn = np.linspace(0, total, int(total * sides(radius)))
    active = np.clip(np.minimum(turn, total - turn) - dead + 0.5, 0, 1)
    rise = 2.2 * wire * (1 - active) + max(pitch, 38 / turns) * active
    z = np.concatenate([[0], np.cumsum((rise[1:] + rise[:-1]) / 2 * np.diff(turn))])
    way, angle = turn / total, sense * 2 * np.pi * turn
    reach = radius * (1 + swell * np.sin(np.pi * way) + cone * (way - 0.5))
    path = np.stack([reach * np.cos(angle), reach * np.sin(angle), z], axis=1)
    body = sweep(path, circle(wire, count=24 if wire < 2.4 else 28), up=(0, 0, 1))
    if ground:
        low, high = -0.15 * wire, z[-1] + 0.15 * wire
        body = body.warp_batch(
            lambda points: np.clip(points, [-np.inf, -np.inf, low], [np.inf, np.inf, high])
        )
    return rested(body)


def _foil(
    rng: np.random.Generator, span: float, *, chord: float, taper: float, stagger: float, twist: float
) -> Float64Array:
    """(R, S, 3) float64: sections of an aerofoil from just below z = 0 to the span, with a fillet below."""
    thickness, camber, fillet = rng.uniform(0.12, 0.18), rng.uniform(0.04, 0.16), rng.uniform(1, 2.5)
    lean = rng.uniform(-0.1, 0.1) * span
    rings = []
    for z in [*fillet * np.linspace(0, 1, 6)[:-1] ** 2, *np.linspace(fillet, span, 20)]:
        way = z / span
        size = chord * (1 + (taper - 1) * way)
        section = _aerofoil(
            size, thickness=thickness * size * (1 - 0.25 * way), camber=camber * (1 - 0.4 * way)
        )
        section = inset(section, fillet * (np.sqrt(1 - max(0.0, 1 - z / fillet) ** 2) - 1))
        section = spun(section, stagger + twist * way) + lean * way**2 * np.array([0.3, 1])
        rings.append(np.insert(section, 2, z or -0.5, axis=1))
    return np.stack(rings)


def _aerofoil(chord: float, *, thickness: float, camber: float) -> Float64Array:
    """(S, 2) float64: a cambered section about its middle; the trailing edge is 1.6 mm thick and round."""
    turn = np.linspace(0, np.pi, 41)
    along = (1 - np.cos(turn)) / 2
    half = (
        5
        * thickness
        * (
            0.2969 * np.sqrt(along)
            - 0.126 * along
            - 0.3516 * along**2
            + 0.2843 * along**3
            - 0.1036 * along**4
        )
    )
    behind = np.clip((0.8 - chord * (1 - along)) / 0.8, 0, 1)
    half = (half + 0.8 * along) * np.sqrt(1 - behind**2)
    line = 4 * camber * chord * along * (1 - along)
    x = chord * (along - 0.45)
    upper, lower = np.stack([x, line + half], axis=1), np.stack([x, line - half], axis=1)
    outline = np.concatenate([lower, upper[-2:0:-1]])
    outline[:, 1] -= line.mean()
    return outline


def _root(kind: int, width: float, depth: float) -> Float64Array:
    """(S, 2) float64: a blade's root from y = 0 down: fir tree (kinds 0 and 1), block or dovetail."""
    half = width / 2
    if kind == 3:
        right = np.array(
            [[half, 0], [half * 0.55, -depth * 0.25], [half * 1.05, -depth * 0.8], [half * 0.95, -depth]]
        )
    elif kind == 2:
        right = np.array([[half, 0], [half, -depth * 0.45], [half * 0.8, -depth * 0.5], [half * 0.8, -depth]])
    else:
        teeth = 2 + kind
        step, points = depth / teeth, [[half * 0.9, 0.0]]
        for tooth in range(teeth):
            wide, top = half * (1.1 - 0.65 * tooth / teeth), -step * tooth
            narrow = wide - min(0.38 * wide, 0.6 * step)
            points += [[narrow, top - 0.25 * step], [wide, top - 0.6 * step], [wide, top - 0.8 * step]]
        points.append([half * 0.4, -depth])
        right = np.array(points)
    left = right[::-1] * [-1, 1]
    outline = np.concatenate([left, right])  # clockwise from the lower left over the top
    return rounded(outline[::-1], 1.0)


def _face(rng: np.random.Generator, bore: float, thickness: float) -> Manifold:
    """A flange with a bore on z = 0: round with 3 to 8 holes, square with 4, or oval with 2."""
    kind, hole = rng.integers(4), rng.uniform(2.2, 3.6)
    pitch = bore + hole + rng.uniform(4.5, 7.5)
    outer = pitch + hole + 3.5
    if kind == 0:
        places = around(4, 1.1 * pitch, start=np.pi / 4)
        outline = rectangle(1.75 * outer, 1.75 * outer, radius=0.3 * outer)
    elif kind == 1:
        places = around(2, pitch, start=np.pi / 2)
        ears = [circle(hole + 3.5, centre=at) for at in places]
        outline = outer_rim(CrossSection.hull_points(np.concatenate([*ears, circle(bore + 5)])))
    else:
        places, outline = around(int(rng.integers(3, 9)), pitch, start=rng.uniform(0, 1)), circle(outer)
    return prism(
        outline, thickness, holes=[circle(bore), *(circle(hole, centre=at) for at in places)], edge=0.8
    )


def _pipe(path: Float64Array, direction: Float64Array, *, bore: float, wall: float) -> Manifold:
    """A pipe along a (R, 2) path in the plane z = 0, its sections across the (R,) directions in radians."""
    ring = circle(1, count=sides(bore + wall))
    left = np.stack([-np.sin(direction), np.cos(direction), np.zeros(len(path))], axis=1)
    arms = ring[:, :1] * left[:, None] + ring[:, 1:] * [0, 0, 1]
    middle = np.insert(path, 2, 0, axis=1)[:, None]
    return loft(np.concatenate([middle + (bore + wall) * arms, (middle + bore * arms)[::-1]]), endless=True)


def _handle(rng: np.random.Generator, places: Float64Array, reach: Float64Array, *, deep: float) -> Manifold:
    """A handle in the plane y = 0 whose ends, at (2,) heights, go `deep` into a wall of (2,) radii."""
    high, low = places
    begin, end = reach
    out, fullness, drop = rng.uniform(20, 32), rng.uniform(0.55, 0.95), rng.uniform(0, 0.06) * (high - low)
    knots = [
        [begin - deep, high],
        [begin + 5, high + rng.uniform(0, 3)],
        [begin + out * fullness, high - 3],
        [max(begin, end) + out, 0.6 * high + 0.4 * low - drop],
        [end + 0.8 * out * fullness, low + 6 - drop],
        [end + 4, low],
        [end - deep, low - 1],
    ]
    size = [rng.uniform(2.8, 4), rng.uniform(4, 7)]
    section = rounded(np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * size, rng.uniform(1.5, 2.7))
    return sweep(np.insert(smooth(np.array(knots), 80), 1, 0, axis=1), section, up=(0, 1, 0))
