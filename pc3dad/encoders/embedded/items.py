"""Pairs of one part with and without a defect, as pictures and clouds: what `tiny` is trained and checked on.

Made by the generator of the embedded data set, from shape families that the data set does not have. Both of a
pair are scanned and looked at in the same way, so that nothing but the defect tells them apart.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from pc3dad import seeding
from pc3dad.data.synthetic.config import SyntheticConfig
from pc3dad.data.synthetic.defects import STRETCH
from pc3dad.data.synthetic.samples import STAIN, damage
from pc3dad.data.synthetic.scan import Scan, scan
from pc3dad.data.synthetic.specimen import KINDS, Kind, Specimen
from pc3dad.geometry import sampling
from pc3dad.types import BoolArray, Float32Array, Float64Array, PointCloud, UInt8Array

SIZE, PATCH = 224, 16  # pixels of a picture and of a patch
GRID = SIZE // PATCH
VIEWS = 3
POINTS = 2048  # of a cloud
SCANNED = (6_000, 16_000)  # points of a scan
DRAWN = 60_000  # points of a picture that is drawn from the exact surface
EXACT = (
    0.75  # share of the pairs with such pictures; those of scans have noise, and normals that are estimated
)
FACING = 0.75  # share of the views that look at a defect
TILT = 70.0  # degrees between such a view and the normal of the surface there, at most
TRIES = 6
SIZES = SyntheticConfig(points=10_000, smallest=0.004, largest=0.08)
MODALITIES = ("shaded", "depth", "colour")
TRAINED_KINDS: Mapping[str, str | Kind] = MappingProxyType({kind: kind for kind in KINDS if kind != "bend"})
"""What the embedded encoders are trained on. A bend moves a whole end and leaves every place of it as it was:
patches of it are labelled, and nothing in them is to be seen."""

Maker = Callable[[np.random.Generator], Any]


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """V views of one part.

    Attributes:
        shaded: (V, SIZE, SIZE) uint8.
        depth: (V, SIZE, SIZE) uint8.
        colour: (V, SIZE, SIZE, 3) uint8.
        labelled: (V, GRID, GRID) uint8, share of the pixels of a patch that show the defect, 255 for all.
        filled: (V, GRID, GRID) uint8, share of the pixels of a patch that show the part.
    """

    shaded: UInt8Array
    depth: UInt8Array
    colour: UInt8Array
    labelled: UInt8Array
    filled: UInt8Array


@dataclass(frozen=True, slots=True, eq=False)
class Clouds:
    """A cloud from all around, and one of what the first view sees.

    Attributes:
        xyz: (2, POINTS, 3) float32, centroid 0, largest radius 1.
        rgb: (2, POINTS, 3) uint8.
        labelled: (2, POINTS) bool.
    """

    xyz: Float32Array
    rgb: UInt8Array
    labelled: BoolArray


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """One part: first intact, then with its defect."""

    family: str
    kind: str
    pictures: tuple[Pictures, Pictures]
    clouds: tuple[Clouds, Clouds]

    @property
    def modalities(self) -> tuple[str, ...]:
        """Kinds of pictures that can show the defect: a stain has no shape."""
        return ("colour",) if self.kind == STAIN else MODALITIES


def make_pair(family: str, maker: Maker, kind: str, made_as: str | Kind, number: int, *, seed: int) -> Pair:
    """Makes a pair. Names, number and seed decide everything.

    Args:
        family: name of the shape family.
        maker: makes a part of it.
        kind: name of the kind of defect.
        made_as: the kind itself, or its name among those of the data set.
        number: of the pair.
        seed: of all pairs.

    Raises:
        DataError: no part of the family had a place for such a defect.
    """
    config = SIZES.model_copy(update={"seed": seed})
    key = ("embedded", family, kind, str(number))
    specimen = damage(maker, made_as, config, key, tries=TRIES)
    intact = replace(specimen, solid=specimen.intact, defects=(), colours=np.zeros((0, 3)), open=np.zeros(0))
    rng = seeding.generator(seed, *key, "views")
    points, exact = int(np.exp(rng.uniform(*np.log(SCANNED)))), bool(rng.random() < EXACT)
    both = [intact, specimen]
    scans = [scan(one, points, seeding.generator(seed, *key, "scan")) for one in both]
    rotations = np.stack([_rotation(scans[1], rng) for _ in range(VIEWS)])
    even = bool(rng.random() < 0.5)
    pictures, clouds = [], []
    for one, measured in zip(both, scans, strict=True):
        shown, seen = _look(_as_cloud(measured), measured.regions >= 0, rotations)
        if exact:
            drawn = _drawn(one, seeding.generator(seed, *key, "drawn"))
            shown, _ = _look(*drawn, rotations)
        pictures.append(shown)
        clouds.append(_clouds(measured, seen, even=even, rng=seeding.generator(seed, *key, "cloud")))
    return Pair(family, kind, (pictures[0], pictures[1]), (clouds[0], clouds[1]))


def _as_cloud(made: Scan) -> PointCloud:
    """A scan as a method gets it."""
    return PointCloud(made.xyz.astype(np.float32), rgb=made.rgb)


def _drawn(specimen: Specimen, rng: np.random.Generator) -> tuple[PointCloud, BoolArray]:
    """Points of the exact surface, even by area, with its normals, and which of them belong to a defect."""
    surface = specimen.draw(int(STRETCH * DRAWN), rng)
    surface = surface[rng.random(len(surface.density)) * STRETCH < surface.density]
    points = surface.points
    cloud = PointCloud(
        points.xyz.astype(np.float32),
        rgb=np.clip(surface.rgb, 0, 1).astype(np.float32),
        normals=points.normals.astype(np.float32),
    )
    return cloud, surface.regions >= 0


def _rotation(made: Scan, rng: np.random.Generator) -> Float64Array:
    """(3, 3): a camera that looks at a labelled point, or from anywhere; turned about its axis at random."""
    towards = rng.normal(size=3)
    labelled = np.flatnonzero(made.regions >= 0)
    if len(labelled) and rng.random() < FACING:
        normal = made.normals[labelled[int(rng.integers(len(labelled)))]]
        across = np.cross(normal, towards)
        across /= np.linalg.norm(across)
        tilt = np.radians(rng.uniform(0, TILT))
        towards = np.cos(tilt) * normal + np.sin(tilt) * across
    towards /= np.linalg.norm(towards)
    right = np.cross(rng.normal(size=3), towards)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(towards, right), towards])


def _look(cloud: PointCloud, labels: BoolArray, rotations: Float64Array) -> tuple[Pictures, BoolArray]:
    """Pictures of a cloud, and (n,) bool which of its points the first view sees."""
    from pc3dad.render.config import RenderConfig
    from pc3dad.render.renderer import render, view_masks

    views = render(cloud, RenderConfig(size=SIZE), rotations=rotations, coloured=True)
    colour = views.rgb.numpy() if views.rgb is not None else np.zeros((0, SIZE, SIZE, 3), np.uint8)
    pictures = Pictures(
        views.shaded.numpy(),
        views.depth.numpy(),
        colour,
        _shares(view_masks(views, labels).numpy()),
        _shares(views.front.numpy() >= 0),
    )
    seen: BoolArray = views.visible[0].numpy()
    return pictures, seen


def _shares(masks: BoolArray) -> UInt8Array:
    """(V, GRID, GRID) uint8: share of each patch that (V, SIZE, SIZE) masks cover."""
    cut = masks.reshape(len(masks), GRID, PATCH, GRID, PATCH).mean(axis=(2, 4))
    levels: UInt8Array = np.ceil(cut * 255).astype(np.uint8)
    return levels


def _clouds(made: Scan, seen: BoolArray, *, even: bool, rng: np.random.Generator) -> Clouds:
    """Two clouds of the same scan. `even`: farthest points of twice as many, instead of random ones."""
    chosen = []
    for rows in (np.arange(len(made.xyz)), np.flatnonzero(seen)):
        some = rng.permutation(rows)[: 2 * POINTS if even else POINTS]
        if even:
            some = some[sampling.farthest_points(made.xyz[some], min(POINTS, len(some)))]
        if len(some) < POINTS:  # a part of which one view sees little
            some = np.concatenate([some, rng.choice(some, POINTS - len(some))])
        chosen.append(some)
    rows = np.stack(chosen)
    centred = made.xyz[rows] - made.xyz[rows].mean(axis=1, keepdims=True)
    centred /= np.linalg.norm(centred, axis=2).max(axis=1)[:, None, None]
    return Clouds(
        centred.astype(np.float32),
        (made.rgb[rows] * 255).round().astype(np.uint8),
        made.regions[rows] >= 0,
    )
