"""Defects that change the solid (hole, crack, cut-off corner, contamination), and one of colour alone."""

import numpy as np
from manifold3d import CrossSection, Manifold

from pc3dad.data.synthetic.defects import RIM, Ball, Cut, Lump, Sites, Stain
from pc3dad.data.synthetic.solids import Drawn
from pc3dad.types import BoolArray, Float64Array

CORNERS = 40  # of outlines
HIGHEST = 1.5  # mm; a tool does not cut what is farther above its place
WAVES = 8
FACING = 0.2  # smallest cosine between normals below a stain and that in its middle


def hole(sites: Sites, share: float, rng: np.random.Generator) -> Cut | None:
    """A pit with a wavy outline, 0.5 to 1.5 times as deep as its radius; in thin walls a hole through."""
    ratio = rng.uniform(0.5, 1.5)  # area of floor and wall: pi r^2 (1 + 2 ratio)
    radius = np.sqrt(share * sites.solid.area / np.pi / (1 + 2 * ratio))
    return _prism(sites, _wavy(radius, rng), max(0.6, ratio * radius), rng, narrow=False)


def crack(sites: Sites, share: float, rng: np.random.Generator) -> Cut | None:
    """A jagged gap, 0.6 to 1.6 mm wide and 1.5 to 4 mm deep, with pointed ends."""
    width, depth = rng.uniform(0.6, 1.6), rng.uniform(1.5, 4)
    length = max(share * sites.solid.area / (width + 2 * RIM), 4 * width)  # what one sees of it
    way = np.linspace(-0.5, 0.5, 8)
    path = np.stack([way * length, rng.normal(0, 0.05, 8).cumsum() * length / 2], axis=1)
    path[1:-1] += rng.uniform(-0.02, 0.02, (6, 2)) * length
    half = width / 2 * (1 - (2 * way) ** 2) + 0.02
    across = np.stack([np.zeros(8), half], axis=1)
    return _prism(sites, np.concatenate([path - across, (path + across)[::-1]]), depth, rng, narrow=True)


def cut_off(sites: Sites, share: float, rng: np.random.Generator) -> Cut | None:
    """A corner or an edge, broken off along a rough plane at least 0.8 mm below it."""
    outward = rng.normal(size=3)
    outward /= np.linalg.norm(outward)
    reached = sites.probes.xyz @ outward
    begin, end = float(np.quantile(reached, 1 - share)), float(reached.max())
    beyond = sites.probes.xyz[reached > begin]
    if end - begin < 0.8 or len(beyond) < 3:
        return None
    centre = (beyond.min(axis=0) + beyond.max(axis=0)) / 2
    ball = Ball(centre, float(np.linalg.norm(beyond - centre, axis=1).max()))
    if not sites.free(ball):
        return None
    side = 2.6 * ball.radius + 6
    box = _roughened(Manifold.cube((side, side, side), center=True).translate((0, 0, side / 2)), rng)
    across = np.cross(outward, np.eye(3)[np.argmin(np.abs(outward))])
    across /= np.linalg.norm(across)
    frame = np.stack([across, np.cross(outward, across), outward])
    origin = centre + (begin - centre @ outward) * outward
    return Cut(ball, _place(box, origin, frame), np.inf)


def contamination(sites: Sites, share: float, rng: np.random.Generator) -> Lump | None:
    """A rough lump on the surface, 0.3 to 0.7 times as high as its radius, 2 of 3 of another colour."""
    flat = rng.uniform(0.3, 0.7)
    radius = np.sqrt(share * sites.solid.area / np.pi / (1 + flat))
    centre, frame = sites.frame(rng)
    ball = Ball(centre, radius * 1.3)
    if not sites.free(ball):
        return None
    waves, phases = rng.normal(size=(4, 3)) * 2, rng.uniform(0, 2 * np.pi, 4)
    axes = radius * np.array([rng.uniform(0.85, 1.15), rng.uniform(0.85, 1.15), max(flat, 0.5 / radius)])

    def lumpy(xyz: Float64Array) -> Float64Array:
        swelling = 1 + 0.1 * np.sin(xyz @ waves.T + phases).sum(axis=1)
        placed: Float64Array = xyz * swelling[:, None] * axes
        return placed

    sides = int(np.clip(8 * np.ceil(radius), 24, 96))
    tool = _roughened(Manifold.sphere(1, sides).warp_batch(lumpy), rng)
    return Lump(ball, _place(tool, centre, frame), coloured=bool(rng.random() < 2 / 3))


def stain(sites: Sites, share: float, rng: np.random.Generator) -> Stain | None:
    """A spot of another colour with a wavy outline, 50 to 100 % opaque; the shape stays as it was."""
    radius = np.sqrt(share * sites.solid.area / np.pi)
    centre, frame = sites.frame(rng)
    ball = Ball(centre, radius * 1.3)
    if not sites.free(ball):
        return None
    outline = _wavy(radius, rng)
    turns, radii = np.arctan2(outline[:, 1], outline[:, 0]) % (2 * np.pi), np.hypot(*outline.T)

    def covers(drawn: Drawn) -> BoolArray:
        local = (drawn.xyz - centre) @ frame.T
        edge = np.interp(np.arctan2(local[:, 1], local[:, 0]), turns, radii, period=2 * np.pi)
        inside = (np.hypot(local[:, 0], local[:, 1]) < edge) & (np.abs(local[:, 2]) < ball.radius)
        covered: BoolArray = inside & (drawn.normals @ frame[2] > FACING)
        return covered

    return Stain(ball, covers, rng.uniform(0.5, 1))


def _wavy(radius: float, rng: np.random.Generator) -> Float64Array:
    """(C, 2) float64: an outline about 0 that is round on the whole."""
    turn = 2 * np.pi * np.arange(CORNERS) / CORNERS
    orders, phases = np.array([2, 3, 5]), rng.uniform(0, 2 * np.pi, 3)
    wave = (rng.uniform(0.03, 0.09, 3) * np.cos(orders * turn[:, None] + phases)).sum(axis=1)
    outline: Float64Array = radius * (1 + wave)[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    return outline


def _prism(
    sites: Sites, outline: Float64Array, depth: float, rng: np.random.Generator, *, narrow: bool
) -> Cut | None:
    """A prism of an outline (C, 2), sunk into the surface: a smooth gap, or a rough pit that is well lit."""
    centre, frame = sites.frame(rng)
    ball = Ball(centre, float(np.hypot(*outline.T).max()))
    if not sites.free(ball):
        return None
    local = (sites.probes.xyz - centre) @ frame.T
    below = (np.abs(local[:, :2]) < np.abs(outline).max(axis=0)).all(axis=1) & (local[:, 2] < HIGHEST)
    above = 0.3 + max(0.0, local[below, 2].max(initial=0.0))
    prism = Manifold.extrude(CrossSection([outline]), depth + above).translate((0, 0, -depth))
    if narrow:
        return Cut(ball, _place(prism, centre, frame), CrossSection([outline]).area())
    return Cut(ball, _place(_roughened(prism, rng), centre, frame), np.inf)


def _roughened(tool: Manifold, rng: np.random.Generator) -> Manifold:
    """A solid whose surface waves by 0.1 to 0.4 mm, every 3 to 10 mm, as that of a fracture."""
    waves = rng.normal(size=(WAVES, 3))
    waves *= (2 * np.pi / rng.uniform(3, 10, WAVES) / np.linalg.norm(waves, axis=1))[:, None]
    phases, ways = rng.uniform(0, 2 * np.pi, WAVES), rng.normal(size=(WAVES, 3))
    height = rng.uniform(0.1, 0.4) / np.sqrt(WAVES)

    def wave(xyz: Float64Array) -> Float64Array:
        moved: Float64Array = xyz + height * np.sin(xyz @ waves.T + phases) @ ways
        return moved

    low, high = np.reshape(tool.bounding_box(), (2, 3))
    return tool.refine_to_length(max(1.0, float(max(high - low)) / 40)).warp_batch(wave)


def _place(tool: Manifold, centre: Float64Array, frame: Float64Array) -> Manifold:
    """Moves a tool from the origin to a place; rows of `frame` are its axes. It gets an original id."""
    return tool.transform(np.column_stack([frame.T, centre])).as_original()
