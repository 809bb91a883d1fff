"""Training reads what was encoded once, keeps the best epoch and follows the published schedule."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from pc3dad.baselines.btp import training
from pc3dad.baselines.btp.config import BtpConfig
from pc3dad.baselines.btp.encoded import Reader
from pc3dad.baselines.btp.method import Btp
from pc3dad.baselines.btp.parts import Parts
from pc3dad.baselines.btp.prompts import TEXTS, Prompts
from pc3dad.encoders.pointbert import PointBert
from pc3dad.encoders.text import TextTower
from pc3dad.geometry import fpfh
from pc3dad.types import Truth


@pytest.fixture
def items(calls, ctx, labelled, config):
    with training.Items(labelled, Reader(config, ctx), config, ctx) as found:
        yield found


def test_an_item_holds_what_was_encoded_and_labels_of_the_chosen_points(items, labelled):
    good, bad = items[0], items[1]
    assert (bool(good.anomalous), bool(bad.anomalous)) == (False, True)
    assert not good.points.any()
    height = bad.encoded.xyz[:, 2]
    assert height[bad.points].min() > height[~bad.points].max()
    assert bad.targets.shape == (16, 33)
    assert bad.encoded.layers.dtype == torch.float32
    assert len(items) == len(labelled)


def test_epochs_call_neither_encoder_nor_text_tower_nor_histograms(calls, items, config, ctx, tower, sizes):
    prompts = Prompts(tower, TEXTS["fixed-empty"], n_context=0, seed=0)
    parts = Parts(config, sizes, seed=0)
    before = dict(calls)
    assert before["encoder"] == before["histograms"] == 3
    assert len(list(training.train(items, parts, prompts, lambda: prompts(tower), ctx))) == 3
    assert dict(calls) == before


@pytest.mark.parametrize("epochs", [1, 4])
def test_a_whole_fit_encodes_each_sample_once_however_long_it_trains(
    calls, ctx, labelled, small, epochs, monkeypatch
):
    deeper = Counter()
    for owner, name in ((PointBert, "encode"), (fpfh, "describe"), (TextTower, "encode")):
        monkeypatch.setattr(owner, name, counted(getattr(owner, name), deeper, f"{owner.__name__}.{name}"))
    Btp(BtpConfig(**{**small, "epochs": epochs})).fit(labelled, ctx)
    assert deeper == {"PointBert.encode": 3, "pc3dad.geometry.fpfh.describe": 3, "TextTower.encode": 1}


def counted(call, counts, name):
    """The call, counted under a name."""

    def count(*given, **options):
        counts[name] += 1
        return call(*given, **options)

    return count


def test_labels_of_objects_are_those_of_the_data_set_unless_sampled_ones_are_wanted(
    calls, ctx, caplog, ball, sample_of, view, small
):
    sample = sample_of(ball(400))
    unseen = np.zeros(400, np.bool_)
    unseen[-1] = True
    unseen[0] = False
    config = BtpConfig(**{**small, "n_points": 64})
    truth = Truth("a", True, unseen)
    _, encoded = Reader(config, ctx).read(sample)
    assert len(encoded.xyz) == 64
    caplog.set_level("INFO")
    for rule, expected in (("file", True), ("sampled", False)):
        own = config.model_copy(update={"object_label": rule})
        with training.Items(view([sample], [truth]), Reader(own, ctx), own, ctx) as found:
            assert not found[0].points.any()
            assert bool(found[0].anomalous) == expected
    assert "1 of 1 training samples" in caplog.text


def test_the_published_schedule_and_groups(config, tower, sizes):
    prompts = Prompts(tower, TEXTS["learnable"], n_context=4, seed=0)
    parts = Parts(config, sizes, seed=0)
    optimiser, rates = training.optimiser_of(parts, prompts, 5000)
    assert [group["weight_decay"] for group in optimiser.param_groups] == [0, 1e-4, 0]
    assert rates(0) == pytest.approx([1e-4, 5e-5, 5e-5])
    assert rates(500) == [1e-3, 5e-4, 5e-4]
    assert rates(5000) == [1e-6] * 3
    decayed = {id(one) for one in optimiser.param_groups[1]["params"]}
    assert id(parts.embedding.layer_weights) in decayed
    assert id(parts.descriptors.norms[0].weight) in decayed  # scale of batch normalisation


def test_an_odd_last_sample_is_dropped_as_released():
    assert training.n_steps(BtpConfig(), 101) == 100 * 50
    assert training.n_steps(BtpConfig(drop_last=False), 101) == 100 * 51
    assert training.n_steps(BtpConfig(), 1) == 100


def test_the_epoch_with_the_lowest_loss_is_kept(items, config, ctx, tower, monkeypatch, sizes):
    prompts = Prompts(tower, TEXTS["fixed-empty"], n_context=0, seed=0)
    seen = []

    def states(rule):
        parts = Parts(config.model_copy(update={"checkpoint": rule}), sizes, seed=0)
        totals = iter((3.0, 1.0, 2.0))

        def run(*_, **__):
            for epoch, total in enumerate(totals, start=1):
                parts.embedding.layer_weights.data.fill_(epoch)
                yield {"epoch": epoch, "focal": total}

        monkeypatch.setattr(training.epochs, "run", run)
        seen.extend(training.train(items, parts, prompts, lambda: prompts(tower), ctx))
        return parts.embedding.layer_weights[0].item()

    assert states("lowest-loss") == 2
    assert states("last") == 3


def test_learnable_prompts_and_cosines_are_trained(calls, ctx, labelled, tower, small):
    config = BtpConfig(**{**small, **BtpConfig.presets["paper"]})
    method = Btp(config)
    method.fit(labelled, ctx)
    start = Prompts(tower, TEXTS["learnable"], n_context=4, seed=0)
    assert method.learned["prompts.context.context"].shape == start.context.context.shape
    assert [record["epoch"] for record in method.losses] == [1, 2, 3]
    other = Btp(config)
    other.fit(labelled, replace(ctx, seed=1))
    assert not torch.equal(method.learned["texts"], other.learned["texts"])
