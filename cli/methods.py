"""`pc3dad methods`: list, show, check, new, import."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from pc3dad.cli import options, output
from pc3dad.cli.data import describe_options
from pc3dad.errors import ExitCode

app = typer.Typer(
    help="Methods: list, describe, check, begin a new one, import files of authors.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(help="Slug of the method, options in brackets: curvature[k=20].")]


@app.command("list")
def list_methods(plugin: options.Plugin = [], as_json: options.Json = False) -> ExitCode:
    """List all methods, broken plug-ins included."""
    from pc3dad import registry

    entries = list(registry.methods(plugin))
    if as_json:
        output.show_json(options.plain_entries(entries))
    else:
        rows = [
            (e.slug, e.card.regime if e.card else "-", e.card.title if e.card else f"BROKEN: {e.error}")
            for e in entries
        ]
        output.show(output.table(rows, ("method", "regime", "what it is")))
    return ExitCode.DONE


@app.command()
def show(name: Name, plugin: options.Plugin = [], as_json: options.Json = False) -> ExitCode:
    """Show a method's card and every option with its default."""
    from pc3dad import registry
    from pc3dad.config import parse_variant

    slug, values = parse_variant(name)
    entry = registry.methods(plugin)[slug]
    card, config = entry.ready, entry.configure(values)
    described = [
        {**item, "value": getattr(config, item["name"])} for item in describe_options(entry.config_class)
    ]
    if as_json:
        output.show_json({"card": card.model_dump(mode="json"), "options": described})
        return ExitCode.DONE
    output.show(f"{card.slug}: {card.title}\n")
    lines = {
        "regime": f"{card.regime}; seen of the target category: {card.regime.seen}",
        "paper": card.paper or "-",
    }
    lines |= {
        "reads": ", ".join(card.inputs),
        "scores": ", ".join(card.outputs),
        "weights": ", ".join(card.weights) or "none",
    }
    lines |= {"seed": "changes nothing" if card.deterministic else "matters", "revision": str(card.revision)}
    lines |= {
        "invariant": ", ".join(card.invariances) or "-",
        "presets": ", ".join(entry.config_class.presets) or card.preset,
    }
    for key, value in lines.items():
        output.show(output.paragraph(f"{key:<12}{value}", indent=12))
    for deviation in card.deviations:
        output.show(output.paragraph(f"- deviates: {deviation}", indent=2))
    output.show("\noptions\n" + output.options_table(described))
    return ExitCode.DONE


@app.command()
def check(name: Name, plugin: options.Plugin = [], as_json: options.Json = False) -> ExitCode:
    """Run the contract that every method must pass."""
    from pc3dad import registry
    from pc3dad.config import parse_variant
    from pc3dad.methods.checks import Verdict, check_method

    slug, values = parse_variant(name)
    entry = registry.methods(plugin)[slug]
    entry.ready  # noqa: B018  a broken card is an error of use, not of the contract
    results = []
    for result in check_method(entry, values):
        results.append(result)
        if not as_json:
            detail = f"  {result.detail}" if result.detail else ""
            output.show(f"{result.verdict:<8}{result.name}{detail}")
    failed = sum(result.verdict is Verdict.FAILED for result in results)
    if as_json:
        output.show_json([asdict(result) for result in results])
    else:
        output.tell(f"{slug}: {len(results) - failed} of {len(results)} checks hold")
    return ExitCode.FAILED if failed else ExitCode.DONE


@app.command()
def new(
    name: Annotated[
        str, typer.Argument(help="Slug of the new method: small letters, digits and underscores.")
    ],
    into: Annotated[
        Path | None, typer.Option("--into", help="Parent folder; default baselines/ of a checkout.")
    ] = None,
) -> ExitCode:
    """Write the folder of a new method, which runs at once."""
    from pc3dad.methods.skeleton import write_skeleton

    folder = write_skeleton(name, into)
    output.show(str(folder))
    registered = into is None
    plugin = "" if registered else f" --plugin {folder}"
    output.tell(f"next: pc3dad methods check {name}{plugin}, then edit {folder / 'method.py'}")
    return ExitCode.DONE


@app.command("import")
def import_files(
    name: Name,
    files: Annotated[list[Path], typer.Argument(help="What the authors published: a checkpoint per stage.")],
    trained_on: Annotated[
        str,
        typer.Option("--trained-on", help="DATASET:A+B, what they trained on, which is not scored then."),
    ] = "",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder of the fit; default in the user's cache.")
    ] = None,
    plugin: options.Plugin = [],
) -> ExitCode:
    """Turn checkpoints of a method's authors into a stored fit.

    Nothing of a file is run, and all of its tensors must be those of the method.
    """
    from pc3dad.evaluation.imported import import_fit

    folder = import_fit(name, files, trained_on=trained_on, out=out, plugins=plugin)
    output.show(str(folder))
    output.tell(f"next: pc3dad predict SCAN --method '{name}' --fit {folder}")
    return ExitCode.DONE
