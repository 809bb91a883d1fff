"""Checkpoints of GS-CLIP's authors: stand-ins with their layout on a small CLIP, loaded into our modules."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pc3dad.baselines.gsclip.config import GsClipConfig
from pc3dad.baselines.gsclip.fusion import Fusion, FusionOptions
from pc3dad.baselines.gsclip.method import GsClip
from pc3dad.baselines.gsclip.official import convert
from pc3dad.baselines.gsclip.points import untrained
from pc3dad.baselines.gsclip.prompts import GeometryPrompts, PromptOptions
from pc3dad.config import build
from pc3dad.encoders import _compat, image_text, lora
from pc3dad.encoders.loading import load_strictly
from pc3dad.encoders.pointnet2 import S3DIS
from pc3dad.errors import ConfigError, WeightsError
from pc3dad.methods.rendered import stream
from pc3dad.weights import layouts

MODEL = {
    "embed_dim": 12,
    "vision_cfg": {"image_size": 16, "patch_size": 8, "width": 16, "layers": 2, "head_width": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 4},
}
SIZES = layouts.ClipSizes(16, 8, width=16, layers=2, text_width=16, text_layers=4, joint=12)
SMALL = "clip_small"
OPTIONS = {"preset": "official", "encoder": SMALL, "point_weights": "pointnet2_sem_seg"}
BOTH = build(GsClipConfig, "gsclip", OPTIONS)
CONFIG = build(GsClipConfig, "gsclip", {**OPTIONS, "srm": False})
DEEP = 2  # of 4 blocks, three are reached, and the first one sees the context
WIDTH, JOINT = 16, 12


@pytest.fixture(autouse=True)
def small_clip(monkeypatch):
    """A CLIP model that is small enough."""
    monkeypatch.setitem(layouts.CLIP_SIZES, SMALL, SIZES)
    monkeypatch.setitem(layouts.LAYOUTS, SMALL, partial(layouts.clip, SIZES))


def drawn(shapes):
    draws = torch.Generator().manual_seed(len(shapes))
    return {
        name: torch.tensor(0) if name.endswith("tracked") else torch.rand(shape, generator=draws)
        for name, shape in shapes.items()
    }


def linear(name, before, after):
    return {f"{name}.weight": (after, before), f"{name}.bias": (after,)}


@pytest.fixture
def stage_1():
    """What the prompt learner of GS-CLIP stores."""
    shapes = {}
    for kind, suffix in (("pos", 63), ("neg", 62)):
        shapes |= {
            f"ctx_{kind}": (1, 1, 12, WIDTH),
            f"token_prefix_{kind}": (1, 1, 1, WIDTH),
            f"token_suffix_{kind}": (1, 1, suffix, WIDTH),
            f"tokenized_prompts_{kind}": (1, 1, 77),
            **linear(f"point_feature_to_prompt_{kind}.0", 512, WIDTH),
            f"point_feature_to_prompt_{kind}.2.weight": (WIDTH,),
            f"point_feature_to_prompt_{kind}.2.bias": (WIDTH,),
        }
    for index in range(DEEP):
        shapes[f"compound_prompts_text.{index}"] = (4, WIDTH)
        shapes |= linear(f"compound_prompt_projections.{index}", WIDTH, 896)
    own = "point_feature_to_neg_point"
    aggregator = f"{own}.outlier_aggregator"
    shapes |= {
        f"{own}.normal_prototypes_module.prototypes": (32, 128),
        **linear(f"{aggregator}.point_feat_proj", 128, WIDTH),
        f"{aggregator}.aggregator_attention.in_proj_weight": (3 * WIDTH, WIDTH),
        f"{aggregator}.aggregator_attention.in_proj_bias": (3 * WIDTH,),
        **linear(f"{aggregator}.aggregator_attention.out_proj", WIDTH, WIDTH),
        f"{aggregator}.norm.weight": (WIDTH,),
        f"{aggregator}.norm.bias": (WIDTH,),
        **linear(f"{aggregator}.ffn.0", WIDTH, WIDTH),
        **{f"pointnet.{name}": shape for name, shape in layouts.pointnet2().shapes.items()},
    }
    return drawn(shapes)


@pytest.fixture(scope="module")
def vision():
    """State of the image tower that the depth tower is a copy of."""
    torch.manual_seed(0)
    return _compat.open_clip().CLIP(**MODEL).visual.state_dict()


@pytest.fixture
def stage_2(vision):
    """What the released stage 2 stores beside it."""
    shapes = {
        **linear("bidirectional_attention.k1_layer", JOINT, JOINT),
        **linear("bidirectional_attention.k2_layer", JOINT, JOINT),
        **linear("final_proj", 2 * JOINT, JOINT),
    }
    depth = {}
    for name, value in vision.items():
        layer, _, kind = name.rpartition(".")
        if ".mlp." in name:
            depth[f"{layer}.original_layer.{kind}"] = value
            if kind == "weight":
                depth[f"{layer}.lora_A"] = torch.rand(8, value.shape[1])
                depth[f"{layer}.lora_B"] = torch.rand(value.shape[0], 8)
        else:
            depth[name] = value
    return {"fusion": drawn(shapes), "visual_depth": depth}


@pytest.fixture
def files(tmp_path, stage_1, stage_2):
    torch.save({"prompt_learner": stage_1}, tmp_path / "epoch_15.pth")
    torch.save(stage_2, tmp_path / "epoch_10.pth")
    return [tmp_path / "epoch_15.pth", tmp_path / "epoch_10.pth"]


def part(tensors, name):
    return {
        key.removeprefix(f"{name}."): value for key, value in tensors.items() if key.startswith(f"{name}.")
    }


def test_stage_1_fills_the_prompts(files, stage_1):
    found = convert(files[:1], CONFIG)
    assert {name.partition(".")[0] for name in found} == {"prompts"}
    tower = image_text.untrained(MODEL, seed=0, part="text").text
    options = PromptOptions(deep_depth=DEEP + 1)
    prompts = GeometryPrompts(tower, untrained(S3DIS, seed=0), options, seed=0)
    load_strictly(prompts, part(found, "prompts"), what="the prompts")
    torch.testing.assert_close(prompts.context.context[1], stage_1["ctx_neg"][0, 0])
    official = "point_feature_to_neg_point.normal_prototypes_module.prototypes"
    torch.testing.assert_close(prompts.defects.prototypes.detach(), stage_1[official])


def test_stage_2_fills_the_fusion_and_the_whole_depth_tower(files, stage_2):
    found = convert(files, BOTH)
    fusion = Fusion(JOINT, FusionOptions(head="linear", residual=False), seed=0)
    load_strictly(fusion, part(found, "fusion"), what="the fusion")
    encoder = image_text.untrained(MODEL, seed=0, part="both")
    adapted = lora.adapted(encoder.vision, seed=0)
    load_strictly(adapted, part(found, "depth"), what="the depth tower")
    name = "transformer.resblocks.1.mlp.c_fc"
    layer = adapted.visual.get_submodule(name)
    torch.testing.assert_close(
        layer.lora_A.default.weight.detach(), stage_2["visual_depth"][f"{name}.lora_A"]
    )


def test_every_tensor_that_does_not_fit_is_listed(files, stage_1, stage_2):
    layer = "transformer.resblocks.1.mlp.c_fc"
    stage_2["visual_depth"].pop(f"{layer}.lora_A")
    stage_2["fusion"]["final_proj.weight"] = torch.zeros(JOINT, JOINT)
    torch.save(stage_2, files[1])
    with pytest.raises(WeightsError) as caught:
        convert(files, BOTH)
    assert f"missing: visual_depth.{layer}.lora_A" in str(caught.value)
    assert "fusion.final_proj.weight (12, 12) instead of (12, 24)" in str(caught.value)


def test_files_in_the_wrong_order_are_named(files):
    with pytest.raises(WeightsError, match=r"epoch_10\.pth has no prompt_learner; give the file of stage 1"):
        convert(files[::-1], BOTH)


def test_options_that_do_not_fit_the_files_are_listed(files):
    with pytest.raises(ConfigError, match=r"gsclip\[encoder=clip_vit_l_14_336\]"):
        convert(files, GsClipConfig())
    with pytest.raises(ConfigError) as caught:
        convert(files, GsClipConfig(encoder=SMALL))
    for words in (
        "point_weights=pointnet2_sem_seg",
        "srm_head=linear",
        "depth_init=random",
        "preset=official",
    ):
        assert words in str(caught.value)
    with pytest.raises(ConfigError, match="files of 1 of 2 stages need srm=False"):
        convert(files[:1], BOTH)


def test_both_files_score_a_cloud_without_weights_of_the_point_encoder(
    files, sample, surroundings, monkeypatch
):
    named = SimpleNamespace(encoder=image_text.untrained(MODEL, seed=0), file=SimpleNamespace(sha256="small"))
    monkeypatch.setattr(stream, "load_image_text", lambda *_, **__: named)
    method = GsClip(build(GsClipConfig, "gsclip", {**OPTIONS, "slots": "native", "smooth": "none"}))
    method.learn(convert(files, method.config))
    (found,) = method.predict([sample], surroundings)
    assert np.isfinite(found.point_scores).all()
