"""`pc3dad eval`: metrics of stored predictions, or of scores that somebody made without pc3dad."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pc3dad.cli import options, output
from pc3dad.errors import ConfigError, ExitCode

if TYPE_CHECKING:
    from pc3dad.evaluation.stored import Evaluation
    from pc3dad.types import Regime


def evaluate(
    run: Annotated[
        Path | None, typer.Argument(help="Run folder, as bench printed it; or give --scores.")
    ] = None,
    scores: Annotated[
        list[str],
        typer.Option(
            "--scores",
            help="[NAME=]FOLDER of scores, <category>/<sample id>.npz; repeatable, one for each method.",
        ),
    ] = [],
    truth: Annotated[
        Path | None, typer.Option("--truth", help="Folder of the data set that scores are of.")
    ] = None,
    dataset: Annotated[
        str, typer.Option("--dataset", "-d", help="NAME or NAME[key=value] of it; default arrays.")
    ] = "",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Run folder of scores; default runs/TRUTH-NAMES.")
    ] = None,
    regime: Annotated[
        str,
        typer.Option(
            "--regime",
            help="What made the scores: auxiliary (default), one-class, few-shot, "
            "training-free, transductive.",
        ),
    ] = "",
    metrics: Annotated[
        str,
        typer.Option(
            "--metrics", help="Keys such as point/auroc, separated by commas; default: those it has."
        ),
    ] = "",
    protocol: options.Protocol = [],
    nan: Annotated[str, typer.Option("--nan", help="NaN scores: error (default), worst.")] = "",
    infinite: Annotated[
        str, typer.Option("--infinite", help="Infinite scores: error (default), allow.")
    ] = "",
    missing: Annotated[
        str,
        typer.Option("--missing", help="Samples without scores: error (default), worst, intersection."),
    ] = "",
    unmarked: Annotated[
        str,
        typer.Option(
            "--unmarked", help="Anomalous objects without anomalous point: error (default), exclude."
        ),
    ] = "",
    replicates: options.Replicates = None,
    pooled: Annotated[
        bool,
        typer.Option("--pooled", help="Print values with all categories in one population too."),
    ] = False,
    plugin: options.Plugin = [],
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> ExitCode:
    """Compute metrics from stored predictions, or from scores of your own.

    With RUN, all metrics of that run again: needs the run folder alone, no method, no weights, no data set.
    With --scores and --truth, scores that any program wrote; docs/evaluate_your_scores.md is the guide.
    """
    from pc3dad.evaluation.external import evaluate_scores, run_folder
    from pc3dad.evaluation.stored import evaluate_run

    policies = {"nan": nan, "infinite": infinite, "missing": missing, "unmarked": unmarked}
    settings = options.evaluation(metrics, protocol, replicates, {})
    if given := {key: value for key, value in policies.items() if value}:
        settings["policies"] = given
    with output.progress(quiet=quiet or as_json) as progress:
        if run is None and scores and truth is not None:
            folders = _folders(scores)
            run = out or run_folder(folders, truth)
            found = evaluate_scores(
                folders,
                truth,
                dataset=dataset or "arrays",
                settings=settings,
                regime=_regime(regime or "auxiliary"),
                out=out,
                plugins=plugin,
                progress=progress,
            )
        elif run is not None and not (scores or truth or dataset or out or regime or plugin):
            found = evaluate_run(run, settings, progress=progress)
        else:
            problem = "eval needs either a run folder, or --scores and --truth"
            raise ConfigError(problem, hint="`pc3dad eval --help` tells which options go with which")
    _show(run, found, pooled=pooled, as_json=as_json)
    return ExitCode.FAILED if found.failed else ExitCode.DONE


def _show(run: Path, found: "Evaluation", *, pooled: bool, as_json: bool) -> None:
    from dataclasses import asdict

    from pc3dad.evaluation.pooled import evaluate_pooled
    from pc3dad.runs.plan import read_plan

    if as_json:
        rows = [*found.table.rows, *(evaluate_pooled(run).rows if pooled else ())]
        output.show_json({"folder": run.as_posix(), "rows": [asdict(row) for row in rows]})
    else:
        output.show(found.table.to_text())
        if pooled:
            output.show(evaluate_pooled(run).to_text())
        for note in read_plan(run).notes:
            output.tell(note)
        output.tell(f"{found.evaluated} cells evaluated; results in {run}")
    for label, reason in found.failed:
        output.tell(f"no value: {label}: {reason}")


def _folders(words: list[str]) -> dict[str, Path]:
    """Name of each method to its folder, from "NAME=FOLDER" or "FOLDER"."""
    from pc3dad.evaluation.external import folder_name

    found: dict[str, Path] = {}
    for word in words:
        name, equals, path = word.partition("=")
        named = equals and not {"/", "\\"} & {*name}
        folder = Path(path if named else word)
        name = name if named else folder_name(folder)
        if name in found:
            raise ConfigError(f"two methods are called {name!r}", hint="give --scores NAME=FOLDER")
        found[name] = folder
    return found


def _regime(word: str) -> "Regime":
    from pc3dad.config import nearest
    from pc3dad.types import Regime

    if word not in (names := [regime.value for regime in Regime]):
        raise ConfigError(f"unknown regime {word!r}{nearest(word, names)}", hint="see `pc3dad eval --help`")
    return Regime(word)
