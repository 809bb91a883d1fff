"""The table of token embeddings of `tiny`, of which only the rows of known words are stored.

open_clip's tokenizer knows 49408 tokens; a full table would be most of the file. Rows of words that training
never saw are equal: one row for the unknown word, which training saw in place of 5 % of the words.
"""

from collections.abc import Callable, Mapping, Sequence

import torch

from pc3dad.data.cards import CARDS as DATASETS
from pc3dad.encoders.embedded.captions import GENERIC, all_words

UNKNOWN = 49_405  # a token of the table that no known word has
SPECIAL = (0, 49_406, 49_407)  # padding, start and end

Tokenize = Callable[[Sequence[str]], torch.Tensor]


def data_set_nouns() -> tuple[str, ...]:
    """Names of the categories of all data sets: words for things of no known shape."""
    names = {category.replace("_", " ") for card in DATASETS for category in card.categories}
    return tuple(sorted(names))


def known_tokens(tokenize: Tokenize, nouns: Mapping[str, Sequence[str]]) -> torch.Tensor:
    """(T,) int64, ascending: tokens of all words of sentences and names of data sets, and special ones."""
    words = (*all_words(nouns), *data_set_nouns(), *GENERIC)
    found = set(SPECIAL) | set(tokenize(words).flatten().tolist())
    if UNKNOWN in found:
        raise ValueError(f"token {UNKNOWN} is a known word")
    return torch.tensor(sorted(found))


def expand(rows: torch.Tensor, known: torch.Tensor, unknown: torch.Tensor, size: int) -> torch.Tensor:
    """(size, width) the whole table.

    Args:
        rows: (T, width) of the known tokens.
        known: (T,) int64.
        unknown: (width,) row of all others.
        size: of the vocabulary.
    """
    table = unknown.expand(size, -1).clone()
    table[known] = rows
    return table


def forget(ids: torch.Tensor, share: float, generator: torch.Generator) -> torch.Tensor:
    """Ids with a share of the words replaced by the unknown one; special tokens stay."""
    words = ~torch.isin(ids, torch.tensor(SPECIAL))
    lost = torch.rand(ids.shape, generator=generator) < share
    return torch.where(words & lost, UNKNOWN, ids)
