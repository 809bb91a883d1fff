"""The module that finds defects: scores, choice, tokens, and how the bank of prototypes learns."""

import pytest
import torch

from pc3dad.baselines.gsclip.defects import DefectModule, DefectOptions
from pc3dad.errors import ConfigError


def build(features=8, width=16, **options):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return DefectModule(features, width, DefectOptions(**options))


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_a_score_is_what_the_most_similar_prototype_lacks():
    module, points = build(), drawn(2, 30, 8)
    found = module(points).scores
    for cloud, scores in zip(points, found, strict=True):
        cosines = torch.stack([torch.cosine_similarity(cloud, one[None], dim=1) for one in module.prototypes])
        torch.testing.assert_close(scores, 1 - cosines.max(dim=0).values)


def test_the_points_with_the_highest_scores_are_chosen_highest_first():
    found = build(outliers=5)(drawn(2, 30, 8))
    highest = found.scores.gather(1, found.chosen)
    torch.testing.assert_close(highest, found.scores.sort(dim=1, descending=True).values[:, :5])


def test_the_longer_a_feature_the_same_its_score():
    module, points = build(), drawn(1, 30, 8)
    torch.testing.assert_close(module(points).scores, module(10 * points).scores)


@pytest.mark.parametrize("order", ["project-first", "attend-first"])
@pytest.mark.parametrize("tokens", [1, 3])
def test_as_many_tokens_come_out_as_are_wanted_even_of_few_points(order, tokens):
    module = build(order=order, tokens=tokens)
    assert module(drawn(2, 30, 8)).tokens.shape == (2, tokens, 16)
    assert module(drawn(1, 5, 8)).chosen.shape == (1, 5)
    assert module.attention.embed_dim == (16 if order == "project-first" else 8)


def test_the_order_of_points_does_not_matter():
    module, points = build(), drawn(1, 30, 8)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(module(points[:, order]).tokens, module(points).tokens)


def test_a_fixed_bank_has_no_gradient_and_a_gated_one_learns_from_what_was_chosen():
    points = drawn(1, 30, 8).requires_grad_()
    fixed = build(bank="fixed")
    fixed(points).tokens.square().sum().backward()
    assert fixed.prototypes.grad is None
    gated = build(bank="gated", outliers=2)
    found = gated(points)
    found.tokens.square().sum().backward()
    nearest = (
        torch.nn.functional.normalize(points[0, found.chosen[0]], dim=-1)
        @ torch.nn.functional.normalize(gated.prototypes, dim=-1).T
    ).argmax(dim=1)
    touched = gated.prototypes.grad.abs().sum(dim=1).nonzero()[:, 0]
    assert set(touched.tolist()) == set(nearest.tolist())


def test_the_distance_to_normal_points_moves_the_bank_alone_and_towards_them():
    module, points = build(bank="gated+compact"), drawn(2, 30, 8).requires_grad_()
    before = module(points)
    torch.testing.assert_close(
        before.distance, before.scores.sort(dim=1).values[:, :15].mean(), msg="lowest half"
    )
    before.distance.backward()
    assert points.grad is None
    with torch.no_grad():
        module.prototypes -= module.prototypes.grad
    assert module(points).distance < before.distance


def test_more_tokens_than_outliers_are_refused():
    with pytest.raises(ConfigError, match="2 outliers cannot give 3 defect tokens"):
        DefectOptions(outliers=2, tokens=3)


def test_sizes_of_the_paper_give_its_number_of_parameters():
    module = DefectModule(128, 768, DefectOptions("fixed"))
    assert sum(parameter.numel() for parameter in module.parameters()) == 3_057_664
    assert sum(one.numel() for one in module.parameters() if one.requires_grad) == 3_053_568
