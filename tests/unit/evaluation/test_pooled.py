"""All categories in one population: another quantity, in a table of its own."""

from dataclasses import replace

import numpy as np

from pc3dad.evaluation import cells
from pc3dad.evaluation.bench import run_bench
from pc3dad.evaluation.pooled import evaluate_pooled
from pc3dad.metrics import auroc
from pc3dad.runs.plan import read_plan
from pc3dad.runs.store import RunStore

SMALL = {"points": 3000, "good": 2, "defective": 2, "train": 1, "categories": "bottle+flange"}


def test_all_categories_make_one_population(tmp_path):
    values = {"methods": ["curvature"], "datasets": [{"name": "synthetic", "set": SMALL}]}
    report = run_bench(values | {"bootstrap": {"replicates": 0}}, out=tmp_path / "run")
    table = evaluate_pooled(report.folder)
    assert {group.protocol for group in table.groups()} == {"pooled"}
    found = {row.metric: row for row in table.rows if row.defects == "all"}
    scored = [
        item
        for cell in read_plan(report.folder).cells
        for item in cells.Samples(cell, RunStore.open(report.folder))
    ]
    assert found["object/auroc"].category == "2 categories in one population"
    assert found["object/auroc"].n == len(scored) == 8
    scores = np.concatenate([item.prediction.point_scores[item.valid] for item in scored])
    labels = np.concatenate([item.truth.points[item.valid] for item in scored])
    assert found["point/auroc"].value == auroc(scores, labels)


def test_what_the_pool_refuses_is_a_note_and_no_error(tmp_path, monkeypatch):
    values = {"methods": ["random"], "datasets": [{"name": "synthetic", "set": SMALL}]}
    report = run_bench(values | {"bootstrap": {"replicates": 0}}, out=tmp_path / "run")
    read = cells.Samples.__iter__

    def of_two_types(self):
        for item in read(self):
            kind = np.float64 if self._cell.category == "bottle" else np.float32
            scores = item.prediction.point_scores.astype(kind)
            yield replace(item, prediction=replace(item.prediction, point_scores=scores))

    monkeypatch.setattr(cells.Samples, "__iter__", of_two_types)
    found = {row.metric: row for row in evaluate_pooled(report.folder).rows}
    assert found["point/auroc"].reason == "refused"
    assert "float32 and float64" in found["point/auroc"].note


def test_a_method_with_a_hole_has_no_pooled_value(tmp_path):
    values = {"methods": ["random"], "datasets": [{"name": "synthetic", "set": SMALL}]}
    report = run_bench(values | {"bootstrap": {"replicates": 0}}, out=tmp_path / "run")
    next(report.folder.glob("cells/*/done.json")).unlink()
    assert evaluate_pooled(report.folder).rows == ()
