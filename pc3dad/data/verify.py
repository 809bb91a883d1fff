"""Reads every sample of a data set and says what to know before trusting numbers made from it."""

import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar, runtime_checkable

from pc3dad.data import tree
from pc3dad.data.base import Dataset, Finding, SampleRef, Severity
from pc3dad.data.facts import (
    SampleFacts,
    ScanFacts,
    duplicate_findings,
    label_facts,
    label_findings,
    scan_facts,
    summary,
)
from pc3dad.errors import DataError
from pc3dad.types import Split

ResultT = TypeVar("ResultT")
ARCHIVES = (".zip", ".rar", ".7z", ".tar", ".gz", ".tgz", ".xz", ".bz2")
DOCUMENTS = (
    "readme",
    "license",
    "licence",
    "changelog",
    "citation",
    "synthesize",
)  # what belongs to releases


@runtime_checkable
class KnowsItsFiles(Protocol):
    """A data set that can say more than its samples tell: counts, releases, files in wrong places."""

    def problems(self, category: str) -> Iterator[Finding]:
        """Findings about the folder of one category."""
        ...


@runtime_checkable
class KnowsItsFolders(Protocol):
    """A data set that lies in folders, one for each category."""

    @property
    def folders(self) -> tree.CategoryFolders:
        """Where they are. `verify` names what lies beside them, and what in them cannot be reached."""
        ...


@runtime_checkable
class ReadsMore(Protocol):
    """A data set with files of samples that neither `load` nor `truth` reads, only `verify` does."""

    def check(self, ref: SampleRef) -> Iterator[Finding | DataError]:
        """Reads these files of one sample. Yielding an error, unlike raising it, lets it go on with the next.

        Findings of the same severity and message are one in the report: the number of all their items comes
        before the message, which itself holds no count and no name (`"renders are of another size"`).

        Raises:
            DataError: a file cannot be read; an error finding, as of `load` and `truth`.
        """
        ...


@runtime_checkable
class ReadsCategoryFiles(Protocol):
    """A data set with files that belong to a category and to no sample of it."""

    def check_category(self, category: str) -> Iterator[Finding | DataError]:
        """Reads these files of one category, in `verify` only; as `ReadsMore.check` otherwise."""
        ...


@runtime_checkable
class KnowsItsReleases(Protocol):
    """A data set of which copies circulate that only the scans themselves tell from the original."""

    def release(self, category: str, scans: Mapping[str, ScanFacts]) -> Iterator[Finding]:
        """Which release the readable scans of one category, by sample id, are of."""
        ...


def verify(dataset: Dataset) -> Iterator[Finding]:
    """Checks all categories, one after the other; findings come as soon as a category is done.

    Errors in files are findings here and stop nothing. Like ones are counted in one finding that names each.
    One scan at a time is in memory.
    """
    first_seen: dict[str, SampleRef] = {}
    categories = dataset.categories()
    folders = dataset.folders if isinstance(dataset, KnowsItsFolders) else None
    there = {*categories, *(folders.unusable if folders else ())}
    published = folders.published if folders and folders.published else dataset.card.categories
    absent = [name for name in published if name not in there]
    if absent:
        text = f"{len(absent)} of {len(published)} categories are not here"
        yield Finding(Severity.NOTE, dataset.card.slug, text, tuple(absent))
    if folders is not None:
        yield from _beside_findings(dataset.card.slug, folders)
        yield from unusable_findings(folders)
    for category in categories:
        errors: list[DataError] = []
        more: list[Finding] = []
        facts = _read_all(dataset, category, errors, more)
        own = _own_findings(dataset, category, facts, errors)
        yield from _grouped(category, errors)
        yield from _merged(category, more)
        if folders is not None:
            yield from _unreachable_findings(category, folders.usable[category])
        yield from own
        yield from label_findings(category, facts)
        yield from duplicate_findings(category, facts, first_seen)
        yield from summary(category, facts, dataset.card.unit)


def compare_counts(category: str, found: Mapping[str, int], expected: Mapping[str, int]) -> Iterator[Finding]:
    """One warning with all numbers if a copy holds other samples than the published inventory."""
    names = [*expected, *(name for name in found if name not in expected)]
    other = [name for name in names if found.get(name, 0) != expected.get(name, 0)]
    if other:
        listed = ", ".join(f"{name} {found.get(name, 0)} of {expected.get(name, 0)}" for name in other)
        yield Finding(Severity.WARNING, category, f"not the published number of samples: {listed}")


def inventory_findings(
    category: str,
    folder: Path,
    *,
    expected: Iterable[Path | str],
    used: Iterable[Path | str],
    optional: Iterable[Path | str] = (),
) -> Iterator[Finding]:
    """Files of one category against the published inventory: missing, empty and unexpected ones, all named.

    Files are given as paths, or as text: their path from `folder`, with `/`. They are compared in any case,
    and another case than published is noted.

    Args:
        category: name.
        folder: folder of the category; items are named relative to it.
        expected: files that a complete copy has and the loader needs.
        used: files that the loader reads, and documents that belong to the release.
        optional: files that a complete copy has and the loader can do without.
    """
    there = {name: size for name, size in tree.sizes(folder).items() if not tree.is_junk(name)}
    folded = {name.casefold() for name in there}
    needed, spare, known = (
        {str(path).removeprefix(f"{folder}/") for path in part} for part in (expected, optional, used)
    )
    published = needed | spare
    strange = there.keys() - published
    respelt = strange & _in_any_case(strange, {name.casefold() for name in published})
    groups = (
        (Severity.WARNING, "of the published set are missing", needed - _in_any_case(needed, folded)),
        (
            Severity.NOTE,
            "that can be done without are missing",
            spare - needed - _in_any_case(spare, folded),
        ),
        (Severity.ERROR, "are empty", {name for name, size in there.items() if size == 0}),
        (Severity.WARNING, "do not belong to the layout and are not read", strange - known - respelt),
        (Severity.NOTE, "are spelt in another case than published", respelt),
    )
    for severity, what, names in groups:
        if names:
            items = tuple(sorted(names, key=tree.natural))
            yield Finding(severity, category, f"{len(items)} files {what}", items)


def _in_any_case(names: Iterable[str], folded: Container[str]) -> set[str]:
    """The names that are there in any case."""
    return {name for name in names if name.casefold() in folded}


def unusable_findings(folders: tree.CategoryFolders) -> Iterator[Finding]:
    """Errors about the categories that cannot be used."""
    for name, error in folders.unusable.items():
        advice = f"; {error.hint}" if error.hint else ""
        yield Finding(Severity.ERROR, name, f"left out: {error.message}{advice}")


def _beside_findings(slug: str, folders: tree.CategoryFolders) -> Iterator[Finding]:
    """What lies beside the categories: a misspelt one is not just one category less."""
    if folders.root in folders.usable.values():
        return
    known = {name.casefold() for name in (*folders.usable, *folders.unusable)}
    beside = [path for path in tree.listed(folders.root) if path.name.casefold() not in known]
    archives = [path for path in beside if path.is_file() and path.suffix.lower() in ARCHIVES]
    documents = [path for path in beside if path.name.casefold().startswith(DOCUMENTS)]
    strange = [path for path in beside if path not in (*archives, *documents)]
    for severity, what, paths in (
        (Severity.WARNING, "files or folders beside the categories are not read", strange),
        (Severity.NOTE, "archives beside the categories are not read", archives),
    ):
        if paths:
            items = tuple(f"{path.name}/" if path.is_dir() else path.name for path in paths)
            yield Finding(severity, slug, f"{len(items)} {what}", items)


def _unreachable_findings(category: str, folder: Path) -> Iterator[Finding]:
    """What is there and cannot be looked into."""
    found = tree.contents(folder)
    for severity, what, names in (
        (Severity.ERROR, "folders cannot be listed", found.unlisted),
        (Severity.WARNING, "links lead nowhere, or entries are no files", found.unreachable),
    ):
        if names:
            yield Finding(severity, category, f"{len(names)} {what}", tuple(name or "." for name in names))


def junk_findings(category: str, folder: Path) -> Iterator[Finding]:
    """One note if operating systems left files behind; they are never read."""
    if items := tuple(name for name in tree.sizes(folder) if tree.is_junk(name)):
        text = f"{len(items)} files such as ._* or .DS_Store are skipped"
        yield Finding(Severity.NOTE, category, text, items)


def _tried(call: Callable[[], ResultT], errors: list[DataError]) -> ResultT | None:
    """The result, or None and one more error. Its traceback is dropped: it would keep the scan in memory."""
    try:
        return call()
    except DataError as error:
        errors.append(DataError(error.message, hint=error.hint))
    except OSError as error:  # of a loader that does not name it: one file must not end the search
        errors.append(DataError(f"{error.filename}: {error.strerror}", hint="check the permissions"))
    return None


def _read_all(
    dataset: Dataset, category: str, errors: list[DataError], more: list[Finding]
) -> list[SampleFacts]:
    """Facts of every sample of one category, once every file that the data set knows to read was read."""
    facts: list[SampleFacts] = []
    for split in Split:
        refs = _tried(partial(dataset.refs, category, split), errors)
        if refs == [] and dataset.card.categories and split in (Split.TRAIN, Split.TEST):
            errors.append(DataError(f"no {split} samples"))
        for ref in refs or ():
            facts.append(_read(dataset, ref, errors))
            if isinstance(dataset, ReadsMore):
                _take(dataset.check(ref), more, errors)
    if isinstance(dataset, ReadsCategoryFiles):
        _take(dataset.check_category(category), more, errors)
    return facts


def _take(findings: Iterator[Finding | DataError], found: list[Finding], errors: list[DataError]) -> None:
    """Sorts what there is to say into findings and errors."""

    def sort() -> None:
        for one in findings:
            if isinstance(one, DataError):
                errors.append(DataError(one.message, hint=one.hint))  # without its traceback, see `_tried`
            else:
                found.append(one)

    _tried(sort, errors)


def _own_findings(
    dataset: Dataset, category: str, facts: Sequence[SampleFacts], errors: list[DataError]
) -> list[Finding]:
    """What the data set itself has to say."""
    found: list[Finding] = []
    if isinstance(dataset, KnowsItsFiles):
        found += _tried(lambda: list(dataset.problems(category)), errors) or []
    if isinstance(dataset, KnowsItsReleases):
        scans = {fact.ref.id: fact.scan for fact in facts if fact.scan is not None}
        found += _tried(lambda: list(dataset.release(category, scans)), errors) or []
    return found


def _read(dataset: Dataset, ref: SampleRef, errors: list[DataError]) -> SampleFacts:
    sample = _tried(partial(dataset.load, ref), errors)
    truth = _tried(partial(dataset.truth, ref), errors)
    points = None if truth is None else truth.points
    if sample is not None and points is not None and len(points) != len(sample.cloud):
        errors.append(DataError(f"{ref.id} has {len(points)} labels for {len(sample.cloud)} points"))
        points = None
    return SampleFacts(
        ref,
        None if sample is None else scan_facts(sample.cloud, points),
        None if truth is None else label_facts(truth.anomalous, points),
    )


def _merged(category: str, findings: Iterable[Finding]) -> Iterator[Finding]:
    """One finding for those of one severity and message, with all of their items."""
    alike: dict[tuple[Severity, str], list[str]] = {}
    for one in findings:
        alike.setdefault((one.severity, one.message), []).extend(one.items)
    for (severity, message), items in alike.items():
        yield Finding(severity, category, f"{len(items)} {message}", tuple(items))


def _grouped(category: str, errors: Iterable[DataError]) -> Iterator[Finding]:
    """One finding per kind of error: messages that differ only in paths and numbers are of one kind."""
    kinds: dict[str, dict[str, str]] = {}
    for error in errors:
        kind = re.sub(r"\d+", "#", re.sub(r"\S*/\S*", "/", error.message))
        kinds.setdefault(kind, {}).setdefault(
            error.message, error.hint
        )  # `load` and `truth` may share a file
    for alike in kinds.values():
        message, hint = next(iter(alike.items()))
        more = f" (and {len(alike) - 1} more like it)" if len(alike) > 1 else ""
        advice = f"; {hint}" if hint else ""
        yield Finding(Severity.ERROR, category, f"{message}{more}{advice}", tuple(alike))
