"""Loading of image-text models: strict, whole or by halves, never random by accident."""

import pytest
import torch
from safetensors.torch import save_file

from pc3dad.encoders import _compat, image_text
from pc3dad.encoders.layout import layout_of, read_config
from pc3dad.errors import ConfigError, WeightsError


@pytest.fixture(scope="module")
def ids():
    return _compat.open_clip().tokenize(["normal .", "a damaged object."])


def close(actual, expected):
    torch.testing.assert_close(actual, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("quick", [False, True])
def test_with_nothing_adapted_all_features_are_those_of_open_clip(config, images, ids, quick):
    """Guards against versions of open_clip whose modules work in another way."""
    torch.manual_seed(3)
    theirs = _compat.open_clip().CLIP(**config, quick_gelu=quick).eval().requires_grad_(False)
    ours = image_text.load({**config, "quick_gelu": quick}, theirs.state_dict())
    found = ours.vision(images, taps=[1, 6])
    between = theirs.visual.forward_intermediates(
        images, indices=[0, 5], normalize_intermediates=True, output_fmt="NLC"
    )["image_intermediates"]
    close(found.image, theirs.encode_image(images))
    for actual, expected in zip(found.patches, between, strict=True):
        close(actual, expected @ theirs.visual.proj)
    close(ours.text(ids), theirs.encode_text(ids))


@pytest.mark.parametrize("name", ["ViT-S-32", "ViT-M-16-alt"])
def test_named_architectures_are_open_clips(name, ids):
    """The second has scaled residual blocks."""
    theirs = _compat.open_clip().create_model(name).eval()
    ours = image_text.load(name, theirs.state_dict())
    images = torch.randn(1, 3, ours.layout.image_size, ours.layout.image_size)
    with torch.no_grad():
        close(ours.vision(images, dual_from=ours.layout.dual_from).image, theirs.encode_image(images))
        close(ours.text(ids), theirs.encode_text(ids))


def test_a_loaded_model_is_frozen_in_eval_mode_and_owns_its_weights(ours, theirs):
    towers = (ours.vision, ours.text)
    assert not any(parameter.requires_grad for tower in towers for parameter in tower.parameters())
    assert not any(module.training for tower in towers for module in tower.modules())
    ours.vision.visual.proj.zero_()
    assert theirs.visual.proj.abs().sum() > 0


def test_halves_are_loaded_alone_from_a_file_of_both(config, theirs, images, ids, tmp_path):
    path = tmp_path / "model.safetensors"
    save_file(theirs.state_dict(), path)
    image = image_text.load(config, path, part="image")
    text = image_text.load(config, path, part="text")
    close(image.vision(images).image, theirs.encode_image(images))
    close(text.text(ids), theirs.encode_text(ids))
    assert {*image.tensors(), *text.tensors()} == {*theirs.state_dict()} - {"logit_scale"}
    with pytest.raises(ConfigError, match="only the text half"):
        _ = text.vision
    with pytest.raises(ConfigError, match="only the image half"):
        _ = image.text


def test_weights_in_half_precision_become_single_precision(config, theirs):
    halves = {name: value.half() for name, value in theirs.state_dict().items()}
    assert {value.dtype for value in image_text.load(config, halves).tensors().values()} == {torch.float32}


def test_missing_unexpected_and_misshapen_weights_are_all_listed(config, theirs):
    wrong = dict(theirs.state_dict())
    del wrong["visual.conv1.weight"], wrong["visual.ln_post.bias"]
    wrong["visual.extra"] = torch.zeros(1)
    wrong["visual.proj"] = torch.zeros(64, 8)
    with pytest.raises(WeightsError) as caught:
        image_text.load(config, wrong)
    for part in ("conv1.weight", "ln_post.bias", "extra", "proj (64, 8) instead of (64, 32)"):
        assert part in str(caught.value)
    text = {**theirs.state_dict(), "input_resolution": torch.zeros(())}
    with pytest.raises(WeightsError, match=r"the text tower.*unexpected: input_resolution"):
        image_text.load(config, text)


def test_no_file_or_another_file_never_means_a_random_model(config, tmp_path):
    other = tmp_path / "model.pt"
    other.write_bytes(b"PK\x03\x04 and no safetensors at all")
    for path in (tmp_path / "none.safetensors", other):
        with pytest.raises(WeightsError, match=r"weights import"):
            image_text.load(config, path)


@pytest.mark.parametrize(
    "name",
    ["RN50", "EVA02-E-14-plus", "coca_ViT-B-32", "ViT-B-16-SigLIP", "ViT-L-14-CLIPA", "roberta-ViT-B-32"],
)
def test_models_of_another_kind_are_refused(name):
    with pytest.raises(ConfigError, match="no plain CLIP with a vision transformer"):
        read_config(name)


def test_weights_of_another_activation_are_refused_when_they_are_loaded():
    with pytest.raises(WeightsError, match="use ViT-L-14-336-quickgelu"):
        image_text.load("ViT-L-14-336", {}, tag="openai")


def test_nothing_is_looked_up_in_the_network():
    with pytest.raises(ConfigError, match="no architecture 'hf-hub:org/model'"):
        read_config("hf-hub:org/model")


def test_unknown_names_get_the_nearest_one():
    with pytest.raises(ConfigError, match="did you mean 'ViT-L-14-336'"):
        read_config("ViT-L-14-337")


def test_sizes_come_from_the_architecture():
    sizes = layout_of(read_config("ViT-L-14-336-quickgelu"))
    assert (sizes.image_size, sizes.grid, sizes.width, sizes.depth, sizes.heads) == (336, 24, 1024, 24, 16)
    assert (sizes.embed_dim, sizes.text_width, sizes.text_depth, sizes.context_length) == (768, 768, 12, 77)
    assert (sizes.dual_from, sizes.deep_depth) == (5, 9)
    assert layout_of(read_config("ViT-bigG-14"), image_size=448, dual_from=40).grid == 32


@pytest.mark.parametrize(
    "wrong", [{"image_size": 50}, {"image_size": 0}, {"dual_from": 7}, {"deep_depth": 0}]
)
def test_sizes_that_do_not_fit_are_refused(config, theirs, wrong):
    with pytest.raises(ConfigError, match="do not fit patches of 8, 6 image blocks and 4 text blocks"):
        image_text.load(config, theirs.state_dict(), **wrong)


def test_pictures_of_another_size_are_taken(config, theirs):
    encoder = image_text.load(config, theirs.state_dict(), image_size=64, positions="bilinear")
    assert encoder.layout.grid == 8
    assert encoder.vision(torch.zeros(1, 3, 64, 64)).patches[0].shape == (1, 64, 32)


def test_untrained_weights_depend_on_the_seed_alone(config):
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    one, same, other = (image_text.untrained(config, seed=seed).tensors() for seed in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["visual.proj"], other["visual.proj"])
    alone = image_text.untrained(config, seed=0, part="text").tensors()
    assert all(torch.equal(one[name], alone[name]) for name in alone)
