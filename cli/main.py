"""The command `pc3dad`."""

import sys
from importlib import import_module
from typing import Annotated

import click
import typer

import pc3dad
from pc3dad.cli import bench, data, doctor, methods, predict
from pc3dad.errors import ExitCode, Pc3dadError

app = typer.Typer(
    name="pc3dad",
    help="Compare zero-shot 3D anomaly detectors on point clouds.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
app.command("bench")(bench.bench)
app.command("predict")(predict.predict)
app.add_typer(data.app, name="data")
app.add_typer(methods.app, name="methods")
app.command("doctor")(doctor.doctor)


@app.callback(invoke_without_command=True)
def _options(
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,  # noqa: ARG001
) -> None:
    """Compare zero-shot 3D anomaly detectors on point clouds."""
    if version:
        typer.echo(pc3dad.__version__)
        raise typer.Exit


def main() -> None:
    """Runs the command line: errors become one sentence and an exit code."""
    import_module("logging").basicConfig(level="WARNING", format="%(message)s", stream=sys.stderr)
    words = sys.argv[1:]
    debug = "--debug" in words
    words = (
        ["--debug", *(word for word in words if word != "--debug")] if debug else words
    )  # accepted anywhere
    try:
        code = app(words, standalone_mode=False) or ExitCode.DONE
    except Pc3dadError as error:
        if debug:
            raise
        code = _complain(str(error), error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        code = ExitCode.USAGE
    except click.ClickException as error:
        error.show()
        code = ExitCode.USAGE
    except (KeyboardInterrupt, click.Abort):
        code = _complain("interrupted; the same command goes on where it stopped.", ExitCode.INTERRUPTED)
    except BrokenPipeError:  # the reader of our output has gone, as in `pc3dad ... | head`
        sys.stderr.close()
        code = ExitCode.FAILED
    except Exception as error:
        if debug:
            raise
        code = _complain(f"unexpected {type(error).__name__}: {error}; --debug shows where.", ExitCode.FAILED)
    sys.exit(int(code))


def _complain(sentence: str, code: ExitCode) -> ExitCode:
    typer.echo(f"pc3dad: {sentence}", err=True)
    return code
