"""Training of the text tower of `tiny`: it comes first, alone, and is frozen before the others are trained.

Trained together from the start, all three collapse: the cheapest answer to confident wrong logits is to make
everything equal.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch.nn import functional

from pc3dad import seeding
from pc3dad.encoders.embedded.captions import KIND_WORDS, UNKNOWN, Meaning, compose
from pc3dad.encoders.embedded.training.meanings import Space
from pc3dad.encoders.embedded.vocabulary import Tokenize, data_set_nouns, forget
from pc3dad.encoders.text import TextTower

BATCH = 96
NAMED_KIND, NAMED_FAMILY, STRANGE = (
    0.5,
    0.6,
    0.2,
)  # shares of sentences that name a kind, a family, a strange thing


def step_loss(
    tower: TextTower,
    tokenize: Tokenize,
    space: Space,
    nouns: Mapping[str, Sequence[str]],
    *,
    seed: int,
    step: int,
) -> tuple[torch.Tensor, dict[str, float]]:
    """1 - cosine between sentences and the places that their meanings have."""
    rng = seeding.generator(seed, "sentences", str(step))
    meanings = [_meaning(list(nouns), rng) for _ in range(BATCH)]
    strange = {"": data_set_nouns()}
    sentences = [_sentence(meaning, nouns, strange, rng) for meaning in meanings]
    wanted = torch.from_numpy(np.stack([space.place(meaning) for meaning in meanings])).float()
    ids = forget(tokenize(sentences), UNKNOWN, seeding.torch_generator(seed, "forgotten", str(step)))
    cosine = functional.cosine_similarity(tower(ids), wanted, dim=-1)
    total = (1 - cosine).mean()
    return total, {"apart": float(total.detach())}


def _meaning(families: list[str], rng: np.random.Generator) -> Meaning:
    kinds = list(KIND_WORDS)
    kind = kinds[rng.integers(len(kinds))] if rng.random() < NAMED_KIND else None
    family = families[rng.integers(len(families))] if rng.random() < NAMED_FAMILY else None
    return Meaning(bool(rng.random() < 0.5), kind, family)


def _sentence(
    meaning: Meaning,
    nouns: Mapping[str, Sequence[str]],
    strange: Mapping[str, Sequence[str]],
    rng: np.random.Generator,
) -> str:
    """A sentence; one that names no family sometimes names a thing whose shape means nothing."""
    if meaning.family is None and rng.random() < STRANGE:
        return compose(Meaning(meaning.defective, meaning.kind, ""), strange, rng)
    return compose(meaning, nouns, rng)
