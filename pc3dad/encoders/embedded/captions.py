"""Sentences about intact and defective things: what the text tower of `tiny` is trained on and asked with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

NORMAL = (
    *("normal", "intact", "flawless", "perfect", "undamaged", "good", "clean", "unblemished", "pristine"),
    *("faultless", "healthy", "regular", "unbroken", "whole", "new"),
)
DEFECTIVE = (
    *("defective", "damaged", "flawed", "broken", "faulty", "anomalous", "imperfect", "bad", "abnormal"),
    *("blemished", "irregular", "unusual", "faulted", "spoiled"),
)
WITHOUT = (
    *("without defect", "without a defect", "without defects", "without damage", "without flaw"),
    *("with no defects", "in perfect condition", "in good condition", "with a smooth surface"),
)
WITH = ("with a defect", "with defects", "with damage", "with flaw", "with a flaw", "in bad condition")
GENERIC = (
    "object",
    "item",
    "part",
    "thing",
    "product",
    "piece",
    "component",
    "workpiece",
    "shape",
    "surface",
)
PREFIXES = (
    *(
        "",
        "a ",
        "the ",
        "this ",
        "a photo of a ",
        "a photo of the ",
        "a cropped photo of a ",
        "an image of a ",
    ),
    *(
        "a picture of a ",
        "a depth map of a ",
        "a depth image of a ",
        "a rendering of a ",
        "a point cloud of a ",
    ),
    *("a scan of a ", "a 3d model of a ", "a close up of a "),
)
ENDINGS = ("", ".", " .")
BARE = 0.08  # share of sentences that are a state word and " ." alone
UNKNOWN = 0.05  # share of the words that are replaced by the unknown one


@dataclass(frozen=True, slots=True)
class KindWords:
    """How a kind of defect is called: before the noun, and after it."""

    adjectives: tuple[str, ...]
    phrases: tuple[str, ...]


KIND_WORDS: Mapping[str, KindWords] = MappingProxyType(
    {
        "bend": KindWords(("bent", "deformed", "twisted"), ("with a bent end", "with a bend")),
        "bulge": KindWords(("bulging", "swollen"), ("with a bulge", "with a bump", "with a swelling")),
        "contamination": KindWords(
            ("contaminated", "dirty"), ("with contamination", "with a lump", "with foreign material")
        ),
        "crack": KindWords(("cracked", "fractured"), ("with a crack", "with a fracture")),
        "cut_off": KindWords(("cut", "chipped"), ("with a missing corner", "with a broken edge")),
        "dent": KindWords(("dented", "concave"), ("with a dent", "with a sink", "with a concavity")),
        "hole": KindWords(("holed", "punctured"), ("with a hole", "with a pit", "with missing material")),
        "scratch": KindWords(("scratched", "scraped"), ("with a scratch", "with a groove")),
        "stain": KindWords(("stained", "discoloured"), ("with a stain", "with a spot", "with wrong colour")),
        # Kinds below have words and axes, but no picture and no cloud in training.
        "pits": KindWords(("pitted", "porous"), ("with pits", "with pores")),
        "rough": KindWords(("rough", "worn"), ("with a rough surface", "with wear")),
        "ridge": KindWords(("ridged", "burred"), ("with a ridge", "with a burr")),
        "other": KindWords(("warped", "melted", "squeezed", "combined"), ("with a wrinkle", "with rust")),
    }
)
"""Kinds of defects; those of `pc3dad.data.synthetic` first."""

STATE_PROMPTS: Mapping[bool, tuple[str, ...]] = MappingProxyType(
    {
        False: (
            *("a photo of a normal object.", "normal object.", "flawless object."),
            *("an object without defect.", "a perfect part.", "normal ."),
        ),
        True: (
            *("a photo of a damaged object.", "damaged object.", "defective object."),
            *("an object with a defect.", "a broken part.", "defective ."),
        ),
    }
)
"""What intact and defective things are told apart with in all checks: six sentences each."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a sentence says.

    Attributes:
        defective: the state.
        kind: of the defect, if it is named.
        family: of the shape, if it is named.
    """

    defective: bool
    kind: str | None = None
    family: str | None = None


def compose(meaning: Meaning, nouns: Mapping[str, Sequence[str]], rng: np.random.Generator) -> str:
    """A random sentence with that meaning.

    Args:
        meaning: what it says; the kind of an intact thing is ignored.
        nouns: names of each family.
        rng: source of the choice.
    """
    words = DEFECTIVE if meaning.defective else NORMAL
    named = meaning.kind if meaning.defective else None
    if meaning.family is None and named is None and rng.random() < BARE:
        return f"{_one(words, rng)} ."
    noun = _one(GENERIC if meaning.family is None else nouns[meaning.family], rng)
    prefix, ending = _one(PREFIXES, rng), _one(ENDINGS, rng)
    if named is not None:
        before, after = KIND_WORDS[named].adjectives, KIND_WORDS[named].phrases
    else:
        before, after = words, WITH if meaning.defective else WITHOUT
    if rng.random() < 0.5:
        return f"{prefix}{_one(before, rng)} {noun}{ending}"
    return f"{prefix}{noun} {_one(after, rng)}{ending}"


def naming_prompts(noun: str) -> tuple[str, ...]:
    """Sentences that name a shape and leave its state open, as far as a sentence can."""
    return (f"a normal {noun}.", f"a photo of a perfect {noun}.", f"a damaged {noun}.", f"a broken {noun}.")


def all_words(nouns: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Every string that a sentence can be made of, for the table of tokens."""
    kinds = [word for words in KIND_WORDS.values() for word in (*words.adjectives, *words.phrases)]
    named = [noun for family in nouns.values() for noun in family]
    states = [sentence for sentences in STATE_PROMPTS.values() for sentence in sentences]
    return (*NORMAL, *DEFECTIVE, *WITHOUT, *WITH, *GENERIC, *PREFIXES, *ENDINGS, *kinds, *named, *states)


def _one(choices: Sequence[str], rng: np.random.Generator) -> str:
    return choices[int(rng.integers(len(choices)))]
