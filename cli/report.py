"""`pc3dad report`: the table of a run as text and as a page."""

from pathlib import Path
from typing import Annotated

import typer

from pc3dad.cli import options, output
from pc3dad.errors import ExitCode


def report(
    run: Annotated[Path, typer.Argument(help="Run folder, as bench printed it.")],
    as_json: options.Json = False,
) -> ExitCode:
    """Print the table of a run and write its page, report/index.html.

    Works on unfinished runs too: what is not there is shown as a hole with its reason.
    """
    from dataclasses import asdict

    from pc3dad.evaluation.results import write_page
    from pc3dad.evaluation.stored import read_run

    runs, table = read_run(run)
    if as_json:
        output.show_json({"folder": run.as_posix(), "rows": [asdict(row) for row in table.rows]})
    else:
        output.show(table.to_text())
    output.tell(f"page: {write_page(runs, table)}")
    return ExitCode.DONE
