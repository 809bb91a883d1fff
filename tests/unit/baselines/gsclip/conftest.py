"""A small text tower, small point encoders and clouds for them."""

import pytest
import torch

from pc3dad.baselines.gsclip.points import untrained
from pc3dad.encoders import image_text
from pc3dad.encoders.pointnet2 import PointNet2Config

MODEL = {
    "embed_dim": 12,
    "vision_cfg": {"image_size": 16, "patch_size": 8, "width": 16, "layers": 1, "head_width": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 4},
}
POINTS = PointNet2Config(
    centres=(24, 8), radii=(0.3, 0.7), neighbours=6, down=((8, 12), (12, 16)), up=((12,), (10, 8))
)


@pytest.fixture(scope="session")
def tower():
    """A text tower of width 16 with features of length 12."""
    return image_text.untrained(MODEL, seed=0, part="text").text


@pytest.fixture
def encoder():
    """A point encoder of 8 features per point and 16 per cloud."""
    return untrained(POINTS, seed=1)


@pytest.fixture(scope="session")
def clouds():
    """(3, 60, 9) of radius 1."""
    made = torch.rand(3, 60, 3, generator=torch.Generator().manual_seed(0)) - 0.5
    return made.repeat(1, 1, 3)
