"""Options that several commands share."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pc3dad.errors import ConfigError

if TYPE_CHECKING:
    from pc3dad.registry import Entry

MANY_SEEDS = 10_000

Plugin = Annotated[
    list[Path],
    typer.Option("--plugin", help="Card file or folder of a method or data set in progress; repeatable."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")]
Workers = Annotated[
    int, typer.Option("--workers", min=0, help="Threads of neighbour searches; 0 means all cores.")
]
NoCache = Annotated[
    bool, typer.Option("--no-cache", help="Compute features of encoders anew; scores are the same.")
]
Root = Annotated[
    list[str],
    typer.Option("--root", help="Folder of the data set, or NAME=FOLDER when there are several; repeatable."),
]
Metrics = Annotated[
    str, typer.Option("--metrics", help="Keys such as point/auroc, separated by commas; default: all.")
]
Protocol = Annotated[
    list[str],
    typer.Option("--protocol", help="valid (default), all-pixels, sampled-2048, per-sample; repeatable."),
]
Replicates = Annotated[
    int | None,
    typer.Option(
        "--replicates", min=0, help="Bootstrap replicates of 95 % intervals; default 1000, 0 for none."
    ),
]
Assign = Annotated[
    list[str], typer.Option("--set", help="NAME.key=value, an option of a method or data set; repeatable.")
]


def split_roots(roots: list[str], names: list[str]) -> dict[str, Path]:
    """Turns the words of --root into a folder per data set.

    Args:
        roots: "FOLDER", which belongs to the only name, or "NAME=FOLDER".
        names: data sets of the command.

    Raises:
        ConfigError: a plain folder although there are several data sets.
    """
    found: dict[str, Path] = {}
    for word in roots:
        name, equals, folder = word.partition("=")
        if equals and "/" not in name:
            found[name] = Path(folder)
        elif len(set(names)) == 1:
            found[names[0]] = Path(word)
        else:
            raise ConfigError(
                f"--root {word} does not say which data set it belongs to", hint="write NAME=FOLDER"
            )
    return found


def parse_seeds(text: str) -> list[int]:
    """Parses "0,1,2" or "0-9" or a mixture.

    Raises:
        ConfigError: a part is not a number or a range.
    """
    seeds: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise ConfigError(f"--seeds {text!r} is not a list of numbers", hint="write 0,1,2 or 0-9")
        span = range(int(first), int(last or first) + 1)
        if not 0 < len(span) <= MANY_SEEDS:
            raise ConfigError(f"--seeds {part.strip()} are {len(span)} seeds", hint="write 0,1,2 or 0-9")
        seeds += span
    return seeds


def split_keys(text: str) -> list[str]:
    """Metric keys of "A,B".

    Raises:
        ConfigError: there are none.
    """
    keys = [key.strip() for key in text.split(",") if key.strip()]
    if text and not keys:
        raise ConfigError(f"--metrics {text!r} names no metric", hint="write keys such as point/auroc")
    return keys


def evaluation(
    metrics: str, protocols: list[str], replicates: int | None, before: Mapping[str, Any]
) -> dict[str, Any]:
    """Fields of the settings of an evaluation that the options above change.

    Args:
        metrics: keys, separated by commas.
        protocols: their names.
        replicates: their number, None to leave it.
        before: settings that are there already.
    """
    values: dict[str, Any] = {}
    if metrics:
        values["metrics"] = split_keys(metrics)
    if protocols:
        values["protocols"] = protocols
    if replicates is not None:
        bootstrap = before.get("bootstrap", {})
        if not isinstance(bootstrap, Mapping):
            raise ConfigError(f"bootstrap = {bootstrap!r} is no table", hint="write [bootstrap]")
        values["bootstrap"] = {**bootstrap, "replicates": replicates}
    return values


def plain_entries(entries: Iterable["Entry[Any]"]) -> list[dict[str, Any]]:
    """Registered cards and broken plug-ins as plain data."""
    return [
        {
            "slug": entry.slug,
            "owner": entry.owner,
            "error": entry.error,
            "card": entry.card.model_dump(mode="json") if entry.card else None,
        }
        for entry in entries
    ]
