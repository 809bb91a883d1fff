"""The random baseline depends on seed and content, on nothing else."""

import numpy as np

from pc3dad.baselines.random.config import RandomConfig
from pc3dad.baselines.random.method import Random
from pc3dad.context import RunContext
from pc3dad.types import PointCloud, Sample

XYZ = np.random.default_rng(0).normal(size=(5000, 3)).astype(np.float32)


def score(xyz=XYZ, *, name="one", seed=0, valid=None):
    sample = Sample(name, "part", PointCloud(xyz, valid=valid))
    return next(iter(Random(RandomConfig()).predict([sample], RunContext(seed=seed))))


def test_scores_are_uniform():
    points = score().point_scores
    assert points.dtype == np.float32
    assert points.min() >= 0
    assert points.max() < 1
    np.testing.assert_allclose(np.histogram(points, 10, (0, 1))[0] / 500, 1, atol=0.2)


def test_names_do_not_matter_but_seed_and_content_do():
    first = score()
    for other, equal in ((score(name="two"), True), (score(seed=1), False), (score(XYZ + 1), False)):
        assert np.array_equal(other.point_scores, first.point_scores) == equal
        assert (other.object_score == first.object_score) == equal


def test_the_object_score_does_not_follow_from_the_points():
    found = [score(XYZ[: 50 + size]) for size in range(300)]
    objects = [item.object_score for item in found]
    for summary in (np.max, np.mean):
        assert abs(np.corrcoef(objects, [summary(item.point_scores) for item in found])[0, 1]) < 0.2


def test_points_that_are_not_valid_get_0():
    valid = np.arange(len(XYZ)) % 2 == 0
    assert not score(valid=valid).point_scores[~valid].any()
