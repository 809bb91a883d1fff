"""Methods in a process of their own: one that never ends or dies costs its cell and nothing else."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from pc3dad.errors import ConfigError
from pc3dad.evaluation.bench import run_bench


def numbers(report):
    """All rows but times and memory, which no two runs share."""
    return [row for row in report.table.rows if not row.metric.startswith("resources/")]


ENDLESS = (
    "import time; time.sleep(1000) if sample.cloud.xyz[5, 0] == xyz[5, 0] and CARD.slug == 'slow' else 0"
)


def test_a_method_that_never_ends_fails_its_cells_and_the_others_go_on(tmp_path, toys, method):
    plugins = [toys, method("slow", score=ENDLESS), method("norm")]
    values = {"methods": ["slow", "norm"], "datasets": [{"name": "toys", "categories": ["A"]}]}
    report = run_bench(values, plugins=plugins, out=tmp_path / "run", time_limit=1.0)
    assert [reason for _, reason in report.failed] == [
        "slow took longer than 1 s and was ended; raise --time-limit or mend the method."
    ]
    assert {row.variant: row.status for row in report.table.rows} == {"slow": "failed", "norm": "ok"}


def test_a_fit_that_never_ends_and_a_process_that_dies_are_reasons(tmp_path, toys, method):
    plugins = [
        toys,
        method("stuck", regime="AUXILIARY", fit="import time; time.sleep(1000)"),
        method("dying", score="import os; os.kill(os.getpid(), 9)"),
        method("raising", score="raise KeyError('x')"),
    ]
    datasets = [{"name": "toys", "categories": ["B"], "train": ["A"]}]
    values = {"methods": ["stuck", "dying", "raising"], "datasets": datasets}
    report = run_bench(values, plugins=plugins, out=tmp_path / "run", time_limit=1.0)
    reasons = [reason for _, reason in report.failed]
    assert "stuck in training took longer than 1 s" in reasons[0]
    assert "dying ended its process with signal 9" in reasons[1]
    assert "KeyError" in reasons[2]


def test_a_process_of_its_own_changes_no_number(tmp_path, toys, method):
    plugins = [toys, method("noisy", deterministic=False), method("aux", regime="AUXILIARY")]
    values = {"methods": ["noisy", "aux"], "datasets": ["toys"], "seeds": [0, 1]}
    here = run_bench(values, plugins=plugins, out=tmp_path / "here")
    apart = run_bench(values, plugins=plugins, out=tmp_path / "apart", time_limit=100.0)
    assert numbers(apart) == numbers(here)


PROCESSES = {
    "forks": "import multiprocessing as m; m.get_context('fork').Pool(1).map(abs, [1])",
    "reads standard input": "import subprocess; subprocess.run(['cat'], check=True)",
    "steals standard input": "import subprocess; subprocess.run(['head', '-c', '1'], check=True)",
    "prints": "print('{')",
    "reports odd numbers": "ctx.progress('x', np.int64(1), np.int64(2))",
}


@pytest.mark.parametrize("score", PROCESSES.values(), ids=PROCESSES)
def test_what_methods_do_with_processes_and_streams_is_their_own_business(tmp_path, toys, method, score):
    values = {"methods": ["busy"], "datasets": [{"name": "toys", "categories": ["A"]}]}
    report = run_bench(
        values, plugins=[toys, method("busy", score=score)], out=tmp_path / "run", time_limit=30.0
    )
    assert report.failed == ()


def test_a_method_that_reports_without_end_is_ended_in_time(tmp_path, toys, method):
    chatting = method("chatting", score="[ctx.progress('x', 1, 2) for _ in iter(int, 1)]")
    values = {"methods": ["chatting"], "datasets": [{"name": "toys", "categories": ["A"]}]}
    begin = time.monotonic()
    report = run_bench(
        values,
        plugins=[toys, chatting],
        out=tmp_path / "run",
        time_limit=1.0,
        progress=lambda *_: time.sleep(0.001),
    )
    assert "took longer than 1 s" in report.failed[0][1]
    assert time.monotonic() - begin < 30


def test_a_process_that_outlives_the_child_does_not_hold_the_benchmark_up(tmp_path, toys, method):
    flee = "import os, time; os.fork() or (os.setsid(), time.sleep(60), os._exit(0)); time.sleep(1000)"
    values = {"methods": ["fleeing"], "datasets": [{"name": "toys", "categories": ["A"]}]}
    begin = time.monotonic()
    plugins = [toys, method("fleeing", score=flee)]
    report = run_bench(values, plugins=plugins, out=tmp_path / "run", time_limit=1.0)
    assert "took longer than 1 s" in report.failed[0][1]
    assert time.monotonic() - begin < 30


def test_the_working_directory_shadows_no_module(tmp_path, monkeypatch, toys, method):
    (tmp_path / "json.py").write_text("raise ImportError('this is not the json module')")
    monkeypatch.chdir(tmp_path)
    values = {"methods": ["norm"], "datasets": [{"name": "toys", "categories": ["A"]}]}
    assert (
        run_bench(values, plugins=[toys, method("norm")], out=tmp_path / "run", time_limit=30.0).failed == ()
    )


@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan"), float("inf")])
def test_a_limit_is_a_number_of_seconds(tmp_path, toys, method, limit):
    with pytest.raises(ConfigError, match="time limit"):
        run_bench({"methods": ["random"]}, out=tmp_path / "run", time_limit=limit)


def test_a_killed_benchmark_leaves_no_process_behind(tmp_path, toys, method):
    pids = tmp_path / "pids"
    note = f"import os, time; open({str(pids)!r}, 'a').write(f'{{os.getpid()}}\\n'); time.sleep(1000)"
    words = ["bench", "-d", "toys", "-m", "slow", "--time-limit", "900", "--out", "run"]
    for plugin in (toys, method("slow", score=note)):
        words += ["--plugin", str(plugin)]
    with subprocess.Popen(
        [sys.executable, "-m", "pc3dad", *words], cwd=tmp_path, stderr=subprocess.PIPE
    ) as run:
        while not pids.exists() or not pids.read_text().endswith("\n"):
            assert run.poll() is None
            time.sleep(0.05)
        run.kill()
    child, end = Path("/proc", pids.read_text().strip()), time.monotonic() + 30
    while child.exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert not child.exists()
