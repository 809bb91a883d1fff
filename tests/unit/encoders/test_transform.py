"""Pictures and masks as the towers take them."""

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

from pc3dad.encoders.layout import CLIP_MEAN, CLIP_STD, layout_of, read_config
from pc3dad.encoders.transform import prepare_images, prepare_masks
from pc3dad.errors import DataError


@pytest.fixture
def layout(config):
    return layout_of(read_config(config))


def picture(*shape):
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))


def test_pictures_are_squashed_as_pillow_does_and_normalised(layout):
    given = picture(53, 61, 3)
    square = Image.fromarray(given.numpy()).resize((48, 48), Image.Resampling.BICUBIC)
    expected = (np.asarray(square) / 255 - CLIP_MEAN) / CLIP_STD
    found = prepare_images(given[None], layout)
    assert found.shape == (1, 3, 48, 48)
    np.testing.assert_allclose(found[0].movedim(0, 2), expected, atol=1e-5)


def test_grey_pictures_are_pictures_of_three_equal_colours(layout):
    grey = picture(2, 48, 48)
    assert torch.equal(
        prepare_images(grey, layout), prepare_images(grey[..., None].expand(-1, -1, -1, 3), layout)
    )


def test_mean_and_std_are_those_of_the_model(layout):
    half = (0.5, 0.5, 0.5)
    found = prepare_images(picture(1, 48, 48), dataclasses.replace(layout, mean=half, std=half))
    assert (found.min(), found.max()) == (-1, 1)


def test_a_resized_mask_is_set_where_more_than_half_was():
    mask = torch.zeros(1, 8, 8, dtype=torch.bool)
    mask[:, :, 4:] = True
    assert prepare_masks(mask, 8).equal(mask)
    assert prepare_masks(mask, 4)[0, 0].tolist() == [False, False, True, True]


@pytest.mark.parametrize("wrong", [torch.zeros(2, 48, 48), picture(48, 48), picture(2, 3, 48, 48)])
def test_what_is_no_picture_is_refused(layout, wrong):
    with pytest.raises(DataError, match=r"give \(B, H, W\) or \(B, H, W, 3\), uint8"):
        prepare_images(wrong, layout)
