"""Checkpoints of Align3D-AD's authors: stand-ins with their layout on a small CLIP."""

from functools import partial

import pytest
import torch

from pc3dad.baselines.align3d.aligner import Aligner
from pc3dad.baselines.align3d.config import Align3dConfig
from pc3dad.baselines.align3d.method import Align3d
from pc3dad.baselines.align3d.official import convert
from pc3dad.config import build
from pc3dad.encoders.loading import load_strictly
from pc3dad.errors import ConfigError, WeightsError
from pc3dad.weights import layouts

SIZES = layouts.ClipSizes(32, 8, width=32, layers=3, text_width=32, text_layers=3, joint=16)
SMALL = "clip_small"
CONFIG = build(Align3dConfig, "align3d", {"preset": "official", "encoder": SMALL})
WIDTH, JOINT, DEEP = 32, 16, 1  # of 3 blocks, two are reached, and the first one sees the context


@pytest.fixture(autouse=True)
def small_clip(monkeypatch):
    """A CLIP model that is small enough."""
    monkeypatch.setitem(layouts.CLIP_SIZES, SMALL, SIZES)
    monkeypatch.setitem(layouts.LAYOUTS, SMALL, partial(layouts.clip, SIZES))


def drawn(shapes, seed):
    draws = torch.Generator().manual_seed(seed)
    return {name: torch.rand(shape, generator=draws) for name, shape in shapes.items()}


def learner(seed):
    """What a prompt learner of the authors stores."""
    shapes = {}
    for kind in ("pos", "neg"):
        shapes |= {
            f"ctx_{kind}": (1, 1, 12, WIDTH),
            f"token_prefix_{kind}": (1, 1, 1, WIDTH),
            f"token_suffix_{kind}": (1, 1, 64, WIDTH),
            f"tokenized_prompts_{kind}": (1, 1, 77),
        }
    for index in range(DEEP):
        shapes[f"compound_prompts_text.{index}"] = (4, WIDTH)
        shapes[f"compound_prompt_projections.{index}.weight"] = (896, WIDTH)
        shapes[f"compound_prompt_projections.{index}.bias"] = (896,)
    return drawn(shapes, seed)


@pytest.fixture
def parts():
    shapes = {}
    for mapper in ("global_mlp", "local_mlp"):
        for layer in ("input", "projection", "output"):
            shapes |= {f"{mapper}.{layer}.weight": (JOINT, JOINT), f"{mapper}.{layer}.bias": (JOINT,)}
    return {"rgb_prompt_learner": learner(1), "aligner": drawn(shapes, 2)}, {"prompt_learner": learner(3)}


@pytest.fixture
def files(tmp_path, parts):
    paths = [tmp_path / "epoch_15_rgb.pth", tmp_path / "epoch_15_rendering.pth"]
    for path, part in zip(paths, parts, strict=True):
        torch.save(part, path)
    return paths


def test_both_branches_and_the_aligner_get_our_names(files, parts):
    rgb, rendering = parts
    found = convert(files, CONFIG)
    assert {name.partition(".")[0] for name in found} == {"rendered", "aligned", "aligner"}
    aligned, rendered = (found[f"{branch}.context.context"] for branch in ("aligned", "rendered"))
    torch.testing.assert_close(aligned[1], rgb["rgb_prompt_learner"]["ctx_neg"][0, 0])
    torch.testing.assert_close(rendered[0], rendering["prompt_learner"]["ctx_pos"][0, 0])
    assert found["rendered.deep.prompts"].shape == (DEEP, 4, WIDTH)
    aligner = Aligner(JOINT, seed=0)
    state = {name.removeprefix("aligner."): value for name, value in found.items() if "aligner." in name}
    load_strictly(aligner, state, what="the aligner")
    torch.testing.assert_close(aligner.patches.output.bias.detach(), rgb["aligner"]["local_mlp.output.bias"])


def test_an_imported_fit_scores(files, loaded, ctx, samples):
    method = Align3d(CONFIG.model_copy(update={"slots": "native"}))
    method.learn(convert(files, CONFIG))
    assert 0 < method.score(samples[0], ctx).object_score < 2


def test_a_file_without_an_aligner_is_refused_instead_of_a_random_one(files, parts):
    del parts[0]["aligner"]
    torch.save(parts[0], files[0])
    with pytest.raises(WeightsError, match=r"missing: aligner\.global_mlp"):
        convert(files, CONFIG)


def test_files_in_the_wrong_order_and_other_numbers_of_files_are_refused(files):
    with pytest.raises(WeightsError, match="has no aligner and no rgb_prompt_learner; give epoch_<n>_rgb"):
        convert(files[::-1], CONFIG)
    with pytest.raises(ConfigError, match=r"1 files are given; give epoch_<n>_rgb\.pth"):
        convert(files[:1], CONFIG)


def test_options_that_do_not_fit_the_files_are_listed(files):
    with pytest.raises(ConfigError, match=r"align3d\[encoder=clip_vit_l_14_336\]"):
        convert(files, Align3dConfig())
    odd = CONFIG.model_copy(update={"prompt_sets": "one", "tuned_for": "eyecandies"})
    with pytest.raises(ConfigError, match="need prompt_sets=two, tuned_for=off; set object_weight"):
        convert(files, odd)
