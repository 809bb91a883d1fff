"""The fpfh_self baseline finds shapes that hardly occur elsewhere on the same part."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pc3dad.baselines.fpfh_self.config import FpfhSelfConfig
from pc3dad.baselines.fpfh_self.method import FpfhSelf
from pc3dad.context import RunContext
from pc3dad.errors import MethodError
from pc3dad.metrics import auroc
from pc3dad.types import PointCloud, Sample

POLE = np.array([[0.0, 0.0, 1.0]])
OCTAHEDRON = np.concatenate([np.eye(3), -np.eye(3)])


def score(xyz, *, valid=None, **options):
    sample = Sample("one", "part", PointCloud(np.asarray(xyz, dtype=np.float32), valid=valid))
    return FpfhSelf(FpfhSelfConfig(**options)).score(sample, RunContext())


def ball(bumps=POLE, *, n=4000, height=0.15):
    """A sphere of radius 1, measured with some noise, that rises by `height` around its bumps."""
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(n, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    squared = 2 - 2 * directions @ bumps.T
    noise = 0.002 * rng.normal(size=(n, 1))
    return directions * (1 + noise + height * np.exp(-60 * squared).sum(axis=1, keepdims=True))


def raised(xyz, bumps=POLE):
    """Points that lie on a bump."""
    directions = xyz / np.linalg.norm(xyz, axis=1, keepdims=True)
    return (directions @ bumps.T).max(axis=1) > 0.98


@pytest.mark.parametrize("height", [0.15, -0.15], ids=["bump", "dent"])
def test_finds_the_only_bump_or_dent_of_a_ball(height):
    xyz = ball(height=height)
    assert auroc(score(xyz).point_scores, raised(xyz)) > 0.98


def test_an_object_with_a_bump_scores_higher():
    assert score(ball()).object_score > 1.5 * score(ball(height=0)).object_score


def test_what_the_part_has_often_is_normal():
    """Six equal bumps cover 6 % of the ball, which is more than the default 2 %."""
    xyz = ball(OCTAHEDRON)
    often, once = score(xyz).point_scores[raised(xyz)], score(ball()).point_scores[raised(ball())]
    assert often.mean() < 0.7 * once.mean()


def test_common_decides_what_is_often():
    xyz = ball(OCTAHEDRON)
    strict, lenient = (auroc(score(xyz, common=c).point_scores, raised(xyz, OCTAHEDRON)) for c in (0.2, 0.02))
    assert strict > lenient


def test_rotation_scale_and_order_of_points_do_not_matter():
    xyz = ball()
    order = np.random.default_rng(1).permutation(len(xyz))
    turn = Rotation.from_euler("xyz", [0.3, 1.0, 2.0]).as_matrix()
    before, after = score(xyz), score((1000 * xyz @ turn)[order])
    differing = np.abs(after.point_scores - before.point_scores[order]) > 0.01 * before.point_scores.max()
    assert differing.mean() < 0.01
    assert after.object_score == pytest.approx(before.object_score, rel=1e-3)


def test_the_same_cloud_gets_the_same_bits():
    np.testing.assert_array_equal(score(ball()).point_scores, score(ball()).point_scores)


def test_points_that_are_not_valid_get_0_and_do_not_count():
    xyz = ball()
    valid = np.arange(len(xyz)) % 3 > 0
    masked, alone = score(np.where(valid[:, None], xyz, 0), valid=valid), score(xyz[valid])
    np.testing.assert_array_equal(masked.point_scores[valid], alone.point_scores)
    assert not masked.point_scores[~valid].any()
    assert masked.object_score == alone.object_score


def test_small_clouds_are_scored_point_by_point():
    found = score(ball())
    assert (found.propagation, found.n_filled) == ("native", 0)


def test_large_clouds_are_scored_on_a_subset_and_say_so():
    xyz = ball(n=20_000)
    found = score(xyz, max_points=2000)
    assert (found.propagation, found.n_filled) == ("nearest", 18_000)
    assert auroc(found.point_scores, raised(xyz)) > 0.95


def test_a_scan_whose_points_come_twice_still_shows_its_bump():
    xyz = np.repeat(ball(n=2000), 2, axis=0)
    assert auroc(score(xyz).point_scores, raised(xyz)) > 0.95


@pytest.mark.parametrize("n", [1, 2, 3, 12])
def test_clouds_smaller_than_a_neighbourhood_have_finite_scores(n):
    found = score(ball(n=n))
    assert found.point_scores.shape == (n,)
    assert np.isfinite(found.point_scores).all()
    assert np.isfinite(found.object_score)


@pytest.mark.parametrize("xyz", [np.ones((1, 3)), np.ones((500, 3))], ids=["one point", "copies"])
def test_a_single_position_scores_0(xyz):
    found = score(xyz)
    assert not found.point_scores.any()
    assert found.object_score == 0


def test_a_cloud_without_a_valid_point_is_refused():
    with pytest.raises(MethodError, match="'one' has no valid point"):
        score(np.full((4, 3), np.nan))
