"""What a defect is: an operation on the solid, a displacement of its surface, or a colour."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pc3dad.data.synthetic.solids import Drawn, Solid, crossed
from pc3dad.types import BoolArray, Float64Array

NOISE = 0.05  # mm, standard deviation of the sensor; cut off at three times that
VISIBLE = 3 * NOISE  # mm; a point that lies nearer to the intact surface than this is not labelled as moved
LARGEST = 0.09  # of the surface, that one defect may take
STRETCH = 1.6  # few places of a defect stretch the surface by more
RIM = 0.3  # mm around removed material that is labelled too
STEP = 1e-3  # mm, for slopes


@dataclass(frozen=True, slots=True, eq=False)
class Ball:
    """Where a defect is: (3,) float64 centre and radius in millimetres."""

    centre: Float64Array
    radius: float

    def apart(self, others: "Sequence[Ball]") -> bool:
        """Whether it touches none of the others."""
        return all(np.linalg.norm(self.centre - o.centre) > self.radius + o.radius for o in others)


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """Material that is taken away.

    Attributes:
        ball: holds all of it, as far as it lies at the surface.
        tool: what is taken away, a `manifold3d.Manifold` with an original id of its own.
        opening: area in square millimetres of the mouth of a narrow gap, infinite for what is wide open.
    """

    ball: Ball
    tool: Any
    opening: float


@dataclass(frozen=True, slots=True, eq=False)
class Lump:
    """Material that is attached: the tool, as that of `Cut`, and whether it has a colour of its own."""

    ball: Ball
    tool: Any
    coloured: bool


@dataclass(frozen=True, slots=True, eq=False)
class Shift:
    """A displacement.

    Attributes:
        ball: holds all that is touched.
        touches: which of n drawn points may move.
        move: (n, 3) to (n, 3) millimetres; smooth, for points that may move and those next to them.
    """

    ball: Ball
    touches: Callable[[Drawn], BoolArray]
    move: Callable[[Float64Array], Float64Array]

    def apply(self, drawn: Drawn) -> tuple[Drawn, Float64Array]:
        """Moves points.

        Returns:
            The points with the normals that the surface has there now, and (n,) float64 by how much the
            surface is stretched: points drawn before are too few by that factor.
        """
        rows = np.flatnonzero(self.touches(drawn))
        xyz, normals, stretch = drawn.xyz.copy(), drawn.normals.copy(), np.ones(len(drawn.xyz))
        start, across, along = drawn.xyz[rows], *tangents(drawn.normals[rows])
        xyz[rows] = moved = self.move(start)
        slopes = [(self.move(start + STEP * way) - moved) / STEP for way in (across, along)]
        cross = crossed(*slopes)
        stretch[rows] = np.linalg.norm(cross, axis=1)
        normals[rows] = cross / np.maximum(stretch[rows], 1e-9)[:, None]
        return Drawn(xyz, normals, drawn.owner), stretch


@dataclass(frozen=True, slots=True, eq=False)
class Stain:
    """A colour on the surface.

    Attributes:
        ball: holds all of it.
        covers: which of n drawn points it colours.
        opacity: of it all.
    """

    ball: Ball
    covers: Callable[[Drawn], BoolArray]
    opacity: float


Defect = Cut | Lump | Shift | Stain


@dataclass(frozen=True, slots=True, eq=False)
class Sites:
    """Where defects can be: on the outside of a part, away from each other.

    Attributes:
        solid: the intact part.
        probes: points of it that a scanner sees.
        taken: places of earlier defects.
    """

    solid: Solid
    probes: Drawn
    taken: Sequence[Ball] = ()

    def frame(self, rng: np.random.Generator) -> tuple[Float64Array, Float64Array]:
        """A place (3,) and a frame (3, 3), rows: two directions in the surface, and the outward normal."""
        index = int(rng.integers(len(self.probes.xyz)))
        normal = self.probes.normals[index]
        across, along = tangents(normal[None])
        turn = rng.uniform(0, 2 * np.pi)
        first = np.cos(turn) * across[0] + np.sin(turn) * along[0]
        return self.probes.xyz[index], np.stack([first, np.cross(normal, first), normal])

    def free(self, ball: Ball) -> bool:
        """Whether no earlier defect is there."""
        return ball.apart(self.taken)


def tangents(normals: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Two unit vectors (n, 3) each; with the normals (n, 3) they make right-handed frames."""
    axis = np.zeros_like(normals)
    axis[np.arange(len(normals)), np.argmin(np.abs(normals), axis=1)] = 1
    across = crossed(normals, axis)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    return across, crossed(normals, across)
