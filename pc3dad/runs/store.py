"""The run folder: every fit and every cell is a folder of its own, complete once its `done.json` stands.

    run.json  config.json  plan.json  metrics.csv  log.jsonl
    fits/<id>/      what the method saved, fit.json, done.json
    labels/<id>/    truths of the test samples of one category, done.json
    cells/<id>/     predictions/<sample>.npz, samples.csv, metrics.json, replicates.npz, cell.json,
                    done.json or failed.json

Nothing inside is an absolute path or a pickle: a run folder can be moved, zipped and read elsewhere.
"""

import csv
import io
import json
import shutil
import time
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from pc3dad.errors import DataError
from pc3dad.io import atomic, npz
from pc3dad.io.locks import locked
from pc3dad.io.scan import shown
from pc3dad.types import BoolArray, Prediction

SCHEMA = 3
"""Version 1 kept no labels and no plan, version 2 no regions."""
RUN = "run.json"
DONE = "done.json"
FAILED = "failed.json"
FIT = "fit.json"
AGAIN = "run the same benchmark again with --redo"
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True, eq=False)
class StoredPrediction:
    """A prediction with the validity mask of its cloud, so that it can be evaluated without the cloud.

    Attributes:
        prediction: what the method returned, None if it failed on this sample.
        valid: (N,) bool, which points of the cloud count.
        grid: (H, W) of an organised cloud, None otherwise.
    """

    prediction: Prediction | None
    valid: BoolArray
    grid: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class SampleRecord:
    """What happened to one sample: a row of `samples.csv`."""

    sample_id: str
    status: str
    object_score: float | None = None
    seconds: float | None = None
    peak_bytes: int | None = None
    n_points: int = 0
    n_valid: int = 0
    n_filled: int = 0
    propagation: str = ""
    valid_sha256: str = ""
    reason: str = ""


class RunStore:
    """Reads and writes one run folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def make(cls, folder: Path) -> "RunStore":
        """Opens a run folder for writing; it is made if it does not exist.

        The folder is kept as an absolute path: a method may change the working directory.

        Raises:
            DataError: the folder cannot be written, is something else, or has an unknown schema version.
        """
        folder = folder.absolute()
        atomic.make_folder(folder)
        if (folder / RUN).is_file():
            return cls.open(folder)
        if any(path.suffix != ".tmp" for path in folder.iterdir()):
            raise DataError(f"{folder} holds files but no {RUN}", hint="choose another --out")
        write_run(folder, {"status": "new"})
        return cls(folder)

    @classmethod
    def open(cls, folder: Path) -> "RunStore":
        """Opens an existing run folder, which may be read-only.

        Raises:
            DataError: it is no run folder, or has an unknown schema version.
        """
        if not (folder / RUN).is_file():
            raise DataError(
                f"{folder} is no run folder, it has no {RUN}", hint="give the folder that bench printed"
            )
        try:
            version = read_json(folder / RUN).get("schema")
        except DataError as error:
            raise DataError(error.message, hint="choose another --out") from error
        if version != SCHEMA:
            hint = "choose another --out, or read it with the version that wrote it"
            raise DataError(f"{folder} has schema version {version}, this version reads {SCHEMA}", hint=hint)
        return cls(folder)

    def locked(self) -> AbstractContextManager[None]:
        """Keeps other commands from writing into the folder (`io.locks.locked`)."""
        return locked(self.folder)

    def fit_folder(self, fit_id: str) -> Path:
        """Folder of a fit."""
        return self.folder / "fits" / fit_id

    def cell_folder(self, cell_id: str) -> Path:
        """Folder of a cell."""
        return self.folder / "cells" / cell_id

    def labels_folder(self, labels_id: str) -> Path:
        """Folder of the labels of one category."""
        return self.folder / "labels" / labels_id

    def log(self, event: str, **facts: Any) -> None:
        """Appends one event to `log.jsonl`; a full disk loses the event and nothing else."""
        line = json.dumps({"time": round(time.time(), 3), "event": event, **facts})
        with suppress(OSError), (self.folder / "log.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")


def write_run(folder: Path, facts: Mapping[str, Any]) -> None:
    """Writes `run.json`.

    Raises:
        DataError: the disk refuses.
    """
    atomic.write_json(folder / RUN, {"schema": SCHEMA, **facts})


def is_done(folder: Path) -> bool:
    """True once a fit or a cell is complete."""
    return (folder / DONE).is_file()


def begin(folder: Path) -> Path:
    """Empties the folder of a fit, cell or label set: whatever an earlier attempt left is gone.

    Raises:
        DataError: the disk refuses.
    """
    with atomic.disk_errors(folder):
        if folder.exists():
            (folder / DONE).unlink(missing_ok=True)  # first: a half-emptied folder must never look complete
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
    return folder


def finish(folder: Path, facts: Mapping[str, Any]) -> None:
    """Marks a fit, cell or label set as complete, once all of it is on the disk.

    Raises:
        DataError: the disk refuses.
    """
    atomic.sync(folder)
    atomic.write_json(folder / DONE, dict(facts))


def fail(folder: Path, reason: str) -> None:
    """Keeps the reason of a failure for later tables; where the disk refuses, only this call knows it."""
    with suppress(DataError):
        atomic.write_json(folder / FAILED, {"reason": reason})


def forget(path: Path) -> None:
    """Removes one file if it is there.

    Raises:
        DataError: the disk refuses.
    """
    with atomic.disk_errors(path):
        path.unlink(missing_ok=True)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file.

    Raises:
        DataError: the file is missing or damaged.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"cannot read {path}: {error}", hint=AGAIN) from error
    if not isinstance(value, dict):
        raise DataError(f"{path} does not hold a JSON object", hint=AGAIN)
    return value


def write_prediction(
    cell: Path, prediction: Prediction, valid: BoolArray, grid: tuple[int, int] | None = None
) -> None:
    """Writes one prediction into `predictions/`; scores of every point are kept, missing ones included."""
    arrays = _scan_arrays(prediction.sample_id, valid, grid) | {
        "propagation": npz.pack_text(prediction.propagation),
        "n_filled": np.int64(prediction.n_filled),
    }
    if prediction.object_score is not None:
        arrays["object_score"] = np.float64(prediction.object_score)
    if prediction.point_scores is not None:
        arrays["point_scores"] = prediction.point_scores
    arrays.update({f"extras/{name}": np.asarray(value) for name, value in prediction.extras.items()})
    atomic.write_npz(sample_file(cell / "predictions", prediction.sample_id), arrays)


def write_gap(cell: Path, sample_id: str, valid: BoolArray, grid: tuple[int, int] | None = None) -> None:
    """Writes that there is no prediction of a sample; what to do then is a policy of the evaluation."""
    atomic.write_npz(sample_file(cell / "predictions", sample_id), _scan_arrays(sample_id, valid, grid))


def _scan_arrays(sample_id: str, valid: BoolArray, grid: tuple[int, int] | None) -> dict[str, Any]:
    """What is known of a scan whether or not there are scores for it."""
    arrays = {
        "sample_id": npz.pack_text(sample_id),
        "valid": np.packbits(valid),
        "n_points": np.int64(len(valid)),
    }
    return arrays if grid is None else arrays | {"grid": np.array(grid, dtype=np.int64)}


def read_prediction(cell: Path, sample_id: str) -> StoredPrediction:
    """Reads back one prediction.

    Raises:
        DataError: the file is missing or damaged.
    """
    path = sample_file(cell / "predictions", sample_id)
    try:
        file = npz.read_arrays(path)
        valid = npz.unpack_bits(file["valid"], file["n_points"])
        grid = _grid(file, len(valid))
        if not file.keys() & {"object_score", "point_scores"}:
            return StoredPrediction(None, valid, grid)
        prediction = Prediction(
            sample_id=npz.unpack_text(file["sample_id"]),
            object_score=float(file["object_score"]) if "object_score" in file else None,
            point_scores=file.get("point_scores"),
            propagation=npz.unpack_text(file["propagation"]),
            n_filled=int(file["n_filled"]),
            extras={
                name.removeprefix("extras/"): value
                for name, value in file.items()
                if name.startswith("extras/")
            },
        )
    except DataError as error:
        raise DataError(f"cannot read prediction, {error.message}", hint=AGAIN) from error
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise DataError(f"cannot read prediction {path}: {shown(error)}", hint=AGAIN) from error
    if prediction.point_scores is not None and prediction.point_scores.shape != valid.shape:
        shape = prediction.point_scores.shape
        raise DataError(f"{path}: scores of shape {shape} for {len(valid)} points", hint=AGAIN)
    return StoredPrediction(prediction, valid, grid)


def _grid(file: Mapping[str, NDArray[Any]], n_points: int) -> tuple[int, int] | None:
    if "grid" not in file:
        return None
    height, width = (int(side) for side in file["grid"])
    if min(height, width) < 0 or height * width != n_points:
        raise ValueError(f"grid {height} x {width} for {n_points} points")
    return height, width


def write_samples(cell: Path, records: Iterable[SampleRecord]) -> None:
    """Writes `samples.csv`."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(SampleRecord)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(record) for record in records)
    atomic.write_text(cell / "samples.csv", text.getvalue())


def read_samples(cell: Path) -> list[dict[str, str]]:
    """Rows of `samples.csv` as text.

    Raises:
        DataError: the file cannot be read.
    """
    path = cell / "samples.csv"
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"cannot read {path}: {error}", hint=AGAIN) from error


def sample_file(folder: Path, sample_id: str) -> Path:
    """File of a sample: its id with unusual characters escaped, a digest if that is too long."""
    code = sample_id.encode("utf-8", "surrogatepass")  # names of files need not be Unicode
    name = quote(code, safe=" ")
    return folder / f"{name if len(name) <= _LONGEST_NAME else sha256(code).hexdigest()}.npz"
