"""Run folders: atomic, portable, and never half-finished."""

import numpy as np
import pytest

from pc3dad.errors import DataError
from pc3dad.io import atomic
from pc3dad.runs import store
from pc3dad.runs.store import RunStore, SampleRecord
from pc3dad.types import Prediction

PREDICTION = Prediction(
    "test/hole/a b%ü.ply", 0.25, np.arange(10, dtype=np.float32), "nearest", 3, {"views": np.arange(4)}
)
VALID = np.arange(10) % 3 > 0


def test_a_prediction_comes_back_to_the_bit(tmp_path):
    store.write_prediction(tmp_path, PREDICTION, VALID)
    kept = store.read_prediction(tmp_path, PREDICTION.sample_id)
    assert kept.valid.tolist() == VALID.tolist()
    assert kept.prediction.sample_id == PREDICTION.sample_id
    assert kept.prediction.object_score == 0.25
    assert kept.prediction.point_scores.tobytes() == PREDICTION.point_scores.tobytes()
    assert (kept.prediction.propagation, kept.prediction.n_filled) == ("nearest", 3)
    assert kept.prediction.extras["views"].tolist() == [0, 1, 2, 3]


def test_object_scores_alone_are_enough(tmp_path):
    store.write_prediction(tmp_path, Prediction("a", 1.0), VALID)
    assert store.read_prediction(tmp_path, "a").prediction.point_scores is None


def test_equal_predictions_make_equal_bytes(tmp_path):
    for name in ("one", "two"):
        store.write_prediction(tmp_path / name, PREDICTION, VALID)
    one, two = (next((tmp_path / name / "predictions").iterdir()).read_bytes() for name in ("one", "two"))
    assert one == two


@pytest.mark.parametrize("sample_id", ["../../outside", "a/b", "x" * 500, ".", "con?*"])
def test_no_sample_id_escapes_the_folder(tmp_path, sample_id):
    store.write_prediction(tmp_path, Prediction(sample_id, 0.0), VALID)
    assert [path.parent for path in tmp_path.rglob("*.npz")] == [tmp_path / "predictions"]
    assert store.read_prediction(tmp_path, sample_id).prediction.sample_id == sample_id


@pytest.mark.parametrize("keep", [0, 1, 100])
def test_a_damaged_prediction_is_named(tmp_path, keep):
    store.write_prediction(tmp_path, PREDICTION, VALID)
    path = next(tmp_path.rglob("*.npz"))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match="cannot read prediction"):
        store.read_prediction(tmp_path, PREDICTION.sample_id)


def test_begin_removes_what_an_earlier_attempt_left(tmp_path):
    folder = store.begin(tmp_path / "cells" / "id")
    (folder / "half.npz").write_bytes(b"x")
    store.finish(folder, {})
    assert store.is_done(folder)
    assert list(store.begin(folder).iterdir()) == []
    assert not store.is_done(folder)


def test_samples_are_a_table(tmp_path):
    store.write_samples(
        tmp_path, [SampleRecord("a", "ok", object_score=0.5, seconds=0.1), SampleRecord("b", "failed")]
    )
    rows = list(store.read_samples(tmp_path))
    assert [(row["sample_id"], row["status"], row["object_score"]) for row in rows] == [
        ("a", "ok", "0.5"),
        ("b", "failed", ""),
    ]


def test_a_run_folder_opens_again(tmp_path):
    RunStore.make(tmp_path / "run")
    assert RunStore.open(tmp_path / "run").folder == tmp_path / "run"


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(DataError, match=r"no run\.json"):
        RunStore.make(tmp_path)


def test_another_schema_version_is_refused_in_one_sentence(tmp_path):
    atomic.write_json(tmp_path / "run.json", {"schema": 99})
    with pytest.raises(DataError, match="schema version 99"):
        RunStore.make(tmp_path)


def test_a_file_in_the_way_is_refused(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(DataError, match="cannot write folder"):
        RunStore.make(tmp_path / "runs" / "x")
