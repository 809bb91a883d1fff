"""One part with its defects: the intact solid, what operations left of it, displacements, colours."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from pc3dad.data.synthetic import cuts, shifts
from pc3dad.data.synthetic.defects import LARGEST, RIM, VISIBLE, Cut, Defect, Lump, Shift, Sites, Stain
from pc3dad.data.synthetic.paint import Paint, make_paint, other_colour
from pc3dad.data.synthetic.sight import outside
from pc3dad.data.synthetic.solids import INTACT, Drawn, Solid, from_manifold, from_triangles, made_by
from pc3dad.errors import DataError
from pc3dad.types import BoolArray, Float64Array, Int32Array

PROBES = 4000
TRIES = 30  # places looked at before a defect is made smaller
ROUNDS = 8
SHRINK = 0.75
SPECIMENS = 6
CHECKED = 12_000
FINELY = 48_000  # for what may be out of sight
FINE = 0.15  # mm between points that stand for a surface near others
MOST = 40_000  # of them


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of defect: how one is made, and the share of the surface that it is asked to take."""

    make: Callable[[Sites, float, np.random.Generator], Defect | None]
    smallest: float
    largest: float

    @property
    def name(self) -> str:
        """That of the function which makes one."""
        return self.make.__name__


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "bend": Kind(shifts.bend, 0.01, 0.08),
        "bulge": Kind(shifts.bulge, 0.0005, 0.08),
        "contamination": Kind(cuts.contamination, 0.0005, 0.04),
        "crack": Kind(cuts.crack, 0.001, 0.02),
        "cut_off": Kind(cuts.cut_off, 0.001, 0.06),
        "dent": Kind(shifts.dent, 0.0005, 0.08),
        "hole": Kind(cuts.hole, 0.0005, 0.06),
        "scratch": Kind(shifts.scratch, 0.0005, 0.02),
        "stain": Kind(cuts.stain, 0.0005, 0.04),
    }
)
"""Kinds in alphabetical order."""


@dataclass(frozen=True, slots=True, eq=False)
class Specimen:
    """A part and its defects; the number of a defect is its position in `defects`.

    Attributes:
        intact: the surface without defects.
        solid: the surface after all operations; owners are numbers of defects.
        defects: all of them.
        paint: colour of the part.
        colours: (D, 3) float64, colour of each defect that has one.
        open: (D,) float64, how many points a scanner gets from what it sees of the new surface of each, as a
            share of those from an equal area elsewhere: little light enters a narrow gap.
    """

    intact: Solid
    solid: Solid
    defects: tuple[Defect, ...]
    paint: Paint
    colours: Float64Array
    open: Float64Array

    def draw(self, n: int, rng: np.random.Generator) -> "Surface":
        """`n` points of the surface with everything that is known about them."""
        base = self.solid.draw(n, rng)
        moved, density = base, np.ones(n)
        regions, rim = base.owner.copy(), np.zeros(n, dtype=np.bool_)
        rgb = self.paint.at(base.xyz)
        for number, defect in enumerate(self.defects):
            match defect:
                case Shift():
                    shifted, stretch = defect.apply(moved)
                    regions[self._displaced(moved, shifted, rng)] = number
                    moved, density = shifted, density * stretch
                case Stain():
                    covered = defect.covers(base)
                    regions[covered] = number
                    rgb[covered] += defect.opacity * (self.colours[number] - rgb[covered])
                case Lump(coloured=True):
                    rgb[base.owner == number] = self.colours[number]
                case Cut():
                    rows = self._rim(base, number, rng)
                    regions[rows], rim[rows] = number, True
        return Surface(moved, base.xyz, regions, rim, rgb, density)

    def openness(self, surface: "Surface") -> Float64Array:
        """(n,) float64: `open` of the defect that made the surface at each point, 1 elsewhere."""
        shares: Float64Array = np.append(self.open, 1.0)[surface.points.owner]  # the last is that of -1
        return shares

    def _displaced(self, base: Drawn, moved: Drawn, rng: np.random.Generator) -> NDArray[np.intp]:
        """Rows of the points that lie off the intact surface now."""
        rows = np.flatnonzero(np.linalg.norm(moved.xyz - base.xyz, axis=1) > VISIBLE)
        if len(rows) == 0:
            return rows
        low, high = (edge(moved.xyz[rows], axis=0) for edge in (np.min, np.max))
        corners = self.intact.corners
        near = ((corners.max(axis=1) > low - 2) & (corners.min(axis=1) < high + 2)).all(axis=1)
        around = from_triangles(corners[near])
        if not near.any():
            return rows
        return rows[distance(moved[rows], around, rng, limit=VISIBLE) > VISIBLE]

    def _rim(self, base: Drawn, number: int, rng: np.random.Generator) -> NDArray[np.intp]:
        """Rows of the points of the old surface next to where material was taken away."""
        fresh = self.solid.owner == number
        ball = self.defects[number].ball
        rows = np.flatnonzero(
            (base.owner == INTACT) & (np.linalg.norm(base.xyz - ball.centre, axis=1) < 3 * ball.radius + 9)
        )
        if not (fresh.any() and len(rows)):
            return rows[:0]
        wall = from_triangles(self.solid.corners[fresh])
        return rows[distance(base[rows], wall, rng, limit=RIM, same_side=False) < RIM]


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """Points of a specimen.

    Attributes:
        points: where they are.
        intact: (n, 3) float64, where displaced points were before.
        regions: (n,) int32, number of the defect that a point belongs to, -1 for none.
        rim: (n,) bool, whether that is only because material is missing next to it.
        rgb: (n, 3) float64 in [0, 1].
        density: (n,) float64, how many points should stand for each, so that they are even by area.
    """

    points: Drawn
    intact: Float64Array
    regions: Int32Array
    rim: BoolArray
    rgb: Float64Array
    density: Float64Array

    def __getitem__(self, rows: Any) -> "Surface":
        return Surface(
            self.points[rows],
            self.intact[rows],
            self.regions[rows],
            self.rim[rows],
            self.rgb[rows],
            self.density[rows],
        )


def distance(
    points: Drawn, solid: Solid, rng: np.random.Generator, *, limit: float, same_side: bool = True
) -> Float64Array:
    """(n,) float64: distance of points to a small surface in millimetres, to about a tenth.

    The plane of the nearest of many drawn points stands for the surface, as far as these are apart.

    Args:
        points: n points.
        solid: the surface.
        rng: source of the drawn points.
        limit: distances above it may be infinite.
        same_side: whether a surface that faces the other way counts as infinitely far: a dent in a tube may
            reach the place of its inner wall.
    """
    drawn = solid.draw(int(np.clip(solid.area / FINE**2, 1000, MOST)), rng)
    apart = float(np.sqrt(solid.area / len(drawn.xyz)))
    far, found = cKDTree(drawn.xyz).query(points.xyz, distance_upper_bound=limit + apart)
    close = np.flatnonzero(np.isfinite(far))
    if same_side:
        close = close[(points.normals[close] * drawn.normals[found[close]]).sum(axis=1) > 0]
    far, found = far[close], found[close]
    across = np.abs(((points.xyz[close] - drawn.xyz[found]) * drawn.normals[found]).sum(axis=1))
    beside = np.sqrt(np.maximum(far**2 - across**2, 0)) - apart
    away = np.full(len(points.xyz), np.inf)
    away[close] = np.hypot(across, np.maximum(beside, 0))
    return away


def make_specimen(
    part: Any,
    kind: str | Kind,
    count: int,
    rng: np.random.Generator,
    *,
    smallest: float = 0.0,
    largest: float = 1.0,
) -> Specimen:
    """Gives a part `count` defects of one kind.

    Args:
        part: a `manifold3d.Manifold`, millimetres.
        kind: the name of one of `KINDS`, or another kind; anything if `count` is 0.
        count: how many.
        rng: source of everything that differs.
        smallest: no defect is asked to take a smaller share of the surface.
        largest: nor a larger one.

    Raises:
        DataError: the part has no place for a defect of that kind.
    """
    part = part.as_original()
    intact = from_manifold(part, {})
    specimen = Specimen(intact, intact, (), make_paint(rng), np.zeros((0, 3)), np.zeros(0))
    if count == 0:
        return specimen
    kind = KINDS[kind] if isinstance(kind, str) else kind
    probes = intact.draw(PROBES, rng)
    probes = probes[outside(probes, intact.area)]
    for _ in range(SPECIMENS):
        sites = Sites(intact, probes)
        made = _damaged(specimen, part, kind, count, sites=sites, limits=(smallest, largest), rng=rng)
        if made is not None:
            return made
    raise DataError(
        f"no place on this part for {count} x {kind.name}", hint="choose other kinds or another seed"
    )


def _damaged(
    intact: Specimen,
    part: Any,
    kind: Kind,
    count: int,
    *,
    sites: Sites,
    limits: tuple[float, float],
    rng: np.random.Generator,
) -> Specimen | None:
    """A specimen whose defects a scanner sees, or None."""
    made, owners = intact, {}
    most = min(kind.largest, limits[1]) / count
    low = min(max(kind.smallest, limits[0]), most)
    for number in range(count):
        fitted = _fit(kind, sites, part, rng, low=low, high=most)
        if fitted is None:
            return None
        defect, part = fitted
        if isinstance(defect, Cut | Lump):
            owners[defect.tool.original_id()] = number
        opacity = defect.opacity if isinstance(defect, Stain) else 1.0
        colours = np.concatenate([made.colours, other_colour(made.paint, opacity, rng)[None]])
        sites = replace(sites, taken=(*sites.taken, defect.ball))
        made = replace(made, defects=(*made.defects, defect), colours=colours)
    if owners:
        made = replace(made, solid=from_manifold(part, owners))
    drawn = made.draw(CHECKED, rng)
    seen = outside(drawn.points, made.solid.area)
    made = replace(made, open=_openness(made, drawn, seen))
    enough = bool((_told(made, drawn, seen) >= low / 2).all())
    if enough and isinstance(made.defects[0], Cut):  # a few points do not hide what lies in a deep pocket
        drawn = made.draw(FINELY, np.random.default_rng(FINELY))
        enough = bool((_told(made, drawn, outside(drawn.points, made.solid.area)) >= low / 2).all())
    return made if enough else None


def _told(specimen: Specimen, drawn: "Surface", seen: BoolArray) -> Float64Array:
    """(D,) float64: share of what a scanner gets that shows each defect, not just the rim of it."""
    regions, weights = drawn.regions[seen] + 1, (drawn.density * specimen.openness(drawn))[seen]
    shown = np.bincount(regions, weights * ~drawn.rim[seen], minlength=len(specimen.defects) + 1)
    shares: Float64Array = shown[1:] / weights.sum()
    return shares


def _openness(specimen: Specimen, drawn: "Surface", seen: BoolArray) -> Float64Array:
    """`Specimen.open`: between an even density on the new surface and as many points as its opening had.

    That is the root of the opening's share of the new surface that is seen, at most 1.
    """
    found = np.ones(len(specimen.defects))
    for number, defect in enumerate(specimen.defects):
        if isinstance(defect, Cut):
            fresh: BoolArray = seen & (drawn.points.owner == number)
            area = specimen.solid.area * max(1, int(fresh.sum())) / len(seen)
            found[number] = min(1.0, np.sqrt(defect.opening / area))
    return found


def _fit(
    kind: Kind, sites: Sites, part: Any, rng: np.random.Generator, *, low: float, high: float
) -> tuple[Defect, Any] | None:
    """A defect and the part with it. Where it fits nowhere, smaller ones are tried."""
    for _ in range(ROUNDS):
        share = float(np.exp(rng.uniform(np.log(low), np.log(high))))
        for _ in range(TRIES):
            defect = kind.make(sites, share, rng)
            if defect is None:
                continue
            if not isinstance(defect, Cut | Lump):
                return defect, part
            changed = part - defect.tool if isinstance(defect, Cut) else part + defect.tool
            if _sound(changed, defect, sites.solid.area, low):
                return defect, changed
        high = max(low, SHRINK * high)
    return None


def _sound(part: Any, defect: Cut | Lump, area: float, low: float) -> bool:
    """Whether an operation left one piece, with a new surface of about the size that was asked for."""
    share = made_by(part, defect.tool.original_id()) / area
    return low / 2 <= share <= LARGEST and len(part.decompose()) == 1
