"""Parts made on a lathe, or that look like it: bolt, bottle, flange."""

import numpy as np
from manifold3d import Manifold

from pc3dad.data.synthetic.parts.meshes import joined, loft, rested, solid, turned, without
from pc3dad.data.synthetic.parts.outlines import around, circle, rectangle, rounded, sides
from pc3dad.data.synthetic.parts.terraces import prism
from pc3dad.types import Float64Array


def bolt(rng: np.random.Generator) -> Manifold:
    """A bolt standing on its head, with a real thread.

    Diameter 9 to 18 mm, shank 35 to 95 mm, thread over 40 to 95 % of it with a pitch of 2.4 to 4.3 mm. The
    head is a chamfered hexagon with or without a collar, or a cylinder with a hexagonal socket.
    """
    radius, length = rng.uniform(4.5, 9), rng.uniform(35, 95)
    pitch, threaded = rng.uniform(0.26, 0.34) * radius + 1.2, length * rng.uniform(0.4, 0.95) - 0.3 * radius
    height, reach = radius * rng.uniform(1.2, 1.9), radius * rng.uniform(1.55, 1.8)
    kind = rng.integers(3)
    head = _socket_head(reach, height, 0.95 * radius) if kind == 0 else _hexagonal_head(reach, height)
    if kind == 1:
        rim, below = radius * rng.uniform(2.1, 2.5), height - radius * rng.uniform(0.25, 0.4)
        hidden = below - 0.3 * radius
        collar = [[0, hidden], [1.5 * radius, hidden], [rim, below + 0.8], [rim, height], [0, height]]
        head = joined(head, turned(rounded(np.array(collar), [0, 0, 0.8, 0.8, 0])))
    tip, fillet, core = height + length, 0.15 * radius, radius - 0.55 * pitch
    neck = tip - threaded
    start = neck - 0.4 * pitch
    shank = [
        [0, height - 1],
        [radius + fillet, height - 1],
        [radius + fillet, height],
        [radius, height + fillet],
    ]
    shank += [[radius, start], [core, neck], [core, neck + 1], [0, neck + 1]]
    room = [
        [0, start],
        [1.1 * radius, start],
        [1.1 * radius, tip - 0.35 * radius],
        [0.75 * radius, tip],
        [0, tip],
    ]
    thread = _thread(radius, core, pitch=pitch, bottom=start - pitch, top=tip + pitch) ^ turned(
        np.array(room)
    )
    return joined(head, turned(np.array(shank)), thread)


def bottle(rng: np.random.Generator) -> Manifold:
    """A bottle of 95 to 155 mm, 40 to 66 mm wide, filled up to its neck: no scanner sees deeper.

    The body is round or a rounded square, straight, waisted or bellied, with or without a recess for the
    label; the shoulder, the neck, its collar and its 1 to 3 beads vary; the mouth is open and 12 to 20 mm
    deep.
    """
    height, body, neck = rng.uniform(95, 155), rng.uniform(20, 33), rng.uniform(9, 14)
    corner, belly, steepness = rng.uniform(3, 7), rng.uniform(-3, 3), rng.uniform(0.75, 1.4)
    low, high = height * rng.uniform(0.5, 0.66), height - rng.uniform(16, 24)  # the shoulder
    square = rng.uniform(0.5, 0.9) if rng.random() < 0.4 else 0.0
    turn, way, fall = np.linspace(0, np.pi / 2, 13), np.linspace(0, 1, 21), np.linspace(0, 1, 27)
    base = [[0.25 * body, rng.uniform(1.5, 3)], [0.6 * body, 0.8]]
    foot = np.stack([body - corner * (1 - np.sin(turn)), corner * (1 - np.cos(turn))], axis=1)
    wall = np.stack([body + belly * np.sin(np.pi * way) ** 2, corner + way * (low - corner)], axis=1)
    if rng.random() < 0.5:
        wall = _recessed(wall, rng.uniform(0.8, 1.6))
    shrinking = (1 - np.cos(np.pi * fall**steepness)) / 2
    shoulder = np.stack([body + (neck - body) * shrinking, low + fall * (high - low)], axis=1)
    profile = np.concatenate(
        [base, foot, wall[1:], shoulder[1:], _finish(rng, neck, bottom=high, top=height)]
    )
    roundness = np.clip((high - profile[:, 1]) / (high - low), 0, 1)
    angle = np.linspace(0, 2 * np.pi, int(sides(body + belly) * (1.2 if square else 1)), endpoint=False)
    angle += 0.125 * square * np.sin(4 * angle)  # the corners of a square need the most points
    power = 2 + 4 * square
    reach = (np.abs(np.cos(angle)) ** power + np.abs(np.sin(angle)) ** power) ** (-1 / power)
    reach = reach / np.sqrt((reach**2).mean()) - 1
    reach = profile[:, :1] * (1 + reach * (roundness * (2 - roundness))[:, None])
    z = np.broadcast_to(profile[:, 1:], reach.shape)
    return loft(np.stack([reach * np.cos(angle), reach * np.sin(angle), z], axis=2))


def flange(rng: np.random.Generator) -> Manifold:
    """A pipe flange of 70 to 145 mm: a disc with 4 to 10 bolt holes, a raised face and a neck for welding.

    Disc 8 to 16 mm thick, bore 18 to 52 mm, neck 12 to 38 mm high and of its own taper; the disc is round
    or a rounded square; ribs may support the neck.
    """
    bore, wall, thickness = rng.uniform(9, 26), rng.uniform(3, 6), rng.uniform(8, 16)
    foot, hole = bore + wall + rng.uniform(3, 8), rng.uniform(2.8, 5.5)
    bolt_circle = foot + hole + rng.uniform(4, 10)
    outer = bolt_circle + hole + rng.uniform(4, 8)
    square = rng.random() < 0.25
    bolts, start = (4, np.pi / 4) if square else (int(rng.integers(4, 11)), 0.0)
    outline = rectangle(1.75 * outer, 1.75 * outer, radius=0.3 * outer) if square else circle(outer)
    holes = [
        circle(bore + wall / 2),
        *(circle(hole, centre=at) for at in around(bolts, bolt_circle, start=start)),
    ]
    disc = prism(outline, thickness, holes=holes, edge=rng.uniform(0.8, 2))
    top, raised, face = thickness + rng.uniform(12, 38), rng.uniform(1, 2.5), bolt_circle - hole - 2
    collar = top - rng.uniform(0.2, 0.45) * (top - thickness)
    neck = [
        [bore, -raised],
        [face, -raised],
        [face, thickness / 2],
        [foot, thickness / 2],
        [foot, thickness + 1],
    ]
    neck += [[bore + wall, collar], [bore + wall, top - 1.5], [bore + wall - 1.5, top], [bore, top]]
    pieces = [disc, turned(rounded(np.array(neck), [0.8, 0.6, 0, 0, 0, 12, 0, 0, 0]))]
    if rng.random() < 0.3:
        width = rng.uniform(3, 5)
        side = [
            [foot - 2, thickness - 1],
            [outer - 3, thickness - 1],
            [outer - 3, thickness + 1],
            [foot - 2, collar],
        ]
        rib = prism(np.array(side), width, edge=0.6).rotate((90, 0, 0)).translate((0, width / 2, 0))
        pieces += [rib.rotate((0, 0, np.degrees(start) + 360 * (k + 0.5) / bolts)) for k in range(bolts)]
    return rested(joined(*pieces))


def _hexagonal_head(reach: float, height: float) -> Manifold:
    """A hexagon of `reach` from the axis to its sides, whose corners a cone takes off below."""
    corner, flat = 1.01 * reach * 2 / np.sqrt(3), 0.95 * reach
    cone = [[0, 0], [flat, 0], [corner, 0.58 * (corner - flat)], [corner, height], [0, height]]
    return prism(circle(corner, count=6), height) ^ turned(np.array(cone))


def _socket_head(reach: float, height: float, socket: float) -> Manifold:
    """A cylinder with a hexagonal hole from below."""
    hole = prism(circle(socket, count=6), 0.6 * height + 1).translate((0, 0, -1))
    return without(prism(circle(reach), height, edge=0.8), hole)


def _thread(crest: float, core: float, *, pitch: float, bottom: float, top: float) -> Manifold:
    """A screw between two radii; its ends are ragged, for they follow the thread."""
    columns, turns = sides(crest), int(np.ceil((top - bottom) / pitch))
    # four edges a turn wind upwards; where one has gone round it becomes the fourth after it
    begins = pitch * (np.arange(turns)[:, None] + [0, 0.12, 0.44, 0.68]).ravel()
    reach = np.tile([crest, crest, core, core], turns)
    angle = 2 * np.pi * np.arange(columns) / columns
    z = bottom + begins[:, None] + pitch * angle / (2 * np.pi)
    rings = np.stack([reach[:, None] * np.cos(angle), reach[:, None] * np.sin(angle), z], axis=2)
    middle = np.array([[0, 0, bottom], [0, 0, z[-1, -1]]])
    number = np.arange(rings.shape[0] * columns).reshape(-1, columns)
    grid = np.concatenate([number[:-4], number[4:, :1]], axis=1)  # the last four only close those before them
    a, b, c, d = grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1]
    faces = [np.stack(three, axis=-1).reshape(-1, 3) for three in ((a, b, c), (a, c, d))]
    lower, upper = [*grid[0, :-1], *number[4:0:-1, 0]], [*grid[-1, :-1], *number[-1:-5:-1, 0]]
    for rim, centre in ((lower[::-1], number.size), (upper, number.size + 1)):
        faces.append(np.stack([rim, np.roll(rim, -1), np.full(len(rim), centre)], axis=1))
    used, compact = np.unique(np.concatenate(faces), return_inverse=True)
    return solid(np.concatenate([rings.reshape(-1, 3), middle])[used], compact.reshape(-1, 3))


def _recessed(wall: Float64Array, depth: float) -> Float64Array:
    """(P, 2) float64: a (P, 2) wall of radius and height, set back between 15 and 85 % of its height."""
    low, high = np.quantile(wall[:, 1], [0.15, 0.85])
    heights = np.array([low, low + depth, high - depth, high])
    radii = np.interp(heights, wall[:, 1], wall[:, 0]) - [0, depth, depth, 0]
    outside = (wall[:, 1] < low - 1) | (wall[:, 1] > high + 1)
    inside = (wall[:, 1] > low + depth + 1) & (wall[:, 1] < high - depth - 1)
    pieces = np.concatenate([wall[outside], wall[inside] - [depth, 0], np.stack([radii, heights], axis=1)])
    return pieces[np.argsort(pieces[:, 1])]


def _finish(rng: np.random.Generator, neck: float, *, bottom: float, top: float) -> Float64Array:
    """(P, 2) float64, radius and height: a neck's collar, beads and lip, and the way down into the mouth."""
    beads, out = int(rng.integers(1, 4)), rng.uniform(0.9, 1.6)
    bore, depth = neck - rng.uniform(1.8, 2.6), rng.uniform(12, 20)
    collar = [
        [neck, bottom + 1],
        [neck + 2.5, bottom + 1.8],
        [neck + 2.5, bottom + 3.6],
        [neck, bottom + 4.4],
    ]
    turn = np.linspace(-np.pi / 2, np.pi / 2, 10)
    rings = [
        np.stack([neck + out * np.cos(turn), z + 1.2 * np.sin(turn)], axis=1)
        for z in np.linspace(bottom + 7, top - 3.5, beads)
    ]
    lip = [[neck, top - 0.6], [neck - 0.6, top], [bore + 0.4, top], [bore, top - 0.4]]
    return np.concatenate([collar, *rings, lip, [[bore, top - depth], [0.3 * bore, top - depth]]])
