"""Geometric Feature Creation Module of BTP, and the descriptors that it learns to predict.

A small network reads the points of a patch. It is trained towards the Fast Point Feature Histogram of the
patch, so that scores need no histograms (Li et al., CVPR 2026).
"""

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pc3dad.encoders import grouping
from pc3dad.encoders.norm import RowNorm
from pc3dad.geometry import fpfh, neighbors, normals
from pc3dad.types import Float32Array

Coordinates = Literal["absolute", "centred"]
Scale = Literal["released", "adaptive"]

WIDTH = 3 * fpfh.BINS  # of a descriptor
POINT_WIDTHS = (64, 128, 256)
HIDDEN = 128
NORMAL_NEIGHBOURS, NEIGHBOURS = 30, 100
RELEASED = (0.05, 0.1)  # radii for normals and histograms, in clouds of radius 1
SPACINGS = (2.5, 5.0)  # the same in distances of nearest points


class Descriptors(nn.Module):
    """From the points of patches to descriptors. Its weights are drawn from torch's global generator."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for width in POINT_WIDTHS:
            layers += [nn.Linear(before, width), RowNorm(width), nn.ReLU()]
            before = width
        self.points = nn.Sequential(*layers)
        self.patch = nn.Sequential(nn.Linear(before, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, WIDTH))

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        """Describes patches, whatever the order of their points.

        Args:
            points: (B, G, K, 3) float32: in the frame of the cloud as released, or around the centre of the
                patch. In training mode they are normalised by the statistics of all B * G * K.

        Returns:
            (B, G, 33), not normalised.
        """
        each = self.points(points.flatten(0, 2)).unflatten(0, points.shape[:3])
        described: torch.Tensor = self.patch(grouping.largest(each))
        return described


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
        scale: released: the published radii, within which most points of compact closed bodies have too few
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
        orientation="none" if scale == "released" else "outwards",
        workers=workers,
    )
    described = fpfh.describe(points, directions, radius=wide, max_neighbours=NEIGHBOURS, workers=workers)
    return fpfh.pool(described, patches, pooling=pooling)


def radii(points: Float32Array, scale: Scale, *, workers: int = 1) -> tuple[float, float]:
    """Radii for normals and for histograms; those of a cloud in a single position are always the released."""
    if scale == "released" or len(points) < 2:
        return RELEASED
    distances, _ = neighbors.knn(points, points, k=2, workers=workers)
    apart = distances[:, 1][distances[:, 1] > 0]
    if len(apart) == 0:
        return RELEASED
    spacing = float(np.median(apart))
    return SPACINGS[0] * spacing, SPACINGS[1] * spacing
