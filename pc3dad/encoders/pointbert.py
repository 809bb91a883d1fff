"""PointBERT: a transformer over groups of points, aligned to the space of sentences.

Architecture of ULIP-2 (Xue et al., 2024) after Point-BERT (Yu et al., 2022); the point tower of `tiny` is the
same class with other sizes. Places in the tower are numbers of blocks passed, as in `vision`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal, cast

import torch
from torch import nn
from torch.nn import functional

from pc3dad.encoders import grouping
from pc3dad.encoders.grouping import Groups
from pc3dad.encoders.loading import Undrawn, load_strictly
from pc3dad.encoders.local_frame import FEATURES, local_features
from pc3dad.encoders.norm import RowNorm
from pc3dad.errors import ConfigError


@dataclass(frozen=True, slots=True)
class PointBertConfig:
    """Sizes and options; the defaults are those of ULIP-2 with colours.

    Attributes:
        channels: of a cloud, xyz first: 6 with rgb in [0, 1], or 3.
        groups: number of groups G that `PointBert.group` makes; any number works.
        group_size: points per group K.
        tokenizer: widths of the mini-PointNet: two layers, the largest value of a group beside each of its
            points, two more layers. If the last is not `width`, a linear layer `reduce_dim` follows.
        tokenizer_norm: what follows its first and third layer.
        local_frame: whether the mini-PointNet reads the 9 numbers of `local_features`.
        position: hidden width of the MLP that turns centres into positions.
        width: of tokens.
        depth: number of blocks.
        heads: of attention.
        mlp: hidden width of the MLP of a block.
        embed_dim: width of the space of sentences.
        patch_projection: whether patch tokens have a projection into that space, too.
        skip_origin: see `grouping.farthest_points`.
    """

    channels: int = 6
    groups: int = 512
    group_size: int = 32
    tokenizer: tuple[int, int, int, int] = (128, 256, 512, 256)
    tokenizer_norm: Literal["batch", "none"] = "batch"
    local_frame: bool = False
    position: int = 128
    width: int = 384
    depth: int = 18
    heads: int = 6
    mlp: int = 1536
    embed_dim: int = 1280
    patch_projection: bool = False
    skip_origin: bool = True

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise ConfigError(f"{self.heads} heads cannot share a width of {self.width}")
        if self.local_frame and self.channels != 6:
            raise ConfigError(f"local_frame needs xyz and rgb, but channels is {self.channels}")


ULIP2 = PointBertConfig()
TINY = PointBertConfig(
    groups=128,
    tokenizer=(32, 64, 128, 192),
    tokenizer_norm="none",
    local_frame=True,
    position=96,
    width=192,
    depth=12,
    heads=3,
    mlp=768,
    embed_dim=192,
    patch_projection=True,
    skip_origin=False,
)


@dataclass(frozen=True, slots=True, eq=False)
class PointTokens:
    """What PointBERT makes of B clouds; nothing is scaled to unit length.

    Attributes:
        groups: the G groups that were read; patch token g belongs to group g.
        embedding: (B, embed_dim), the cloud in the space of sentences.
        class_token: (B, width), after the final norm.
        patches: (B, G, width), after the final norm.
        layers: (B, 1 + G, width) after i blocks, before the final norm, for every i that was asked for; the
            first token is the class token.
        value_patches: (B, G, width), patches of the value path after the final norm, or None.
        patch_embeddings: (B, G, embed_dim), `patches` in the space of sentences; None without a projection.
        value_embeddings: the same of `value_patches`.
    """

    groups: Groups
    embedding: torch.Tensor
    class_token: torch.Tensor
    patches: torch.Tensor
    layers: Mapping[int, torch.Tensor] = field(default_factory=dict)
    value_patches: torch.Tensor | None = None
    patch_embeddings: torch.Tensor | None = None
    value_embeddings: torch.Tensor | None = None


class PointBert(nn.Module):
    """Groups of points to tokens and to an embedding; parameters are named as in ULIP-2's `point_encoder`.

    Clouds are centred on their centroid and at most 1 in radius. What is drawn at construction comes from
    torch's global generator, as in every torch module.

    Args:
        config: sizes and options.
    """

    def __init__(self, config: PointBertConfig = ULIP2) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.cls_pos = nn.Parameter(torch.empty(1, 1, width))
        self.encoder = MiniPointNet(
            FEATURES if config.local_frame else config.channels, config.tokenizer, config.tokenizer_norm
        )
        last = config.tokenizer[-1]
        self.reduce_dim = nn.Identity() if last == width else nn.Linear(last, width)
        self.pos_embed = nn.Sequential(
            nn.Linear(3, config.position), nn.GELU(), nn.Linear(config.position, width)
        )
        self.blocks = Blocks(config)
        self.norm = nn.LayerNorm(width)
        self.pc_projection = nn.Parameter(torch.empty(2 * width, config.embed_dim))
        self.patch_projection = (
            nn.Linear(width, config.embed_dim, bias=False) if config.patch_projection else None
        )
        nn.init.normal_(self.cls_pos, std=0.02)
        nn.init.normal_(self.pc_projection, std=(2 * width) ** -0.5)

    def group(
        self, clouds: torch.Tensor, *, count: int | None = None, start: int | torch.Tensor = 0
    ) -> Groups:
        """Groups of the sizes of the configuration.

        Args:
            clouds: (B, N, channels) float32.
            count: another number of groups.
            start: index of the first centre, one for all clouds or (B,).

        Raises:
            DataError: see `grouping.group`.
        """
        return grouping.group(
            clouds,
            count=count or self.config.groups,
            size=self.config.group_size,
            start=start,
            skip_origin=self.config.skip_origin,
        )

    def forward(self, clouds: torch.Tensor) -> PointTokens:
        """Groups and encodes clouds (B, N, channels)."""
        return self.encode(self.group(clouds))

    def encode(
        self, groups: Groups, *, layers: Collection[int] = (), value_from: int | None = None
    ) -> PointTokens:
        """Reads groups.

        The value path is that of `vision`: it begins as the input of a block, positions included, and adds,
        per block, what attention of values to values finds in the ordinary tokens. It has no MLP.

        Args:
            groups: of clouds with the channels of the configuration.
            layers: after how many blocks tokens are wanted, each 1 to depth.
            value_from: after how many blocks the value path begins, 0 to depth - 1; None leaves it out.

        Raises:
            ConfigError: there is no such block, or the clouds have other channels.
        """
        self._check(groups, layers, value_from)
        x, positions = self._embed(groups)
        values: torch.Tensor | None = None
        kept = {}
        for index, block in enumerate(self.blocks.blocks):
            x = x + positions  # before every block, as in ULIP-2
            if index == value_from:
                values = x
            x, change = cast(Block, block)(x, with_values=values is not None)
            values = None if values is None else values + change
            if index + 1 in layers:
                kept[index + 1] = x
        tokens = self.norm(x)
        class_token, patches = tokens[:, 0], tokens[:, 1:]
        whole = torch.cat([class_token, patches.amax(dim=1)], dim=-1)
        value_patches = None if values is None else self.norm(values[:, 1:])
        return PointTokens(
            groups,
            whole @ self.pc_projection,
            class_token,
            patches,
            layers=kept,
            value_patches=value_patches,
            patch_embeddings=self._project(patches),
            value_embeddings=None if value_patches is None else self._project(value_patches),
        )

    def to_text(self, tokens: torch.Tensor) -> torch.Tensor:
        """Tokens of a layer, (..., width) before the final norm, in the space of sentences (..., embed_dim).

        Raises:
            ConfigError: this encoder has no projection for patches.
        """
        projected = self._project(self.norm(tokens))
        if projected is None:
            raise ConfigError("this encoder aligns whole clouds with sentences, not patches")
        return projected

    def _project(self, tokens: torch.Tensor) -> torch.Tensor | None:
        projected: torch.Tensor | None = self.patch_projection(tokens) if self.patch_projection else None
        return projected

    def _embed(self, groups: Groups) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens before the first block and their positions, both (B, 1 + G, width)."""
        points = local_features(groups) if self.config.local_frame else groups.neighbourhoods
        patches = self.reduce_dim(self.encoder(points.to(self.cls_token.dtype)))
        places = self.pos_embed(groups.centres.to(self.cls_token.dtype))
        first = (len(patches), 1, -1)
        return (
            torch.cat([self.cls_token.expand(first), patches.to(self.cls_token.dtype)], dim=1),
            torch.cat([self.cls_pos.expand(first), places.to(self.cls_pos.dtype)], dim=1),
        )

    def _check(self, groups: Groups, layers: Collection[int], value_from: int | None) -> None:
        depth, channels = self.config.depth, groups.neighbourhoods.shape[-1]
        if channels != self.config.channels:
            raise ConfigError(f"clouds have {channels} channels, this encoder reads {self.config.channels}")
        if not all(1 <= layer <= depth for layer in layers):
            raise ConfigError(f"layers are {sorted(layers)}, but there are {depth}, counted from 1")
        if value_from is not None and not 0 <= value_from < depth:
            raise ConfigError(f"a value path cannot begin after {value_from} of {depth} blocks")


class MiniPointNet(nn.Module):
    """Makes one vector of each group, whatever the order of its points.

    Layers are linear ones where ULIP-2 has convolutions of size 1.
    """

    def __init__(
        self, channels: int, widths: tuple[int, int, int, int], norm: Literal["batch", "none"]
    ) -> None:
        super().__init__()
        one, two, three, four = widths
        make = RowNorm if norm == "batch" else nn.Identity
        self.first_conv = nn.Sequential(nn.Linear(channels, one), make(one), nn.ReLU(), nn.Linear(one, two))
        self.second_conv = nn.Sequential(
            nn.Linear(2 * two, three), make(three), nn.ReLU(), nn.Linear(three, four)
        )

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        """(B, G, K, channels) to (B, G, last width)."""
        batch, groups, size, _ = points.shape
        each = self.first_conv(points.flatten(0, 2)).view(batch * groups, size, -1)
        whole = grouping.largest(each)[:, None]
        mix = cast(nn.Linear, self.second_conv[0])
        for_whole, for_each = mix.weight.chunk(2, dim=1)  # the whole is computed once, not for every point
        hidden = functional.linear(each, for_each) + functional.linear(whole, for_whole, mix.bias)
        deep: torch.Tensor = self.second_conv[1:](hidden.flatten(0, 1))
        return grouping.largest(deep.view(batch * groups, size, -1)).view(batch, groups, -1)


class Blocks(nn.Module):
    """Holds the blocks under the name that ULIP-2 has for them."""

    def __init__(self, config: PointBertConfig) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            Block(config.width, config.heads, config.mlp) for _ in range(config.depth)
        )


class Block(nn.Module):
    """Pre-norm transformer block."""

    def __init__(self, width: int, heads: int, mlp: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = Mlp(width, mlp)

    def forward(self, x: torch.Tensor, *, with_values: bool) -> tuple[torch.Tensor, torch.Tensor | None]:
        """(B, T, width) after the block, and what it adds to the value path."""
        change, values = self.attn(self.norm1(x), with_values=with_values)
        x = x + change
        return x + self.mlp(self.norm2(x)), values


class Attention(nn.Module):
    """Multi-head attention, and that of values among themselves through the same projections."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.proj = nn.Linear(width, width)

    def forward(self, x: torch.Tensor, *, with_values: bool) -> tuple[torch.Tensor, torch.Tensor | None]:
        """(B, T, width) of either kind."""
        query, key, value = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        ordinary = self._join(_attend(query, key, value))
        return ordinary, self._join(_attend(value, value, value)) if with_values else None

    def _join(self, heads: torch.Tensor) -> torch.Tensor:
        joined: torch.Tensor = self.proj(heads.transpose(1, 2).flatten(2))
        return joined


class Mlp(nn.Module):
    """Two layers around an exact GELU."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., width) to the same shape."""
        changed: torch.Tensor = self.fc2(functional.gelu(self.fc1(x)))
        return changed


def load(tensors: Mapping[str, torch.Tensor], config: PointBertConfig) -> PointBert:
    """A frozen PointBERT in inference mode.

    Args:
        tensors: by our names, or by official ones mapped by `from_official`.
        config: sizes and options of the file.

    Raises:
        WeightsError: a tensor is missing, unexpected or of another shape; the message lists every one.
    """
    with Undrawn():
        model = PointBert(config)
    load_strictly(model, tensors, what="PointBERT")
    return model.eval().requires_grad_(requires_grad=False)


def from_official(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Names and shapes of ours for the tensors of a state dict of ULIP or ULIP-2.

    Prefixes `module.` and `point_encoder.` are removed, the temperature of training is left out, and
    convolutions of size 1 become matrices. Nothing else is changed or left out: `load` refuses the rest.
    """
    named = {}
    for key, tensor in state.items():
        name = key.removeprefix("module.").removeprefix("point_encoder.")
        if name != "logit_scale":
            convolution = name.startswith("encoder.") and tensor.ndim == 3 and tensor.shape[2] == 1
            named[name] = tensor.squeeze(2) if convolution else tensor
    return named


def _attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Softmax attention over (B, heads, T, D)."""
    if query.device.type == "cpu" and query.dtype == torch.bfloat16:  # 2 to 4 times faster than the fused one
        found: torch.Tensor = (query @ key.mT * query.shape[-1] ** -0.5).softmax(dim=-1) @ value
        return found
    return functional.scaled_dot_product_attention(query, key, value)
