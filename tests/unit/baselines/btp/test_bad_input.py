"""What comes out of clouds that are too small, flat, in another unit, coloured or incomplete (README)."""

import numpy as np
import pytest

from pc3dad.baselines.btp.method import Btp
from pc3dad.errors import DataError, MethodError
from pc3dad.types import Truth

PATCHES, READ = 16, 128  # of the small encoder: patches, points that are read


def line(ball):
    return ball(300) * [1, 0, 0]


CLOUDS = {
    "fewer points than patches": lambda ball: ball(5),
    "one point": lambda ball: ball(1),
    "duplicates only": lambda _: np.ones((200, 3)),
    "fewer positions than patches": lambda ball: np.repeat(ball(5), 40, axis=0),
    "flat": lambda ball: ball(300) * [1, 1, 0],
    "collinear": line,
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


@pytest.mark.parametrize("name", CLOUDS)
def test_they_can_be_trained_on_too(calls, ctx, name, config, ball, sample_of, view):
    good = sample_of(CLOUDS[name](ball), "good")
    bad = sample_of(CLOUDS[name](ball), "bad")
    marked = np.arange(len(bad.cloud)) < 3
    truths = [Truth("good", False, None), Truth("bad", True, marked)]
    method = Btp(config)
    method.fit(view([good, bad], truths), ctx)
    assert all(np.isfinite(value) for record in method.losses for value in record.values())
    assert np.isfinite(method.score(sample_of(ball()), ctx).object_score)


def test_a_small_cloud_keeps_every_point(fitted, ctx, ball, sample_of):
    for n in (PATCHES - 1, READ):
        found = fitted.score(sample_of(ball(n)), ctx)
        assert (found.propagation, found.n_filled) == ("native", 0)
    assert fitted.score(sample_of(ball(READ + 1)), ctx).n_filled == 1


def test_copies_score_alike(fitted, ctx, ball, sample_of):
    assert np.ptp(fitted.score(sample_of(np.ones((200, 3))), ctx).point_scores) < 1e-6
    xyz = np.concatenate([ball(300), ball(300)])
    scores = fitted.score(sample_of(xyz), ctx).point_scores
    np.testing.assert_array_equal(scores[:300], scores[300:])


@pytest.mark.parametrize("unit", [1e-6, 1e-3, 1e3, 1e6])
def test_scores_do_not_depend_on_unit_and_place(fitted, ctx, unit, ball, sample_of):
    plain = fitted.score(sample_of(ball(300)), ctx)
    other = fitted.score(sample_of(unit * (ball(300) + 4)), ctx)
    np.testing.assert_allclose(other.point_scores, plain.point_scores, atol=1e-4)
    assert other.object_score == pytest.approx(plain.object_score, abs=1e-4)


def test_colours_change_nothing_whatever_their_range(fitted, ctx, ball, sample_of):
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
    np.testing.assert_array_equal(found.point_scores[:300], fitted.score(sample_of(xyz), ctx).point_scores)


def test_a_cloud_without_a_valid_point_is_refused_by_name(fitted, ctx, sample_of):
    with pytest.raises(DataError, match="sample 'lost' has no valid point"):
        fitted.score(sample_of(np.full((9, 3), np.nan), "lost"), ctx)


def test_training_without_samples_or_labels_is_refused(calls, ctx, config, ball, sample_of, view):
    with pytest.raises(MethodError, match="nothing to train on"):
        Btp(config).fit(view([], []), ctx)
    with pytest.raises(MethodError, match="'a' has no labels of points"):
        Btp(config).fit(view([sample_of(ball())], [Truth("a", True, None)]), ctx)
