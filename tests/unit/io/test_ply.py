"""PLY files: three encodings, any property order, faces before vertices; and the writer."""

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pc3dad.errors import DataError
from pc3dad.io.clouds import read_cloud, read_scan
from pc3dad.io.colormap import colours
from pc3dad.io.ply import write_ply
from pc3dad.types import PointCloud

POINTS = np.array([[1, 2, 3], [4, 5, 6], [-7, 8, 9], [0, 0, 1], [2, 2, 2]], np.float32)
POLYGONS = ((0, 1, 2), (1, 2, 3, 4), (4, 3, 0))
ENCODINGS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
CODES = {"char": "b", "uchar": "B", "short": "h", "int": "i", "float": "f", "double": "d", "float64": "d"}


def ply(encoding, properties, rows, *, polygons=(), faces_first=False, n_rows=None):
    """Bytes of a PLY file; `properties` are (type, name), `rows` the numbers of each vertex."""
    order = ENCODINGS[encoding]
    names = [f"element vertex {len(rows) if n_rows is None else n_rows}"]
    names += [f"property {kind} {name}" for kind, name in properties]
    face_names = [
        f"element face {len(polygons)}",
        "property list uchar int vertex_indices",
        "property short flag",
    ]
    if encoding == "ascii":
        vertices = "".join(" ".join(map(str, row)) + "\n" for row in rows).encode()
        faces = "".join(" ".join(map(str, (len(p), *p, 7))) + "\n" for p in polygons).encode()
    else:
        codes = order + "".join(CODES[kind] for kind, _ in properties)
        vertices = b"".join(struct.pack(codes, *row) for row in rows)
        faces = b"".join(struct.pack(f"{order}B{len(p)}ih", len(p), *p, 7) for p in polygons)
    blocks = [(names, vertices), (face_names, faces)] if polygons else [(names, vertices)]
    blocks = blocks[::-1] if faces_first else blocks
    lines = [
        "ply",
        f"format {encoding} 1.0",
        "comment caf\xe9",
        *(line for block in blocks for line in block[0]),
    ]
    return ("\n".join(lines) + "\nend_header\n").encode("latin-1") + b"".join(block[1] for block in blocks)


def write(path, *args, **kwargs):
    path.write_bytes(ply(*args, **kwargs))
    return path


XYZ = [("float", name) for name in "xyz"]


@settings(deadline=None, max_examples=60)
@given(
    encoding=st.sampled_from(sorted(ENCODINGS)),
    names=st.permutations(["x", "y", "z", "intensity"]),
    kinds=st.lists(
        st.sampled_from(["char", "short", "int", "float", "double", "float64"]), min_size=4, max_size=4
    ),
    faces_first=st.booleans(),
    same=st.booleans(),
)
def test_any_encoding_order_and_type_gives_the_same_scan(
    tmp_path_factory, encoding, names, kinds, faces_first, same
):
    columns = dict(zip("xyz", POINTS.T.astype(int), strict=True)) | {"intensity": np.arange(5)}
    rows = list(zip(*(columns[name].tolist() for name in names), strict=True))
    path = write(
        tmp_path_factory.mktemp("ply") / "a.ply",
        encoding,
        list(zip(kinds, names, strict=True)),
        rows,
        polygons=POLYGONS[:1] * 2 if same else POLYGONS,
        faces_first=faces_first,
    )
    scan = read_scan(path)
    assert np.array_equal(scan.cloud.xyz, POINTS)
    fans = [[0, 1, 2], [0, 1, 2]] if same else [[0, 1, 2], [1, 2, 3], [1, 3, 4], [4, 3, 0]]
    assert scan.faces is not None
    assert scan.faces.tolist() == fans


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(("kind", "full"), [("uchar", 255), ("float", 1), ("float", 255)])
def test_colours_of_any_scale_come_back_between_0_and_1(tmp_path, encoding, kind, full):
    properties = [*XYZ, *((kind, name) for name in ("red", "green", "blue"))]
    rows = [(*point, full, 0, full) for point in POINTS.tolist()]
    assert read_cloud(write(tmp_path / "a.ply", encoding, properties, rows)).rgb[0].tolist() == [1, 0, 1]


def test_nearly_black_integer_colours_stay_nearly_black(tmp_path):
    properties = [*XYZ, *(("uchar", name) for name in ("red", "green", "blue"))]
    path = write(tmp_path / "a.ply", "ascii", properties, [(0, 0, 1, 1, 0, 1)])
    assert np.allclose(read_cloud(path).rgb, [[1 / 255, 0, 1 / 255]])


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_cut_file_is_refused_at_every_byte(tmp_path, encoding):
    rows = POINTS.astype(int).tolist()
    data = write(tmp_path / "a.ply", encoding, XYZ, rows, polygons=POLYGONS).read_bytes()
    for length in range(len(data) - (2 if encoding == "ascii" else 0)):  # "7" and a line end close the text
        (tmp_path / "a.ply").write_bytes(data[:length])
        with pytest.raises(DataError, match=r"a\.ply"):
            read_scan(tmp_path / "a.ply")


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_huge_promises_are_refused(tmp_path, encoding):
    path = write(tmp_path / "a.ply", encoding, XYZ, POINTS.tolist(), n_rows=10**12)
    with pytest.raises(DataError, match="promises 1000000000000 rows of element vertex"):
        read_cloud(path)


@pytest.mark.parametrize("polygon", [(0, 1, 5), (0, -1, 2)])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_faces_may_only_name_points_of_the_file(tmp_path, encoding, polygon):
    path = write(tmp_path / "a.ply", encoding, XYZ, POINTS.tolist(), polygons=[polygon])
    with pytest.raises(DataError, match="a face names point"):
        read_scan(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"property float x", b"property half x"),
        (b"property float x", b"property float q"),
        (b"element vertex 5", b"element vertex -5"),
        (b"element vertex 5", b"element vertex five"),
        (b"format ascii 1.0", b"format utf8 1.0"),
        (b"ply\n", b"plx\n"),
        (b"1.0 2.0 3.0", b"1.0 two 3.0"),
    ],
)
def test_wrong_content_is_refused(tmp_path, old, new):
    path = tmp_path / "a.ply"
    path.write_bytes(ply("ascii", XYZ, POINTS.tolist()).replace(old, new))
    with pytest.raises(DataError, match=r"a\.ply"):
        read_cloud(path)


def test_data_after_the_last_element_is_warned_of(tmp_path, caplog):
    path = tmp_path / "a.ply"
    path.write_bytes(ply("ascii", XYZ, POINTS.tolist()) + b"1 2\n")
    assert len(read_cloud(path)) == 5
    assert "after the last element" in caplog.text


@settings(deadline=None, max_examples=40)
@given(
    offset=st.sampled_from([0.0, 4.5e6]),
    with_normals=st.booleans(),
    with_rgb=st.booleans(),
    hidden=st.integers(0, 3),
)
def test_what_is_written_is_read_back(tmp_path_factory, offset, with_normals, with_rgb, hidden):
    rng = np.random.default_rng(hidden)
    normals = rng.normal(size=(8, 3))
    normals = (normals / np.linalg.norm(normals, axis=1, keepdims=True)).astype(np.float32)
    rgb = (rng.integers(0, 256, (8, 3)) / 255).astype(np.float32)
    valid = np.arange(8) >= hidden
    cloud = PointCloud(
        rng.normal(size=(8, 3)).astype(np.float32),
        origin=np.full(3, offset),
        normals=normals if with_normals else None,
        rgb=rgb if with_rgb else None,
        valid=valid,
    )
    path = tmp_path_factory.mktemp("ply") / "out.ply"
    write_ply(path, cloud)
    again = read_cloud(path)
    assert np.allclose(again.xyz + again.origin, cloud.valid_xyz + cloud.origin, rtol=0, atol=1e-6)
    assert (
        again.normals is None if not with_normals else np.allclose(again.normals, normals[valid], atol=1e-6)
    )
    assert again.rgb is None if not with_rgb else np.allclose(again.rgb, rgb[valid])


def test_scores_are_written_unchanged_and_as_colours(tmp_path):
    path = tmp_path / "out.ply"
    scores = np.array([0.1, 0.9, np.nan, -3.5, 2.0], np.float32)
    valid = np.isfinite(scores)
    write_ply(path, PointCloud(POINTS, valid=valid), scores=scores, colour_range=(0.0, 1.0))
    head, _, body = path.read_bytes().partition(b"end_header\n")
    assert b"property float score" in head
    row = np.dtype([("xyz", "<f4", 3), ("rgb", "u1", 3), ("score", "<f4")])
    table = np.frombuffer(body, row)
    assert table["score"].tolist() == scores[valid].tolist()
    assert np.array_equal(table["rgb"], colours(scores[valid], low=0.0, high=1.0))
    assert np.array_equal(table["xyz"], POINTS[valid])


@pytest.mark.parametrize("scores", [np.zeros(4, np.float32), np.full(5, np.nan, np.float32)])
def test_scores_that_do_not_fit_are_refused_and_nothing_is_written(tmp_path, scores):
    with pytest.raises(DataError, match="scores of shape"):
        write_ply(tmp_path / "out.ply", PointCloud(POINTS), scores=scores)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "points", "faces", "extent"),
    [
        ("bunny", 8171, 16301, (0.156, 0.153, 0.121)),
        ("cycloidal", 21384, 43368, (1.88, 1.87, 1.11)),
        ("fixed_top", 2374, 4772, (120, 10, 120)),
    ],
)
def test_real_files(test_data: Path, name, points, faces, extent):
    scan = read_scan(test_data / "data/meshes/trimesh_models" / f"{name}.ply")
    assert scan.faces is not None
    assert (len(scan.cloud), len(scan.faces)) == (points, faces)
    assert np.allclose(np.ptp(scan.cloud.xyz, axis=0), extent, rtol=0.01)
