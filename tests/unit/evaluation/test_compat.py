"""Compatibility columns on stored samples: each sees the points that the other evaluator saw."""

import numpy as np
import pytest

from pc3dad.evaluation.compat import COMPAT, SIDE, Labelled, evaluate
from pc3dad.evaluation.population import Scored
from pc3dad.metrics import auroc, compat
from pc3dad.metrics.base import COMPAT_TITLES
from pc3dad.metrics.compat_btp import btp_regions
from pc3dad.metrics.regions import mask_regions, stack_regions
from pc3dad.types import Prediction, Truth

IMAGES = ["compat/mvtec3d-official@0.3", "compat/pro-200-rescaled@0.3"]
CLOUDS = ["compat/btp-2026-05@0.3", "compat/coverage-auc"]


def image(name, *, defect=True, side=SIDE, seed=0):
    rng = np.random.default_rng(seed)
    mask = np.zeros((side, side), bool)
    mask[40:60, 40:60] = mask[100:104, 20:90] = defect
    scores = (rng.random((side, side)) + mask).astype(np.float32)
    valid = rng.random((side, side)) < 0.8
    truth = Truth(name, defect, mask.ravel())
    return Labelled(Scored(Prediction(name, 0.0, scores.ravel()), truth, valid.ravel(), mask.shape), None)


def cloud(name, *, defect=True, seed=0):
    rng = np.random.default_rng(seed)
    xyz = rng.random((400, 3)).astype(np.float32)
    points = (xyz < 0.4).all(axis=1) & defect
    scores = (rng.random(400) + points).astype(np.float32)
    valid = np.arange(400) > 5
    positions = xyz[points] if defect else None
    return Labelled(Scored(Prediction(name, 0.0, scores), Truth(name, defect, points), valid), positions)


def values(samples, keys):
    return {item.metric: item for item in evaluate(samples, keys)}


def test_every_column_has_a_head():
    assert COMPAT.keys() == COMPAT_TITLES.keys()


def test_images_count_with_all_their_pixels():
    samples = [image("a"), image("b", defect=False, seed=1)]
    found = values(samples, IMAGES)
    maps = [item.scored.prediction.point_scores for item in samples]
    masks = [item.scored.truth.points for item in samples]
    regions = [mask_regions(mask.reshape(SIDE, SIDE)).ravel() for mask in masks]
    pooled = np.concatenate(maps), np.concatenate(masks), stack_regions(regions)
    assert found[IMAGES[0]].value == compat.mvtec3d_official(*pooled)
    assert found[IMAGES[1]].value == compat.pro_200_rescaled(*pooled)  # maps of 336 x 336 stay as they are
    assert found[IMAGES[0]].n == 2 * SIDE * SIDE


def test_maps_of_another_size_are_resized_where_the_other_evaluator_does():
    found = values([image("a", side=200), image("b", defect=False, side=200)], IMAGES)
    assert found[IMAGES[0]].n == 2 * 200 * 200
    assert found[IMAGES[1]].n == 2 * SIDE * SIDE
    assert 0.5 < found[IMAGES[1]].value <= 1


def test_clouds_count_with_their_valid_points_and_regions_of_anomalous_points_alone():
    samples = [cloud("a"), cloud("b", defect=False, seed=1), cloud("c", seed=2)]
    found = values(samples, CLOUDS)
    scores, points, regions = [], [], []
    for item in samples:
        valid, marked = item.scored.valid, item.scored.truth.points
        ids = np.full(400, -1)
        if item.positions is not None:
            ids[marked & valid] = btp_regions(item.positions[valid[marked]])
        scores.append(item.scored.prediction.point_scores[valid])
        points.append(marked[valid])
        regions.append(ids[valid])
    scores, points, regions = np.concatenate(scores), np.concatenate(points), stack_regions(regions)
    assert found[CLOUDS[0]].value == compat.btp_2026_05(scores, points, regions)
    assert found[CLOUDS[1]].value == compat.coverage_auc(scores, points, np.repeat([0, 1, 2], 394))
    assert found[CLOUDS[1]].value != auroc(scores, points)


@pytest.mark.parametrize(
    ("sample", "keys", "reason"), [(image, CLOUDS, "organised"), (cloud, IMAGES, "not_organised")]
)
def test_columns_are_for_images_or_for_clouds(sample, keys, reason):
    assert {item.reason for item in evaluate([sample("a")], keys)} == {reason}


def test_a_column_without_a_value_says_so():
    flat = cloud("a")
    flat.scored.prediction.point_scores[:] = 1
    assert values([flat], CLOUDS)[CLOUDS[0]].reason == "no_value_there"
    assert {item.reason for item in evaluate([], CLOUDS)} == {"no_sample"}


def test_what_other_evaluators_cannot_take_leaves_the_column_without_a_value():
    gone = Labelled(Scored(None, cloud("a").scored.truth, np.ones(400, bool)), None)
    assert {item.reason for item in evaluate([gone], CLOUDS)} == {"refused"}
    broken = cloud("a")
    broken.scored.prediction.point_scores[9] = np.nan
    found = values([broken], CLOUDS)[CLOUDS[0]]
    assert (found.value, found.reason) == (None, "refused")
    assert "NaN" in found.notes[0]
    lost = Labelled(cloud("a").scored, None)
    assert {item.reason for item in evaluate([lost], CLOUDS)} == {"no_positions"}
