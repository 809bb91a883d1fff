"""The command line as a user meets it: output, exit codes, one sentence per error."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

SMALL = "synthetic[points=600,train=1,good=2,defective=3,categories=bottle+flange,kinds=bulge+dent+hole]"

RAISING = """
from pc3dad.cards import MethodCard
from pc3dad.config import Config
from pc3dad.methods.base import BaseMethod

CARD = MethodCard(slug="raising", title="It raises", regime="training-free", inputs=("xyz",),
                  outputs=("object",), deterministic=True, revision=1,
                  method=":Raising", config="pc3dad.config:Config")

class Raising(BaseMethod):
    card = CARD

    def score(self, sample, ctx):
        raise KeyError("x")
"""

SLOW = """
        import time
        from pc3dad.types import Prediction
        time.sleep(0.3)
        return Prediction(sample.id, 0.0)
"""


def test_bench_prints_one_table_on_stdout_and_progress_on_stderr(pc3dad, tmp_path):
    words = ("bench", "--dataset", SMALL, "-m", "random,curvature")
    done = pc3dad(*words)
    for word in (
        "bottle",
        "flange",
        "mean of 2 categories",
        "random",
        "curvature",
        "chance",
        "O-AUROC",
        "P-AP",
    ):
        assert word in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "cell 1 of 4" in done.stderr
    assert (tmp_path / "runs" / "synthetic" / "metrics.csv").is_file()
    assert "0 cells computed, 4 reused" in pc3dad(*words).stderr


def test_report_and_eval_print_the_table_of_bench_again(pc3dad, tmp_path):
    table = pc3dad("bench", "-d", SMALL, "-m", "random,curvature").stdout
    again = pc3dad("report", "runs/synthetic")
    assert again.stdout == table
    assert "page: runs/synthetic/report/index.html" in again.stderr
    assert (tmp_path / "runs/synthetic/report/index.html").read_text().startswith("<!doctype html>")
    evaluated = pc3dad("eval", "runs/synthetic")
    assert evaluated.stdout == table
    assert "4 cells evaluated" in evaluated.stderr
    rows = json.loads(pc3dad("eval", "runs/synthetic", "--metrics", "object/ap", "--json").stdout)["rows"]
    assert {row["metric"] for row in rows} == {"object/ap", "resources/seconds", "resources/peak_bytes"}
    assert json.loads(pc3dad("report", "runs/synthetic", "--json").stdout)["rows"] == rows


def test_a_folder_that_is_no_run_is_exit_code_3(pc3dad, tmp_path):
    for command in ("eval", "report"):
        assert "is no run folder" in pc3dad(command, tmp_path, code=3).stderr


def test_bench_json_is_one_document(pc3dad):
    document = json.loads(
        pc3dad("bench", "--dataset", f"{SMALL}:bottle", "--methods", "random", "--json").stdout
    )
    assert document["cells"] == {"computed": 1, "reused": 0, "failed": 0}
    assert {row["category"] for row in document["rows"]} == {"bottle"}


def test_bench_reads_a_file_and_options_win_over_it(pc3dad, tmp_path):
    text = 'name = "mine"\nseeds = [0, 1]\nmethods = ["random"]\n'
    text += 'datasets = [{ name = "synthetic", set = { points = 600, categories = "bottle" } }]\n'
    (tmp_path / "bench.toml").write_text(text)
    words = ["--config", "bench.toml", "--seeds", "5", "--set", "synthetic.good=1", "--json"]
    document = json.loads(pc3dad("bench", *words).stdout)
    assert {row["seed"] for row in document["rows"]} == {5}
    assert {row["run"] for row in document["rows"]} == {"mine"}


def test_options_win_over_the_file(pc3dad, tmp_path):
    text = f'datasets = ["{SMALL}"]\nmethods = [{{ name = "curvature", set = {{ k = 50 }} }}]\n'
    (tmp_path / "bench.toml").write_text(text)
    words = ["--config", "bench.toml", "--set", "curvature.k=20", "--train-on", "flange", "--json"]
    document = json.loads(pc3dad("bench", *words).stdout)
    assert {row["variant"] for row in document["rows"]} == {"curvature[k=20]"}
    assert {row["category"] for row in document["rows"]} == {"bottle"}


def test_a_file_with_something_else_than_a_list_of_data_sets_is_wrong_use(pc3dad, tmp_path):
    (tmp_path / "bench.toml").write_text("datasets = 5\n")
    assert "datasets = 5" in pc3dad("bench", "--config", "bench.toml", code=2).stderr


def test_a_broken_plugin_is_named_where_its_method_is_missed(pc3dad, tmp_path):
    (tmp_path / "wip.py").write_text("import no_such_module")
    done = pc3dad("bench", "-m", "mymethod", "--plugin", "wip.py", code=2)
    assert "broken plug-ins: wip (ModuleNotFoundError" in done.stderr


def test_a_failed_cell_is_exit_code_1_and_the_table_shows_the_hole(pc3dad, tmp_path):
    plugin = tmp_path / "raising.py"
    plugin.write_text(RAISING)
    done = pc3dad("bench", "-d", SMALL, "-m", "raising,random", "--plugin", plugin, code=1)
    assert "failed: raising seed 0 on" in done.stderr
    assert "! raising on bottle, seed 0" in done.stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["bench", "--methods", "curvatur"], "did you mean 'curvature'"),
        (["bench", "--dataset", "eyecandies"], "needs a folder"),
        (["bench", "--set", "curvature.k=none"], "curvature.k"),
        (["bench", "--seeds", "a"], "--seeds"),
        (["bench", "--config", "absent.toml"], "absent.toml"),
        (["bench", "--device", "abacus"], "abacus"),
        (["bench", "--nonsense"], "--nonsense"),
        (["methods", "show", "nobody"], "nobody"),
        (["data", "info", "nothing"], "nothing"),
        (["methods", "new", "Not-A-Slug", "--into", "."], "no slug"),
        (["methods", "show", ""], "not one name"),
        (["methods", "show", "random,curvature"], "not one name"),
        (["data", "info", "eyecandies[nonsense=1]"], "nonsense"),
    ],
)
def test_wrong_use_is_exit_code_2_and_one_sentence(pc3dad, words, sentence):
    done = pc3dad(*words, code=2)
    assert sentence in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    "words", [["data", "verify", "eyecandies", "--root", "absent"], ["predict", "absent.ply"]]
)
def test_missing_data_is_exit_code_3(pc3dad, words):
    assert "absent" in pc3dad(*words, code=3).stderr


def test_debug_shows_the_traceback(tmp_path):
    words = [sys.executable, "-m", "pc3dad", "bench", "--methods", "nobody", "--debug"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert "Traceback" in done.stderr


def test_predict_scores_a_scan_and_a_mesh_and_reports_a_bad_file(pc3dad, tmp_path):
    points = np.random.default_rng(0).normal(size=(500, 3))
    np.savetxt(tmp_path / "ball.xyz", points / np.linalg.norm(points, axis=1, keepdims=True))
    (tmp_path / "tetra.obj").write_text(
        "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 2 3\nf 1 2 4\nf 1 3 4\nf 2 3 4\n"
    )
    (tmp_path / "bad.pcd").write_text("not a cloud")
    done = pc3dad(
        "predict", "ball.xyz", "tetra.obj", "bad.pcd", "--out", "out", "--mesh-points", "2000", code=3
    )
    assert "bad.pcd" in done.stderr
    assert "ball.xyz" in done.stdout
    files = json.loads((tmp_path / "out" / "predictions.json").read_text())["files"]
    assert [item["status"] for item in files] == ["ok", "ok", "failed"]
    assert [item["n_points"] for item in files] == [500, 2000, 0]
    with np.load(tmp_path / "out" / "ball.xyz.npz") as stored:
        assert stored["point_scores"].shape == (500,)
    assert (tmp_path / "out" / "tetra.obj.ply").read_bytes().startswith(b"ply")


def test_names_of_files_need_not_be_utf_8(pc3dad, tmp_path):
    folder = tmp_path / "parts" / "part" / "test" / "good"
    folder.mkdir(parents=True)
    (folder / os.fsdecode(b"caf\xe9.xyz")).write_text("not a scan")
    found = pc3dad("data", "verify", "folder", "--root", "parts", code=1)
    assert r"caf\udce9.xyz" in found.stdout.replace("\n", "")


def test_files_of_one_name_do_not_overwrite_each_other(pc3dad, tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        np.savetxt(tmp_path / folder / "a.xyz", np.random.default_rng(1).normal(size=(100, 3)))
    pc3dad("predict", "one/a.xyz", "two/a.xyz", "--out", "out")
    assert sorted(path.name for path in (tmp_path / "out").glob("*.ply")) == ["a.xyz.ply", "a.xyz_2.ply"]


def test_methods_check_runs_the_contract(pc3dad):
    done = pc3dad("methods", "check", "random")
    assert "passed  order_of_samples" in done.stdout
    assert "hold" in done.stderr


def test_a_new_method_runs_at_once(pc3dad):
    pc3dad("methods", "new", "mine", "--into", ".")
    pc3dad("methods", "check", "mine", "--plugin", "mine")
    assert "mine" in pc3dad("bench", "-d", SMALL, "-m", "mine,random", "--plugin", "mine").stdout


@pytest.mark.parametrize(
    "words", [["data", "list"], ["methods", "list"], ["methods", "show", "curvature"], ["doctor"]]
)
def test_lists_print_text_and_json(pc3dad, words):
    assert max(map(len, pc3dad(*words).stdout.splitlines())) <= 80
    json.loads(pc3dad(*words, "--json").stdout)


@pytest.mark.parametrize("name", ["eyecandies", "mvtec3d_ad", "folder", "synthetic"])
def test_data_info_tells_licence_and_options(pc3dad, name):
    assert "licence" in pc3dad("data", "info", name).stdout


def test_help_of_every_command_fits_the_terminal(pc3dad):
    for words in ([], ["bench"], ["eval"], ["report"], ["predict"], ["data", "info"], ["methods", "new"]):
        assert max(map(len, pc3dad(*words, "--help").stdout.splitlines())) <= 80


@pytest.mark.parametrize("limit", [[], ["--time-limit", "60"]], ids=["here", "in a process of its own"])
def test_ctrl_c_is_exit_code_130_and_leaves_a_run_that_goes_on(pc3dad, tmp_path, limit):
    plugin = tmp_path / "raising.py"
    plugin.write_text(RAISING.replace('raise KeyError("x")', SLOW))
    words = ["bench", "-d", SMALL, "-m", "random,raising", "--plugin", str(plugin), *limit]
    with subprocess.Popen(
        [sys.executable, "-m", "pc3dad", *words], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as running:
        while "cell 3" not in running.stderr.readline():
            assert running.poll() is None
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "what was finished is kept" in errors
    assert "Traceback" not in errors
    assert json.loads((tmp_path / "runs" / "synthetic" / "run.json").read_text())["status"] == "interrupted"
    assert "2 reused" in pc3dad(*words).stderr


@pytest.mark.parametrize("seeds", ["²", "5-3", "0-400000000", "a", "1,,2"])
def test_seeds_that_are_none_are_refused_in_one_sentence(pc3dad, seeds):
    done = pc3dad("bench", "--seeds", seeds, code=2)
    assert "--seeds" in done.stderr
    assert "write 0,1,2 or 0-9" in done.stderr
