"""A new method runs at once and passes its contract before the first edit."""

import subprocess
import sys
from pathlib import Path

import pytest

from pc3dad import registry
from pc3dad.errors import ConfigError
from pc3dad.methods.checks import Verdict, check_method
from pc3dad.methods.skeleton import write_skeleton

CONFIG = Path(__file__).resolve().parents[3] / "pyproject.toml"


def test_the_skeleton_passes_the_contract(tmp_path):
    folder = write_skeleton("my_method", tmp_path)
    results = list(check_method(registry.methods([folder])["my_method"], {}))
    assert [result for result in results if result.verdict is Verdict.FAILED] == []


def test_the_skeleton_is_clean_code(tmp_path):
    write_skeleton("my_method", tmp_path)
    rules = ["--config", CONFIG, "--ignore", "TID252,ARG002"]  # relative imports: it stands alone
    done = subprocess.run([sys.executable, "-m", "ruff", "check", *rules, tmp_path])
    assert done.returncode == 0


@pytest.mark.parametrize("name", ["My-Method", "2fast", "a/b", "", "../up"])
def test_a_name_that_is_no_slug_is_refused(tmp_path, name):
    with pytest.raises(ConfigError, match="slug"):
        write_skeleton(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_never_touched(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "method.py").write_text("years of work")
    with pytest.raises(ConfigError, match="exists already"):
        write_skeleton("mine", tmp_path)
    assert (tmp_path / "mine" / "method.py").read_text() == "years of work"
