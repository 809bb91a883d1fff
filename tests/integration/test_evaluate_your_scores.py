"""The guide for other people's scores: every block runs as printed, in order, in an empty folder."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "evaluate_your_scores.md"
BLOCKS = re.findall(r"```(python|text|console)\n(.*?)```", GUIDE.read_text(encoding="utf-8"), flags=re.DOTALL)

NUMBER = re.compile(r"[+-]?\d+\.\d+")


def commands(block):
    """Words of each command, and what the guide says that it prints."""
    return [(shlex.split(first), printed) for first, _, printed in (part.partition("\n") for part in block)]


def run(words, folder):
    done = subprocess.run([sys.executable, *words], cwd=folder, capture_output=True, text=True, timeout=120)
    assert "Traceback" not in done.stderr
    return done


def require_printed(expected, printed):
    """Compares words, and numbers roughly: sines differ between machines. `...` stands for anything."""
    if expected.strip() == "...":
        return
    words, wanted = (NUMBER.sub("#", text).split() for text in (printed, expected))
    assert words == wanted
    for number, text in zip(NUMBER.findall(printed), NUMBER.findall(expected), strict=True):
        unit = 0.1 ** len(text.partition(".")[2])
        assert float(number) == pytest.approx(float(text), rel=0.05, abs=3 * unit)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """Runs the guide once: what was expected, and what was printed."""
    folder = tmp_path_factory.mktemp("reader")
    found, printed = [], ""
    for kind, block in BLOCKS:
        if kind == "text":
            found.append((block, printed))
        elif kind == "python":
            done = run(["-c", block], folder)
            assert done.returncode == 0, done.stderr
            printed = done.stdout
        else:
            for words, expected in commands(block.split("$ ")[1:]):
                done = run(["-m", *words], folder)
                assert (done.returncode == 0) == (not expected.startswith("pc3dad: ")), done.stderr
                found.append((expected, done.stdout if done.returncode == 0 else done.stderr))
    return found


def test_the_guide_has_blocks_of_all_kinds():
    assert {kind for kind, _ in BLOCKS} == {"python", "text", "console"}


def test_every_block_prints_what_the_guide_says(outcomes):
    for expected, printed in outcomes:
        require_printed(expected, printed)


def test_commands_are_named_as_their_help_names_them(tmp_path):
    shown = run(["-m", "pc3dad", "eval", "--help"], tmp_path).stdout
    for option in re.findall(r"`(--[a-z]+)", GUIDE.read_text(encoding="utf-8")):
        assert option in shown


@pytest.fixture
def two_parts(tmp_path):
    """A truth of two samples, and scores of one of them: NaN."""
    for number in range(2):
        arrays = {"xyz": np.eye(3), "labels": [number, 0, 0], "object_label": number}
        (tmp_path / "truth" / "part").mkdir(parents=True, exist_ok=True)
        np.savez(tmp_path / "truth" / "part" / f"{number}.npz", **arrays)
    (tmp_path / "mine" / "part").mkdir(parents=True)
    np.save(tmp_path / "mine" / "part" / "1.npy", [np.nan, 0, 0])
    return tmp_path


def test_options_of_the_command_reach_the_evaluation(pc3dad, two_parts):
    words = ["eval", "--scores", "x=mine", "--truth", "truth", "--out", "run", "--quiet"]
    words += ["--regime", "one-class", "--metrics", "point/ap,point/auroc", "--replicates", "0"]
    assert "0: no prediction" in pc3dad(*words, code=1).stderr
    rows = json.loads(pc3dad(*words, "--nan", "worst", "--missing", "worst", "--json").stdout)["rows"]
    assert {(row["metric"], row["value"]) for row in rows} == {("point/auroc", 0.0), ("point/ap", 1 / 6)}
    assert {(row["variant"], row["seen"], row["low"]) for row in rows} == {("x", "normal samples", None)}
    assert {row["policy"] for row in rows} == {"nan=worst,missing=worst"}


def test_a_run_folder_takes_the_same_settings(pc3dad, two_parts):
    pc3dad("eval", "--scores", "mine", "--truth", "truth", "--out", "run", code=1)
    words = ["eval", "run", "--nan", "worst", "--missing", "intersection", "--metrics", "point/f1max"]
    words += ["--protocol", "valid", "--protocol", "sampled-2048", "--replicates", "5", "--json"]
    document = json.loads(pc3dad(*words).stdout)
    assert document["folder"] == "run"
    assert [row["protocol"] for row in document["rows"]] == ["valid", "sampled-2048"]
    assert {row["policy"] for row in document["rows"]} == {"nan=worst,missing=intersection"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "eval needs either a run folder, or --scores and --truth"),
        (["--scores", "mine"], "eval needs either a run folder, or --scores and --truth"),
        (["run", "--scores", "mine", "--truth", "truth"], "eval needs either a run folder, or"),
        (["run", "--out", "other"], "eval needs either a run folder, or --scores and --truth"),
        (["--scores", "mine", "--scores", "mine/", "--truth", "truth"], "two methods are called 'mine'"),
        (["--scores", "mine", "--truth", "truth", "--regime", "few-shots"], "did you mean 'few-shot'"),
        (["--scores", "mine", "--truth", "truth", "--dataset", "array"], "did you mean 'arrays'"),
        (["--scores", "mine", "--truth", "truth", "--nan", "keep"], "should be 'error' or 'worst'"),
    ],
)
def test_wrong_use_is_one_sentence(pc3dad, two_parts, words, sentence):
    complaint = pc3dad("eval", *words, code=2).stderr
    assert sentence in complaint
    assert len(complaint.strip().splitlines()) == 1
