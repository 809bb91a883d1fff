"""The losses of the towers: right answers cost little, wrong ones much, and what is unclear nothing."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from pc3dad.encoders.embedded.training.losses import Seen, Texts, Wanted, loss, weights_of

D, P, B = 16, 6, 4


@pytest.fixture
def wanted():
    """Two pairs; the defective one of each shows a defect in two patches."""
    patches = torch.zeros(B, P, dtype=torch.bool)
    patches[1, :2] = patches[3, 3:5] = True
    objects = patches.any(1)
    return Wanted(
        patches,
        torch.ones(B, P),
        patches.view(-1, 2, P).flip(1).flatten(0, 1),
        objects,
        torch.ones(B, dtype=torch.bool),
        torch.tensor([0, 0, 1, 1]),
        torch.tensor([0, 0, 2, 2]),
        torch.eye(B, dtype=torch.bool),
    )


@pytest.fixture
def texts():
    axes = torch.eye(D)
    captions = functional.normalize(
        torch.stack([axes[0], axes[1], axes[0] + axes[4], axes[1] + axes[5]]), dim=1
    )
    kinds, families = (
        functional.normalize(one, dim=1) for one in (axes[1] + axes[2:4], axes[0] + axes[1] + axes[6:9])
    )
    return Texts((axes[1] - axes[0]).expand(B, D), captions, kinds, families)


def right(wanted, texts):
    """Features that say what is wanted."""
    normal, defective = torch.eye(D)[:2]
    patches = torch.where(wanted.patches[..., None], texts.kinds[wanted.kind][:, None], normal)
    whole = torch.where(wanted.objects[:, None], defective, normal) + 0.5 * texts.captions
    whole = whole + 0.5 * texts.families[wanted.family]
    return Seen(whole, (patches, patches), (patches,))


def test_right_answers_cost_little(wanted, texts):
    total, parts = loss(right(wanted, texts), texts, wanted, names=True)
    assert set(parts) == {"patch", "tap", "object", "rank", "caption", "kind", "name"}
    assert float(total) < 1.2


def test_swapped_answers_cost_more_in_every_part_but_the_kind(wanted, texts):
    good = right(wanted, texts)
    bad = Seen(
        good.whole.roll(1, 0), tuple(one.roll(1, 0) for one in good.finals), (good.taps[0].roll(1, 0),)
    )
    _, right_parts = loss(good, texts, wanted, names=True)
    _, wrong_parts = loss(bad, texts, wanted, names=True)
    assert all(
        wrong_parts[name] > right_parts[name]
        for name in ("patch", "tap", "object", "rank", "caption", "name")
    )


def test_unclear_objects_cost_nothing(wanted, texts):
    seen = right(wanted, texts)
    unclear = replace(wanted, clear=torch.zeros(B, dtype=torch.bool))
    _, parts = loss(seen, texts, unclear, names=True)
    assert parts["object"] == 0


def test_patches_without_weight_cost_nothing(wanted, texts):
    seen = right(wanted, texts)
    wrong = seen.finals[0].clone()
    wrong[0, 5] = torch.eye(D)[1]  # a false alarm
    weights = wanted.weights.clone()
    weights[0, 5] = 0
    light = replace(wanted, weights=weights)
    blind = loss(Seen(seen.whole, (wrong,), ()), texts, light, names=True)[1]["patch"]
    aware = loss(Seen(seen.whole, (wrong,), ()), texts, wanted, names=True)[1]["patch"]
    assert blind < 0.1 * aware


def test_the_place_of_a_defect_counts_as_much_where_it_is_intact(wanted, texts):
    defective = torch.eye(D)[1]
    costs = []
    for patch in (0, 5):  # where the twin has its defect, and elsewhere
        wrong = right(wanted, texts).finals[0].clone()
        wrong[0, patch] = defective
        costs.append(loss(Seen(wrong.mean(1), (wrong,), ()), texts, wanted, names=True)[1]["patch"])
    assert costs[0] > 4 * costs[1]


def test_a_large_defect_counts_no_more_than_a_small_one(wanted, texts):
    few, many = wanted.patches.clone(), wanted.patches.clone()
    few[3, 4] = False
    many[3, 1:5] = True
    costs = []
    for patches in (few, many):
        some = replace(wanted, patches=patches, twins=patches.view(-1, 2, P).flip(1).flatten(0, 1))
        missed = right(some, texts).finals[0].clone()
        missed[3] = torch.eye(D)[0]
        costs.append(loss(Seen(missed.mean(1), (missed,), ()), texts, some, names=True)[1]["patch"])
    assert costs[1] < 2.2 * costs[0]  # four times as many patches are missed


def test_weights_of_background_and_of_patches_with_little_defect():
    share = torch.tensor([[0.0, 0.0, 0.05, 0.5]])
    filled = torch.tensor([[True, False, True, True]])
    assert weights_of(share, filled, 0.1).tolist() == [[1.0, pytest.approx(0.15), pytest.approx(0.3), 1.0]]


def test_a_batch_without_defects_has_a_finite_loss_and_gradient(wanted, texts):
    none = torch.zeros_like(wanted.patches)
    intact = replace(wanted, patches=none, twins=none, objects=none.any(1))
    features = torch.randn(B, P, D, requires_grad=True)
    total, _ = loss(Seen(features.mean(1), (features,), ()), texts, intact, names=True)
    total.backward()
    assert torch.isfinite(features.grad).all()
