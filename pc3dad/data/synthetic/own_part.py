"""A user's own part: a closed mesh in a file becomes a solid that defects can be made on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from manifold3d import Error, Manifold, Mesh, OpType

from pc3dad.errors import DataError
from pc3dad.io.clouds import Scan, read_scan
from pc3dad.io.scan import AnyArray
from pc3dad.types import Float32Array, Float64Array

SMALLEST, LARGEST = 10.0, 5000.0  # mm, diagonal of a part: noise and defects are made for what lies between
SUFFIXES = (".stl", ".obj", ".ply")
ROUGH = 0.005  # mm, a tenth of the noise: triangles that matter less are merged, dense meshes take long
MENDING = "mend it in a mesh editor (merge near vertices, close holes), or export the part as a closed solid"


@dataclass(frozen=True, slots=True, eq=False)
class OwnPart:
    """A part of a user.

    Attributes:
        name: of its file, without the extension.
        solid: a `manifold3d.Manifold`, one piece, millimetres, its box centred at 0.
        sides: (3,) float64, millimetres: of its box.
    """

    name: str
    solid: Any
    sides: Float64Array

    def __call__(self, _rng: np.random.Generator) -> Any:
        """The solid: every part of this category has the same shape."""
        return self.solid


def read_part(path: Path, *, scale: float = 1.0) -> OwnPart:
    """Reads a mesh (STL, OBJ, PLY) that encloses one body. Closed cavities are filled: no scanner sees them.

    Bodies that overlap are joined. A mesh that is inside out is turned.

    Args:
        path: the file.
        scale: millimetres per unit of the file.

    Raises:
        DataError: the file is unreadable, has no triangles, its surface is not closed or does not tell inside
            from outside, it is several bodies, or it is so small or large that its unit must be another one.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise DataError(f"{path}: is no STL, OBJ or PLY file", hint="export the mesh of the part as one")
    vertices, faces = _triangles(path, read_scan(path))
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    _check_size(path, scale * float(np.linalg.norm(high - low)), scale)
    centred = (scale * (vertices - (low + high) / 2)).astype(np.float32)
    body = _one_body(path, _closed(path, centred, faces).simplify(ROUGH))
    box = np.array(body.bounding_box())
    return OwnPart(path.stem, body, box[3:] - box[:3])


def _triangles(path: Path, scan: Scan) -> tuple[Float64Array, AnyArray]:
    """(V, 3) different corners and (F, 3) uint32 triangles with three different ones."""
    if scan.faces is None:
        raise DataError(f"{path}: holds points but no triangles", hint="export the part as a mesh")
    corners = np.unique(scan.faces)
    if not scan.cloud.valid[corners].all():
        raise DataError(f"{path}: a corner of a triangle is not finite", hint="export the mesh again")
    xyz, same = np.unique(scan.cloud.xyz[corners], axis=0, return_inverse=True)
    faces = same.reshape(-1)[np.searchsorted(corners, scan.faces)].astype(np.uint32)
    flat = (faces == np.roll(faces, 1, axis=1)).any(axis=1)
    return xyz.astype(np.float64) + scan.cloud.origin, np.ascontiguousarray(faces[~flat])


def _check_size(path: Path, size: float, scale: float) -> None:
    if SMALLEST <= size <= LARGEST:
        return
    units = (
        "1000 if its unit is metres, 25.4 if inches"
        if size < SMALLEST
        else "0.001 if its unit is micrometres"
    )
    raise DataError(
        f"{path}: the part is {size:g} mm from corner to corner of its box at --scale {scale:g}, noise and "
        f"defects are made for parts of {SMALLEST:g} to {LARGEST:g} mm",
        hint=f"pass --scale with the millimetres of one unit of the file: {units}",
    )


def _closed(path: Path, vertices: Float32Array, faces: AnyArray) -> Manifold:
    """The solid inside a closed surface."""
    solid = Manifold(Mesh(vertices, faces))
    if solid.status() != Error.NoError:
        raise DataError(f"{path}: {_flaw(faces)}", hint=MENDING)
    if solid.volume() >= 0:
        return solid
    return _closed(path, vertices, np.ascontiguousarray(faces[:, ::-1]))


def _flaw(faces: AnyArray) -> str:
    """Why (F, 3) triangles are not the surface of a solid."""
    edges = np.stack([faces, np.roll(faces, -1, axis=1)], axis=-1).reshape(-1, 2)
    _, number, count = np.unique(np.sort(edges, axis=1), axis=0, return_inverse=True, return_counts=True)
    if n_open := np.count_nonzero(count == 1):
        return f"its surface is not closed, {n_open} of {len(count)} edges belong to one triangle only"
    forward = np.bincount(number.reshape(-1), weights=edges[:, 0] < edges[:, 1])
    if n_turned := np.count_nonzero(2 * forward != count):
        return f"triangles do not agree where its outside is, at {n_turned} of {len(count)} edges"
    return "its triangles are not the surface of a solid"


def _one_body(path: Path, solid: Manifold) -> Manifold:
    """The only body of a solid, without its cavities."""
    bodies = _bodies(solid)
    if len(bodies) > 1:
        bodies = _bodies(Manifold.batch_boolean(bodies, OpType.Add))
    if not bodies:
        raise DataError(f"{path}: its surface encloses nothing", hint=MENDING)
    if len(bodies) > 1:
        problem = f"{path}: holds {len(bodies)} bodies that do not touch"
        raise DataError(problem, hint="export each as a file of its own")
    return bodies[0]


def _bodies(solid: Manifold) -> list[Manifold]:
    return [piece for piece in solid.decompose() if piece.volume() > 0]
