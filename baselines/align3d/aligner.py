"""Stage 1 of Align3D-AD: features of grey views become those of coloured ones (specification 3.5 to 3.8)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn
from torch.nn import functional

from pc3dad.methods.epochs import Losses
from pc3dad.methods.rendered.stream import Features

Reweighting = Literal["code", "off", "discrepancy"]


class Mapper(nn.Module):
    """Three linear layers of one width with GELU between them, as in Crossmodal Feature Mapping.

    Args:
        width: of features, D.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.input = nn.Linear(width, width)
        self.projection = nn.Linear(width, width)
        self.output = nn.Linear(width, width)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(..., D) of features (..., D); not of unit length."""
        hidden = functional.gelu(self.input(features))
        mapped: torch.Tensor = self.output(functional.gelu(self.projection(hidden)))
        return mapped


class Aligner(nn.Module):
    """One mapper for features of pictures and one for those of patches, the same for all views.

    Args:
        width: of features, D.
        seed: draws its weights.
    """

    def __init__(self, width: int, *, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.image = Mapper(width)
            self.patches = Mapper(width)

    def forward(self, features: Features) -> Features:
        """Features of unit length as the coloured views would have them, of features of any length."""
        return self.map_unit(unit_length(features))

    def map_unit(self, features: Features) -> Features:
        """`forward` of features that have unit length."""
        return unit_length(Features(self.image(features.image), self.patches(features.patches)))


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """What is aligned with what: V pictures and their tokens, of unit length.

    Attributes:
        grey: (V, D) and (L, V, P, D) features of grey views.
        coloured: likewise of what shows the same in colours.
        consistency: (L, V, P) of each grey token with the coloured picture as a whole.
    """

    grey: Features
    coloured: Features
    consistency: torch.Tensor

    @property
    def bytes(self) -> int:
        """Memory that it takes."""
        tensors = [getattr(one, name) for one in (self.grey, self.coloured) for name in ("image", "patches")]
        return sum(tensor.nbytes for tensor in (*tensors, self.consistency))


def make_pair(grey: Features, coloured: Features) -> Pair:
    """A pair of features of any length."""
    grey, coloured = unit_length(grey), unit_length(coloured)
    return Pair(grey, coloured, consistency(grey.patches, coloured.patches))


def join(pairs: Sequence[Pair]) -> Pair:
    """All views of some pairs, one after the other."""
    return Pair(
        _join([pair.grey for pair in pairs]),
        _join([pair.coloured for pair in pairs]),
        torch.cat([pair.consistency for pair in pairs], dim=1),
    )


def consistency(grey: torch.Tensor, coloured: torch.Tensor) -> torch.Tensor:
    """(..., P) mean cosine of each grey token and all coloured tokens of its view, s in the specification.

    It is the product with their mean, so that no P x P products are formed.

    Args:
        grey: (..., P, D) of unit length.
        coloured: (..., P, D) of unit length.
    """
    return (grey @ coloured.mean(dim=-2)[..., None])[..., 0]


def token_weights(consistency: torch.Tensor, *, scale: float, rule: Reweighting) -> torch.Tensor | None:
    """Weights of tokens in the local loss, None where all are 1. They are not brought to a mean of 1.

    Args:
        consistency: of any shape.
        scale: lambda.
        rule: code: 1 + lambda * sigmoid(s); discrepancy: 1 + lambda * (1 - sigmoid(s)).
    """
    if rule == "off":
        return None
    share = torch.sigmoid(consistency)
    return 1 + scale * (share if rule == "code" else 1 - share)


def align_losses(aligner: Aligner, pair: Pair, weights: torch.Tensor | None = None) -> Losses:
    """Mean cosine distances of pictures ("global"), and of tokens with weights ("local")."""
    found = aligner.map_unit(pair.grey)
    local = 1 - (found.patches * pair.coloured.patches).sum(dim=-1)
    return {
        "global": 1 - (found.image * pair.coloured.image).sum(dim=-1).mean(),
        "local": (local if weights is None else weights * local).mean(),
    }


def unit_length(features: Features) -> Features:
    """Features of unit length."""
    return Features(
        functional.normalize(features.image, dim=-1), functional.normalize(features.patches, dim=-1)
    )


def _join(features: Sequence[Features]) -> Features:
    return Features(
        torch.cat([one.image for one in features]), torch.cat([one.patches for one in features], dim=1)
    )
