"""From patches to points and objects."""

import pytest
import torch

from pc3dad.baselines.btp import scoring

VALUES = torch.tensor([1.0, 3.0])
PATCHES = torch.tensor([[0, 1, 1], [1, 2, 2]])


def test_a_point_has_the_mean_of_its_patches_and_copies_count():
    scores = scoring.to_points(VALUES, PATCHES, 4)
    torch.testing.assert_close(scores, torch.tensor([1, 5 / 3, 3, 0]), atol=1e-5, rtol=0)


def test_a_point_in_no_patch_takes_the_nearest_one():
    nearest = torch.tensor([0, 0, 1, 1])
    scores = scoring.to_points(VALUES, PATCHES, 4, nearest=nearest)
    torch.testing.assert_close(scores, torch.tensor([1, 5 / 3, 3, 3]), atol=1e-5, rtol=0)


def objects(patches, **options):
    settings = {"alpha": 0.5, "aggregate": "topk-mean", "share": 0.2, "space": "prob", **options}
    return scoring.object_scores(torch.zeros(1), patches, **settings)


def test_the_highest_fifth_of_512_patches_are_102():
    patches = torch.full((1, 512), -100.0)
    patches[0, :102] = 100
    assert objects(patches).item() == pytest.approx(0.75)
    patches[0, 102] = 100
    assert objects(patches).item() == pytest.approx(0.75)
    patches[0, :2] = -100
    assert objects(patches).item() == pytest.approx(0.25 + 0.5 * 101 / 102)


def test_one_hot_patch_counts_fully_only_for_the_maximum():
    patches = torch.full((1, 512), -100.0)
    patches[0, 7] = 100
    assert objects(patches, aggregate="max").item() == pytest.approx(0.75)
    assert objects(patches).item() == pytest.approx(0.25 + 0.5 / 102)
    assert objects(patches, aggregate="max", space="logit").item() == pytest.approx(50)


def test_cosines_do_not_depend_on_length_and_logits_of_clouds_are_over_the_temperature():
    texts, embeddings = torch.eye(2), torch.tensor([[[3.0, 4.0]]])
    for scale in (1, 10):
        logits = scoring.cosine_logits(scale * embeddings, texts, temperature=0.1)
        assert logits.item() == pytest.approx(2)
    assert scoring.cloud_logits(embeddings[0], texts).item() == pytest.approx(0.2 / 0.07)
