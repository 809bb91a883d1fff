"""A scan from all around: what a scanner sees, unevenly dense, with noise in places and colours."""

from dataclasses import dataclass

import numpy as np

from pc3dad.data.synthetic.defects import NOISE, STRETCH
from pc3dad.data.synthetic.sight import COVER, outside
from pc3dad.data.synthetic.specimen import Specimen
from pc3dad.types import BoolArray, Float32Array, Float64Array, Int32Array

UNEVEN = 0.3  # density on the side that is seen best, above the mean
DENSEST = (1 + UNEVEN) * STRETCH
COLOUR_NOISE = 0.02
CHUNK = 400_000  # points at a time


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """N measured points.

    Attributes:
        xyz: (N, 3) float64, millimetres, with noise.
        exact: (N, 3) float64, the same without noise.
        normals: (N, 3) float64, outward unit normals of the surface there.
        rgb: (N, 3) float32 in [0, 1], with noise.
        regions: (N,) int32, number of the defect, -1 for none.
        rim: (N,) bool, labelled only because material is missing next to it.
    """

    xyz: Float64Array
    exact: Float64Array
    normals: Float64Array
    rgb: Float32Array
    regions: Int32Array
    rim: BoolArray


def scan(specimen: Specimen, points: int, rng: np.random.Generator) -> Scan:
    """Points of the surface that are seen from outside.

    They are even by area, also where a defect stretches the surface, but for a side that is seen best.
    """
    best_seen = rng.normal(size=3)
    best_seen /= np.linalg.norm(best_seen)
    parts, missing = [], points
    while missing > 0:
        drawn = specimen.draw(min(CHUNK, 3 * missing + COVER), rng)
        density = drawn.density * specimen.openness(drawn)
        density *= 1 + UNEVEN * drawn.points.normals @ best_seen
        kept = outside(drawn.points, specimen.solid.area) & (rng.random(len(density)) * DENSEST < density)
        parts.append(drawn[np.flatnonzero(kept)[:missing]])
        missing -= len(parts[-1].regions)
    exact = np.concatenate([part.points.xyz for part in parts])
    rgb = np.concatenate([part.rgb for part in parts])
    return Scan(
        exact + noise(exact.shape, rng),
        exact,
        np.concatenate([part.points.normals for part in parts]),
        np.clip(rgb + COLOUR_NOISE * rng.normal(size=rgb.shape), 0, 1).astype(np.float32),
        np.concatenate([part.regions for part in parts]),
        np.concatenate([part.rim for part in parts]),
    )


def noise(shape: tuple[int, ...], rng: np.random.Generator) -> Float64Array:
    """Normal noise in millimetres, cut off at three standard deviations."""
    values: Float64Array = NOISE * np.clip(rng.normal(size=shape), -3, 3)
    return values
