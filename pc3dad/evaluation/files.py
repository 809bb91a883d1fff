"""Scores a user's own files, without any data set: one scan in, scores, a coloured PLY and a summary out."""

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from pc3dad import registry
from pc3dad.config import parse_variant, plain
from pc3dad.context import Progress, RunContext, silent
from pc3dad.data.base import TrainView
from pc3dad.device import cpu_count, resolve
from pc3dad.errors import ConfigError, ExitCode, MethodError, Pc3dadError, WeightsError
from pc3dad.evaluation.worker import check_prediction
from pc3dad.geometry.sampling import sample_surface, surface_area
from pc3dad.io import atomic
from pc3dad.io.clouds import read_scan
from pc3dad.io.ply import write_ply
from pc3dad.methods.base import Method
from pc3dad.runs import store
from pc3dad.types import Prediction, Sample

log = logging.getLogger(__name__)

CATEGORY = "part"
MESH_POINTS = 100_000


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
    mesh_points: int = MESH_POINTS,
    seed: int = 0,
    device: str = "auto",
    workers: int = 0,
    cache: bool = True,
    plugins: Sequence[Path] = (),
    progress: Progress = silent,
) -> Iterator[FileResult]:
    """Makes the named method ready and scores files with it; see `score_files`.

    Args:
        files: scans.
        method: "NAME" or "NAME[key=value,...]".
        out: folder for results.
        fit: folder of a stored fit, for methods that are trained.
        mesh_points: points to draw from the surface of a mesh; 0 scores its vertices instead.
        seed: seed of everything random.
        device: see `device.resolve`.
        workers: threads of neighbour searches, 0 for all cores.
        cache: whether features of frozen encoders may be kept and read; scores are the same.
        plugins: card files or folders besides the registered ones.
        progress: callback.

    Raises:
        ConfigError: the method or an option is unknown, or the method must be trained and no fit was given.
        DataError: `out` cannot be written.
    """
    name, values = parse_variant(method)
    entry = registry.methods(plugins)[name]
    made: Method = entry.create(entry.configure(values))
    ctx = RunContext(
        seed=seed,
        device=resolve(device).device,
        workers=workers or cpu_count(),
        cache=cache,
        progress=progress,
    )
    if fit is not None:
        _require_fit(fit, made)
        made.load(fit)
    elif not entry.ready.regime.trains:
        made.fit(TrainView(entry.ready.regime), ctx)
    else:
        hint = "pass --fit RUN/fits/ID of a benchmark that trained it"
        raise ConfigError(
            f"{name} is {entry.ready.regime}: it must be trained before it can score a file", hint=hint
        )
    atomic.make_folder(out)
    yield from score_files(files, made, ctx, out=out, mesh_points=mesh_points)


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


def _require_fit(fit: Path, method: Method) -> None:
    """Refuses a fit that is unfinished or belongs to another method, revision or configuration."""
    if not store.is_done(fit):
        raise WeightsError(f"{fit} is no finished fit", hint="pass RUN/fits/ID of a finished benchmark")
    facts = store.read_json(fit / store.FIT)
    wanted = {"method": method.card.slug, "revision": method.card.revision, "config": plain(method.config)}
    for key, value in wanted.items():
        if facts.get(key) != value:
            raise WeightsError(
                f"{fit} has {key} {facts.get(key)}, not {value}", hint="give the options of that fit"
            )


def _predict_one(method: Method, sample: Sample, ctx: RunContext) -> Prediction:
    """The prediction of one sample, checked like those of a benchmark."""
    try:
        found = list(method.predict([sample], ctx))
    except Pc3dadError:
        raise
    except (Exception, SystemExit) as error:  # a method may raise anything; the other files must go on
        raise MethodError(
            f"{method.card.slug} failed on {sample.id}: {type(error).__name__}: {error}"
        ) from error
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
