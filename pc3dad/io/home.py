"""Where pc3dad keeps what it may need again: caches, and weights that the user put there."""

import os
from pathlib import Path

HOME = "PC3DAD_HOME"


def folder(name: str) -> Path | None:
    """`name` in `$PC3DAD_HOME`, by default in the user's cache folder; None if the user has none."""
    if home := os.environ.get(HOME):
        return Path(home) / name
    cache = Path(os.environ.get("LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME", ""))
    if not cache.is_absolute():  # not set, or meaningless by the XDG specification
        try:
            cache = Path.home() / ".cache"
        except RuntimeError:
            return None
    return cache / "pc3dad" / name
