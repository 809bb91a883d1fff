"""The training loop: order, batches, rates, clipping and means of epochs."""

import numpy as np
import pytest
import torch

from pc3dad.context import RunContext
from pc3dad.errors import MethodError
from pc3dad.methods.epochs import advance, run, used, warm_up_and_cosine


def trained(items, step=None, *, weight=None, **options):
    """Records of training, and the batches that it had."""
    weight = torch.nn.Parameter(torch.zeros(())) if weight is None else weight
    batches = []

    def square(chosen):
        batches.append(chosen)
        return {"square": (weight - 1) ** 2, "half": weight * 0 + len(chosen)}

    settings = {"epochs": 2, "batch": 2, "rng": None, "ctx": RunContext(), "label": "test", **options}
    optimiser = torch.optim.SGD([weight], lr=0.1)
    return list(run(items, step or square, optimiser, **settings)), batches


def test_an_epoch_visits_every_sample_and_yields_means():
    records, batches = trained([1, 2, 3])
    assert batches == [[1, 2], [3]] * 2
    assert [record["epoch"] for record in records] == [1, 2]
    assert records[0]["square"] > records[1]["square"]
    assert records[0]["half"] == pytest.approx((2 * 2 + 1) / 3)


def test_samples_are_shuffled_anew_in_every_epoch():
    _, batches = trained(list(range(8)), rng=np.random.default_rng(0), batch=8)
    assert sorted(batches[0]) == sorted(batches[1]) == list(range(8))
    assert batches[0] != batches[1]


def test_a_smaller_last_batch_can_be_dropped_unless_it_is_the_only_one():
    assert trained([1, 2, 3], drop_last=True)[1] == [[1, 2]] * 2
    assert trained([1], drop_last=True)[1] == [[1]] * 2
    assert [used(n, 4, drop_last=True) for n in (3, 4, 7, 8)] == [3, 4, 4, 8]


def test_rates_are_those_of_the_step():
    weight, seen = torch.nn.Parameter(torch.zeros(())), []

    def rates(step):
        seen.append(step)
        return [0.0]

    trained([1, 2, 3], weight=weight, rates=rates)
    assert seen == [0, 1, 2, 3]
    assert weight.item() == 0


def test_the_norm_of_all_gradients_is_clipped_together():
    one, other = torch.nn.Parameter(torch.zeros(())), torch.nn.Parameter(torch.zeros(()))
    optimiser = torch.optim.SGD([{"params": [one]}, {"params": [other]}], lr=1.0)
    norm = advance(optimiser, 3 * one + 4 * other, clip=1.0)
    assert norm == pytest.approx(5)
    assert (one.item(), other.item()) == pytest.approx((-0.6, -0.8), abs=1e-5)


def test_a_loss_that_is_not_finite_stops_training():
    weight = torch.nn.Parameter(torch.zeros(()))
    with pytest.raises(MethodError, match="not finite in epoch 1"):
        trained([1], lambda _: {"log": weight.log()}, weight=weight)


def test_the_rate_rises_from_a_tenth_and_falls_to_the_lowest():
    rates = [warm_up_and_cosine(step, steps=100, warm_up=10, rate=1.0, lowest=0.01) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[5] == pytest.approx(0.55)
    assert rates[10] == 1
    assert rates[55] == pytest.approx(0.505)
    assert rates[100] == 0.01
