"""Does single fits and cells: trains or loads a method, predicts, checks, keeps."""

import shutil
import traceback
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from uuid import uuid4

import numpy as np

from pc3dad import seeding
from pc3dad.config import plain
from pc3dad.context import RunContext
from pc3dad.data.base import dataset_errors
from pc3dad.errors import DataError, MethodError, Pc3dadError
from pc3dad.evaluation.meter import Meter
from pc3dad.evaluation.units import Cell, Fit, require_unchanged
from pc3dad.io import atomic, digest
from pc3dad.methods.base import Method
from pc3dad.runs import store
from pc3dad.runs.store import RunStore, SampleRecord
from pc3dad.types import PROPAGATIONS, BoolArray, Prediction, Sample


class Worker:
    """Does fits and cells in this process, one after the other; the method of the last fit stays loaded.

    Args:
        runs: where results live; a finished fit in it is loaded instead of trained.
        ctx: surroundings; the seed is replaced by that of each fit.
    """

    def __init__(self, runs: RunStore, ctx: RunContext) -> None:
        self._runs, self._ctx = runs, ctx
        self._present: tuple[str, Method] | None = None

    def fit(self, fit: Fit) -> None:
        """Makes the method of a fit ready.

        Raises:
            MethodError: the method raised.
            DataError: there is nothing to train on, or a file cannot be read or written.
        """
        if self._present is None or self._present[0] != fit.id:
            self._present = None  # frees the method before, which may be large
            with _method_errors(self._runs, f"{fit.spec.variant} cannot be fitted"):
                method = fit_or_load(fit, self._runs.fit_folder(fit.id), self._ctx)
            self._present = (fit.id, method)

    def predict(self, cell: Cell, step: str) -> None:
        """Predicts all samples of a cell and marks it as finished.

        Args:
            cell: what to score; its fit is made ready if it is not.
            step: name of the step for people.

        Raises:
            MethodError: the method raised or broke its contract.
            DataError: a sample could not be read (the others are predicted first), or a file not written.
        """
        self.fit(cell.fit)
        if self._present is not None:
            _predict(cell, self._present[1], self._runs, replace(self._ctx, seed=cell.fit.seed), step)

    def close(self) -> None:
        """Frees the method."""
        self._present = None


def fit_or_load(fit: Fit, folder: Path, ctx: RunContext) -> Method:
    """A method with the stored state of a fit, which is made first if it does not stand.

    The object that was trained is never used itself: a run that goes on later could not use it either.

    Args:
        fit: what to train.
        folder: of that fit.
        ctx: surroundings; the seed is replaced by that of the fit.

    Raises:
        DataError: there is nothing to train on, or a file cannot be read or written.
        Exception: whatever the method raises.
    """
    if not store.is_done(folder):
        if fit.stored is not None:
            _take_over(fit.stored, store.begin(folder))
        else:
            _make_fit(fit, store.begin(folder), replace(ctx, seed=fit.seed))
    method: Method = fit.entry.create(fit.config)
    method.load(folder)
    return method


def _take_over(stored: Path, folder: Path) -> None:
    """Copies a fit, so that a run folder holds all that it was made of."""
    made = store.read_json(stored / store.DONE)
    with atomic.disk_errors(folder):
        shutil.copytree(stored, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(store.DONE))
    store.finish(folder, made)


def _make_fit(fit: Fit, folder: Path, ctx: RunContext) -> None:
    if not len(fit.train) and fit.entry.ready.regime.trains:
        raise DataError(f"{fit.train.name} has no sample to train on", hint="see `pc3dad data info`")
    method: Method = fit.entry.create(fit.config)
    meter = Meter(ctx.device)
    method.fit(fit.train, ctx)
    seconds, peak = meter.seconds(), meter.peak_bytes()
    method.save(folder)
    require_unchanged(fit.train.sources, fit.data)
    facts = {"method": fit.spec.name, "revision": fit.entry.ready.revision, "config": plain(fit.config)}
    atomic.write_json(folder / store.FIT, facts | {"train": fit.train.name, "seed": fit.seed})
    done = {"made": uuid4().hex, "seconds": seconds, "peak_bytes": peak, "train_samples": len(fit.train)}
    store.finish(folder, done)


def _predict(cell: Cell, method: Method, runs: RunStore, ctx: RunContext, step: str) -> None:
    folder = store.begin(runs.cell_folder(cell.id))
    meter = Meter(ctx.device)
    feed = _Feed(cell, meter)
    records: list[SampleRecord] = []
    total, outputs = len(feed), cell.fit.entry.ready.outputs
    ctx.progress(step, 0, total)
    with _method_errors(runs, step):
        meter.restart()
        for found in method.predict(feed, ctx):
            seconds, peak = meter.seconds(), meter.peak_bytes()
            loaded = feed.expect(found)
            checked = check_prediction(found, loaded.valid, outputs)
            prediction = replace(checked, sample_id=loaded.sample_id)
            store.write_prediction(folder, prediction, loaded.valid, loaded.grid)
            records.append(loaded.record(prediction, seconds, peak))
            ctx.progress(step, len(records) + len(feed.unreadable), total)
            meter.restart()
    feed.close()
    store.write_samples(folder, [*records, *feed.unreadable])
    if feed.unreadable:
        first = feed.unreadable[0].reason
        raise DataError(
            f"{len(feed.unreadable)} of {total} samples cannot be read, first {first.rstrip('.')}"
        )
    atomic.write_json(folder / "cell.json", asdict(cell.plain("")))
    cell.require_unchanged()
    made = store.read_json(runs.fit_folder(cell.fit.id) / store.DONE).get("made")
    store.finish(folder, {"samples": len(records), "fit_made": made})


@dataclass(frozen=True, slots=True, eq=False)
class _Loaded:
    """What the runner keeps of a sample after it was handed to the method."""

    sample_id: str
    given_id: str
    valid: BoolArray
    grid: tuple[int, int] | None

    def record(self, prediction: Prediction, seconds: float, peak: int) -> SampleRecord:
        return SampleRecord(
            self.sample_id,
            "ok",
            object_score=prediction.object_score,
            seconds=seconds,
            peak_bytes=peak,
            n_points=len(self.valid),
            n_valid=int(self.valid.sum()),
            n_filled=prediction.n_filled,
            propagation=prediction.propagation,
            valid_sha256=digest.of_array(self.valid),
        )


class _Feed:
    """Hands samples to a method one after the other, off the clock, and takes predictions back.

    Ids that a method sees are digests of the clouds: file names may tell the label.
    """

    def __init__(self, cell: Cell, meter: Meter) -> None:
        self.unreadable: list[SampleRecord] = []
        self._refs = cell.refs()
        self._dataset = cell.source.dataset
        self._meter = meter
        self._waiting: deque[_Loaded] = deque()
        if not self._refs:
            raise DataError(f"{cell.source.spec.variant} has no test sample in {cell.category}")

    def __len__(self) -> int:
        return len(self._refs)

    def __iter__(self) -> Iterator[Sample]:
        for ref in self._refs:
            try:
                with self._meter.outside(), dataset_errors(f"{ref.category} {ref.id}"):
                    sample = self._dataset.load(ref)
                    given = seeding.cloud_key(sample.cloud).hex()
            except DataError as error:
                self.unreadable.append(SampleRecord(ref.id, "failed", reason=str(error)))
                continue
            # A copy: no method may change which points count.
            self._waiting.append(_Loaded(ref.id, given, sample.cloud.valid.copy(), sample.cloud.grid))
            yield replace(sample, id=given)

    def expect(self, prediction: Prediction) -> _Loaded:
        """The sample that this prediction must belong to.

        Raises:
            MethodError: it belongs to another one.
        """
        if not self._waiting:
            raise MethodError(f"returned a prediction for {prediction.sample_id!r} which it was not given")
        loaded = self._waiting.popleft()
        if prediction.sample_id != loaded.given_id:
            raise MethodError(f"returned {prediction.sample_id!r} where {loaded.given_id!r} was due")
        return loaded

    def close(self) -> None:
        """Raises MethodError if samples were left without a prediction."""
        if self._waiting:
            first = self._waiting[0].sample_id
            raise MethodError(f"returned no prediction for {len(self._waiting)} samples, first {first!r}")


def check_prediction(prediction: Prediction, valid: BoolArray, outputs: tuple[str, ...]) -> Prediction:
    """Checks length and finiteness of one prediction; returns it with a plain float as object score.

    Args:
        prediction: what the method returned.
        valid: (N,) bool, validity of the cloud that it was given.
        outputs: what the card promises.

    Raises:
        MethodError: what is wrong and in which sample.
    """
    name = prediction.sample_id
    for key, value in prediction.extras.items():
        if (kind := np.asarray(value).dtype).kind not in "biufU":
            raise MethodError(f"extra {key!r} of {name!r} is {kind}, expected numbers or text")
    score = prediction.object_score
    if score is None or not np.isfinite(score):
        raise MethodError(f"object score of {name!r} is {score}")
    prediction = replace(prediction, object_score=float(score))
    if prediction.propagation not in PROPAGATIONS:
        raise MethodError(
            f"{name!r} has propagation {prediction.propagation!r}",
            hint=f"use one of {', '.join(PROPAGATIONS)}",
        )
    scores = prediction.point_scores
    if scores is None:
        if "point" in outputs:
            raise MethodError(f"{name!r} has no point scores although the card promises them")
        return prediction
    if scores.dtype.kind not in "biuf":
        raise MethodError(f"{name!r} has point scores of type {scores.dtype}, expected numbers")
    if scores.shape != valid.shape:
        raise MethodError(f"{name!r} has point scores of shape {scores.shape} for {len(valid)} points")
    if bad := int((~np.isfinite(scores[valid])).sum()):
        raise MethodError(f"{name!r} has {bad} point scores that are not finite")
    return prediction


@contextmanager
def method_errors(what: str) -> Iterator[None]:
    """Turns whatever a method raises into one sentence that begins with `what`.

    Raises:
        MethodError: something else than our own errors was raised inside.
    """
    try:
        yield
    except Pc3dadError:
        raise
    except (Exception, SystemExit) as error:  # research code calls sys.exit
        raise MethodError(f"{what}: {type(error).__name__}: {error}") from error


@contextmanager
def _method_errors(runs: RunStore, where: str) -> Iterator[None]:
    """Turns whatever a method raises into one sentence; the traceback goes to the log."""
    try:
        yield
    except Pc3dadError:
        raise
    except (Exception, SystemExit) as error:  # research code calls sys.exit; the other cells must go on
        runs.log("exception", where=where, traceback=traceback.format_exc())
        raise MethodError(f"{type(error).__name__}: {error}", hint="the traceback is in log.jsonl") from error
