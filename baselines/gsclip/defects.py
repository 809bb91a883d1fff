"""Geometric Defect Distillation Module of GS-CLIP: from features of points to tokens of what is odd.

A bank of prototypes stands for normal local geometry. The points that are least like any prototype attend to
each other and become tokens of a prompt (Deng et al., CVPR 2026, section on geometry-aware prompts).
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import nn
from torch.nn import functional

from pc3dad.encoders import grouping
from pc3dad.errors import ConfigError

Bank = Literal["fixed", "gated", "gated+compact"]
Order = Literal["project-first", "attend-first"]


@dataclass(frozen=True, slots=True)
class DefectOptions:
    """Form of the module; the defaults are those of the released code, except for the bank.

    Attributes:
        bank: whether prototypes are learned. fixed: they are noise, as released, because scores that only
            select points have no gradient; gated: each selected feature is multiplied by its score, through
            which the bank is learned; gated+compact: its distance to normal points is to be minimised too.
        prototypes: size of the bank, l.
        outliers: points that attend to each other, k.
        tokens: how many of them become tokens, the strongest first.
        order: project-first: features get the width of tokens and then attend, as released; attend-first: the
            other way round, as the paper writes it.
        heads: of the attention.
    """

    bank: Bank = "gated"
    prototypes: int = 32
    outliers: int = 12
    tokens: int = 1
    order: Order = "project-first"
    heads: int = 4

    def __post_init__(self) -> None:
        if not 1 <= self.tokens <= self.outliers:
            raise ConfigError(
                f"{self.outliers} outliers cannot give {self.tokens} defect tokens",
                hint="ask for at least as many outliers as tokens",
            )


class Defects(NamedTuple):
    """What the module finds in B clouds of N points.

    Attributes:
        tokens: (B, `tokens`, width).
        scores: (B, N), 1 - the largest cosine to a prototype: from 0 to 2, high for outliers.
        chosen: (B, k) int64, the points with the highest scores, highest first; all if there are fewer.
        distance: scalar, mean score of the half of the points with the lowest scores: what "gated+compact"
            minimises. Its gradient reaches the bank alone: features that could move would all become equal.
    """

    tokens: torch.Tensor
    scores: torch.Tensor
    chosen: torch.Tensor
    distance: torch.Tensor


class DefectModule(nn.Module):
    """The module. Its weights are drawn from torch's global generator.

    Args:
        features: width of the features of points, F.
        width: of a token.
        options: its form.

    Attributes:
        prototypes: (l, F), normal with standard deviation 1 at the start; of any length.
    """

    def __init__(self, features: int, width: int, options: DefectOptions = DefectOptions()) -> None:
        super().__init__()
        self.options = options
        inner = width if options.order == "project-first" else features
        self.prototypes = nn.Parameter(
            torch.randn(options.prototypes, features), requires_grad=options.bank != "fixed"
        )
        self.project = nn.Linear(features, width)
        self.attention = nn.MultiheadAttention(inner, options.heads, batch_first=True)
        self.norm = nn.LayerNorm(inner)
        self.feed = nn.Linear(inner, inner)

    def forward(self, points: torch.Tensor) -> Defects:
        """Finds the outliers and makes tokens of them.

        Args:
            points: (B, N, F), N at least the number of tokens.
        """
        scores = self._scores(points)
        highest, chosen = scores.topk(min(self.options.outliers, scores.shape[1]), dim=1)
        outliers = grouping.take(points, chosen)
        if self.options.bank != "fixed":
            outliers = outliers * highest[..., None]
        if self.options.order == "project-first":
            mixed = self._attend(self.project(outliers))
        else:
            mixed = self.project(self._attend(outliers))
        usual = self._scores(points.detach()).topk((scores.shape[1] + 1) // 2, dim=1, largest=False).values
        return Defects(mixed[:, : self.options.tokens], scores, chosen, usual.mean())

    def _scores(self, points: torch.Tensor) -> torch.Tensor:
        """(B, N) outlier scores."""
        cosines = functional.normalize(points, dim=-1) @ functional.normalize(self.prototypes, dim=-1).T
        return 1 - cosines.amax(dim=-1)

    def _attend(self, outliers: torch.Tensor) -> torch.Tensor:
        """(B, k, inner): attention among outliers and a layer for each, both added to what there is."""
        attended, _ = self.attention(outliers, outliers, outliers, need_weights=False)
        mixed = self.norm(outliers + attended)
        result: torch.Tensor = mixed + functional.gelu(self.feed(mixed))
        return result
