"""The loop that trains all towers: it learns, and a run that was stopped ends where an unbroken one does."""

import pytest
import torch
from torch import nn

from pc3dad.encoders.embedded.training import optimise
from pc3dad.encoders.embedded.training.optimise import Schedule, fit


def model(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3))


def step_of(net):
    """Learns to tell which of three features is largest; a step depends on its number alone."""

    def step(number):
        generator = torch.Generator().manual_seed(number)
        x = torch.randn(32, 64, generator=generator)
        wanted = x[:, :3].argmax(1)
        total = nn.functional.cross_entropy(net(x), wanted)
        return total, {"entropy": float(total.detach())}

    return step


def test_the_loss_falls_and_the_log_hears_of_it(tmp_path):
    net, heard = model(), []
    schedule = Schedule(200, rate=1e-2, warm=10)
    fit(net.named_parameters(), step_of(net), schedule, heard.append, kept=tmp_path / "kept.pt")
    assert [entry["step"] for entry in heard] == [50, 100, 150, 200]
    assert heard[-1]["entropy"] < 0.5 * heard[0]["entropy"]


def test_a_stopped_run_ends_with_the_weights_of_an_unbroken_one(tmp_path, monkeypatch):
    monkeypatch.setattr(optimise, "KEPT", 20)
    whole = model()
    fit(whole.named_parameters(), step_of(whole), Schedule(60), lambda _: None, kept=tmp_path / "whole.pt")

    broken = model()
    usual = step_of(broken)

    def stops(number):
        if number == 47:
            raise KeyboardInterrupt
        return usual(number)

    with pytest.raises(KeyboardInterrupt):
        fit(broken.named_parameters(), stops, Schedule(60), lambda _: None, kept=tmp_path / "broken.pt")
    again = model(seed=1)  # whatever it starts from
    fit(again.named_parameters(), step_of(again), Schedule(60), lambda _: None, kept=tmp_path / "broken.pt")
    for one, other in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


def test_frozen_parameters_stay(tmp_path):
    net = model()
    net[0].requires_grad_(False)
    before = net[0].weight.clone()
    fit(net.named_parameters(), step_of(net), Schedule(5), lambda _: None, kept=tmp_path / "kept.pt")
    assert torch.equal(net[0].weight, before)


def test_the_rate_rises_to_one_and_falls_to_its_floor():
    schedule = Schedule(1000, warm=80)
    factors = [schedule.factor(step) for step in range(1000)]
    assert factors[79] == 1.0
    assert factors[:80] == sorted(factors[:80])
    assert factors[80:] == sorted(factors[80:], reverse=True)
    assert abs(factors[-1] - optimise.FLOOR) < 1e-3
