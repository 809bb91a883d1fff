"""The command `pc3dad`."""

import logging
import sys
from io import TextIOWrapper
from typing import Annotated, Any, NoReturn

import typer

import pc3dad
from pc3dad.cli import bench, compare, data, doctor, evaluate, methods, predict, report, weights
from pc3dad.errors import ExitCode, Pc3dadError


def _exit(code: ExitCode | None, **_: Any) -> NoReturn:
    """What a command returns is the exit code of the process."""
    raise typer.Exit(int(code or ExitCode.DONE))


app = typer.Typer(
    name="pc3dad",
    result_callback=_exit,
    help="Compare zero-shot 3D anomaly detectors on point clouds.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
app.command("bench")(bench.bench)
app.command("eval")(evaluate.evaluate)
app.command("compare")(compare.compare)
app.command("report")(report.report)
app.command("predict")(predict.predict)
app.add_typer(data.app, name="data")
app.add_typer(methods.app, name="methods")
app.add_typer(weights.app, name="weights")
app.command("doctor")(doctor.doctor)


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,  # noqa: ARG001
) -> None:
    """Compare zero-shot 3D anomaly detectors on point clouds."""
    if version:
        typer.echo(pc3dad.__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(ExitCode.USAGE)


def main() -> None:
    """Runs the command line: errors become one sentence and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files need not be UTF-8
    debug = "--debug" in sys.argv
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # our own error says it in one sentence
    logging.getLogger("pc3dad").setLevel(logging.DEBUG if debug else logging.WARNING)
    words = ["--debug"] * debug + [word for word in sys.argv[1:] if word != "--debug"]  # accepted anywhere
    try:
        app(words)
    except Pc3dadError as error:
        if debug:
            raise
        _complain(str(error), error.exit_code)
    except BrokenPipeError:  # the reader of our output has gone, as in `pc3dad ... | head`
        sys.stderr.close()
        sys.exit(ExitCode.FAILED)
    except SystemExit as end:
        if end.code == ExitCode.INTERRUPTED:
            _complain("interrupted; what was finished is kept.", ExitCode.INTERRUPTED)
        raise
    except Exception as error:
        if debug:
            raise
        _complain(f"unexpected {type(error).__name__}: {error}; --debug shows where.", ExitCode.FAILED)


def _complain(sentence: str, code: ExitCode) -> NoReturn:
    typer.echo(f"pc3dad: {sentence}", err=True)
    sys.exit(code)
