"""What the released scripts of Align3D-AD set for each training category, and for each data set to score.

Specification 3.10, 4.8 and 5.5. Six triples of training and twelve of fusion, some of which leave a branch
out, read as a choice by the scores on the test set; they are here for reproduction alone.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from pc3dad.config import nearest
from pc3dad.errors import ConfigError

TunedFor = Literal["off", "mvtec3d_ad", "eyecandies", "real3d_ad"]


class Training(NamedTuple):
    """Options of training: weights of reweighting (lambda) and of contrast (alpha), and the seed."""

    scr_weight: float
    dpca_weight: float
    seed: int


class Fusing(NamedTuple):
    """Options of scores: shares of the aligned branch, and whether the map of an object is smoothed again."""

    object_weight: float
    point_weight: float
    blur_object: bool


TRAINING: Mapping[str, Training] = MappingProxyType(
    {
        "carrot": Training(0.01, 1.0, 112),
        "cookie": Training(0.05, 0.1, 112),
        "dowel": Training(0.1, 1.0, 111),
        "Confetto": Training(0.5, 1.0, 119),
        "LicoriceSandwich": Training(0.8, 0.01, 113),
        "PeppermintCandy": Training(0.2, 0.01, 119),
    }
)
"""By training category."""

_EVEN = Fusing(0.5, 0.5, True)

FUSING: Mapping[tuple[str, str], Fusing] = MappingProxyType(
    {
        ("mvtec3d_ad", "carrot"): _EVEN,
        ("mvtec3d_ad", "cookie"): Fusing(0.0, 0.5, False),
        ("mvtec3d_ad", "dowel"): Fusing(0.0, 0.0, False),
        ("eyecandies", "Confetto"): _EVEN,
        ("eyecandies", "LicoriceSandwich"): Fusing(0.5, 1.0, True),
        ("eyecandies", "PeppermintCandy"): _EVEN,
        ("eyecandies", "carrot"): _EVEN,
        ("eyecandies", "cookie"): _EVEN,
        ("eyecandies", "dowel"): _EVEN,
        ("real3d_ad", "carrot"): Fusing(0.0, 0.5, False),
        ("real3d_ad", "cookie"): Fusing(0.0, 0.0, False),
        ("real3d_ad", "dowel"): Fusing(0.0, 0.5, False),
    }
)
"""By the data set to score and the training category."""


def tuned(scored: str, trained_on: Sequence[str]) -> dict[str, Any]:
    """Options for a data set to score and training categories; the seed is that of the run and no option.

    Raises:
        ConfigError: the scripts have no values for them.
    """
    known = [category for data_set, category in FUSING if data_set == scored]
    if len(trained_on) != 1 or trained_on[0] not in known:
        words = " + ".join(trained_on) or "nothing"
        close = nearest(trained_on[0], known) if len(trained_on) == 1 else ""
        hint = f"train on one of {', '.join(known)}, or use tuned_for=off"
        raise ConfigError(f"no values were released for {scored} and training on {words}{close}", hint=hint)
    training, fusing = TRAINING[trained_on[0]], FUSING[scored, trained_on[0]]
    options = training._asdict() | fusing._asdict()
    del options["seed"]
    return options
