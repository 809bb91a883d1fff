"""One sample, from the part to its labels: what is made, what is measured of it, and what of that is seen."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from pc3dad import seeding
from pc3dad.data.synthetic.config import SyntheticConfig
from pc3dad.data.synthetic.scan import Scan, scan
from pc3dad.data.synthetic.sensor import SensorView, look
from pc3dad.data.synthetic.solids import INTACT
from pc3dad.data.synthetic.specimen import Kind, Specimen, make_specimen
from pc3dad.errors import DataError
from pc3dad.types import BoolArray, PointCloud, Sample, Truth, UInt8Array

GOOD = "good"
STAIN = "stain"
SCANS = 10
SEEN = 3  # points that the defects of a sample must have
TWO = 0.3  # probability of a second defect

Maker = Callable[[np.random.Generator], Any]
"""Makes one part of a category, a `manifold3d.Manifold` in millimetres."""

Names = tuple[str, ...]
"""What a sample is called. It and the seed decide everything random about the sample."""


def damage(part: Maker, kind: str | Kind, config: SyntheticConfig, names: Names, *, tries: int) -> Specimen:
    """A part with its defects: the same for both forms.

    Args:
        part: makes the part; one without a place for the defects is passed over.
        kind: of defects, by name or another one, or `GOOD`.
        config: sizes and seed.
        names: of the sample.
        tries: parts that are made at most.

    Raises:
        DataError: none of them has a place for the defects.
    """
    for attempt in range(tries):
        rng = seeding.generator(config.seed, *names, str(attempt))
        made = part(rng)
        count = 0 if kind == GOOD else 2 if rng.random() < TWO else 1
        try:
            return make_specimen(made, kind, count, rng, smallest=config.least, largest=config.largest)
        except DataError as error:
            reason = error
    raise reason


def measure(
    specimen: Specimen, part: Maker, config: SyntheticConfig, names: Names, *, tries: int
) -> Scan | SensorView:
    """A scan or a view that shows the defects: all of them if it is from all around, some if it is one view.

    Args:
        specimen: what `damage` made.
        part: makes the part, as for `damage`.
        config: form and sizes.
        names: of the sample.
        tries: as for `damage`.

    Raises:
        DataError: none of some shows them.
    """
    count, surround = len(specimen.defects), config.form == "surround"
    target = specimen if count or surround else _target(specimen, part, config, names, tries=tries)
    best: tuple[int, Scan | SensorView] | None = None
    for attempt in range(SCANS):
        rng = seeding.generator(config.seed, *names, config.form, str(attempt))
        taken = scan(specimen, config.points, rng) if surround else look(specimen, config.side, rng, target)
        measured, shown = _without_unseen(taken, count)
        if count and np.count_nonzero(measured.regions >= 0) < SEEN:
            continue
        if best is None or shown > best[0]:
            best = shown, measured
        if shown == count or not surround:
            break
    if best is None:
        raise DataError(
            f"{' '.join(names)}: its defect has fewer than {SEEN} points in each of {SCANS} scans",
            hint="ask for more points or larger defects",
        )
    return best[1]


def _target(intact: Specimen, part: Maker, config: SyntheticConfig, names: Names, *, tries: int) -> Specimen:
    """A good part with defects that it does not have: looked at for their sake, its view tells nothing.

    If the part has no place for any kind, itself.
    """
    rng = seeding.generator(config.seed, *names, "target")
    for index in rng.permutation(len(config.kinds)):
        with suppress(DataError):
            return damage(part, config.kinds[index], config, names, tries=tries)
    return intact


def _without_unseen(measured: Scan | SensorView, count: int) -> tuple[Scan | SensorView, int]:
    """Takes the labels off defects of which nothing but the rim was measured, and counts the others."""
    shown = np.isin(np.arange(count), measured.regions[~measured.rim])
    unseen: BoolArray = np.isin(measured.regions, np.flatnonzero(~shown))
    regions = np.where(unseen, INTACT, measured.regions).astype(np.int32)
    return replace(measured, regions=regions, rim=measured.rim & ~unseen), int(shown.sum())


def describe(
    measured: Scan | SensorView, kind: str, config: SyntheticConfig, names: Names
) -> tuple[Sample, Truth]:
    """The sample as methods see it, and its labels. Its category is the first name, its id the last one."""
    image: UInt8Array | None = None
    if isinstance(measured, Scan):
        rng = seeding.generator(config.seed, *names, "pose")
        turn, offset = rng.uniform(0, 2 * np.pi), rng.uniform(-20, 20, size=3)
        yaw = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
        cloud = PointCloud((measured.xyz @ yaw.T + offset).astype(np.float32), rgb=measured.rgb)
    else:
        image = measured.image
        colours = (image.reshape(-1, 3) / 255).astype(np.float32)
        xyz, grid = measured.xyz.astype(np.float32), image.shape[:2]
        cloud = PointCloud(xyz, rgb=colours, valid=measured.valid, grid=grid)
    labelled = measured.regions >= 0
    _, compact = np.unique(measured.regions[labelled], return_inverse=True)
    regions = np.full(len(labelled), -1, dtype=np.int32)
    regions[labelled] = compact  # a sensor need not see every defect
    truth = Truth(
        names[-1],
        anomalous=kind != GOOD,
        points=labelled,
        shape_points=np.zeros_like(labelled) if kind == STAIN else None,
        shape_anomalous=False if kind == STAIN else None,
        regions=regions,
        defect=kind,
    )
    return Sample(names[-1], names[0], cloud, image), truth
