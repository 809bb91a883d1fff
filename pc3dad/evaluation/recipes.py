"""Recipes: the settings of a paper for one data set as a file, with the numbers that it published.

They lie in the folder of a method, `recipes/*.toml`, and add no options: what they set are fields of its
configuration.
"""

from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal

from pydantic import Field

from pc3dad.config import Config, build, read_toml
from pc3dad.errors import ConfigError
from pc3dad.evaluation.spec import DatasetSpec, MethodSpec

FOLDER = "recipes"


class Published(Config):
    """One number that somebody published."""

    metric: str
    """Key of the metric that comes closest, such as "object/auroc"."""
    printed: str = Field(min_length=1)
    """Name of the number where it is printed, such as "O-AUROC"."""
    value: float = Field(ge=0, le=100)
    """Percent."""
    source: str = Field(min_length=1)
    """Where it is printed: paper and table."""
    certainty: Literal["primary", "secondary"]
    """primary: read there; secondary: as summaries report it."""


class Recipe(Config):
    """What a paper did on one data set, as far as it is known."""

    title: str = Field(min_length=1)
    """One line for people."""
    source: str = Field(min_length=1)
    """Where the settings come from."""
    status: str = Field(min_length=1)
    """Whether anybody ran it with pc3dad, and what came out."""
    protocol: Literal["one-vs-rest", "cross-dataset"]
    """Whether models are trained on other categories of the same data set or on another data set."""
    seeds: tuple[int, ...] = Field(min_length=1)
    """Seeds; each one is a run of its own."""
    method: MethodSpec
    """Method, preset and what differs from it."""
    dataset: DatasetSpec
    """Data set, categories and training sets, one model each."""
    published: tuple[Published, ...] = Field(min_length=1)
    """Mean of the runs, each of which is the mean of its categories."""
    notes: tuple[str, ...] = ()
    """What a reader of the numbers must know."""


def read_recipe(path: Path) -> Recipe:
    """A recipe from its file.

    Raises:
        ConfigError: the file cannot be read, or a key in it is unknown, missing or refused.
    """
    try:
        return build(Recipe, "recipe", read_toml(path))
    except ConfigError as error:
        place = "" if str(path) in error.message else f"{path}: "
        raise ConfigError(f"{place}{error.message}", hint="compare it with other recipes") from error


def recipes_of(package: str) -> dict[str, Recipe]:
    """Recipes of a method by name, sorted; empty if it has none.

    Args:
        package: of the method, such as "pc3dad.baselines.gsclip".

    Raises:
        ConfigError: one of them is wrong.
    """
    with as_file(files(package)) as folder:
        return {path.stem: read_recipe(path) for path in sorted((folder / FOLDER).glob("*.toml"))}
