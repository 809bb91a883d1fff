"""Multi-Granularity Feature Embedding Module of BTP: what is known of a patch becomes one vector."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import nn
from torch.nn import functional

from pc3dad.errors import ConfigError

Granularity = Literal["patch", "geometry", "cloud"]
EVERY: tuple[Granularity, ...] = ("patch", "geometry", "cloud")


class Embedding(nn.Module):
    """Fuses tokens of several layers, geometry and the token of the whole cloud.

    Two identities save most of the work and change no result: the weighted sum of layers goes through the
    second layer of its mapping once, and what is the same for all patches of a cloud is computed once.

    Args:
        width: of tokens of the encoder, W.
        joint: length of a feature of a text, D.
        layers: number of layers, L.
        geometry: length of a descriptor.
        hidden: width of the first layer of each mapping.
        parts: what is fused, a part of `EVERY`; the order is always that of `EVERY`.

    Attributes:
        layer_weights: (L,); layers count by their softmax.

    Raises:
        ConfigError: nothing is to be fused.
    """

    def __init__(
        self,
        width: int,
        joint: int,
        *,
        layers: int,
        geometry: int,
        hidden: int = 512,
        parts: Sequence[Granularity] = EVERY,
    ) -> None:
        super().__init__()
        self.parts = tuple(part for part in EVERY if part in parts)
        if not self.parts:
            raise ConfigError("a patch needs something that is known of it", hint="name a granularity")
        if "patch" in self.parts:
            self.layer_weights = nn.Parameter(torch.ones(layers))
            self.patch = Mapping(width, hidden, joint)
        if "geometry" in self.parts:
            self.geometry = Mapping(geometry, hidden, joint)
        if "cloud" in self.parts:
            self.cloud = Mapping(width, hidden, joint)
        self.fuse = Mapping(len(self.parts) * joint, joint, joint)

    def forward(self, layers: torch.Tensor, geometry: torch.Tensor, cloud: torch.Tensor) -> torch.Tensor:
        """Embeds the patches of B clouds.

        Args:
            layers: (B, L, G, W) tokens of unit length.
            geometry: (B, G, F) descriptors.
            cloud: (B, W) of unit length.

        Returns:
            (B, G, D), of any length.
        """
        embedded: torch.Tensor = self.fuse.last(self._fused(layers, geometry, cloud))
        return embedded

    def along(
        self, layers: torch.Tensor, geometry: torch.Tensor, cloud: torch.Tensor, directions: torch.Tensor
    ) -> torch.Tensor:
        """Products of the embeddings with T directions (T, D), which are read off before the last layer.

        Returns:
            (B, G, T).
        """
        last = self.fuse.last
        folded = directions @ last.weight
        return functional.linear(self._fused(layers, geometry, cloud), folded, directions @ last.bias)

    def _fused(self, layers: torch.Tensor, geometry: torch.Tensor, cloud: torch.Tensor) -> torch.Tensor:
        """(B, G, D) before the last layer."""
        first = self.fuse.first
        shares = dict(zip(self.parts, first.weight.chunk(len(self.parts), dim=1), strict=True))
        fused: torch.Tensor = first.bias
        if "patch" in shares:
            weights = self.layer_weights.softmax(dim=0)[:, None, None]
            mixed = (weights * functional.relu(self.patch.first(layers))).sum(dim=1)
            fused = fused + functional.linear(self.patch.last(mixed), shares["patch"])
        if "geometry" in shares:
            fused = fused + functional.linear(self.geometry(geometry), shares["geometry"])
        if "cloud" in shares:
            fused = fused + functional.linear(self.cloud(cloud), shares["cloud"])[:, None]
        return functional.relu(fused.expand(*geometry.shape[:2], -1))


class Mapping(nn.Module):
    """Two layers with ReLU between them."""

    def __init__(self, before: int, hidden: int, after: int) -> None:
        super().__init__()
        self.first = nn.Linear(before, hidden)
        self.last = nn.Linear(hidden, after)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., before) to (..., after)."""
        mapped: torch.Tensor = self.last(functional.relu(self.first(x)))
        return mapped
