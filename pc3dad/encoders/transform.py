"""Pictures and masks as an image tower takes them: resized to a square, pictures also normalised."""

import torch

from pc3dad.encoders.layout import Layout
from pc3dad.errors import DataError
from pc3dad.render.resize import resize
from pc3dad.render.shading import WHITE


def prepare_images(pictures: torch.Tensor, layout: Layout) -> torch.Tensor:
    """Resizes (bicubic, without keeping the ratio of the sides) and normalises pictures.

    Args:
        pictures: (B, H, W) grey or (B, H, W, 3) red, green, blue; uint8.
        layout: of the model.

    Returns:
        (B, 3, S, S) float32, S the image size of the model.

    Raises:
        DataError: shape or type is another one.
    """
    grey = pictures.ndim == 3
    if pictures.dtype != torch.uint8 or not (grey or (pictures.ndim == 4 and pictures.shape[3] == 3)):
        raise DataError(
            f"pictures of shape {tuple(pictures.shape)} and type {pictures.dtype} cannot be encoded",
            hint="give (B, H, W) or (B, H, W, 3), uint8",
        )
    channels = pictures[:, None] if grey else pictures.movedim(3, 1)
    levels = resize(channels, layout.image_size).float() / WHITE
    mean, std = (
        torch.tensor(values, device=levels.device)[:, None, None] for values in (layout.mean, layout.std)
    )
    return (levels - mean) / std


def prepare_masks(masks: torch.Tensor, size: int) -> torch.Tensor:
    """Resizes masks (..., H, W) bool, bilinear, to (..., `size`, `size`) bool: more than half set."""
    return resize(masks.to(torch.uint8) * WHITE, size, mode="bilinear") > WHITE // 2
