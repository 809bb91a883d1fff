"""`pc3dad predict`: score scans of one's own."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pc3dad.cli import options, output
from pc3dad.errors import ConfigError, ExitCode

if TYPE_CHECKING:
    from pc3dad.evaluation.spec import DatasetSpec


def predict(
    files: Annotated[
        list[Path], typer.Argument(help="Scans: ply, pcd, stl, obj, xyz, txt, csv, npz, npy, tiff, png.")
    ],
    method: Annotated[str, typer.Option("--method", "-m", help="NAME or NAME[key=value,...].")] = "curvature",
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for scores, coloured PLY and predictions.json.")
    ] = Path("out"),
    fit: Annotated[
        Path | None, typer.Option("--fit", help="Stored fit, RUN/fits/ID, for methods that are trained.")
    ] = None,
    train_on: Annotated[
        str,
        typer.Option(
            "--train-on",
            help="NAME or NAME:A+B, what a zero-shot method is trained on, once; default synthetic.",
        ),
    ] = "",
    root: options.Root = [],
    redo: Annotated[bool, typer.Option("--redo", help="Train again although there is such a fit.")] = False,
    mesh_points: Annotated[
        int,
        typer.Option(
            "--mesh-points", min=0, help="Points drawn from the surface of a mesh; 0 scores its vertices."
        ),
    ] = 100_000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of everything random.")] = 0,
    device: options.Device = "auto",
    workers: options.Workers = 0,
    no_cache: options.NoCache = False,
    plugin: options.Plugin = [],
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> ExitCode:
    """Score scans of your own and write a coloured PLY for each.

    Needs no data set and no label. Scores of one method can be compared between parts; they have no unit, and
    no threshold comes with them. A zero-shot method that learns is trained once, on labelled parts of other
    kinds; later calls reuse that fit.
    """
    from pc3dad.evaluation import files as scoring
    from pc3dad.evaluation.kept import untold

    training = _training(train_on, root)
    with output.progress(quiet=quiet or as_json) as progress:
        steps = scoring.predict_files(
            files,
            method,
            out=out,
            fit=fit,
            train_on=training,
            redo=redo,
            mesh_points=mesh_points,
            seed=seed,
            device=device,
            workers=workers,
            cache=not no_cache,
            plugins=plugin,
            progress=progress,
            tell=untold if quiet else output.tell,
        )
        results = list(steps)
    if as_json:
        output.show_json([asdict(result) for result in results])
    else:
        rows = [_row(result) for result in results if result.status == "ok"]
        if rows:
            output.show(output.table(rows, ("score", "points", "seconds", "drawn from mesh", "file")))
            output.tell(
                f"results in {out}: NAME.ply to look at, NAME.npz and predictions.json to compute with"
            )
    failed = [result for result in results if result.status != "ok"]
    for result in failed:
        output.tell(f"failed: {result.reason}")
    return ExitCode(max((result.exit_code for result in failed), default=ExitCode.DONE))


def _training(word: str, roots: list[str]) -> "DatasetSpec | None":
    """The training set that the user named, with its folder."""
    from pc3dad.config import build
    from pc3dad.evaluation.spec import DatasetSpec, parse_dataset

    if not word:
        if roots:
            raise ConfigError("--root is the folder of a training set", hint="pass --train-on NAME too")
        return None
    table = parse_dataset(word, "--train-on")
    folders = options.split_roots(roots, [table["name"]])
    if others := sorted(set(folders) - {table["name"]}):
        raise ConfigError(f"--root names {others[0]}, which is not trained on", hint="see --train-on")
    return build(DatasetSpec, "bench", table | {"root": folders.get(table["name"])})


def _row(result: object) -> tuple[str, ...]:
    from pc3dad.evaluation.files import FileResult

    if not isinstance(result, FileResult) or result.object_score is None or result.seconds is None:
        raise ConfigError("internal: a result without a score was to be printed")
    density = f"{result.points_per_area:.3g} per unit²" if result.points_per_area is not None else "no"
    return (
        f"{result.object_score:.4g}",
        str(result.n_valid),
        f"{result.seconds:.2f}",
        density,
        Path(result.file).name,
    )
