"""Logits of patches and texts, and maps."""

import torch

from pc3dad.encoders.similarity import logits, upsample


def test_logits_are_cosines_over_the_temperature():
    patches = torch.tensor([[[2.0, 0.0], [0.0, 3.0]]])
    texts = torch.tensor([[[1.0, 0.0], [0.5, 0.5]]])
    torch.testing.assert_close(
        logits(patches, texts, temperature=0.5), torch.tensor([[[2.0, 2**0.5], [0.0, 2**0.5]]])
    )


def test_one_pair_of_texts_serves_all_pictures_or_each_has_its_own():
    draws = torch.Generator().manual_seed(0)
    patches, texts = (torch.randn(3, size, 8, generator=draws) for size in (5, 2))
    for index in range(3):
        expected = logits(patches[index : index + 1], texts[index : index + 1])[0]
        torch.testing.assert_close(logits(patches, texts)[index], expected)
    torch.testing.assert_close(logits(patches, texts[:1])[0], logits(patches, texts)[0])


def test_maps_put_rows_of_patches_below_each_other():
    values = torch.tensor([[[0.0], [0.0], [1.0], [1.0]]])
    maps = upsample(values, 4)
    assert maps.shape == (1, 1, 4, 4)
    assert maps[0, 0, :, 0].tolist() == [0, 0.25, 0.75, 1]
