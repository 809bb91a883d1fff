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
        families: unit vectors (D,) of the shape families: orthonormal axes, or sums of those they are like.
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


def make_space(
    families: Sequence[str], related: Mapping[str, Sequence[str]], dimensions: int, *, seed: int
) -> Space:
    """Random axes, all at right angles but for those of the two states and of families that are like others.

    What was never seen can be named only by what its word means. A word without pictures has no axis of its
    own, it lies between words that have them (convex combinations of semantic embeddings, Norouzi et al.,
    2014).

    Args:
        families: names; with states and kinds at most as many as there are dimensions.
        related: of some of them, other families that they are like.
        dimensions: of the joint space, D.
        seed: of the directions.
    """
    names = [*KIND_WORDS, *families]
    rng = seeding.generator(seed, "axes of meanings")
    axes = np.linalg.qr(rng.normal(size=(dimensions, 2 + len(names))))[0].T
    normal, other = axes[:2]
    defective = STATES_APART * normal + np.sqrt(1 - STATES_APART**2) * other
    rest = dict(zip(names, axes[2:], strict=True))
    alike = {name: np.sum([rest[one] for one in others], axis=0) for name, others in related.items()}
    between = {name: total / np.linalg.norm(total) for name, total in alike.items()}
    return Space(
        np.stack([normal, defective]),
        {name: rest[name] for name in KIND_WORDS},
        {name: rest[name] for name in families} | between,
    )
