"""Two learned sentences, for the normal and for the anomalous state, as PointAD has them."""

import torch
from torch import nn
from torch.nn import functional

from pc3dad.encoders.image_text import ImageTextEncoder
from pc3dad.encoders.prompts import DeepPrompts, LearnedContext

WORDS = ("object.", "damaged object.")  # what follows the learned tokens: normal, anomalous
BETAS = (0.5, 0.999)  # of Adam


class StatePrompts(nn.Module):
    """Learned tokens in front of "object." and "damaged object.", and inside the text tower for both.

    After PointAD (GS-CLIP specification 3.5 and 3.6, without the tokens that GS-CLIP puts in place of words).

    Args:
        encoder: whose text tower reads the sentences; it stays frozen.
        n_context: learned tokens in front.
        deep_tokens: learned tokens inside; 0 is none.
        generator: draws their start.
        half: round those inside to half precision, as released.
    """

    def __init__(
        self,
        encoder: ImageTextEncoder,
        *,
        n_context: int,
        deep_tokens: int,
        generator: torch.Generator,
        half: bool = False,
    ) -> None:
        super().__init__()
        self._tower = [encoder.text]  # in a list, so that it is no part of the state
        self.context = LearnedContext(encoder.text, WORDS, n_context, generator=generator)
        depth = encoder.layout.deep_depth if deep_tokens else 1
        self.deep = DeepPrompts(depth, deep_tokens, encoder.text.width, generator=generator, half=half)
        self.to(encoder.text.device)

    def forward(self) -> torch.Tensor:
        """(1, 2, D) float32 of unit length: normal, anomalous."""
        deep = self.deep() if self.deep.prompts.numel() else ()
        features = self._tower[0].encode(self.context(), self.context.ends, deep=deep)
        return functional.normalize(features.float(), dim=-1)[None]
