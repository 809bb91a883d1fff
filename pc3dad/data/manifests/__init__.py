"""Expected inventories of public data sets, collected facts as JSON."""

import json
from importlib import resources
from typing import Any


def read(slug: str) -> dict[str, Any]:
    """The inventory of one data set."""
    manifest: dict[str, Any] = json.loads(resources.files(__name__).joinpath(f"{slug}.json").read_text())
    return manifest
