"""What tests of the command line share."""

import subprocess
import sys

import pytest


@pytest.fixture
def pc3dad(tmp_path):
    """Runs the command in an empty folder; the result has returncode, stdout and stderr."""

    def run(*words, code=0):
        done = subprocess.run(
            [sys.executable, "-m", "pc3dad", *map(str, words)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done

    return run
