"""Checkpoints that the released code of BTP writes, `best.pth`: our names and shapes for their tensors."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from pc3dad.baselines.btp.config import BtpConfig
from pc3dad.baselines.btp.embedding import EVERY
from pc3dad.baselines.btp.parts import Parts
from pc3dad.encoders import pointbert
from pc3dad.encoders.convert import read_checkpoint
from pc3dad.encoders.pointbert import PointBertConfig
from pc3dad.errors import ConfigError
from pc3dad.weights.layouts import Layout

HINT = "give one best.pth of BTP"
SIZES = {"ulip2_pointbert": pointbert.ULIP2}
"""Encoders that the authors train with."""
GEOMETRY, EMBEDDING = "patch_geo_encoder.", "patch_feature_embedder."

_MAPPINGS = {
    "mapper_pointbert": "patch",
    "mapper_fpfh": "geometry",
    "mapper_global": "cloud",
    "fusion_proj": "fuse",
}
_OURS = {  # how names begin: theirs and ours
    **{f"{GEOMETRY}mlp{1 + level}.0.": f"descriptors.layers.{level}." for level in range(3)},
    **{f"{GEOMETRY}mlp{1 + level}.1.": f"descriptors.norms.{level}." for level in range(3)},
    f"{GEOMETRY}fc.": "descriptors.patch.",
    f"{EMBEDDING}layer_weights": "embedding.layer_weights",
    **{
        f"{EMBEDDING}{theirs}.{place}.": f"embedding.{ours}.{layer}."
        for theirs, ours in _MAPPINGS.items()
        for place, layer in ((0, "first"), (2, "last"))
    },
}
_CONVOLUTIONS = tuple(f"{GEOMETRY}mlp{level}.0.weight" for level in (1, 2, 3))


def convert(paths: Sequence[Path], config: BtpConfig) -> dict[str, torch.Tensor]:
    """Learned tensors of `Btp` from a checkpoint.

    Its `prompt_learner` is not read: the released code never uses it.

    Args:
        paths: the file, `{"patch_feature_embedder": ..., "patch_geo_encoder": ..., ...}`.
        config: of the method that shall use it.

    Raises:
        ConfigError: there is not one file, or the options do not fit it.
        WeightsError: the file is missing, damaged, hostile, or holds something else.
    """
    if len(paths) != 1:
        raise ConfigError(f"{len(paths)} files are given", hint=HINT)
    odd = []
    if config.prompt == "learnable":  # the file holds none that were learned
        odd.append("prompt=learnable")
    if set(config.granularity) != set(EVERY):
        odd.append(f"granularity={list(config.granularity)}")
    if config.encoder not in SIZES:
        odd.append(f"encoder={config.encoder}")
    if odd:
        hint = "write btp[preset=official,encoder=ulip2_pointbert]"
        raise ConfigError(f"files of the authors do not fit {', '.join(odd)}", hint=hint)
    layout = Layout(shapes(config, SIZES[config.encoder]))
    state = read_checkpoint(paths[0], layout, hint=HINT)
    return {f"parts.{name}": value for name, value in from_official(state).items()}


def from_official(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """State of `Parts` from tensors by "part.name". Names that are not known are kept, to be refused."""
    return {
        our_name(name): value.flatten(1) if name in _CONVOLUTIONS else value for name, value in state.items()
    }


def our_name(name: str) -> str:
    """Our name of a tensor of a checkpoint."""
    for theirs, ours in _OURS.items():
        if name.startswith(theirs):
            return ours + name.removeprefix(theirs)
    return name


def shapes(config: BtpConfig, encoder: PointBertConfig) -> dict[str, tuple[int, ...]]:
    """Shapes of a checkpoint by "part.name". Convolutions of size 1 have two more axes there."""
    with torch.device("meta"):
        own = Parts(config, encoder, seed=0).state_dict()
    found = {}
    for name, value in own.items():
        theirs = next(
            before + name.removeprefix(after) for before, after in _OURS.items() if name.startswith(after)
        )
        found[theirs] = (*value.shape, 1, 1) if theirs in _CONVOLUTIONS else tuple(value.shape)
    return found
