"""Sentences as the released code keeps them: deep prompts are rounded to half precision."""

import torch
from torch.nn import functional

from pc3dad.encoders.image_text import ImageTextEncoder
from pc3dad.methods.rendered.prompts import StatePrompts


class RoundedPrompts(StatePrompts):
    """Sentences whose deep prompts are rounded, and with them the gradients that either sentence gives.

    So each is encoded by itself: rounding the sum of both gradients would be something else.

    Args:
        encoder: as in `StatePrompts`, like the others.
        n_context: learned tokens in front.
        deep_tokens: learned tokens inside; 0 is none.
        generator: draws their start.
    """

    def __init__(
        self, encoder: ImageTextEncoder, *, n_context: int, deep_tokens: int, generator: torch.Generator
    ) -> None:
        super().__init__(encoder, n_context=n_context, deep_tokens=deep_tokens, generator=generator)
        self.deep.half_precision = True

    def forward(self) -> torch.Tensor:
        """(1, 2, D) float32 of unit length: normal, anomalous."""
        found = [
            self._tower[0].encode(one[None], end[None], deep=self.deep() if self.deep.prompts.numel() else ())
            for one, end in zip(self.context(), self.context.ends, strict=True)
        ]
        return functional.normalize(torch.cat(found).float(), dim=-1)[None]
