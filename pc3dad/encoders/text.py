"""Text tower: sentences, or embeddings that are learned in place of words, to features in the joint space.

It composes the modules of an open_clip `TextTransformer`, whose parameters it reads and never replaces. The
feature is read at the end of the text, whose token has the largest number. Attention only looks back, so what
follows the last end of a batch is left out: the result is the same and several times faster.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from pc3dad.errors import DataError


class TextTower(nn.Module):
    """The text half of an image-text model.

    Args:
        text: open_clip's `TextTransformer` with a causal mask, read at the end of the text.
    """

    def __init__(self, text: nn.Module) -> None:
        super().__init__()
        self.text: Any = text

    @property
    def context_length(self) -> int:
        """Number of tokens of a tokenised text."""
        length: int = self.text.context_length
        return length

    @property
    def width(self) -> int:
        """Length of a token embedding."""
        width: int = self.text.width
        return width

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        device: torch.device = self.text.positional_embedding.device
        return device

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Encodes tokenised texts.

        Args:
            ids: (N, L) int64 of `prompts.tokenize`, L at most `context_length`.

        Returns:
            (N, D) in the joint space, not normalised.
        """
        ends = ids.argmax(dim=-1)
        return self.encode(self.embed(ids[:, : int(ends.max()) + 1]), ends)

    def embed(self, ids: torch.Tensor) -> torch.Tensor:
        """(N, L, width) embeddings of tokens (N, L), without positions."""
        embedded: torch.Tensor = self.text.token_embedding(ids)
        return embedded

    def encode(
        self,
        embeddings: torch.Tensor,
        ends: torch.Tensor,
        *,
        deep: Sequence[torch.Tensor] = (),
        deep_at: int = 1,
    ) -> torch.Tensor:
        """Encodes texts of which all or some tokens are learned.

        Args:
            embeddings: (N, L, width) without positions, L at most `context_length`.
            ends: (N,) int64, the slot of the end of each text.
            deep: for the second block, the third, ...: (m, width) that replace m slots of every text before
                that block.
            deep_at: the first of these slots.

        Returns:
            (N, D) in the joint space, not normalised.

        Raises:
            DataError: there are more slots than positions, or more deep prompts than blocks after the first.
        """
        text, length = self.text, int(ends.max()) + 1
        blocks = text.transformer.resblocks
        if (
            length > embeddings.shape[1]
            or embeddings.shape[1] > self.context_length
            or len(deep) >= len(blocks)
        ):
            raise DataError(
                f"embeddings {tuple(embeddings.shape)} that end at slot {length - 1} and {len(deep)} "
                f"deep prompts do not fit {self.context_length} slots and {len(blocks)} blocks",
                hint="cut the embeddings, or use fewer deep prompts",
            )
        places = text.positional_embedding[:length]
        tokens = embeddings[:, :length].to(places.dtype) + places
        mask = text.attn_mask[:length, :length]
        for index, block in enumerate(blocks):
            if 1 <= index <= len(deep):
                tokens = _replace(tokens, deep[index - 1], deep_at)
            tokens = block(tokens, attn_mask=mask)
        last = text.ln_final(tokens[torch.arange(len(tokens), device=tokens.device), ends])
        projected: torch.Tensor = last @ text.text_projection
        return projected


def _replace(tokens: torch.Tensor, prompt: torch.Tensor, start: int) -> torch.Tensor:
    """Tokens (N, L, width) with the prompt (m, width) in the slots from `start` on."""
    inserted = prompt.to(tokens.dtype).expand(len(tokens), -1, -1)
    return torch.cat([tokens[:, :start], inserted, tokens[:, start + len(prompt) :]], dim=1)
