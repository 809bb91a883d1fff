"""How well patches and pictures fit texts, and maps of it."""

import torch
from torch.nn import functional

TEMPERATURE = 0.07


def logits(features: torch.Tensor, texts: torch.Tensor, *, temperature: float = TEMPERATURE) -> torch.Tensor:
    """Cosines of features and texts over a temperature, for a softmax over the texts.

    Args:
        features: (B, P, D) of any length.
        texts: (B, T, D) of any length, other ones for each picture, or (1, T, D).
        temperature: of the softmax.

    Returns:
        (B, P, T).
    """
    return functional.normalize(features, dim=-1) @ functional.normalize(texts, dim=-1).mT / temperature


def upsample(values: torch.Tensor, size: int) -> torch.Tensor:
    """(B, C, `size`, `size`) of values (B, P, C) on a square grid of patches, bilinear."""
    grid = round(values.shape[1] ** 0.5)
    maps = values.mT.reshape(*values.mT.shape[:2], grid, grid)
    return functional.interpolate(maps, (size, size), mode="bilinear", align_corners=False)
