"""Geometric Feature Creation Module of BTP, and the descriptors that it learns to predict.

A small network reads the points of a patch. It is trained towards the Fast Point Feature Histogram of the
patch, so that scores need no histograms (Li et al., CVPR 2026).
"""

from itertools import pairwise
from typing import Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from pc3dad.geometry import fpfh, neighbors, normals
from pc3dad.types import Float32Array

Coordinates = Literal["absolute", "centred"]
Scale = Literal["fixed", "adaptive"]

WIDTH = 3 * fpfh.BINS  # of a histogram
POINT_WIDTHS = (64, 128, 256)
HIDDEN = 128
NORMAL_NEIGHBOURS, NEIGHBOURS = 30, 100
FIXED = (0.05, 0.1)  # radii for normals and histograms, in clouds of radius 1
SPACINGS = (2.5, 5.0)  # the same in distances of nearest points


class Descriptors(nn.Module):
    """From the points of patches to descriptors. Its weights are drawn from torch's global generator.

    A point is read once, however many patches hold it: with ULIP-2 it is in eight of them.

    Args:
        width: of a descriptor; that of a histogram as released.
    """

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        sizes = (3, *POINT_WIDTHS)
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(sizes))
        self.norms = nn.ModuleList(nn.BatchNorm1d(size) for size in POINT_WIDTHS)
        self.patch = nn.Sequential(nn.Linear(sizes[-1], HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, width))

    def forward(self, points: torch.Tensor, patches: torch.Tensor) -> torch.Tensor:
        """Describes patches, whatever the order of their points.

        Args:
            points: (n, 3) float32, of one or more clouds: in the frame of their cloud as released, or around
                the centre of their patch. In training mode they are normalised by the statistics of all
                patches, so that a point counts as often as patches hold it.
            patches: (..., K) int64, indices of their points.

        Returns:
            (..., width), not normalised.
        """
        counts = torch.bincount(patches.flatten(), minlength=len(points))
        values = points
        for layer, norm in zip(self.layers, self.norms, strict=True):
            values = functional.relu(counted_norm(cast(nn.BatchNorm1d, norm), layer(values), counts))
        described: torch.Tensor = self.patch(_largest(values, patches))
        return described


def counted_norm(norm: nn.BatchNorm1d, rows: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
    """Batch normalisation of rows that stand for several equal ones each; running statistics follow.

    Args:
        norm: in training mode or not.
        rows: (n, C) float32.
        counts: (n,) how many equal ones a row stands for, 0 or more.

    Returns:
        (n, C), each row as it would be among its copies.
    """
    if not norm.training:
        normalised: torch.Tensor = norm(rows)
        return normalised
    total = counts.sum()
    shares = (counts.double() / total)[:, None]
    mean = (shares * rows).sum(dim=0).float()  # float32 sums of thousands of rows lose digits
    centred = rows - mean
    variance = (shares.float() * centred**2).sum(dim=0)
    with torch.no_grad():
        momentum = cast(float, norm.momentum)
        cast(torch.Tensor, norm.running_mean).lerp_(mean, momentum)
        cast(torch.Tensor, norm.running_var).lerp_(variance * total / (total - 1), momentum)
        cast(torch.Tensor, norm.num_batches_tracked).add_(1)
    return centred * (torch.rsqrt(variance + norm.eps) * norm.weight) + norm.bias


def _largest(values: torch.Tensor, patches: torch.Tensor) -> torch.Tensor:
    """(..., C) largest of the values (n, C) of the points of patches (..., K).

    The gradient goes to the points that hold them and nowhere else, which is far less to add up.
    """
    with torch.no_grad():
        holders = patches.gather(-1, values[patches].max(dim=-2).indices)
    return values.gather(0, holders.flatten(0, -2)).view(holders.shape)


def targets(
    points: Float32Array,
    patches: NDArray[np.integer],
    *,
    scale: Scale,
    pooling: fpfh.Pooling,
    workers: int = 1,
) -> Float32Array:
    """Histograms of patches, which the network shall predict.

    Args:
        points: (N, 3) float32, of radius 1.
        patches: (G, K) indices of their points.
        scale: fixed: the released radii, within which most points of compact closed bodies have too few
            neighbours for a normal and get (0, 0, 1); normals point to either side. adaptive: radii follow
            the median distance of nearest points, and normals point outwards.
        pooling: over the points of a patch.
        workers: threads of the neighbour search.

    Returns:
        (G, 33) float32.
    """
    near, wide = radii(points, scale, workers=workers)
    directions = normals.estimate(
        points,
        max_neighbours=NORMAL_NEIGHBOURS,
        radius=near,
        orientation="none" if scale == "fixed" else "outwards",
        workers=workers,
    )
    described = fpfh.describe(points, directions, radius=wide, max_neighbours=NEIGHBOURS, workers=workers)
    return fpfh.pool(described, patches, pooling=pooling)


def radii(points: Float32Array, scale: Scale, *, workers: int = 1) -> tuple[float, float]:
    """Radii for normals and for histograms; of a cloud in a single position always the fixed ones."""
    if scale == "fixed" or len(points) < 2:
        return FIXED
    distances, _ = neighbors.knn(points, points, k=2, workers=workers)
    apart = distances[:, 1][distances[:, 1] > 0]
    if len(apart) == 0:
        return FIXED
    spacing = float(np.median(apart))
    return SPACINGS[0] * spacing, SPACINGS[1] * spacing
