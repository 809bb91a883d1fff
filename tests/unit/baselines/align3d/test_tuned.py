"""Values of the released scripts, by the data set to score and the training category."""

import pytest

from pc3dad.baselines.align3d.config import Align3dConfig
from pc3dad.baselines.align3d.tuned import FUSING, TRAINING, tuned
from pc3dad.config import build
from pc3dad.data import cards
from pc3dad.errors import ConfigError


@pytest.mark.parametrize(
    ("scored", "trained_on", "expected"),
    [
        ("mvtec3d_ad", "carrot", (0.01, 1, 0.5, 0.5, True)),
        ("mvtec3d_ad", "cookie", (0.05, 0.1, 0, 0.5, False)),
        ("mvtec3d_ad", "dowel", (0.1, 1, 0, 0, False)),
        ("eyecandies", "Confetto", (0.5, 1, 0.5, 0.5, True)),
        ("eyecandies", "LicoriceSandwich", (0.8, 0.01, 0.5, 1, True)),
        ("eyecandies", "PeppermintCandy", (0.2, 0.01, 0.5, 0.5, True)),
        ("eyecandies", "dowel", (0.1, 1, 0.5, 0.5, True)),
        ("real3d_ad", "carrot", (0.01, 1, 0, 0.5, False)),
        ("real3d_ad", "cookie", (0.05, 0.1, 0, 0, False)),
        ("real3d_ad", "dowel", (0.1, 1, 0, 0.5, False)),
    ],
)
def test_presets_of_training_and_fusion_load_by_data_set_and_category(scored, trained_on, expected):
    config = build(Align3dConfig, "align3d", {"preset": "official", "tuned_for": scored})
    found = config.tuned_to([trained_on])
    names = ("scr_weight", "dpca_weight", "object_weight", "point_weight", "blur_object")
    assert tuple(getattr(found, name) for name in names) == expected


def test_every_fusion_has_values_of_training_and_names_a_category_that_exists():
    known = {card.slug: card.categories for card in (cards.MVTEC3D_AD, cards.EYECANDIES)}
    assert {category for _, category in FUSING} == set(TRAINING)
    assert set(TRAINING) <= {name for names in known.values() for name in names}
    assert [TRAINING[name].seed for name in ("carrot", "Confetto")] == [112, 119]


def test_without_a_data_set_the_options_stay():
    config = build(Align3dConfig, "align3d", {"preset": "official"})
    assert config.tuned_to(["flange"]) is config
    assert (config.scr_weight, config.dpca_weight) == (1.0, 0.1)  # of the released parser


@pytest.mark.parametrize("trained_on", [["flange"], ["carrot", "dowel"], []])
def test_categories_without_released_values_are_refused(trained_on):
    with pytest.raises(ConfigError, match="no values were released for real3d_ad"):
        tuned("real3d_ad", trained_on)


def test_points_are_smoothed_twice_for_mvtec_alone_as_released():
    def twice(**options):
        return build(Align3dConfig, "align3d", options).blurs_points

    assert not twice()
    assert twice(blur_points="always")
    assert not twice(preset="official")
    assert not twice(preset="official", tuned_for="eyecandies")
    assert twice(preset="official", tuned_for="mvtec3d_ad")
