"""Points are chosen by the content of a cloud, in any unit."""

import numpy as np
import pytest

from pc3dad.baselines.btp.preprocess import choose, first, normalise
from pc3dad.errors import DataError
from pc3dad.geometry import sampling


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_clouds_of_any_unit_are_normalised(scale, ball):
    found = normalise(scale * (ball().astype(np.float64) + 5))
    assert np.abs(found.xyz.mean(axis=0)).max() < 1e-6
    assert np.linalg.norm(found.xyz, axis=1).max() == pytest.approx(1)
    assert found.scale == pytest.approx(scale, rel=0.2)


def test_copies_of_one_point_stay_in_their_place():
    found = normalise(np.full((5, 3), 7.0))
    assert not found.xyz.any()
    assert found.scale == 1


def test_the_choice_is_nested_and_keeps_indices(ball, sample_of):
    sample = sample_of(ball(500))
    subset = choose(sample, n=64)
    assert len(set(subset.indices)) == 64
    np.testing.assert_array_equal(subset.xyz, normalise(sample.cloud.valid_xyz).xyz[subset.indices])
    np.testing.assert_array_equal(sampling.farthest_points(subset.xyz, 16), np.arange(16))


def test_the_start_follows_the_number_of_points():
    starts = [first(n, "per-file") for n in range(500, 520)]
    assert len(set(starts)) > 10
    assert all(0 <= start < 500 + place for place, start in enumerate(starts))
    assert first(500, "index0") == 0
    assert first(500, "global-rng") == first(500, "global-rng") > 0


def test_the_choice_is_that_of_the_moved_cloud_in_another_unit(ball, sample_of):
    plain, moved = (choose(sample_of(xyz), n=64) for xyz in (ball(500), 10 * ball(500) + 7))
    np.testing.assert_array_equal(plain.indices, moved.indices)


def test_small_clouds_are_taken_whole_and_coordinates_can_be_kept(ball, sample_of):
    sample = sample_of(0.5 * ball(40))
    subset = choose(sample, n=64, normalised="none")
    assert sorted(subset.indices) == list(range(40))
    np.testing.assert_array_equal(subset.xyz, sample.cloud.xyz[subset.indices])


def test_missing_points_are_never_chosen(ball, sample_of):
    xyz = ball(100)
    xyz[::2] = np.nan
    assert np.isfinite(choose(sample_of(xyz), n=64).xyz).all()
    with pytest.raises(DataError, match="no valid point"):
        choose(sample_of(np.full((5, 3), np.nan)), n=64)
