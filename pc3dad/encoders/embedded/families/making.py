"""What all families are made with: bodies of revolution and of directions, reliefs, warps, patterns of holes.

Lengths are millimetres. Every function that takes a random generator draws from it alone.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
from manifold3d import CrossSection, Manifold

from pc3dad.data.synthetic.parts.meshes import joined, rested, without
from pc3dad.data.synthetic.parts.terraces import prism
from pc3dad.types import Float64Array

SMALLEST, LARGEST = 42.0, 158.0
"""Millimetres: the longest side of the box of a shape."""
FINE = 6_500
"""Triangles with equal sides that a surface gets before a warp; others make that two or three times more."""
MOST = 19_000
"""Triangles of a shape, roughly: what is finer than that is made coarser."""
HOLES = 0.35
RELIEF = 0.6
WARP = 0.3

Point = Sequence[float] | Float64Array
Warp = Callable[[Float64Array], Float64Array]
About = Literal["axis", "plane", "centre"]


def chance(rng: np.random.Generator, probability: float) -> bool:
    """Whether something of that probability happens."""
    return bool(rng.random() < probability)


def count(rng: np.random.Generator, low: int, high: int) -> int:
    """A whole number from `low` to `high`, both included."""
    return int(rng.integers(low, high + 1))


def extents(body: Manifold) -> tuple[Float64Array, Float64Array]:
    """(3,) float64 each: centre and sides of the box."""
    low, high = np.reshape(body.bounding_box(), (2, 3))
    return (low + high) / 2, high - low


def finished(body: Manifold) -> Manifold:
    """The largest piece of a body in the size of a workpiece, resting on z = 0."""
    pieces = body.decompose()
    body = max(pieces, key=lambda piece: piece.volume()) if len(pieces) > 1 else body
    for tolerance in (0.01, 0.02, 0.04, 0.08, 0.12):
        if body.num_tri() > MOST:
            body = body.simplify(tolerance)
    size = extents(body)[1].max()
    scale = float(np.clip(size, SMALLEST, LARGEST) / size)
    return rested(body.scale((scale, scale, scale)) if scale != 1 else body)


def cuboid(wide: float, deep: float, high: float, *, at: Point = (0, 0, 0)) -> Manifold:
    """A box whose lower face has its middle at `at`."""
    return Manifold.cube((wide, deep, high)).translate((at[0] - wide / 2, at[1] - deep / 2, at[2]))


def ball(radius: float, *, at: Point = (0, 0, 0), segments: int = 64) -> Manifold:
    """A sphere."""
    return Manifold.sphere(radius, segments).translate(tuple(map(float, at)))


def cushion(half: Point, radius: float) -> Manifold:
    """A box about the origin of half sides `half`, all of its edges and corners rounded."""
    inner = np.asarray(half) - radius
    signs = np.stack(np.meshgrid(*3 * [[-1, 1]]), axis=-1).reshape(-1, 3)
    sphere = Manifold.sphere(radius, 40)
    return Manifold.batch_hull([sphere.translate(tuple(map(float, sign * inner))) for sign in signs])


def limb(start: Point, end: Point, begins: float, ends: float = 0.0) -> Manifold:
    """A round rod between two points with round ends; its radius may change from one end to the other."""
    segments = int(np.clip(4 * begins, 16, 40))
    return Manifold.batch_hull(
        [ball(begins, at=start, segments=segments), ball(ends or begins, at=end, segments=segments)]
    )


def stroke(points: Sequence[Sequence[float]], width: float, *, around: bool = False) -> CrossSection:
    """A line of that width through points, with square ends and corners, or with round ones."""
    line = np.asarray(points, np.float64)
    pieces = []
    for start, end in pairwise(line):
        way = (end - start) / np.linalg.norm(end - start) * width / 2
        side = np.array([-way[1], way[0]])
        if around:
            turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
            disc = width / 2 * np.stack([np.cos(turn), np.sin(turn)], axis=1)
            pieces.append(CrossSection.hull_points(np.concatenate([disc + start, disc + end])))
        else:
            low, high = start - way, end + way
            pieces.append(CrossSection([np.array([low - side, high - side, high + side, low + side])]))
    shape = pieces[0]
    for piece in pieces[1:]:
        shape += piece
    return shape


def plate(shape: CrossSection, height: float, *, edge: float = 0.0) -> Manifold:
    """A flat body from z = 0 to `height`; `edge` as in `prism`."""
    outlines = [np.asarray(each) for each in shape.simplify(0.01).to_polygons()]
    areas = [_area(outline) for outline in outlines]
    outer = outlines[int(np.argmax(areas))]
    holes = [outline[::-1] for outline, area in zip(outlines, areas, strict=True) if area < -0.5]
    return prism(outer, height, holes=holes, edge=edge)


def starred(reach: Callable[[Float64Array], Float64Array], *, segments: int = 120) -> Manifold:
    """The body about the origin that (n, 3) unit directions to (n,) millimetres describe."""
    return Manifold.sphere(1, segments).warp_batch(lambda xyz: xyz * reach(xyz)[:, None])


def rounded_power(half: Float64Array, power: float) -> Callable[[Float64Array], Float64Array]:
    """For `starred`: an ellipsoid (power 2), towards a box (above) or an octahedron (below)."""

    def reach(directions: Float64Array) -> Float64Array:
        norm: Float64Array = (np.abs(directions / half) ** power).sum(axis=1) ** (-1 / power)
        return norm

    return reach


def even(body: Manifold) -> Manifold:
    """The same surface in triangles that are small enough for warps."""
    return body.simplify(0.01).refine_to_length(grain(body))


def lifted(xyz: Float64Array, by: Float64Array) -> Float64Array:
    """(n, 3) points (n, 3), moved up by (n,) millimetres."""
    moved = xyz.copy()
    moved[:, 2] += by
    return moved


def grain(body: Manifold) -> float:
    """Millimetres: the longest edge that `even` leaves."""
    return max(0.9, float(np.sqrt(body.surface_area() / (0.43 * FINE))))


def relieved(
    rng: np.random.Generator, body: Manifold, *, about: About = "axis", share: float = RELIEF
) -> Manifold:
    """A body that in `share` of the cases has a regular relief: waves, flutes, grooves, dots, knurling.

    The relief moves space itself by less than its own slope allows, hence the body stays closed; thin walls
    bend as a whole.

    Args:
        rng: source of all that differs.
        body: what gets the relief.
        about: whether the relief goes away from the z axis, up, or away from the middle.
        share: of the bodies that get any.
    """
    if not chance(rng, share):
        return body
    middle, sides = extents(body)
    wave = max(float(np.clip(sides.max() * rng.uniform(0.07, 0.18), 6, 18)), 4 * grain(body))
    height = wave * rng.uniform(0.035, 0.09)
    pattern, radius = _pattern(rng), float(sides[:2].max() / 2)
    low, high = np.sort(rng.uniform(-0.6, 0.6, 2)) * sides[2] if chance(rng, 0.5) else (-np.inf, np.inf)
    turns = max(3, round(2 * np.pi * radius / wave))

    def move(xyz: Float64Array) -> Float64Array:
        arm = xyz - middle
        flat = np.hypot(arm[:, 0], arm[:, 1])
        if about == "plane":
            raised = height * pattern(arm[:, 0] / wave, arm[:, 1] / wave)
            return lifted(xyz, raised)
        if about == "axis":
            turn = np.arctan2(arm[:, 1], arm[:, 0]) / (2 * np.pi)
            raised = pattern(turns * turn, arm[:, 2] / wave) * np.minimum(1, flat / (0.5 * radius))
            raised *= height * np.clip(np.minimum(arm[:, 2] - low, high - arm[:, 2]) / 3, 0, 1)
            arm *= (raised / np.maximum(flat, 1e-9))[:, None]
            arm[:, 2] = 0
            return xyz + arm
        away = np.linalg.norm(arm, axis=1)
        raised = height * pattern(arm[:, 0] / wave, arm[:, 1] / wave + arm[:, 2] / wave)
        arm *= (raised / np.maximum(away, 1))[:, None]
        return xyz + arm

    return even(body).warp_batch(move)


def deformed(rng: np.random.Generator, body: Manifold, *, share: float = WARP) -> Manifold:
    """A body that in `share` of the cases is twisted, bent, tapered or sheared along its longest side."""
    if not chance(rng, share):
        return body
    middle, sides = extents(body)
    long = int(np.argmax(sides))
    order = [(long + 1) % 3, (long + 2) % 3, long]
    warp = (_twist, _bend, _taper, _shear)[count(rng, 0, 3)](rng, sides[order])

    def move(xyz: Float64Array) -> Float64Array:
        moved = np.empty_like(xyz)
        moved[:, order] = warp((xyz - middle)[:, order])
        return moved

    return even(body).warp_batch(move)


def drilled(
    rng: np.random.Generator, body: Manifold, *, share: float = HOLES, along: Sequence[int] = (0, 1, 2)
) -> Manifold:
    """A body that in `share` of the cases has a regular pattern of holes: one, a row, a ring or a grid.

    Args:
        rng: source of all that differs.
        body: what gets the holes.
        share: of the bodies that get any.
        along: axes, by number, that the holes may follow.
    """
    if not chance(rng, share):
        return body
    middle, sides = extents(body)
    axis = int(rng.choice(along))
    across = sides[[(axis + 1) % 3, (axis + 2) % 3]]
    places, room = _places(rng, across)
    radius = float(np.clip(rng.uniform(0.4, 0.8) * room, 1.2, 0.2 * across.max()))
    corners = int(rng.choice([3, 4, 6])) if chance(rng, 0.2) else 0
    drill = Manifold.cylinder(sides[axis] + 4, radius, radius, corners or 40, True)
    depth = 0.0 if chance(rng, 0.7) else rng.uniform(0.5, 0.8) * sides[axis]  # blind ones
    turn = {0: (0, 90, 0), 1: (-90, 0, 0), 2: (0, 0, 0)}[axis]
    tools = []
    for place in places:
        at = middle.copy()
        at[[(axis + 1) % 3, (axis + 2) % 3]] += place
        at[axis] += depth
        tools.append(drill.rotate(turn).translate(tuple(map(float, at))))
    return without(body, *tools)


def ringed(rng: np.random.Generator, piece: Manifold, times: int) -> Manifold:
    """So many copies of a piece around the z axis, the first turned at random."""
    start = rng.uniform(0, 360)
    return joined(*(piece.rotate((0, 0, start + 360 * index / times)) for index in range(times)))


def noise(
    rng: np.random.Generator, *, waves: int, slowest: float, fastest: float
) -> Callable[..., Float64Array]:
    """A smooth random function of (n, D) positions: (n,) float64 of about unit variance.

    Args:
        rng: source of the waves.
        waves: how many sines are added.
        slowest: Their lowest frequency in radians per unit.
        fastest: Their highest.
    """
    ways, phases = rng.normal(size=(waves, 3)), rng.uniform(0, 2 * np.pi, waves)
    ways *= (rng.uniform(slowest, fastest, waves) / np.linalg.norm(ways, axis=1))[:, None]

    def value(xyz: Float64Array) -> Float64Array:
        summed: Float64Array = np.sin(xyz @ ways[:, : xyz.shape[1]].T + phases).sum(axis=1)
        summed *= np.sqrt(2 / waves)
        return summed

    return value


def wavy_profile(rng: np.random.Generator, knots: int, low: float, high: float) -> Float64Array:
    """(knots,) float64: random radii that neither repeat nor stay alike."""
    radii = rng.uniform(low, high, knots)
    radii[1::2] = (radii[1::2] + rng.uniform(low, high, len(radii[1::2]))) / 2
    return radii


def _pattern(rng: np.random.Generator) -> Callable[[Float64Array, Float64Array], Float64Array]:
    """A relief of two coordinates whose unit is one wave: values in [-1, 1]."""
    kind, sign, sharp = count(rng, 0, 6), float(rng.choice([-1, 1])), rng.uniform(0.3, 0.42)
    lean = float(rng.choice([-1, 1]))

    def value(p: Float64Array, q: Float64Array) -> Float64Array:
        if kind == 0:
            return np.cos(2 * np.pi * p)
        if kind == 1:
            return np.cos(2 * np.pi * q)
        if kind == 2:
            return np.cos(2 * np.pi * (p + lean * q))
        if kind == 3:
            return np.cos(2 * np.pi * p) * np.cos(2 * np.pi * q)
        u, v = p - np.round(p), q - np.round(q)
        if kind == 4:  # dots or dimples
            return sign * np.maximum(1 - (u**2 + v**2) / sharp**2, 0) ** 2
        return sign * np.maximum(1 - (u if kind == 5 else v) ** 2 / sharp**2, 0) ** 2  # grooves or ribs

    return value


def _twist(rng: np.random.Generator, sides: Float64Array) -> Warp:
    angle = rng.choice([-1, 1]) * min(rng.uniform(0.3, 1.6), 0.9 * sides[2] / sides[:2].max())

    def move(xyz: Float64Array) -> Float64Array:
        turn = angle * xyz[:, 2] / sides[2]
        cosine, sine = np.cos(turn), np.sin(turn)
        x, y, z = xyz.T
        return np.stack([cosine * x - sine * y, sine * x + cosine * y, z], axis=1)

    return move


def _bend(rng: np.random.Generator, sides: Float64Array) -> Warp:
    radius = max(sides[2] / rng.uniform(0.3, 1.3), 0.75 * sides[0])

    def move(xyz: Float64Array) -> Float64Array:
        x, y, z = xyz.T
        arm, turn = radius - x, z / radius
        return np.stack([radius - arm * np.cos(turn), y, arm * np.sin(turn)], axis=1)

    return move


def _taper(rng: np.random.Generator, sides: Float64Array) -> Warp:
    change = rng.uniform(-0.35, 0.35)

    def move(xyz: Float64Array) -> Float64Array:
        size = 1 + change * 2 * xyz[:, 2:] / sides[2]
        return np.concatenate([xyz[:, :2] * size, xyz[:, 2:]], axis=1)

    return move


def _shear(rng: np.random.Generator, sides: Float64Array) -> Warp:
    slope = rng.uniform(-0.35, 0.35, 2) * min(1.0, sides[:2].max() / sides[2] + 0.3)

    def move(xyz: Float64Array) -> Float64Array:
        return np.concatenate([xyz[:, :2] + xyz[:, 2:] * slope, xyz[:, 2:]], axis=1)

    return move


def _places(rng: np.random.Generator, across: Float64Array) -> tuple[Float64Array, float]:
    """(P, 2) float64 places within sides `across`, symmetric about 0, and the radius that each may take."""
    kind = count(rng, 0, 3)
    if kind == 0:
        return np.zeros((1, 2)), 0.35 * float(across.min())
    if kind == 1:
        number, long = count(rng, 2, 4), int(np.argmax(across))
        step = 0.8 * across[long] / number
        places = np.zeros((number, 2))
        places[:, long] = step * (np.arange(number) - (number - 1) / 2)
        return places, float(min(0.35 * step, 0.3 * across.min()))
    if kind == 2:
        number, reach = count(rng, 3, 6), rng.uniform(0.24, 0.32) * float(across.min())
        turn = 2 * np.pi * (np.arange(number) / number + rng.random())
        places = reach * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        return places, min(reach * float(np.sin(np.pi / number)) * 0.75, 0.4 * float(across.min()) - reach)
    columns, rows = count(rng, 2, 3), 2
    step = 0.75 * across / [columns, rows]
    grid = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(-1, 2)
    return (grid - [(columns - 1) / 2, (rows - 1) / 2]) * step, 0.35 * float(step.min())


def _area(outline: Float64Array) -> float:
    x, y = outline.T
    return float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2)
