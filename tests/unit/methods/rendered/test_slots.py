"""336 x 336 slots: labels go in, scores come out, and every point has a slot near it."""

import numpy as np
import pytest

from pc3dad.methods.rendered import slots
from pc3dad.methods.rendered.slots import COUNT, SIDE, to_slots
from pc3dad.types import PointCloud, Sample


def grid_of(rows, columns):
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    return PointCloud(np.stack([x, y, 0 * x], axis=-1).reshape(-1, 3), grid=(rows, columns))


@pytest.mark.parametrize("shape", [(20, 30), (400, 500), (336, 336)])
def test_organised_clouds_are_resized(shape):
    found = to_slots(Sample("a", "b", grid_of(*shape)), np.random.default_rng(0))
    assert found.sample.cloud.grid == (SIDE, SIDE)
    xy = found.sample.cloud.xyz.reshape(SIDE, SIDE, 3)
    assert (np.diff(xy[:, :, 1], axis=0) >= 0).all()
    assert (np.diff(xy[:, :, 0], axis=1) >= 0).all()
    back = found.to_points(found.sample.cloud.xyz[:, 1])
    steps = np.maximum(1, np.array(shape) / SIDE)
    assert np.abs(back - grid_of(*shape).xyz[:, 1]).max() <= steps[0]


def test_a_cloud_of_that_size_stays_as_it_is():
    found = to_slots(Sample("a", "b", grid_of(SIDE, SIDE)), np.random.default_rng(0))
    assert np.array_equal(found.source, np.arange(COUNT))
    assert np.array_equal(found.home, np.arange(COUNT))


@pytest.mark.parametrize("n", [1, 2, 500])
def test_small_clouds_are_filled_up_between_neighbours(n):
    xyz = np.random.default_rng(1).normal(size=(n + 1, 3)).astype(np.float32)
    xyz[0] = np.nan
    found = to_slots(Sample("a", "b", PointCloud(xyz)), np.random.default_rng(0))
    made = found.sample.cloud.xyz
    assert len(made) == len(found.source) == COUNT
    assert np.array_equal(made[found.home[1:]], xyz[1:])  # points are slots themselves
    low, high = xyz[1:].min(axis=0), xyz[1:].max(axis=0)
    assert ((made >= low - 1e-6) & (made <= high + 1e-6)).all()
    gap = np.linalg.norm(made - xyz[found.source], axis=1)
    assert gap.max() <= 0.51 * np.linalg.norm(high - low)  # the label of the nearer end


def test_large_clouds_are_reduced_and_points_take_the_nearest_slot(monkeypatch):
    monkeypatch.setattr(slots, "COUNT", 50)
    xyz = np.random.default_rng(2).normal(size=(300, 3)).astype(np.float32)
    found = to_slots(Sample("a", "b", PointCloud(xyz)), np.random.default_rng(0))
    kept = found.sample.cloud.xyz
    assert np.array_equal(kept, xyz[found.source])
    nearest = np.linalg.norm(xyz[:, None] - kept, axis=2).argmin(axis=1)
    assert np.array_equal(found.home, nearest)


def test_the_same_generator_gives_the_same_slots():
    sample = Sample("a", "b", PointCloud(np.random.default_rng(3).normal(size=(80, 3)).astype(np.float32)))
    first, again = (to_slots(sample, np.random.default_rng(5)).sample.cloud.xyz for _ in range(2))
    assert np.array_equal(first, again)
