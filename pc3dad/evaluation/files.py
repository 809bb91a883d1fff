"""Scores a user's own files, without any data set: one scan in, scores, a coloured PLY and a summary out."""

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from pc3dad import registry
from pc3dad.config import build, plain
from pc3dad.context import Progress, RunContext, silent
from pc3dad.data.base import TrainView
from pc3dad.device import cpu_count, resolve
from pc3dad.errors import ConfigError, ExitCode, MethodError, Pc3dadError
from pc3dad.evaluation.kept import Tell, require_fit, trained, untold
from pc3dad.evaluation.plan import plan_fit
from pc3dad.evaluation.spec import DatasetSpec, MethodSpec, parse_word
from pc3dad.evaluation.worker import check_prediction, method_errors
from pc3dad.geometry.sampling import sample_surface, surface_area
from pc3dad.io import atomic
from pc3dad.io.clouds import read_scan
from pc3dad.io.ply import write_ply
from pc3dad.methods.base import Method
from pc3dad.registry import MethodEntry
from pc3dad.types import Prediction, Regime, Sample

log = logging.getLogger(__name__)

CATEGORY = "part"
MESH_POINTS = 100_000
TRAINING = DatasetSpec(name="synthetic")
"""What auxiliary methods are trained on unless the user says something else: it needs no download."""


@dataclass(frozen=True, slots=True)
class FileResult:
    """What became of one file.

    Attributes:
        file: the path as given.
        status: "ok" or "failed".
        object_score: score of the whole part; comparable between parts of one method only.
        n_points: points scored; of a mesh, the points drawn from its surface.
        n_valid: points that the sensor measured.
        points_per_area: points drawn per square file unit; None if they are those of the file.
        seconds: time that the method took, without reading and writing.
        scores: name of the `.npz` with `point_scores` (N,) float32 and `xyz` (N, 3) float64, file unit.
        coloured: name of the PLY coloured by score, with the score as a property of each point.
        reason: why there is no score.
        exit_code: what the command line ends with because of it.
    """

    file: str
    status: str
    object_score: float | None = None
    n_points: int = 0
    n_valid: int = 0
    points_per_area: float | None = None
    seconds: float | None = None
    scores: str = ""
    coloured: str = ""
    reason: str = ""
    exit_code: int = ExitCode.DONE


def predict_files(
    files: Sequence[Path],
    method: str,
    *,
    out: Path,
    fit: Path | None = None,
    train_on: DatasetSpec | None = None,
    redo: bool = False,
    mesh_points: int = MESH_POINTS,
    seed: int = 0,
    device: str = "auto",
    workers: int = 0,
    cache: bool = True,
    plugins: Sequence[Path] = (),
    progress: Progress = silent,
    tell: Tell = untold,
) -> Iterator[FileResult]:
    """Makes the named method ready and scores files with it; see `score_files`.

    Args:
        files: scans.
        method: "NAME" or "NAME[key=value,...]".
        out: folder for results.
        fit: folder of a stored fit, for methods that are trained.
        train_on: data set and categories that an auxiliary method is trained on, once; `TRAINING` if None.
        redo: train again although there is a fit of the same method, configuration and training set.
        mesh_points: points to draw from the surface of a mesh; 0 scores its vertices instead.
        seed: seed of everything random.
        device: see `device.resolve`.
        workers: threads of neighbour searches, 0 for all cores.
        cache: whether features of frozen encoders may be kept and read; scores are the same.
        plugins: card files or folders besides the registered ones.
        progress: callback.
        tell: receives a line about training.

    Raises:
        ConfigError: a name or an option is wrong, or the method must be trained on parts of the user.
        MethodError: training failed.
        DataError: `out` cannot be written, or there is nothing to train on.
    """
    spec = build(MethodSpec, "bench", parse_word(method))
    methods = registry.methods(plugins)
    entry = methods[spec.name]
    made: Method = entry.create(entry.configure(spec.values))
    ctx = RunContext(
        seed=seed,
        device=resolve(device).device,
        workers=workers or cpu_count(),
        cache=cache,
        progress=progress,
    )
    _require_one_source(entry, fit, train_on)
    planned = None
    if fit is not None:
        require_fit(fit, entry.ready, made.config)
        made.load(fit)
    elif entry.ready.regime is Regime.AUXILIARY:
        datasets = registry.datasets(plugins)
        planned = plan_fit(spec, train_on or TRAINING, seed, methods=methods, datasets=datasets)
    atomic.make_folder(out)  # before time is spent on training
    if any(file.exists() for file in files):  # nobody trains for a mistyped name
        if planned is not None:
            made = trained(planned, ctx, redo=redo, tell=tell)
        elif fit is None:
            made.fit(TrainView(entry.ready.regime), ctx)
    yield from score_files(files, made, ctx, out=out, mesh_points=mesh_points)


def _require_one_source(entry: MethodEntry, fit: Path | None, train_on: DatasetSpec | None) -> None:
    """Refuses contradictions about where the method gets what it must learn."""
    regime, name = entry.ready.regime, entry.slug
    if fit is not None and train_on is not None:
        raise ConfigError("both a stored fit and a training set are given", hint="give --fit or --train-on")
    if train_on is not None and regime is not Regime.AUXILIARY:
        raise ConfigError(
            f"{name} is {regime}: it is not trained on labelled categories", hint="leave out --train-on"
        )
    if fit is None and regime in (Regime.ONE_CLASS, Regime.FEW_SHOT):
        hint = "pass --fit RUN/fits/ID of a benchmark that trained it"
        raise ConfigError(f"{name} is {regime}: it must be trained before it can score a file", hint=hint)


def score_files(
    files: Sequence[Path], method: Method, ctx: RunContext, *, out: Path, mesh_points: int = MESH_POINTS
) -> Iterator[FileResult]:
    """Scores files one after the other; one that cannot be read or scored does not stop the others.

    Args:
        files: scans in any format that `io.clouds` reads.
        method: fitted method.
        ctx: surroundings.
        out: existing folder for results; `predictions.json` is written last.
        mesh_points: points to draw from the surface of a mesh; 0 scores its vertices instead.

    Yields:
        One result per file, in order.
    """
    results: list[FileResult] = []
    names: set[str] = set()
    for number, file in enumerate(files):
        ctx.progress(f"scoring {len(files)} scans", number, len(files))
        try:
            result = _score_file(
                file, _unused_name(file, names), method, ctx, out=out, mesh_points=mesh_points
            )
        except Pc3dadError as error:
            reason = str(error) if str(file) in str(error) else f"{file}: {error}"
            result = FileResult(str(file), "failed", reason=reason, exit_code=error.exit_code)
        results.append(result)
        yield result
    ctx.progress(f"scoring {len(files)} scans", len(files), len(files))
    summary = {"method": method.card.slug, "revision": method.card.revision, "config": plain(method.config)}
    facts = {**summary, "seed": ctx.seed, "files": [asdict(result) for result in results]}
    atomic.write_json(out / "predictions.json", facts)


def _score_file(
    file: Path, name: str, method: Method, ctx: RunContext, *, out: Path, mesh_points: int
) -> FileResult:
    scan = read_scan(file)
    cloud, per_area = scan.cloud, None
    if scan.faces is not None and mesh_points:
        rng = ctx.rng("mesh", cloud)
        drawn = sample_surface(cloud.xyz, scan.faces, n=mesh_points, rng=rng)
        cloud = replace(drawn, origin=drawn.origin + cloud.origin)
        per_area = mesh_points / surface_area(scan.cloud.xyz, scan.faces)
    start = time.perf_counter()
    prediction = _predict_one(method, Sample(name, CATEGORY, cloud), ctx)
    seconds = time.perf_counter() - start
    arrays = {"xyz": cloud.xyz + cloud.origin, "valid": cloud.valid}
    if prediction.point_scores is not None:
        arrays["point_scores"] = prediction.point_scores
    atomic.write_npz(out / f"{name}.npz", {"object_score": np.array(prediction.object_score), **arrays})
    write_ply(out / f"{name}.ply", cloud, scores=prediction.point_scores)
    return FileResult(
        file=str(file),
        status="ok",
        object_score=prediction.object_score,
        n_points=len(cloud),
        n_valid=int(cloud.valid.sum()),
        points_per_area=per_area,
        seconds=seconds,
        scores=f"{name}.npz",
        coloured=f"{name}.ply",
    )


def _predict_one(method: Method, sample: Sample, ctx: RunContext) -> Prediction:
    """The prediction of one sample, checked like those of a benchmark."""
    with method_errors(f"{method.card.slug} failed on {sample.id}"):
        found = list(method.predict([sample], ctx))
    if len(found) != 1:
        raise MethodError(f"{method.card.slug} returned {len(found)} predictions for one file")
    return check_prediction(found[0], sample.cloud.valid, method.card.outputs)


def _unused_name(file: Path, names: set[str]) -> str:
    """The file's name, with a number behind it if another folder holds a file of that name."""
    name, number = file.name, 1
    while name.casefold() in names:
        number += 1
        name = f"{file.name}_{number}"
    names.add(name.casefold())
    return name
