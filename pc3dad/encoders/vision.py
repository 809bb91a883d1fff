"""Image tower: class and patch tokens after chosen blocks, along the ordinary and the value path.

It composes the modules of an open_clip `VisionTransformer`, whose parameters it reads and never replaces.
Places in the tower are numbers of blocks passed: layers 6, 12, 18, 24 of the papers, which count from 1, are
the places after 6, 12, 18, 24 blocks, and a value path from 5 doubles all blocks but the first five.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch import nn
from torch.nn import functional

from pc3dad.device import batches
from pc3dad.errors import ConfigError, DataError

Positions = Literal["bicubic-antialias", "bilinear"]
"""How positions are interpolated for pictures of another size: as in open_clip, or as in AnomalyCLIP."""


ALLOCATED = 20  # values of the width of a token that a block holds at a time, both paths and taps included


class Tokens(NamedTuple):
    """Tokens (B, 1+P, width) after each of the tapped numbers of blocks, in that order; class token first.

    `value` are those of the value path. Before it begins, and without it, they are the ordinary ones.
    """

    ordinary: tuple[torch.Tensor, ...]
    value: tuple[torch.Tensor, ...]


class VisionFeatures(NamedTuple):
    """Features in the joint space, not normalised.

    Attributes:
        image: (B, D) class token after the last block.
        patches: (B, P, D) after each of the tapped numbers of blocks; rows of the grid one after the other.
    """

    image: torch.Tensor
    patches: tuple[torch.Tensor, ...]


class VisionTower(nn.Module):
    """The image half of an image-text model.

    Args:
        visual: open_clip's `VisionTransformer` with a class token and plain blocks.
        positions: how positions are interpolated if pictures have another size than those of training.
    """

    def __init__(self, visual: nn.Module, *, positions: Positions = "bicubic-antialias") -> None:
        super().__init__()
        self.visual: Any = visual
        self.positions = positions

    def forward(
        self,
        images: torch.Tensor,
        *,
        taps: Sequence[int] | None = None,
        dual_from: int | None = None,
        budget: int | None = None,
    ) -> VisionFeatures:
        """Encodes images. Patches are those of the value path if there is one.

        Args:
            images: as `embed` takes them.
            taps: after how many blocks patches are wanted; by default after all.
            dual_from: as `walk` takes it.
            budget: bytes that may be allocated at a time, such as `RunContext.memory_bytes`: images are
                encoded in batches that it holds. None encodes all at once.
        """
        if budget is not None and len(images):
            each = self._bytes_each(images)
            cuts = batches(len(images), bytes_each=each, budget=budget)
            found = [self(images[cut], taps=taps, dual_from=dual_from) for cut in cuts]
            patches = zip(*(one.patches for one in found), strict=True)
            return VisionFeatures(torch.cat([one.image for one in found]), tuple(map(torch.cat, patches)))
        depth = len(self.blocks)
        wanted = [depth] if taps is None else list(taps)
        tokens = self.walk(self.embed(images), taps=[*wanted, depth], dual_from=dual_from)
        return VisionFeatures(
            self.project(tokens.ordinary[-1][:, 0]),
            tuple(self.project(found[:, 1:]) for found in tokens.value[:-1]),
        )

    @property
    def blocks(self) -> Sequence[Any]:
        """The residual blocks."""
        found: Sequence[Any] = self.visual.transformer.resblocks
        return found

    def embed(self, images: torch.Tensor) -> torch.Tensor:
        """What goes into the first block.

        Args:
            images: (B, 3, H, W) float, normalised as the weights were trained; H and W are multiples of the
                side of a patch.

        Returns:
            (B, 1+P, width) class token and patch tokens in the type of the weights.

        Raises:
            DataError: the images have another shape.
        """
        visual = self.visual
        height, width = visual.patch_size
        if images.ndim != 4 or images.shape[1] != 3 or images.shape[2] % height or images.shape[3] % width:
            raise DataError(
                f"images of shape {tuple(images.shape)} do not fit patches of {height} x {width} pixels",
                hint="resize them with pc3dad.encoders.transform",
            )
        patches = visual.conv1(images.to(visual.conv1.weight.dtype))  # (B, width, rows, columns)
        grid = (patches.shape[2], patches.shape[3])
        patches = patches.flatten(2).transpose(1, 2)
        first = visual.class_embedding.to(patches.dtype).expand(len(patches), 1, -1)
        places = self.place(grid).to(patches.dtype)
        embedded: torch.Tensor = visual.ln_pre(torch.cat([first, patches], dim=1) + places)
        return embedded

    def _bytes_each(self, images: torch.Tensor) -> int:
        """What one image allocates without gradients: input, queries, keys, values and the MLP of a block."""
        height, width = self.visual.patch_size
        tokens = 1 + (images.shape[2] // height) * (images.shape[3] // width)
        weight = self.visual.conv1.weight
        return int(ALLOCATED * tokens * len(weight) * weight.element_size())

    def place(self, grid: tuple[int, int]) -> torch.Tensor:
        """(1+P, width) positions of the class token and of a grid; the table itself if it has that grid."""
        table: torch.Tensor = self.visual.positional_embedding
        trained = self.visual.grid_size
        if grid == trained:
            return table
        square = table[1:].float().T.reshape(1, -1, *trained)
        smooth = self.positions == "bicubic-antialias"
        places = functional.interpolate(
            square, grid, mode="bicubic" if smooth else "bilinear", antialias=smooth, align_corners=False
        )
        return torch.cat([table[:1], places[0].flatten(1).T.to(table.dtype)])

    def walk(self, tokens: torch.Tensor, *, taps: Sequence[int], dual_from: int | None = None) -> Tokens:
        """Passes the blocks up to the last tap.

        Along the ordinary path a block is as usual. The value path begins as a copy of it after `dual_from`
        blocks and adds, per block, what attention of values to values finds in the *ordinary* tokens. It has
        no MLP. GS-CLIP and Align3D-AD call it DPAM, after AnomalyCLIP.

        Args:
            tokens: (B, 1+P, width) of `embed`.
            taps: after how many blocks tokens are wanted: 1 to depth, in any order.
            dual_from: after how many blocks the value path begins: 0 to depth; None for no such path.

        Raises:
            ConfigError: there are not that many blocks.
        """
        depth = len(self.blocks)
        start = depth if dual_from is None else dual_from
        if not taps or not all(1 <= tap <= depth for tap in taps) or not 0 <= start <= depth:
            raise ConfigError(
                f"taps {list(taps)} and a value path from {dual_from} do not fit {depth} blocks",
                hint=f"taps lie in 1..{depth}, the start of the value path in 0..{depth}",
            )
        value = tokens
        kept = {}
        for passed, block in enumerate(self.blocks[: max(taps)], start=1):
            if passed <= start:
                value = tokens = block(tokens)
            else:
                ordinary, values = _attend_twice(block, tokens)
                value = value + values
                tokens = tokens + ordinary
                tokens = tokens + block.ls_2(block.mlp(block.ln_2(tokens)))
            if passed in taps:
                kept[passed] = tokens, value
        return Tokens(tuple(kept[tap][0] for tap in taps), tuple(kept[tap][1] for tap in taps))

    def project(self, tokens: torch.Tensor) -> torch.Tensor:
        """(..., D) in the joint space, of tokens (..., width) after any block; not normalised."""
        projected: torch.Tensor = self.visual.ln_post(tokens) @ self.visual.proj
        return projected


def _attend_twice(block: Any, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """What attention adds to tokens (B, T, width): of queries to keys, and of values to values.

    Both read the same values and go through the same output projection: v' = softmax(v v^T / sqrt(d)) v.
    """
    attention = block.attn
    joint = functional.linear(block.ln_1(tokens), attention.in_proj_weight, attention.in_proj_bias)
    parts = joint.reshape(*joint.shape[:2], 3, attention.num_heads, -1).permute(2, 0, 3, 1, 4)
    query, key, value = parts  # (B, heads, T, d) each
    found = torch.cat([_weigh(query, key, value), _weigh(value, value, value)])
    ordinary, values = block.ls_1(attention.out_proj(found)).chunk(2)
    return ordinary, values


def _weigh(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """(B, T, width) of heads (B, heads, T, d)."""
    return functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
