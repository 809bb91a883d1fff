"""Encoded sentences to draw from while the towers are trained: the text tower is frozen by then."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from pc3dad.encoders.embedded.captions import Meaning, compose
from pc3dad.encoders.embedded.training.losses import Texts
from pc3dad.types import BoolArray

STATES, KINDS, NAMED = 500, 30, 8  # sentences of each state, kind, and of each meaning that names a family

Encode = Callable[[Sequence[str]], torch.Tensor]
"""Sentences to (n, D) float32 unit vectors."""


@dataclass(frozen=True, slots=True, eq=False)
class Bank:
    """Sentences as unit vectors of D dimensions.

    Attributes:
        states: (2, STATES, D): normal, defective; neither kind nor family is named.
        kinds: (K, D), mean of the sentences of each kind, unit length.
        families: (F, D), mean of the sentences of either state that name a family, unit length.
        named: (F, 1 + 1 + K, NAMED, D): of each family normal, defective, and defective of each kind.
    """

    states: torch.Tensor
    kinds: torch.Tensor
    families: torch.Tensor
    named: torch.Tensor

    def texts(
        self, families: Sequence[int], kinds: Sequence[int], objects: BoolArray, rng: np.random.Generator
    ) -> Texts:
        """Sentences for B objects.

        Args:
            families: position of the family of each.
            kinds: position of the kind of its defect.
            objects: (B,) whether it shows one.
            rng: source of the choice.
        """
        size = len(objects)
        chosen = torch.from_numpy(rng.integers(self.states.shape[1], size=(2, size)))
        single = self.states[1][chosen[1]] - self.states[0][chosen[0]]
        mean = (self.states[1].mean(0) - self.states[0].mean(0)).expand(size, -1)
        alone = torch.from_numpy(rng.random(size) < 0.5)[:, None]
        kind_named = rng.random(size) < 0.5
        meaning = np.where(objects, np.where(kind_named, 2 + np.asarray(kinds), 1), 0)
        sentence = rng.integers(self.named.shape[2], size=size)
        captions = self.named[np.asarray(families), meaning, sentence]
        return Texts(torch.where(alone, single, mean), captions, self.kinds, self.families)


def make_bank(
    encode: Encode, nouns: Mapping[str, Sequence[str]], kinds: Sequence[str], rng: np.random.Generator
) -> Bank:
    """Composes and encodes all sentences.

    Args:
        encode: the frozen text tower.
        nouns: of the training families, in their order.
        kinds: that training shows, in their order.
        rng: source of the sentences.
    """

    def encoded(meaning: Meaning, count: int) -> torch.Tensor:
        return encode([compose(meaning, nouns, rng) for _ in range(count)])

    states = torch.stack([encoded(Meaning(state), STATES) for state in (False, True)])
    of_kinds = torch.stack([encoded(Meaning(True, kind), KINDS).mean(0) for kind in kinds])
    meanings = [(False, None), (True, None), *((True, kind) for kind in kinds)]
    named = torch.stack(
        [
            torch.stack([encoded(Meaning(state, kind, family), NAMED) for state, kind in meanings])
            for family in nouns
        ]
    )
    of_families = named[:, :2].flatten(1, 2).mean(1)
    return Bank(
        states, functional.normalize(of_kinds, dim=-1), functional.normalize(of_families, dim=-1), named
    )


def shuffle(bank: Bank, rng: np.random.Generator) -> Bank:
    """The same sentences in places where they mean nothing: a control."""

    def mixed(vectors: torch.Tensor) -> torch.Tensor:
        flat = vectors.flatten(0, -2)
        return flat[torch.from_numpy(rng.permutation(len(flat)))].view(vectors.shape)

    return Bank(mixed(bank.states), mixed(bank.kinds), mixed(bank.families), mixed(bank.named))
