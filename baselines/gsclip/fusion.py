"""Synergistic Refinement Module of GS-CLIP: features of pictures and of depth images become one.

The released module works on one class feature at a time, where every attention weight is 1, so that it is a
linear layer (`tokens` "cls"). The paper fuses global and local features ("cls+patch").
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import nn
from torch.nn import functional

FusedTokens = Literal["cls", "cls+patch", "views"]
FusedValue = Literal["cross", "self"]
Head = Literal["linear", "mlp"]


class ViewFeatures(NamedTuple):
    """Features of V views of B objects, of any length.

    Attributes:
        image: (B, V, D) class features.
        patches: (B, V, P, D).
    """

    image: torch.Tensor
    patches: torch.Tensor


@dataclass(frozen=True, slots=True)
class FusionOptions:
    """Form of the module; the defaults are what the paper describes, made to start as stage 1 ended.

    Attributes:
        tokens: what attends to what. cls: the class feature of a view to that of its depth image; cls+patch:
            class feature and patches of a view to those of its depth image; views: the class features of all
            views of an object to those of all its depth images.
        value: cross: a token takes values of the other stream, as released; self: of its own, with weights of
            the other.
        head: linear: one layer, as released; mlp: two with GELU between them, as the paper writes.
        residual: whether the head is added to the features of pictures. Its last layer then starts at zero.
        normalise: whether what comes out has unit length. Released: not.
        scale: whether attention logits are divided by the root of D. Released: not.
    """

    tokens: FusedTokens = "cls+patch"
    value: FusedValue = "cross"
    head: Head = "mlp"
    residual: bool = True
    normalise: bool = True
    scale: bool = True


class Fusion(nn.Module):
    """The module.

    Args:
        width: of features, D.
        options: its form.
        seed: draws its weights.
    """

    def __init__(self, width: int, options: FusionOptions = FusionOptions(), *, seed: int) -> None:
        super().__init__()
        self.options = options
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.key_rendered = nn.Linear(width, width)
            self.key_depth = nn.Linear(width, width)
            linear = options.head == "linear"
            last = nn.Linear(2 * width if linear else width, width)
            if options.residual:
                nn.init.zeros_(last.weight)
                nn.init.zeros_(last.bias)
            self.head = last if linear else nn.Sequential(nn.Linear(2 * width, width), nn.GELU(), last)

    def forward(self, rendered: ViewFeatures, depth: ViewFeatures) -> ViewFeatures:
        """Fuses two streams. Patches are fused if `tokens` names them; else they are those of the pictures.

        Args:
            rendered: features of pictures, of any length.
            depth: of depth images of the same views; its patches are not read unless they are fused.
        """
        pictures, depths = _unit(rendered.image), _unit(depth.image)
        if self.options.tokens == "cls+patch":
            pictures = torch.cat([pictures[:, :, None], _unit(rendered.patches)], dim=2)
            depths = torch.cat([depths[:, :, None], _unit(depth.patches)], dim=2)
        elif self.options.tokens == "cls":
            pictures, depths = pictures[:, :, None], depths[:, :, None]
        else:
            pictures, depths = pictures[:, None], depths[:, None]
        both = torch.cat(self.attend(pictures, depths), dim=-1)
        fused = self.head(both)
        if self.options.residual:
            fused = pictures + fused
        if self.options.normalise:
            fused = _unit(fused)
        if self.options.tokens == "views":
            return ViewFeatures(fused[:, 0], rendered.patches)
        patches = fused[:, :, 1:] if self.options.tokens == "cls+patch" else rendered.patches
        return ViewFeatures(fused[:, :, 0], patches)

    def attend(self, rendered: torch.Tensor, depth: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Attention of both streams to each other, by one matrix S of products of their keys.

        Args:
            rendered: (..., T, D).
            depth: (..., U, D); U is T if values are those of the own stream.

        Returns:
            For each token of `rendered`, (..., T, D): mean of values under the softmax of its row of S; for
            each of `depth`, (..., U, D): the same of its column.
        """
        one, other = self.key_rendered(rendered), self.key_depth(depth)
        values = (depth, rendered) if self.options.value == "cross" else (rendered, depth)
        scale = None if self.options.scale else 1.0  # None divides by the root of D
        attention = functional.scaled_dot_product_attention
        return (
            attention(one, other, values[0], scale=scale),
            attention(other, one, values[1], scale=scale),
        )


def _unit(features: torch.Tensor) -> torch.Tensor:
    return functional.normalize(features, dim=-1)
