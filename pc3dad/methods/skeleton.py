"""Writes the folder of a new method: complete, running, and passing the contract before the first edit."""

import re
import shutil
from importlib.util import find_spec
from pathlib import Path

from pc3dad.cards import SLUG_PATTERN
from pc3dad.errors import ConfigError
from pc3dad.registry import METHOD_FOLDERS

CARD = '''"""Card of {name}: imported by every command, so it imports nothing heavy."""

from pc3dad.cards import MethodCard
from pc3dad.types import Regime

CARD = MethodCard(
    slug="{name}",
    title="Distance to the centre of the part, a place to start from",
    regime=Regime.TRAINING_FREE,
    inputs=("xyz",),
    outputs=("object", "point"),
    deterministic=True,
    revision=1,
    method=".method:{cls}",
    config=".config:{cls}Config",
    invariances=("rotation", "translation", "permutation"),
)
'''

CONFIG = '''"""Options of {name}."""

from pydantic import Field

from pc3dad.config import Config


class {cls}Config(Config):
    """Every option needs a default, a description and, where they apply, bounds and a unit."""

    share: float = Field(default=0.01, gt=0, le=1)
    """Share of the highest point scores whose mean is the object score."""
'''

METHOD = '''"""{cls}: replace the body of `score`, or override `fit` and `predict`."""

import numpy as np

{absolute}from pc3dad.context import RunContext
from pc3dad.methods import scoring
from pc3dad.methods.base import BaseMethod
from pc3dad.types import Prediction, Sample
{relative}

class {cls}(BaseMethod[{cls}Config]):
    """Scores every point by its distance to the centre of the valid points, in the file's unit."""

    card = CARD

    def score(self, sample: Sample, ctx: RunContext) -> Prediction:
        """Scores one sample; points that are not valid get 0."""
        cloud = sample.cloud
        points = np.zeros(len(cloud), dtype=np.float32)
        centre = cloud.valid_xyz.mean(axis=0, dtype=np.float64)
        points[cloud.valid] = np.linalg.norm(cloud.valid_xyz - centre, axis=1)
        best = scoring.top_mean(points[cloud.valid], share=self.config.share)
        return Prediction(sample.id, object_score=best, point_scores=points)
'''

README = """# {name}

What it does, in three sentences. Paper, if there is one.

| option | default | meaning |
|---|---|---|
| share | 0.01 | share of the highest point scores whose mean is the object score |

What it can find and what it cannot. Where it departs from its paper, and why.
"""


def write_skeleton(name: str, parent: Path | None = None) -> Path:
    """Writes `<parent>/<name>/` with card, configuration, method and README.

    Args:
        name: slug of the method.
        parent: folder to write into; `baselines/` of the source checkout if None.

    Returns:
        The new folder.

    Raises:
        ConfigError: the slug is not allowed, the folder exists, or there is no source checkout.
    """
    if not re.fullmatch(SLUG_PATTERN, name):
        raise ConfigError(
            f"{name!r} is no slug", hint="use small letters, digits and underscores, a letter first"
        )
    folder = (parent or _baselines()) / name
    if folder.exists():
        raise ConfigError(f"{folder} exists already", hint="choose another name")
    cls = "".join(part.capitalize() for part in name.split("_"))
    files = {"__init__.py": "", "card.py": CARD, "config.py": CONFIG, "README.md": README}
    files["method.py"] = _method(name, inside=parent is None)
    temporary = folder.with_name(f".{name}.tmp")
    try:
        temporary.mkdir(parents=True)
        for file, text in files.items():
            (temporary / file).write_text(
                text.replace("{name}", name).replace("{cls}", cls), encoding="utf-8"
            )
        temporary.rename(folder)
    except OSError as error:
        raise ConfigError(f"cannot write {folder}: {error.strerror}", hint="choose another --into") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def _method(name: str, *, inside: bool) -> str:
    """The method file; imports are absolute inside `baselines/`, relative in a folder that stands alone."""
    imports = "from {package}.card import CARD\nfrom {package}.config import {cls}Config\n"
    if inside:
        absolute = imports.replace("{package}", f"{METHOD_FOLDERS}.{name}")
        return METHOD.replace("{absolute}", absolute).replace("{relative}", "")
    return METHOD.replace("{absolute}", "").replace("{relative}", "\n" + imports.replace("{package}", ""))


def _baselines() -> Path:
    spec = find_spec(METHOD_FOLDERS)
    locations = [Path(item) for item in (spec.submodule_search_locations or ())] if spec else []
    for location in locations:
        if (location.parent / "pyproject.toml").is_file():
            return location
    raise ConfigError(
        "this is an installed package, not a source checkout", hint="pass --into FOLDER and use --plugin"
    )
