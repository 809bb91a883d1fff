"""Whatever a writer may write, the reader gives back: every format, with drawn layouts and values.

`PC3DAD_SOAK=1` runs each property a hundred times as often.
"""

import io
import os
import struct
import tempfile
from itertools import pairwise, takewhile
from pathlib import Path

import numpy as np
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pc3dad.io import atomic, colormap
from pc3dad.io.clouds import read_cloud, read_scan
from pc3dad.io.npz import read_arrays, unpack_bits
from pc3dad.io.pcd import unpack_lzf
from pc3dad.io.ply import write_ply
from pc3dad.io.text import read_label_table, read_numbers
from pc3dad.types import PointCloud

EXAMPLES = 2000 if os.environ.get("PC3DAD_SOAK") else 20
quick = settings(max_examples=EXAMPLES, deadline=None)

NUMBERS = {
    "F4": "<f4",
    "F8": "<f8",
    "I1": "i1",
    "I2": "<i2",
    "I4": "<i4",
    "U1": "u1",
    "U2": "<u2",
    "U4": "<u4",
}
PLY_NAMES = {
    "f4": "float",
    "f8": "double",
    "i1": "char",
    "i2": "short",
    "i4": "int",
    "u1": "uchar",
    "u2": "ushort",
    "u4": "uint",
}
WHOLE = st.integers(0, 127)  # fits every type of number that a header may declare
REAL = st.floats(-1000, 1000, width=32).filter(lambda value: value == 0 or abs(value) > 1e-3)


def point_tables(elements=REAL, dtype=np.float32, max_rows=6):
    shapes = st.tuples(st.integers(1, max_rows), st.just(3))
    return hnp.arrays(dtype, shapes, elements=elements)


def saved(content, suffix, read):
    """What `read` makes of a file with that content."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{suffix}"
        path.write_bytes(content)
        return read(path)


def coordinates(cloud):
    return cloud.xyz.astype(np.float64) + cloud.origin


@st.composite
def rows_of_fields(draw):
    """A structured table with x, y and z and other fields, in any order, of any types and counts."""
    extras = draw(
        st.lists(st.sampled_from(["intensity", "curvature", "_", "normal_x"]), max_size=3, unique=True)
    )
    names = draw(st.permutations(["x", "y", "z", *extras]))
    kinds = [draw(st.sampled_from(sorted(NUMBERS))) for _ in names]
    counts = [1 if name in "xyz" else draw(st.integers(1, 3)) for name in names]
    n_points = draw(st.integers(1, 6))
    table = np.zeros(
        n_points,
        [(name, NUMBERS[kind], (count,)) for name, kind, count in zip(names, kinds, counts, strict=True)],
    )
    for name, count in zip(names, counts, strict=True):
        table[name] = draw(hnp.arrays(np.uint8, (n_points, count), elements=WHOLE))
    return table, kinds, counts


def pack_lzf(data):
    """A plain LZF compressor: copies the longest piece that it finds among the last 200 bytes."""
    out, literals, at = bytearray(), bytearray(), 0

    def flush():
        for start in range(0, len(literals), 32):
            piece = literals[start : start + 32]
            out.extend(bytes([len(piece) - 1]) + piece)
        literals.clear()

    def repeated(back):
        """How many bytes from here on are those `back` bytes earlier."""
        pairs = zip(data[at : at + 264], data[at - back :], strict=False)
        return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))

    while at < len(data):
        back = max(range(1, min(at, 200) + 1), key=repeated, default=0)
        length = repeated(back) if back else 0
        if length < 3:
            literals.append(data[at])
            at += 1
            continue
        flush()
        out.extend([length - 2 << 5, back - 1] if length < 9 else [7 << 5, length - 9, back - 1])
        at += length
    flush()
    return bytes(out)


@quick
@given(
    st.one_of(
        st.binary(max_size=300),
        st.lists(st.sampled_from([b"ab", b"aaaa", b"xyz"]), max_size=60).map(b"".join),
    )
)
def test_lzf_gives_back_what_was_packed(data):
    assert unpack_lzf(pack_lzf(data), len(data)) == data


@quick
@given(rows_of_fields(), st.sampled_from(["ascii", "binary", "binary_compressed"]), st.booleans())
def test_pcd_of_any_layout(drawn, encoding, organised):
    table, kinds, counts = drawn
    n_points = len(table)
    width, height = (1, n_points) if organised else (n_points, 1)
    header = (
        f"VERSION 0.7\nFIELDS {' '.join(table.dtype.names)}\nSIZE {' '.join(kind[1] for kind in kinds)}\n"
        f"TYPE {' '.join(kind[0] for kind in kinds)}\nCOUNT {' '.join(map(str, counts))}\n"
        f"WIDTH {width}\nHEIGHT {height}\nPOINTS {n_points}\nDATA {encoding}\n"
    ).encode()
    if encoding == "ascii":
        lines = (" ".join(str(value) for name in table.dtype.names for value in row[name]) for row in table)
        body = "\n".join(lines).encode() + b"\n"
    elif encoding == "binary":
        body = table.tobytes()
    else:
        columns = b"".join(table[name].tobytes() for name in table.dtype.names)
        packed = pack_lzf(columns)
        body = struct.pack("<II", len(packed), len(columns)) + packed
    cloud = saved(header + body, ".pcd", read_cloud)
    np.testing.assert_array_equal(coordinates(cloud), np.hstack([table[name] for name in "xyz"]))
    assert cloud.grid == ((height, width) if height > 1 else None)


@quick
@given(rows_of_fields(), st.sampled_from(["ascii", "binary_little_endian", "binary_big_endian"]), st.data())
def test_ply_of_any_layout_with_polygons(drawn, encoding, data):
    table, kinds, counts = drawn
    n_points = len(table)
    order = {"binary_big_endian": ">"}.get(encoding, "<")
    polygons = data.draw(st.lists(st.lists(st.integers(0, n_points - 1), min_size=3, max_size=6), max_size=4))
    count_type, corner_type = (data.draw(st.sampled_from(["u1", "i2", "u4"])) for _ in range(2))
    header = f"ply\nformat {encoding} 1.0\ncomment drawn\nelement vertex {n_points}\n"
    flat = [
        (f"{name}{i or ''}", kind)
        for name, kind, count in zip(table.dtype.names, kinds, counts, strict=True)
        for i in range(count)
    ]
    header += "".join(f"property {PLY_NAMES[kind.lower()]} {name}\n" for name, kind in flat)
    list_types = f"{PLY_NAMES[count_type]} {PLY_NAMES[corner_type]}"
    header += f"element face {len(polygons)}\nproperty list {list_types} vertex_index\n"
    if encoding == "ascii":
        rows = [" ".join(str(value) for name in table.dtype.names for value in row[name]) for row in table]
        rows += [" ".join(map(str, [len(polygon), *polygon])) for polygon in polygons]
        body = "".join(row + "\n" for row in rows).encode()
    else:
        body = table.astype(table.dtype.newbyteorder(order)).tobytes()
        for polygon in polygons:
            body += (
                np.array(len(polygon), order + count_type).tobytes()
                + np.array(polygon, order + corner_type).tobytes()
            )
    scan = saved(header.encode() + b"end_header\n" + body, ".ply", read_scan)
    np.testing.assert_array_equal(coordinates(scan.cloud), np.hstack([table[name] for name in "xyz"]))
    fans = [[polygon[0], *pair] for polygon in polygons for pair in pairwise(polygon[1:])]
    assert ([] if scan.faces is None else scan.faces.tolist()) == fans


@quick
@given(point_tables(), st.booleans(), st.booleans())
def test_what_write_ply_writes(xyz, coloured, far):
    origin = np.array([4.5e5, 5.3e6, 120.0]) if far else np.zeros(3)
    rgb = np.clip(np.abs(xyz) / 1000, 0, 1) if coloured else None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.ply"
        write_ply(path, PointCloud(xyz, origin=origin, rgb=rgb))
        cloud = read_cloud(path)
    np.testing.assert_allclose(coordinates(cloud), xyz.astype(np.float64) + origin, rtol=0, atol=2e-3)
    assert (cloud.rgb is None) is (rgb is None)
    if rgb is not None:
        np.testing.assert_allclose(cloud.rgb, rgb, atol=0.5 / 255 + 1e-6)


@st.composite
def text_tables(draw, names):
    """(Text of a table with a header, its float64 values by column name)."""
    order = draw(st.permutations(names))
    n_rows = draw(st.integers(1, 5))
    values = draw(hnp.arrays(np.float64, (n_rows, len(order)), elements=st.floats(-1e6, 1e6)))
    delimiter = draw(st.sampled_from([",", ";", " ", "\t", ", "]))
    form = draw(st.sampled_from(["{!r}", "{:.17g}", "{:.16e}"]))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    mark = draw(st.sampled_from(["", "# ", "//"])) if delimiter.strip() == "" else ""
    lines = [
        mark + delimiter.join(order),
        *(delimiter.join(form.format(float(value)) for value in row) for row in values),
    ]
    text = (
        draw(st.sampled_from(["", "\ufeff"])) + end.join(lines) + draw(st.sampled_from(["", end, end + end]))
    )
    return text.encode(), {name: values[:, order.index(name)] for name in names}


@quick
@given(text_tables(("x", "y", "z", "intensity")), st.sampled_from([".xyz", ".txt", ".asc", ".csv"]))
def test_text_clouds_with_a_header(table, suffix):
    text, columns = table
    xyz = np.column_stack([columns[name] for name in "xyz"])
    cloud = saved(text, suffix, read_cloud)
    size = max(1e-3, float(np.abs(xyz).max()))
    np.testing.assert_allclose(coordinates(cloud), xyz, rtol=0, atol=1e-6 * size)


@quick
@given(point_tables(), st.booleans())
def test_pts_with_and_without_the_number_of_points(xyz, counted):
    lines = [str(len(xyz))] * counted + [" ".join(map(repr, row)) for row in xyz.astype(float).tolist()]
    cloud = saved("\n".join(lines).encode(), ".pts", read_cloud)
    np.testing.assert_array_equal(coordinates(cloud).astype(np.float32), xyz)


@quick
@given(text_tables(("x", "y", "z", "label")))
def test_label_tables_give_back_every_number(table):
    text, columns = table
    labels = saved(text, ".csv", read_label_table)
    np.testing.assert_array_equal(labels.xyz, np.column_stack([columns[name] for name in "xyz"]))
    np.testing.assert_array_equal(labels.labels, columns["label"])


@quick
@given(
    hnp.arrays(np.float64, (4, 4), elements=st.floats(allow_nan=False, allow_infinity=False)),
    st.sampled_from(["{!r}", "{:.17e}"]),
)
def test_pose_numbers_are_exact_to_the_bit(pose, form):
    text = "\n".join(" ".join(form.format(float(value)) for value in row) for row in pose)
    np.testing.assert_array_equal(saved(text.encode(), ".txt", read_numbers), pose)


ARRAY_TYPES = st.sampled_from(["<f4", ">f4", "<f8", ">f8", "<f2", "<i4", ">i2", "u1"])


@quick
@given(
    hnp.arrays(np.uint8, hnp.array_shapes(min_dims=1, max_dims=2, max_side=4), elements=WHOLE),
    ARRAY_TYPES,
    st.booleans(),
)
def test_npy_of_any_type_order_and_shape(values, dtype, column_major):
    xyz = np.stack([values, values + 1, values // 2], axis=-1).astype(dtype)
    stream = io.BytesIO()
    np.save(stream, np.asfortranarray(xyz) if column_major else xyz)
    cloud = saved(stream.getvalue(), ".npy", read_cloud)
    np.testing.assert_array_equal(coordinates(cloud), xyz.reshape(-1, 3))
    assert cloud.grid == (values.shape if values.ndim == 2 else None)


@quick
@given(point_tables(), st.data())
def test_npz_of_each_writer(xyz, data):
    name = data.draw(st.sampled_from(["xyz", "points", "positions"]))
    valid = data.draw(hnp.arrays(np.bool_, len(xyz))) | (np.arange(len(xyz)) == 0)
    levels = data.draw(hnp.arrays(np.uint8, xyz.shape))
    arrays = {name: xyz, "rgb": levels, "valid": valid, "other": np.arange(3)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.npz"
        data.draw(
            st.sampled_from(
                [
                    atomic.write_npz,
                    lambda to, of: np.savez(to, **of),
                    lambda to, of: np.savez_compressed(to, **of),
                ]
            )
        )(path, arrays)
        cloud = read_cloud(path)
    np.testing.assert_array_equal(cloud.xyz, xyz)
    np.testing.assert_array_equal(cloud.valid, valid)
    np.testing.assert_array_equal(np.rint(cloud.rgb * 255), levels)


@quick
@given(
    st.dictionaries(
        st.text("abcxyz/", min_size=1),
        hnp.arrays(
            st.sampled_from(["<f4", ">f8", "i1", "<u8", "?", "<U3"]), hnp.array_shapes(max_dims=5, max_side=3)
        ),
    )
)
def test_stored_arrays_of_any_type_and_shape(arrays):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.npz"
        atomic.write_npz(path, arrays)
        read = read_arrays(path)
    assert read.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array)


@given(hnp.arrays(np.bool_, st.integers(0, 40)))
def test_packed_bits(bits):
    np.testing.assert_array_equal(unpack_bits(np.packbits(bits), np.int64(len(bits))), bits)


@st.composite
def meshes(draw):
    vertices = draw(
        hnp.arrays(np.float32, (draw(st.integers(3, 6)), 3), elements=st.integers(-50, 50), unique=True)
    )
    corner = st.integers(0, len(vertices) - 1)
    faces = draw(st.lists(st.tuples(corner, corner, corner), min_size=1, max_size=5))
    return trimesh.Trimesh(vertices, faces, process=False)


@quick
@given(meshes(), st.sampled_from(["stl", "stl_ascii", "obj"]))
def test_meshes_that_trimesh_exports(mesh, kind):
    content = mesh.export(file_type=kind)
    scan = saved(content.encode() if isinstance(content, str) else content, f".{kind[:3]}", read_scan)
    np.testing.assert_allclose(scan.cloud.xyz[scan.faces], mesh.triangles, atol=1e-5)


@quick
@given(hnp.arrays(np.float32, st.integers(1, 30), elements=st.floats(-1e3, 1e3, width=32)))
def test_colours_keep_the_order_of_scores(scores):
    low, high = colormap.score_range(scores)
    assert scores.min() <= low <= high <= scores.max()
    shown = colormap.colours(np.sort(scores), low=low, high=high)
    green = shown[:, 1].astype(int)  # the one channel that rises all along the map
    assert (np.diff(green) >= 0).all()
    assert tuple(shown[0]) == colormap.ANCHORS[0]
    if high > low:
        assert tuple(colormap.colours(np.array([high]), low=low, high=high)[0]) == colormap.ANCHORS[-1]
