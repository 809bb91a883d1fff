"""Batch normalisation that agrees with float64."""

import torch
from torch import nn

from pc3dad.encoders.norm import RowNorm


def test_many_rows_are_normalised_as_in_float64():
    rows = 3 + 0.1 * torch.randn(60_000, 4, generator=torch.Generator().manual_seed(0))
    ours, exact = RowNorm(4), nn.BatchNorm1d(4).double()
    torch.testing.assert_close(ours(rows), exact(rows.double()).float(), atol=1e-5, rtol=0)
    torch.testing.assert_close(ours.running_var, exact.running_var.float())
    ours.eval()
    exact.eval()
    torch.testing.assert_close(ours(rows), exact(rows.double()).float(), atol=1e-5, rtol=0)


def test_one_row_cannot_be_normalised_in_training():
    """As in torch: its deviation is 0."""
    rows = torch.ones(1, 4)
    assert torch.equal(RowNorm(4).eval()(rows), nn.BatchNorm1d(4).eval()(rows))
