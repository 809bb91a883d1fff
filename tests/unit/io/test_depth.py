"""The pinhole model and depth images of users."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pc3dad.errors import DataError
from pc3dad.io.depth import Pinhole, depth_to_xyz, read_depth_cloud

CAMERA = {"fx": 100.0, "fy": 200.0, "cx": 1.0, "cy": 2.0, "metres_per_level": 0.001}


def write_scan(folder: Path, levels: np.ndarray, camera: dict | None, name: str = "camera.json") -> Path:
    Image.fromarray(levels.astype(np.uint16)).save(folder / "part.png")
    if camera is not None:
        (folder / name).write_text(json.dumps(camera))
    return folder / "part.png"


@given(
    st.floats(1, 2000),
    st.floats(1, 2000),
    st.floats(-50, 600),
    st.floats(-50, 600),
    st.integers(0, 2**32 - 1),
)
def test_points_project_back_to_their_pixels(fx, fy, cx, cy, seed):
    depth = np.random.default_rng(seed).uniform(0.1, 5, (4, 6))
    x, y, z = depth_to_xyz(depth, Pinhole(fx, fy, cx, cy)).T
    row, column = (index.ravel() for index in np.indices(depth.shape))
    np.testing.assert_allclose(fx * x / z + cx, column, atol=1e-6)
    np.testing.assert_allclose(fy * y / z + cy, row, atol=1e-6)
    np.testing.assert_array_equal(z, depth.ravel())


def test_a_plane_facing_the_camera_stays_a_plane():
    xyz = depth_to_xyz(np.full((5, 5), 2.0), Pinhole(50, 50, 2, 2))
    assert (xyz[:, 2] == 2).all()
    np.testing.assert_allclose(xyz[12], (0, 0, 2))


def test_depth_image_with_its_camera_becomes_a_cloud_in_metres(tmp_path):
    cloud = read_depth_cloud(write_scan(tmp_path, np.full((3, 2), 500), CAMERA))
    assert cloud.grid == (3, 2)
    np.testing.assert_allclose(cloud.xyz[0] + cloud.origin, (-0.005, -0.005, 0.5), rtol=1e-6)


def test_level_zero_is_missing(tmp_path):
    cloud = read_depth_cloud(write_scan(tmp_path, np.array([[0, 7]]), {**CAMERA, "offset": 0.2}))
    assert cloud.valid.tolist() == [False, True]
    assert np.isnan(cloud.xyz[0]).all()
    assert cloud.xyz[1, 2] + cloud.origin[2] == pytest.approx(0.207)


def test_camera_of_the_image_wins_over_that_of_the_folder(tmp_path):
    path = write_scan(tmp_path, np.full((1, 1), 10), CAMERA)
    write_scan(tmp_path, np.full((1, 1), 10), {**CAMERA, "metres_per_level": 1.0}, "part.camera.json")
    cloud = read_depth_cloud(path)
    assert cloud.xyz[0, 2] + cloud.origin[2] == 10


def test_missing_camera_says_what_to_write(tmp_path):
    with pytest.raises(DataError, match=r"part\.camera\.json nor camera\.json.*metres_per_level"):
        read_depth_cloud(write_scan(tmp_path, np.ones((1, 1)), None))


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"fx": 0}, "fx"),
        ({"fx": "700"}, "fx"),
        ({"metres_per_level": -1.0}, "metres_per_level"),
        ({"cy": None}, "cy"),
        ({"focal": 3}, "focal"),
    ],
)
def test_wrong_camera_names_the_key(tmp_path, change, key):
    with pytest.raises(DataError, match=key):
        read_depth_cloud(write_scan(tmp_path, np.ones((1, 1)), {**CAMERA, **change}))


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b'{"fx": NaN}', b"\xff\xfe"])
def test_unreadable_camera_is_one_clear_error(tmp_path, content):
    path = write_scan(tmp_path, np.ones((1, 1)), CAMERA)
    (tmp_path / "camera.json").write_bytes(content)
    with pytest.raises(DataError, match=r"camera\.json"):
        read_depth_cloud(path)


@pytest.mark.parametrize("name", ["camera.json", "part.camera.json"])
def test_a_camera_that_is_a_pipe_does_not_block(tmp_path, name):
    path = write_scan(tmp_path, np.ones((1, 1)), None)
    os.mkfifo(tmp_path / name)
    with pytest.raises(DataError, match="not a regular file"):
        read_depth_cloud(path)
