"""gsclip as a whole: what its two stages learn, read and give, and what every switch changes."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pc3dad.baselines.gsclip import parts
from pc3dad.baselines.gsclip.config import GsClipConfig
from pc3dad.baselines.gsclip.method import GsClip
from pc3dad.baselines.gsclip.points import untrained
from pc3dad.config import build
from pc3dad.context import RunContext
from pc3dad.errors import ConfigError, DataError, MethodError, WeightsError
from pc3dad.methods.rendered import stream
from pc3dad.types import PointCloud, Sample

QUICK = {"epochs": 1, "srm_epochs": 2, "n_points": 256, "n_views": 2, "srm_rate": 0.01}
PUBLISHED = {"point_weights": "pointnet2_sem_seg", "n_points": 1024}


def trained(balls, ctx, **options):
    method = GsClip(build(GsClipConfig, "gsclip", {**QUICK, **options}))
    method.fit(balls, ctx)
    return method


def one(method, sample, ctx):
    (found,) = method.predict([sample], ctx)
    return found


def same(first, other):
    return first.object_score == other.object_score and np.array_equal(first.point_scores, other.point_scores)


@pytest.fixture(scope="module")
def plain(small_clip, balls, sample, tmp_path_factory):
    """The prediction for `sample` with default options."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("plain")
        patch.setenv("PC3DAD_HOME", str(folder / "home"))
        named = SimpleNamespace(encoder=small_clip, file=SimpleNamespace(sha256="small"))
        patch.setattr(stream, "load_image_text", lambda *_, **__: named)
        ctx = RunContext(scratch=folder)
        return one(trained(balls, ctx), sample, ctx)


def beginnings(method):
    return {name.partition(".")[0] for name in method.learned}


def test_training_is_repeatable_logged_by_stage_and_stored(encoded, balls, sample, surroundings, tmp_path):
    method, again = trained(balls, surroundings), trained(balls, surroundings)
    assert [(record["stage"], record["epoch"]) for record in method.losses] == [(1, 1), (2, 1), (2, 2)]
    of_both = {"stage", "epoch", "2d_pixel", "3d_point", "2d_image", "3d_global"}
    assert [set(record) for record in method.losses[:2]] == [of_both, of_both | {"consistency"}]
    assert beginnings(method) == {"prompts", "fusion", "depth"}
    wanted = ("prompts.shape.0.weight", "prompts.defects.project.weight", "fusion.head.0.weight")
    assert all(name in method.learned for name in wanted)
    method.save(tmp_path)
    stored = GsClip(method.config)
    stored.load(tmp_path)
    first = one(method, sample, surroundings)
    assert same(first, one(again, sample, surroundings))
    assert same(first, one(stored, sample, surroundings))
    assert not same(first, one(trained(balls, replace(surroundings, seed=1)), sample, surroundings))


def test_training_leaves_the_generator_of_torch_alone(encoded, balls, sample, surroundings):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    one(trained(balls, surroundings), sample, surroundings)
    assert torch.rand(1) == expected


def test_the_image_tower_reads_every_view_once_and_the_depth_tower_once_in_every_epoch_of_stage_2(
    encoded, balls, surroundings
):
    trained(balls, surroundings, n_views=None, epochs=3)
    assert encoded.pictures == [9] * 4
    assert encoded.by_copies == [4 * 9] * 2
    trained(balls, surroundings, n_views=None, n_outliers=5)  # features are kept for other options too
    assert encoded.pictures == [9] * 4


@pytest.mark.parametrize(
    "options", [{"lora_train": False}, {"lora": False}, {"depth_init": "random", "lora": False}]
)
def test_a_depth_tower_that_does_not_learn_reads_every_view_once(encoded, balls, surroundings, options):
    trained(balls, surroundings, srm_epochs=3, **options)
    assert sum(encoded.pictures) + sum(encoded.by_copies) == 2 * 4 * 2


def test_stage_2_starts_as_stage_1_ended(encoded, balls, sample, surroundings):
    """A residual fusion that has not learned yet changes nothing but rounding."""
    barely = {"srm_rate": 1e-30, "epochs": 2}
    first = one(trained(balls, surroundings, srm=False, **barely), sample, surroundings)
    second = one(trained(balls, surroundings, **barely), sample, surroundings)
    np.testing.assert_allclose(second.point_scores, first.point_scores, rtol=1e-4)
    assert second.object_score == pytest.approx(first.object_score, rel=1e-4)


@pytest.mark.parametrize("stage", [1, 2])
def test_losses_fall(encoded, balls, surroundings, stage):
    rates = {"epochs": 12, "rate": 0.005, "srm_epochs": 12, "lora_rate": 1}
    losses = [one for one in trained(balls, surroundings, **rates).losses if one["stage"] == stage]
    first, last = (sum(value for name, value in one.items() if name[0] in "23c") for one in losses[::11])
    assert last < first


def test_all_that_stage_2_learns_moves(encoded, balls, surroundings):
    before = parts.make_parts(
        build(GsClipConfig, "gsclip", QUICK), GsClip(GsClipConfig()).stream(surroundings), seed=0
    )
    start = before.state()
    learned = trained(balls, surroundings).learned
    moved = {name for name in start if name.startswith("depth.") and learned[name].abs().sum() > 0}
    assert moved == {name for name in start if name.startswith("depth.")}  # B starts at zero
    assert learned["fusion.head.2.weight"].abs().sum() > 0


SWITCHES = {
    "shape prompt": ({"shape_prompt": False}, "prompts.shape.0.weight"),
    "defect prompt": ({"defect_prompt": False}, "prompts.defects.project.weight"),
    "refinement": ({"srm": False}, "fusion.head.0.weight"),
}


@pytest.mark.parametrize(("options", "absent"), SWITCHES.values(), ids=SWITCHES)
def test_a_part_that_is_left_out_is_not_learned(encoded, balls, sample, surroundings, plain, options, absent):
    without = trained(balls, surroundings, **options)
    assert absent not in without.learned
    assert not same(plain, one(without, sample, surroundings))


def test_without_tokens_of_the_cloud_and_stage_2_it_is_pointad(encoded, balls, sample, surroundings):
    method = trained(balls, surroundings, shape_prompt=False, defect_prompt=False, srm=False)
    assert sorted(method.learned) == ["prompts.context.context", "prompts.deep.prompts"]
    assert encoded.by_copies == []
    assert np.isfinite(one(method, sample, surroundings).object_score)


def test_without_adapters_the_depth_tower_is_the_image_tower(encoded, balls, sample, surroundings):
    method = trained(balls, surroundings, lora=False)
    assert beginnings(method) == {"prompts", "fusion"}
    assert encoded.by_copies == []
    one(method, sample, surroundings)
    assert encoded.by_copies == []


def test_the_weight_of_consistency_is_an_option(encoded, balls, surroundings):
    off, on, more = (trained(balls, surroundings, con_weight=one).losses[1] for one in (0, 0.3, 0.6))
    assert off["consistency"] == 0
    assert more["consistency"] == pytest.approx(2 * on["consistency"])


@pytest.mark.parametrize("views", [1, 3])
def test_the_number_of_views_is_an_option(encoded, balls, sample, surroundings, views):
    method = trained(balls, surroundings, n_views=views)
    assert encoded.pictures == [views] * 4
    assert np.isfinite(one(method, sample, surroundings).point_scores).all()


OTHERS = [
    {"prompt_order": "shape-first"},
    {"point_encoder": "frozen"},
    {"prototypes": "fixed"},
    {"prototypes": "gated+compact"},
    {"n_defect_tokens": 3},
    {"defect_order": "attend-first"},
    {"train_mode_at_test": True},
    {"half_prompts": True},
    {"srm_tokens": "cls"},
    {"srm_tokens": "views"},
    {"srm_value": "self"},
    {"srm_head": "linear"},
    {"srm_residual": False},
    {"srm_normalise": False},
    {"depth_init": "random"},
    {"lora_targets": "c_fc"},
    {"lora_dropout": 0.5},
    {"stage2_losses": "released"},
    {"con_axis": "views"},
]


@pytest.mark.parametrize("options", OTHERS, ids=lambda options: "-".join(map(str, *options.items())))
def test_every_switch_trains_and_changes_scores(encoded, balls, sample, surroundings, plain, options):
    other = one(trained(balls, surroundings, **options), sample, surroundings)
    assert np.isfinite(other.point_scores).all()
    assert not same(plain, other)


def test_the_preset_of_the_released_code_learns_one_linear_layer_in_stage_2(
    encoded, few_slots, balls, sample, surroundings
):
    method = trained(balls, surroundings, preset="official")
    assert set(method.losses[-1]) == {"stage", "epoch", "3d_point", "2d_image", "consistency"}
    assert method.losses[-1]["3d_point"] != method.losses[-2]["3d_point"]  # only as dropout falls otherwise
    adapters = [value for name, value in method.learned.items() if "lora_B" in name]
    assert adapters
    assert not any(value.any() for value in adapters)
    found = one(method, sample, surroundings)
    stored = GsClip(method.config)
    stored.learn(method.learned)
    assert same(found, one(stored, sample, surroundings))


def test_released_scores_of_clouds_without_a_grid_come_from_the_image_tower(
    encoded, balls, sample, sheet, surroundings
):
    method = trained(balls, surroundings, depth_init="random", lora=False)
    released = GsClip(method.config.model_copy(update={"depth_at_test": "released"}))
    released.learn(method.learned)
    assert same(one(method, sheet, surroundings), one(released, sheet, surroundings))
    assert not same(one(method, sample, surroundings), one(released, sample, surroundings))


def test_a_stored_fit_needs_no_weights_of_the_point_encoder(
    encoded, balls, sample, surroundings, monkeypatch
):
    public = SimpleNamespace(encoder=untrained(seed=7).requires_grad_(False).eval())
    with monkeypatch.context() as here:
        here.setattr(parts, "load_pointnet2", lambda slug: {"pointnet2_sem_seg": public}[slug])
        method = trained(balls, surroundings, **PUBLISHED)
    stored = GsClip(method.config)
    stored.learn(method.learned)
    assert np.isfinite(one(stored, sample, surroundings).object_score)


def test_weights_of_the_point_encoder_that_are_not_here_are_named(encoded, balls, surroundings):
    with pytest.raises(WeightsError, match="pointnet2_sem_seg"):
        trained(balls, surroundings, **PUBLISHED)


def test_options_that_do_not_fit_are_refused(encoded, balls, sample, surroundings):
    with pytest.raises(ConfigError, match="the fusion refines patches of one layer"):
        trained(balls, surroundings, layers=(2, 3))
    with pytest.raises(ConfigError, match="12 outliers cannot give 13 defect tokens"):
        trained(balls, surroundings, n_defect_tokens=13)
    with pytest.raises(MethodError, match="gsclip was not trained"):
        one(GsClip(GsClipConfig()), sample, surroundings)


def test_a_photograph_goes_through_both_streams_and_leaves_the_views_alone(
    encoded, balls, sheet, sample, surroundings
):
    method = trained(balls, surroundings, rgb="colour")
    encoded.by_copies.clear()
    found = one(method, sheet, surroundings)
    assert encoded.by_copies == [2, 1]
    assert np.isfinite(found.point_scores).all()
    off = GsClip(method.config.model_copy(update={"rgb": "off"}))
    off.learn(method.learned)
    assert not same(found, one(off, sheet, surroundings))
    with pytest.raises(DataError, match="no photograph"):
        one(method, sample, surroundings)


def test_unit_and_place_do_not_matter(encoded, balls, sample, surroundings):
    method = trained(balls, surroundings)
    plain = one(method, sample, surroundings)
    for factor, shift in ((1e-12, 0), (1e12, 0), (1, 5)):
        moved = (sample.cloud.xyz * np.float32(factor) + np.float32(shift)).astype(np.float32)
        found = one(method, Sample("a", "ball", PointCloud(moved)), surroundings)
        assert found.object_score == pytest.approx(plain.object_score, rel=1e-3)


@pytest.mark.parametrize("preset", ["paper", "official"])
def test_degenerate_clouds_get_finite_scores(encoded, few_slots, balls, degenerate, surroundings, preset):
    method = trained(balls, surroundings, preset=preset)
    found = {one.sample_id: one for one in method.predict(degenerate, surroundings)}
    for name, prediction in found.items():
        assert np.isfinite(prediction.object_score), name
        assert np.isfinite(prediction.point_scores).all(), name
    if preset == "paper":
        assert np.ptp(found["one point"].point_scores) == 0
        assert np.ptp(found["equal points"].point_scores) == 0
        twice = found["every point twice"].point_scores
        np.testing.assert_array_equal(twice[::2], twice[1::2])


def test_a_cloud_without_a_valid_point_is_refused(encoded, balls, surroundings):
    nothing = Sample("x", "odd", PointCloud(np.full((5, 3), np.nan, np.float32)))
    with pytest.raises(DataError, match="'x' has no valid point"):
        one(trained(balls, surroundings), nothing, surroundings)
