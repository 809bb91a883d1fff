"""Families that no encoder is trained on: six to choose settings by, eight to report."""

import numpy as np
from manifold3d import CrossSection, Manifold

from pc3dad.data.synthetic.parts.meshes import joined, loft, sweep, turned, without
from pc3dad.data.synthetic.parts.outlines import circle, rectangle, smooth, softened
from pc3dad.data.synthetic.parts.terraces import prism
from pc3dad.encoders.embedded.families.making import (
    ball,
    chance,
    count,
    cuboid,
    even,
    finished,
    lifted,
    limb,
    plate,
    relieved,
    ringed,
    rounded_power,
    starred,
    stroke,
)
from pc3dad.types import Float64Array


def ring(rng: np.random.Generator) -> Manifold:
    """A torus of round, oval or square section, plain, ribbed or wavy, not quite round."""
    radius, thick = rng.uniform(26, 52), rng.uniform(6, 16)
    turn = np.linspace(0, 2 * np.pi, 110, endpoint=False)
    section = circle(1, count=44) * [thick, thick * rng.uniform(0.6, 1.4)]
    if chance(rng, 0.3):
        section = rectangle(2 * thick, 2 * thick, radius=0.4 * thick)
    waves = count(rng, 3, 12)
    size = 1 + rng.uniform(0.04, 0.12) * chance(rng, 0.4) * np.cos(waves * turn)
    reach = radius + section[:, 0] * size[:, None]
    x, y = np.cos(turn)[:, None] * reach, np.sin(turn)[:, None] * reach * rng.uniform(0.8, 1)
    rings = np.stack([x, y, -section[:, 1] * size[:, None]], axis=2)
    return finished(loft(rings, endless=True))


def bowl(rng: np.random.Generator) -> Manifold:
    """An open bowl of 60 to 140 mm with a wall of 4 to 7 mm, deep or shallow, with or without a foot."""
    radius, deep, wall = rng.uniform(34, 68), rng.uniform(0.35, 0.9), rng.uniform(4, 7)
    power, turn = rng.uniform(1.6, 2.8), np.linspace(0, np.pi / 2, 26)
    shape = np.stack([np.sin(turn), 1 - np.cos(turn)], axis=1) ** [2 / power, 1]
    outer = radius * shape * [1, deep]
    inner = shape * [radius - wall, radius * deep - wall] + [0, wall]
    profile = np.concatenate([outer[1:], inner[::-1]])
    profile = np.concatenate([[[0, 0]], profile])
    body = turned(profile)
    if chance(rng, 0.6):
        foot = rng.uniform(0.3, 0.5) * radius
        pedestal = prism(circle(foot), 0.3 * radius * deep + 4, edge=0.8).translate((0, 0, -4))
        hollow = turned(np.concatenate([[[0, wall]], inner[1:], [[0, inner[-1, 1]]]]))
        body = joined(body, without(pedestal, hollow))
    return finished(relieved(rng, body, share=0.4))


def animal(rng: np.random.Generator) -> Manifold:
    """A four-legged animal: a body, a neck, a head with a snout and ears, four legs and a tail."""
    long, thick, leg = rng.uniform(26, 40), rng.uniform(13, 20), rng.uniform(22, 45)
    stand, foot = rng.uniform(4.5, 8), rng.uniform(0.55, 0.8) * thick

    def ellipsoid(half: list[float], at: tuple[float, float, float]) -> Manifold:
        return starred(rounded_power(np.array(half), 2), segments=56).translate(at)

    pieces = [ellipsoid([long, thick, thick * rng.uniform(0.85, 1.15)], (0, 0, 0))]
    for sx in (-1, 1):
        for sy in (-1, 1):
            end = (sx * long * rng.uniform(0.62, 0.72), sy * foot, -leg)
            pieces += [limb((0.62 * sx * long, 0.8 * sy * foot, 0), end, 1.2 * stand, stand)]
    head, up = rng.uniform(9, 14), rng.uniform(8, 34)
    at = (long + rng.uniform(2, 14), 0.0, up)
    pieces += [
        limb((0.75 * long, 0, 2), at, 0.6 * thick, 0.65 * head),
        ellipsoid([1.2 * head, head, head], at),
    ]
    pieces.append(limb(at, (at[0] + rng.uniform(12, 22), 0, at[2] - 5), 0.7 * head, 0.45 * head))
    for sign in (-1, 1):
        ear = ellipsoid([2.6, 4.5, rng.uniform(6, 11)], (at[0] - 3, sign * 0.7 * head, at[2] + head))
        pieces.append(ear)
    pieces.append(limb((-0.9 * long, 0, 3), (-long - rng.uniform(8, 26), 0, rng.uniform(-18, 22)), 4, 2.6))
    return finished(joined(*pieces))


def cross_beam(rng: np.random.Generator) -> Manifold:
    """A bar whose section is a cross of 3 to 6 arms, straight or twisted, with or without end plates."""
    arms, reach, thick = count(rng, 3, 6), rng.uniform(18, 36), rng.uniform(4, 8)
    shape = CrossSection([circle(0.8 * thick)])
    for k in range(arms):
        shape += stroke([[0, 0], [reach, 0]], thick).rotate(360 * k / arms)
    long = rng.uniform(70, 145)
    body = Manifold.extrude(shape, long, 40, rng.uniform(-60, 60) * chance(rng, 0.3))
    if chance(rng, 0.4):
        end = prism(rectangle(1.7 * reach, 1.7 * reach, radius=3), rng.uniform(4, 7), edge=0.6)
        body = joined(body, end, end.translate((0, 0, long - 5)))
    return finished(body.rotate((90, 0, 0)) if chance(rng, 0.7) else body)


def stool(rng: np.random.Generator) -> Manifold:
    """A table or stool: a top on 3 to 6 legs, square or round, with or without rungs."""
    wide, high, thick = rng.uniform(28, 55), rng.uniform(45, 95), rng.uniform(4, 10)
    legs, spread = count(rng, 3, 6), rng.uniform(0.75, 1.25)
    square = legs == 4 and chance(rng, 0.6)
    top = prism(
        rectangle(2 * wide, 2 * wide * rng.uniform(0.6, 1), radius=3) if square else circle(wide),
        thick,
        edge=1.2,
    )
    turn = 2 * np.pi * (np.arange(legs) + 0.5) / legs
    inner = (0.72 if not square else 0.75) * wide
    ways = np.stack([np.cos(turn), np.sin(turn) * (0.75 if square else 1)], axis=1)
    size, feet = rng.uniform(3.2, 5.5), [(*(inner * spread * way), 0.0) for way in ways]
    pieces = [top.translate((0, 0, high))]
    pieces += [
        limb((*(inner * way), high + 1), foot, size, size * rng.uniform(0.7, 1))
        for way, foot in zip(ways, feet, strict=True)
    ]
    if chance(rng, 0.5):
        share = rng.uniform(0.3, 0.5)
        at = [
            np.array([*(inner * way), high]) * share + np.array(foot) * (1 - share)
            for way, foot in zip(ways, feet, strict=True)
        ]
        pieces += [limb(a, b, 0.6 * size) for a, b in zip(at, [*at[1:], at[0]], strict=True)]
    return finished(joined(*pieces))


def link(rng: np.random.Generator) -> Manifold:
    """A long link of a chain, straight or twisted, with or without a stud across it."""
    half, radius, wire = rng.uniform(18, 42), rng.uniform(16, 26), rng.uniform(5, 9)
    turn = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    square = rng.uniform(2, 4)
    norm = (np.abs(np.cos(turn)) ** square + np.abs(np.sin(turn)) ** square) ** (-1 / square)
    line = np.stack([(half + radius) * np.cos(turn) * norm, radius * np.sin(turn) * norm], axis=1)
    forward = np.roll(line, -1, axis=0) - np.roll(line, 1, axis=0)
    outward = np.stack([forward[:, 1], -forward[:, 0]], axis=1) / np.linalg.norm(forward, axis=1)[:, None]
    section = circle(wire, count=32)
    flat = line[:, None] + section[:, :1] * outward[:, None]
    rings = np.concatenate([flat, np.broadcast_to(-section[:, 1:], (*flat.shape[:2], 1))], axis=2)
    body = loft(rings, endless=True)
    if chance(rng, 0.4):
        body = joined(body, limb((0, -radius, 0), (0, radius, 0), 0.7 * wire))
    twist = rng.uniform(-1, 1) * chance(rng, 0.5) / (half + radius)

    def move(xyz: Float64Array) -> Float64Array:
        cosine, sine = np.cos(twist * xyz[:, 0]), np.sin(twist * xyz[:, 0])
        x, y, z = xyz.T
        return np.stack([x, cosine * y - sine * z, sine * y + cosine * z], axis=1)

    return finished(body.warp_batch(move))


def spoon(rng: np.random.Generator) -> Manifold:
    """A spoon or ladle of 90 to 155 mm: a hollow oval on a bent flat stem."""
    long, wide, deep = rng.uniform(20, 30), rng.uniform(14, 24), rng.uniform(8, 16)
    wall, stem = rng.uniform(2.8, 4.2), rng.uniform(60, 95)
    outer = starred(rounded_power(np.array([long, wide, deep]), 2.2), segments=100).trim_by_plane(
        (0, 0, -1), 0
    )
    inner = starred(rounded_power(np.array([long - wall, wide - wall, deep - wall]), 2.2), segments=100)
    way = np.linspace(0, 1, 40)
    rise = rng.uniform(-4, 26) * way**2 - 2 - 3 * np.sin(np.pi * way)
    path = np.stack([long - 4 + stem * way, np.zeros(40), rise], axis=1)
    width = rng.uniform(3, 5) * (1 + rng.uniform(-0.2, 0.9) * way**2)
    sections = (
        rectangle(2, 2, radius=0.7) * np.stack([width, np.full(40, rng.uniform(1.6, 2.6))], axis=1)[:, None]
    )
    return finished(joined(without(outer, inner), without(sweep(path, sections, up=(0, 0, 1)), inner)))


def aeroplane(rng: np.random.Generator) -> Manifold:
    """An aeroplane: a long body, two thin wings, a tail of three fins, engines at times."""
    half, thick = rng.uniform(42, 68), rng.uniform(6, 11)
    pieces = [starred(rounded_power(np.array([half, thick, thick]), 2.4), segments=96)]

    def wing(root: float, tip: float, span: float, *, sweep_back: float, at: float, thin: float) -> Manifold:
        outline = np.array(
            [
                [at + root / 2, 0],
                [at - root / 2, 0],
                [at - root / 2 - sweep_back, span],
                [at - root / 2 - sweep_back + tip, span],
            ]
        )
        return prism(outline[::-1], thin, edge=0.35 * thin)

    root, span, back = rng.uniform(22, 36), rng.uniform(38, 65), rng.uniform(0, 28)
    tip, at, thin = root * rng.uniform(0.4, 0.8), rng.uniform(0, 8), rng.uniform(3, 4.5)
    main = wing(root, tip, span, sweep_back=back, at=at, thin=thin)
    tail = wing(0.55 * root, 0.35 * root, 0.4 * span, sweep_back=0.4 * back, at=0.3 * root - half, thin=2.8)
    level = rng.uniform(-0.5, 0.5) * thick
    for piece, height in ((main, level), (tail, 0.0)):
        pieces += [
            piece.translate((0, 0, height - 1.5)),
            piece.mirror((0, 1, 0)).translate((0, 0, height - 1.5)),
        ]
    pieces.append(tail.rotate((90, 0, 0)).translate((0, 1.4, 0)))
    if chance(rng, 0.5):
        y = 0.4 * span
        engine = Manifold.cylinder(rng.uniform(14, 22), 4.5, 3.6, 40, True).rotate((0, 90, 0))
        pieces += [engine.translate((2 - 0.4 * back, sign * y, level - 3)) for sign in (-1, 1)]
    return finished(joined(*pieces))


def boat(rng: np.random.Generator) -> Manifold:
    """An open hull of 80 to 150 mm with a pointed bow, benches across and a keel at times."""
    half, wide, deep, wall = rng.uniform(42, 72), rng.uniform(16, 28), rng.uniform(16, 30), rng.uniform(3, 5)
    stern = rng.uniform(0.3, 0.9)

    def hull(back: float) -> Manifold:
        rings = []
        for way in np.linspace(-1, 1, 40):
            fullness = max((1 - abs(way) ** 2.2) if way > 0 else 1 - (1 - stern) * abs(way) ** 2, 0.03)
            side = max(wide * fullness - back, 0.4)
            low = max(deep * (0.55 + 0.45 * fullness) - back, 1.0)
            turn = np.linspace(np.pi, 2 * np.pi, 24)
            arc = np.stack(
                [np.full(24, way * (half - back)), side * np.cos(turn), low * np.sin(turn) + back * 0], axis=1
            )
            rings.append(
                np.concatenate(
                    [
                        arc,
                        [
                            [way * (half - back), side, 6 + (back > 0)],
                            [way * (half - back), -side, 6 + (back > 0)],
                        ],
                    ]
                )
            )
        return loft(np.stack(rings))

    body = without(hull(0), hull(wall))
    benches = np.linspace(-0.45, 0.3, count(rng, 0, 3)) * half
    pieces = [body, *(cuboid(7, 2.2 * wide, 3, at=(x, 0, -2)) ^ hull(0) for x in benches)]
    if chance(rng, 0.5):
        pieces.append(
            cuboid(1.5 * half, 3, 6, at=(-0.1 * half, 0, -deep - 3))
            ^ cuboid(4 * half, 3, deep, at=(0, 0, -deep - 4))
        )
    return finished(joined(*pieces))


def fish(rng: np.random.Generator) -> Manifold:
    """A fish: a flat round body that narrows to a tail, with fins; with or without scales."""
    half, high, thick = rng.uniform(42, 62), rng.uniform(16, 30), rng.uniform(8, 14)
    body = starred(rounded_power(np.array([half, thick, high]), 2), segments=110)
    narrow = rng.uniform(0.35, 0.55)

    def move(xyz: Float64Array) -> Float64Array:
        size = 1 - narrow * np.clip(-xyz[:, :1] / half, -0.2, 1)
        return xyz * np.concatenate([np.ones_like(size), size, size], axis=1, dtype=np.float64)

    body = relieved(rng, body.warp_batch(move), about="centre", share=0.5)
    fork = rng.uniform(0, 12)
    tail = np.array(
        [
            [-half + 10, 3],
            [-half - 20, high * 0.8],
            [-half - 20 + fork, 0],
            [-half - 20, -high * 0.8],
            [-half + 10, -3],
        ]
    )
    top = np.array(
        [
            [-0.3 * half, 0.5 * high],
            [0.4 * half, 0.5 * high],
            [0.15 * half, 1.3 * high],
            [-0.35 * half, 1.2 * high],
        ]
    )
    low = np.array([[-0.1 * half, -0.5 * high], [-0.2 * half, -1.25 * high], [0.2 * half, -0.5 * high]])
    fins = [
        prism(softened(outline, 1.5), 3.4, edge=0.6).rotate((90, 0, 0)).translate((0, 1.7, 0))
        for outline in (tail, top, low)
    ]
    return finished(joined(body, *fins))


def cage(rng: np.random.Generator) -> Manifold:
    """A box of rods along its edges, with bars across some of its sides."""
    half, rod = rng.uniform(24, 52, 3), rng.uniform(3, 6)
    pieces = []
    for axis in range(3):
        others = [(axis + 1) % 3, (axis + 2) % 3]
        for u in (-1, 1):
            for v in (-1, 1):
                at = np.zeros(3)
                at[others] = half[others] * [u, v]
                way = np.eye(3)[axis] * half[axis]
                pieces.append(limb(at - way, at + way, rod))
    axis, bars = count(rng, 0, 2), count(rng, 0, 3)
    for share in np.linspace(-1, 1, bars + 2)[1:-1]:
        for sign in (-1, 1):
            at, way = np.zeros(3), np.eye(3)[axis] * half[axis]
            at[(axis + 1) % 3], at[(axis + 2) % 3] = sign * half[(axis + 1) % 3], share * half[(axis + 2) % 3]
            pieces.append(limb(at - way, at + way, 0.75 * rod))
    return finished(joined(*pieces))


def mushroom(rng: np.random.Generator) -> Manifold:
    """A mushroom: a cap, hollow below with or without gills, on a bent stem."""
    cap, high, stem, thick = (
        rng.uniform(26, 50),
        rng.uniform(0.45, 0.95),
        rng.uniform(7, 14),
        rng.uniform(6, 11),
    )
    turn = np.linspace(0, np.pi / 2, 24)
    top = cap * np.stack([np.cos(turn), high * np.sin(turn)], axis=1)
    under = top * [(cap - 0.6 * thick) / cap, 1] - [0, thick]
    under = under[under[:, 1] > 0.5]
    profile = np.concatenate([top, [[0, under[-1, 1]]], under[::-1], [[cap - 0.6 * thick, 0]]])
    body = turned(profile)
    if chance(rng, 0.6):
        gill = cuboid(0.75 * cap, 2, 0.6 * cap * high, at=(0.5 * cap, 0, 1)) ^ turned(
            np.concatenate([[[0, 0]], top])
        )
        body = joined(body, ringed(rng, gill, count(rng, 8, 20)))
    long, lean = rng.uniform(35, 75), rng.uniform(-12, 12)
    way = np.linspace(0, 1, 24)
    path = np.stack([lean * way**2, np.zeros(24), -long * way + 0.7 * cap * high * (1 - way)], axis=1)
    size = stem * (1 + rng.uniform(-0.1, 0.5) * way**2)
    return finished(
        joined(body, sweep(path[::-1], circle(1, count=48) * size[::-1, None, None], up=(0, 1, 0)))
    )


def hanger(rng: np.random.Generator) -> Manifold:
    """A clothes hanger of 100 to 155 mm: a hook on two sloping arms, with a bar or not."""
    half, fall, rod = rng.uniform(48, 74), rng.uniform(16, 40), rng.uniform(3.2, 5.5)
    radius, section = rng.uniform(9, 15), circle(rod, count=28) * [1, rng.uniform(0.7, 1)]
    turn = np.linspace(-0.5 * np.pi, rng.uniform(0.7, 1.1) * np.pi, 30)
    bow = np.stack([radius * np.cos(turn), np.zeros(30), radius * np.sin(turn) + radius + 12], axis=1)
    knots = np.array(
        [[-half, -fall], [-0.5 * half, -0.55 * fall], [0, 0], [0.5 * half, -0.55 * fall], [half, -fall]]
    )
    arms = np.insert(smooth(knots, 40), 1, 0, axis=1)
    pieces = [sweep(path, section, up=(0, 1, 0)) for path in (np.concatenate([[[0, 0, 0]], bow]), arms)]
    pieces += [ball(1.02 * rod, at=at, segments=28) for at in (bow[-1], arms[0], arms[-1])]
    if chance(rng, 0.6):
        pieces.append(limb((-half, 0, -fall), (half, 0, -fall), 0.8 * rod))
    return finished(joined(*pieces).rotate((90, 0, 0)) if chance(rng, 0.5) else joined(*pieces))


def saddle(rng: np.random.Generator) -> Manifold:
    """A thick sheet curved up one way and down the other, its outline round or rectangular."""
    half, thick = rng.uniform(34, 66, 2), rng.uniform(3.5, 7)
    outline = circle(1) * half if chance(rng, 0.5) else rectangle(*(2 * half), radius=8)
    up, down, turn = rng.uniform(8, 26), rng.uniform(8, 26), rng.uniform(-0.4, 0.4)
    body = even(prism(outline, thick, edge=0.5))

    def move(xyz: Float64Array) -> Float64Array:
        u, v = xyz[:, 0] / half[0], xyz[:, 1] / half[1]
        return lifted(xyz, up * u**2 - down * v**2 + 10 * turn * u * v)

    body = body.warp_batch(move)
    if chance(rng, 0.3):
        body = without(
            body, plate(CrossSection([circle(0.25 * float(half.min()))]), 60).translate((0, 0, -30))
        )
    return finished(body)
