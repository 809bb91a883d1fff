"""The aligner, its losses, and the weights of tokens that agree with the picture as a whole."""

import pytest
import torch
from torch.nn import functional

from pc3dad.baselines.align3d.aligner import (
    Aligner,
    Pair,
    align_losses,
    consistency,
    join,
    make_pair,
    token_weights,
)
from pc3dad.methods.rendered.stream import Features


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def features(views=3, patches=7, width=16, seed=0):
    return Features(drawn(views, width, seed=seed), drawn(1, views, patches, width, seed=seed + 1))


@pytest.fixture
def pair():
    return make_pair(features(), features(seed=5))


def test_sizes_of_the_paper_give_its_number_of_parameters():
    aligner = Aligner(768, seed=0)
    assert sum(one.numel() for one in aligner.parameters()) == 3_543_552
    assert sum(one.numel() for one in aligner.image.parameters()) == 1_771_776
    found = aligner(features(views=1, patches=2, width=768))
    assert (found.image.shape, found.patches.shape) == ((1, 768), (1, 1, 2, 768))


def test_features_of_any_length_become_features_of_unit_length():
    aligner, given = Aligner(16, seed=0), features()
    found = aligner(given)
    torch.testing.assert_close(found.image.norm(dim=-1), torch.ones(3))
    torch.testing.assert_close(found.patches.norm(dim=-1), torch.ones(1, 3, 7))
    longer = aligner(Features(5 * given.image, 3 * given.patches))
    torch.testing.assert_close(longer.image, found.image)
    torch.testing.assert_close(longer.patches, found.patches)


def test_pictures_and_patches_have_mappers_of_their_own():
    aligner, given = Aligner(16, seed=0), features()
    with torch.no_grad():
        aligner.patches.output.weight.zero_()
    torch.testing.assert_close(aligner(given).image, Aligner(16, seed=0)(given).image)


def test_the_seed_draws_the_weights_and_leaves_other_draws_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    one, same, other = Aligner(16, seed=0), Aligner(16, seed=0), Aligner(16, seed=1)
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(one.image.input.weight, same.image.input.weight)
    assert not torch.equal(one.image.input.weight, other.image.input.weight)


def test_consistency_is_the_mean_cosine_with_all_tokens_of_the_coloured_view():
    grey, coloured = (functional.normalize(drawn(1, 3, 577, 24, seed=seed), dim=-1) for seed in (0, 1))
    all_pairs = (grey @ coloured.mT).mean(dim=-1)
    torch.testing.assert_close(consistency(grey, coloured), all_pairs, atol=1e-5, rtol=0)


@pytest.mark.parametrize("scale", [0.01, 1.0])
def test_weights_of_tokens_lie_between_the_bounds_of_the_specification(scale):
    extremes = torch.tensor([-1.0, 0.0, 1.0])
    weights = token_weights(extremes, scale=scale, rule="code")
    expected = torch.tensor([1 + 0.2689 * scale, 1 + 0.5 * scale, 1 + 0.7311 * scale])
    torch.testing.assert_close(weights, expected, atol=1e-4, rtol=0)
    reverse = token_weights(extremes, scale=scale, rule="discrepancy")
    torch.testing.assert_close(reverse, expected.flip(0), atol=1e-4, rtol=0)
    assert token_weights(extremes, scale=scale, rule="off") is None


def test_losses_are_mean_cosine_distances(pair):
    aligner = Aligner(16, seed=0)
    found, mapped = align_losses(aligner, pair), aligner(features())
    cosines = functional.cosine_similarity
    expected = 1 - cosines(mapped.image, features(seed=5).image).mean()
    torch.testing.assert_close(found["global"], expected)
    distances = 1 - cosines(mapped.patches, features(seed=5).patches, dim=-1)
    torch.testing.assert_close(found["local"], distances.mean())
    weights = torch.rand(1, 3, 7)
    torch.testing.assert_close(align_losses(aligner, pair, weights)["local"], (weights * distances).mean())


def test_views_of_several_samples_stand_one_after_the_other(pair):
    other = make_pair(features(views=1, seed=8), features(views=1, seed=9))
    both = join([pair, other])
    assert isinstance(both, Pair)
    assert (both.grey.image.shape, both.coloured.patches.shape) == ((4, 16), (1, 4, 7, 16))
    assert torch.equal(both.grey.patches[:, 3:], other.grey.patches)
    assert torch.equal(both.consistency[:, :3], pair.consistency)
    assert pair.bytes == 4 * (2 * 3 * 16 + 2 * 3 * 7 * 16 + 3 * 7)
