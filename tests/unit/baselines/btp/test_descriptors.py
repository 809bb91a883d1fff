"""Descriptors of patches: the network, its size, and what it is trained towards."""

import numpy as np
import pytest
import torch

from pc3dad.baselines.btp.descriptors import RELEASED, Descriptors, radii, targets
from pc3dad.geometry import normals


def patches(n=200, groups=10, size=12):
    return np.random.default_rng(0).integers(0, n, (groups, size))


def test_the_network_has_the_published_size():
    with torch.device("meta"):
        assert sum(one.numel() for one in Descriptors().parameters()) == 79_649


def test_the_order_of_points_does_not_matter():
    module = Descriptors().eval()
    points = torch.rand(2, 5, 8, 3)
    torch.testing.assert_close(module(points), module(points.flip(2)))
    assert module(points).shape == (2, 5, 33)


@pytest.mark.parametrize("scale", ["released", "adaptive"])
def test_histograms_of_a_patch_are_pooled_over_its_points(scale, ball):
    highest = targets(ball(200), patches(), scale=scale, pooling="max")
    mean = targets(ball(200), patches(), scale=scale, pooling="mean")
    assert highest.shape == (10, 33)
    assert (highest >= mean - 1e-4).all()
    if scale == "adaptive":  # every point has neighbours
        np.testing.assert_allclose(mean.sum(axis=1), 600, rtol=1e-4)


def test_released_radii_leave_a_closed_body_without_normals_and_adaptive_ones_do_not(ball):
    for scale, least, most in (("released", 0.95, 1), ("adaptive", 0, 0.1)):
        near, wide = radii(ball(500), scale)
        found = normals.estimate(ball(500), max_neighbours=30, radius=near)
        assert least <= (found == normals.UP).all(axis=1).mean() <= most
        assert wide == pytest.approx(2 * near)
    assert radii(ball(500), "released") == RELEASED


def test_a_cloud_in_one_position_has_radii_too():
    assert radii(np.ones((50, 3), np.float32), "adaptive") == RELEASED
    assert np.isfinite(
        targets(np.zeros((50, 3), np.float32), patches(50), scale="adaptive", pooling="max")
    ).all()
