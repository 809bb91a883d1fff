"""`pc3dad data`: list, info, verify; `prepare` and `synthesize` have files of their own."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pc3dad.cli import options, output, prepare, synthesize
from pc3dad.errors import ExitCode

if TYPE_CHECKING:
    from pc3dad.cards import DatasetCard
    from pc3dad.data.base import Finding

SHOWN_ITEMS = 5  # of one finding, without --all

app = typer.Typer(help="Data sets: list, describe, prepare, verify, synthesize.", no_args_is_help=True)
app.command("prepare")(prepare.prepare)
app.command("synthesize")(synthesize.synthesize)

Name = Annotated[
    str, typer.Argument(help="Slug of the data set, options in brackets: eyecandies[foreground=all].")
]
Folder = Annotated[Path | None, typer.Option("--root", help="Folder of the data set.")]


@app.command("list")
def list_datasets(plugin: options.Plugin = [], as_json: options.Json = False) -> ExitCode:
    """List all data sets with their licence."""
    from pc3dad import registry

    entries = list(registry.datasets(plugin))
    if as_json:
        output.show_json(options.plain_entries(entries))
    else:
        rows = []
        for entry in entries:
            rows.append((entry.slug, entry.card.title if entry.card else f"BROKEN: {entry.error}"))
            if entry.card:
                rows.append(("", f"licence: {entry.card.licence}"))
        output.show(output.table(rows, ("data set", "what it is")))
    return ExitCode.DONE


@app.command()
def info(
    name: Name, root: Folder = None, plugin: options.Plugin = [], as_json: options.Json = False
) -> ExitCode:
    """Show licence, source, counts, layout, traps, what published works do, and what is there."""
    from pc3dad import registry
    from pc3dad.config import parse_variant
    from pc3dad.types import Split

    slug, values = parse_variant(name)
    entry = registry.datasets(plugin)[slug]
    card = entry.ready
    config = entry.configure(values)
    described = [{**item, "value": getattr(config, item["name"])} for item in describe_options(type(config))]
    facts: dict[str, Any] = {"card": card.model_dump(mode="json"), "options": described}
    if root is not None or not card.needs_root:
        dataset = entry.open(root, config)
        facts["found"] = {
            category: {str(split): len(dataset.refs(category, split)) for split in Split}
            for category in dataset.categories()
        }
    if as_json:
        output.show_json(facts)
        return ExitCode.DONE
    output.show("\n\n".join(_described(card, facts)))
    return ExitCode.DONE


@app.command()
def verify(
    name: Name,
    root: Folder = None,
    show_all: Annotated[
        bool, typer.Option("--all", help="Name every file, not just the first ones.")
    ] = False,
    plugin: options.Plugin = [],
    as_json: options.Json = False,
) -> ExitCode:
    """Read every sample and name what is missing, empty, unreadable, unexpected or known to be bad."""
    from pc3dad import registry
    from pc3dad.config import parse_variant
    from pc3dad.data.base import Severity
    from pc3dad.data.verify import verify as findings_of

    slug, values = parse_variant(name)
    entry = registry.datasets(plugin)[slug]
    findings = []
    for finding in findings_of(entry.open(root, entry.configure(values))):
        findings.append(finding)
        if not as_json:
            _show_finding(finding, root, limit=None if show_all else SHOWN_ITEMS)
    errors = sum(finding.severity is Severity.ERROR for finding in findings)
    if as_json:
        output.show_json([asdict(finding) for finding in findings])
    else:
        warnings = sum(finding.severity is Severity.WARNING for finding in findings)
        output.tell(f"{errors} errors, {warnings} warnings, {len(findings) - errors - warnings} notes")
    return ExitCode.FAILED if errors else ExitCode.DONE


def _show_finding(finding: "Finding", root: Path | None, *, limit: int | None) -> None:
    """Message, and below it the first items; paths are shortened to what lies below `root`."""
    message, *items = (_below_root(text, root) for text in (finding.message, *finding.items))
    output.show(output.paragraph(f"{finding.severity}: {finding.category}: {message}", indent=2))
    more = items[1:] if items and message.startswith(items[0]) else items  # an error quotes its first item
    for item in more[:limit]:
        output.show(output.paragraph(f"    {item}", indent=6))
    if limit is not None and len(more) > limit:
        output.show(f"    and {len(more) - limit} more (--all names them)")


def _below_root(text: str, root: Path | None) -> str:
    """The text without the root at the start of its paths."""
    return text if root is None else re.sub(rf"(?<!\S){re.escape(str(root))}/", "", text)


def _described(card: "DatasetCard", facts: dict[str, Any]) -> Iterator[str]:
    """Blocks of text about one data set."""
    yield f"{card.slug}: {card.title}"
    lines = {
        "licence": card.licence,
        "source": card.source or "-",
        "download": card.download or "-",
        "size": card.size or "-",
        "unit": card.unit,
        "counts": card.counts or "-",
        "categories": ", ".join(card.categories) or "any",
        "auxiliary": ", ".join(card.auxiliary) or "-",
    }
    yield "\n".join(output.paragraph(f"{key:<12}{value}", indent=12) for key, value in lines.items())
    if card.layout:
        yield "\n".join(["expected layout", *_indented(card.layout.rstrip().split("\n"))])
    for title, sentences in (("good to know", card.notes), ("what published works do to it", card.published)):
        if sentences:
            yield "\n".join([title, *_indented(f"- {sentence}" for sentence in sentences)])
    yield "options\n" + output.options_table(facts["options"])
    if "found" in facts:
        splits: dict[str, int] = next(iter(facts["found"].values()), {})
        rows = [(name, *map(str, counts.values())) for name, counts in facts["found"].items()]
        yield output.table(rows, ("found", *splits))


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (output.paragraph(f"  {line}", indent=4) for line in lines)


def describe_options(kind: Any) -> list[dict[str, Any]]:
    """Name, default, type and description of every option of a configuration class."""
    schema = kind.model_json_schema()["properties"] if kind.model_fields else {}
    return [
        {
            "name": name,
            "default": field.get_default(call_default_factory=True),
            "bounds": _bounds(schema[name]),
            "description": field.description or "",
        }
        for name, field in kind.model_fields.items()
    ]


def _bounds(schema: dict[str, Any]) -> str:
    words = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    bounds = [f"{sign} {schema[key]:g}" for key, sign in words.items() if key in schema]
    return ", ".join(bounds) or " | ".join(str(item) for item in schema.get("enum", [schema.get("type", "")]))
