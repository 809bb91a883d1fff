"""Fits that were made elsewhere, such as those of authors, in a benchmark: whose they are, what they see."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pc3dad.cards import MethodCard
from pc3dad.config import Config
from pc3dad.data.base import TrainView
from pc3dad.errors import ConfigError
from pc3dad.evaluation import kept
from pc3dad.evaluation.units import Fit, OpenDataset, Variant
from pc3dad.io import digest
from pc3dad.runs import store
from pc3dad.types import Regime


def assigned(variants: Sequence[Variant], folders: Sequence[Path]) -> list[Variant]:
    """The variants, each with the stored fits that are of its method, revision and configuration.

    Raises:
        ConfigError: a fit is of a method that is not compared, or that does not train on other categories, or
            two are of the same training.
        WeightsError: it is not finished, or of another revision or configuration.
        DataError: it is damaged.
    """
    found: list[list[Path]] = [[] for _ in variants]
    known: set[tuple[int, str, str]] = set()
    for folder in folders:
        facts = kept.read_fit(folder)
        name = facts.get("method")
        same = [index for index, item in enumerate(variants) if item.spec.name == name]
        if not same:
            raise ConfigError(f"{folder} is a fit of {name}, which is not compared", hint="see --methods")
        fitting = [index for index in same if not kept.difference(facts, *_identity(variants[index]))]
        index = next(iter(fitting), same[0])
        kept.require_fit(folder, *_identity(variants[index]))
        if variants[index].entry.ready.regime is not Regime.AUXILIARY:
            raise ConfigError(f"{name} is trained on each category anew", hint=f"leave out --fit {folder}")
        training = index, str(facts.get("train")), str(facts.get("seed"))
        if training in known:
            hint = "leave one out, or tell `methods import` what each was trained on"
            raise ConfigError(f"{folder} was trained on {training[1]} as another one of {name}", hint=hint)
        known.add(training)
        found[index].append(folder)
    return [replace(item, fits=tuple(own)) for item, own in zip(variants, found, strict=True)]


def _identity(variant: Variant) -> tuple[MethodCard, Config]:
    return variant.entry.ready, variant.config


def notes(variants: Sequence[Variant]) -> Iterator[str]:
    """Warns of fits that may have seen what they score."""
    for item in variants:
        if any(kept.read_fit(folder).get("train") == kept.UNKNOWN for folder in item.fits):
            yield f"{item.spec.variant}: a fit does not tell what it has seen, which may be among the scored"


def fits(variant: Variant) -> Iterator[Fit]:
    """The stored fits of a variant; their ids follow from what was made, not from data that may be gone."""
    for folder in variant.fits:
        facts, made = kept.read_fit(folder), store.read_json(folder / store.DONE).get("made")
        name = digest.of_plain({"method": variant.spec.name, "made": made})[:16]
        view = TrainView(Regime.AUXILIARY, str(facts.get("train")))
        seed = int(facts.get("seed", 0))
        yield Fit(name, variant.spec, variant.entry, variant.config, view, seed, (), stored=folder)


def trained_on(fit: Fit, source: OpenDataset) -> tuple[str, ...]:
    """Categories of a data set that a stored fit has seen, whatever options the data set had."""
    owner, _, words = fit.train.name.rpartition(":")
    return tuple(words.split("+")) if owner.partition("[")[0] == source.spec.name else ()
