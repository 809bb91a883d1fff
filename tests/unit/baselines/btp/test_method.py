"""The whole method on small scans: learned, stored and used."""

from dataclasses import replace

import numpy as np
import pytest

from pc3dad.baselines.btp.config import BtpConfig
from pc3dad.baselines.btp.method import SPREAD, Btp
from pc3dad.config import build
from pc3dad.errors import ConfigError, MethodError


def test_scores_survive_saving_and_need_no_text_tower(fitted, calls, ctx, tmp_path, ball, sample_of):
    sample = sample_of(ball(500, seed=9))
    (before,) = fitted.predict([sample], ctx)
    folder = tmp_path / "fit"
    folder.mkdir()
    fitted.save(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["losses.csv", "state.safetensors"]
    again = Btp(fitted.config)
    again.load(folder)
    towers = calls["load tower"]
    (after,) = again.predict([sample], ctx)
    np.testing.assert_array_equal(before.point_scores, after.point_scores)
    assert before.object_score == after.object_score
    assert calls["load tower"] == towers


def test_chosen_points_keep_their_scores_and_copies_share_one(fitted, ctx, ball, sample_of):
    xyz = np.concatenate([ball(300), ball(300)])
    found = fitted.score(sample_of(xyz), ctx)
    np.testing.assert_array_equal(found.point_scores[:300], found.point_scores[300:])
    assert found.n_filled == 600 - 128
    assert found.propagation == "nearest"
    few = fitted.score(sample_of(ball(100)), ctx)
    assert (few.n_filled, few.propagation) == (0, "native")
    assert len(set(few.point_scores)) > 10


def test_a_small_memory_budget_changes_no_score(fitted, ctx, ball, sample_of):
    sample = sample_of(ball(700))
    wide, narrow = (
        fitted.score(sample, replace(ctx, memory_bytes=budget)) for budget in (ctx.memory_bytes, 30 * SPREAD)
    )
    np.testing.assert_array_equal(wide.point_scores, narrow.point_scores)


def test_what_the_object_score_is_made_of_is_told(fitted, ctx, ball, sample_of):
    found = fitted.score(sample_of(ball()), ctx)
    made_of = found.extras
    assert 0 < made_of["patches_highest"] <= made_of["patches_max"] < 1
    mean = (made_of["cloud"] + made_of["patches_highest"]) / 2
    assert found.object_score == pytest.approx(mean)


def test_geometry_of_another_length_needs_to_be_without_histograms(
    calls, ctx, labelled, ball, sample_of, small
):
    with pytest.raises(ConfigError, match="geo_dim=12 cannot be compared with histograms of 33"):
        Btp(BtpConfig(**small, geo_dim=12)).fit(labelled, ctx)
    method = Btp(BtpConfig(**small, geo_dim=12, geo_loss_weight=0))
    method.fit(labelled, ctx)
    assert method.learned["parts.embedding.geometry.first.weight"].shape == (16, 12)
    assert "geometry" not in method.losses[0]
    assert np.isfinite(method.score(sample_of(ball()), ctx).object_score)


def test_presets_are_trained_and_score(calls, ctx, labelled, ball, sample_of, small):
    for preset in ("current", "paper", "official"):
        method = Btp(build(BtpConfig, "btp", {"preset": preset, **small}))
        method.fit(labelled, ctx)
        assert np.isfinite(method.score(sample_of(ball()), ctx).object_score)
        assert {"focal", "dice", "object", "geometry"} < set(method.losses[0])


def test_a_method_that_was_not_trained_is_refused(calls, ctx, config, ball, sample_of):
    with pytest.raises(MethodError, match="was not trained"):
        Btp(config).score(sample_of(ball()), ctx)


def test_a_text_tower_must_be_known_and_fit(calls, ctx, labelled, small):
    with pytest.raises(ConfigError, match="names no text tower"):
        Btp(BtpConfig(**small, encoder="other")).fit(labelled, ctx)
