"""What the point encoder reads of a cloud."""

import numpy as np
import pytest
import torch

from pc3dad.baselines.gsclip.points import SMALL, draw_points, untrained


def cloud(n=500, seed=0):
    return np.random.default_rng(seed).normal(50, 10, size=(n, 3)).astype(np.float32)


def draw(xyz, n_points=300, seed=1):
    return draw_points(xyz, n_points=n_points, rng=np.random.default_rng(seed))


def test_points_are_drawn_once_each_from_the_cloud_of_radius_1_and_stand_three_times():
    drawn = draw(cloud())
    assert drawn.shape == (300, 9)
    assert drawn.dtype == torch.float32
    assert torch.equal(drawn[:, :3], drawn[:, 3:6])
    assert torch.equal(drawn[:, :3], drawn[:, 6:])
    assert len(drawn.unique(dim=0)) == 300
    whole = draw(cloud(), n_points=500)[:, :3]
    assert whole.norm(dim=1).max().item() == pytest.approx(1, abs=1e-6)
    assert whole.mean(dim=0).abs().max() < 1e-6


@pytest.mark.parametrize("n", [1, 5, 299])
def test_small_clouds_are_drawn_with_repetition(n):
    drawn = draw(cloud(n))
    assert drawn.shape == (300, 9)
    assert torch.isfinite(drawn).all()
    assert len(drawn.unique(dim=0)) <= n


def test_the_generator_decides_which_points():
    assert torch.equal(draw(cloud()), draw(cloud()))
    assert not torch.equal(draw(cloud()), draw(cloud(), seed=2))


def test_place_and_unit_do_not_matter():
    torch.testing.assert_close(draw(cloud()), draw(1000 * cloud() + 7), atol=1e-4, rtol=0)


def test_untrained_encoders_follow_their_seed_and_read_what_was_drawn():
    encoder = untrained(SMALL, seed=1).eval()
    same, other = untrained(SMALL, seed=1), untrained(SMALL, seed=2)
    assert torch.equal(same.conv1.weight, encoder.conv1.weight)
    assert not torch.equal(other.conv1.weight, encoder.conv1.weight)
    with torch.no_grad():
        found = encoder(torch.stack([draw(cloud()), draw(cloud(3))]))
    assert found.points.shape == (2, 300, 64)
    assert torch.isfinite(found.whole).all()
