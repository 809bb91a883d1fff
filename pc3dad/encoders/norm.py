"""Batch normalisation of rows that keeps its digits."""

import torch
from torch import nn


class RowNorm(nn.BatchNorm1d):
    """`nn.BatchNorm1d` of (rows, channels) with statistics added up in float64.

    In training, torch on CPUs adds up rows in float32: of 65,536 rows with mean 3 and deviation 0.1 results
    are off by 3e-4. Of columns it takes the sums in float64, and less time.
    """

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """(rows, channels) to the same shape."""
        if not self.training or rows.device.type != "cpu":
            return super().forward(rows)
        return super().forward(rows.T.contiguous()[None])[0].T
