"""What readers share: the origin that keeps precision, and the scale of colours."""

import numpy as np
import pytest

from pc3dad.errors import DataError
from pc3dad.io.scan import check_file, make_cloud, unit_colours


def test_a_file_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    path = tmp_path / "a.xyz"
    path.write_text("0 0 0")
    check_file(path)
    monkeypatch.setattr("os.access", lambda path, mode: False)  # whoever runs the tests may read everything
    with pytest.raises(DataError, match=r"a\.xyz: permission denied"):
        check_file(path)


@pytest.mark.parametrize("stray", [(0, 0, 0), (1e30, 0, 0), (np.nan, 0, 0)])
def test_a_stray_point_does_not_cost_the_others_their_precision(stray):
    points = np.random.default_rng(0).uniform(size=(30_000, 3)) + np.array([5e5, 5.5e6, 100])
    cloud = make_cloud(np.vstack([points, [stray]]))
    np.testing.assert_allclose(cloud.xyz[:-1] + cloud.origin, points, rtol=0, atol=1e-6)


def test_points_without_a_bulk_keep_origin_zero():
    for points in (np.zeros((0, 3)), np.zeros((4, 3)), np.full((4, 3), np.nan)):
        assert make_cloud(points).origin.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("values", "full"),
    [
        (np.uint8([1, 255, 0]), 255),
        (np.uint16([1, 200, 0]), 65535),
        (np.int32([1, 255, 0]), 255),
        (np.int32([1, 256, 0]), 65535),
        (np.float32([0.5, 1, 0]), 1),
        (np.float32([0.5, 128, 0]), 255),
        (np.float32([0.5, 4000, 0]), 65535),
    ],
)
def test_type_and_largest_value_tell_the_full_scale(values, full):
    colours = unit_colours(values[None], integer=values.dtype.kind != "f")
    np.testing.assert_allclose(colours[0], values / full, rtol=1e-6)


def test_real_colours_slightly_above_one_are_clipped():
    colours = unit_colours(np.float32([[0.5, 1.02, 2]]), integer=False)
    np.testing.assert_allclose(colours, [[0.5, 1, 1]])
