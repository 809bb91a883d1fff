"""Resizing of grey levels, number by number as Pillow does: the pictures of the papers were resized by it."""

from functools import cache
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from pc3dad.render.shading import WHITE
from pc3dad.types import Float64Array

Mode = Literal["bicubic", "bilinear"]

REACH = {"bicubic": 2, "bilinear": 1}  # of the filters, in pixels of the smaller picture
SHARPNESS = -0.5  # of the bicubic filter
BITS = 22  # after the binary point of a weight


def resize(pictures: torch.Tensor, size: int, *, mode: Mode = "bicubic") -> torch.Tensor:
    """Resizes (..., H, W) uint8 to (..., `size`, `size`), uint8: over all pixels that one stands for.

    Weights are whole numbers and so are the levels between the two passes, rows first. What rings at outlines
    is cut off. The result is the same on every device.
    """
    height, width = pictures.shape[-2:]
    levels = pictures.reshape(-1, height, width)
    if width != size:
        levels = _along_columns(levels.transpose(1, 2).contiguous(), size, mode).transpose(1, 2)
    if height != size:
        levels = _along_columns(levels.contiguous(), size, mode)
    return levels.reshape(*pictures.shape[:-2], size, size)


def _along_columns(levels: torch.Tensor, size: int, mode: Mode) -> torch.Tensor:
    """(M, size, W) uint8 of (M, H, W)."""
    pixels, weights = (
        torch.from_numpy(array).to(levels.device) for array in _filters(levels.shape[1], size, mode)
    )
    shape = (len(levels), size, levels.shape[2])
    total = torch.full(shape, 1 << (BITS - 1), dtype=torch.int32, device=levels.device)
    for pixel, weight in zip(pixels, weights, strict=True):
        total.addcmul_(levels.index_select(1, pixel).to(torch.int32), weight[:, None])
    return (total >> BITS).clamp_(0, WHITE).to(torch.uint8)


@cache
def _filters(old: int, new: int, mode: Mode) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Which pixels each new one is made of and by which weights: (taps, new) int64 and int32."""
    scale = old / new
    stretch = max(scale, 1.0)
    centres = (np.arange(new) + 0.5) * scale  # pixels of the old picture; the middle of the first is at 0.5
    reach = REACH[mode] * stretch
    first = np.maximum((centres - reach + 0.5).astype(np.int64), 0)
    last = np.minimum((centres + reach + 0.5).astype(np.int64), old)
    pixels = first + np.arange((last - first).max())[:, None]
    weights = _bump((pixels - centres + 0.5) / stretch, mode) * (pixels < last)
    weights /= weights.sum(axis=0)
    whole = np.trunc(weights * (1 << BITS) + np.copysign(0.5, weights)).astype(np.int32)
    return np.minimum(pixels, old - 1), whole


def _bump(at: Float64Array, mode: Mode) -> Float64Array:
    """The filter at distances from its middle."""
    x = np.abs(at)
    if mode == "bilinear":
        return (1 - x).clip(0)
    a = SHARPNESS
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))
