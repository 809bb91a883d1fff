"""NumPy files: shapes, orders and types; bombs, pickles and false claims are refused."""

import io
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pc3dad.errors import DataError
from pc3dad.io.clouds import read_cloud

POINTS = np.arange(18, dtype=np.float32).reshape(6, 3)


@settings(deadline=None, max_examples=40)
@given(
    kind=st.sampled_from(["<f4", ">f4", "<f8", ">f8", "<f2", "<i4", "|u1"]),
    order=st.sampled_from("CF"),
    grid=st.booleans(),
    store=st.sampled_from(["npy", "savez", "savez_compressed"]),
)
def test_any_type_order_and_shape_gives_the_same_points(tmp_path_factory, kind, order, grid, store):
    array = np.asarray(POINTS.reshape(2, 3, 3) if grid else POINTS, kind, order=order)
    path = tmp_path_factory.mktemp("npz") / ("a.npy" if store == "npy" else "a.npz")
    if store == "npy":
        np.save(path, array)
    else:
        getattr(np, store)(path, points=array)
    cloud = read_cloud(path)
    assert np.array_equal(cloud.xyz, POINTS)
    assert cloud.grid == ((2, 3) if grid else None)
    assert cloud.xyz.flags.aligned
    assert cloud.xyz.flags.writeable


def test_the_other_arrays_are_read_flat_or_organised(tmp_path):
    rgb = np.full((2, 3, 3), 51, np.uint8)
    valid = np.arange(6) > 0
    np.savez(tmp_path / "a.npz", xyz=POINTS.reshape(2, 3, 3), rgb=rgb, normals=POINTS + 1, valid=valid)
    cloud = read_cloud(tmp_path / "a.npz")
    assert np.allclose(cloud.rgb, 0.2)
    assert np.allclose(np.linalg.norm(cloud.normals, axis=1), 1)
    assert cloud.valid.tolist() == valid.tolist()


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path):
    path = tmp_path / "bomb.npz"
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        head, {"descr": "<f4", "fortran_order": False, "shape": (8_000_000, 3)}
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xyz.npy", head.getvalue() + bytes(96_000_000))
    with pytest.raises(DataError, match=r"xyz.npy claims 96000128 bytes in \d+ compressed ones"):
        read_cloud(path)


@pytest.mark.parametrize("shape", [(10**12, 3), (-1, 3), (0, 10**30, 3), (2, 3, 3, 1), (1,) * 40])
def test_false_shapes_are_refused(tmp_path, shape):
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f4", "fortran_order": False, "shape": shape})
    (tmp_path / "a.npy").write_bytes(head.getvalue() + bytes(72))
    with pytest.raises(DataError, match="shape"):
        read_cloud(tmp_path / "a.npy")


@pytest.mark.parametrize(
    "array", [np.array([[object()] * 3]), np.array([["1", "2", "3"]]), POINTS.astype("c8")]
)
@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_only_plain_numbers_are_read(tmp_path, array, suffix):
    path = tmp_path / f"a.{suffix}"
    if suffix == "npy":
        np.save(path, array)
    else:
        np.savez(path, xyz=array)
    with pytest.raises(DataError, match="is refused; save plain numbers"):
        read_cloud(path)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"other": POINTS}, "holds other; store the coordinates"),
        ({"xyz": POINTS.T}, r"shape \(3, 6\)"),
        ({"xyz": POINTS[0]}, r"shape \(3,\)"),
        ({"xyz": POINTS > 0}, "type bool"),
        ({"xyz": POINTS, "rgb": POINTS[:5]}, "rgb has shape"),
        ({"xyz": POINTS, "valid": np.ones((6, 3), bool)}, "valid has shape"),
        ({"xyz": POINTS, "valid": np.zeros(6, bool)}, "no valid point"),
        ({"xyz": POINTS[:0]}, "it has no points"),
    ],
)
def test_wrong_arrays_are_refused(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=message):
        read_cloud(tmp_path / "a.npz")


@pytest.mark.parametrize("store", ["npy", "savez", "savez_compressed"])
def test_a_cut_file_is_refused_at_every_byte(tmp_path, store):
    path = tmp_path / ("a.npy" if store == "npy" else "a.npz")
    if store == "npy":
        np.save(path, POINTS)
    else:
        getattr(np, store)(path, xyz=POINTS)
    data = path.read_bytes()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(DataError, match=r"a\.np"):
            read_cloud(path)


def test_the_names_of_open3d_are_read(tmp_path):
    np.savez(tmp_path / "a.npz", positions=POINTS, colors=np.full((6, 3), 51, np.uint8))
    cloud = read_cloud(tmp_path / "a.npz")
    assert np.array_equal(cloud.xyz, POINTS)
    assert np.allclose(cloud.rgb, 0.2)


def test_a_header_too_deep_for_the_parser_is_refused(tmp_path):
    head = (b"-" * 9000 + b"1").ljust(9999) + b"\n"
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head)
    with pytest.raises(DataError, match="no NumPy array"):
        read_cloud(tmp_path / "a.npy")
