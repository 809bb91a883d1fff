"""What holds for every kind of file: dispatch, precision, and one clear error for anything bad."""

import contextlib
import json
import logging
import os
import random
import struct
import warnings

import numpy as np
import pytest

from pc3dad.errors import DataError
from pc3dad.io.clouds import SUFFIXES, read_cloud, read_scan
from pc3dad.io.ply import write_ply
from pc3dad.types import PointCloud

POINTS = np.array([[1, 2, 3], [4, 5, 6], [-7, 8, 9.5]], np.float32)
TEXT = b"1 2 3\n4 5 6\n-7 8 9.5\n"
PCD = b"FIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nWIDTH 3\nPOINTS 3\nDATA "
PLY = (
    b"ply\nformat ascii 1.0\nelement vertex 3\n"
    b"property float x\nproperty float y\nproperty float z\nend_header\n"
)


def small_files(folder):
    """One valid file of every format, each with the three POINTS."""
    import tifffile
    from PIL import Image

    write_ply(folder / "binary.ply", PointCloud(POINTS))
    (folder / "ascii.ply").write_bytes(PLY + TEXT)
    (folder / "ascii.pcd").write_bytes(PCD + b"ascii\n" + TEXT)
    (folder / "binary.pcd").write_bytes(PCD + b"binary\n" + POINTS.tobytes())
    columns = POINTS.T.tobytes()
    packed = b"\x1f" + columns[:32] + b"\x03" + columns[32:]
    block = struct.pack("<II", len(packed), len(columns)) + packed
    (folder / "packed.pcd").write_bytes(PCD + b"binary_compressed\n" + block)
    corners = b"".join(b"vertex %d %d %.1f\n" % tuple(point) for point in POINTS)
    (folder / "ascii.stl").write_bytes(b"solid\nfacet\n" + corners + b"endfacet\nendsolid\n")
    (folder / "binary.stl").write_bytes(
        bytes(80) + struct.pack("<I", 1) + bytes(12) + POINTS.tobytes() + b"\0\0"
    )
    (folder / "a.obj").write_bytes(b"v 1 2 3\nv 4 5 6\nv -7 8 9.5\nf 1 2 3\n")
    for suffix in (".xyz", ".txt", ".asc", ".pts"):
        (folder / f"a{suffix}").write_bytes(TEXT)
    (folder / "a.csv").write_bytes(b"x,y,z\n" + TEXT.replace(b" ", b","))
    np.save(folder / "a.npy", POINTS)
    np.savez_compressed(folder / "a.npz", xyz=POINTS)
    for suffix in (".tif", ".tiff"):
        tifffile.imwrite(folder / f"a{suffix}", POINTS.reshape(1, 3, 3), photometric="rgb")
    Image.fromarray(np.ones((1, 3), np.uint16)).save(folder / "a.png")
    camera = {"fx": 700.0, "fy": 700.0, "cx": 1.0, "cy": 0.0, "metres_per_level": 0.001}
    (folder / "camera.json").write_text(json.dumps(camera))
    return sorted(path for path in folder.iterdir() if path.suffix != ".json")


def test_every_listed_extension_is_read_in_any_case(tmp_path):
    paths = small_files(tmp_path)
    assert {path.suffix for path in paths} == set(SUFFIXES)
    for path in paths:
        upper = path.rename(path.with_suffix(path.suffix.upper()))
        cloud = read_cloud(upper)
        assert len(cloud) == 3
        assert path.suffix == ".png" or np.array_equal(cloud.xyz, POINTS)


def test_only_meshes_have_faces(tmp_path):
    with_faces = {path.name for path in small_files(tmp_path) if read_scan(path).faces is not None}
    assert with_faces == {"ascii.stl", "binary.stl", "a.obj"}


def test_damaged_files_of_every_format_raise_nothing_but_data_errors(tmp_path):
    """Random changes of valid files; TIFF and PNG have their own tests."""
    logging.disable(logging.CRITICAL)
    generator = random.Random(0)
    words = [
        b"",
        b"-1",
        b"nan",
        b"1e999",
        b"99999999999999999999",
        b"\xff\xff\xff\x7f",
        b"\n",
        b" ",
        b"\0",
        b"#",
        b",",
    ]
    try:
        for path in small_files(tmp_path):
            if path.suffix in (".tif", ".tiff", ".png"):
                continue
            original = path.read_bytes()
            for _ in range(150):
                data = bytearray(original)
                for _ in range(generator.choice([1, 1, 2, 5])):
                    start = generator.randrange(len(data) + 1)
                    length = generator.choice([0, 1, 1, 4, 16])
                    data[start : start + length] = generator.choice([*words, generator.randbytes(length)])
                path.write_bytes(bytes(data))
                with contextlib.suppress(DataError):
                    assert read_scan(path).cloud.valid.any()
    finally:
        logging.disable(logging.NOTSET)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    "content", [b"", b"\0", b"\n", b"<html>not a scan</html>", bytes(300), b"\xff" * 300]
)
def test_files_of_another_kind_are_refused(tmp_path, suffix, content):
    path = tmp_path / f"part{suffix}"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"part{suffix}"):
        read_cloud(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_missing_files_folders_and_pipes_are_refused(tmp_path, suffix):
    with pytest.raises(DataError, match="no such file"):
        read_cloud(tmp_path / f"a{suffix}")
    (tmp_path / f"a{suffix}").mkdir()
    with pytest.raises(DataError, match="is a folder"):
        read_cloud(tmp_path / f"a{suffix}")
    os.mkfifo(tmp_path / f"b{suffix}")
    with pytest.raises(DataError, match="not a regular file"):
        read_cloud(tmp_path / f"b{suffix}")


def test_names_that_no_file_can_have_are_refused(tmp_path):
    for name in ("a\0.ply", "a" * 5000 + ".ply"):
        with pytest.raises(DataError):
            read_cloud(tmp_path / name)


def test_an_unknown_extension_names_the_known_ones(tmp_path):
    (tmp_path / "a.las").write_bytes(b"LASF")
    with pytest.raises(DataError, match=r"unknown extension '.las'; these are read: .ply .pcd"):
        read_cloud(tmp_path / "a.las")


def test_an_error_is_one_sentence_with_a_remedy(tmp_path):
    path = tmp_path / "part.pcd"
    path.write_bytes(PCD.replace(b"3\n", b"1000000000000\n") + b"binary\n" + bytes(36))
    with pytest.raises(DataError) as caught:
        read_cloud(path)
    assert str(caught.value) == (
        f"{path}: header promises 1000000000000 points (12000000000000 bytes) but the file has 36 for them; "
        "the file is cut or damaged, export it again."
    )


def test_one_point_and_duplicates_are_read(tmp_path):
    for text in ("0.1 0.2 0.3\n", "0.1 0.2 0.3\n" * 4):
        (tmp_path / "a.xyz").write_text(text)
        cloud = read_cloud(tmp_path / "a.xyz")
        assert np.allclose(cloud.xyz + cloud.origin, [0.1, 0.2, 0.3], rtol=0, atol=1e-7)


def test_map_coordinates_keep_their_precision(tmp_path):
    points = np.array([4_512_345.678, 512_345.6789, 87.65432]) + np.random.default_rng(0).random((50, 3))
    np.save(tmp_path / "a.npy", points)
    cloud = read_cloud(tmp_path / "a.npy")
    assert np.abs(cloud.xyz + cloud.origin - points).max() < 1e-6
    assert np.array_equal(cloud.origin, np.round(cloud.origin))  # the diagonal is between 1 and 10


@pytest.mark.parametrize(
    "points", [POINTS.astype(np.float64) / 3, np.float64([[1e6, 0, 0]]), POINTS + np.float32(5e6)]
)
def test_coordinates_that_float32_can_hold_have_origin_zero(tmp_path, points):
    np.save(tmp_path / "a.npy", points)
    cloud = read_cloud(tmp_path / "a.npy")
    assert not cloud.origin.any()
    assert np.array_equal(cloud.xyz, points.astype(np.float32))


def test_numbers_beyond_float32_are_missing_points(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[1e300, 0, 0], [1, 2, 3], [np.nan, 0, 0]]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_cloud(tmp_path / "a.npy").valid.tolist() == [False, True, False]
