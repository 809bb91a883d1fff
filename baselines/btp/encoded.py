"""What the frozen point encoder says of a cloud."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch.nn import functional

from pc3dad.baselines.btp.config import BtpConfig
from pc3dad.baselines.btp.preprocess import Subset, choose
from pc3dad.context import RunContext
from pc3dad.device import resolve
from pc3dad.encoders import grouping
from pc3dad.encoders.cache import FeatureCache
from pc3dad.encoders.grouping import Groups
from pc3dad.encoders.named import load_points
from pc3dad.encoders.pointbert import PointBert
from pc3dad.errors import ConfigError
from pc3dad.geometry import neighbors
from pc3dad.types import Sample

Origin = Literal["encoder", "allow"]

TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """A cloud of n points, G patches of K of them and what the encoder says; features have unit length.

    Attributes:
        xyz: (n, 3) float32, normalised.
        centres: (G,) int64, indices of the centres of the patches.
        patches: (G, K) int64, indices of their points.
        layers: (L, G, W) float32, tokens of the patches after each of the layers.
        cloud: (W,) float32, token of the cloud after the last layer.
        embedding: (D,) float32, the cloud in the space of texts.
    """

    xyz: torch.Tensor
    centres: torch.Tensor
    patches: torch.Tensor
    layers: torch.Tensor
    cloud: torch.Tensor
    embedding: torch.Tensor

    def members(self, *, centred: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """What patches consist of.

        Args:
            centred: points are wanted around the centre of their patch, not in the frame of the cloud.

        Returns:
            points (P, 3), each once if they are in the frame of the cloud, and (G, K) int64, which of them
            every patch holds.
        """
        if centred:
            around = self.xyz[self.patches] - self.xyz[self.centres][:, None]
            count = self.patches.numel()
            return around.flatten(0, 1), torch.arange(count, device=self.xyz.device).view_as(self.patches)
        used, which = torch.unique(self.patches, return_inverse=True)
        return self.xyz[used], which

    def nearest(self) -> torch.Tensor:
        """(n,) int64, for each point the patch with the nearest centre."""
        xyz = self.xyz.cpu().numpy()
        _, found = neighbors.knn(xyz[self.centres.cpu().numpy()], xyz, k=1)
        return torch.from_numpy(found[:, 0].astype(np.int64)).to(self.xyz.device)


@torch.no_grad()
def encode(
    encoder: PointBert, xyz: torch.Tensor, *, layers: tuple[int, ...], grey: float, origin: Origin = "encoder"
) -> Encoded:
    """Encodes a cloud in the order in which its points were chosen.

    A cloud with fewer points than the encoder has groups, or than a group has points, is read several times
    over; its copies count as the point itself.

    Args:
        encoder: frozen.
        xyz: (n, 3) float32, normalised.
        layers: after how many blocks tokens are wanted.
        grey: red, green and blue of every point, if the encoder reads colours.
        origin: allow: points near the origin may be centres, though the encoder was trained without.

    Raises:
        ConfigError: the encoder has no such layer.
    """
    sizes, n = encoder.config, len(xyz)
    rows = torch.arange(max(n, sizes.groups, sizes.group_size), device=xyz.device) % n
    cloud = xyz[rows]
    colours = cloud.new_full((len(rows), sizes.channels - 3), grey)
    read = torch.cat([cloud, colours], dim=-1)[None]
    groups = _groups(encoder, read, origin)
    tokens = encoder.encode(groups, layers=layers)
    stacked = torch.stack([tokens.layers[layer][0, 1:] for layer in layers])
    return Encoded(
        xyz,
        rows[groups.chosen[0]],
        rows[groups.indices[0]],
        functional.normalize(stacked.float(), dim=-1),
        functional.normalize(tokens.class_token[0].float(), dim=-1),
        functional.normalize(tokens.embedding[0].float(), dim=-1),
    )


def _groups(encoder: PointBert, read: torch.Tensor, origin: Origin) -> Groups:
    if origin == "encoder":
        return encoder.group(read)
    sizes = encoder.config
    return grouping.group(read, count=sizes.groups, size=sizes.group_size, skip_origin=False)


class Reader:
    """Chooses points of samples and encodes them, once per sample as long as the cache keeps them.

    Args:
        config: of the method.
        ctx: surroundings.

    Raises:
        ConfigError: the encoder or a layer does not exist.
        WeightsError: the weights are not here.
    """

    def __init__(self, config: BtpConfig, ctx: RunContext) -> None:
        named = load_points(config.encoder)
        depth = named.encoder.config.depth
        if not all(1 <= layer <= depth for layer in config.layers):
            raise ConfigError(
                f"layers={list(config.layers)} do not fit {config.encoder}, which has {depth}",
                hint=f"name layers from 1 to {depth}",
            )
        self._config, self._sha256 = config, named.file.sha256
        self._device = resolve(ctx.device).device
        self.encoder = named.encoder.to(self._device, TYPES[ctx.precision])
        self._cache = FeatureCache(ctx, kept_as="float16")
        self._options = config.model_dump(
            mode="json", include={"layers", "n_points", "fps_start", "normalise", "grey", "origin_centres"}
        )

    def read(self, sample: Sample) -> tuple[Subset, Encoded]:
        """The points that were chosen, and what the encoder says of them, on the device of the context.

        Raises:
            DataError: no point is valid.
        """
        config = self._config
        subset = choose(sample, n=config.n_points, normalised=config.normalise, start=config.fps_start)
        xyz = torch.from_numpy(subset.xyz).to(self._device)

        def compute() -> dict[str, torch.Tensor]:
            found = encode(
                self.encoder, xyz, layers=config.layers, grey=config.grey, origin=config.origin_centres
            )
            return {name: getattr(found, name) for name in KEPT}

        key = self._cache.key(sample, weights=self._sha256, encoder={"btp": self._options})
        return subset, Encoded(xyz, **self._cache.get(key, compute))


KEPT = ("centres", "patches", "layers", "cloud", "embedding")
