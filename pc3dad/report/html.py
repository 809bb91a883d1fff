"""A run as one plain HTML page that opens from disk without network."""

from collections.abc import Mapping, Sequence
from typing import Any

from pc3dad.runs.render import merged
from pc3dad.runs.table import ResultTable


def page(
    table: ResultTable, facts: Mapping[str, Any], config: Mapping[str, Any], notes: Sequence[str] = ()
) -> str:
    """The page of one run.

    Args:
        table: its rows.
        facts: content of `run.json`.
        config: content of `config.json`.
        notes: what was left out and why.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("pc3dad.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    template = environment.get_template("run.html")
    blocks = [table.pivot(group).block() for group in table.groups()]
    return template.render(
        name=facts.get("name") or "run",
        status=facts.get("status", "unknown"),
        blocks=blocks,
        merged=merged,
        provenance=_provenance(facts),
        settings=_settings(config),
        notes=notes,
    )


def _provenance(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    git, device, packages = (_mapping(facts.get(name)) for name in ("git", "device", "packages"))
    state = f"{git.get('commit', '')}{' with changes' if git.get('changed') else ''}"
    argv = facts.get("argv")
    rows = [
        ("pc3dad", str(facts.get("pc3dad", ""))),
        ("source", state),
        ("command", " ".join(map(str, argv)) if isinstance(argv, list) else ""),
        ("begin", str(facts.get("start") or "")),
        ("end", str(facts.get("end") or "")),
        ("device", ", ".join(str(value) for value in device.values())),
        ("platform", f"Python {facts.get('python', '')}, {facts.get('platform', '')}"),
        ("packages", ", ".join(f"{name} {number}" for name, number in packages.items())),
    ]
    return [(name, value) for name, value in rows if value]


def _settings(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Every method and data set with its resolved options."""
    found = {**_mapping(config.get("datasets")), **_mapping(config.get("methods"))}
    return [
        (variant, ", ".join(f"{key} = {value}" for key, value in _mapping(options).items()) or "no options")
        for variant, options in found.items()
    ]


def _mapping(value: Any) -> Mapping[str, Any]:
    """The value, or nothing if the file that it comes from is damaged: a page is better than none."""
    return value if isinstance(value, Mapping) else {}
