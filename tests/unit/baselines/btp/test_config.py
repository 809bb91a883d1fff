"""Every switch of the specification is an option, and presets are the three readings of the method."""

import re
from importlib.resources import files

import pytest

from pc3dad.baselines.btp.config import BtpConfig
from pc3dad.config import build, parse_variants, plain
from pc3dad.errors import ConfigError

README = files("pc3dad.baselines.btp") / "README.md"

REGISTER = {  # rows of the register of discrepancies: option, what `current` has, what else there is
    1: ("prompt", "fixed-empty", ("fixed-object", "learnable")),
    2: ("patch_similarity", "dot", ("cosine",)),
    3: ("object_agg", "topk-mean", ("max",)),
    4: ("object_space", "prob", ("logit",)),
    6: ("geo_dim", 33, (1280,)),
    7: ("gfcm_coords", "absolute", ("centred",)),
    8: ("fpfh_scale", "fixed", ("adaptive",)),
    9: ("fpfh_agg", "max", ("mean",)),
    10: ("object_label", "file", ("sampled",)),
    11: ("fps_start", "per-file", ("global-rng", "index0")),
    12: ("uncovered", "nearest-patch", ("zero",)),
    13: ("drop_last", True, (False,)),
    14: ("layers", (2, 5, 8, 11), ((5, 8),)),
    15: ("grey", 0.5, (0.4,)),
    18: ("checkpoint", "lowest-loss", ("last",)),
    20: ("normalise", "unit-ball", ("none",)),
    21: ("origin_centres", "encoder", ("allow",)),
}


def preset(name):
    return build(BtpConfig, "btp", {"preset": name})


@pytest.mark.parametrize("row", REGISTER)
def test_every_switch_has_its_default_and_its_other_values(row):
    option, default, others = REGISTER[row]
    assert getattr(preset("current"), option) == getattr(BtpConfig(), option) == default
    for other in others:
        assert getattr(BtpConfig(**{option: other}), option) == other
    assert BtpConfig.model_fields[option].description


def test_presets_differ_from_the_defaults_where_they_shall():
    defaults = plain(BtpConfig())

    def differing(name):
        return {key: value for key, value in plain(preset(name)).items() if value != defaults[key]}

    assert differing("official") == {
        "object_label": "sampled",
        "fps_start": "global-rng",
        "uncovered": "zero",
    }
    assert differing("paper") == {"prompt": "learnable", "patch_similarity": "cosine", "object_agg": "max"}
    assert (preset("paper").n_context, preset("paper").patch_temperature) == (4, 0.07)


def test_the_defaults_of_training_are_the_published_ones():
    config = BtpConfig()
    assert (config.epochs, config.batch, config.shuffle) == (100, 2, False)
    assert (config.rate, config.min_rate, config.warmup_ratio) == (1e-3, 1e-6, 0.1)
    assert (config.weight_decay, config.grad_clip) == (1e-4, 1)
    assert (config.focal_gamma, config.focal_alpha) == (2, 0.25)
    assert (config.global_loss_weight, config.geo_loss_weight, config.geo_loss) == (0.5, 0.1, "contrastive")
    assert (config.global_alpha, config.topk_ratio, config.n_points) == (0.5, 0.2, 2048)


def test_a_wrong_value_is_refused_by_its_name():
    with pytest.raises(ConfigError, match=r"btp\.fpfh_scale='released' is refused"):
        build(BtpConfig, "btp", {"fpfh_scale": "released"})


def test_every_command_of_the_readme_names_variants_that_exist():
    words = re.findall(r"--methods '([^']+)'", README.read_text(encoding="utf-8"))
    variants = [options for text in words for name, options in parse_variants(text) if name == "btp"]
    assert len(variants) > 20
    for options in variants:
        build(BtpConfig, "btp", options)
