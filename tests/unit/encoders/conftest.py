"""Small image-text models, one of open_clip's and ours with its weights."""

import pytest
import torch

from pc3dad.encoders import _compat, image_text

SMALL = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 48, "patch_size": 8, "width": 64, "layers": 6, "head_width": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 4, "layers": 4},
}


@pytest.fixture(scope="session")
def config():
    """Configuration of the model."""
    return SMALL


@pytest.fixture(scope="session")
def theirs(config):
    """open_clip's model, with biases that are not zero."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = _compat.open_clip().CLIP(**config).eval().requires_grad_(False)
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(std=0.3)
    return model


@pytest.fixture
def ours(config, theirs):
    """Ours with the same weights."""
    return image_text.load(config, theirs.state_dict())


@pytest.fixture(scope="session")
def images(config):
    """(3, 3, S, S) normalised pictures."""
    side = config["vision_cfg"]["image_size"]
    return torch.randn(3, 3, side, side, generator=torch.Generator().manual_seed(1))
