"""Reads every sample of a data set and says what to know before trusting numbers made from it."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pc3dad.data import tree
from pc3dad.data.base import Dataset, Finding, SampleRef, Severity
from pc3dad.errors import DataError
from pc3dad.io import digest
from pc3dad.types import BoolArray, PointCloud, Sample, Split, Truth

MILLIMETRES_FROM = 10.0  # scanned parts are shorter than 10 m and longer than 10 mm


@runtime_checkable
class KnowsItsFiles(Protocol):
    """A data set that can say more than its samples tell: counts, releases, files in wrong places."""

    def problems(self, category: str) -> Iterator[Finding]:
        """Findings about the folder of one category."""
        ...


@dataclass(frozen=True, slots=True)
class _Cloud:
    """What is kept of one scan."""

    points: int
    valid: int
    missing: int  # not finite, or all three coordinates zero
    extent: float | None  # longest side of the box around the valid points
    content: str  # digest of the coordinates
    unmeasured: int  # anomalous points that are not valid


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
    cloud: _Cloud | None
    labels: _Labels | None


def verify(dataset: Dataset) -> Iterator[Finding]:
    """Checks all categories, one after the other; findings come as soon as a category is done.

    Errors in files are findings here and stop nothing. Like ones are counted, not repeated.
    """
    first_seen: dict[str, SampleRef] = {}
    for category in dataset.categories():
        errors: list[DataError] = []
        facts: list[_Facts] = []
        for split in Split:
            try:
                refs = dataset.refs(category, split)
            except DataError as error:
                errors.append(error)
                continue
            if not refs and dataset.card.categories and split in (Split.TRAIN, Split.TEST):
                errors.append(DataError(f"no {split} samples"))
            facts += [_read(dataset, ref, errors) for ref in refs]
        own: list[Finding] = []
        if isinstance(dataset, KnowsItsFiles):
            try:
                own = list(dataset.problems(category))
            except DataError as error:
                errors.append(error)
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
    category: str, folder: Path, *, expected: Iterable[Path], used: Iterable[Path]
) -> Iterator[Finding]:
    """Files of one category against the published inventory: missing, empty and unexpected ones, all named.

    Args:
        category: name.
        folder: folder of the category; items are named relative to it.
        expected: files that a complete copy has.
        used: files that the loader reads, and documents that belong to the release.
    """
    there = {path for path in tree.walk(folder) if not tree.is_junk(path)}
    used = set(used)
    groups = (
        (Severity.WARNING, "of the published set are missing", set(expected) - there),
        (Severity.ERROR, "are empty", {path for path in there if path.stat().st_size == 0}),
        (Severity.WARNING, "do not belong to the layout and are not read", there - used - set(expected)),
    )
    for severity, what, paths in groups:
        if paths:
            items = sorted((path.relative_to(folder).as_posix() for path in paths), key=tree.natural)
            yield Finding(severity, category, f"{len(items)} files {what}", tuple(items))


def junk_findings(category: str, folder: Path) -> Iterator[Finding]:
    """One note if operating systems left files behind; they are never read."""
    if count := sum(tree.is_junk(path) for path in tree.walk(folder)):
        yield Finding(Severity.NOTE, category, f"{count} files such as ._* or .DS_Store are skipped")


def _read(dataset: Dataset, ref: SampleRef, errors: list[DataError]) -> _Facts:
    sample: Sample | None = None
    truth: Truth | None = None
    try:
        sample = dataset.load(ref)
    except DataError as error:
        errors.append(error)
    try:
        truth = dataset.truth(ref)
    except DataError as error:
        if str(error) not in map(str, errors[-1:]):  # `load` and `truth` stumbled over the same file
            errors.append(error)
    points = None if truth is None else truth.points
    if sample is not None and points is not None and len(points) != len(sample.cloud):
        errors.append(DataError(f"{ref.id} has {len(points)} labels for {len(sample.cloud)} points"))
        points = None
    return _Facts(
        ref,
        None if sample is None else _cloud_facts(sample.cloud, points),
        None if truth is None else _label_facts(truth.anomalous, points),
    )


def _cloud_facts(cloud: PointCloud, points: BoolArray | None) -> _Cloud:
    missing = ~np.isfinite(cloud.xyz).all(axis=1) | (cloud.xyz == 0).all(axis=1)
    return _Cloud(
        len(cloud),
        int(cloud.valid.sum()),
        int(missing.sum()),
        float(np.ptp(cloud.valid_xyz, axis=0).max()) if cloud.valid.any() else None,
        digest.of_array(cloud.xyz) + cloud.origin.tobytes().hex(),
        0 if points is None else int((points & ~cloud.valid).sum()),
    )


def _label_facts(anomalous: bool | None, points: BoolArray | None) -> _Labels:
    if points is None:
        return _Labels(anomalous, 0, None)
    return _Labels(anomalous, len(points), int(points.sum()))


def _grouped(category: str, errors: Sequence[DataError]) -> Iterator[Finding]:
    """One finding per kind of error: messages that differ in numbers only are of one kind."""
    kinds: dict[str, list[DataError]] = {}
    for error in errors:
        kinds.setdefault(re.sub(r"\d+", "#", error.message), []).append(error)
    for alike in kinds.values():
        more = f" (and {len(alike) - 1} more like it)" if len(alike) > 1 else ""
        hint = f"; {alike[0].hint}" if alike[0].hint else ""
        yield Finding(Severity.ERROR, category, f"{alike[0].message}{more}{hint}")


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
            [fact.ref.id for fact in facts if fact.cloud is not None and fact.cloud.valid == 0],
        ),
    )
    for severity, what, names in checks:
        if names:
            yield Finding(severity, category, f"{len(names)} {what}, such as {names[0]}")
    if unmeasured := sum(fact.cloud.unmeasured for fact in facts if fact.cloud is not None):
        total = sum(positives or 0 for _, positives in defective)
        yield Finding(
            Severity.NOTE, category, f"{unmeasured} of {total} anomalous points are not valid points"
        )


def _duplicate_findings(
    category: str, facts: Sequence[_Facts], first_seen: dict[str, SampleRef]
) -> Iterator[Finding]:
    pairs = []
    for fact in facts:
        if fact.cloud is not None:
            first = first_seen.setdefault(fact.cloud.content, fact.ref)
            if first is not fact.ref:
                pairs.append(f"{fact.ref.id} = {first.category} {first.id}")
    if pairs:
        yield Finding(
            Severity.WARNING, category, f"{len(pairs)} scans are copies of another one, such as {pairs[0]}"
        )


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
    clouds = [
        (one.cloud.points, one.cloud.valid, one.cloud.missing) for one in facts if one.cloud is not None
    ]
    if clouds:
        total, valid, missing = np.array(clouds, dtype=np.int64).T
        text = (
            f"{_span(total)} points, {_span(100 * valid / total.clip(1), '.1f')} % valid, "
            f"{_span(100 * missing / total.clip(1), '.1f')} % not measured"
        )
        yield Finding(Severity.NOTE, category, text)
    extents = [one.cloud.extent for one in facts if one.cloud is not None and one.cloud.extent is not None]
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
