"""Bodies with hollows and relief of their own: dished blocks, egg trays, terrain, golf balls, mazes."""

import numpy as np
from manifold3d import CrossSection, Manifold

from pc3dad.data.synthetic.parts.meshes import joined, without
from pc3dad.data.synthetic.parts.outlines import circle, rectangle, rounded
from pc3dad.data.synthetic.parts.terraces import prism
from pc3dad.encoders.embedded.families.faceted import polygon
from pc3dad.encoders.embedded.families.making import (
    ball,
    chance,
    count,
    cuboid,
    deformed,
    even,
    finished,
    lifted,
    noise,
    plate,
    rounded_power,
    starred,
    stroke,
)
from pc3dad.types import Float64Array


def dished_block(rng: np.random.Generator) -> Manifold:
    """An angular block with 1 to 4 smooth hollows in its faces."""
    half = rng.uniform(20, 55, 3) * [1, 1, 0.7]
    outline = (
        polygon(rng, count(rng, 3, 7), float(half[:2].mean()))
        if chance(rng, 0.5)
        else rectangle(*(2 * half[:2]))
    )
    body = prism(rounded(outline, rng.uniform(0.5, 8)), 2 * half[2], edge=rng.uniform(0.5, 3))
    body = body.translate((0, 0, -half[2]))
    tools = []
    for _ in range(count(rng, 1, 4)):
        way = np.eye(3)[count(rng, 0, 2) if chance(rng, 0.5) else 2] * rng.choice([-1, 1])
        size = float(half.min()) * rng.uniform(0.35, 0.9) * rng.uniform(0.7, 1.3, 3)
        at = rng.uniform(-0.45, 0.45, 3) * half * (1 - np.abs(way))
        at += way * (half + rng.uniform(-0.3, 0.4) * size)
        hollow = starred(rounded_power(size, rng.uniform(1.8, 3.5)), segments=80)
        tools.append(hollow.translate(tuple(map(float, at))))
    return finished(without(body, *tools))


def egg_tray(rng: np.random.Generator) -> Manifold:
    """A plate with rows of round hollows, on a block or pressed from a sheet."""
    pitch, columns, rows = rng.uniform(18, 32), count(rng, 2, 4), count(rng, 1, 3)
    steps = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(-1, 2)
    places = (steps - [(columns - 1) / 2, (rows - 1) / 2]) * pitch
    outline = rectangle((columns + 0.2) * pitch, (rows + 0.2) * pitch, radius=rng.uniform(1, 9))
    radius, deep = rng.uniform(0.33, 0.45) * pitch, rng.uniform(0.15, 0.45) * pitch
    if chance(rng, 0.5):
        body = prism(outline, deep + rng.uniform(4, 10), edge=0.8)
        top = body.bounding_box()[5]
        hollow = starred(rounded_power(np.array([radius, radius, deep]), rng.uniform(1.8, 3)), segments=56)
        return finished(without(body, *(hollow.translate((x, y, top)) for x, y in places)))
    sheet = even(prism(outline, rng.uniform(2.5, 4)))

    def move(xyz: Float64Array) -> Float64Array:
        away = np.linalg.norm(xyz[:, None, :2] - places, axis=2).min(axis=1) / (1.15 * radius)
        return lifted(xyz, -deep * np.maximum(1 - away**2, 0) ** 2)

    return finished(sheet.warp_batch(move))


def terrain(rng: np.random.Generator) -> Manifold:
    """A block whose upper face is a landscape of smooth hills and hollows."""
    half, base = rng.uniform(32, 66, 2), rng.uniform(16, 30)
    outline = circle(1) * half if chance(rng, 0.3) else rectangle(*(2 * half), radius=rng.uniform(0.5, 12))
    value, high = noise(rng, waves=7, slowest=0.06, fastest=0.24), rng.uniform(2.5, 0.2 * base)
    body = even(prism(outline, base))

    def move(xyz: Float64Array) -> Float64Array:
        return lifted(xyz, high * value(xyz[:, :2]) * (xyz[:, 2] / base) ** 2)

    return finished(body.warp_batch(move))


def golf_ball(rng: np.random.Generator) -> Manifold:
    """A ball with 40 to 150 even dimples or bumps all over."""
    half, dots = rng.uniform(24, 50) * np.append(rng.uniform(0.8, 1, 2), 1), count(rng, 40, 150)
    step = np.arange(dots) + 0.5
    height, turn = 1 - 2 * step / dots, np.pi * (1 + np.sqrt(5)) * step
    flat = np.sqrt(1 - height**2)
    ways = np.stack([flat * np.cos(turn), flat * np.sin(turn), height], axis=1)
    size = rng.uniform(0.6, 0.95) * np.sqrt(4 / dots)
    deep = float(rng.choice([-1, -1, 1])) * rng.uniform(0.16, 0.28) * size

    def reach(directions: Float64Array) -> Float64Array:
        nearest = (directions @ ways.T).max(axis=1)
        away = np.arccos(np.clip(nearest, -1, 1)) / size
        dimples: Float64Array = 1 + deep * np.maximum(1 - away**2, 0) ** 2
        return dimples

    body = starred(reach, segments=170)
    return finished(body.scale(tuple(map(float, half))))


def maze(rng: np.random.Generator) -> Manifold:
    """A plate with walls, or with channels, along a random grid."""
    pitch, columns, rows = rng.uniform(13, 20), count(rng, 3, 6), count(rng, 3, 5)
    wall, floor, high = rng.uniform(2.5, 5), rng.uniform(4, 8), rng.uniform(4, 16)
    wide, deep = columns * pitch, rows * pitch
    ground = rectangle(wide + 4, deep + 4, radius=2)
    shape = CrossSection()
    for i in range(columns + 1):
        for j in range(rows + 1):
            at = np.array([i * pitch - wide / 2, j * pitch - deep / 2])
            for way, room in ((np.array([pitch, 0]), i < columns), (np.array([0, pitch]), j < rows)):
                if room and chance(rng, 0.45):
                    shape += stroke([at.tolist(), (at + way).tolist()], wall)
    shape ^= CrossSection([ground])
    body = prism(ground, floor, edge=0.5)
    if chance(rng, 0.6):
        return finished(joined(body, Manifold.extrude(shape, high + 1).translate((0, 0, floor - 1))))
    return finished(without(body, Manifold.extrude(shape, floor).translate((0, 0, 0.45 * floor))))


def castle(rng: np.random.Generator) -> Manifold:
    """Four walls with battlements between towers, with a gate and a court."""
    wide, deep, high, wall = rng.uniform(50, 85), rng.uniform(45, 75), rng.uniform(22, 40), rng.uniform(5, 8)
    outline = CrossSection([rectangle(wide, deep)])
    body = plate(outline - outline.offset(-wall), high)
    if chance(rng, 0.6):
        body = joined(body, prism(rectangle(wide, deep), rng.uniform(4, 8)))
    tooth, corners = rng.uniform(3.5, 6), int(rng.choice([0, 4, 6, 8]))
    gaps = [
        cuboid(tooth, deep + 2, 8, at=(x, 0, high - 4)) for x in np.arange(-wide / 2, wide / 2, 2.2 * tooth)
    ]
    gaps += [
        cuboid(wide + 2, tooth, 8, at=(0, y, high - 4)) for y in np.arange(-deep / 2, deep / 2, 2.2 * tooth)
    ]
    gaps.append(cuboid(0.22 * wide, wall * 3, 0.6 * high, at=(0, -deep / 2, -1)))
    body = without(body, *gaps)
    radius, tall = rng.uniform(8, 12), high * rng.uniform(1.15, 1.7)
    tower = prism(circle(radius, count=corners), tall, edge=0.6)
    if chance(rng, 0.6):
        roof = Manifold.cylinder(radius * rng.uniform(1, 2), 1.25 * radius, 0.5, corners or 60)
        tower = joined(tower, roof.translate((0, 0, tall - 0.5)))
    spots = [(sx * wide / 2, sy * deep / 2, 0) for sx in (-1, 1) for sy in (-1, 1)]
    return finished(joined(body, *(tower.translate(spot) for spot in spots[: count(rng, 2, 4)])))


def woven(rng: np.random.Generator) -> Manifold:
    """A mat of strips that go over and under each other, 60 to 130 mm."""
    strips, pitch = count(rng, 4, 7), rng.uniform(11, 18)
    wide, thick = pitch * rng.uniform(0.5, 0.75), rng.uniform(2.4, 4)
    half, height = strips * pitch / 2, 0.45 * thick
    strip = cuboid(2 * half, wide, thick).refine_to_length(0.2 * pitch)
    pieces = []
    for k in range(strips):
        at, phase = (k + 0.5) * pitch - half, np.pi * (k % 2)
        over = strip.warp_batch(
            lambda xyz, phase=phase: lifted(
                xyz, height * np.cos(np.pi * (xyz[:, 0] + half) / pitch - np.pi / 2 + phase)
            )
        )
        under = strip.warp_batch(
            lambda xyz, phase=phase: lifted(
                xyz, -height * np.cos(np.pi * (xyz[:, 0] + half) / pitch - np.pi / 2 + phase)
            )
        )
        pieces += [over.translate((0, at, 0)), under.rotate((0, 0, 90)).translate((at, 0, 0))]
    return finished(deformed(rng, joined(*pieces), share=0.3))


def cheese(rng: np.random.Generator) -> Manifold:
    """A wedge, a block or a round with many balls cut out of it."""
    radius, high, kind = rng.uniform(38, 62), rng.uniform(22, 42), count(rng, 0, 2)
    if kind == 0:
        turn = np.linspace(0, rng.uniform(0.7, 1.8), 30)
        outline = np.concatenate([[[0, 0]], radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)])
    else:
        outline = rectangle(1.6 * radius, 1.2 * radius, radius=2) if kind == 1 else circle(0.8 * radius)
    body = prism(outline, high, edge=rng.uniform(0.5, 2))
    low, far = outline.min(axis=0), outline.max(axis=0)
    holes = []
    for _ in range(count(rng, 6, 16)):
        at = [*rng.uniform(low, far), rng.choice([0.0, high, rng.uniform(0, high)])]
        holes.append(ball(rng.uniform(3.5, 8), at=at, segments=40))
    return finished(without(body, *holes))
