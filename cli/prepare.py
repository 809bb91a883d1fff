"""`pc3dad data prepare`: convert a downloaded data set to our own layout."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pc3dad.cli import options, output
from pc3dad.errors import ConfigError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pc3dad.cards import DatasetCard
    from pc3dad.data.prepare import Outcome


def prepare(
    name: Annotated[str, typer.Argument(help="Slug of the data set, options in brackets.")],
    root: Annotated[
        Path | None, typer.Option("--root", help="Folder that you downloaded; only read.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder to write; given again, it is continued.")
    ] = None,
    categories: Annotated[str, typer.Option("--categories", help="A,B,...; all if left out.")] = "",
    plugin: options.Plugin = [],
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> ExitCode:
    """Convert a downloaded data set once, so that every later run reads it fast and checks every byte.

    Nothing is downloaded: without --root, this says where to get the data set and under which licence. The
    same command goes on where it was stopped. Pass the folder as --root afterwards.
    """
    from pc3dad import registry
    from pc3dad.config import parse_variant
    from pc3dad.data import prepare as preparing

    slug, values = parse_variant(name)
    entry = registry.datasets(plugin)[slug]
    config = entry.configure(values)
    if root is None and entry.ready.needs_root:
        _explain(entry.ready)
        return ExitCode.USAGE
    if out is None:
        raise ConfigError("there is no folder to write to", hint="pass --out FOLDER")
    chosen = [part.strip() for part in categories.split(",") if part.strip()] or None
    output.tell(output.paragraph(f"licence: {entry.ready.licence}", indent=2))
    with output.progress(quiet=quiet or as_json) as progress:
        outcomes = list(
            preparing.prepare(
                entry.open(root, config), out, source=root, categories=chosen, progress=progress
            )
        )
    if as_json:
        output.show_json([asdict(outcome) for outcome in outcomes])
    else:
        _show(outcomes)
    if any(outcome.failures for outcome in outcomes):
        output.tell(
            "Categories with failures are not finished; mend the files and give the same command again."
        )
        return ExitCode.DATA
    output.tell(f"use it with --root {out}")
    return ExitCode.DONE


def _show(outcomes: "Sequence[Outcome]") -> None:
    """What was made of each category, and every failure."""
    rows = [
        (one.category, str(one.made), str(one.kept), str(len(one.failures)), f"{one.bytes / 1e6:.1f}")
        for one in outcomes
    ]
    output.show(output.table(rows, ("category", "made", "kept", "failed", "MB")))
    for one in outcomes:
        for failure in one.failures:
            output.tell(f"failed: {f'{one.category} {failure.id}'.rstrip()}: {failure.reason}")


def _explain(card: "DatasetCard") -> None:
    """Where to get it, under which licence, how large it is, what it looks like, what to do."""
    output.show(f"{card.slug}: {card.title}\n")
    lines = {
        "licence": card.licence,
        "source": card.source or "your own files",
        "download": card.download,
        "size": card.size,
        "counts": card.counts,
    }
    for key, value in lines.items():
        if value:
            output.show(output.paragraph(f"{key:<12}{value}", indent=12))
    if card.layout:
        output.show("\nlayout")
        for line in card.layout.rstrip().split("\n"):
            output.show(output.paragraph(line, indent=4))
    if card.notes:
        output.show("\ngood to know")
        for note in card.notes:
            output.show(output.paragraph(f"- {note}", indent=4))
    output.show(
        f"\nGet it there, agree to the licence, unpack it, then:\n"
        f"  pc3dad data prepare {card.slug} --root UNPACKED --out FOLDER"
    )
