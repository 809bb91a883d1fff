"""Machined and moulded blocks: heat sinks, drilled blocks, trays, boxes, racks, crates, casings, lanterns."""

import numpy as np
from manifold3d import CrossSection, Manifold

from pc3dad.data.synthetic.parts.meshes import joined, without
from pc3dad.data.synthetic.parts.outlines import around, circle, rectangle, rounded
from pc3dad.data.synthetic.parts.terraces import Area, hole, prism, terraced
from pc3dad.encoders.embedded.families.making import (
    chance,
    count,
    cuboid,
    cushion,
    deformed,
    drilled,
    finished,
    plate,
    relieved,
    ringed,
)


def heat_sink(rng: np.random.Generator) -> Manifold:
    """A base with 4 to 14 fins or a field of pins, 40 to 110 mm."""
    wide, deep, base, high = (
        rng.uniform(40, 100),
        rng.uniform(35, 90),
        rng.uniform(4, 10),
        rng.uniform(10, 40),
    )
    pieces = [cuboid(wide, deep, base)]
    number = count(rng, 4, 12)
    pitch, thick = wide / number, rng.uniform(0.3, 0.5) * wide / number
    thick = max(thick, 2.0)
    pins = chance(rng, 0.35)
    rows = max(3, int(deep / pitch)) if pins else 1
    for k in range(number):
        x = (k + 0.5 - number / 2) * pitch
        for row in range(rows):
            y, long = ((row + 0.5) / rows - 0.5) * deep, thick if pins else deep
            pieces.append(cuboid(thick, long, base + high, at=(x, y if pins else 0, 0)))
    body = joined(*pieces)
    if chance(rng, 0.3) and not pins:
        body = without(body, cuboid(wide + 2, rng.uniform(5, 14), high + 2, at=(0, 0, base)))
    return finished(drilled(rng, body, share=0.25, along=(0,)))


def drilled_block(rng: np.random.Generator) -> Manifold:
    """A block of 40 to 120 mm with bores from several sides, counterbores and pockets."""
    half = rng.uniform(18, 58, 3) * [1, 1, 0.7]
    body = cuboid(*(2 * half), at=(0, 0, -half[2]))
    if chance(rng, 0.5):
        body = prism(
            rectangle(*(2 * half[:2]), radius=rng.uniform(1, 8)), 2 * half[2], edge=rng.uniform(0.6, 2.5)
        ).translate((0, 0, -half[2]))
    tools = []
    for _ in range(count(rng, 2, 5)):
        axis = count(rng, 0, 2)
        turn = {0: (0, 90, 0), 1: (-90, 0, 0), 2: (0, 0, 0)}[axis]
        others = half[[(axis + 1) % 3, (axis + 2) % 3]]
        radius = rng.uniform(0.12, 0.3) * others.min()
        bore = Manifold.cylinder(2 * half[axis] + 2, radius, radius, 44, True)
        if chance(rng, 0.5):
            sunk = rng.uniform(0.2, 0.5) * half[axis]
            bore = joined(
                bore,
                Manifold.cylinder(2 * sunk, 1.6 * radius, 1.6 * radius, 52, True).translate(
                    (0, 0, half[axis])
                ),
            )
        at = np.zeros(3)
        at[[(axis + 1) % 3, (axis + 2) % 3]] = rng.uniform(-0.5, 0.5, 2) * others
        tools.append(bore.rotate(turn).translate(tuple(map(float, at))))
    if chance(rng, 0.4):
        tools.append(cushion([0.55 * half[0], 0.5 * half[1], 0.5 * half[2]], 2).translate((0, 0, half[2])))
    return finished(without(body, *tools))


def tray(rng: np.random.Generator) -> Manifold:
    """A shallow tray of 60 to 140 mm with 1 to 8 compartments, round or rectangular."""
    wide, deep, high = rng.uniform(60, 140), rng.uniform(45, 100), rng.uniform(10, 26)
    wall, floor = rng.uniform(2.5, 4.5), rng.uniform(2.5, 5)
    columns, rows = count(rng, 1, 4), count(rng, 1, 2)
    outline = rectangle(wide, deep, radius=rng.uniform(3, 12))
    inside = []
    size = np.array([(wide - wall) / columns - wall, (deep - wall) / rows - wall])
    round_cells = chance(rng, 0.3)
    for x in (np.arange(columns) - (columns - 1) / 2) * (size[0] + wall):
        for y in (np.arange(rows) - (rows - 1) / 2) * (size[1] + wall):
            cell = (
                circle(float(size.min()) / 2) if round_cells else rectangle(*size, radius=rng.uniform(1, 6))
            )
            inside.append(
                Area(cell + np.array([x, y]), 0, floor + rng.uniform(0, 0.4) * high * chance(rng, 0.3))
            )
    body = terraced(Area(outline, 0, high, inside), edge=rng.uniform(0.4, 1))
    return finished(deformed(rng, body, share=0.2))


def open_box(rng: np.random.Generator) -> Manifold:
    """A box without a lid, 40 to 120 mm: straight or flaring, with or without posts, cutouts or ribs."""
    wide, deep, high = rng.uniform(40, 110), rng.uniform(35, 90), rng.uniform(30, 80)
    wall, floor, corner = rng.uniform(2.5, 5), rng.uniform(3, 6), rng.uniform(2, 14)
    inner = rectangle(wide - 2 * wall, deep - 2 * wall, radius=max(1, corner - wall))
    body = terraced(Area(rectangle(wide, deep, radius=corner), 0, high, [Area(inner, 0, floor)]), edge=0.6)
    if chance(rng, 0.3):
        posts = [
            circle(3.5, centre=(sx * (wide / 2 - wall - 5), sy * (deep / 2 - wall - 5)))
            for sx in (-1, 1)
            for sy in (-1, 1)
        ]
        post = [
            prism(each, high * rng.uniform(0.3, 0.9) - floor, holes=[]).translate((0, 0, floor - 0.5))
            for each in posts
        ]
        body = joined(body, *post)
    if chance(rng, 0.4):
        notch = cuboid(rng.uniform(0.2, 0.5) * wide, deep + 2, high, at=(0, 0, high * rng.uniform(0.5, 0.8)))
        body = without(body, notch)
    elif chance(rng, 0.4):
        ribs = count(rng, 2, 6)
        rib = [
            cuboid(2.5, deep + 4, 0.8 * high, at=(wide * 0.8 * ((k + 0.5) / ribs - 0.5), 0, 0))
            for k in range(ribs)
        ]
        core = prism(inner, high).translate((0, 0, floor))
        body = joined(body, without(joined(*rib), core))
    change = rng.uniform(0, 0.25) * chance(rng, 0.5)
    body = body.warp_batch(
        lambda xyz: (
            xyz * np.concatenate([*[1 + change * xyz[:, 2:] / high] * 2, np.ones((len(xyz), 1))], axis=1)
        )
    )
    return finished(drilled(rng, relieved(rng, body, share=0.25), share=0.25, along=(0, 1)))


def rack(rng: np.random.Generator) -> Manifold:
    """A shelf of 50 to 140 mm open in front: 1 to 4 boards, 0 to 2 partitions, a back or none."""
    wide, high, deep, board = (
        rng.uniform(45, 100),
        rng.uniform(50, 130),
        rng.uniform(20, 50),
        rng.uniform(3, 6),
    )
    rows, columns, back = count(rng, 2, 4), count(rng, 1, 3), chance(rng, 0.6)
    body = cuboid(wide, deep, high)
    size = np.array([(wide - board) / columns - board, (high - board) / rows - board])
    depth = deep - board if back else deep + 2
    tools = [
        cuboid(
            size[0],
            depth,
            size[1],
            at=(
                (k + 0.5 - columns / 2) * (size[0] + board),
                (-board if back else 0) / 2 - 0.5 * back,
                board + row * (size[1] + board),
            ),
        )
        for k in range(columns)
        for row in range(rows)
    ]
    body = without(body, *tools)
    return finished(body.rotate((90, 0, 0)) if chance(rng, 0.2) else body)


def crate(rng: np.random.Generator) -> Manifold:
    """A box of slats: a floor, four posts and 2 to 5 boards on each side with gaps."""
    wide, deep, high, thick = (
        rng.uniform(50, 110),
        rng.uniform(40, 80),
        rng.uniform(30, 70),
        rng.uniform(3, 5),
    )
    post, boards = rng.uniform(6, 10), count(rng, 2, 5)
    pieces = [cuboid(wide, deep, thick)]
    pieces += [
        cuboid(post, post, high, at=(sx * (wide - post) / 2, sy * (deep - post) / 2, 0))
        for sx in (-1, 1)
        for sy in (-1, 1)
    ]
    share = rng.uniform(0.5, 0.75)
    for k in range(boards):
        z, tall = high * k / boards, high / boards * share
        pieces += [cuboid(wide, thick, tall, at=(0, sign * (deep - thick) / 2, z)) for sign in (-1, 1)]
        pieces += [cuboid(thick, deep, tall, at=(sign * (wide - thick) / 2, 0, z)) for sign in (-1, 1)]
    return finished(joined(*pieces))


def casing(rng: np.random.Generator) -> Manifold:
    """A closed housing of 50 to 130 mm with rounded edges, vents, a sunk window, feet and buttons."""
    half = rng.uniform(22, 62, 3) * [1, 0.9, 0.5]
    body = cushion(half, half.min() * rng.uniform(0.1, 0.5))
    tools, pieces = [], [body]
    if chance(rng, 0.7):
        tools.append(
            cushion([0.45 * half[0], 0.4 * half[1], 2.5], 1).translate((-0.25 * half[0], 0, half[2]))
        )
    slots = count(rng, 3, 8)
    pitch = half[0] / slots
    if chance(rng, 0.7):
        tools += [
            cuboid(
                0.45 * pitch, half[1], 2 * rng.uniform(2, 4), at=((k + 0.5 - slots / 2) * pitch, half[1], -2)
            )
            for k in range(slots)
        ]
    if chance(rng, 0.6):
        size = rng.uniform(0.05, 0.1) * half[0] + 1.5
        pieces += [
            Manifold.cylinder(half[2] + 3, size, size, 32).translate((0.6 * half[0], y, 0))
            for y in np.linspace(-0.5, 0.5, count(rng, 1, 4)) * half[1]
        ]
    if chance(rng, 0.5):
        pieces += [
            Manifold.cylinder(6, 4, 3.4, 32).translate((sx * 0.7 * half[0], sy * 0.7 * half[1], -half[2] - 3))
            for sx in (-1, 1)
            for sy in (-1, 1)
        ]
    return finished(without(joined(*pieces), *tools))


def toy_brick(rng: np.random.Generator) -> Manifold:
    """A building brick with 1 to 4 by 2 to 6 studs, round or square, hollow below or not."""
    rows, columns, pitch = count(rng, 1, 4), count(rng, 2, 6), rng.uniform(13, 24)
    high, stud, out = (
        rng.uniform(0.6, 1.4) * pitch,
        rng.uniform(0.26, 0.34) * pitch,
        rng.uniform(0.15, 0.3) * pitch,
    )
    wide, deep = columns * pitch, rows * pitch
    shape = circle(stud, count=int(rng.choice([0, 0, 4, 6])))
    studs = [
        Area(shape + pitch * np.array([i + 0.5 - columns / 2, j + 0.5 - rows / 2]), 0, high + out)
        for i in range(columns)
        for j in range(rows)
    ]
    body = terraced(Area(rectangle(wide, deep, radius=1), 0, high, studs), edge=0.5)
    if chance(rng, 0.5):
        body = without(body, cuboid(wide - 0.35 * pitch, deep - 0.35 * pitch, 0.75 * high, at=(0, 0, -0.01)))
        body = joined(
            body,
            *(
                Manifold.cylinder(0.9 * high, 0.2 * pitch, 0.2 * pitch, 32).translate(
                    ((i + 1 - columns / 2) * pitch, 0, 0)
                )
                for i in range(columns - 1)
            ),
        )
    return finished(body)


def lantern(rng: np.random.Generator) -> Manifold:
    """Two plates held apart by 3 to 10 rods, round or angular; a core at times."""
    radius, high, thick, rods = (
        rng.uniform(28, 52),
        rng.uniform(35, 110),
        rng.uniform(4, 9),
        count(rng, 3, 10),
    )
    sides, rod = int(rng.choice([0, 4, 6])), rng.uniform(2.6, 5)
    disc = prism(
        circle(radius, count=sides),
        thick,
        holes=[circle(0.45 * radius)] if chance(rng, 0.5) else [],
        edge=0.6,
    )
    top = disc.scale((s := rng.uniform(0.7, 1), s, 1)) if chance(rng, 0.5) else disc
    shrink = 0.82 * s if top is not disc else 0.82
    bar = Manifold.batch_hull(
        [
            Manifold.sphere(rod, 24).translate((shrink_at * radius, 0, z))
            for shrink_at, z in ((0.8, thick / 2), (shrink, high))
        ]
    )
    pieces = [disc, top.translate((0, 0, high - thick / 2)), ringed(rng, bar, rods)]
    return finished(joined(*pieces))


def cradle(rng: np.random.Generator) -> Manifold:
    """A block with a round seat cut out of it, like a pillow or a cradle, and holes in its ears."""
    wide, deep, high = rng.uniform(50, 110), rng.uniform(24, 60), rng.uniform(25, 55)
    seat = min(rng.uniform(0.25, 0.36) * wide, 0.8 * high)
    ear, low = rng.uniform(0.0, 0.25) * wide, rng.uniform(6, 12)
    side = CrossSection([rectangle(wide, 2 * high)]) ^ CrossSection(
        [np.array([[-wide, 0], [wide, 0], [wide, high], [-wide, high]])]
    )
    side -= CrossSection([circle(seat, centre=(0, high * rng.uniform(0.9, 1.05)))])
    side += CrossSection(
        [np.array([[-wide / 2 - ear, 0], [wide / 2 + ear, 0], [wide / 2 + ear, low], [-wide / 2 - ear, low]])]
    )
    body = plate(side, deep, edge=rng.uniform(0.4, 1)).rotate((90, 0, 0)).translate((0, deep / 2, 0))
    if ear > 8:
        bore = Manifold.cylinder(low + 2, 0.25 * ear, 0.25 * ear, 32)
        body = without(body, *(bore.translate((sign * (wide + ear) / 2, 0, -1)) for sign in (-1, 1)))
    return finished(drilled(rng, body, share=0.3, along=(1,)))


def stepped_block(rng: np.random.Generator) -> Manifold:
    """A block with terraces, pockets and bosses nested in random order on both faces."""
    wide, deep, high = rng.uniform(55, 120), rng.uniform(45, 95), rng.uniform(10, 26)
    inside: list[Area] = []
    columns = count(rng, 1, 3)
    for k in range(columns):
        size = np.array([0.75 * wide / columns, 0.7 * deep])
        at = np.array([(k + 0.5 - columns / 2) * wide * 0.92 / columns, 0])
        outline = (
            circle(float(size.min()) / 2) if chance(rng, 0.5) else rectangle(*size, radius=rng.uniform(1, 8))
        )
        change = rng.uniform(0.25, 0.6) * high * rng.choice([-1, 1])
        level = high + change
        nested = 0.55 * outline
        second = max(level + rng.uniform(2, 8) * rng.choice([-1, 1]), 3)
        deeper = hole(nested + at) if chance(rng, 0.5) else Area(nested + at, 0, second)
        inside.append(Area(outline + at, 0, level, [deeper]))
    body = terraced(
        Area(rectangle(wide, deep, radius=rng.uniform(1, 12)), 0, high, inside), edge=rng.uniform(0.4, 1.2)
    )
    return finished(body)


def tower(rng: np.random.Generator) -> Manifold:
    """A tower of 3 to 7 slabs of changing size and shape on one axis."""
    pieces, z = [], 0.0
    for _ in range(count(rng, 3, 7)):
        radius, thick = rng.uniform(16, 48), rng.uniform(5, 18)
        outline = circle(radius, count=int(rng.choice([0, 0, 4, 6, 8])))
        pieces.append(
            prism(
                rounded(outline, 1.0) if len(outline) < 10 else outline, thick + 1, edge=rng.uniform(0.4, 1.5)
            )
            .rotate((0, 0, rng.uniform(0, 90)))
            .translate((0, 0, z))
        )
        z += thick
    body = joined(*pieces)
    if chance(rng, 0.35):
        bore = rng.uniform(4, 9)
        body = without(body, Manifold.cylinder(z + 4, bore, bore, 40).translate((0, 0, -1)))
    return finished(body)


def pegboard(rng: np.random.Generator) -> Manifold:
    """A plate with pegs: round or tapered pins in rows or on a ring."""
    wide, deep, thick = rng.uniform(50, 120), rng.uniform(45, 100), rng.uniform(5, 11)
    peg, high, tip = rng.uniform(3, 6), rng.uniform(14, 45), rng.uniform(0.5, 1)
    body = prism(rectangle(wide, deep, radius=rng.uniform(1, 14)), thick, edge=0.8)
    if chance(rng, 0.4):
        places = around(count(rng, 4, 9), 0.36 * min(wide, deep))
    else:
        columns, rows = count(rng, 2, 5), count(rng, 1, 4)
        steps = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(-1, 2)
        places = (steps - [(columns - 1) / 2, (rows - 1) / 2]) * [0.8 * wide / columns, 0.8 * deep / rows]
    pin = Manifold.cylinder(high + 1, peg, peg * tip, 32)
    return finished(joined(body, *(pin.translate((x, y, thick - 1)) for x, y in places)))
