"""Texts of the normal and the defective state: fixed, as released, or with learned tokens in front."""

import torch
from torch import nn
from torch.nn import functional

from pc3dad.encoders.prompts import LearnedContext, encode_texts
from pc3dad.encoders.text import TextTower

TEXTS = {  # by the option `prompt`
    "fixed-empty": ("normal .", "defective ."),
    "fixed-object": ("normal object.", "defective object."),
    "learnable": ("normal object.", "defective object."),
}


class Prompts(nn.Module):
    """Features of both states. The text tower is no part of it.

    Args:
        tower: which encodes the texts; fixed ones at once.
        texts: normal, defective.
        n_context: learned tokens in front of either text, 0 for fixed texts.
        seed: draws the start of learned tokens.

    Attributes:
        context: learned tokens, or None.
    """

    fixed: torch.Tensor

    def __init__(self, tower: TextTower, texts: tuple[str, str], *, n_context: int, seed: int) -> None:
        super().__init__()
        self.context: LearnedContext | None = None
        if n_context:
            draws = torch.Generator().manual_seed(seed)
            self.context = LearnedContext(tower, texts, n_context, generator=draws)
        else:
            features = encode_texts(tower, texts).float()
            self.register_buffer("fixed", features, persistent=False)

    def forward(self, tower: TextTower) -> torch.Tensor:
        """(2, D) float32 of unit length: normal, defective. Fixed texts are not encoded again."""
        if self.context is None:
            return self.fixed
        return functional.normalize(tower.encode(self.context(), self.context.ends).float(), dim=-1)
