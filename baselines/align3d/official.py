"""Checkpoints of the released code of Align3D-AD: `epoch_<n>_rgb.pth` and `epoch_<n>_rendering.pth`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from pc3dad.baselines.align3d.config import Align3dConfig
from pc3dad.baselines.align3d.parts import ALIGNED, ALIGNER, RENDERED
from pc3dad.encoders.convert import read_checkpoint
from pc3dad.errors import ConfigError
from pc3dad.methods.rendered import official
from pc3dad.weights.layouts import Layout, Shapes

OF_RGB = "rgb_"  # how the prompt learner of the aligned branch is told from that of the rendering branch
PART_OF_ALIGNER = "aligner"
HINT = "give epoch_<n>_rgb.pth and, behind it, epoch_<n>_rendering.pth"
NEEDED = {"aligner": True, "prompt_sets": "two", "tuned_for": "off"}
"""Options without which files have no place in our modules; they do not tell what they were trained on."""

_MAPPERS = {"global_mlp.": "image.", "local_mlp.": "patches."}
_LAYERS = ("input", "projection", "output")


def convert(paths: Sequence[Path], config: Align3dConfig) -> dict[str, torch.Tensor]:
    """State of `Align3d` from the two files of an epoch.

    Args:
        paths: `{"rgb_prompt_learner": ..., "aligner": ...}` and `{"prompt_learner": ...}`. The released code
            goes on with a random aligner if none is found; here that is an error.
        config: of the method that shall use them.

    Raises:
        ConfigError: there are other files, or the options do not fit them.
        WeightsError: a file is missing, damaged, hostile, or holds something else.
    """
    if len(paths) != 2:
        raise ConfigError(f"{len(paths)} files are given", hint=HINT)
    sizes = official.sizes_of(config.encoder, "align3d")
    odd = [f"{name}={value}" for name, value in NEEDED.items() if getattr(config, name) != value]
    if odd:
        hint = "set object_weight, point_weight and blur_object by the table in the README"
        raise ConfigError(f"files of the authors need {', '.join(odd)}", hint=hint)
    shapes = official.prompt_shapes(sizes, n_context=config.n_context, deep_tokens=config.deep_tokens)
    unused = official.unused_prompts(sizes)
    of_rgb = {OF_RGB + name: shape for name, shape in shapes.items()} | _aligner_shapes(sizes.joint)
    rgb = read_checkpoint(paths[0], Layout(of_rgb, frozenset(OF_RGB + name for name in unused)), hint=HINT)
    rendering = read_checkpoint(paths[1], Layout(shapes, unused), hint=HINT)
    aligned = {name.removeprefix(OF_RGB): one for name, one in rgb.items() if name.startswith(OF_RGB)}
    prompts = {RENDERED: official.state_prompts(rendering), ALIGNED: official.state_prompts(aligned)}
    found = {prefix + name: value for prefix, state in prompts.items() for name, value in state.items()}
    return found | {ALIGNER + name: value for name, value in aligner_from_official(rgb).items()}


def aligner_from_official(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """State of `Aligner` from tensors "aligner.<name>"; others are left out."""
    start = f"{PART_OF_ALIGNER}."
    return {
        aligner_name(name.removeprefix(start)): value.float()
        for name, value in state.items()
        if name.startswith(start)
    }


def aligner_name(name: str) -> str:
    """Our name of a tensor of the aligner."""
    for theirs, ours in _MAPPERS.items():
        if name.startswith(theirs):
            return ours + name.removeprefix(theirs)
    return name


def _aligner_shapes(joint: int) -> Shapes:
    shapes: Shapes = {}
    for mapper in _MAPPERS:
        for layer in _LAYERS:
            shapes[f"{PART_OF_ALIGNER}.{mapper}{layer}.weight"] = (joint, joint)
            shapes[f"{PART_OF_ALIGNER}.{mapper}{layer}.bias"] = (joint,)
    return shapes
