"""The curvature baseline finds where a surface bends unlike its surroundings, on any cloud."""

import numpy as np
import pytest

from pc3dad.baselines.curvature.config import CurvatureConfig
from pc3dad.baselines.curvature.method import Curvature
from pc3dad.context import RunContext
from pc3dad.data.synthetic.config import SyntheticConfig
from pc3dad.data.synthetic.dataset import Synthetic
from pc3dad.data.synthetic.parts import PARTS
from pc3dad.data.synthetic.specimen import KINDS
from pc3dad.errors import MethodError
from pc3dad.types import PointCloud, Sample, Split


def score(xyz, *, valid=None, **options):
    sample = Sample("one", "part", PointCloud(np.asarray(xyz, dtype=np.float32), valid=valid))
    return Curvature(CurvatureConfig(**options)).score(sample, RunContext())


def sheet(n=4000, *, bump=0.0, seed=0):
    rng = np.random.default_rng(seed)
    xy = rng.uniform(-1, 1, size=(n, 2))
    height = bump * np.exp(-200 * (xy**2).sum(axis=1)) + 0.003 * rng.normal(size=n)
    return np.column_stack([xy, height])


def auroc(scores, labels):
    """Share of pairs in order; there are no ties to speak of."""
    ranks = np.argsort(np.argsort(scores))
    positives = int(labels.sum())
    return (ranks[labels].sum() - positives * (positives - 1) / 2) / (positives * (len(labels) - positives))


def test_finds_a_bump_on_a_sheet():
    xyz = sheet(bump=0.15)
    assert auroc(score(xyz).point_scores, np.hypot(xyz[:, 0], xyz[:, 1]) < 0.1) > 0.9


def test_an_object_with_a_bump_scores_higher():
    assert score(sheet(bump=0.15)).object_score > 1.5 * score(sheet()).object_score


def test_is_better_than_chance_on_synthetic_parts_but_not_perfect():
    """Overall, as the benchmark counts it: points of a category together, then the mean over categories.

    Each category has a third of the kinds, in turn; a slow test of README's table runs all of it.
    """
    kinds, values = list(KINDS), []
    for turn, category in enumerate(PARTS):
        data = Synthetic(None, SyntheticConfig(kinds=kinds[turn % 3 :: 3], defective=3, good=0))
        refs = data.refs(category, Split.TEST)
        scores = [
            Curvature(CurvatureConfig()).score(data.load(ref), RunContext()).point_scores for ref in refs
        ]
        labels = [data.truth(ref).points for ref in refs]
        values.append(auroc(np.concatenate(scores), np.concatenate(labels)))
    assert 0.55 < np.mean(values) < 0.95, dict(zip(PARTS, values, strict=True))


def test_points_that_are_not_valid_get_0_and_do_not_count():
    xyz = sheet(bump=0.15)
    valid = np.arange(len(xyz)) % 3 > 0
    masked, alone = score(np.where(valid[:, None], xyz, 0), valid=valid), score(xyz[valid])
    np.testing.assert_array_equal(masked.point_scores[valid], alone.point_scores)
    assert not masked.point_scores[~valid].any()
    assert masked.object_score == alone.object_score


def test_small_clouds_are_scored_point_by_point():
    assert (score(sheet()).propagation, score(sheet()).n_filled) == ("native", 0)


def test_large_clouds_are_scored_on_a_subset_and_say_so():
    xyz = sheet(bump=0.15)
    found = score(xyz, max_points=1000)
    assert (found.propagation, found.n_filled) == ("nearest", 3000)
    assert auroc(found.point_scores, np.hypot(xyz[:, 0], xyz[:, 1]) < 0.1) > 0.9


@pytest.mark.parametrize(
    "xyz",
    [np.ones((1, 3)), np.ones((200, 3)), np.arange(300).reshape(100, 3) * [1, 1, 1], sheet(3)],
    ids=["one point", "copies", "a line", "three points"],
)
def test_clouds_without_a_surface_score_0(xyz):
    found = score(xyz)
    np.testing.assert_allclose(found.point_scores, 0, atol=1e-6)
    assert abs(found.object_score) < 1e-6


def test_fewer_points_than_a_neighbourhood_score_0():
    found = score(sheet(12))
    assert not found.point_scores.any()


def test_a_cloud_without_a_valid_point_is_refused():
    with pytest.raises(MethodError, match="'one' has no valid point"):
        score(np.full((4, 3), np.nan))
