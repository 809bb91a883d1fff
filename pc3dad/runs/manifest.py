"""Where a run comes from: versions, code state, machine, command line."""

import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pc3dad
from pc3dad.device import DeviceInfo, cpu_count

PACKAGES = (
    "numpy",
    "scipy",
    "torch",
    "torch-geometric",
    "open_clip_torch",
    "peft",
    "trimesh",
    "scikit-learn",
)


def describe(device: DeviceInfo, argv: Sequence[str]) -> dict[str, Any]:
    """Plain facts for `run.json`. Absolute paths of the command line are cut to their last part."""
    return {
        "pc3dad": pc3dad.__version__,
        "git": git_state(),
        "argv": [_without_folders(word) for word in argv],
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": package_versions(),
        "device": {"device": device.device, "name": device.name, "cores": cpu_count()},
    }


def package_versions() -> dict[str, str | None]:
    """Installed version of each package that can change a number, None if absent."""
    return {name: _version(name) for name in PACKAGES}


def now() -> str:
    """Time in UTC, ISO 8601, whole seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def git_state() -> dict[str, Any] | None:
    """Commit of the source checkout and whether it has changes; None for an installed package."""
    source = Path(pc3dad.__file__).resolve().parents[1]
    if not (source / ".git").exists():
        return None
    commit = _git(source, "rev-parse", "HEAD")
    return (
        None if commit is None else {"commit": commit, "changed": _git(source, "status", "--porcelain") != ""}
    )


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603  fixed words, no shell
            ["git", "-C", str(folder), *arguments],  # noqa: S607
            capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _without_folders(word: str) -> str:
    option, equals, value = word.rpartition("=")
    path = value if equals else word
    short = Path(path).name if Path(path).is_absolute() else path
    return f"{option}={short}" if equals else short


def command_line() -> list[str]:
    """The words of the running command."""
    return ["pc3dad", *sys.argv[1:]]
