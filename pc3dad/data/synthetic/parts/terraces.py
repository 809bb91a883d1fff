"""Solids made of flat areas at several heights: plates with holes, pockets, beads and hubs. Millimetres."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from manifold3d import Manifold, triangulate

from pc3dad.data.synthetic.parts.meshes import Int64Array, solid, walls
from pc3dad.data.synthetic.parts.outlines import inset, spun
from pc3dad.types import Float64Array

Rim = Int64Array  # (S,): the vertices along an outline, counterclockwise


@dataclass(frozen=True, slots=True, eq=False)
class Area:
    """Part of a terraced solid: what lies inside an outline and outside the areas inside it.

    Attributes:
        outline: (S, 2) float64, counterclockwise.
        bottom: Height of its lower face.
        top: Height of its upper face; an area whose faces coincide is a hole.
        inside: Areas within the outline, apart from it and from each other.
        twist: By how many radians a millimetre of height the outline turns about the z axis.
        storeys: Into how many pieces of height its wall is cut, if it is the outermost.
    """

    outline: Float64Array
    bottom: float
    top: float
    inside: Sequence["Area"] = ()
    twist: float = 0.0
    storeys: int = 1


def hole(outline: Float64Array) -> Area:
    """A hole with a counterclockwise (S, 2) outline."""
    return Area(outline, 0, 0)


def terraced(outermost: Area, *, edge: float = 0.0) -> Manifold:
    """The solid whose faces and walls the areas describe.

    Args:
        outermost: The area that holds the others.
        edge: Size of the chamfers along all edges that stick out. A corner of an outline that is rounder than
            that keeps its shape; a sharp one is mitred.
    """
    mesh = _Mesh(edge)
    mesh.add(outermost)
    return solid(np.concatenate(mesh.vertices), np.concatenate(mesh.faces))


def prism(
    outline: Float64Array, height: float, *, holes: Sequence[Float64Array] = (), edge: float = 0.0
) -> Manifold:
    """A plate from z = 0 to `height` with counterclockwise outlines: (S, 2) float64 each. See `terraced`."""
    return terraced(Area(outline, 0, height, [hole(each) for each in holes]), edge=edge)


class _Mesh:
    """Vertices and faces of a terraced solid while it grows."""

    def __init__(self, edge: float) -> None:
        self.vertices: list[Float64Array] = []
        self.faces: list[Int64Array] = []
        self._edge, self._count = edge, 0

    def add(self, area: Area) -> None:
        """Adds everything of the outermost area."""
        low, high = self._wall(area, area.bottom, area.top, broken=(True, True), filled=True)
        self._fill(area, low, high)

    def _fill(self, area: Area, low: Rim | None, high: Rim | None) -> tuple[list[Rim], list[Rim]]:
        """Adds the faces of an area and all that is inside it.

        Args:
            area: Whose outer walls are done.
            low: Where its lower face begins; None if that is one with the face around it.
            high: The same of the upper face.

        Returns:
            The lower and the upper rims inside that a face around the area has to leave out.
        """
        lower: list[Rim] = []
        upper: list[Rim] = []
        for inner in area.inside:
            if inner.bottom == inner.top:
                rims = self._wall(inner, area.bottom, area.top, broken=(True, True), filled=False)
                below, above = [rims[0]], [rims[1]]
            else:
                outer_high, inner_high = self._step(inner, area.top, inner.top, upwards=True)
                outer_low, inner_low = self._step(inner, area.bottom, inner.bottom, upwards=False)
                below, above = self._fill(inner, inner_low, inner_high)
                below = below if outer_low is None else [outer_low]
                above = above if outer_high is None else [outer_high]
            lower += below
            upper += above
        if low is not None:
            self._cap([low, *lower], upwards=False)
        if high is not None:
            self._cap([high, *upper], upwards=True)
        return lower, upper

    def _step(
        self, inner: Area, outside: float, inside: float, *, upwards: bool
    ) -> tuple[Rim | None, Rim | None]:
        """The rims, on the outer and the inner area, of a wall between their upper or lower faces, if any."""
        if outside == inside:
            return None, None
        sticks_out = (inside > outside) == upwards
        broken = (not upwards, upwards)
        rims = self._wall(inner, min(outside, inside), max(outside, inside), broken=broken, filled=sticks_out)
        return rims if outside < inside else rims[::-1]

    def _wall(
        self, area: Area, low: float, high: float, *, broken: tuple[bool, bool], filled: bool
    ) -> tuple[Rim, Rim]:
        """The rims of a wall with material inside (`filled`) or outside, and edges `broken` or not."""
        edge = min(self._edge, 0.45 * (high - low))
        lower = [(edge, low), (0.0, low + edge)] if edge and broken[0] else [(0.0, low)]
        upper = [(0.0, high - edge), (edge, high)] if edge and broken[1] else [(0.0, high)]
        between = np.linspace(lower[-1][1], upper[0][1], area.storeys + 1)[1:-1]
        rings = []
        for back, z in (*lower, *((0.0, z) for z in between), *upper):
            ring = inset(area.outline, back if filled else -back) if back else area.outline
            rings.append(np.insert(spun(ring, area.twist * z) if area.twist else ring, 2, z, axis=1))
        first, corners = self._count, len(area.outline)
        self.vertices += rings
        self._count += len(rings) * corners
        faces = first + walls(len(rings), corners)
        self.faces.append(faces if filled else faces[:, ::-1])
        rim = np.arange(corners)
        return first + rim, first + rim + (len(rings) - 1) * corners

    def _cap(self, rims: list[Rim], *, upwards: bool) -> None:
        """Adds the flat face within the first rim and outside the others."""
        every = np.concatenate(self.vertices)
        ordered = [rims[0], *(rim[::-1] for rim in rims[1:])]
        cap = np.concatenate(ordered)[np.asarray(triangulate([every[rim, :2] for rim in ordered]), np.int64)]
        self.faces.append(cap if upwards else cap[:, ::-1])
