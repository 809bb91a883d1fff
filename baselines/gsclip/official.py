"""Files that the released code of GS-CLIP writes: names and shapes of ours for their tensors."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import torch

from pc3dad.baselines.gsclip.config import GsClipConfig
from pc3dad.encoders import pointnet2
from pc3dad.encoders.convert import read_checkpoint
from pc3dad.errors import ConfigError
from pc3dad.methods.rendered import official
from pc3dad.weights import layouts
from pc3dad.weights.layouts import ClipSizes, Layout, Shapes

Value = TypeVar("Value")
State = Mapping[str, torch.Tensor]
Tensors = dict[str, torch.Tensor]

_DEFECTS = "point_feature_to_neg_point."
_RENAMED = {  # how names of the prompt learner begin: theirs and ours
    "pointnet.": "encoder.",
    "point_feature_to_prompt_pos.": "shape.",
    f"{_DEFECTS}normal_prototypes_module.": "defects.",
    f"{_DEFECTS}outlier_aggregator.point_feat_proj.": "defects.project.",
    f"{_DEFECTS}outlier_aggregator.aggregator_attention.": "defects.attention.",
    f"{_DEFECTS}outlier_aggregator.norm.": "defects.norm.",
    f"{_DEFECTS}outlier_aggregator.ffn.0.": "defects.feed.",
}
_UNUSED = (  # made and stored there, and never used; embeddings of words come from the text tower
    "token_prefix_",
    "token_suffix_",
    "tokenized_prompts_",
    "point_feature_to_prompt_neg.",
    "compound_prompt_projections.",
    "pointnet.conv2.",
)
_FUSION = {
    "bidirectional_attention.k1_layer.": "key_rendered.",
    "bidirectional_attention.k2_layer.": "key_depth.",
    "final_proj.": "head.",
}
CONTEXTS, DEEP = official.CONTEXTS, official.DEEP

FILES = "give the file of stage 1, and behind it that of stage 2 if there is one"
ADAPTED = (".mlp.c_fc", ".mlp.c_proj")  # layers of the depth tower
STAGE_1 = {
    "point_weights": "pointnet2_sem_seg",
    "shape_prompt": True,
    "defect_prompt": True,
    "defect_order": "project-first",
}
STAGE_2 = {"srm_head": "linear", "depth_init": "random", "lora": True, "lora_targets": "c_fc+c_proj"}
"""Options without which the files of the authors have no place in our modules."""


def convert(paths: Sequence[Path], config: GsClipConfig) -> Tensors:
    """Learned tensors of `GsClip` from the files of one or both stages.

    Args:
        paths: `{"prompt_learner": ...}` and, if it is there, `{"fusion": ..., "visual_depth": ...}`.
        config: of the method that shall use them.

    Returns:
        As `Parts.state` gives them; the depth tower is whole, since its frozen weights are random there.

    Raises:
        ConfigError: there are other files, or the options do not fit them.
        WeightsError: a file is missing, damaged, hostile, or holds something else.
    """
    official.require_files(paths, 2, hint=FILES)
    sizes = official.sizes_of(config.encoder, "gsclip")
    _require_options(config, stages=len(paths))
    first = read_checkpoint(paths[0], _stage_1(sizes, config), hint=FILES)
    found = _prefixed("prompts.", prompts_from_official(_part(first, official.PART)))
    for path in paths[1:]:
        second = read_checkpoint(path, _stage_2(sizes, config), hint=FILES)
        found |= _prefixed("fusion.", fusion_from_official(_part(second, "fusion")))
        frozen, adapters = depth_from_official(_part(second, "visual_depth"))
        found |= {f"depth.{_below_adapter(name)}": value for name, value in frozen.items()}
        found |= _prefixed("depth.", adapters)
    return found


def _require_options(config: GsClipConfig, *, stages: int) -> None:
    wanted = {**STAGE_1, **(STAGE_2 if stages > 1 else {}), "srm": stages > 1}
    odd = [f"{name}={value}" for name, value in wanted.items() if getattr(config, name) != value]
    if odd:
        more = "" if stages > 1 else ",srm=false"
        hint = "write gsclip[preset=official,encoder=ENCODER,point_weights=pointnet2_sem_seg" + more + "]"
        raise ConfigError(f"files of {stages} of 2 stages need {', '.join(odd)}", hint=hint)


def _below_adapter(name: str) -> str:
    """Name of a frozen tensor in an adapted tower."""
    layer, _, kind = name.rpartition(".")
    return f"{layer}.base_layer.{kind}" if layer.endswith(ADAPTED) else name


def _stage_1(sizes: ClipSizes, config: GsClipConfig) -> Layout:
    points = pointnet2.S3DIS
    whole, local, width = points.down[-1][-1], points.up[-1][-1], sizes.text_width
    aggregator = f"{_DEFECTS}outlier_aggregator."
    own: Shapes = {
        **_prefixed("pointnet.", layouts.pointnet2().shapes),
        **_projection("point_feature_to_prompt_pos", whole, width),
        f"{_DEFECTS}normal_prototypes_module.prototypes": (config.n_prototypes, local),
        **_linear(f"{aggregator}point_feat_proj", local, width),
        f"{aggregator}aggregator_attention.in_proj_weight": (3 * width, width),
        f"{aggregator}aggregator_attention.in_proj_bias": (3 * width,),
        **_linear(f"{aggregator}aggregator_attention.out_proj", width, width),
        **_norm(f"{aggregator}norm", width),
        **_linear(f"{aggregator}ffn.0", width, width),
    }
    unused = {*_projection("point_feature_to_prompt_neg", whole, width)}
    unused |= {name for name in own if name.startswith("pointnet.conv2.")}
    learned = {name: shape for name, shape in own.items() if name not in unused}
    prompts = official.prompt_shapes(sizes, n_context=config.n_context, deep_tokens=config.deep_tokens)
    dropped = official.unused_prompts(sizes) | {f"{official.PART}.{name}" for name in unused}
    return Layout(prompts | _prefixed(f"{official.PART}.", learned), dropped)


def _stage_2(sizes: ClipSizes, config: GsClipConfig) -> Layout:
    joint = sizes.joint
    shapes = {
        **_linear("fusion.bidirectional_attention.k1_layer", joint, joint),
        **_linear("fusion.bidirectional_attention.k2_layer", joint, joint),
        **_linear("fusion.final_proj", 2 * joint, joint),
    }
    for name, shape in layouts.clip(sizes).shapes.items():
        if not name.startswith("visual."):
            continue
        layer, _, kind = f"visual_depth.{name.removeprefix('visual.')}".rpartition(".")
        if not layer.endswith(ADAPTED):
            shapes[f"{layer}.{kind}"] = shape
            continue
        shapes[f"{layer}.original_layer.{kind}"] = shape
        if kind == "weight":
            shapes[f"{layer}.lora_A"] = (config.lora_rank, shape[1])
            shapes[f"{layer}.lora_B"] = (shape[0], config.lora_rank)
    return Layout(shapes)


def _part(state: State, part: str) -> Tensors:
    """Tensors of one part, without its name."""
    return {
        name.removeprefix(f"{part}."): value for name, value in state.items() if name.startswith(f"{part}.")
    }


def _prefixed(prefix: str, named: Mapping[str, Value]) -> dict[str, Value]:
    return {prefix + name: value for name, value in named.items()}


def _projection(name: str, before: int, after: int) -> Shapes:
    return {**_linear(f"{name}.0", before, after), **_norm(f"{name}.2", after)}


def _linear(name: str, before: int, after: int) -> Shapes:
    return {f"{name}.weight": (after, before), f"{name}.bias": (after,)}


def _norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def prompts_from_official(state: State) -> Tensors:
    """State of `GeometryPrompts` from the `prompt_learner` of a file of stage 1.

    A name that is not known is kept, so that loading refuses it.
    """
    deep = [name for name in state if name.startswith(DEEP)]
    stacked = {
        "context.context": torch.stack([state[name][0, 0] for name in CONTEXTS]),
        "deep.prompts": torch.stack([state[f"{DEEP}{index}"] for index in range(len(deep))]),
    }
    rest = {
        prompt_name(name): value
        for name, value in state.items()
        if not name.startswith((*CONTEXTS, DEEP, *_UNUSED))
    }
    return stacked | pointnet2.from_official(rest)  # which leaves what is no convolution as it is


def prompt_name(name: str) -> str:
    """Our name of a tensor of the prompt learner that is neither context nor deep prompt."""
    return _renamed(name, _RENAMED)


def fusion_from_official(state: State) -> Tensors:
    """State of a linear `Fusion` from the `fusion` of a file of stage 2."""
    return {fusion_name(name): value for name, value in state.items()}


def fusion_name(name: str) -> str:
    """Our name of a tensor of the fusion."""
    return _renamed(name, _FUSION)


def depth_from_official(state: State) -> tuple[Tensors, Tensors]:
    """Weights of the depth tower from the `visual_depth` of a file of stage 2.

    Returns:
        Frozen weights by the names that `image_text.load` takes, and what `lora.load_adapter` takes.
    """
    frozen = {
        f"visual.{name.replace('.original_layer.', '.')}": value
        for name, value in state.items()
        if "lora_" not in name
    }
    adapters = {f"visual.{name}.default.weight": value for name, value in state.items() if "lora_" in name}
    return frozen, adapters


def _renamed(name: str, table: Mapping[str, str]) -> str:
    for theirs, ours in table.items():
        if name.startswith(theirs):
            return ours + name.removeprefix(theirs)
    return name
