"""Checkpoints of BTP's authors: stand-ins with their layout, loaded into our modules."""

import pytest
import torch

from pc3dad.baselines.btp import official
from pc3dad.baselines.btp.config import BtpConfig
from pc3dad.baselines.btp.method import Btp
from pc3dad.encoders.pointbert import ULIP2
from pc3dad.errors import ConfigError, WeightsError


@pytest.fixture(autouse=True)
def small_encoder(monkeypatch, sizes):
    monkeypatch.setitem(official.SIZES, "small", sizes)


@pytest.fixture
def own(small):
    return BtpConfig(**small, encoder="small", text_encoder="small")


@pytest.fixture
def state(own, sizes):
    """What the released code stores, its unused prompts included."""
    draws = torch.Generator().manual_seed(0)
    found = {"prompt_learner": {"ctx": torch.rand(8, 4)}, "epoch": 3, "loss": 0.5}
    for name, shape in official.shapes(own, sizes).items():
        part, _, rest = name.partition(".")
        value = torch.tensor(7) if rest.endswith("tracked") else torch.rand(shape, generator=draws)
        found.setdefault(part, {})[rest] = value
    return found


@pytest.fixture
def file(tmp_path, state):
    torch.save(state, tmp_path / "best.pth")
    return tmp_path / "best.pth"


def test_the_layout_is_the_published_one():
    shapes = official.shapes(BtpConfig(encoder="ulip2_pointbert"), ULIP2)
    assert sum(name.startswith("patch_feature_embedder.") for name in shapes) == 17
    assert sum(name.startswith("patch_geo_encoder.") for name in shapes) == 25
    assert shapes["patch_geo_encoder.mlp2.0.weight"] == (128, 64, 1, 1)
    assert shapes["patch_geo_encoder.mlp3.1.running_var"] == (256,)
    assert shapes["patch_geo_encoder.fc.2.weight"] == (33, 128)
    assert shapes["patch_feature_embedder.layer_weights"] == (4,)
    assert shapes["patch_feature_embedder.mapper_pointbert.0.weight"] == (512, 384)
    assert shapes["patch_feature_embedder.fusion_proj.0.weight"] == (1280, 3840)


def test_a_checkpoint_is_a_fit(own, file, state, calls, ctx, ball, sample_of):
    found = official.convert([file], own)
    weight = state["patch_geo_encoder"]["mlp2.0.weight"]
    torch.testing.assert_close(found["parts.descriptors.layers.1.weight"], weight[..., 0, 0])
    method = Btp(own)
    method.learn(found)
    assert method.score(sample_of(ball()), ctx).object_score > 0
    assert calls["load tower"] == 1  # its texts are not stored


def test_what_does_not_fit_is_listed(own, file, state):
    del state["patch_geo_encoder"]["fc.0.bias"]
    state["patch_feature_embedder"]["layer_weights"] = torch.ones(4)
    torch.save(state, file)
    with pytest.raises(WeightsError) as caught:
        official.convert([file], own)
    assert "missing: patch_geo_encoder.fc.0.bias" in str(caught.value)
    assert "layer_weights (4,) instead of (2,)" in str(caught.value)


def test_options_that_do_not_fit_are_listed(own, file):
    with pytest.raises(ConfigError, match="do not fit prompt=learnable, encoder=tiny"):
        official.convert([file], BtpConfig(prompt="learnable"))
    with pytest.raises(ConfigError, match=r"give one best\.pth"):
        official.convert([], own)
