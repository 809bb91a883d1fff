"""Strict configuration: errors name the key, the refused value and the nearest name that exists."""

import difflib
import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from pc3dad.errors import ConfigError


class Config(BaseModel):
    """Base of every configuration: each field has a default, a description and, where they apply, bounds.

    `presets` maps a name to the values that differ from the defaults.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}


OWN = (
    "bench",
    "evaluation",
)  # settings of commands, which `--help` lists; others are of a method or data set
BRACKETS = "write name[key=value,key=value]"

ConfigT = TypeVar("ConfigT", bound=Config)


def build(kind: type[ConfigT], owner: str, values: Mapping[str, Any]) -> ConfigT:
    """Validates `values` (may hold a `preset`) into a `kind`.

    Args:
        kind: configuration class.
        owner: name in front of the keys in messages, such as "btp".
        values: field names to values; strings are parsed as the field demands.

    Raises:
        ConfigError: lists every unknown key, unknown preset and refused value at once.
    """
    given = dict(values)
    preset = given.pop("preset", None)
    problems: list[str] = []
    base: Mapping[str, Any] = {}
    if preset is not None:
        if preset in kind.presets:
            base = kind.presets[preset]
        else:
            problems.append(f"{owner}.preset={preset!r} is unknown{nearest(str(preset), kind.presets)}")
    try:
        if not problems:
            return kind(**{**base, **given})
        kind(**{key: value for key, value in given.items() if key in kind.model_fields})
    except ValidationError as error:
        problems += [_describe(kind, owner, item) for item in error.errors()]
    hint = f"`pc3dad methods show {owner}` and `pc3dad data info {owner}` list options"
    raise ConfigError("; ".join(problems), hint="" if owner in OWN else hint)


def nearest(word: str, known: Iterable[str]) -> str:
    """', did you mean ...?' for a mistyped word, or the list of what exists when it is short."""
    names = sorted(known)
    if close := difflib.get_close_matches(word, names, n=1, cutoff=0.6):
        return f", did you mean {close[0]!r}?"
    return f" (there are: {', '.join(names)})" if 0 < len(names) <= 12 else ""


def plain(config: BaseModel) -> dict[str, Any]:
    """The configuration as plain JSON data, in field order."""
    result: dict[str, Any] = json.loads(config.model_dump_json())
    return result


def read_toml(path: Path) -> dict[str, Any]:
    """Reads a TOML file.

    Raises:
        ConfigError: the file is missing or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"cannot read configuration {path}: {error.strerror}", hint="check the path"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path} is not valid TOML: {error}", hint="see the example in README.md"
        ) from error


def parse_variants(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Parses "random,btp[agg=max,layers=[2, 5]]" into [("random", {}), ("btp", {"agg": "max", ...})].

    Raises:
        ConfigError: brackets do not match or an option has no value.
    """
    return [_variant_of(part) for part in _split_top_level(text) if part]


def parse_variant(text: str) -> tuple[str, dict[str, Any]]:
    """Parses one "name" or "name[key=value,...]".

    Raises:
        ConfigError: it is none or more than one, or malformed.
    """
    variants = parse_variants(text)
    if len(variants) != 1:
        raise ConfigError(f"{text!r} is not one name", hint=BRACKETS)
    return variants[0]


def parse_assignment(text: str) -> tuple[str, Any]:
    """Parses "key=value"; the value is read as TOML (numbers, booleans, lists) and otherwise kept as a word.

    Raises:
        ConfigError: there is no "=".
    """
    key, equals, raw = text.partition("=")
    if not equals or not key.strip() or not raw.strip():
        raise ConfigError(f"option {text!r} is not of the form key=value", hint="write for example k=30")
    try:
        value = tomllib.loads(f"value = {raw.strip()}")["value"]
    except tomllib.TOMLDecodeError:
        value = raw.strip()
    return key.strip(), value


def format_variant(name: str, values: Mapping[str, Any]) -> str:
    """Writes one variant, keys sorted: equal variants have equal names. Inverse of `parse_variants`."""
    if not values:
        return name
    return f"{name}[{','.join(f'{key}={_word(value)}' for key, value in sorted(values.items()))}]"


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _variant_of(text: str) -> tuple[str, dict[str, Any]]:
    name, bracket, rest = text.partition("[")
    if bracket and not rest.endswith("]"):
        raise ConfigError(f"{text!r} has an opening bracket without a closing one", hint=BRACKETS)
    options = [parse_assignment(part) for part in _split_top_level(rest[:-1])] if bracket else []
    return name.strip(), dict(options)


def _split_top_level(text: str) -> list[str]:
    """Splits at commas that stand outside every bracket."""
    parts, depth, start = [], 0, 0
    for index, char in enumerate(text):
        depth += (char == "[") - (char == "]")
        if depth < 0:
            raise ConfigError(f"{text!r} has a closing bracket without an opening one", hint=BRACKETS)
        if char == "," and depth == 0:
            parts.append(text[start:index].strip())
            start = index + 1
    if depth:
        raise ConfigError(f"{text!r} has an opening bracket without a closing one", hint=BRACKETS)
    return [*parts, text[start:].strip()]


def _describe(kind: type[Config], owner: str, item: Any) -> str:
    key = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        return f"{owner}.{key} is unknown{nearest(key, kind.model_fields)}"
    if item["type"] == "missing":
        return f"{owner}.{key} is missing"
    return f"{owner}.{key}={item['input']!r} is refused: {item['msg'][0].lower()}{item['msg'][1:]}"
