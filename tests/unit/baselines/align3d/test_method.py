"""Align3D-AD from training to scores."""

import numpy as np
import pytest
import torch

from pc3dad.baselines.align3d.config import Align3dConfig
from pc3dad.baselines.align3d.method import Align3d
from pc3dad.baselines.pointad.config import PointAdConfig
from pc3dad.baselines.pointad.method import PointAd
from pc3dad.config import build
from pc3dad.errors import DataError, MethodError

FAST = {"align_epochs": 2, "scr_epochs": 1, "epochs": 2, "dpca_epochs": 1, "batch": 2, "n_views": 3}


@pytest.fixture
def fitted(loaded, ctx, samples, view):
    """Fits a method of these options on coloured samples, or on those that are given."""

    def fit(training=None, **options):
        method = Align3d(build(Align3dConfig, "align3d", FAST | options))
        method.fit(training or view(samples), ctx)
        return method

    return fit


def scores(method, sample, ctx):
    return method.score(sample, ctx)


def test_both_stages_are_recorded_and_scores_are_finite(fitted, ctx, samples):
    method = fitted()
    assert [(record["stage"], record["epoch"]) for record in method.losses] == [
        (1, 1),
        (1, 2),
        (2, 1),
        (2, 2),
    ]
    found = scores(method, samples[0], ctx)
    assert np.isfinite(found.point_scores).all()
    assert 0 < found.object_score < 2


def test_what_was_learned_with_colours_scores_samples_without_them(fitted, ctx, grey, samples):
    method = fitted()
    with_colours, without = scores(method, samples[0], ctx), scores(method, grey[0], ctx)
    assert without.object_score == with_colours.object_score
    np.testing.assert_array_equal(without.point_scores, with_colours.point_scores)


def test_training_without_colours_is_refused(fitted, grey, view):
    with pytest.raises(MethodError, match="has no colours"):
        fitted(view(grey))


def test_render_only_is_pointad(fitted, loaded, ctx, grey, view):
    method = fitted(view(grey), no_rgb="render_only")
    assert {name.partition(".")[0] for name in method.learned} == {"rendered"}
    same_as_pointad(method, ctx, view(grey), grey[3])


def test_the_rendering_branch_alone_is_pointad(fitted, ctx, samples, view):
    options = {"object_weight": 0, "point_weight": 0, "blur_object": False}
    same_as_pointad(fitted(dpca="off", **options), ctx, view(samples), samples[3])
    method = fitted(dpca_weight=0, **options)
    same_as_pointad(method, ctx, view(samples), samples[3])


def same_as_pointad(method, ctx, training, sample):
    """Equal up to the scale of object scores, which is no rank."""
    config = {name: value for name, value in FAST.items() if name in PointAdConfig.model_fields}
    peer = PointAd(PointAdConfig(**config))
    peer.fit(training, ctx)
    for name in ("context.context", "deep.prompts"):
        torch.testing.assert_close(method.learned[f"rendered.{name}"], peer.learned[f"prompts.{name}"])
    found, expected = method.score(sample, ctx), peer.score(sample, ctx)
    np.testing.assert_allclose(found.point_scores, expected.point_scores, atol=1e-6)
    assert found.object_score == pytest.approx(2 * expected.object_score, abs=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"prompt_sets": "one"},
        {"aligner": False},
        {"aligner": False, "prompt_sets": "one"},
        {"preset": "official", "slots": "native"},
        {"scr": "discrepancy", "dpca": "all_epochs", "align_shuffle": True},
    ],
)
def test_every_form_is_stored_and_restored(fitted, ctx, samples, tmp_path, options):
    method = fitted(**options)
    (tmp_path / "fit").mkdir()
    method.save(tmp_path / "fit")
    again = Align3d(method.config)
    again.load(tmp_path / "fit")
    before, after = scores(method, samples[1], ctx), scores(again, samples[1], ctx)
    assert before.object_score == after.object_score
    np.testing.assert_array_equal(before.point_scores, after.point_scores)


def test_without_an_aligner_no_colours_are_wanted(fitted, grey, view):
    method = fitted(view(grey), aligner=False)
    assert [record["stage"] for record in method.losses] == [2, 2]


def test_tuned_shares_are_stored_with_what_was_learned(fitted, ctx, samples, view):
    method = fitted(view(samples, category="dowel"), tuned_for="real3d_ad", dpca="off")
    assert method.learned["fusion"].tolist() == [0, 0.5, 0]
    plain = fitted(
        view(samples, category="dowel"), scr_weight=0.1, dpca="off", object_weight=0, blur_object=False
    )
    assert scores(method, samples[0], ctx).object_score == scores(plain, samples[0], ctx).object_score


def test_the_photograph_counts_without_the_aligner(fitted, ctx, samples, sheet):
    method, coloured, both = (fitted(rgb=rule) for rule in ("off", "colour", "integrated"))
    points, colour, mean = (scores(one, sheet, ctx).point_scores for one in (method, coloured, both))
    valid = sheet.cloud.valid
    assert not np.allclose(points[valid], colour[valid], atol=1e-4)
    assert np.isfinite(mean[valid]).all()
    with pytest.raises(DataError, match="no photograph"):
        scores(coloured, samples[0], ctx)


def test_photographs_can_guide_stage_1(fitted, ctx, sheet, view):
    method = fitted(view([sheet, sheet]), guidance="photo_0deg")
    assert np.isfinite(scores(method, sheet, ctx).point_scores).all()


def test_equal_seeds_give_equal_bits(fitted, ctx, samples):
    one, same = fitted(), fitted()
    assert all(torch.equal(value, same.learned[name]) for name, value in one.learned.items())
    assert scores(one, samples[0], ctx).object_score == scores(same, samples[0], ctx).object_score


def test_scores_before_training_are_refused(loaded, ctx, samples):
    with pytest.raises(MethodError, match="align3d was not trained"):
        Align3d(Align3dConfig()).score(samples[0], ctx)
    with pytest.raises(MethodError, match="nothing to train on"):
        fit_nothing(ctx)


def fit_nothing(ctx):
    from pc3dad.data.base import TrainView
    from pc3dad.types import Regime

    Align3d(Align3dConfig(no_rgb="render_only")).fit(TrainView(Regime.AUXILIARY), ctx)
