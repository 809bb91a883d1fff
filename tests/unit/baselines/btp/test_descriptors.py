"""Descriptors of patches: the network, its size, and what it is trained towards."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import nn

from pc3dad.baselines.btp.descriptors import FIXED, Descriptors, counted_norm, radii, targets
from pc3dad.geometry import normals


def patches(n=200, groups=10, size=12):
    return np.random.default_rng(0).integers(0, n, (groups, size))


def test_the_network_has_the_published_size():
    with torch.device("meta"):
        assert sum(one.numel() for one in Descriptors().parameters()) == 79_649


def test_the_order_of_points_does_not_matter():
    module = Descriptors().eval()
    points, members = torch.rand(200, 3), torch.from_numpy(patches())
    torch.testing.assert_close(module(points, members), module(points, members.flip(1)))
    assert module(points, members.view(2, 5, 12)).shape == (2, 5, 33)


def test_points_count_as_often_as_patches_hold_them():
    """Reading each point once and reading it in every patch train the same network."""
    points, members = torch.rand(200, 3), torch.from_numpy(patches())
    once, often = (deepcopy(made) for made in [Descriptors().train()] * 2)
    described = once(points, members)
    apart = often(points[members].flatten(0, 1), torch.arange(members.numel()).view_as(members))
    torch.testing.assert_close(described, apart, atol=1e-5, rtol=0)
    for made, result in ((once, described), (often, apart)):
        result.square().sum().backward()
        assert made.norms[0].num_batches_tracked == 1
    for one, other in zip(once.parameters(), often.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, atol=1e-4, rtol=1e-4)
    for one, other in zip(once.buffers(), often.buffers(), strict=True):
        torch.testing.assert_close(one, other)


def test_normalisation_of_counted_rows_is_that_of_their_copies():
    counts = torch.tensor([3, 1, 0, 5])
    rows = torch.tensor([[3.1, -1], [2.9, 0], [9, 9], [3.0, 2]], requires_grad=True)
    plain, counted = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    expected, found = plain(rows.repeat_interleave(counts, dim=0)), counted_norm(counted, rows, counts)
    torch.testing.assert_close(found.repeat_interleave(counts, dim=0), expected)
    torch.testing.assert_close(counted.running_mean, plain.running_mean)
    torch.testing.assert_close(counted.running_var, plain.running_var)
    wanted, found = (
        torch.autograd.grad((weights * values**3).sum(), rows)[0]
        for weights, values in ((1, expected), (counts[:, None], found))
    )
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("scale", ["fixed", "adaptive"])
def test_histograms_of_a_patch_are_pooled_over_its_points(scale, ball):
    highest = targets(ball(200), patches(), scale=scale, pooling="max")
    mean = targets(ball(200), patches(), scale=scale, pooling="mean")
    assert highest.shape == (10, 33)
    assert (highest >= mean - 1e-4).all()
    if scale == "adaptive":  # every point has neighbours
        np.testing.assert_allclose(mean.sum(axis=1), 600, rtol=1e-4)


def test_fixed_radii_leave_a_closed_body_without_normals_and_adaptive_ones_do_not(ball):
    for scale, least, most in (("fixed", 0.95, 1), ("adaptive", 0, 0.1)):
        near, wide = radii(ball(500), scale)
        found = normals.estimate(ball(500), max_neighbours=30, radius=near)
        assert least <= (found == normals.UP).all(axis=1).mean() <= most
        assert wide == pytest.approx(2 * near)
    assert radii(ball(500), "fixed") == FIXED


def test_a_cloud_in_one_position_has_radii_too():
    assert radii(np.ones((50, 3), np.float32), "adaptive") == FIXED
    assert np.isfinite(
        targets(np.zeros((50, 3), np.float32), patches(50), scale="adaptive", pooling="max")
    ).all()
