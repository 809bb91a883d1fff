"""The joint loss of BTP: points, objects and geometry."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch.nn import functional

from pc3dad.nn.losses import contrast, dice_of_logits, focal_of_logits

GeometryLoss = Literal["contrastive", "mse", "cosine"]

TEMPERATURE = 0.1  # of the contrast of descriptors


def point_losses(
    logits: Sequence[torch.Tensor], truth: Sequence[torch.Tensor], *, gamma: float, alpha: float
) -> dict[str, torch.Tensor]:
    """Focal loss over all points of B clouds, and the mean of their Dice losses.

    Args:
        logits: B times (n,); clouds may have different sizes.
        truth: B times (n,) bool.
        gamma: of the focal loss.
        alpha: of the focal loss.
    """
    dice = [dice_of_logits(one[None], of[None]) for one, of in zip(logits, truth, strict=True)]
    focal = focal_of_logits(torch.cat(list(logits)), torch.cat(list(truth)), gamma=gamma, alpha=alpha)
    return {"focal": focal, "dice": torch.stack(dice).mean()}


def object_loss(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy of objects (B,)."""
    return functional.binary_cross_entropy_with_logits(logits, truth.to(logits.dtype))


def geometry_loss(predicted: torch.Tensor, wanted: torch.Tensor, *, kind: GeometryLoss) -> torch.Tensor:
    """How far descriptors (B, G, F) are from what they shall be.

    Args:
        predicted: by the network.
        wanted: histograms of the patches.
        kind: contrastive: each shall be most like its own among those of all patches of all B clouds.
    """
    if kind == "mse":
        return functional.mse_loss(predicted, wanted)
    if kind == "cosine":
        return 1 - functional.cosine_similarity(predicted, wanted, dim=-1).mean()
    return contrast(predicted.flatten(0, 1), wanted.flatten(0, 1), temperature=TEMPERATURE)
