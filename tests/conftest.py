"""Shared fixtures. The default run needs no network, no weights and no GPU."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # a forgotten download fails at once instead of after 46 s

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Folder of real samples (`PC3DAD_TEST_DATA`, default `../shared`); without it tests skip."""
    folder = Path(os.environ.get("PC3DAD_TEST_DATA", REPOSITORY.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(
            f"no real samples at {folder}: set PC3DAD_TEST_DATA to the folder that holds data/ and golden/"
        )
    return folder
