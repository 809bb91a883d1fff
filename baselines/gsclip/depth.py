"""The depth tower of GS-CLIP: the image tower with adapters, for depth pictures."""

import copy

import torch
from torch.utils.checkpoint import checkpoint

from pc3dad.baselines.gsclip.config import GsClipConfig
from pc3dad.device import batches
from pc3dad.encoders import lora
from pc3dad.encoders.image_text import ImageTextEncoder
from pc3dad.encoders.transform import prepare_images
from pc3dad.encoders.vision import VisionTower
from pc3dad.methods.rendered.stream import Features

TARGETS = {"c_fc": r".*\.mlp\.c_fc", "c_fc+c_proj": lora.MLP}
KEPT = 34  # values of the width of a token that a block keeps for its gradients
INIT_SPREAD = 0.02  # of random weights


def depth_tower(encoder: ImageTextEncoder, config: GsClipConfig, *, seed: int) -> VisionTower:
    """The tower as it is before stage 2.

    Args:
        encoder: whose image tower is adapted; frozen weights are shared with it.
        config: of the method.
        seed: draws the adapters, and the tower if it has random weights.
    """
    tower = encoder.vision
    if config.depth_init == "random":
        tower = _random(encoder, seed)
    if not config.lora:
        return tower
    settings = lora.LoraSettings(
        config.lora_rank, config.lora_alpha, config.lora_dropout, TARGETS[config.lora_targets]
    )
    return lora.adapted(tower, settings, seed=seed)


def _random(encoder: ImageTextEncoder, seed: int) -> VisionTower:
    """A tower of the same form with random weights, which the released code uses without meaning to."""
    tower = copy.deepcopy(encoder.vision)
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in tower.named_parameters():
        drawn = torch.randn(parameter.shape, generator=generator) * INIT_SPREAD
        if parameter.ndim < 2:
            drawn = torch.ones_like(drawn) if "ln" in name and name.endswith("weight") else 0 * drawn
        parameter.data.copy_(drawn)
    return tower


def encode(
    tower: VisionTower, encoder: ImageTextEncoder, pictures: torch.Tensor, *, layer: int, budget: int
) -> Features:
    """Features of depth pictures, with gradients to the adapters if they are wanted.

    Pictures go through in batches that the budget holds. If there are several, training keeps only what goes
    in and computes the rest again on the way back.

    Args:
        tower: of `depth_tower`.
        encoder: for its sizes.
        pictures: (V, S, S) uint8.
        layer: after how many blocks patches are read, along the value path.
        budget: bytes, such as `RunContext.memory_bytes`.
    """
    layout, weight = encoder.layout, tower.visual.conv1.weight
    images = prepare_images(pictures, layout).to(weight.dtype)

    def run(some: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        found = tower(some, taps=[layer], dual_from=layout.dual_from)
        return found.image.float(), found.patches[0].float()

    if not torch.is_grad_enabled():
        found = tower(images, taps=[layer], dual_from=layout.dual_from, budget=budget)
        return Features(found.image.float(), found.patches[0].float()[None])
    tokens = 1 + layout.grid**2
    each = KEPT * layer * tokens * layout.width * weight.element_size()
    cuts = list(batches(len(images), bytes_each=each, budget=budget))
    if len(cuts) == 1:
        parts = [run(images)]
    else:
        parts = [checkpoint(run, images[cut], use_reentrant=False) for cut in cuts]
    image, patches = (torch.cat(values) for values in zip(*parts, strict=True))
    return Features(image, patches[None])
