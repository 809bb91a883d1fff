"""Runs survive kills, full disks and methods that never end: nothing finished is lost or computed again."""

import errno
import json
import multiprocessing
import os
import random
import resource
import shutil
import subprocess
import sys
import time

import pytest

from pc3dad.errors import DataError
from pc3dad.evaluation import results
from pc3dad.evaluation.bench import run_bench
from pc3dad.evaluation.stored import evaluate_run, read_run
from pc3dad.io import atomic
from pc3dad.runs import store
from pc3dad.runs.store import RunStore

KILLS = 30
STRIDE = 5  # of all writes, those that the short run tries


class Killed(BaseException):
    """Stands for kill -9 within this process."""


@pytest.fixture
def job(toys, method):
    """A small benchmark: a method that trains and a noisy one with two seeds, on two categories."""
    plugins = [toys, method("noisy", deterministic=False), method("aux", regime="AUXILIARY")]
    datasets = [{"name": "toys", "categories": ["B", "C"], "train": ["A"]}]
    values = {"methods": ["noisy", "aux"], "datasets": datasets, "seeds": [0, 1]}
    return {"values": values, "plugins": plugins}


@pytest.fixture
def small_job(toys, method):
    """One fit and two cells."""
    datasets = [{"name": "toys", "categories": ["B", "C"], "train": ["A"]}]
    values = {"methods": ["aux"], "datasets": datasets, "metrics": ["point/auroc"]}
    return {"values": values, "plugins": [toys, method("aux", regime="AUXILIARY")]}


def final(report_or_table):
    """The table as bytes, without times and memory, which no two machines share."""
    table = getattr(report_or_table, "table", report_or_table)
    return type(table)(row for row in table.rows if not row.metric.startswith("resources/")).to_csv()


def finished(folder):
    """Every finished fit, cell and label set: the time and content of its `done.json`."""
    found = folder.glob("*/*/done.json")
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in found}


def test_kill_9_at_random_moments_loses_at_most_the_running_cell(tmp_path, job, soak):
    reference = run_bench(**job, out=tmp_path / "reference")
    begin = time.monotonic()
    run_bench(**job, out=tmp_path / "timed")
    duration = time.monotonic() - begin
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["pc3dad.evaluation.bench", "pc3dad.methods.base", "pc3dad.testing"])
    moments = random.Random(0)
    kills = completed = 0
    while kills < (20 if soak else 1) * KILLS:
        folder = tmp_path / f"run{completed}"
        before = finished(folder)
        running = processes.Process(target=run_bench, kwargs={**job, "out": folder})
        running.start()
        running.join(moments.uniform(0, duration))
        running.kill()
        running.join()
        after = finished(folder)
        assert before.items() <= after.items(), "what was finished is as it was"
        kills += running.exitcode != 0
        if running.exitcode == 0:
            completed += 1
            assert (folder / "metrics.csv").read_text() == read_run(folder)[1].to_csv()
    report = run_bench(**job, out=folder)
    assert final(report) == final(reference)
    assert finished(folder).items() >= after.items()
    again = run_bench(**job, out=folder)
    assert again.computed == 0
    assert again.table.to_csv() == report.table.to_csv(), "to the bit, times and memory included"


@pytest.mark.parametrize("renamed", [False, True], ids=["before", "after"])
def test_every_write_may_be_the_last(tmp_path, monkeypatch, small_job, soak, renamed):
    reference = run_bench(**small_job, out=tmp_path / "reference")
    write, calls = atomic.write_bytes, 0

    def dying(path, data):
        nonlocal calls
        calls += 1
        if calls >= last:
            if renamed and calls == last:
                write(path, data)
            elif calls == last:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.with_name(".0123456789ab.tmp").write_bytes(data[: len(data) // 2])
            raise Killed
        write(path, data)

    last = 0
    while True:
        last, calls = last + (1 if soak else STRIDE), 0
        folder = tmp_path / f"run{last}"
        monkeypatch.setattr(atomic, "write_bytes", dying)
        try:
            run_bench(**small_job, out=folder)
            break
        except Killed:
            before = finished(folder)
        finally:
            monkeypatch.undo()
        report = run_bench(**small_job, out=folder)
        assert final(report) == final(reference)
        assert before.items() <= finished(folder).items()
        assert not list(folder.rglob("*.tmp"))
    assert last > 40


@pytest.mark.parametrize("lasting", [False, True], ids=["for a moment", "for good"])
def test_a_disk_that_is_full_at_any_write_costs_rows_and_no_traceback(
    tmp_path, monkeypatch, small_job, soak, lasting
):
    reference = run_bench(**small_job, out=tmp_path / "reference")
    sync, calls = os.fsync, 0

    def full(descriptor):
        nonlocal calls
        calls += 1
        if calls == at or (lasting and calls > at):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    at, reached = 0, True
    while reached:
        at, calls = at + (1 if soak else STRIDE), 0
        folder = tmp_path / f"run{at}"
        monkeypatch.setattr(os, "fsync", full)
        try:
            report = run_bench(**small_job, out=folder)
        except DataError as error:  # not even the plan could be written
            failed = [str(error)]
        else:
            failed = [reason for _, reason in report.failed]
        finally:
            monkeypatch.undo()
        reached = calls >= at
        assert bool(failed) == reached
        assert all("No space left on device" in reason for reason in failed)
        before = finished(folder)
        assert final(run_bench(**small_job, out=folder)) == final(reference)
        assert before.items() <= finished(folder).items()
    assert at > 40


def test_the_system_refusing_a_write_in_the_middle_is_a_reason_too(tmp_path, toys, method):
    words = ["bench", "-d", "toys:A", "-m", "norm", "--out", "run"]
    words += [word for plugin in (toys, method("norm")) for word in ("--plugin", str(plugin))]

    def bench(largest_file):
        return subprocess.run(
            [sys.executable, "-m", "pc3dad", *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file)),
        )

    small = bench(1600)  # enough for the plan, too little for a prediction or for metrics.json
    assert (small.returncode, "File too large" in small.stderr) == (1, True)
    assert "Traceback" not in small.stderr
    large = bench(resource.RLIM_INFINITY)
    assert (large.returncode, large.stderr.count("failed")) == (0, 0)


def test_what_a_finished_cell_lost_later_is_named_and_costs_that_cell_only(tmp_path, small_job):
    run_bench(**small_job, out=tmp_path / "run")
    lost = min((tmp_path / "run").glob("cells/*/predictions/*.npz"))
    lost.write_bytes(lost.read_bytes()[:-30])
    found = evaluate_run(tmp_path / "run")
    assert [lost.name in reason for _, reason in found.failed] == [True]
    assert {row.status for row in found.table.rows} == {"ok", "failed"}
    report = run_bench(**small_job, out=tmp_path / "run", redo=True)
    assert report.failed == ()


def test_two_commands_never_write_into_one_folder(tmp_path, small_job):
    run_bench(**small_job, out=tmp_path / "run")
    with RunStore.open(tmp_path / "run").locked():
        with pytest.raises(DataError, match="another command is writing"):
            run_bench(**small_job, out=tmp_path / "run")
        with pytest.raises(DataError, match="another command is writing"):
            evaluate_run(tmp_path / "run")


def test_a_run_folder_is_zipped_moved_and_evaluated_where_there_is_no_data(tmp_path, job):
    report = run_bench(**job, out=tmp_path / "run")
    shutil.make_archive(str(tmp_path / "sent"), "zip", tmp_path / "run")
    shutil.rmtree(tmp_path / "run")
    for plugin in job["plugins"]:
        plugin.unlink()
    elsewhere = tmp_path / "elsewhere"
    shutil.unpack_archive(tmp_path / "sent.zip", elsewhere)
    assert read_run(elsewhere)[1].to_csv() == report.table.to_csv()
    assert evaluate_run(elsewhere).table.to_csv() == report.table.to_csv()


def test_evaluation_can_ask_for_other_metrics_later(tmp_path, small_job):
    run_bench(**small_job, out=tmp_path / "run")
    asked = {**small_job["values"], "metrics": ["object/ap", "point/f1max"]}
    wanted = run_bench(asked, plugins=small_job["plugins"], out=tmp_path / "wanted")
    found = evaluate_run(tmp_path / "run", {"metrics": ["object/ap", "point/f1max"]})
    assert final(found) == final(wanted)
    assert (tmp_path / "run" / "metrics.csv").read_text() == found.table.to_csv()


def test_an_unfinished_run_has_a_table_with_holes_and_no_means(tmp_path, monkeypatch, small_job):
    finish, cells = store.finish, []

    def stop(folder, facts):
        cells.append(folder) if folder.parent.name == "cells" else None
        if len(cells) == 2:
            raise KeyboardInterrupt
        finish(folder, facts)

    monkeypatch.setattr(store, "finish", stop)
    with pytest.raises(KeyboardInterrupt):
        run_bench(**small_job, out=tmp_path / "run")
    runs, table = read_run(tmp_path / "run")
    assert {row.category: row.status for row in table.rows} == {"B": "ok", "C": "missing"}
    assert "not finished" in table.to_text()
    pivot = table.pivot(table.groups()[0])
    assert pivot.of_all("aux", "point/auroc").value is None
    assert "not finished" in results.write_page(runs, table).read_text()


@pytest.mark.parametrize("facts", [{"schema": 1}, {"schema": 99}, {}, {"schema": "3"}])
def test_other_schema_versions_fail_with_one_sentence(tmp_path, facts):
    (tmp_path / "run.json").write_text(json.dumps(facts))
    for use in (read_run, evaluate_run):
        with pytest.raises(DataError, match=r"schema version .*, this version reads 3; choose"):
            use(tmp_path)


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"cells": [{}], "metrics": [], "notes": []}'])
def test_a_damaged_plan_is_named(tmp_path, small_job, damage):
    run_bench(**small_job, out=tmp_path / "run")
    (tmp_path / "run" / "plan.json").write_text(damage)
    with pytest.raises(DataError, match=r"plan\.json"):
        read_run(tmp_path / "run")


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(DataError, match="is no run folder"):
        read_run(tmp_path)


def test_the_status_says_what_the_last_evaluation_left(tmp_path, small_job):
    report = run_bench(**small_job, out=tmp_path / "run")
    facts = tmp_path / "run" / "run.json"
    cell = next(report.folder.glob("cells/*"))
    kept = next((cell / "predictions").glob("*.npz"))
    content = kept.read_bytes()
    kept.write_bytes(b"")
    assert evaluate_run(report.folder).failed
    assert json.loads(facts.read_text())["status"] == "failed"
    kept.write_bytes(content)
    assert not evaluate_run(report.folder).failed
    assert json.loads(facts.read_text())["status"] == "done"
