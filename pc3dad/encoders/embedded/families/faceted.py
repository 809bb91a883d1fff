"""Bodies with flat faces and edges: prisms, pyramids, stars, wedges, stairs, crystals, rocks."""

import numpy as np
from manifold3d import CrossSection, Manifold

from pc3dad.data.synthetic.parts.meshes import joined, loft, without
from pc3dad.data.synthetic.parts.outlines import around, circle, rectangle, rounded
from pc3dad.data.synthetic.parts.terraces import prism
from pc3dad.encoders.embedded.families.making import (
    chance,
    count,
    cuboid,
    deformed,
    drilled,
    even,
    finished,
    relieved,
)
from pc3dad.types import Float64Array


def polygon(rng: np.random.Generator, corners: int, radius: float) -> Float64Array:
    """(corners, 2) float64: a convex polygon, regular or not, stretched or not."""
    turn = 2 * np.pi * (np.arange(corners) + rng.uniform(-0.25, 0.25, corners) * chance(rng, 0.4)) / corners
    return radius * np.stack([np.cos(turn), np.sin(turn) * rng.uniform(0.6, 1)], axis=1)


def prism_block(rng: np.random.Generator) -> Manifold:
    """A prism of 3 to 8 sides, 12 to 120 mm high, with chamfers; bored, twisted, tapered or bent at times."""
    radius, height = rng.uniform(22, 60), rng.uniform(12, 120)
    outline = rounded(
        polygon(rng, count(rng, 3, 8), radius), rng.uniform(0, 0.25) * radius * chance(rng, 0.5)
    )
    bore = [circle(radius * rng.uniform(0.15, 0.35))] if chance(rng, 0.3) else []
    body = prism(outline, height, holes=bore, edge=rng.uniform(0.5, 3))
    body = relieved(rng, drilled(rng, body, share=0.25, along=(0, 1)), about="axis", share=0.35)
    return finished(deformed(rng, body, share=0.4))


def pyramid(rng: np.random.Generator) -> Manifold:
    """A pyramid of 3 to 7 sides, pointed, cut off, or stepped like a temple."""
    radius, height, corners = rng.uniform(28, 65), rng.uniform(30, 95), count(rng, 3, 7)
    outline = polygon(rng, corners, radius)
    if chance(rng, 0.35):
        steps, top = count(rng, 3, 7), rng.uniform(0.1, 0.4)
        sizes = np.linspace(1, top, steps)
        terraces = [
            prism(outline * size, height / steps + 0.5, edge=0.8).translate((0, 0, height * index / steps))
            for index, size in enumerate(sizes)
        ]
        return finished(joined(*terraces))
    top = rng.uniform(0.02, 0.7)
    lean = rng.uniform(-0.2, 0.2, 2) * radius
    rings = np.stack([np.insert(outline, 2, 0, axis=1), np.insert(outline * top + lean, 2, height, axis=1)])
    body = loft(rings)
    if chance(rng, 0.3):
        under = rng.uniform(0.55, 0.75)
        rings = np.stack(
            [
                np.insert(under * outline, 2, -1, axis=1),
                np.insert(under * (outline * top + lean), 2, under * height, axis=1),
            ]
        )
        body = without(body, loft(rings))
    return finished(relieved(rng, body, about="axis", share=0.35))


def star(rng: np.random.Generator) -> Manifold:
    """A prism over a star of 4 to 9 points, straight, twisted or tapered; with or without a bore."""
    points, outer = count(rng, 4, 9), rng.uniform(28, 62)
    inner = outer * rng.uniform(0.4, 0.72)
    corners = np.stack([around(points, outer), around(points, inner, start=np.pi / points)], axis=1).reshape(
        -1, 2
    )
    corners = rounded(corners, rng.uniform(0, 4))
    height, twist, taper = rng.uniform(9, 70), rng.uniform(-50, 50) * chance(rng, 0.4), rng.uniform(0.5, 1)
    if not chance(rng, 0.5):
        body = prism(corners, height, edge=rng.uniform(0.5, 2))
    else:
        body = Manifold.extrude(CrossSection([corners]), height, 24, twist, (taper, taper))
    if chance(rng, 0.4):
        bore = inner * rng.uniform(0.2, 0.55) * taper
        body = without(body, Manifold.cylinder(height + 2, bore, bore, 48).translate((0, 0, -1)))
    return finished(body)


def wedge(rng: np.random.Generator) -> Manifold:
    """A ramp of 50 to 130 mm with a blunt end, with or without grooves across the slope or a hollow below."""
    long, wide, high, blunt = (
        rng.uniform(50, 130),
        rng.uniform(22, 70),
        rng.uniform(20, 60),
        rng.uniform(3, 9),
    )
    side = np.array([[0, 0], [long, 0], [long, blunt], [rng.uniform(0, 0.35) * long, high], [0, high]])
    body = prism(rounded(side, rng.uniform(0, 4)), wide, edge=rng.uniform(0.5, 2)).rotate((90, 0, 0))
    if chance(rng, 0.35):
        pitch, width = rng.uniform(7, 13), rng.uniform(2.5, 4.5)
        slope = np.degrees(np.arctan2(high - blunt, long - side[3, 0]))
        bar = cuboid(width, wide + 4, 2 * rng.uniform(1.5, 3)).rotate((0, slope, 0))
        at = np.arange(side[3, 0] + pitch, long - 6, pitch)
        heights = np.interp(at, side[[3, 2], 0], side[[3, 2], 1])
        body = without(
            body, *(bar.translate((x, -wide / 2, z - 2.5)) for x, z in zip(at, heights, strict=True))
        )
    elif chance(rng, 0.4):
        body = without(
            body, cuboid(0.6 * long, wide - 10, 0.5 * high, at=(0.36 * long, -wide / 2, -0.2 * high))
        )
    return finished(drilled(rng, body, share=0.3))


def stairs(rng: np.random.Generator) -> Manifold:
    """3 to 8 steps, solid, hollow below or standing on a slant; straight or winding."""
    steps, rise, tread, wide = count(rng, 3, 8), rng.uniform(7, 14), rng.uniform(9, 17), rng.uniform(25, 70)
    if chance(rng, 0.3):
        angle, inner = rng.uniform(18, 34), rng.uniform(8, 16)
        step = Manifold.revolve(
            CrossSection(
                [np.array([[inner, 0], [inner + wide, 0], [inner + wide, rise + 2], [inner, rise + 2]])]
            ),
            72,
            angle + 3,
        )
        core = Manifold.cylinder(steps * rise + 4, inner + 1, inner + 1, 60)
        flights = [step.rotate((0, 0, angle * k)).translate((0, 0, rise * k)) for k in range(steps)]
        return finished(joined(core, *flights))
    outline = [[0.0, 0.0], [steps * tread, 0.0]]
    for k in range(steps):
        outline += [[(steps - k) * tread, (k + 1) * rise], [(steps - k - 1) * tread, (k + 1) * rise]]
    side = np.array(outline)
    if chance(rng, 0.6):
        side = rounded(side, rng.uniform(0.6, 2))
    body = prism(side, wide, edge=0.5).rotate((90, 0, 0))
    if chance(rng, 0.5):
        under = np.array([[3, -1], [(steps - 1.5) * tread, -1], [3, (steps - 1.5) * rise]])
        through = wide + 2 if chance(rng, 0.5) else wide - 10
        hollow = prism(under, through).rotate((90, 0, 0)).translate((0, (through - wide) / 2, 0))
        body = without(body, hollow)
    return finished(body)


def gem(rng: np.random.Generator) -> Manifold:
    """A cut stone: the hull of a table, one or two girdles and a point, of 5 to 12 sides each."""
    sides, radius = count(rng, 5, 12), rng.uniform(28, 55)
    low, high = rng.uniform(0.5, 1.1) * radius, rng.uniform(0.25, 0.6) * radius
    rings = [
        (0.02, -low),
        (1, 0),
        (rng.uniform(0.75, 0.95), rng.uniform(0.4, 0.7) * high),
        (rng.uniform(0.4, 0.65), high),
    ]
    if chance(rng, 0.5):
        rings.append((rng.uniform(0.55, 0.75), -0.45 * low))
    stretch = [1, rng.uniform(0.65, 1)]
    points = [
        np.insert(around(sides, size * radius, start=np.pi / sides * (k % 2)) * stretch, 2, z, axis=1)
        for k, (size, z) in enumerate(rings)
    ]
    return finished(Manifold.hull_points(np.concatenate(points)))


def rock(rng: np.random.Generator) -> Manifold:
    """The hull of 10 to 40 random points; half of them with worn edges."""
    points = rng.normal(size=(count(rng, 10, 40), 3))
    points *= (
        rng.uniform(25, 60, 3)
        / np.linalg.norm(points, axis=1)[:, None]
        * rng.uniform(0.75, 1, (len(points), 1))
    )
    if chance(rng, 0.5):
        wear = Manifold.sphere(rng.uniform(2, 8), 24).to_mesh64().vert_properties
        points = (points[:, None] + np.asarray(wear)[None]).reshape(-1, 3)
    return finished(Manifold.hull_points(points))


def crystal(rng: np.random.Generator) -> Manifold:
    """3 to 8 pointed hexagonal columns that grow from one base."""
    pieces = []
    for k in range(count(rng, 3, 8)):
        radius, long = rng.uniform(6, 14), rng.uniform(32, 85)
        column = np.concatenate(
            [np.insert(circle(radius, count=6), 2, z, axis=1) for z in (-8, long - radius)]
            + [np.array([[0.15 * radius, 0, long]])]
        )
        tilt = rng.uniform(8, 50) * (k > 0)
        pieces.append(Manifold.hull_points(column).rotate((0, tilt, rng.uniform(0, 360))))
    base = Manifold.hull_points(
        np.concatenate([np.insert(polygon(rng, 7, rng.uniform(20, 34)), 2, z, axis=1) for z in (-12, 0)])
    )
    return finished(joined(base, *pieces))


def house(rng: np.random.Generator) -> Manifold:
    """A hut with a gabled roof that stands out, windows, a door and at times a chimney."""
    wide, deep, wall, roof = (
        rng.uniform(40, 80),
        rng.uniform(40, 90),
        rng.uniform(25, 55),
        rng.uniform(15, 40),
    )
    gable = np.array([[-wide / 2, 0], [wide / 2, 0], [wide / 2, wall], [0, wall + roof], [-wide / 2, wall]])
    body = prism(gable, deep).rotate((90, 0, 0)).translate((0, deep / 2, 0))
    eave, thick = rng.uniform(3, 7), rng.uniform(3, 5)
    fall = roof / (wide / 2) * eave
    cover = np.array(
        [
            [wide / 2 + eave, wall - fall],
            [wide / 2 + eave, wall - fall + thick],
            [0, wall + roof + thick],
            [-wide / 2 - eave, wall - fall + thick],
            [-wide / 2 - eave, wall - fall],
            [0, wall + roof - 1],
        ]
    )
    long = deep + 2 * eave
    pieces = [body, prism(cover, long).rotate((90, 0, 0)).translate((0, long / 2, 0))]
    if chance(rng, 0.5):
        pieces.append(
            cuboid(wide / 6, wide / 6, wall + roof + 6, at=(wide / 4, deep * rng.uniform(-0.3, 0.3), 0))
        )
    body = joined(*pieces)
    size, number = rng.uniform(0.22, 0.3) * wall, count(rng, 1, 3)
    niche = cuboid(6, size, 1.3 * size)
    tools = [
        niche.translate((sign * wide / 2, deep * 0.8 * ((k + 0.5) / number - 0.5), 0.35 * wall))
        for k in range(number)
        for sign in (-1, 1)
    ]
    tools.append(cuboid(0.25 * wide, 6, 0.55 * wall, at=(0, -deep / 2, 3)))
    return finished(without(body, *tools))


def tile(rng: np.random.Generator) -> Manifold:
    """A square or six-sided tile with an embossed relief, a rim or a groove."""
    side, thick = rng.uniform(55, 110), rng.uniform(7, 16)
    outline = (
        rectangle(side, side * rng.uniform(0.6, 1), radius=2)
        if chance(rng, 0.6)
        else circle(side / 2, count=6)
    )
    body = prism(outline, thick, edge=rng.uniform(0.6, 2))
    if chance(rng, 0.5):
        shape = CrossSection([0.82 * outline]) - CrossSection([0.68 * outline])
        ring = Manifold.extrude(shape, 2 * rng.uniform(1, 2))
        height = thick - ring.bounding_box()[5] / 2
        body = (
            without(body, ring.translate((0, 0, height)))
            if chance(rng, 0.5)
            else joined(body, ring.translate((0, 0, height)))
        )
    return finished(deformed(rng, relieved(rng, even(body), about="plane", share=0.85), share=0.2))
