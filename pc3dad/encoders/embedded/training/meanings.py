"""Where sentences lie in the joint space of `tiny`: an axis for every state, kind of defect and family."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pc3dad import seeding
from pc3dad.encoders.embedded.captions import KIND_WORDS, Meaning
from pc3dad.types import Float64Array

STATES_APART = -0.3  # cosine between the axes of the two states
STATE, KIND, FAMILY = 0.8, 0.45, 0.55


@dataclass(frozen=True, slots=True, eq=False)
class Space:
    """Axes of D dimensions.

    Attributes:
        states: (2, D) float64, unit length: normal, defective.
        kinds: orthonormal axes (D,) of the kinds of defects.
        families: and of the shape families.
    """

    states: Float64Array
    kinds: Mapping[str, Float64Array]
    families: Mapping[str, Float64Array]

    def place(self, meaning: Meaning) -> Float64Array:
        """(D,) unit vector: where sentences of that meaning should lie."""
        total = STATE * self.states[int(meaning.defective)]
        if meaning.kind is not None and meaning.defective:
            total = total + KIND * self.kinds[meaning.kind]
        if meaning.family is not None:
            total = total + FAMILY * self.families[meaning.family]
        placed: Float64Array = total / np.linalg.norm(total)
        return placed


def make_space(families: Sequence[str], dimensions: int, *, seed: int) -> Space:
    """Random axes, all at right angles but for those of the two states.

    Args:
        families: names; with states and kinds at most as many as there are dimensions.
        dimensions: of the joint space, D.
        seed: of the directions.
    """
    names = [*KIND_WORDS, *families]
    rng = seeding.generator(seed, "axes of meanings")
    axes = np.linalg.qr(rng.normal(size=(dimensions, 2 + len(names))))[0].T
    normal, other = axes[:2]
    defective = STATES_APART * normal + np.sqrt(1 - STATES_APART**2) * other
    rest = dict(zip(names, axes[2:], strict=True))
    return Space(
        np.stack([normal, defective]),
        {name: rest[name] for name in KIND_WORDS},
        {name: rest[name] for name in families},
    )
