"""From scores of some points to a prediction of all."""

import numpy as np
import pytest

from pc3dad.errors import MethodError
from pc3dad.methods import scoring
from pc3dad.types import PointCloud, Sample

LINE = np.column_stack([np.arange(10.0), np.zeros(10), np.zeros(10)]).astype(np.float32)
EVEN = np.arange(10) % 2 == 0


def sample(*, valid=None):
    return Sample("one", "part", PointCloud(LINE, valid=valid))


def spread(scored, scores, *, valid=None, share=1.0):
    values = np.array(scores, dtype=np.float32)
    return scoring.spread(sample(valid=valid), np.array(scored), values, share=share, workers=1)


@pytest.mark.parametrize(
    ("share", "expected"), [(1.0, 2.5), (0.5, 3.5), (0.26, 3.5), (0.25, 4.0), (1e-9, 4.0)]
)
def test_the_mean_of_the_highest_share_rounds_up_to_whole_points(share, expected):
    assert scoring.top_mean(np.array([1.0, 4.0, 2.0, 3.0]), share=share) == expected


@pytest.mark.parametrize("share", [0.0, -0.1, 1.1, np.nan])
def test_a_share_outside_0_to_1_is_refused(share):
    with pytest.raises(MethodError, match="share is"):
        scoring.top_mean(np.ones(3), share=share)


def test_an_object_without_scores_is_refused():
    with pytest.raises(MethodError, match="without a valid point"):
        scoring.top_mean(np.empty(0), share=0.5)


def test_a_small_cloud_is_its_own_subset():
    xyz, scored = scoring.subset(sample(), n=10)
    np.testing.assert_array_equal(xyz, LINE)
    np.testing.assert_array_equal(np.sort(scored), np.arange(10))


def test_a_subset_is_taken_of_the_valid_points_alone():
    xyz, scored = scoring.subset(sample(valid=EVEN), n=3)
    np.testing.assert_array_equal(xyz, LINE[EVEN])
    assert len(set(scored)) == 3
    assert scored.max() < 5


def test_a_sample_without_a_valid_point_is_refused_by_name():
    with pytest.raises(MethodError, match="'one' has no valid point"):
        scoring.subset(sample(valid=np.zeros(10, dtype=bool)), n=3)


def test_points_that_were_not_scored_take_the_score_of_the_nearest():
    found = spread([0, 9], [1.0, 5.0], share=0.5)
    np.testing.assert_array_equal(found.point_scores, [1] * 5 + [5] * 5)
    assert (found.sample_id, found.propagation, found.n_filled, found.object_score) == (
        "one",
        "nearest",
        8,
        5.0,
    )


def test_points_that_are_not_valid_get_0_and_are_not_filled():
    found = spread([0, 4], [1.0, 5.0], valid=EVEN)
    np.testing.assert_array_equal(found.point_scores, [1, 0, 1, 0, 1, 0, 5, 0, 5, 0])
    assert (found.n_filled, found.object_score) == (3, 3.0)


def test_where_every_point_was_scored_the_scores_are_native():
    found = spread(np.arange(10), np.arange(10))
    np.testing.assert_array_equal(found.point_scores, np.arange(10))
    assert found.point_scores.dtype == np.float32
    assert (found.propagation, found.n_filled, found.object_score) == ("native", 0, 4.5)
