"""Reads every sample of a data set and says what to know before trusting numbers made from it."""

import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pc3dad.data import tree
from pc3dad.data.base import Dataset, Finding, SampleRef, Severity
from pc3dad.data.organised import border
from pc3dad.errors import DataError
from pc3dad.io import digest
from pc3dad.types import BoolArray, PointCloud, Split

ResultT = TypeVar("ResultT")
MILLIMETRES_FROM = 10.0  # scanned parts are shorter than 10 m and longer than 10 mm


@runtime_checkable
class KnowsItsFiles(Protocol):
    """A data set that can say more than its samples tell: counts, releases, files in wrong places."""

    def problems(self, category: str) -> Iterator[Finding]:
        """Findings about the folder of one category."""
        ...


@dataclass(frozen=True, slots=True)
class ScanFacts:
    """What is kept of one scan.

    Attributes:
        points: points of the file.
        valid: how many of them are valid.
        missing: how many are not finite or at exactly (0, 0, 0).
        extent: longest side of the box around the valid points, unit of the file; None without any.
        content: digest of the coordinates.
        unmeasured: anomalous points that are not valid.
        grid: (H, W) of an organised scan.
        rim: share of the outermost pixels of an organised scan that are not missing.
    """

    points: int
    valid: int
    missing: int
    extent: float | None
    content: str
    unmeasured: int
    grid: tuple[int, int] | None
    rim: float | None


@runtime_checkable
class KnowsItsReleases(Protocol):
    """A data set of which copies circulate that only the scans themselves tell from the original."""

    def release(self, category: str, scans: Mapping[str, ScanFacts]) -> Iterator[Finding]:
        """Which release the readable scans of one category, by sample id, are of."""
        ...


@dataclass(frozen=True, slots=True)
class _Labels:
    """What is kept of one truth; `positives` counts the anomalous ones of `points`, None if unknown."""

    anomalous: bool | None
    points: int
    positives: int | None


@dataclass(frozen=True, slots=True)
class _Facts:
    """One sample once it was read; None where that part could not be read."""

    ref: SampleRef
    scan: ScanFacts | None
    labels: _Labels | None


def verify(dataset: Dataset) -> Iterator[Finding]:
    """Checks all categories, one after the other; findings come as soon as a category is done.

    Errors in files are findings here and stop nothing. Like ones are counted in one finding that names each.
    One scan at a time is in memory.
    """
    first_seen: dict[str, SampleRef] = {}
    categories = dataset.categories()
    absent = [name for name in dataset.card.categories if name not in categories]
    if 0 < len(absent) < len(dataset.card.categories):  # a subset of its own may have other categories
        text = f"{len(absent)} of {len(dataset.card.categories)} categories are not here"
        yield Finding(Severity.NOTE, dataset.card.slug, text, tuple(absent))
    for category in categories:
        errors: list[DataError] = []
        facts = _read_all(dataset, category, errors)
        own = _own_findings(dataset, category, facts, errors)
        yield from _grouped(category, errors)
        yield from own
        yield from _label_findings(category, facts)
        yield from _duplicate_findings(category, facts, first_seen)
        yield from _summary(category, facts, dataset.card.unit)


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
        return None


def _read_all(dataset: Dataset, category: str, errors: list[DataError]) -> list[_Facts]:
    """Facts of every sample of one category."""
    facts: list[_Facts] = []
    for split in Split:
        refs = _tried(partial(dataset.refs, category, split), errors)
        if refs == [] and dataset.card.categories and split in (Split.TRAIN, Split.TEST):
            errors.append(DataError(f"no {split} samples"))
        facts += [_read(dataset, ref, errors) for ref in refs or ()]
    return facts


def _own_findings(
    dataset: Dataset, category: str, facts: Sequence[_Facts], errors: list[DataError]
) -> list[Finding]:
    """What the data set itself has to say."""
    found: list[Finding] = []
    if isinstance(dataset, KnowsItsFiles):
        found += _tried(lambda: list(dataset.problems(category)), errors) or []
    if isinstance(dataset, KnowsItsReleases):
        scans = {fact.ref.id: fact.scan for fact in facts if fact.scan is not None}
        found += dataset.release(category, scans)
    return found


def _read(dataset: Dataset, ref: SampleRef, errors: list[DataError]) -> _Facts:
    sample = _tried(partial(dataset.load, ref), errors)
    truth = _tried(partial(dataset.truth, ref), errors)
    points = None if truth is None else truth.points
    if sample is not None and points is not None and len(points) != len(sample.cloud):
        errors.append(DataError(f"{ref.id} has {len(points)} labels for {len(sample.cloud)} points"))
        points = None
    return _Facts(
        ref,
        None if sample is None else _scan_facts(sample.cloud, points),
        None if truth is None else _label_facts(truth.anomalous, points),
    )


def _scan_facts(cloud: PointCloud, points: BoolArray | None) -> ScanFacts:
    at_zero = (cloud.xyz == (-cloud.origin).astype(np.float32)).all(axis=1)
    missing = ~np.isfinite(cloud.xyz).all(axis=1) | at_zero
    rim = None if cloud.grid is None else ~missing.reshape(cloud.grid)[border(*cloud.grid, pixels=1)]
    return ScanFacts(
        points=len(cloud),
        valid=int(cloud.valid.sum()),
        missing=int(missing.sum()),
        extent=float(np.ptp(cloud.valid_xyz, axis=0).max()) if cloud.valid.any() else None,
        content=digest.of_array(cloud.xyz) + cloud.origin.tobytes().hex(),
        unmeasured=0 if points is None else int((points & ~cloud.valid).sum()),
        grid=cloud.grid,
        rim=None if rim is None or not rim.size else float(rim.mean()),
    )


def _label_facts(anomalous: bool | None, points: BoolArray | None) -> _Labels:
    if points is None:
        return _Labels(anomalous, 0, None)
    return _Labels(anomalous, len(points), int(points.sum()))


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


def _label_findings(category: str, facts: Sequence[_Facts]) -> Iterator[Finding]:
    labels = [(fact.ref.id, fact.labels) for fact in facts if fact.labels is not None]
    defective = [(name, one.positives) for name, one in labels if one.anomalous]
    checks = (
        (
            Severity.ERROR,
            "normal samples have anomalous points",
            [name for name, one in labels if one.anomalous is False and one.positives],
        ),
        (
            Severity.WARNING,
            "defective samples have no anomalous point",
            [name for name, positives in defective if positives == 0],
        ),
        (
            Severity.NOTE,
            "defective samples have no point labels",
            [name for name, positives in defective if positives is None],
        ),
        (
            Severity.WARNING,
            "samples have no valid point",
            [fact.ref.id for fact in facts if fact.scan is not None and fact.scan.valid == 0],
        ),
    )
    for severity, what, names in checks:
        if names:
            yield Finding(severity, category, f"{len(names)} {what}", tuple(names))
    if unmeasured := sum(fact.scan.unmeasured for fact in facts if fact.scan is not None):
        total = sum(positives or 0 for _, positives in defective)
        yield Finding(
            Severity.NOTE, category, f"{unmeasured} of {total} anomalous points are not valid points"
        )


def _duplicate_findings(
    category: str, facts: Sequence[_Facts], first_seen: dict[str, SampleRef]
) -> Iterator[Finding]:
    pairs = []
    for fact in facts:
        if fact.scan is not None:
            first = first_seen.setdefault(fact.scan.content, fact.ref)
            if first is not fact.ref:
                pairs.append(f"{fact.ref.id} = {first.category} {first.id}")
    if pairs:
        text = f"{len(pairs)} scans are copies of another one"
        yield Finding(Severity.WARNING, category, text, tuple(pairs))


def _summary(category: str, facts: Sequence[_Facts], unit: str) -> Iterator[Finding]:
    for split in Split:
        part = [fact.labels for fact in facts if fact.ref.split is split]
        if part:
            labels = [one for one in part if one is not None]
            known = [one.anomalous for one in labels]
            text = f"{split}: {len(part)} samples, {known.count(False)} normal, {known.count(True)} defective"
            if positives := sum(one.positives or 0 for one in labels):
                share = 100 * positives / sum(one.points for one in labels)
                text += f", {share:.3g} % of the labelled points anomalous"
            yield Finding(Severity.NOTE, category, text)
    scans = [fact.scan for fact in facts if fact.scan is not None]
    if scans:
        numbers = [(one.points, one.valid, one.missing) for one in scans]
        total, valid, missing = np.array(numbers, dtype=np.int64).T
        text = (
            f"{_span(total)} points, {_span(100 * valid / total.clip(1), '.1f')} % valid, "
            f"{_span(100 * missing / total.clip(1), '.1f')} % not finite or at (0, 0, 0)"
        )
        yield Finding(Severity.NOTE, category, text)
    extents = [one.extent for one in scans if one.extent is not None]
    if extents:
        guess = "millimetre" if np.median(extents) >= MILLIMETRES_FROM else "metre"
        surprising = unit in ("metre", "millimetre") and unit != guess
        yield Finding(
            Severity.WARNING if surprising else Severity.NOTE,
            category,
            f"longest side {_span(np.array(extents), '.4g')}, as expected of the unit {guess}"
            + (f", but the data set is in {unit}s" if surprising else ""),
        )


def _span(values: NDArray[Any], form: str = "d") -> str:
    low, high = format(values.min(), form), format(values.max(), form)
    return low if low == high else f"{low} to {high}"
