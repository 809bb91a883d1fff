"""Acceptance tests of the specification that concern no single module of btp, or modules that it shares.

The others stand beside what they test; those of readers, metrics and FPFH with these.
"""

import numpy as np
import pytest
import torch

from pc3dad.baselines.btp.preprocess import choose
from pc3dad.encoders import grouping
from pc3dad.encoders.pointbert import ULIP2
from pc3dad.metrics import aupro
from pc3dad.metrics.compat import btp_2026_05


def test_patches_of_the_published_size(ball, sample_of):
    """512 patches of 32 among 2048 points: centres are the first points and lie in their own patches."""
    subset = choose(sample_of(ball(3000)), n=2048)
    groups = grouping.group(
        torch.from_numpy(subset.xyz)[None],
        count=ULIP2.groups,
        size=ULIP2.group_size,
        skip_origin=ULIP2.skip_origin,
    )
    assert groups.chosen[0].tolist() == list(range(512))
    counts = torch.bincount(groups.indices.flatten(), minlength=2048)
    assert counts.sum() == 16_384
    assert (groups.indices[0] == groups.chosen[0, :, None]).any(dim=1).all()


def test_a_point_near_the_origin_is_a_centre_only_where_the_choice_begins(ball):
    inside = np.float32([[0.02, 0, 0]])
    cloud = torch.from_numpy(np.concatenate([ball(600), inside]))[None]
    later, first = (
        grouping.farthest_points(cloud, 512, start=start, skip_origin=True)[0] for start in (0, 600)
    )
    assert 600 not in later
    assert first[0] == 600


def test_the_released_region_metric_is_close_to_the_exact_one_on_smooth_scores():
    rng = np.random.default_rng(0)
    regions = np.where(np.arange(40_000) < 2000, np.arange(40_000) // 200, -1)
    scores = 1 / (1 + np.exp(-(rng.normal(size=40_000) + 1.5 * (regions >= 0))))
    population = scores, regions >= 0, regions
    assert btp_2026_05(*population) == pytest.approx(aupro(*population), abs=0.002)
    outlier = scores.copy()
    outlier[-1] = 30
    assert abs(btp_2026_05(outlier, *population[1:]) - aupro(outlier, *population[1:])) > 0.02
