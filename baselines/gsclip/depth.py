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

TARGETS = {"c_fc": r".*\.mlp\.c_fc", "c_fc+c_proj": lora.MLP}
KEPT = 34  # values of the width of a token that a block keeps for its gradients


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
    adapted = lora.adapted(tower, settings, seed=seed)
    for parameter in adapted.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()  # steps are too small for bfloat16
    return adapted


def _random(encoder: ImageTextEncoder, seed: int) -> VisionTower:
    """A tower of the same form as it is drawn before training, which the released code uses by mistake."""
    tower = copy.deepcopy(encoder.vision)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for module in reversed(list(tower.modules())):  # attention after its layers, which it changes
            for name in ("reset_parameters", "_reset_parameters"):
                if hasattr(module, name):
                    getattr(module, name)()
        visual, spread = tower.visual, encoder.layout.width**-0.5
        for table in (visual.class_embedding, visual.positional_embedding, visual.proj):
            table.data.normal_(0, spread)
    return tower


def encode(
    tower: VisionTower, encoder: ImageTextEncoder, pictures: torch.Tensor, *, layer: int | None, budget: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Features (V, D) of depth pictures and (V, P, D) of their patches, with gradients to the adapters.

    Pictures go through in batches that the budget holds. If there are several, training keeps only what goes
    in and computes the rest again on the way back. Where gradients are off there are none.

    Args:
        tower: of `depth_tower`.
        encoder: for its sizes.
        pictures: (V, S, S) or (V, H, W, 3) uint8.
        layer: after how many blocks patches are read, along the value path; None reads none, P is 0.
        budget: bytes, such as `RunContext.memory_bytes`.
    """
    layout, weight = encoder.layout, tower.visual.conv1.weight
    images = prepare_images(pictures, layout).to(weight.dtype)
    taps, dual_from = ([], None) if layer is None else ([layer], layout.dual_from)

    def run(some: torch.Tensor, most: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        found = tower(some, taps=taps, dual_from=dual_from, budget=most)
        patches = found.patches[0] if taps else found.image.new_empty(len(some), 0, layout.embed_dim)
        return found.image.float(), patches.float()

    if not torch.is_grad_enabled():
        return run(images, budget)
    tokens = 1 + layout.grid**2
    each = KEPT * layout.depth * tokens * layout.width * weight.element_size()
    cuts = list(batches(len(images), bytes_each=each, budget=budget))
    if len(cuts) == 1:
        parts = [run(images)]
    else:
        parts = [checkpoint(run, images[cut], use_reentrant=False) for cut in cuts]
    image, patches = (torch.cat(values) for values in zip(*parts, strict=True))
    return image, patches
