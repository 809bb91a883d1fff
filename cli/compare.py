"""`pc3dad compare`: ranks, tests and intervals of the methods of one or more runs."""

from pathlib import Path
from typing import Annotated

import typer

from pc3dad.cli import options, output
from pc3dad.errors import ExitCode


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Run folders, as bench printed them.")],
    metrics: Annotated[
        str,
        typer.Option(
            "--metrics", help="Keys such as point/auroc, separated by commas; default: those shared."
        ),
    ] = "",
    methods: Annotated[
        list[str],
        typer.Option("--methods", "-m", help="Method to compare, as the report names it; repeatable."),
    ] = [],
    as_json: options.Json = False,
) -> ExitCode:
    """Compare the methods of runs: mean ranks, tests over categories and paired intervals.

    Refuses, with the reason, what may not stand in one ranking: other ground truth, other categories or
    training sets, incomplete results, methods that saw more of the target category.
    """
    from pc3dad.evaluation.stored import compare_runs
    from pc3dad.runs.compare_text import text

    found = compare_runs(runs, metrics=options.split_keys(metrics), methods=methods)
    if as_json:
        output.show_json(found.plain())
    else:
        output.show(text(found))
    return ExitCode.DONE
