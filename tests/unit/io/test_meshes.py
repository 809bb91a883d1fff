"""STL and OBJ: vertices in file order, faces as triangles."""

import struct
from pathlib import Path

import numpy as np
import pytest

from pc3dad.errors import DataError
from pc3dad.io.clouds import read_cloud, read_scan

TRIANGLES = np.array([[[0, 0, 1], [1, 0, 0], [0, 2, 0]], [[1, 0, 0], [-0.0, 0, 1], [3, 3, 3]]], np.float32)
MERGED = [[0, 0, 1], [1, 0, 0], [0, 2, 0], [3, 3, 3]]


def binary_stl(triangles, head=b"solid but binary"):
    rows = b"".join(struct.pack("<12fH", 0, 0, 1, *triangle.ravel().tolist(), 0) for triangle in triangles)
    return head.ljust(80, b"\0") + struct.pack("<I", len(triangles)) + rows


def ascii_stl(triangles, end="\r\n"):
    lines = ["solid part"]
    for triangle in triangles.tolist():
        lines += ["  facet normal 0 0 1", "    outer loop"]
        lines += [f"      VERTEX {x} {y:e} {z}" for x, y, z in triangle]
        lines += ["    endloop", "  endfacet"]
    return end.join([*lines, "endsolid part", ""]).encode()


@pytest.mark.parametrize("content", [binary_stl(TRIANGLES), ascii_stl(TRIANGLES)])
def test_stl_corners_at_one_position_become_one_vertex_in_order_of_appearance(tmp_path, content):
    path = tmp_path / "a.STL"
    path.write_bytes(content)
    scan = read_scan(path)
    assert scan.cloud.xyz.tolist() == MERGED
    assert scan.faces is not None
    assert scan.faces.tolist() == [[0, 1, 2], [1, 0, 3]]


@pytest.mark.parametrize("content", [binary_stl(TRIANGLES), ascii_stl(TRIANGLES, "\n")])
def test_a_cut_stl_is_refused_at_every_byte(tmp_path, content):
    path = tmp_path / "a.stl"
    for length in range(len(content) - len(b" part\n")):
        path.write_bytes(content[:length])
        with pytest.raises(DataError, match=r"a\.stl"):
            read_scan(path)


def test_an_stl_that_promises_too_much_is_refused(tmp_path):
    path = tmp_path / "a.stl"
    path.write_bytes(b"\0" * 80 + b"\xff" * 4)
    with pytest.raises(DataError, match="214748364834 bytes is promised but there are 84"):
        read_scan(path)


def test_data_after_a_binary_stl_is_warned_of(tmp_path, caplog):
    path = tmp_path / "a.stl"
    path.write_bytes(binary_stl(TRIANGLES, b"part") + b"more")
    assert len(read_cloud(path)) == 4
    assert "4 bytes after the last triangle" in caplog.text


def test_obj_vertices_keep_their_order_and_polygons_become_fans(tmp_path):
    path = tmp_path / "a.obj"
    path.write_bytes(
        b"\xef\xbb\xbf# caf\xe9\r\nmtllib secret.mtl\r\n"
        b"v 0 0 0 1\r\nv 1 0 0 0.5 0.5 0.5\r\nv 1 1 0\r\nv 0 1 0\r\n"
        b"vt 0 0\r\nvn 0 0 1\r\nf 1/1/1 2//1 \\\r\n 3/1 4\r\nf -1 -2 -4\r\nv 9 9 9\r\n"
    )
    scan = read_scan(path)
    assert scan.cloud.xyz.tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [9, 9, 9]]
    assert scan.faces is not None
    assert scan.faces.tolist() == [[0, 1, 2], [0, 2, 3], [3, 2, 0]]


def test_an_obj_without_faces_is_a_cloud(tmp_path):
    path = tmp_path / "a.obj"
    path.write_bytes(b"v 0 0 0\nv 1 2 3\n")
    assert read_scan(path).faces is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("f 1 2 3 4", "a face names point 3"),
        ("f 0 1 2", "a face names point -1"),
        ("f -4 1 2", "a face names point -1"),
        ("f 1 2 99999999999999999999", "line 4"),
        ("f 1 2 x", "line 4"),
        ("v 1 2", "line 4"),
        ("v 1 two 3", "line 4"),
    ],
)
def test_bad_obj_lines_are_refused(tmp_path, line, message):
    path = tmp_path / "a.obj"
    path.write_bytes(f"v 0 0 0\nv 1 0 0\nv 0 1 0\n{line}\n".encode())
    with pytest.raises(DataError, match=message):
        read_scan(path)


MODELS = "data/meshes/trimesh_models/"
YCB = "data/meshes/ycb/{}/textured_simple_reoriented.obj"


@pytest.mark.parametrize(
    ("name", "faces", "extent"),
    [
        (YCB.format("YcbBanana"), 15728, (0.196, 0.079, 0.038)),
        (YCB.format("YcbCrackerBox"), 15728, (0.072, 0.164, 0.214)),
        (YCB.format("YcbMustardBottle"), 15728, (0.096, 0.058, 0.192)),
        (YCB.format("YcbPottedMeatCan"), 15728, (0.101, 0.090, 0.085)),
        (YCB.format("YcbPowerDrill"), 15728, (0.163, 0.123, 0.187)),
        (YCB.format("YcbScissors"), 15728, (0.204, 0.087, 0.020)),
        (YCB.format("YcbTomatoSoupCan"), 15728, (0.068, 0.068, 0.102)),
        (f"{MODELS}1002_tray_bottom.STL", 4520, (355.6, 3.2, 355.6)),
        (f"{MODELS}angle_block.STL", 704, (1.34, 1.00, 1.35)),
        (f"{MODELS}featuretype.STL", 3476, (5.0, 2.5, 1.4)),
        (f"{MODELS}fuze.obj", 1000, (0.07, 0.07, 0.22)),
        (f"{MODELS}idler_riser.STL", 1572, (2.66, 2.95, 0.63)),
        (f"{MODELS}octagonal_pocket.stl", 3262, (0.23, 0.16, 0.02)),
        (f"{MODELS}plate_holes.STL", 1252, (203, 305, 13)),
        (f"{MODELS}quadknot.obj", 2880, (171, 134, 181)),
        ("data/meshes/crane/spot.obj", 5856, (0.94, 1.69, 1.72)),
    ],
)
def test_real_files(test_data: Path, name, faces, extent):
    scan = read_scan(test_data / name)
    assert scan.faces is not None
    assert len(scan.faces) == faces
    assert np.allclose(np.ptp(scan.cloud.xyz, axis=0), extent, rtol=0.03, atol=0.005)


def test_a_real_closed_stl_is_closed_after_merging(test_data: Path):
    faces = read_scan(test_data / f"{MODELS}plate_holes.STL").faces
    assert faces is not None
    edges = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_obj_lines_end_in_any_way(tmp_path, end):
    lines = ("v 0 0 0", "v 1 0 0", "v 0 1 0", "f 1 2 \\", "3", "")
    (tmp_path / "a.obj").write_bytes(end.join(lines).encode())
    scan = read_scan(tmp_path / "a.obj")
    assert len(scan.cloud) == 3
    assert scan.faces is not None
    assert scan.faces.tolist() == [[0, 1, 2]]


def test_obj_vertices_have_colours_if_all_of_them_do(tmp_path):
    path = tmp_path / "a.obj"
    path.write_text("v 0 0 0 1 0 0.5\nv 1 0 0 0 1 0\n")
    assert np.allclose(read_cloud(path).rgb, [[1, 0, 0.5], [0, 1, 0]])
    path.write_text("v 0 0 0 1 0 0.5\nv 1 0 0\n")
    assert read_cloud(path).rgb is None
