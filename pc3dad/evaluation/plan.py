"""From a benchmark to its fits and cells: opens the data sets, lays out training sets, and names each unit.

Ids are digests of all that can change a result: configuration, revision of the method, data, seed.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pc3dad.cards import MethodCard
from pc3dad.config import Config, nearest, plain
from pc3dad.data.base import Dataset, Finding, Severity, TrainView, dataset_errors
from pc3dad.data.verify import KnowsItsFiles, KnowsItsFolders, unusable_findings
from pc3dad.errors import ConfigError, Pc3dadError
from pc3dad.evaluation import given
from pc3dad.evaluation.spec import BenchSpec, DatasetSpec, MethodSpec
from pc3dad.evaluation.units import Cell, Fit, OpenDataset, Plan, Variant, fingerprints_of
from pc3dad.io import digest
from pc3dad.metrics.base import resolve_metrics
from pc3dad.registry import Catalogue, DatasetEntry, MethodEntry
from pc3dad.types import Regime, Split
from pc3dad.weights import cards, store

SCHEMA = 2
EACH = "each"  # stands for one training set per category of the data set

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class _TrainingSet:
    """Labelled categories of one data set."""

    source: OpenDataset
    categories: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.source.spec.variant}:{'+'.join(self.categories)}"


def make_plan(spec: BenchSpec, *, methods: Catalogue[MethodEntry], datasets: Catalogue[DatasetEntry]) -> Plan:
    """Validates every name and option, opens the data sets and lays out fits and cells.

    Raises:
        ConfigError: names and options that are wrong, all at once, before any data is read.
        DataError: a data set cannot be opened.
    """
    problems: list[Pc3dadError] = []
    _collect(problems, partial(resolve_metrics, spec.metrics))
    variants = [_collect(problems, partial(_variant, item, methods)) for item in spec.methods]
    options = [_collect(problems, partial(_configure, item, datasets)) for item in spec.datasets]
    for name in spec.roots:
        _collect(problems, partial(datasets.__getitem__, name))
    if problems:
        raise ConfigError("; ".join(problem.message for problem in problems), hint=problems[0].hint)
    ready = given.assigned([variant for variant in variants if variant is not None], spec.fits)
    opened = [
        _open(item, datasets[item.name], config, spec.roots)
        for item, config in zip(spec.datasets, options, strict=True)
        if config is not None
    ]
    cells: list[Cell] = []
    notes = list(given.notes(ready))
    prints = _Fingerprints()
    for source in opened:
        needed = [
            item.spec.name for item in ready if item.entry.ready.regime is Regime.AUXILIARY and not item.fits
        ]
        sets = _training_sets(source, opened, spec, datasets, needed)
        held = [*sets, *(_held(fit, source) for variant in ready for fit in given.fits(variant))]
        notes += _notes(source, held)
        for variant in ready:
            cells += _cells(variant, source, sets, held, seeds=spec.seeds, prints=prints)
    if not cells:
        raise ConfigError(
            "there is nothing to score: all categories are trained on", hint="name other categories"
        )
    return Plan(spec, tuple(sorted(cells, key=_order(cells))), tuple(notes))


def plan_fit(
    method: MethodSpec,
    training: DatasetSpec,
    seed: int,
    *,
    methods: Catalogue[MethodEntry],
    datasets: Catalogue[DatasetEntry],
) -> Fit:
    """One training of an auxiliary method outside of a benchmark; its id is that of the same in one.

    Args:
        method: the variant.
        training: data set and the categories to train one model on; "all" means those of its card.
        seed: seed of everything random.
        methods: all methods.
        datasets: all data sets.

    Raises:
        ConfigError: a name or an option is wrong.
        DataError: the data set cannot be opened.
    """
    variant = _variant(method, methods)
    source = _open(training, datasets[training.name], _configure(training, datasets), {})
    if training.categories == "all":
        categories = _auxiliary_categories(source, [method.name])
    else:
        categories = tuple(sorted(source.categories))
    view = _auxiliary_view(_TrainingSet(source, categories))
    return _fit(variant, seed, view, _Fingerprints())


def _collect(problems: list[Pc3dadError], call: Callable[[], ResultT]) -> ResultT | None:
    try:
        return call()
    except Pc3dadError as error:
        problems.append(error)
        return None


def _variant(item: MethodSpec, methods: Catalogue[MethodEntry]) -> Variant:
    return Variant(item, methods[item.name], _configure(item, methods))


def _configure(item: MethodSpec | DatasetSpec, catalogue: Catalogue[Any]) -> Config:
    config: Config = catalogue[item.name].configure(item.values)
    return config


def _open(spec: DatasetSpec, entry: DatasetEntry, config: Config, roots: dict[str, Path]) -> OpenDataset:
    dataset: Dataset = entry.open(roots.get(spec.name) or spec.root, config)
    there = dataset.categories()
    wanted = there if spec.categories == "all" else list(spec.categories)
    _require_categories(spec.variant, wanted, there)
    return OpenDataset(spec, entry, dataset, tuple(dict.fromkeys(wanted)))


def _require_categories(owner: str, wanted: Sequence[str], there: Sequence[str]) -> None:
    for category in wanted:
        if category not in there:
            raise ConfigError(f"{owner} has no category {category!r}{nearest(category, there)}")


def _training_sets(
    source: OpenDataset,
    opened: Sequence[OpenDataset],
    spec: BenchSpec,
    datasets: Catalogue[DatasetEntry],
    needed: list[str],
) -> list[_TrainingSet]:
    """Training sets the user named, else those of the card if a method needs them, else none."""
    if source.spec.train:
        words = [
            word
            for text in source.spec.train
            for word in (source.dataset.categories() if text == EACH else [text])
        ]
        named = [_training_set(word, source, opened, spec, datasets) for word in words]
        return list({item.name: item for item in named}.values())
    if not needed:
        return []
    return [_TrainingSet(source, (category,)) for category in _auxiliary_categories(source, needed)]


def _auxiliary_categories(source: OpenDataset, needed: Sequence[str]) -> tuple[str, ...]:
    """Training categories of the card of a data set, for the methods named in `needed`."""
    auxiliary = source.entry.ready.auxiliary
    missing = sorted(set(auxiliary) - set(source.dataset.categories()))
    if missing or not auxiliary:
        which = (
            f"its auxiliary categories {', '.join(missing)} are not in the folder"
            if missing
            else "it names none"
        )
        reason = (
            f"{', '.join(needed)} must be trained, but {source.spec.variant} offers no training set: {which}"
        )
        raise ConfigError(reason, hint="pass --train-on DATASET:CATEGORY")
    return auxiliary


def _training_set(
    text: str,
    source: OpenDataset,
    opened: Sequence[OpenDataset],
    spec: BenchSpec,
    datasets: Catalogue[DatasetEntry],
) -> _TrainingSet:
    """Parses "A+B" or "OTHER:A+B"."""
    name, colon, words = text.rpartition(":")
    known = next((item for item in (source, *opened) if item.spec.name == name), None) if colon else source
    if known is None:
        entry = datasets[name]
        known = _open(DatasetSpec(name=name), entry, entry.configure({}), spec.roots)
    categories = tuple(sorted({word for word in words.split("+") if word}))
    if not categories:
        raise ConfigError(f"training set {text!r} names no category", hint="write DATASET:A+B")
    _require_categories(known.spec.variant, categories, known.dataset.categories())
    return _TrainingSet(known, categories)


def _notes(source: OpenDataset, sets: Sequence[_TrainingSet]) -> Iterator[str]:
    """Says where a copy differs from the published one, and which categories no method scores."""
    for finding in _findings(source.dataset, source.categories):
        if finding.severity is not Severity.NOTE:
            yield f"{source.spec.variant}, {finding.category}: {finding.message}"
    inside = [set(item.categories) if item.source is source else set() for item in sets]
    left_out = sorted(set.intersection(*inside) & set(source.categories)) if inside else []
    if left_out:
        yield f"{source.spec.variant}: {', '.join(left_out)} trained on, not scored"


def _findings(dataset: Dataset, categories: Sequence[str]) -> Iterator[Finding]:
    """What a data set has to say about its files; that it cannot is a finding too, cells tell more."""
    if isinstance(dataset, KnowsItsFolders):
        yield from unusable_findings(dataset.folders)
    if isinstance(dataset, KnowsItsFiles):
        for category in categories:
            try:
                with dataset_errors(category):
                    found = list(dataset.problems(category))
            except Pc3dadError as error:
                found = [Finding(Severity.ERROR, category, str(error))]
            yield from found


def _held(fit: Fit, source: OpenDataset) -> _TrainingSet:
    """The categories of a data set that a stored fit was trained on."""
    return _TrainingSet(source, given.trained_on(fit, source))


def _cells(
    variant: Variant,
    source: OpenDataset,
    sets: Sequence[_TrainingSet],
    held: Sequence[_TrainingSet],
    *,
    seeds: Sequence[int],
    prints: "_Fingerprints",
) -> list[Cell]:
    card = variant.entry.ready
    cells = []
    for fit in given.fits(variant):
        cells += [_cell(fit, source, name, prints) for name in _without(source, [_held(fit, source)])]
    if variant.fits:
        return cells
    for seed in seeds[:1] if card.deterministic else seeds:
        if card.regime is Regime.AUXILIARY:
            for training in sets:
                fit = _fit(variant, seed, _auxiliary_view(training), prints)
                cells += [_cell(fit, source, category, prints) for category in _without(source, [training])]
        elif card.regime in (Regime.ONE_CLASS, Regime.FEW_SHOT):
            for category in _without(source, held):
                view = _normal_view(card.regime, source, category, variant.config)
                cells.append(_cell(_fit(variant, seed, view, prints), source, category, prints))
        else:
            fit = _fit(variant, seed, TrainView(card.regime), prints)
            cells += [_cell(fit, source, category, prints) for category in _without(source, held)]
    return cells


class _Fingerprints:
    """Fingerprints by data set and category, each taken once: it walks thousands of files."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, str], str] = {}

    def of(self, dataset: Dataset, category: str) -> str:
        key = (id(dataset), category)
        if key not in self._known:
            self._known[key] = self._taken(dataset, category)
        return self._known[key]

    def _taken(self, dataset: Dataset, category: str) -> str:
        try:
            with dataset_errors(category):
                return dataset.fingerprint(category)
        except Pc3dadError as error:  # the cells of this category fail with it, the others go on
            return f"unknown: {error}"


def _without(source: OpenDataset, sets: Sequence[_TrainingSet]) -> list[str]:
    """Categories to score: those that at least one of the training sets does not hold."""
    inside = [item.categories if item.source is source else () for item in sets]
    return [name for name in source.categories if not inside or any(name not in held for held in inside)]


def _auxiliary_view(training: _TrainingSet) -> TrainView:
    """Labelled test samples of the auxiliary categories, which is what the published protocols train on."""
    dataset = training.source.dataset
    refs = [ref for category in training.categories for ref in dataset.refs(category, Split.TEST)]
    return TrainView(Regime.AUXILIARY, training.name, [(dataset, ref) for ref in refs])


def _normal_view(regime: Regime, source: OpenDataset, category: str, config: Config) -> TrainView:
    """Normal samples of the target category; few-shot methods get the first `shots` of them."""
    refs = source.dataset.refs(category, Split.TRAIN)
    if regime is Regime.FEW_SHOT:
        refs = refs[: getattr(config, "shots", 1)]
    name = f"{source.spec.variant}: normal samples of the target"  # no category: a run spans all of them
    return TrainView(regime, name, [(source.dataset, ref) for ref in refs])


def _fit(variant: Variant, seed: int, train: TrainView, prints: _Fingerprints) -> Fit:
    card, config = variant.entry.ready, variant.config
    data = fingerprints_of(train.sources, prints.of)
    facts = {
        "schema": SCHEMA,
        "method": card.slug,
        "revision": card.revision,
        "weights": _weights(card, config),
        "config": plain(config),
        "seed": 0 if card.deterministic else seed,
        "train": [
            f"{dataset.card.slug}/{ref.category}/{ref.split}/{ref.id}" for dataset, ref in train.sources
        ],
        "data": data,
    }
    return Fit(digest.of_plain(facts)[:16], variant.spec, variant.entry, config, train, seed, data)


def _weights(card: MethodCard, config: Config) -> list[tuple[str, ...]]:
    """Names and digests of the weights that the configuration names, or of all if it names none."""
    named = {value for value in plain(config).values() if isinstance(value, str)}
    used = [slug for slug in card.weights if slug in named] or card.weights
    known = {one.slug: one for one in cards.CARDS}
    return [(slug, *(store.digests(known[slug]) if slug in known else ())) for slug in used]


def _cell(fit: Fit, source: OpenDataset, category: str, prints: _Fingerprints) -> Cell:
    data = prints.of(source.dataset, category)
    facts = {"schema": SCHEMA, "dataset": source.spec.variant, "category": category, "data": data}
    labels = digest.of_plain(facts)[:16]
    return Cell(digest.of_plain({"fit": fit.id, "labels": labels})[:16], labels, data, fit, source, category)


def _order(cells: Sequence[Cell]) -> Callable[[Cell], int]:
    """Sort key that keeps the order but brings cells of one fit together, so that it is loaded once."""
    first: dict[str, int] = {}
    for index, cell in enumerate(cells):
        first.setdefault(cell.fit.id, index)
    return lambda cell: first[cell.fit.id]
