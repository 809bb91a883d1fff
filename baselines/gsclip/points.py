"""What GS-CLIP's point encoder reads of a cloud, and point encoders that are trained from the start."""

import numpy as np
import torch

from pc3dad.encoders import grouping
from pc3dad.encoders.pointnet2 import S3DIS, PointNet2, PointNet2Config
from pc3dad.types import Float32Array

COPIES = 3  # xyz stand where the public weights expect position, colour and position in the room

SMALL = PointNet2Config(
    centres=(256, 64, 16, 4),
    radii=(0.2, 0.4, 0.8, 1.6),
    neighbours=16,
    down=((16, 32), (32, 64), (64, 128), (128, 256)),
    up=((128,), (128,), (128, 64), (64, 64)),
)
"""Sizes for quick runs: a quarter of the centres, so that groups are twice as wide."""


def draw_points(xyz: Float32Array, *, n_points: int, rng: np.random.Generator) -> torch.Tensor:
    """Points of a cloud as the encoder reads them: drawn after the whole cloud was brought to radius 1.

    Args:
        xyz: (N, 3) valid points, any unit, at least one.
        n_points: how many are drawn: without replacement, or with it if there are fewer, as released.
        rng: source of randomness; `RunContext.rng` of the cloud gives the same points in every run.

    Returns:
        (`n_points`, 9) float32: xyz three times.
    """
    unit = grouping.to_unit_ball(torch.tensor(xyz)[None])[0]
    drawn = rng.choice(len(xyz), n_points, replace=len(xyz) < n_points)
    return unit[torch.from_numpy(drawn)].repeat(1, COPIES)


def untrained(config: PointNet2Config = S3DIS, *, seed: int) -> PointNet2:
    """A point encoder of drawn weights, to be trained with the prompts, as the released one is further."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return PointNet2(config)
