"""Scores that somebody made without pc3dad: kept in a run folder and evaluated as those of any method."""

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from pc3dad import registry
from pc3dad.config import Config, build, format_variant, parse_variant, plain
from pc3dad.context import Progress, silent
from pc3dad.data.base import Dataset, dataset_errors
from pc3dad.device import resolve
from pc3dad.errors import ConfigError, DataError, Pc3dadError
from pc3dad.evaluation import labels, results
from pc3dad.evaluation.evaluator import REVISION
from pc3dad.evaluation.score_files import ScoreFiles, find_scores, read_scores
from pc3dad.evaluation.settings import DEFAULT_METRICS, Settings
from pc3dad.evaluation.stored import UNCHANGED, Evaluation, holes
from pc3dad.io import atomic, digest
from pc3dad.metrics.base import METRICS, resolve_metrics
from pc3dad.registry import DatasetEntry
from pc3dad.runs import manifest, store
from pc3dad.runs.plan import FILE as PLAN
from pc3dad.runs.plan import PlannedCell, StoredPlan, write_plan
from pc3dad.runs.rows import UNTRAINED
from pc3dad.runs.store import RunStore, SampleRecord
from pc3dad.runs.table import CHANCE
from pc3dad.types import BoolArray, Regime, Split, UInt8Array

SCORES = "scores"
"""Key of `run.json` that only runs of imported scores have: method to the name of its folder."""
SOURCES = "sources"
"""Key of a digest that tells folders of the same name apart: none of their paths is kept."""
RESERVED = frozenset("/\\[],=")  # these would be read as part of a path or of options


@dataclass(frozen=True, slots=True, eq=False)
class _Scan:
    """What predictions of one sample need to know of its ground truth; bits, so that a category fits."""

    sample_id: str
    bits: UInt8Array
    n_points: int
    grid: tuple[int, int] | None

    @property
    def valid(self) -> BoolArray:
        """(N,) bool."""
        return np.unpackbits(self.bits, count=self.n_points).astype(np.bool_)


@dataclass(frozen=True, slots=True, eq=False)
class _Import:
    """What is imported.

    Attributes:
        dataset: the ground truth.
        variant: its name with its options.
        runs: where to.
        cells: all cells with the scores that each is made of; those of one category stand together.
        settings: how they are evaluated.
        sources: digest of where all of it comes from.
        made: mark of this import: a cell of another one is never taken for its own.
        failed: id of a cell to why it has no value.
    """

    dataset: Dataset
    variant: str
    runs: RunStore
    cells: Sequence[tuple[PlannedCell, ScoreFiles]]
    settings: Settings
    sources: str
    progress: Progress
    made: str = field(default_factory=lambda: uuid4().hex)
    failed: dict[str, str] = field(default_factory=dict)


def run_folder(scores: Mapping[str, Path], truth: Path) -> Path:
    """Where `evaluate_scores` writes if nobody says otherwise: `runs/<truth>-<method>+<method>`."""
    return Path("runs") / f"{folder_name(truth)}-{'+'.join(scores)}"


def folder_name(folder: Path) -> str:
    """Name of a folder as written, be it of a link; for `..` and the like that of the folder meant."""
    name = folder.absolute().name
    return folder.resolve().name if name in ("", "..") else name


def refuse_import(folder: Path) -> None:
    """Makes sure that a run folder may take a benchmark.

    Raises:
        DataError: it holds imported scores, or cannot be read.
    """
    if SCORES in store.read_json(folder / store.RUN):
        raise DataError(f"{folder} holds imported scores", hint="choose another --out")


def evaluate_scores(
    scores: Mapping[str, Path],
    truth: Path,
    *,
    dataset: str = "arrays",
    settings: Mapping[str, Any] = UNCHANGED,
    regime: Regime = Regime.AUXILIARY,
    out: Path | None = None,
    plugins: Sequence[Path] = (),
    progress: Progress = silent,
) -> Evaluation:
    """Evaluates scores that lie in files, against any data set; docs/evaluate_your_scores.md is the guide.

    They are copied into a run folder and evaluated as those of a benchmark, so that it can be reported,
    evaluated again and compared with others. The same call replaces it; until it has ended, the folder is
    that of an unfinished run.

    Args:
        scores: name of each method to the folder of its scores, `<category>/<sample id>.npz`.
        truth: folder of the data set.
        dataset: "NAME[key=value]" of the data set.
        settings: fields of `Settings`; metrics are by default those of the levels that the scores hold.
        regime: what the methods saw before they scored a category.
        out: run folder; `run_folder` if None, which is then refused if it holds an import from elsewhere.
        plugins: card files or folders besides the registered ones.
        progress: callback.

    Raises:
        ConfigError: a name, a metric or a setting is refused, or the run folder is among what it is made of.
        DataError: the data set cannot be opened, scores are of no sample of it, the run folder holds other
            results, or the disk refuses.
    """
    _require_names(scores)
    slug, options = parse_variant(dataset)
    entry = registry.datasets(plugins)[slug]
    config = entry.configure(options)
    opened = _open(entry, truth, config)
    methods = [find_scores(name, folder, opened) for name, folder in scores.items()]
    chosen = _settings(settings, methods)
    variant = format_variant(slug, options)
    folder = out or run_folder(scores, truth)
    _require_outside(folder, (truth, *scores.values()))
    runs = RunStore.make(folder)
    asked = sorted({category for method in methods for category in method.files})
    unscored = [name for name in opened.categories() if name not in asked]
    notes = (f"{variant}: {', '.join(unscored)} not scored",) if unscored else ()
    cells = [
        (_cell(method.name, runs.folder.name, variant, category, regime), method)
        for category in asked
        for method in methods
    ]
    configs = {
        "methods": {method.name: {"regime": regime.value} for method in methods},
        "datasets": {variant: plain(config)},
        "evaluation": plain(chosen),
    }
    sources = _sources(scores, truth, variant)
    work = _Import(opened, variant, runs, cells, chosen, sources, progress)
    with runs.locked():
        _require_replaceable(folder, sources if out is None else None)
        return _run(work, notes, configs)


def _require_names(scores: Mapping[str, Path]) -> None:
    if not scores:
        raise ConfigError("there are no scores to evaluate", hint="give --scores FOLDER")
    for name in scores:
        if not name.strip() or not name.isprintable() or RESERVED & {*name} or name == CHANCE:
            raise ConfigError(f"{name!r} is no name of a method", hint="give --scores NAME=FOLDER")


def _open(entry: DatasetEntry, truth: Path, config: Config) -> Dataset:
    opened: Dataset = entry.open(truth, config)
    if not truth.is_dir():  # a data set that generates its samples has not looked
        raise DataError(f"truth {truth} is not a folder", hint="give --truth FOLDER")
    return opened


def _settings(values: Mapping[str, Any], methods: Sequence[ScoreFiles]) -> Settings:
    """Settings; metrics are by default those of the levels that the scores hold."""
    levels = {level for method in methods for level in method.levels}
    metrics = tuple(key for key in DEFAULT_METRICS if METRICS[key].level in levels)
    chosen = build(Settings, "evaluation", {"metrics": metrics, **values})
    resolve_metrics(chosen.metrics)
    return chosen


def _sources(scores: Mapping[str, Path], truth: Path, dataset: str) -> str:
    places = {name: os.path.realpath(folder) for name, folder in scores.items()}
    return digest.of_plain({"truth": os.path.realpath(truth), "dataset": dataset, SCORES: places})


def _require_outside(folder: Path, sources: Iterable[Path]) -> None:
    """Results beside scores or labels would be read as some of them."""
    for source in sources:
        if Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(source)):
            raise ConfigError(f"run folder {folder} is inside {source}", hint="give --out outside of it")


def _require_replaceable(folder: Path, sources: str | None) -> None:
    """A locked run folder is new, or of an earlier import; if nobody chose it, of one of the same sources."""
    facts = store.read_json(folder / store.RUN)
    if facts.get("status") == "new":
        return
    if SCORES not in facts:
        raise DataError(f"{folder} holds the results of a benchmark", hint="choose another --out")
    if sources is not None and facts.get(SOURCES) != sources:
        problem = f"{folder} holds an import from other folders, or of another data set"
        raise DataError(problem, hint="give --out, the same folder if that import is to be replaced")


def _cell(name: str, run: str, dataset: str, category: str, regime: Regime) -> PlannedCell:
    """Ids depend on names alone: scores that are imported again take the place of the earlier ones."""
    where = {"dataset": dataset, "category": category}
    return PlannedCell(
        id=digest.of_plain({SCORES: name, **where})[:16],
        fit=digest.of_plain({SCORES: name})[:16],
        labels=digest.of_plain(where)[:16],
        run=run,
        method=name,
        variant=name,
        seen=regime.seen,
        dataset=dataset,
        train=UNTRAINED,
        category=category,
        seed=0,
    )


def _run(work: _Import, notes: tuple[str, ...], configs: Mapping[str, Any]) -> Evaluation:
    """Imports and evaluates everything in a locked run folder."""
    folder = work.runs.folder
    folders = {method.name: folder_name(method.folder) for _, method in work.cells}
    facts = {"name": folder.name, **manifest.describe(resolve("cpu"), manifest.command_line())}
    facts |= {SCORES: folders, SOURCES: work.sources, "evaluator": REVISION}
    facts |= {"start": manifest.now(), "end": None, "status": "running"}
    for name in (results.TABLE, results.PAGE, PLAN):  # those of an earlier import
        store.forget(folder / name)
    store.write_run(folder, facts)
    atomic.write_json(folder / results.CONFIG, configs)
    cells = tuple(cell for cell, _ in work.cells)
    write_plan(folder, StoredPlan(cells, plain(work.settings), notes))
    try:
        _remove_unplanned(work.runs, cells)
        for fit, method in {cell.fit: cell.method for cell in cells}.items():
            made = store.begin(work.runs.fit_folder(fit))
            atomic.write_json(made / store.FIT, {"method": method, SCORES: folders[method]})
            store.finish(made, {"made": work.made})
        for category in dict.fromkeys(cell.category for cell in cells):
            _import_category(work, category)
    except BaseException:
        with suppress(DataError):  # the reason for the end matters more
            store.write_run(folder, {**facts, "end": manifest.now(), "status": "interrupted"})
        raise
    table = results.table(work.runs, work.failed)
    failed = holes(table)
    facts["end"] = manifest.now()
    try:
        store.write_run(folder, {**facts, "status": "failed" if failed else "done"})
        results.publish(work.runs, table)  # its page shows the status
    except DataError as error:  # the table is still worth printing
        failed = (*failed, ("results", str(error)))
        with suppress(DataError):
            store.write_run(folder, {**facts, "status": "failed"})
    return Evaluation(table, len(cells) - len(work.failed), failed)


def _remove_unplanned(runs: RunStore, cells: Sequence[PlannedCell]) -> None:
    """Removes what an earlier import left: the folder holds what its plan names, and licences of no more."""
    planned = {runs.cell_folder(cell.id) for cell in cells}
    planned |= {runs.fit_folder(cell.fit) for cell in cells}
    planned |= {runs.labels_folder(cell.labels) for cell in cells}
    with atomic.disk_errors(runs.folder):
        for kind in {path.parent.name for path in planned}:
            for path in runs.folder.glob(f"{kind}/*/"):
                if path not in planned:
                    shutil.rmtree(path)


def _import_category(work: _Import, category: str) -> None:
    """Copies labels and scores of one category and evaluates them; what cannot be is a hole with a reason."""
    pairs = [(cell, method) for cell, method in work.cells if cell.category == category]
    for cell, _ in pairs:
        store.begin(work.runs.cell_folder(cell.id))
    try:
        scans = _keep_labels(work, pairs[0][0])
    except Pc3dadError as error:
        for cell, _ in pairs:
            _fail(work, cell, error)
        return
    for cell, method in pairs:
        step = f"evaluating {method.name} on {category}"
        work.progress(step, 0, 1)
        try:
            _keep_scores(work, cell, method, scans)
            results.evaluate_cell(cell, work.settings, work.runs)
        except Pc3dadError as error:
            _fail(work, cell, error)
        work.progress(step, 1, 1)


def _fail(work: _Import, cell: PlannedCell, error: Pc3dadError) -> None:
    work.failed[cell.id] = str(error)
    store.fail(work.runs.cell_folder(cell.id), str(error))


def _keep_labels(work: _Import, cell: PlannedCell) -> list[_Scan]:
    """Copies the labels of the category of a cell, and returns what its predictions need to know."""
    scans: list[_Scan] = []
    store.begin(work.runs.labels_folder(cell.labels))
    refs = work.dataset.refs(cell.category, Split.TEST)
    step = f"reading {cell.category}"
    for number, ref in enumerate(refs):
        work.progress(step, number, len(refs))
        with dataset_errors(f"{ref.category} {ref.id!r}"):
            cloud, truth = work.dataset.load(ref).cloud, work.dataset.truth(ref)
        marked = truth.points is not None and truth.points.any()
        labels.write(work.runs, cell.labels, truth, cloud if marked else None)
        scans.append(_Scan(ref.id, np.packbits(cloud.valid), len(cloud), cloud.grid))
    work.progress(step, len(refs), len(refs))
    facts = {"dataset": cell.dataset, "category": cell.category}
    labels.finish(work.runs, cell.labels, [scan.sample_id for scan in scans], facts)
    return scans


def _keep_scores(work: _Import, cell: PlannedCell, method: ScoreFiles, scans: Sequence[_Scan]) -> None:
    """Copies the scores of one method; a sample without any becomes a gap, which policies are for."""
    folder = work.runs.cell_folder(cell.id)
    files = method.files.get(cell.category, {})
    records: list[SampleRecord] = []
    for scan in scans:
        valid, path = scan.valid, files.get(scan.sample_id)
        record = SampleRecord(
            scan.sample_id,
            "missing",
            n_points=len(valid),
            n_valid=int(valid.sum()),
            valid_sha256=digest.of_array(valid),
            reason="no scores",
        )
        if path is None:
            store.write_gap(folder, scan.sample_id, valid, scan.grid)
        else:
            found = read_scores(path, scan.sample_id, scan.n_points, scan.grid)
            store.write_prediction(folder, found, valid, scan.grid)
            record = replace(record, status="ok", reason="", propagation=found.propagation)
            record = replace(record, object_score=found.object_score)
        records.append(record)
    store.write_samples(folder, records)
    atomic.write_json(folder / "cell.json", asdict(cell))
    store.finish(folder, {"samples": len(records), "fit_made": work.made})
