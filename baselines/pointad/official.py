"""Checkpoints that the released code of PointAD writes, `epoch_<n>.pth`."""

from collections.abc import Sequence
from pathlib import Path

import torch

from pc3dad.baselines.pointad.config import PointAdConfig
from pc3dad.encoders.convert import read_checkpoint
from pc3dad.methods.rendered import official
from pc3dad.weights.layouts import Layout

HINT = "give one epoch_<n>.pth of PointAD"


def convert(paths: Sequence[Path], config: PointAdConfig) -> dict[str, torch.Tensor]:
    """State of `PointAd` from a checkpoint `{"prompt_learner": ...}`.

    Args:
        paths: the file.
        config: of the method that shall use it.

    Raises:
        ConfigError: there is not one file, or it cannot fit the encoder.
        WeightsError: the file is missing, damaged, hostile, or holds something else.
    """
    official.require_files(paths, 1, hint=HINT)
    sizes = official.sizes_of(config.encoder, "pointad")
    shapes = official.prompt_shapes(sizes, n_context=config.n_context, deep_tokens=config.deep_tokens)
    layout = Layout(shapes, official.unused_prompts(sizes))
    state = read_checkpoint(paths[0], layout, hint=HINT)
    return {f"prompts.{name}": value for name, value in official.state_prompts(state).items()}
