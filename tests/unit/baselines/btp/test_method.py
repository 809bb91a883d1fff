"""The whole method on small scans: learned, stored, and used on clouds of every kind."""

import numpy as np
import pytest

from pc3dad.baselines.btp.config import BtpConfig
from pc3dad.baselines.btp.method import Btp
from pc3dad.config import build
from pc3dad.errors import ConfigError, DataError, MethodError


@pytest.fixture
def fitted(calls, ctx, labelled, config):
    method = Btp(config)
    method.fit(labelled, ctx)
    return method


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


CLOUDS = {
    "fewer points than patches": lambda ball: ball(5),
    "one point": lambda ball: ball(1),
    "duplicates only": lambda _: np.ones((200, 3)),
    "flat": lambda ball: ball(300) * [1, 1, 0],
    "collinear": lambda ball: ball(300) * [1, 0, 0],
    "micrometres": lambda ball: ball(300) * 1e-6,
    "kilometres": lambda ball: ball(300) * 1e6 + 1e6,
}


@pytest.mark.parametrize("name", CLOUDS)
def test_clouds_of_every_kind_have_finite_scores(fitted, ctx, name, ball, sample_of):
    xyz = CLOUDS[name](ball)
    found = fitted.score(sample_of(xyz), ctx)
    assert found.point_scores.shape == (len(xyz),)
    assert found.point_scores.dtype == np.float32
    assert np.isfinite(found.point_scores).all()
    assert 0 <= found.object_score <= 1


def test_copies_of_one_point_score_alike(fitted, ctx, sample_of):
    assert np.ptp(fitted.score(sample_of(np.ones((200, 3))), ctx).point_scores) < 1e-6


def test_scores_do_not_depend_on_the_unit(fitted, ctx, ball, sample_of):
    xyz = ball(300)
    plain, large = (fitted.score(sample_of(one), ctx) for one in (xyz, 1024 * xyz))
    # the content names the start of the choice, so that another one may begin elsewhere
    assert large.object_score == pytest.approx(plain.object_score, abs=0.2)
    fixed = Btp(fitted.config.model_copy(update={"fps_start": "index0"}))
    fixed.learn(fitted.learned)
    plain, large = (fixed.score(sample_of(one), ctx) for one in (xyz, 1024 * xyz))
    np.testing.assert_allclose(plain.point_scores, large.point_scores, atol=1e-4)


def test_colours_change_nothing(fitted, ctx, ball, sample_of):
    xyz, rgb = ball(300), np.random.default_rng(0).random((300, 3)).astype(np.float32)
    plain = fitted.score(sample_of(xyz), ctx)
    for colours in (rgb, 255 * rgb):
        found = fitted.score(sample_of(xyz, rgb=colours), ctx)
        np.testing.assert_array_equal(found.point_scores, plain.point_scores)


def test_missing_points_get_zero_and_change_no_other(fitted, ctx, ball, sample_of):
    xyz = ball(300)
    with_missing = np.concatenate([xyz, np.full((20, 3), np.nan)])
    found = fitted.score(sample_of(with_missing), ctx)
    assert not found.point_scores[300:].any()
    assert (found.point_scores[:300] > 0).all()
    with pytest.raises(DataError, match="no valid point"):
        fitted.score(sample_of(np.full((9, 3), np.nan)), ctx)


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
