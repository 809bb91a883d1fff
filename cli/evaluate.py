"""`pc3dad eval`: recompute the metrics of a run from its stored predictions."""

from pathlib import Path
from typing import Annotated

import typer

from pc3dad.cli import options, output
from pc3dad.errors import ExitCode


def evaluate(
    run: Annotated[Path, typer.Argument(help="Run folder, as bench printed it.")],
    metrics: Annotated[
        str,
        typer.Option(
            "--metrics", help="Keys such as point/auroc, separated by commas; default: those it has."
        ),
    ] = "",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> ExitCode:
    """Recompute all metrics of a run from its stored predictions.

    Needs the run folder alone: no method, no weights, no data set. Writes metrics.csv and the report anew.
    """
    from dataclasses import asdict

    from pc3dad.evaluation.stored import evaluate_run

    keys = [key.strip() for key in metrics.split(",") if key.strip()]
    with output.progress(quiet=quiet or as_json) as progress:
        found = evaluate_run(run, {"metrics": keys} if keys else {}, progress=progress)
    if as_json:
        output.show_json({"folder": run.as_posix(), "rows": [asdict(row) for row in found.table.rows]})
    else:
        output.show(found.table.to_text())
        output.tell(f"{found.evaluated} cells evaluated; results in {run}")
    for label, reason in found.failed:
        output.tell(f"no value: {label}: {reason}")
    return ExitCode.FAILED if found.failed else ExitCode.DONE
