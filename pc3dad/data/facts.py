"""What `verify` keeps of samples once they were read, and what follows from it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pc3dad.data.base import Finding, SampleRef, Severity
from pc3dad.data.organised import border
from pc3dad.io import digest
from pc3dad.types import BoolArray, PointCloud, Split

MILLIMETRES_FROM = 10.0  # scanned parts are shorter than 10 m and longer than 10 mm


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


@dataclass(frozen=True, slots=True)
class LabelFacts:
    """What is kept of one truth; `positives` counts the anomalous ones of `points`, None if unknown."""

    anomalous: bool | None
    points: int
    positives: int | None


@dataclass(frozen=True, slots=True)
class SampleFacts:
    """One sample once it was read; None where that part could not be read."""

    ref: SampleRef
    scan: ScanFacts | None
    labels: LabelFacts | None


def scan_facts(cloud: PointCloud, points: BoolArray | None) -> ScanFacts:
    """Facts of one scan and of its (N,) bool labels, if it has any."""
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


def label_facts(anomalous: bool | None, points: BoolArray | None) -> LabelFacts:
    """Facts of one truth."""
    if points is None:
        return LabelFacts(anomalous, 0, None)
    return LabelFacts(anomalous, len(points), int(points.sum()))


def label_findings(category: str, facts: Sequence[SampleFacts]) -> Iterator[Finding]:
    """Labels that contradict each other, are missing, or lie where nothing was measured."""
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


def duplicate_findings(
    category: str, facts: Sequence[SampleFacts], first_seen: dict[str, SampleRef]
) -> Iterator[Finding]:
    """One warning if scans are equal; `first_seen`, digest to sample, is carried on between categories."""
    pairs = []
    for fact in facts:
        if fact.scan is not None:
            first = first_seen.setdefault(fact.scan.content, fact.ref)
            if first is not fact.ref:
                pairs.append(f"{fact.ref.id} = {first.category} {first.id}")
    if pairs:
        text = f"{len(pairs)} scans are copies of another one"
        yield Finding(Severity.WARNING, category, text, tuple(pairs))


def summary(category: str, facts: Sequence[SampleFacts], unit: str) -> Iterator[Finding]:
    """How many samples and points there are, and how large the scans are."""
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
