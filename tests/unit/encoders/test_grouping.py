"""Centres far apart and the points around them: the same indices whatever computes them."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pc3dad.encoders.grouping import (
    NEAR_ORIGIN,
    farthest_points,
    farthest_points_plain,
    gather,
    group,
    group_plain,
    nearest,
    to_unit_ball,
    within,
)
from pc3dad.errors import DataError


def clouds(batch=2, points=200, channels=6, seed=0):
    """Wavy balls with colours."""
    made = torch.randn(batch, points, channels, generator=torch.Generator().manual_seed(seed))
    made[..., :3] /= made[..., :3].norm(dim=-1, keepdim=True)
    made[..., :3] *= 1 + 0.1 * torch.sin(5 * made[..., :1])
    return made


@st.composite
def lattices(draw):
    """Points of a small lattice: many are copies, many more are equally far."""
    points = draw(st.integers(8, 60))
    seed = draw(st.integers(0, 1000))
    return torch.from_numpy(np.random.default_rng(seed).integers(-2, 3, (1, points, 3)).astype(np.float32))


def test_groups_hold_their_centres_and_relative_coordinates():
    cloud = clouds()
    groups = group(cloud, count=16, size=8)
    assert groups.centres.shape == (2, 16, 3)
    assert groups.neighbourhoods.shape == (2, 16, 8, 6)
    assert torch.equal(groups.indices[..., 0], groups.chosen)
    member = cloud[1, groups.indices[1, 5, 3]]
    torch.testing.assert_close(groups.neighbourhoods[1, 5, 3, :3] + groups.centres[1, 5], member[:3])
    assert torch.equal(groups.neighbourhoods[1, 5, 3, 3:], member[3:])


@settings(deadline=None, max_examples=60)
@given(lattices(), st.data())
def test_fast_groups_are_those_of_the_plain_twin(cloud, data):
    points = cloud.shape[1]
    count, size = data.draw(st.integers(1, points)), data.draw(st.integers(1, points))
    start = data.draw(st.integers(0, points - 1))
    fast = group(cloud, count=count, size=size, start=start)
    plain = group_plain(cloud, count=count, size=size, start=start)
    assert torch.equal(fast.chosen, plain.chosen)
    assert torch.equal(fast.indices, plain.indices)


@settings(deadline=None, max_examples=60)
@given(lattices(), st.booleans(), st.data())
def test_cpu_and_other_devices_choose_the_same_points(cloud, skip, data):
    """The loop of other devices, run here."""
    points = cloud.shape[1]
    count, start = data.draw(st.integers(1, points)), data.draw(st.integers(0, points - 1))
    cloud = cloud / 50  # about a third of the points are near the origin
    skipped = ((cloud**2).sum(-1) <= NEAR_ORIGIN) if skip else torch.zeros(1, points, dtype=torch.bool)
    skipped[0, start] = False
    plain = farthest_points_plain(cloud, count, torch.tensor([start]), skipped)
    assert torch.equal(farthest_points(cloud, count, start=start, skip_origin=skip), plain)
    assert len(set(plain[0].tolist())) == count


def test_the_start_may_differ_between_clouds_and_the_first_choices_are_those_of_fewer():
    cloud = clouds()[..., :3]
    chosen = farthest_points(cloud, 20, start=torch.tensor([3, 7]))
    assert chosen[:, 0].tolist() == [3, 7]
    assert torch.equal(farthest_points(cloud, 5, start=torch.tensor([3, 7])), chosen[:, :5])
    assert torch.equal(farthest_points(cloud[1:], 20, start=7), chosen[1:])


def test_a_cloud_has_the_same_groups_in_every_batch():
    cloud = clouds(batch=5, points=700)
    together = group(cloud, count=100, size=32)
    alone = [group(cloud[i : i + 1], count=100, size=32) for i in range(5)]
    assert torch.equal(together.indices, torch.cat([one.indices for one in alone]))
    assert torch.equal(together.neighbourhoods, torch.cat([one.neighbourhoods for one in alone]))


def test_another_order_of_points_gives_the_same_groups():
    cloud = clouds(batch=1)
    order = torch.randperm(200, generator=torch.Generator().manual_seed(1))
    moved = group(cloud[:, order], count=30, size=9, start=int(order.argsort()[0]))
    assert torch.equal(order[moved.indices], group(cloud, count=30, size=9).indices)


def test_points_near_the_origin_come_last_where_the_reference_skips_them():
    cloud = clouds(batch=1)[..., :3]
    cloud[0, [0, 11, 4]] *= 0.01
    chosen = farthest_points(cloud, 200, skip_origin=True)[0].tolist()
    assert chosen[0] == 0  # the first is exempt
    assert chosen[-2:] == [4, 11]
    assert farthest_points(cloud, 200, start=1, skip_origin=True)[0].tolist()[-3:] == [0, 4, 11]
    assert {0, 4, 11} & set(farthest_points(cloud, 40, start=1)[0].tolist())


def test_every_copy_of_a_point_is_chosen_before_any_is_chosen_twice():
    cloud = torch.zeros(1, 10, 3)
    cloud[0, 5] = 1
    groups = group(cloud, count=10, size=3)
    assert groups.chosen[0].tolist() == [0, 5, 1, 2, 3, 4, 6, 7, 8, 9]
    assert groups.indices[0, 2].tolist() == [0, 1, 2]


@settings(deadline=None, max_examples=60)
@given(lattices(), st.sampled_from([0.5, 1.0, 2.0]), st.data())
def test_a_ball_gives_its_first_points_by_index_and_repeats_the_first(cloud, radius, data):
    size = data.draw(st.integers(1, cloud.shape[1]))
    centres = cloud[:, :5]
    found = within(cloud, centres, size, radius=radius)
    for centre, members in zip(centres[0], found[0].tolist(), strict=True):
        near = np.flatnonzero(((cloud[0] - centre) ** 2).sum(-1) <= radius**2)[:size].tolist()
        assert members == near + [near[0]] * (size - len(near))


def test_clouds_in_the_unit_ball_have_centroid_0_and_radius_1():
    cloud = to_unit_ball(1000 + 30 * clouds()[..., :3])
    torch.testing.assert_close(cloud.mean(dim=1), torch.zeros(2, 3), atol=1e-6, rtol=0)
    torch.testing.assert_close(cloud.norm(dim=2).amax(dim=1), torch.ones(2))
    assert torch.equal(to_unit_ball(torch.ones(1, 3, 3)), torch.zeros(1, 3, 3))


def test_gradients_reach_the_points_but_not_the_choice():
    cloud = clouds().requires_grad_()
    group(cloud, count=4, size=5).neighbourhoods.pow(2).sum().backward()
    assert cloud.grad.abs().sum() > 0


def test_moved_clouds_keep_known_groups():
    cloud = clouds()
    found = group(cloud, count=4, size=5)
    moved = torch.cat([2 * cloud[..., :3] + 1, cloud[..., 3:]], dim=-1)
    again = gather(moved, found.chosen, found.indices)
    torch.testing.assert_close(again.neighbourhoods[..., :3], 2 * found.neighbourhoods[..., :3])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": 201}, "a cloud of 200 points cannot give 201"),
        ({"size": 201}, "a cloud of 200 points cannot give 201"),
        ({"size": 0}, "cannot give 0"),
        ({"start": 200}, "have no point 200"),
    ],
)
def test_impossible_groups_are_refused(change, message):
    with pytest.raises(DataError, match=message):
        group(clouds(), **({"count": 4, "size": 5} | change))


def test_other_shapes_and_missing_points_are_refused():
    with pytest.raises(DataError, match=r"shape \(200, 3\)"):
        farthest_points(clouds()[0, :, :3], 3)
    cloud = clouds()
    cloud[1, 7, 1] = torch.nan
    with pytest.raises(DataError, match="not finite"):
        nearest(cloud[..., :3], cloud[:, :1, :3], 4)


@pytest.mark.gpu
@pytest.mark.parametrize("skip", [False, True])
def test_all_devices_find_the_same_groups(skip):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    cloud = clouds(batch=3, points=5000)
    cloud[:, ::7, :3] *= 0.02
    cloud[:, 1::9] = cloud[:, :1]  # copies
    options = {"count": 300, "size": 32, "start": torch.tensor([0, 5, 9]), "skip_origin": skip}
    here = group(cloud, **options)
    there = group(cloud.cuda(), **options)
    for name in ("chosen", "indices", "centres", "neighbourhoods"):
        assert torch.equal(getattr(here, name), getattr(there, name).cpu()), name
