"""Parts with teeth, vanes and spokes: gear, impeller, wheel."""

import numpy as np
from manifold3d import Manifold

from pc3dad.data.synthetic.parts.meshes import joined, rested, sweep, turned
from pc3dad.data.synthetic.parts.outlines import around, circle, rounded, sides, softened, spun
from pc3dad.data.synthetic.parts.terraces import Area, hole, prism, terraced
from pc3dad.types import Float64Array

PRESSURE_ANGLE = np.radians(20.0)


def gear(rng: np.random.Generator) -> Manifold:
    """A gear of 56 to 130 mm with involute teeth, a hub, and a bore with a keyway.

    13 to 40 teeth of module 2.4 to 5 mm, straight or helical, 10 to 26 mm wide; bore 13 to 24 mm; the hub
    stands out on one side or both; larger ones have a thinner web, with or without 3 to 7 holes.
    """
    outer, width = rng.uniform(28, 65), rng.uniform(10, 26)
    teeth = int(np.clip(2 * outer / rng.uniform(2.4, 5) - 2, 13, 40))
    module = 2 * outer / (teeth + 2)
    bore = rng.uniform(5, 9) + 0.05 * outer
    hub, hub_height = bore + rng.uniform(4, 8), width + rng.uniform(3, 14)
    rim = outer - module * rng.uniform(3.8, 4.8)
    lift = rng.choice([-0.8, (width - hub_height) / 2])
    helix = np.radians(rng.uniform(8, 20)) * rng.choice([-1, 1]) if rng.random() < 0.4 else 0.0
    key = _keyed_bore(bore, width=rng.uniform(0.5, 0.65) * bore, depth=rng.uniform(0.25, 0.35) * (hub - bore))
    middle = Area(circle(hub), lift, lift + hub_height, [hole(key)])
    if rim > hub + 7:
        sunk, gap = width * rng.uniform(0.2, 0.35), rim - hub
        radius = min(rng.uniform(0.22, 0.36) * gap, 0.22 * (rim + hub))
        count = int(rng.integers(3, int(np.clip(np.pi * (rim + hub) / (2 * radius + 4), 4, 8))))
        places = around(
            count if gap > 10 and rng.random() < 0.7 else 0, (rim + hub) / 2, start=rng.uniform(0, 1)
        )
        holes = [hole(circle(radius, centre=at)) for at in places]
        middle = Area(circle(rim), sunk, width - sunk, [middle, *holes])
    twist = np.tan(helix) / outer
    storeys = 1 + int(np.ceil(abs(twist) * width * sides(outer) / (2 * np.pi)))
    ring = Area(_teeth(teeth, module), 0, width, [middle], twist=twist, storeys=storeys)
    return rested(terraced(ring, edge=rng.uniform(0.3, 0.6)))


def impeller(rng: np.random.Generator) -> Manifold:
    """A pump impeller of 70 to 140 mm: curved vanes on a disc that rises to a bored hub.

    5 to 9 vanes, 2 to 3.6 mm thick, swept back by 40 to 100 degrees, with or without splitters between
    them; hub 16 to 32 mm across, with or without a boss behind the disc; bore 9 to 18 mm with a keyway.
    """
    outer, plate, bore = rng.uniform(35, 70), rng.uniform(3, 6), rng.uniform(4.5, 9)
    hub, top = bore + rng.uniform(3.5, 7), plate + rng.uniform(0.3, 0.55) * outer
    vanes, wrap, thickness = int(rng.integers(5, 10)), np.radians(rng.uniform(40, 100)), rng.uniform(2, 3.6)
    key = _keyed_bore(bore, width=0.5 * bore, depth=0.3 * (hub - bore))
    back, boss = max(0.5, rng.uniform(-6, 8)), top + rng.uniform(2, 8)
    pieces = [prism(circle(hub), back + boss, holes=[key], edge=0.5).translate((0, 0, -back))]
    way, steepness, inner = np.linspace(0, 1, 22), rng.uniform(2, 3.2), (hub + bore) / 2 + 0.3
    slope = np.stack([outer - 1 + (inner + 1 - outer) * way, plate + (top - plate) * way**steepness], axis=1)
    pieces.append(
        turned(np.concatenate([[[inner, 0], [outer - 1, 0], [outer, 1], [outer, plate - 1]], slope]))
    )
    low, high = plate + rng.uniform(0.13, 0.3) * outer, top - rng.uniform(-0.05, 0.1) * (top - plate)
    splitters = vanes < 7 and rng.random() < 0.4
    for begins in (0.0, 0.5) if splitters else (0.0,):
        way = np.linspace(begins, 1, 32)
        height = high + (low - high) * (1 - (1 - way) ** 1.6)
        radius, angle = hub + 1.5 + (outer - hub - 2.7) * way, -wrap * way**0.8
        path = np.stack([radius * np.cos(angle), radius * np.sin(angle), np.zeros(len(way))], axis=1)
        vane = sweep(path, _vane_section(thickness, floor=plate / 2, height=height), up=(0, 0, 1))
        pieces += [vane.rotate((0, 0, 360 * (index + begins) / vanes)) for index in range(vanes)]
    return rested(joined(*pieces))


def wheel(rng: np.random.Generator) -> Manifold:
    """A wheel of 80 to 150 mm: a rim with two lips, 3 to 9 spokes, a hub with a bore.

    Rim 16 to 34 mm wide, hub 15 to 36 mm across; spokes straight, widening or narrowing; with or without 4
    to 6 lug holes around the hub.
    """
    outer, width = rng.uniform(40, 75), rng.uniform(16, 34)
    floor = outer * rng.uniform(0.86, 0.93)
    wall, lip = rng.uniform(2.5, 4), rng.uniform(0.12, 0.2) * width
    inner, shoulder = floor - wall, lip + rng.uniform(0.04, 0.15) * width
    profile = [[inner + 2, 0], [outer, 0], [outer, lip], [floor, shoulder], [floor, width - shoulder]]
    profile += [[outer, width - lip], [outer, width], [inner + 2, width], [inner, width - shoulder]]
    profile += [[inner, shoulder]]
    rim = turned(rounded(np.array(profile), [0.6, 1, 1, 0, 0, 1, 1, 0.6, 0, 0], steps=1))
    bore, spokes = outer * rng.uniform(0.09, 0.14), int(rng.integers(3, 10))
    hub, lugs = bore + rng.uniform(4, 7.5), int(rng.integers(4, 7)) if rng.random() < 0.7 else 0
    lugs = lugs if hub + 11 < 0.62 * inner else 0
    plate = hub + (11 if lugs else 3)
    narrow = min(rng.uniform(0.1, 0.24) * outer, 1.2 * np.pi * plate / spokes)
    wide = min(narrow * rng.uniform(0.7, 1.6), 1.2 * np.pi * inner / spokes)
    edge_size = rng.uniform(0.6, 1.2)
    window = _window(np.pi / spokes, inner=plate, outer=inner - edge_size - 0.3, narrow=narrow, wide=wide)
    windows = [spun(window, 2 * np.pi * k / spokes) for k in range(spokes)]
    lug_holes = [circle(2.4, centre=at) for at in around(lugs, hub + 4.3)]
    thickness, height = width * rng.uniform(0.3, 0.5), rng.uniform(4, 12)
    middle = Area(circle(hub), -2, thickness + height, [hole(circle(bore))])
    holes = [hole(each) for each in (*windows, *lug_holes)]
    disc = terraced(Area(circle(inner + wall / 2), 0, thickness, [middle, *holes]), edge=edge_size)
    return rested(joined(rim, disc.translate((0, 0, rng.uniform(0.1, 0.9) * (width - thickness)))))


def _teeth(teeth: int, module: float) -> Float64Array:
    """(S, 2) float64: the outline of a gear with involute flanks and rounded roots."""
    pitch, root, tip = module * teeth / 2, module * (teeth / 2 - 1.2), module * (teeth / 2 + 1)
    base = pitch * np.cos(PRESSURE_ANGLE)
    radii = np.linspace(max(base, root + 0.35 * module), tip, 6)
    slant = np.arccos(base / radii)
    half = np.pi / (2 * teeth) * 0.97 + np.tan(PRESSURE_ANGLE) - PRESSURE_ANGLE - np.tan(slant) + slant
    radii, half = np.insert(radii, 0, root), np.insert(half, 0, half[0] + 0.06 / teeth)
    angles, radii = np.concatenate([-half, half[::-1]]), np.concatenate([radii, radii[::-1]])
    tooth = radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    every = np.concatenate([spun(tooth, 2 * np.pi * index / teeth) for index in range(teeth)])
    fillets = np.zeros(len(tooth))
    fillets[[0, -1]] = 0.3 * module
    return rounded(every, np.tile(fillets, teeth), steps=4)


def _keyed_bore(radius: float, *, width: float, depth: float) -> Float64Array:
    """(S, 2) float64: a circle with a slot `width` wide and `depth` deep in direction x."""
    half = np.arcsin(width / 2 / radius)
    turn = np.linspace(half, 2 * np.pi - half, sides(radius))
    arc = radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    return np.concatenate([arc, [[radius + depth, -width / 2], [radius + depth, width / 2]]])


def _vane_section(thickness: float, *, floor: float, height: Float64Array) -> Float64Array:
    """(R, 6, 2) float64: upright sections from the floor to (R,) heights, their upper edges cut off."""
    half, cut = thickness / 2, thickness / 4
    across = np.broadcast_to([-half, half, half, half - cut, cut - half, -half], (len(height), 6))
    low = np.full_like(height, floor)
    return np.stack(
        [across, np.stack([low, low, height - cut, height, height, height - cut], axis=1)], axis=2
    )


def _window(half: float, *, inner: float, outer: float, narrow: float, wide: float) -> Float64Array:
    """(S, 2) float64: the opening about direction x between spokes of two widths at the hub and the rim."""
    low, high = half - np.arcsin(narrow / 2 / inner), half - np.arcsin(wide / 2 / outer)
    arc = np.linspace(-1, 1, 24)
    rim = np.stack([outer * np.cos(high * arc), outer * np.sin(high * arc)], axis=1)
    hub = np.stack([inner * np.cos(low * arc[::-1]), inner * np.sin(low * arc[::-1])], axis=1)
    return softened(np.concatenate([rim, hub]), 2.5)
