"""Scores a user's own files, without any data set: one scan in, scores, a coloured PLY and a summary out."""

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from pc3dad.context import RunContext
from pc3dad.errors import MethodError, Pc3dadError
from pc3dad.evaluation.runner import check_prediction
from pc3dad.geometry.sampling import sample_surface
from pc3dad.io import atomic
from pc3dad.io.clouds import read_scan
from pc3dad.io.ply import write_ply
from pc3dad.methods.base import Method
from pc3dad.types import Prediction, Sample

CATEGORY = "part"


@dataclass(frozen=True, slots=True)
class FileResult:
    """What became of one file.

    Attributes:
        file: the path as given.
        status: "ok" or "failed".
        object_score: score of the whole part; comparable between parts of one method only.
        n_points: points scored; of a mesh, the points drawn from its surface.
        n_valid: points that the sensor measured.
        drawn_from_mesh: True if the points were drawn from the surface of a mesh.
        points_per_area: points drawn per square file unit, None unless drawn from a mesh.
        seconds: time that the method took, without reading and writing.
        scores: name of the `.npz` with `point_scores` (N,) float32 and `xyz` (N, 3) float64 in the file's unit.
        coloured: name of the PLY coloured by score, with the score as a property of each point.
        reason: why there is no score.
    """

    file: str
    status: str
    object_score: float | None = None
    n_points: int = 0
    n_valid: int = 0
    drawn_from_mesh: bool = False
    points_per_area: float | None = None
    seconds: float | None = None
    scores: str = ""
    coloured: str = ""
    reason: str = ""


def score_files(
    files: Iterable[Path], method: Method, ctx: RunContext, *, out: Path, mesh_points: int
) -> Iterator[FileResult]:
    """Scores files one after the other; one that cannot be read or scored does not stop the others.

    Args:
        files: scans in any format that `io.clouds` reads.
        method: fitted method.
        ctx: surroundings.
        out: folder for results, made if it does not exist; `predictions.json` is written last.
        mesh_points: points to draw from the surface of a mesh; 0 scores its vertices instead.

    Yields:
        One result per file, in order.
    """
    results: list[FileResult] = []
    names: set[str] = set()
    for file in files:
        name = _unused_name(file, names)
        try:
            result = _score_file(file, name, method, ctx, out, mesh_points)
        except Pc3dadError as error:
            result = FileResult(str(file), "failed", reason=str(error))
        results.append(result)
        yield result
    summary = {"method": method.card.slug, "revision": method.card.revision, "seed": ctx.seed}
    summary["config"] = json.loads(method.config.model_dump_json())
    atomic.write_json(out / "predictions.json", summary | {"files": [asdict(result) for result in results]})


def _score_file(
    file: Path, name: str, method: Method, ctx: RunContext, out: Path, mesh_points: int
) -> FileResult:
    scan = read_scan(file)
    cloud, per_area = scan.cloud, None
    if scan.faces is not None and mesh_points:
        vertices = cloud.xyz.astype(np.float64)
        cloud, area = sample_surface(vertices, scan.faces, n=mesh_points, rng=ctx.rng("mesh", cloud))
        cloud, per_area = replace_origin(cloud, scan.cloud.origin), mesh_points / area
    start = time.perf_counter()
    prediction = _predict_one(method, Sample(name, CATEGORY, cloud), ctx)
    seconds = time.perf_counter() - start
    arrays = {"object_score": np.float64(prediction.object_score), "valid": cloud.valid}
    arrays["xyz"] = cloud.xyz.astype(np.float64) + cloud.origin
    if prediction.point_scores is not None:
        arrays["point_scores"] = prediction.point_scores
    atomic.write_npz(out / f"{name}.npz", arrays)
    write_ply(out / f"{name}.ply", cloud, scores=prediction.point_scores)
    return FileResult(
        file=str(file),
        status="ok",
        object_score=prediction.object_score,
        n_points=len(cloud),
        n_valid=int(cloud.valid.sum()),
        drawn_from_mesh=per_area is not None,
        points_per_area=per_area,
        seconds=seconds,
        scores=f"{name}.npz",
        coloured=f"{name}.ply",
    )


def _predict_one(method: Method, sample: Sample, ctx: RunContext) -> Prediction:
    """The prediction of one sample, checked like those of a benchmark."""
    try:
        found = list(method.predict([sample], ctx))
    except Pc3dadError:
        raise
    except Exception as error:  # a method may raise anything; the other files must go on
        raise MethodError(
            f"{method.card.slug} failed on {sample.id}: {type(error).__name__}: {error}"
        ) from error
    if len(found) != 1:
        raise MethodError(f"{method.card.slug} returned {len(found)} predictions for one file")
    check_prediction(found[0], sample.cloud.valid, method.card.outputs)
    return found[0]


def _unused_name(file: Path, names: set[str]) -> str:
    """The file's name, with a number behind it if another folder holds a file of that name."""
    name, number = file.name, 1
    while name.casefold() in names:
        number += 1
        name = f"{file.name}_{number}"
    names.add(name.casefold())
    return name
