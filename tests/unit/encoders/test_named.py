"""Methods get encoders by the names of their weights; files of the same layout stand in for the real ones."""

import pytest
import torch
from safetensors.torch import save_file

from pc3dad.encoders import named, pointbert, pointnet2, published
from pc3dad.errors import ConfigError, WeightsError
from pc3dad.weights import cards


@pytest.fixture(scope="module")
def official_pointbert():
    """A file as `pc3dad weights import` makes it of ULIP-2's checkpoint, with random numbers."""
    torch.manual_seed(0)
    model = pointbert.PointBert()
    prefix = {"pc_projection": "pc_projection"}
    tensors = {prefix.get(name, f"point_encoder.{name}"): one for name, one in model.state_dict().items()}
    return {
        name: one[..., None] if "encoder.encoder." in name and one.ndim == 2 else one
        for name, one in tensors.items()
    }


def test_ulip2_by_name(tmp_path, official_pointbert):
    save_file(official_pointbert, tmp_path / "model.safetensors")
    found = named.load_points("ulip2_pointbert", tmp_path)
    assert found.card.slug == "ulip2_pointbert"
    assert len(found.file.sha256) == 64
    clouds = torch.rand(1, 600, 6, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        assert found.encoder(clouds).embedding.shape == (1, 1280)


def test_a_file_with_tensors_missing_is_refused(tmp_path):
    model = pointnet2.PointNet2()
    save_file(dict(list(model.state_dict().items())[:4]), tmp_path / "model.safetensors")
    with pytest.raises(WeightsError, match="missing"):
        named.load_pointnet2(path=tmp_path)


def test_missing_weights_are_an_error_never_a_random_model(tmp_path, monkeypatch):
    monkeypatch.setenv("PC3DAD_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(WeightsError, match="clip_vit_l_14_336"):
        named.load_image_text("clip_vit_l_14_336")


def test_weights_of_another_kind_are_refused_with_those_that_fit():
    with pytest.raises(ConfigError, match="kind point-language"):
        named.load_image_text("ulip2_pointbert")
    with pytest.raises(ConfigError, match="ulip2_pointbert"):
        named.load_points("clip_vit_b_32")


@pytest.mark.parametrize("card", [card for card in cards.CARDS if card.tag], ids=lambda card: card.slug)
def test_cards_name_architectures_with_the_activation_that_their_weights_were_trained_with(card):
    mean, std = published.statistics(card.architecture, card.tag)
    assert len(mean) == len(std) == 3
