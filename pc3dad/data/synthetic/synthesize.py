"""Labelled samples of a user's own part, in the layout of the data set `arrays` (docs/data/arrays.md)."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

import pc3dad
from pc3dad.config import plain
from pc3dad.context import Progress, silent
from pc3dad.data.prepared_layout import check_name
from pc3dad.data.synthetic.config import SyntheticConfig
from pc3dad.data.synthetic.own_part import OwnPart, read_part
from pc3dad.data.synthetic.samples import GOOD, damage, describe, measure
from pc3dad.errors import ConfigError, DataError
from pc3dad.io import atomic, digest
from pc3dad.types import Sample, Truth

RECORD = "synthesize.json"
TRIES = 10  # times that all places for the defects of a sample are chosen anew


@dataclass(frozen=True, slots=True)
class Written:
    """One sample.

    Attributes:
        id: as in the data set, kind and number.
        kind: of its defects, or "good".
        defects: that have a labelled point; a sensor need not see all of them.
        labelled: share of its points.
    """

    id: str
    kind: str
    defects: int
    labelled: float


def synthesize(
    path: Path, out: Path, config: SyntheticConfig, *, scale: float = 1.0, progress: Progress = silent
) -> tuple[OwnPart, list[Written]]:
    """Writes `<out>/<name of the file>/<kind>/<number>.npz` and a record of how they were made.

    The folder appears when all is written. Equal files, options and seeds give equal bytes.

    Args:
        path: mesh of the part, see `read_part`.
        out: folder, new or empty.
        config: as of the data set; `train` means nothing, since all samples of `arrays` are test samples.
        scale: millimetres per unit of the file.
        progress: is told of every sample.

    Raises:
        ConfigError: no sample is asked for.
        DataError: the part is refused or has no place for some kinds, `out` holds something, or the disk
            refuses.
    """
    if config.good + config.defective == 0:
        raise ConfigError(
            "neither good nor defective samples are asked for", hint="pass --good or --defective"
        )
    if path.stem.startswith("."):
        raise DataError(f"{path}: folders of categories cannot begin with a dot", hint="rename the file")
    check_name(path.stem)
    with _appearing(out) as folder:
        part = read_part(path, scale=scale)
        written = list(_write_samples(part, folder / part.name, config, progress))
        record = {
            "pc3dad": pc3dad.__version__,
            "file": path.name,
            "sha256": digest.of_file(path),
            "millimetres_per_unit": scale,
            "sides_mm": part.sides.tolist(),
            "config": {key: value for key, value in plain(config).items() if key != "train"},
            "samples": [asdict(one) for one in written],
        }
        atomic.write_json(folder / RECORD, record)
    return part, written


@contextmanager
def _appearing(out: Path) -> Iterator[Path]:
    """A folder beside `out` that becomes `out` at the end, or of which nothing stays."""
    place = out.resolve()  # what `.` stands for has a name
    temporary = place.with_name(f".{uuid4().hex[:12]}.tmp")
    with atomic.disk_errors(out):
        if place.exists() and not (place.is_dir() and not any(place.iterdir())):
            raise DataError(f"{out} holds something", hint="choose another --out, a new or empty folder")
        temporary.mkdir(parents=True)
    try:
        yield temporary
        atomic.sync(temporary)
        with atomic.disk_errors(out):
            if place.exists():
                place.rmdir()
            temporary.rename(place)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write_samples(
    part: OwnPart, folder: Path, config: SyntheticConfig, progress: Progress
) -> Iterator[Written]:
    """Writes sample after sample. The first of every kind come first, and tell which kinds find no place."""
    numbered = [divmod(index, len(config.kinds)) for index in range(config.defective)]
    wanted = [(config.kinds[kind], number) for number, kind in numbered]
    wanted += [(GOOD, number) for number in range(config.good)]
    refused: dict[str, DataError] = {}
    for done, (kind, number) in enumerate(wanted, start=1):
        if refused and number > 0:
            break
        names = (part.name, kind, f"{number:03d}")
        try:
            specimen = damage(part, kind, config, names, tries=TRIES)
        except DataError as error:
            refused[kind] = error
            continue
        measured = measure(specimen, part, config, names, tries=TRIES)
        sample, truth = describe(measured, kind, config, names)
        atomic.write_npz(folder / kind / f"{names[-1]}.npz", _arrays(sample, truth), compressed=False)
        yield _summary(f"{kind}/{names[-1]}", truth)
        progress(part.name, done, len(wanted))
    if refused:
        left = ",".join(kind for kind in config.kinds if kind not in refused)
        raise DataError(
            f"{part.name} cannot be given {', '.join(refused)}: {next(iter(refused.values())).message}",
            hint=f"leave out what does not fit, --kinds {left}"
            if left
            else "check the unit of the file, --scale",
        )


def _arrays(sample: Sample, truth: Truth) -> dict[str, Any]:
    """What `arrays` reads. Only organised clouds can have missing points."""
    cloud = sample.cloud
    shape = cloud.grid or (len(cloud),)
    colours = np.zeros((len(cloud), 3)) if cloud.rgb is None else cloud.rgb
    arrays = {
        "xyz": cloud.xyz.reshape(*shape, 3),
        "rgb": (colours * 255).round().astype(np.uint8).reshape(*shape, 3),
        "labels": np.asarray(truth.points, np.uint8).reshape(shape),
        "regions": np.asarray(truth.regions, np.int32).reshape(shape),
        "object_label": np.uint8(bool(truth.anomalous)),
    }
    return arrays if cloud.grid is None else arrays | {"valid": cloud.valid.astype(np.uint8).reshape(shape)}


def _summary(name: str, truth: Truth) -> Written:
    points, regions = np.asarray(truth.points), np.asarray(truth.regions)
    return Written(name, str(truth.defect), int(regions.max(initial=-1)) + 1, float(points.mean()))
