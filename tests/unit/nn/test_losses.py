"""Losses: values that follow from their formulas, and what must not change them."""

import pytest
import torch

from pc3dad.nn.losses import (
    consistency,
    contrast,
    cosines_to_mean,
    dice,
    dice_of_logits,
    focal,
    focal_of_logits,
    object_logits,
)


def drawn(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def maps(batch=4, side=8):
    """Probabilities (M, 2, S, S) and labels (M, S, S)."""
    anomalous = drawn(batch, side, side)
    return torch.stack([1 - anomalous, anomalous], dim=1), drawn(batch, side, side, seed=1) > 0.7


def test_focal_is_the_mean_over_places_of_what_the_right_class_lacks():
    probabilities, truth = maps()
    right = torch.where(truth, probabilities[:, 1], probabilities[:, 0])
    expected = (-((1 - right) ** 2) * right.log()).mean()
    assert focal(probabilities, truth).item() == pytest.approx(expected.item(), abs=1e-3)


def test_focal_is_finite_where_the_right_class_has_probability_0_and_0_where_it_has_1():
    certain = torch.tensor([[1.0], [0.0]])[None]
    assert focal(certain, torch.tensor([[False]])).item() == pytest.approx(0, abs=1e-6)
    assert 5 < focal(certain, torch.tensor([[True]])).item() < 20


def test_the_dice_of_a_perfect_map_is_0_and_of_its_opposite_almost_1():
    _, truth = maps()
    assert dice(truth.float(), truth).item() == 0
    assert dice(1 - truth.float(), truth).item() == pytest.approx(1, abs=0.02)
    assert dice(torch.zeros(1, 5), torch.zeros(1, 5)).item() == 0


def test_each_map_counts_the_same_however_much_of_it_is_anomalous():
    probabilities, truth = maps()
    alone = [dice(probabilities[i : i + 1, 1], truth[i : i + 1]) for i in range(4)]
    torch.testing.assert_close(dice(probabilities[:, 1], truth), torch.stack(alone).mean())


def test_a_batch_of_one_object_is_one_object_and_not_as_many_as_it_has_rows():
    probabilities, truth = drawn(1, 64), drawn(1, 64, seed=1) > 0.7
    rows = dice(probabilities.view(8, 8), truth.view(8, 8))
    assert dice(probabilities, truth).item() == dice(probabilities.view(1, 8, 8), truth.view(1, 8, 8)).item()
    assert dice(probabilities, truth).item() != pytest.approx(rows.item(), abs=1e-3)


def test_places_that_are_not_valid_do_not_count_whatever_they_hold():
    probabilities, truth = drawn(2, 30), drawn(2, 30, seed=1) > 0.7
    valid = (torch.arange(30) < 20).expand(2, -1)
    spoilt = probabilities.masked_fill(~valid, torch.nan).requires_grad_()
    found = dice(spoilt, truth, valid=valid)
    torch.testing.assert_close(found, dice(probabilities[:, :20], truth[:, :20]))
    found.backward()
    assert torch.isfinite(spoilt.grad).all()
    assert not spoilt.grad[~valid].any()


def test_the_order_of_views_does_not_matter():
    logits, features = drawn(2, 5, 2), drawn(2, 5, 7)
    order = [3, 0, 4, 1, 2]
    torch.testing.assert_close(
        object_logits(logits[:, order], mean="object"), object_logits(logits, mean="object")
    )
    torch.testing.assert_close(
        consistency(features[:, order], axis="features"), consistency(features, axis="features")
    )


def test_an_object_has_the_mean_of_its_own_views_alone():
    logits = torch.zeros(2, 3, 2)
    logits[1] = 6
    assert object_logits(logits, mean="object").tolist() == [[0, 0], [6, 6]]


def test_the_released_mean_mixes_objects_unless_there_is_only_one():
    logits = torch.zeros(2, 3, 2)
    logits[1] = 6
    assert object_logits(logits, mean="interleaved").tolist() == [[2, 2], [4, 4]]  # rows 0 2 4 and 1 3 5
    one = drawn(1, 3, 2)
    torch.testing.assert_close(object_logits(one, mean="interleaved"), object_logits(one, mean="object"))


def test_views_that_agree_are_consistent_and_views_that_differ_are_not():
    same = drawn(2, 1, 7).expand(-1, 4, -1)
    assert consistency(same, axis="features").item() == pytest.approx(0, abs=1e-6)
    apart = torch.eye(4)[None]
    assert consistency(apart, axis="features").item() == pytest.approx(0.5)  # 1 - 1 / sqrt(4)


def test_a_longer_feature_is_no_less_consistent():
    features = drawn(2, 4, 7)
    shared = cosines_to_mean(2 * features, axis="features")
    torch.testing.assert_close(shared, cosines_to_mean(features, axis="features"))
    assert shared.shape == (2, 4)


def test_the_released_consistency_compares_features_over_views():
    features = drawn(2, 4, 7)
    cosines = cosines_to_mean(features, axis="views")
    assert cosines.shape == (2, 7)
    first = torch.nn.functional.cosine_similarity(features[0, :, 0], torch.ones(4), dim=0)
    torch.testing.assert_close(cosines[0, 0], first)


def test_losses_of_undecided_logits_are_those_of_their_formulas():
    truth = torch.zeros(2, 2048)
    truth[0, :40] = 1
    logits = torch.zeros(2, 2048)
    assert focal_of_logits(logits, truth).item() == pytest.approx(0.1291, abs=1e-4)
    assert dice_of_logits(logits, truth).item() == pytest.approx(0.9812, abs=1e-4)


def test_right_logits_cost_little_and_rare_places_weigh_less_by_alpha():
    truth = torch.tensor([[1.0, 0, 0, 0]])
    right = 20 * (2 * truth - 1)
    assert focal_of_logits(right, truth).item() < 1e-6
    assert dice_of_logits(right, truth).item() < 1e-4
    wrong = focal_of_logits(-right, truth, alpha=1.0)
    assert wrong.item() == pytest.approx(5, rel=1e-3)  # one of four places, 20 nats


def test_the_dice_loss_of_a_normal_cloud_has_no_gradient():
    logits = drawn(1, 50).requires_grad_()
    loss = dice_of_logits(logits, torch.zeros(1, 50))
    loss.backward()
    assert loss.item() == 1
    assert not logits.grad.any()


def test_the_contrast_of_equal_rows_is_that_of_chance():
    same = torch.ones(1024, 3)
    assert contrast(same, same, temperature=0.1).item() == pytest.approx(6.9315, abs=1e-4)
    rows = torch.eye(5)
    assert contrast(rows, 7 * rows, temperature=0.1).item() < 1e-3
    assert contrast(rows, rows.flip(0), temperature=0.1).item() > 7
