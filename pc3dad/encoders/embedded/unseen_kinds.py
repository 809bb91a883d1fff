"""Kinds of defects that no encoder is trained on: what the check of unseen kinds is made with."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from pc3dad.data.synthetic.defects import Shift, Sites
from pc3dad.data.synthetic.shifts import cap, relief
from pc3dad.data.synthetic.specimen import Kind
from pc3dad.types import Float64Array

PITS_APART = 1.9  # radii between the middles of two pits, at least
RAISED = 0.6  # mean height of a rough place, in amplitudes of its waves
WINDOW = 0.3  # smallest height, in units of the reach, within which a relief moves the surface


def pits(sites: Sites, share: float, rng: np.random.Generator) -> Shift | None:
    """4 to 8 small hollows close to each other, 0.4 to 3 mm deep."""
    count = int(rng.integers(4, 9))
    radius = 1.15 * float(np.sqrt(share * sites.solid.area / np.pi / count))
    depth = float(np.clip(rng.uniform(0.35, 0.5) * radius, 0.4, 3))
    spread = radius * np.sqrt(count)
    places: list[Float64Array] = []
    while len(places) < count:
        place = rng.uniform(-spread, spread, 2)
        if np.linalg.norm(place) < spread and all(
            np.linalg.norm(place - other) > PITS_APART * radius for other in places
        ):
            places.append(place)
        spread *= 1.02
    reach = float(np.linalg.norm(places, axis=1).max() + radius)
    size, high = radius / reach, max(4 * depth / reach, WINDOW)

    def height(u: Float64Array, v: Float64Array, w: Float64Array) -> Float64Array:
        hollows = [cap(np.hypot(u - x / reach, v - y / reach) / size) for x, y in places]
        sunk: Float64Array = -depth * np.sum(hollows, axis=0) * cap(w / high)
        return sunk

    return relief(sites, reach, height, share, rng)


def rough(sites: Sites, share: float, rng: np.random.Generator) -> Shift | None:
    """A round scabby place: waves of 0.4 to 1.2 mm, every 3 to 9 mm in all directions, most of it raised."""
    reach = 1.25 * float(np.sqrt(share * sites.solid.area / np.pi))
    wave = float(np.clip(rng.uniform(0.25, 0.5) * reach, 3, 9))
    top = float(np.clip(rng.uniform(0.1, 0.14) * wave, 0.4, 1.2))
    turns, phases = rng.uniform(0, 2 * np.pi, 6), rng.uniform(0, 2 * np.pi, 6)
    lengths = wave * rng.uniform(0.75, 1.3, 6) / (2 * np.pi * reach)
    ways = np.stack([np.cos(turns), np.sin(turns)]) / lengths
    high = max(4 * top / reach, WINDOW)

    def height(u: Float64Array, v: Float64Array, w: Float64Array) -> Float64Array:
        waves = np.sin(np.stack([u, v], axis=1) @ ways + phases).sum(axis=1) / np.sqrt(6)
        uneven: Float64Array = top * (RAISED + waves) * np.sqrt(cap(u**2 + v**2)) * cap(w / high)
        return uneven

    return relief(sites, reach, height, share, rng)


def ridge(sites: Sites, share: float, rng: np.random.Generator) -> Shift | None:
    """A bent seam that stands out, 1.5 to 4 mm wide and 0.5 to 1.4 mm high, rippled like a weld."""
    area, width = share * sites.solid.area, rng.uniform(1.5, 4)
    top = float(np.clip(rng.uniform(0.3, 0.45) * width, 0.5, 1.4))
    reach, bow = max(1.3 * area / width, 2 * width) / 2, rng.uniform(-0.3, 0.3)
    wide, high = 0.75 * width / reach, max(4 * top / reach, WINDOW)
    ripple, waves = rng.uniform(0.1, 0.3), np.pi * reach / rng.uniform(1.2, 2.2) / width

    def height(u: Float64Array, v: Float64Array, w: Float64Array) -> Float64Array:
        seam = top * (1 - ripple * (1 + np.cos(2 * waves * u)) / 2)
        raised: Float64Array = seam * np.sqrt(cap(u)) * cap((v - bow * u**2) / wide) * cap(w / high)
        return raised

    return relief(sites, reach, height, share, rng)


UNSEEN_KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "pits": Kind(pits, 0.002, 0.06),
        "ridge": Kind(ridge, 0.001, 0.03),
        "rough": Kind(rough, 0.002, 0.08),
    }
)
"""Kinds by name, in alphabetical order; none of them is one of `pc3dad.data.synthetic.specimen.KINDS`."""
