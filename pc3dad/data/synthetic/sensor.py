"""One view of an organised sensor: a grid of points, a photograph aligned with it, and the camera."""

from dataclasses import dataclass, replace

import numpy as np

from pc3dad.data.synthetic.defects import STRETCH
from pc3dad.data.synthetic.scan import COLOUR_NOISE, noise
from pc3dad.data.synthetic.sight import Sight, upright
from pc3dad.data.synthetic.solids import INTACT, from_triangles
from pc3dad.data.synthetic.specimen import Specimen
from pc3dad.io.depth import Pinhole
from pc3dad.types import BoolArray, Float64Array, Int32Array, UInt8Array

DRAWN = 6  # points of the surface per pixel, where it faces the sensor; 1 in 400 pixels gets none
GRAZING = 0.15  # smallest cosine between a ray and the surface that still returns light
AVERTED = -0.5  # cosine to the axis below which the field of view of 60 degrees sees no face
LOST = 0.003  # share of the pixels without a measurement
AWAY = np.array([1.0, -1.0, -1.0])  # from x right, y up, z towards the sensor to y down, z away
POSES = 8
PROBES = 12_000
AMBIENT = 0.25
TABLE = np.array([0.2, 0.21, 0.23])


@dataclass(frozen=True, slots=True, eq=False)
class SensorView:
    """What a sensor of side x side pixels measures; its frame: x right, y down, z away, millimetres.

    Attributes:
        xyz: (side * side, 3) float64, with noise; zero where nothing was measured.
        exact: the same without noise.
        valid: (side * side,) bool.
        regions: (side * side,) int32, number of the defect, -1 for none.
        rim: (side * side,) bool, labelled only because material is missing next to it.
        image: (side, side, 3) uint8 photograph.
        camera: pinhole model, the centre of the top left pixel is (0, 0).
        rotation: (3, 3) float64; points of the part are `rotation.T @ p + centre`.
        centre: (3,) float64, millimetres: place of the sensor in the frame of the part.
    """

    xyz: Float64Array
    exact: Float64Array
    valid: BoolArray
    regions: Int32Array
    rim: BoolArray
    image: UInt8Array
    camera: Pinhole
    rotation: Float64Array
    centre: Float64Array


def look(specimen: Specimen, side: int, rng: np.random.Generator, target: Specimen) -> SensorView:
    """Looks at a part from a random place from which the defects of another one, or its own, are seen well.

    The depth buffer of the renderer tells which point of the surface a pixel shows; the point lies somewhere
    in the pixel, not in its middle, and exactly on the surface. A pixel without a point of its own is
    coloured as its neighbours are, and counts as missing.
    """
    import torch

    from pc3dad.render import cameras, raster, shading, visibility
    from pc3dad.render.renderer import one_thread

    rotation = pose(target, rng)
    turned = specimen.solid.corners.reshape(-1, 3) @ rotation.T
    pixel = cameras.DISTANCE / cameras.FOCAL * float(np.ptp(turned, axis=0).max()) / side  # millimetres
    facing = _facing(specimen, rotation[2])
    drawn = facing.draw(int(DRAWN * STRETCH * facing.solid.area / pixel**2), rng)
    drawn = drawn[rng.random(len(drawn.density)) * STRETCH < drawn.density]
    points = torch.from_numpy(drawn.points.xyz.T.astype(np.float32).copy())
    with one_thread("cpu"):
        placed = cameras.place(points, rotation, keep_inside=True)
        projected = cameras.project(placed, side)
        mend = raster.Mend(reach=2, tolerance=2 * pixel)
        front = raster.draw(projected, size=1, window=side, mend=mend).front.numpy().ravel()
        filled = np.flatnonzero(front >= 0)
        shown = front[filled].astype(np.int64)
        own = visibility.pixels(projected, window=side, size=side).numpy()[shown] == filled
        normals = drawn.points.normals[shown] @ rotation.T
        lit, shine = shading.light(
            placed, [torch.from_numpy(axis.astype(np.float32)) for axis in normals.T], torch.from_numpy(shown)
        )
    turned = drawn.points.xyz @ rotation.T
    eye = (turned.min(axis=0) + turned.max(axis=0)) / 2 + np.array([0, 0, placed.distance])
    rays = turned[shown] - eye
    length = np.linalg.norm(rays, axis=1)
    met = -(rays * normals).sum(axis=1) > GRAZING * length
    met &= own & (rng.random(len(met)) >= LOST)
    kept, rays = filled[met], rays[met] * AWAY
    exact, xyz = np.zeros((2, side * side, 3))
    exact[kept] = rays
    xyz[kept] = rays * (1 + noise(length[met].shape, rng) / length[met])[:, None]
    valid = np.zeros(side * side, dtype=np.bool_)
    valid[kept] = True
    regions = np.full(side * side, INTACT, dtype=np.int32)
    rim = np.zeros(side * side, dtype=np.bool_)
    regions[kept], rim[kept] = drawn.regions[shown[met]], drawn.rim[shown[met]]
    colours = np.tile(TABLE, (side * side, 1))
    bright = AMBIENT + (1 - AMBIENT) / shading.DIFFUSE * lit.numpy()[:, None]
    colours[filled] = drawn.rgb[shown] * bright + shine.numpy()[:, None]
    colours += COLOUR_NOISE * rng.normal(size=colours.shape)
    focal = cameras.FOCAL * side
    return SensorView(
        xyz,
        exact,
        valid,
        regions,
        rim,
        (np.clip(colours, 0, 1) * 255).round().astype(np.uint8).reshape(side, side, 3),
        Pinhole(focal, focal, side / 2 - 0.5, side / 2 - 0.5),
        rotation * AWAY[:, None],
        eye @ rotation,
    )


def _facing(specimen: Specimen, towards: Float64Array) -> Specimen:
    """The specimen without triangles that no ray can meet; those that operations made stay, for the rims."""
    solid = specimen.solid
    kept = (solid.normals @ towards > AVERTED) | (solid.owner != INTACT)
    return replace(specimen, solid=from_triangles(solid.corners[kept], solid.owner[kept]))


def pose(target: Specimen, rng: np.random.Generator) -> Float64Array:
    """(3, 3) rotation of a camera: the first of some random ones that sees half as much as the best.

    What counts are points of the defects, not the rim of what is missing: one looks into a gap.
    """
    places = rng.normal(size=(POSES, 3))
    rotations = [upright(place / np.linalg.norm(place)) for place in places]
    drawn = target.draw(PROBES, rng)
    wanted = (drawn.regions >= 0) & ~drawn.rim
    sight = Sight(drawn.points, target.solid.area)
    shown = [np.count_nonzero(sight.seen(rotation) & wanted) for rotation in rotations]
    return rotations[int(np.argmax(np.array(shown) >= max(shown) / 2))]
