"""Meshes in STL and OBJ files; their vertices become the cloud. Materials and textures are never opened."""

import logging
import re
from array import array
from pathlib import Path

import numpy as np

from pc3dad.errors import DataError
from pc3dad.io.scan import Scan, damaged, fan_faces, make_cloud, read_bytes, shown, unit_colours
from pc3dad.types import Float32Array, UInt8Array

LOGGER = logging.getLogger(__name__)
STL_HEADER = 84  # 80 bytes of text and the number of triangles
STL_TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
ASCII_CORNER = re.compile(rb"^[ \t]*vertex[ \t]+(\S+)[ \t]+(\S+)[ \t]+(\S+)", re.MULTILINE | re.IGNORECASE)


def read_stl(path: Path) -> Scan:
    """Reads a binary or ascii STL file. Corners at exactly the same position become one vertex.

    Vertices are in the order in which the file names them first.

    Raises:
        DataError: the file is not an STL file or is cut.
    """
    data = read_bytes(path)
    size = STL_HEADER
    if len(data) >= STL_HEADER:
        size += STL_TRIANGLE.itemsize * int(data[STL_HEADER - 4 : STL_HEADER].view("<u4")[0])
    # Many binary files start with "solid" too, so the size decides first.
    if size != len(data) and data[:512].tobytes().lstrip().lower().startswith(b"solid"):
        corners = _ascii_corners(path, data.tobytes())
    else:
        corners = _binary_corners(path, data, size)
    corners += 0.0  # -0 becomes 0: the same position
    _, first, inverse = np.unique(corners, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    faces = rank[inverse].astype(np.int32).reshape(-1, 3)
    return Scan(make_cloud(corners[first[order]]), faces if len(faces) else None)


def _binary_corners(path: Path, data: UInt8Array, size: int) -> Float32Array:
    """(3 F, 3) float32 corners; `size` is the length that the header promises."""
    if size > len(data) or len(data) < STL_HEADER:
        raise damaged(path, f"a binary STL file of {size} bytes is promised but there are {len(data)}")
    if size < len(data):
        LOGGER.warning("%s: %d bytes after the last triangle are ignored", path, len(data) - size)
    return data[STL_HEADER:size].view(STL_TRIANGLE)["corners"].astype(np.float32).reshape(-1, 3)


def _ascii_corners(path: Path, text: bytes) -> Float32Array:
    """(3 F, 3) float32 corners of an ascii file."""
    words = ASCII_CORNER.findall(text)
    n_facets = len(re.findall(rb"^[ \t]*endfacet\b", text, re.MULTILINE | re.IGNORECASE))
    ends = re.search(rb"^[ \t]*endsolid\b", text, re.MULTILINE | re.IGNORECASE) is not None
    if len(words) != 3 * n_facets or not ends:
        problem = f"an ascii STL file with {len(words)} corners, {n_facets} ends of facets"
        raise damaged(path, f"{problem} and {'an' if ends else 'no'} endsolid")
    try:
        flat = np.fromiter((float(word) for row in words for word in row), np.float64)
    except ValueError as error:
        raise damaged(path, shown(error)) from error
    return flat.astype(np.float32).reshape(-1, 3)


def read_obj(path: Path) -> Scan:
    """Reads the lines `v` and `f` of an OBJ file: vertices in file order, polygons as fans.

    Indices of texture and normals are skipped. Negative indices count back from the last vertex so far.
    Vertices have colours if all of them are written as `v x y z r g b`.

    Raises:
        DataError: a line is not a vertex or a face, or a face names a vertex that does not exist.
    """
    text = re.sub(rb"\\(\r\n|\n|\r)", b" ", read_bytes(path).tobytes())
    coordinates, colours, corners, sizes = array("d"), array("d"), array("q"), array("q")
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        try:
            if words and words[0] == b"v":
                x, y, z = words[1:4]
                coordinates.extend((float(x), float(y), float(z)))
                if len(words) == 7:
                    colours.extend(map(float, words[4:]))
            elif words and words[0] == b"f":
                polygon = [int(word.partition(b"/")[0]) for word in words[1:]]
                vertices = len(coordinates) // 3
                corners.extend(index - 1 if index >= 0 else vertices + index for index in polygon)
                sizes.append(len(polygon))
        except (ValueError, OverflowError) as error:
            shown = line[:60].decode("latin-1").strip()
            problem = f"{path}: line {number} is not a vertex or a face: {shown!r}"
            raise DataError(problem, hint="correct the line") from error
    coloured = len(colours) == len(coordinates)
    rgb = unit_colours(np.array(colours).reshape(-1, 3), integer=False) if coloured else None
    cloud = make_cloud(np.array(coordinates).reshape(-1, 3), rgb=rgb)
    return Scan(cloud, fan_faces(path, np.array(sizes), np.array(corners), len(cloud)))
