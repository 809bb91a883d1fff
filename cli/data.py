"""`pc3dad data`: list, info, verify."""

from pathlib import Path
from typing import Annotated, Any

import typer

from pc3dad.cli import options, output
from pc3dad.errors import ExitCode

app = typer.Typer(help="Data sets: list, describe, verify.", no_args_is_help=True)

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
        rows = [
            (e.slug, e.card.title if e.card else "BROKEN", e.card.licence if e.card else e.error)
            for e in entries
        ]
        output.show(output.table(rows, ("data set", "what it is", "licence")))
    return ExitCode.DONE


@app.command()
def info(
    name: Name, root: Folder = None, plugin: options.Plugin = [], as_json: options.Json = False
) -> ExitCode:
    """Show licence, source, layout, traps and content."""
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
    output.show(f"{card.slug}: {card.title}\n")
    lines = {
        "licence": card.licence,
        "source": card.source or "-",
        "unit": card.unit,
        "counts": card.counts or "-",
    }
    lines |= {
        "categories": ", ".join(card.categories) or "any",
        "auxiliary": ", ".join(card.auxiliary) or "-",
    }
    for key, value in lines.items():
        output.show(output.paragraph(f"{key:<12}{value}", indent=12))
    if card.layout:
        output.show("\nlayout")
        for line in card.layout.rstrip().split("\n"):
            output.show(output.paragraph(line, indent=4))
    for note in card.notes:
        output.show(output.paragraph(f"- {note}", indent=2))
    output.show("\noptions\n" + output.options_table(facts["options"]))
    if "found" in facts:
        rows = [
            (category, *(str(count) for count in counts.values()))
            for category, counts in facts["found"].items()
        ]
        output.show("\n" + output.table(rows, ("found", *(str(split) for split in Split))))
    return ExitCode.DONE


@app.command()
def verify(
    name: Name, root: Folder = None, plugin: options.Plugin = [], as_json: options.Json = False
) -> ExitCode:
    """Read every sample and name what is wrong."""
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
            output.show(
                output.paragraph(f"{finding.severity}: {finding.category}: {finding.message}", indent=2)
            )
    errors = sum(finding.severity is Severity.ERROR for finding in findings)
    if as_json:
        output.show_json(
            [{"severity": f.severity, "category": f.category, "message": f.message} for f in findings]
        )
    else:
        warnings = sum(finding.severity is Severity.WARNING for finding in findings)
        output.tell(f"{errors} errors, {warnings} warnings, {len(findings) - errors - warnings} notes")
    return ExitCode.FAILED if errors else ExitCode.DONE


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
