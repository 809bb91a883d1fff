"""pointad as a whole: what it learns, reads and gives."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pc3dad.baselines.pointad.config import PointAdConfig
from pc3dad.baselines.pointad.method import PointAd
from pc3dad.config import build
from pc3dad.errors import DataError, MethodError
from pc3dad.types import PointCloud, Sample


def trained(balls, ctx, **options):
    method = PointAd(build(PointAdConfig, "pointad", {"epochs": 2, **options}))
    method.fit(balls, ctx)
    return method


def one(method, sample, ctx):
    (found,) = method.predict([sample], ctx)
    return found


def test_training_is_repeatable_logged_and_stored(encoded, balls, sample, surroundings, tmp_path):
    method, again = trained(balls, surroundings), trained(balls, surroundings)
    assert [record["epoch"] for record in method.losses] == [1, 2]
    assert set(method.losses[0]) == {"epoch", "2d_pixel", "3d_point", "2d_image", "3d_global"}
    assert sorted(method.learned) == ["prompts.context.context", "prompts.deep.prompts"]
    method.save(tmp_path)
    stored = PointAd(method.config)
    stored.load(tmp_path)
    first = one(method, sample, surroundings)
    for other in (again, stored):
        found = one(other, sample, surroundings)
        assert found.object_score == first.object_score
        np.testing.assert_array_equal(found.point_scores, first.point_scores)


def test_training_encodes_every_view_once_whatever_the_number_of_epochs(encoded, balls, surroundings):
    trained(balls, surroundings, epochs=5)
    assert encoded.pictures == [9] * 4
    trained(balls, surroundings, rate=0.01)  # the features are kept
    assert len(encoded.pictures) == 4


def test_the_loss_falls(encoded, balls, surroundings):
    losses = trained(balls, surroundings, epochs=15, rate=0.01).losses
    first, last = (sum(value for name, value in one.items() if name != "epoch") for one in losses[::14])
    assert last < first


def test_a_method_that_was_not_trained_is_refused(encoded, sample, surroundings):
    with pytest.raises(MethodError, match="pointad was not trained"):
        one(PointAd(PointAdConfig()), sample, surroundings)


def test_the_preset_of_the_released_code_runs_and_rounds_deep_prompts(
    encoded, few_slots, balls, sample, surroundings
):
    method = trained(balls, surroundings, preset="official", epochs=1, n_views=1)
    assert method.config.half_prompts
    found = one(method, sample, surroundings)
    assert found.point_scores.shape == (300,)
    plain = PointAd(method.config.model_copy(update={"half_prompts": False}))
    plain.learn(method.learned)
    assert one(plain, sample, surroundings).object_score != found.object_score


@pytest.mark.parametrize("rgb", ["colour", "integrated"])
def test_photographs_count_if_they_are_asked_for(encoded, balls, sheet, sample, surroundings, rgb):
    method = trained(balls, surroundings, rgb=rgb)
    with_photograph = one(method, sheet, surroundings)
    black = one(method, replace(sheet, image=np.zeros_like(sheet.image)), surroundings)
    assert with_photograph.object_score != black.object_score
    with pytest.raises(DataError, match="no photograph"):
        one(method, sample, surroundings)


def test_views_are_options(encoded, balls, surroundings):
    trained(balls, surroundings, n_views=3)
    assert encoded.pictures == [3] * 4


@pytest.mark.parametrize("preset", ["paper", "official"])
def test_degenerate_clouds_get_finite_scores(encoded, few_slots, balls, degenerate, surroundings, preset):
    method = trained(balls, surroundings, n_views=3, epochs=1, preset=preset)
    found = {one.sample_id: one for one in method.predict(degenerate, surroundings)}
    for name, prediction in found.items():
        assert np.isfinite(prediction.object_score), name
        assert np.isfinite(prediction.point_scores).all(), name
    if preset == "paper":
        assert np.ptp(found["one point"].point_scores) == 0
        assert np.ptp(found["equal points"].point_scores) == 0
        twice = found["every point twice"].point_scores
        np.testing.assert_array_equal(twice[::2], twice[1::2])


def test_unit_and_place_do_not_matter(encoded, balls, sample, surroundings):
    method = trained(balls, surroundings)
    plain = one(method, sample, surroundings)
    for factor, shift in ((1e-12, 0), (1e12, 0), (1, 5)):
        moved = (sample.cloud.xyz * np.float32(factor) + np.float32(shift)).astype(np.float32)
        found = one(method, Sample("a", "ball", PointCloud(moved)), surroundings)
        assert found.object_score == pytest.approx(plain.object_score, rel=1e-3)


def test_a_cloud_without_a_valid_point_is_refused(encoded, balls, surroundings):
    nothing = Sample("x", "odd", PointCloud(np.full((5, 3), np.nan, np.float32)))
    with pytest.raises(DataError, match="'x' has no valid point"):
        one(trained(balls, surroundings, epochs=1, n_views=1), nothing, surroundings)


def test_missing_points_get_zero_and_change_nothing_else(encoded, balls, sample, surroundings):
    method = trained(balls, surroundings)
    padded = np.concatenate([sample.cloud.xyz, np.full((3, 3), np.nan, np.float32)])
    found = one(method, Sample("a", "ball", PointCloud(padded)), surroundings)
    np.testing.assert_array_equal(found.point_scores[:300], one(method, sample, surroundings).point_scores)
    assert not found.point_scores[300:].any()


def test_single_precision_is_what_is_stored(encoded, balls, surroundings):
    assert {value.dtype for value in trained(balls, surroundings, epochs=1).learned.values()} == {
        torch.float32
    }
