"""Point clouds keep the length and order of the file and refuse arrays that do not fit."""

import numpy as np
import pytest

from pc3dad.errors import DataError
from pc3dad.types import PointCloud, Regime


def test_points_with_a_non_finite_coordinate_are_not_valid_but_stay():
    cloud = PointCloud(np.array([[0, 0, 0], [np.nan, 1, 1], [1, np.inf, 2]]))
    assert len(cloud) == 3
    assert cloud.valid.tolist() == [True, False, False]
    assert cloud.valid_xyz.tolist() == [[0, 0, 0]]


def test_a_given_mask_cannot_make_a_missing_point_valid():
    cloud = PointCloud(np.array([[np.nan, 0, 0], [1, 1, 1]]), valid=np.array([True, True]))
    assert cloud.valid.tolist() == [False, True]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("normals", np.zeros((2, 3))),
        ("rgb", np.zeros((3, 4))),
        ("valid", np.ones(2, bool)),
        ("origin", np.zeros(2)),
    ],
)
def test_a_wrong_shape_is_named(field, value):
    with pytest.raises(DataError, match=field):
        PointCloud(np.zeros((3, 3)), **{field: value})


def test_the_grid_must_hold_all_points():
    with pytest.raises(DataError, match="grid"):
        PointCloud(np.zeros((6, 3)), grid=(2, 2))


def test_regimes_that_saw_different_things_are_told_apart():
    assert Regime.AUXILIARY.seen == Regime.TRAINING_FREE.seen == "nothing"
    assert len({Regime.AUXILIARY.seen, Regime.ONE_CLASS.seen, Regime.TRANSDUCTIVE.seen}) == 3
