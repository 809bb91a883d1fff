"""Weights do not get into a model of another activation."""

import pytest

from pc3dad.encoders.layout import CLIP_MEAN, CLIP_STD
from pc3dad.encoders.published import statistics
from pc3dad.errors import ConfigError, WeightsError


@pytest.mark.parametrize(
    ("name", "tag", "hint"),
    [
        ("ViT-L-14-336", "openai", "use ViT-L-14-336-quickgelu"),
        ("ViT-L-14-336", None, "use ViT-L-14-336-quickgelu"),
        ("ViT-bigG-14-quickgelu", "laion2b_s39b_b160k", "use ViT-bigG-14"),
        ("ViT-B-16-plus-240-quickgelu", None, "use ViT-B-16-plus-240"),
        ("ViT-L-14", None, "say by `tag`"),
    ],
)
def test_weights_trained_with_another_activation_are_refused(name, tag, hint):
    with pytest.raises(WeightsError, match=hint):
        statistics(name, tag)


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("ViT-L-14-336-quickgelu", "openai"),
        ("ViT-L-14-quickgelu", None),
        ("ViT-bigG-14", "laion2b_s39b_b160k"),
        ("ViT-B-16-plus-240", None),
        ("ViT-M-16", None),
    ],
)
def test_weights_trained_with_the_same_activation_are_not(name, tag):
    assert statistics(name, tag) == (CLIP_MEAN, CLIP_STD)


def test_mean_and_std_are_those_of_the_weights():
    assert statistics("ViT-L-14", "laion2b_s32b_b82k") == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def test_an_unknown_tag_gets_the_nearest_one():
    with pytest.raises(ConfigError, match=r"no weights 'opnai' .* did you mean 'openai'"):
        statistics("ViT-L-14", "opnai")
