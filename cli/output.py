"""What the terminal shows: results on stdout, progress and messages on stderr."""

import json
import shutil
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from pc3dad.context import Progress


def show(text: str) -> None:
    """Prints a result."""
    typer.echo(text)


def show_json(value: Any) -> None:
    """Prints one JSON document."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def tell(text: str) -> None:
    """Prints a message for people that is not part of the result."""
    typer.echo(text, err=True)


def table(rows: Sequence[tuple[str, ...]], heads: tuple[str, ...]) -> str:
    """Aligned columns; the last one is wrapped to the terminal."""
    lines = [heads, *rows]
    widths = [max(len(line[index]) for line in lines) for index in range(len(heads) - 1)]
    starts = [
        "".join(f"{cell:<{width}}  " for cell, width in zip(line, widths, strict=False)) for line in lines
    ]
    indent = sum(widths) + 2 * len(widths)
    return "\n".join(
        paragraph(start + line[-1], indent=indent) for start, line in zip(starts, lines, strict=True)
    )


@contextmanager
def progress(*, quiet: bool) -> Iterator["Progress"]:
    """A bar with the time left on a terminal, a line per step elsewhere, nothing with `quiet`."""
    if quiet:
        yield lambda _label, _done, _total: None
    elif sys.stderr.isatty():
        with _bar() as call:
            yield call
    else:
        yield _lines()


@contextmanager
def _bar() -> Iterator["Progress"]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with RichProgress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def call(label: str, done: int, total: int) -> None:
            if bar.tasks[0].description != label:
                bar.reset(task, description=label)
            bar.update(task, completed=done, total=total or None)

        yield call


def _lines() -> "Progress":
    """A line when a step begins and one when it ends: a log file stays readable."""
    started: dict[str, float] = {}

    def call(label: str, done: int, total: int) -> None:
        if label not in started:
            started[label] = time.monotonic()
            tell(label)
        elif total and done == total:
            tell(f"{label}: done in {time.monotonic() - started[label]:.1f} s")

    return call


def paragraph(text: str, *, indent: int) -> str:
    """Text wrapped to the terminal, lines after the first one indented."""
    width = max(40, min(100, shutil.get_terminal_size((80, 24)).columns))
    return textwrap.fill(
        text, width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False
    )


def options_table(described: list[dict[str, Any]]) -> str:
    """One paragraph per option: name, value, bounds, description."""
    lines = []
    for item in described:
        value = item.get("value", item["default"])
        changed = "" if value == item["default"] else f", default {item['default']}"
        bounds = f" ({item['bounds']}{changed})" if item["bounds"] or changed else ""
        lines.append(
            paragraph(
                f"  {item['name']} = {value}{bounds}: {' '.join(item['description'].split())}", indent=6
            )
        )
    return "\n".join(lines) or "  none"
