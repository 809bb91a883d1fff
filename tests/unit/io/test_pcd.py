"""PCD files: every encoding and field layout gives the same points; contradictions are refused."""

import logging
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pc3dad.errors import DataError
from pc3dad.io.clouds import read_cloud
from pc3dad.io.pcd import unpack_lzf

POINTS = np.array([[1, 2, 3], [4, 5, 6], [-7, 8, 9]], np.float32)
XYZ = [("x", "<f4"), ("y", "<f4"), ("z", "<f4")]


def header(dtype, n_points, encoding, **changes):
    """Header lines for a structured dtype; `changes` replace single lines."""
    fields = [dtype[name] for name in dtype.names]
    lines = {
        "VERSION": "0.7",
        "FIELDS": " ".join(name if name[0] != "_" else "_" for name in dtype.names),
        "SIZE": " ".join(str(field.base.itemsize) for field in fields),
        "TYPE": " ".join(field.base.kind.upper() for field in fields),
        "COUNT": " ".join(str(int(np.prod(field.shape))) for field in fields),
        "WIDTH": n_points,
        "HEIGHT": 1,
        "VIEWPOINT": "0 0 0 1 0 0 0",
        "POINTS": n_points,
        "DATA": encoding,
    } | changes
    return "".join(f"{key} {value}\n" for key, value in lines.items() if value is not None).encode()


def literal_lzf(data):
    """A valid LZF stream without any copies."""
    pieces = [data[start : start + 32] for start in range(0, len(data), 32)]
    return b"".join(bytes([len(piece) - 1]) + piece for piece in pieces)


def body(table, encoding):
    if encoding == "binary":
        return table.tobytes()
    if encoding == "binary_compressed":
        data = b"".join(np.ascontiguousarray(table[name]).tobytes() for name in table.dtype.names)
        packed = literal_lzf(data)
        return struct.pack("<II", len(packed), len(data)) + packed
    rows = (np.concatenate([np.atleast_1d(row[name]) for name in table.dtype.names]) for row in table)
    return "".join(" ".join(repr(float(value)) for value in row) + "\n" for row in rows).encode()


def write(path, table, encoding, **changes):
    path.write_bytes(header(table.dtype, len(table), encoding, **changes) + body(table, encoding))
    return path


def table_of(points, fields=XYZ):
    table = np.zeros(len(points), fields)
    for column, name in enumerate("xyz"):
        table[name] = points[:, column]
    return table


ENCODINGS = ("ascii", "binary", "binary_compressed")
FIELDS = st.permutations(["x", "y", "z", "label", "_", "rgb"]).flatmap(
    lambda names: st.tuples(
        *(
            st.tuples(
                st.just(name),
                st.sampled_from(["<f4", "<f8", "<i2", "<i4", "<i1"] if name in "xyz" else ["<u4"]),
                st.just((3,) if name == "_" else ()),
            )
            for name in names
        )
    )
)


@settings(deadline=None, max_examples=60)
@given(fields=FIELDS, encoding=st.sampled_from(ENCODINGS), n_points=st.integers(1, 40))
def test_any_field_order_and_type_gives_the_same_points(tmp_path_factory, fields, encoding, n_points):
    points = np.random.default_rng(n_points).integers(-100, 100, (n_points, 3)).astype(np.float32)
    path = write(tmp_path_factory.mktemp("pcd") / "a.pcd", table_of(points, list(fields)), encoding)
    cloud = read_cloud(path)
    assert np.array_equal(cloud.xyz + cloud.origin, points)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("kind", ["<f4", "<u4"])
def test_packed_colours_are_read_from_float_bits_and_integers(tmp_path, encoding, kind):
    table = table_of(POINTS, [*XYZ, ("rgb", kind)])
    bits = np.array([0x00FF0000, 0x0000FF00, 0x00000033], np.uint32)
    table["rgb"] = bits.view(np.float32) if kind == "<f4" else bits
    rgb = read_cloud(write(tmp_path / "a.pcd", table, encoding)).rgb
    assert np.allclose(rgb, [[1, 0, 0], [0, 1, 0], [0, 0, 0.2]])


def test_normals_are_scaled_to_unit_length(tmp_path):
    table = table_of(POINTS, [*XYZ, ("normal_x", "<f4"), ("normal_y", "<f4"), ("normal_z", "<f4")])
    table["normal_y"] = [2, 0, np.nan]
    normals = read_cloud(write(tmp_path / "a.pcd", table, "binary")).normals
    assert np.array_equal(normals, [[0, 1, 0], [0, 0, 0], [0, 0, 0]])


def test_height_makes_an_organised_cloud_with_missing_points(tmp_path):
    points = np.concatenate([POINTS, POINTS])
    points[4] = np.nan
    cloud = read_cloud(write(tmp_path / "a.pcd", table_of(points), "binary", WIDTH=3, HEIGHT=2))
    assert cloud.grid == (2, 3)
    assert cloud.valid.tolist() == [True] * 4 + [False, True]


def test_width_and_height_that_miss_the_points_are_warned_of(tmp_path, caplog):
    cloud = read_cloud(write(tmp_path / "a.pcd", table_of(POINTS), "binary", WIDTH=2, HEIGHT=2))
    assert cloud.grid is None
    assert "WIDTH 2 x HEIGHT 2 is not POINTS 3" in caplog.text


def test_loose_headers_are_accepted(tmp_path):
    text = b"# .PCD v.7\n\nversion .7\nfields x y z\nsize 4 4 4\ntype f f f\nwidth 1\nheight 1\ndata ascii\n"
    text = text.replace(b"\n", b"\r\n")
    path = tmp_path / "A.PCD"
    path.write_bytes(b"\xef\xbb\xbf# caf\xe9\r\n" + text + b"1 2 3\r\n")
    assert read_cloud(path).xyz.tolist() == [[1, 2, 3]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"POINTS": 10**12, "WIDTH": 10**12}, "header promises 1000000000000 points"),
        ({"POINTS": -3, "WIDTH": 3}, "negative count"),
        ({"COUNT": "1 1 1000000000000"}, "header promises 3 points"),
        ({"COUNT": "1 -1 1"}, "negative count"),
        ({"SIZE": "4 4 3"}, "TYPE F and SIZE 3"),
        ({"SIZE": "4 4 x"}, "bad number"),
        ({"SIZE": "4 4"}, "3, 2, 3 and 3 fields"),
        ({"FIELDS": "x y q"}, "the fields are x y q"),
        ({"DATA": "zipped"}, "no PCD header"),
        ({"POINTS": None, "WIDTH": None}, "neither WIDTH nor POINTS"),
    ],
)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_hostile_headers_are_refused(tmp_path, changes, message, encoding):
    with pytest.raises(DataError, match=message):
        read_cloud(write(tmp_path / "part.pcd", table_of(POINTS), encoding, **changes))


@pytest.mark.parametrize("encoding", ["binary", "binary_compressed"])
def test_a_cut_binary_file_is_refused_at_every_byte(tmp_path, encoding):
    path = write(tmp_path / "a.pcd", table_of(POINTS), encoding)
    data = path.read_bytes()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(DataError, match=r"a\.pcd"):
            read_cloud(path)


def test_a_cut_file_tells_how_many_bytes_were_promised_and_found(tmp_path):
    path = write(tmp_path / "a.pcd", table_of(POINTS), "binary")
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(DataError, match=r"promises 3 points \(36 bytes\) but the file has 31 for them"):
        read_cloud(path)


def test_data_after_the_points_is_warned_of(tmp_path, caplog):
    path = write(tmp_path / "a.pcd", table_of(POINTS), "binary")
    path.write_bytes(path.read_bytes() + b"more")
    with caplog.at_level(logging.WARNING):
        assert len(read_cloud(path)) == 3
    assert "4 bytes after the last point" in caplog.text


def test_a_bad_ascii_line_is_named(tmp_path):
    path = write(tmp_path / "a.pcd", table_of(POINTS), "ascii")
    path.write_bytes(path.read_bytes().replace(b"4.0 5.0 6.0", b"4.0 oops 6.0"))
    with pytest.raises(DataError, match="line 12 is not a row"):
        read_cloud(path)


def test_lzf_copies_may_overlap_their_own_output():
    stream = bytes([1]) + b"ab" + bytes([(5 << 5) | 0, 1])  # literal "ab", then 7 bytes from 2 back
    assert unpack_lzf(stream, 9) == b"ababababa"


@pytest.mark.parametrize(
    "stream", [b"\x20\x00", b"\x05ab", b"\xe0", b"\x00a\xe0\xff", b"\x00a\xe0\xff\x00", b"\x00a", b""]
)
def test_lzf_streams_that_lie_are_refused(stream):
    with pytest.raises(ValueError, match="stream"):
        unpack_lzf(stream, 9)


@pytest.mark.parametrize(
    ("name", "points", "missing", "grid"),
    [
        ("milk", 12575, 0, None),
        ("pairwise_capture0001", 307200, 57553, (480, 640)),
        ("mosd_test43", 170986, 0, None),
        ("lamppost", 1771, 0, None),
        ("object_template_0", 1397, 0, None),
        ("rops_points", 32087, 0, None),
    ],
)
def test_real_files(test_data: Path, caplog, name, points, missing, grid):
    cloud = read_cloud(test_data / "data" / "pcd_samples" / f"{name}.pcd")
    assert (len(cloud), int((~cloud.valid).sum()), cloud.grid) == (points, missing, grid)
    assert (cloud.rgb is not None) == (name in ("milk", "mosd_test43"))
    assert not caplog.records


def test_real_bagel_is_grey_and_ten_centimetres_wide(test_data: Path):
    cloud = read_cloud(test_data / "data/mvtec3d_ad_derived/bagel_like_336grid_noplane_002.pcd")
    assert len(cloud) == 37095
    assert np.ptp(cloud.xyz, axis=0).max() == pytest.approx(0.1, abs=0.01)
    assert np.allclose(cloud.rgb, 0xB3 / 255)


def test_a_compressed_block_larger_than_its_points_is_refused(tmp_path):
    table = table_of(POINTS)
    path = write(tmp_path / "a.pcd", table, "binary_compressed")
    path.write_bytes(header(table.dtype, 2, "binary_compressed") + body(table, "binary_compressed"))
    with pytest.raises(DataError, match="promises 24 bytes but the compressed block unpacks to 36"):
        read_cloud(path)
