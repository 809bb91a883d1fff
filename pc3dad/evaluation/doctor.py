"""What an installation can do, and what of it is broken."""

import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pc3dad
from pc3dad import registry
from pc3dad.device import cpu_count, resolve, total_memory
from pc3dad.errors import ConfigError
from pc3dad.runs.manifest import git_state, package_versions


def examine(device: str = "auto", plugins: Sequence[Path] = ()) -> dict[str, Any]:
    """Facts for people and programs; `problems` lists, in words, what is broken."""
    versions = package_versions()
    methods, datasets = registry.methods(plugins), registry.datasets(plugins)
    problems = [f"package {name} is not installed" for name, version in versions.items() if version is None]
    broken = [entry for entry in (*methods, *datasets) if entry.card is None]
    problems += [f"{entry.slug} ({entry.owner}): {entry.error}" for entry in broken]
    try:
        info = resolve(device)
        described = f"{info.device}, {info.name}, {info.memory_bytes / 2**30:.1f} GiB"
    except (ConfigError, ImportError) as error:
        described = "none"
        problems.append(str(error))
    git = git_state()
    return {
        "pc3dad": pc3dad.__version__ + (f", commit {git['commit'][:12]}" if git else ""),
        "python": f"{platform.python_version()} on {platform.platform()}",
        "machine": f"{cpu_count()} cores, {total_memory() / 2**30:.1f} GiB of memory",
        "device": described,
        "packages": {name: version or "missing" for name, version in versions.items()},
        "methods": [entry.slug for entry in methods if entry.card],
        "data sets": [entry.slug for entry in datasets if entry.card],
        "problems": problems,
    }
