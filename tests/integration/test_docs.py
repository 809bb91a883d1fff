"""What README and docs print is what a reader gets."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


def python_blocks(name):
    return re.findall(
        r"```python\n(.*?)```", (REPOSITORY / name).read_text(encoding="utf-8"), flags=re.DOTALL
    )


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("README.md", "| mean of 2 categories | curvature |"),
        ("docs/metrics.md", "0.75 0.8333333333333333 0.8"),
    ],
)
def test_python_examples_print_what_the_text_says(tmp_path, name, printed):
    for block in python_blocks(name):
        done = subprocess.run([sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert printed in done.stdout


@pytest.mark.slow
def test_the_table_of_the_readme_is_the_one_that_make_bench_prints(tmp_path):
    command = [sys.executable, "-m", "pc3dad", "bench", "--quiet"]
    printed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    shown = readme[readme.index("synthetic: all defects") :].split("```")[0]
    end = 80
    for line, expected in zip(printed.strip().split("\n"), shown.strip().split("\n"), strict=True):
        if line.split()[-1:] == ["MB"]:
            end = len(line) - len("   ms/obj  peak MB")  # time and memory differ between machines
        words, wanted = line[:end].split(), expected[:end].split()
        assert [word for word in words if "." not in word] == [word for word in wanted if "." not in word]
        numbers = [[float(word) for word in row if "." in word] for row in (words, wanted)]
        assert numbers[0] == pytest.approx(numbers[1], abs=3)  # sines differ in the last bit between machines
    curvature = next(line.split() for line in printed.split("\n") if line.split()[:1] == ["curvature"])
    assert 55 < float(curvature[4]) < 95  # point AUROC over all defects: neither too hard a set nor too easy


@pytest.mark.parametrize(
    "name", ["docs/add_a_baseline.md", "docs/metrics.md", "CONTRIBUTING.md", "docs/performance.md"]
)
def test_files_that_are_named_exist(name):
    for path in re.findall(
        r"`((?:docs|benchmarks|baselines|pc3dad|tests|cli)/[\w./]+)`", (REPOSITORY / name).read_text()
    ):
        assert (REPOSITORY / path).exists(), path
