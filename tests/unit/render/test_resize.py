"""Resizing equals Pillow's, level by level."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pc3dad.render.resize import resize

PILLOW = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
SIDES = st.integers(1, 90)


@given(height=SIDES, width=SIDES, size=SIDES, mode=st.sampled_from(sorted(PILLOW)), seed=st.integers(0, 9))
def test_levels_are_those_of_pillow(height, width, size, mode, seed):
    picture = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    picture[::2] = np.where(picture[::2] > 127, 255, 0)  # rings
    ours = resize(torch.from_numpy(picture), size, mode=mode).numpy()
    rows_first = Image.fromarray(picture).resize(
        (size, height), PILLOW[mode]
    )  # as all do but Pillow 13 at times
    theirs = np.asarray(rows_first.resize((size, size), PILLOW[mode]))
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("shape", [(5, 7), (2, 5, 7), (2, 3, 5, 7), (0, 5, 7)])
def test_any_number_of_pictures_is_resized_at_once(shape):
    pictures = torch.arange(np.prod(shape)).reshape(shape).to(torch.uint8)
    resized = resize(pictures, 6)
    assert resized.shape == (*shape[:-2], 6, 6)
    for one, expected in zip(pictures.reshape(-1, 5, 7), resized.reshape(-1, 6, 6), strict=True):
        assert torch.equal(resize(one, 6), expected)
