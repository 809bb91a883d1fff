"""PointNet++ with features of every point and of the whole cloud, as GS-CLIP reads it.

Single-scale set abstraction and feature propagation (Qi et al., 2017), in the sizes of the public weights for
semantic segmentation of S3DIS (repository yanx27/Pointnet_Pointnet2_pytorch). PyTorch Geometric adds up the
messages along our own edges: its neighbour searches need native packages. Edges are sorted by target, so that
sums are the same in every run, on a GPU too. Largest messages are found without it: the maximum of segments
that it calls (torch 2.13) passes a negative gradient on to each of several equal messages, whole, and groups
hold copies.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast
from warnings import catch_warnings, simplefilter

import torch
from torch import nn
from torch.nn import functional

from pc3dad.encoders import grouping
from pc3dad.encoders.loading import load_strictly
from pc3dad.encoders.norm import RowNorm
from pc3dad.errors import ConfigError

with catch_warnings():
    simplefilter("ignore", DeprecationWarning)  # PyG still calls torch.jit.script
    from torch_geometric.nn.aggr import SumAggregation

NEAREST = 3  # centres that a point takes its features from
EPSILON = 1e-8  # added to squared distances before they are inverted


@dataclass(frozen=True, slots=True)
class PointNet2Config:
    """Sizes; the defaults are those of the public weights.

    Attributes:
        channels: of a cloud, xyz first; GS-CLIP repeats xyz three times.
        centres: of each abstraction, by falling number.
        radii: of their groups, cloud of radius 1.
        neighbours: points of a group.
        down: widths of the MLP of each abstraction.
        up: widths of the MLP of each propagation, from the fewest centres to the points.
        dropout: of the features of points, in training.
    """

    channels: int = 9
    centres: tuple[int, ...] = (1024, 256, 64, 16)
    radii: tuple[float, ...] = (0.1, 0.2, 0.4, 0.8)
    neighbours: int = 32
    down: tuple[tuple[int, ...], ...] = ((32, 32, 64), (64, 64, 128), (128, 128, 256), (256, 256, 512))
    up: tuple[tuple[int, ...], ...] = ((256, 256), (256, 256), (256, 128), (128, 128, 128))
    dropout: float = 0.5

    def __post_init__(self) -> None:
        if len({len(self.centres), len(self.radii), len(self.down), len(self.up)}) > 1:
            raise ConfigError("centres, radii, down and up must have one entry per abstraction")


S3DIS = PointNet2Config()


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """M points of B clouds with features of width F.

    Attributes:
        xyz: (B, M, 3).
        features: (B, M, F).
    """

    xyz: torch.Tensor
    features: torch.Tensor


@dataclass(frozen=True, slots=True, eq=False)
class PointNet2Features:
    """What PointNet++ makes of B clouds of N points.

    Attributes:
        points: (B, N, F), features of every point; after dropout in training.
        whole: (B, F of the last abstraction), largest values over its centres.
        down: the abstractions, by falling number of centres.
        up: the propagations, from the fewest centres to all points.
    """

    points: torch.Tensor
    whole: torch.Tensor
    down: tuple[Level, ...]
    up: tuple[Level, ...]


class PointNet2(nn.Module):
    """Features of points; parameters are named as in the public weights, without the layer of classes.

    Args:
        config: sizes.
    """

    def __init__(self, config: PointNet2Config = S3DIS) -> None:
        super().__init__()
        self.config = config
        widths = [config.channels, *(one[-1] for one in config.down)]
        for index, (width, mlp) in enumerate(zip(widths, config.down, strict=False)):
            self.add_module(
                f"sa{index + 1}",
                SetAbstraction(width, mlp, config.centres[index], config.radii[index], config.neighbours),
            )
        coarse = widths[-1]
        for index, mlp in zip(reversed(range(len(config.up))), config.up, strict=True):
            skipped = widths[index] if index else 0  # the points' own channels are not used again
            self.add_module(f"fp{index + 1}", FeaturePropagation(skipped + coarse, mlp))
            coarse = mlp[-1]
        self.conv1 = nn.Linear(coarse, coarse)
        self.bn1 = RowNorm(coarse)

    def draw_starts(self, clouds: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Random first centres of every abstraction and cloud, as the reference draws them.

        Args:
            clouds: (B, N, channels).
            generator: on the CPU, whatever device the clouds are on.

        Returns:
            (abstractions, B) int64.
        """
        sizes = [clouds.shape[1], *self.config.centres[:-1]]
        drawn = [torch.randint(size, (len(clouds),), generator=generator) for size in sizes]
        return torch.stack(drawn).to(clouds.device)

    def forward(
        self, clouds: torch.Tensor, starts: torch.Tensor | Sequence[int] | None = None
    ) -> PointNet2Features:
        """Computes all features.

        Args:
            clouds: (B, N, channels) float32, xyz first, radius 1; there must be a point for every centre.
            starts: (abstractions,) or (abstractions, B), index of the first centre of every abstraction among
                the points that it reads; the first ones by default.

        Raises:
            DataError: the clouds are too small, not finite or of another shape.
        """
        depth = len(self.config.centres)
        level = Level(clouds[..., :3], clouds)
        down = [level]
        for index in range(depth):
            start = 0 if starts is None else starts[index]
            level = cast(SetAbstraction, self.get_submodule(f"sa{index + 1}"))(level, start)
            down.append(level)
        up = []
        for index in reversed(range(depth)):
            fine = down[index] if index else Level(clouds[..., :3], clouds[..., :0])
            level = cast(FeaturePropagation, self.get_submodule(f"fp{index + 1}"))(fine, level)
            up.append(level)
        head = functional.relu(self.bn1(self.conv1(level.features.flatten(0, 1))))
        points = functional.dropout(head, self.config.dropout, self.training)
        return PointNet2Features(
            points.view(*clouds.shape[:2], -1), down[-1].features.amax(dim=1), tuple(down[1:]), tuple(up)
        )


class SharedMlp(nn.Module):
    """Linear layers, each with batch normalisation and ReLU, that all points and edges share."""

    def __init__(self, width: int, widths: Sequence[int]) -> None:
        super().__init__()
        pairs = list(zip([width, *widths], widths, strict=False))
        self.mlp_convs = nn.ModuleList(nn.Linear(*pair) for pair in pairs)
        self.mlp_bns = nn.ModuleList(RowNorm(after) for _, after in pairs)

    def transform(self, rows: torch.Tensor) -> torch.Tensor:
        """(rows, width) to (rows, last width)."""
        for linear, norm in zip(self.mlp_convs, self.mlp_bns, strict=True):
            rows = functional.relu(norm(linear(rows)))
        return rows


class SetAbstraction(SharedMlp):
    """Fewer points, each with the largest features of its group."""

    def __init__(
        self, width: int, widths: Sequence[int], centres: int, radius: float, neighbours: int
    ) -> None:
        super().__init__(3 + width, widths)
        self.centres, self.radius, self.neighbours = centres, radius, neighbours

    def forward(self, level: Level, start: int | torch.Tensor) -> Level:
        """Messages are position relative to the centre, then features; repeated points count as edges."""
        chosen = grouping.farthest_points(level.xyz, self.centres, start=start)
        centres = grouping.take(level.xyz, chosen)
        members = grouping.within(level.xyz, centres, self.neighbours, radius=self.radius)
        groups = grouping.gather(torch.cat([level.xyz, level.features], dim=-1), chosen, members)
        messages = self.transform(groups.neighbourhoods.flatten(0, 2))
        return Level(centres, grouping.largest(messages.view(*members.shape, -1)))


class FeaturePropagation(SharedMlp):
    """Features of centres for every point, from the nearest three, beside its own."""

    def __init__(self, width: int, widths: Sequence[int]) -> None:
        super().__init__(width, widths)
        self.add_up = SumAggregation()

    def forward(self, fine: Level, coarse: Level) -> Level:
        """Weights are 1 / (squared distance + `EPSILON`), and add up to 1."""
        near = grouping.nearest(coarse.xyz, fine.xyz, min(NEAREST, coarse.xyz.shape[1]))
        gaps = grouping.take(coarse.xyz, near) - fine.xyz[:, :, None]
        weights = 1 / (gaps.pow(2).sum(dim=-1, keepdim=True) + EPSILON)
        messages = grouping.take(coarse.features, near) * (weights / weights.sum(dim=2, keepdim=True))
        spread = self._summed(messages.flatten(0, 2), near)
        both = torch.cat([fine.features, spread], dim=-1)
        return Level(fine.xyz, self.transform(both.flatten(0, 1)).view(*both.shape[:2], -1))

    def _summed(self, messages: torch.Tensor, edges: torch.Tensor) -> torch.Tensor:
        """(B, M, F) of messages (B*M*K, F) along edges (B, M, K)."""
        batch, targets, degree = edges.shape
        ends = torch.arange(0, edges.numel() + 1, degree, device=edges.device)
        found: torch.Tensor = self.add_up(messages, ptr=ends)
        return found.view(batch, targets, -1)


def load(tensors: Mapping[str, torch.Tensor], config: PointNet2Config = S3DIS) -> PointNet2:
    """A frozen PointNet++ in inference mode.

    Args:
        tensors: by our names, or by official ones mapped by `from_official`.
        config: sizes of the file.

    Raises:
        WeightsError: a tensor is missing, unexpected or of another shape; the message lists every one.
    """
    model = PointNet2(config)
    load_strictly(model, tensors, what="PointNet++")
    return model.eval().requires_grad_(requires_grad=False)


def from_official(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Names and shapes of ours for the tensors of the public `model_state_dict`.

    The layer of classes, `conv2`, is left out and convolutions of size 1 become matrices. Nothing else is
    changed or left out: `load` refuses the rest.
    """
    return {
        name: tensor.flatten(1) if tensor.ndim > 2 and tensor[0, 0].numel() == 1 else tensor
        for name, tensor in state.items()
        if not name.startswith("conv2.")
    }
