"""Sentences as tokens, and tokens that are learned in place of words."""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from pc3dad.encoders import _compat
from pc3dad.encoders.text import TextTower
from pc3dad.errors import DataError

PLACEHOLDER = "X"  # one token, which a learned one replaces
SPREAD = 0.02  # standard deviation of learned tokens at the start


def tokenize(texts: Sequence[str], context_length: int = 77) -> torch.Tensor:
    """(N, `context_length`) int64 of CLIP's tokenizer: start, lower-case pieces of words, end, zeros.

    Raises:
        DataError: a text is too long. open_clip cuts it without a word.
    """
    ids: torch.Tensor = _compat.open_clip().tokenize(list(texts), context_length + 1)
    if (long := ids[:, context_length].nonzero()).numel():
        raise DataError(
            f"the text {texts[int(long[0])]!r} has more than {context_length} tokens, start and end included",
            hint="shorten it",
        )
    return ids[:, :context_length]


@torch.no_grad()
def encode_texts(tower: TextTower, texts: Sequence[str]) -> torch.Tensor:
    """(N, D) features of unit length."""
    ids = tokenize(texts, tower.context_length).to(tower.device)
    return functional.normalize(tower(ids), dim=-1)


def ensemble(features: torch.Tensor) -> torch.Tensor:
    """(..., D) of unit length: the middle of features (..., N, D), each of which counts the same."""
    return functional.normalize(functional.normalize(features, dim=-1).mean(dim=-2), dim=-1)


class LearnedContext(nn.Module):
    """Learned tokens in front of the words of some texts, each text with its own.

    The words keep their embeddings, which are no part of the state: the text tower gives them.

    Args:
        tower: whose token embeddings the words get.
        texts: T texts, to be continued from "X X ... X ".
        n_context: number of learned tokens per text, n.
        generator: draws their start, normal with standard deviation 0.02.

    Attributes:
        context: (T, n, width) learned.
        ids: (T, L) int64 tokens with placeholders for the learned ones.
        ends: (T,) int64 slot of the end of each text, learned tokens included.
    """

    ids: torch.Tensor
    ends: torch.Tensor
    words: torch.Tensor

    def __init__(
        self, tower: TextTower, texts: Sequence[str], n_context: int, *, generator: torch.Generator
    ) -> None:
        super().__init__()
        held = " ".join([PLACEHOLDER] * n_context)
        ids = tokenize([f"{held} {text}" for text in texts], tower.context_length).to(tower.device)
        self.register_buffer("ids", ids, persistent=False)
        self.register_buffer("ends", ids.argmax(dim=-1), persistent=False)
        self.register_buffer("words", tower.embed(ids).detach(), persistent=False)
        start = torch.randn(len(texts), n_context, tower.width, generator=generator)
        self.context = nn.Parameter(SPREAD * start.to(tower.device))

    def forward(self) -> torch.Tensor:
        """(T, L, width) embeddings for `TextTower.encode`: slot 0 is the start, the context follows."""
        rest = self.words[:, 1 + self.context.shape[1] :]
        return torch.cat([self.words[:, :1], self.context.to(rest.dtype), rest], dim=1)


class DeepPrompts(nn.Module):
    """Learned tokens that replace slots 1 to m before the blocks 2 to `depth` of a text tower, for all texts.

    Args:
        depth: into how many blocks prompts reach, the first one included, which sees the context as it is.
        n_tokens: number of tokens, m.
        width: of the text tower.
        generator: draws their start, normal with standard deviation 0.02.
        half: round them to half precision, and with them their gradients, as the released code does.

    Attributes:
        prompts: (depth - 1, m, width) learned.
    """

    def __init__(
        self, depth: int, n_tokens: int, width: int, *, generator: torch.Generator, half: bool = False
    ) -> None:
        super().__init__()
        self.prompts = nn.Parameter(SPREAD * torch.randn(depth - 1, n_tokens, width, generator=generator))
        self.half_precision = half

    def forward(self) -> tuple[torch.Tensor, ...]:
        """What `TextTower.encode` takes as `deep`: (m, width) per block."""
        prompts = self.prompts.half().to(self.prompts.dtype) if self.half_precision else self.prompts
        return prompts.unbind()
