"""Generators depend on seed, names and content, and on nothing else."""

import numpy as np
import pytest

from pc3dad import seeding
from pc3dad.context import RunContext
from pc3dad.types import PointCloud


def test_equal_names_give_equal_numbers_and_other_names_others():
    assert seeding.generator(1, "a").random() == seeding.generator(1, "a").random()
    assert len({seeding.stream(1, "a"), seeding.stream(2, "a"), seeding.stream(1, "b")}) == 3


def test_the_border_between_names_counts():
    assert seeding.stream(0, "ab", "c") != seeding.stream(0, "a", "bc")


def test_numbers_are_the_same_on_every_machine():
    assert seeding.stream(0, "fixed") == 330997818551752869105515305751170753570


def test_draws_for_a_cloud_follow_its_content():
    one, other = PointCloud(np.zeros((4, 3))), PointCloud(np.ones((4, 3)))
    ctx = RunContext(seed=5)
    assert ctx.rng("use", one).random() == ctx.rng("use", PointCloud(one.xyz.copy())).random()
    assert ctx.rng("use", one).random() != ctx.rng("use", other).random()
    assert ctx.rng("use", one).random() != ctx.rng("use").random()


def test_validity_is_part_of_the_content():
    xyz = np.ones((4, 3))
    masked = PointCloud(xyz, valid=np.array([True, True, False, True]))
    assert seeding.cloud_key(PointCloud(xyz)) != seeding.cloud_key(masked)


def test_torch_generators_are_repeatable():
    torch = pytest.importorskip("torch")
    draws = [torch.rand(3, generator=RunContext(seed=2).torch_rng("weights")) for _ in range(2)]
    assert torch.equal(*draws)


def test_the_filler_of_missing_points_is_no_content():
    valid = np.array([True, True, False, True])
    clouds = []
    for filler in (0.0, np.nan):
        xyz = np.arange(12.0).reshape(4, 3)
        xyz[2] = filler
        clouds.append(PointCloud(xyz, valid=valid))
    assert seeding.cloud_key(clouds[0]) == seeding.cloud_key(clouds[1])
