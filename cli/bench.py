"""`pc3dad bench`: run methods on data sets and print the table."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pc3dad.cli import options, output
from pc3dad.errors import ConfigError, ExitCode

if TYPE_CHECKING:
    from pc3dad.evaluation.bench import BenchReport


def bench(
    dataset: Annotated[
        list[str],
        typer.Option("--dataset", "-d", help="NAME, NAME:A+B for some categories, NAME[key=value]."),
    ] = [],
    methods: Annotated[
        str,
        typer.Option(
            "--methods", "-m", help="NAME,NAME[key=value,...]; default random,curvature,fpfh_self,fpfh_knn."
        ),
    ] = "",
    root: options.Root = [],
    train_on: Annotated[
        list[str],
        typer.Option(
            "--train-on",
            help="DATASET:A+B trains one model on A and B; repeatable. each: one model per category.",
        ),
    ] = [],
    fit: Annotated[
        list[Path],
        typer.Option("--fit", help="Stored fit that its method scores with instead of training; repeatable."),
    ] = [],
    seeds: Annotated[str, typer.Option("--seeds", "--seed", help="0,1,2 or 0-9.")] = "",
    metrics: options.Metrics = "",
    protocol: options.Protocol = [],
    replicates: options.Replicates = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="TOML file; the other options win over it.")
    ] = None,
    assign: options.Assign = [],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Run folder; default runs/NAME.")] = None,
    redo: Annotated[bool, typer.Option("--redo", help="Compute finished fits and cells again.")] = False,
    time_limit: Annotated[
        float | None,
        typer.Option(
            "--time-limit",
            min=1.0,
            help="Seconds that one fit or one cell may take; methods then run in a process of their own.",
        ),
    ] = None,
    device: options.Device = "auto",
    workers: options.Workers = 0,
    no_cache: options.NoCache = False,
    plugin: options.Plugin = [],
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> ExitCode:
    """Run methods on data sets and print the table.

    Without options: all baselines on the embedded synthetic data set. Finished fits and cells of the
    run folder are reused, failed ones run again.
    """
    from pc3dad.evaluation.bench import run_bench

    values = _values(dataset, methods, root, train_on, seeds, config)
    if fit:
        values["fits"] = fit
    values |= options.evaluation(metrics, protocol, replicates, values)
    with output.progress(quiet=quiet or as_json) as progress:
        report = run_bench(
            values,
            assign,
            plugins=plugin,
            out=out,
            redo=redo,
            time_limit=time_limit,
            device=device,
            workers=workers,
            cache=not no_cache,
            progress=progress,
        )
    _show(report, as_json=as_json)
    return ExitCode.FAILED if report.failed else ExitCode.DONE


def _show(report: "BenchReport", *, as_json: bool) -> None:
    if as_json:
        output.show_json(report.plain())
    else:
        output.show(report.table.to_text(brief=True))
        for note in report.notes:
            output.tell(note)
        page = f"{report.folder}/report/index.html"
        output.tell(f"{report.computed} cells computed, {report.reused} reused; report: {page}")
    for label, reason in report.failed:
        output.tell(f"failed: {label}: {reason}")


def _values(
    dataset: list[str],
    methods: str,
    root: list[str],
    train_on: list[str],
    seeds: str,
    config: Path | None,
) -> dict[str, Any]:
    """Fields of `BenchSpec`: the file first, then what stands on the command line."""
    from pc3dad.config import read_toml
    from pc3dad.evaluation.spec import parse_dataset, parse_words

    values: dict[str, Any] = read_toml(config) if config else {}
    if methods:
        values["methods"] = parse_words(methods)
    if seeds:
        values["seeds"] = options.parse_seeds(seeds)
    if dataset:
        values["datasets"] = [parse_dataset(word, "--dataset") for word in dataset]
    given = values.get("datasets", ["synthetic"])
    if not isinstance(given, list):
        raise ConfigError(f"datasets = {given!r} is not a list", hint="write a list of names or tables")
    tables = [
        table for item in given for table in ([item] if isinstance(item, dict) else parse_words(str(item)))
    ]
    roots = options.split_roots(root, [table["name"] for table in tables if "name" in table])
    if train_on:
        tables = [{**table, "train": train_on} for table in tables]
    values["roots"] = {**values.get("roots", {}), **roots}
    if dataset or train_on:
        values["datasets"] = tables
    return values
