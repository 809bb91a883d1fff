"""What a benchmark shall run, as the user wrote it: data sets, methods, training sets, seeds, metrics."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from pc3dad.config import Config, build, format_variant, parse_assignment, parse_variant, parse_variants
from pc3dad.errors import ConfigError
from pc3dad.evaluation.settings import Settings


class Choice(Config):
    """A method or a data set with the options that the user set."""

    name: str
    """Slug."""
    preset: str | None = None
    """Named set of values to start from; the default preset if none."""
    set: dict[str, Any] = Field(default_factory=dict)
    """Options that differ from the preset."""

    @property
    def values(self) -> dict[str, Any]:
        """What the configuration class receives."""
        return ({"preset": self.preset} if self.preset else {}) | self.set

    @property
    def variant(self) -> str:
        """Name in tables, such as "btp[object_agg=max]"."""
        return format_variant(self.name, self.values)


class MethodSpec(Choice):
    """One variant of a method."""


class DatasetSpec(Choice):
    """One data set, its categories and training sets."""

    categories: Literal["all"] | tuple[str, ...] = "all"
    """Categories to score."""
    train: tuple[str, ...] = ()
    """Training sets, one model each: "A+B" of this data set or "OTHER:A+B", or "each"
    for every category of this data set in turn; the card's if none."""
    root: Path | None = None
    """Folder of the data set."""


class BenchSpec(Settings):
    """A whole benchmark; the fields of a `--config` file."""

    name: str = Field(default="", pattern=r"^[\w.+-]*$")
    """Name of the run and of its folder; made from the data sets if empty."""
    seeds: tuple[int, ...] = Field(default=(0,), min_length=1)
    """Seeds; each one is a run of its own."""
    datasets: tuple[DatasetSpec, ...] = Field(default=(DatasetSpec(name="synthetic"),), min_length=1)
    """Data sets to score."""
    methods: tuple[MethodSpec, ...] = Field(
        default=tuple(MethodSpec(name=name) for name in ("random", "curvature", "fpfh_self", "fpfh_knn")),
        min_length=1,
    )
    """Methods to compare."""
    roots: dict[str, Path] = Field(default_factory=dict)
    """Folders of data sets that are only trained on, by slug."""
    fits: tuple[Path, ...] = ()
    """Stored fits; a method of the same configuration scores with them instead of being trained."""

    @field_validator("methods", "datasets", mode="before")
    @classmethod
    def _accept_words(cls, value: Any) -> Any:
        """A word such as "gsclip[preset=paper]" stands for a table."""
        if isinstance(value, str) or not isinstance(value, Sequence):
            return value
        return [parse_word(item) if isinstance(item, str) else item for item in value]

    @field_validator("seeds", "methods", "datasets")
    @classmethod
    def _refuse_repeats(cls, value: tuple[Any, ...]) -> tuple[Any, ...]:
        names = [getattr(item, "variant", item) for item in value]
        if repeated := sorted({str(name) for name in names if names.count(name) > 1}):
            raise ValueError(f"{', '.join(repeated)} occurs twice")
        return value

    @property
    def evaluation(self) -> Settings:
        """The part that says how predictions are evaluated."""
        return Settings(**{name: getattr(self, name) for name in Settings.model_fields})

    @property
    def run_name(self) -> str:
        """Name of the run and of its default folder."""
        return self.name or "+".join(dict.fromkeys(item.name for item in self.datasets))


def parse_words(text: str) -> list[dict[str, Any]]:
    """Parses "random,gsclip[preset=official,views=3]" into tables of `MethodSpec` or `DatasetSpec`."""
    return [_table(name, options) for name, options in parse_variants(text)]


def parse_word(text: str) -> dict[str, Any]:
    """The same of a single one.

    Raises:
        ConfigError: it is none or more than one.
    """
    return _table(*parse_variant(text))


def parse_dataset(text: str, option: str) -> dict[str, Any]:
    """Parses "eyecandies[foreground=all]:CandyCane+Lollipop" into a table of `DatasetSpec`.

    Args:
        text: what the user wrote.
        option: where, for the message.

    Raises:
        ConfigError: it is not one data set.
    """
    head, bracket, tail = text.rpartition("]")
    name, colon, categories = (tail if bracket else text).partition(":")
    tables = parse_words(head + bracket + name)
    if len(tables) != 1 or (colon and not categories):
        raise ConfigError(f"{option} {text!r} is not one data set", hint="write NAME or NAME:A+B")
    return tables[0] | ({"categories": categories.split("+")} if categories else {})


def make_spec(values: Mapping[str, Any], assignments: Sequence[str] = ()) -> BenchSpec:
    """Validates a benchmark.

    Args:
        values: fields of `BenchSpec`.
        assignments: "NAME.key=value", an option for every variant of the method or data set NAME; wins over
            all others.

    Raises:
        ConfigError: lists every refused key and value.
    """
    spec = build(BenchSpec, "bench", values)
    for text in assignments:
        owner, dot, assignment = text.partition(".")
        if not dot:
            raise ConfigError(f"--set {text!r} does not say whose option it is", hint="write NAME.key=value")
        key, value = parse_assignment(assignment)
        spec = _assign(spec, owner, key, value)
    return spec


def _assign(spec: BenchSpec, owner: str, key: str, value: Any) -> BenchSpec:
    if owner not in {item.name for item in (*spec.methods, *spec.datasets)}:
        raise ConfigError(f"--set names {owner!r}, which is no method and no data set of this run")
    methods = [_with_option(item, key, value) if item.name == owner else item for item in spec.methods]
    datasets = [_with_option(item, key, value) if item.name == owner else item for item in spec.datasets]
    return build(BenchSpec, "bench", {**dict(spec), "methods": methods, "datasets": datasets})


def _with_option(item: Choice, key: str, value: Any) -> Choice:
    if key == "preset":
        return item.model_copy(update={"preset": value})
    return item.model_copy(update={"set": item.set | {key: value}})


def _table(name: str, options: dict[str, Any]) -> dict[str, Any]:
    preset = options.pop("preset", None)
    return {"name": name, "set": options} | ({"preset": preset} if preset else {})
