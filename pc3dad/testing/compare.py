"""How close two sets of arrays are, under the tolerances of a golden folder's `MANIFEST.json`."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, NonNegativeFloat, ValidationError

from pc3dad.errors import DataError
from pc3dad.types import Float64Array

MANIFEST = "MANIFEST.json"
PREFIX = "out/"

_STEP = re.compile(r"(?:^|/)step(\d+)/")
_GRADIENT = re.compile(r"(?:^|/)grad(?:_norm\w*)?(?:/|$)")
_DEEP_PROMPT_GRADIENT = re.compile(r"(?:^|/)grad/.*compound_prompts")


class _Strict(BaseModel):
    """An unknown tolerance that is not applied would let wrong numbers pass, so unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class TrainTolerances(_Strict):
    """Tolerances of recorded optimiser steps.

    Attributes:
        tol: what is computed before the first step.
        gradient: gradients and their norms, relative to the largest element of the array.
        after_step: what is computed after a step.
        deep_prompt_gradient: elements of gradients of deep prompts; None means as `gradient`.
        ignore_gradient_below: gradients that stay below are rounding noise and may differ by this much.
    """

    tol: NonNegativeFloat
    gradient: NonNegativeFloat
    after_step: NonNegativeFloat
    deep_prompt_gradient: NonNegativeFloat | None = None
    ignore_gradient_below: NonNegativeFloat = 0.0


class ManifestEntry(_Strict):
    """What the manifest says about one file.

    Attributes:
        sha256: digest of the file.
        tol: tolerance of every output that nothing below applies to.
        tol_by_key: glob of output keys, `out/` included, to tolerance; the first that matches counts.
        tol_train: tolerances of a training case.
        tol_text: the same in words.
        bytes: size of the file.
    """

    sha256: str
    tol: NonNegativeFloat
    tol_by_key: Mapping[str, NonNegativeFloat] = {}
    tol_train: TrainTolerances | None = None
    tol_text: str = ""
    bytes: int = 0


class Allowance(NamedTuple):
    """Passes iff |a - b| <= tolerance * scale; both broadcast against the array."""

    tolerance: float | Float64Array
    scale: float | Float64Array


@dataclass(frozen=True, slots=True)
class Comparison:
    """Outcome for all outputs of one file.

    Attributes:
        largest: largest |a - b| / scale over all elements that could be compared, None if there were none.
        problems: one sentence per output that fails.
    """

    largest: float | None
    problems: tuple[str, ...]


def read_manifest(folder: Path) -> dict[str, ManifestEntry]:
    """Entries of `MANIFEST.json` by file name.

    Raises:
        DataError: it is missing, unreadable or holds something else.
    """
    path = folder / MANIFEST
    hint = "the folder must hold the manifest that came with its files"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise DataError(f"{path} holds a {type(content).__name__}, expected an object", hint=hint)
        return {name: ManifestEntry.model_validate(entry) for name, entry in content.items()}
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}", hint=hint) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DataError(f"{path} is no manifest: {where}: {first['msg'].lower()}", hint=hint) from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not JSON: {error}", hint=hint) from error


def compare(
    actual: Mapping[str, NDArray[Any]], expected: Mapping[str, NDArray[Any]], entry: ManifestEntry
) -> Comparison:
    """Compares every output; one that is left out or that the reference does not have is a problem.

    Floats pass iff |a - b| <= tol * max(1, |b|), integers iff they are equal, NaN matches NaN only.

    Args:
        actual: outputs by key, without `out/`.
        expected: those of the reference.
        entry: tolerances.
    """
    largest: list[float] = []
    problems = [f"{PREFIX}{key}: left out" for key in expected if key not in actual]
    problems += [f"{PREFIX}{key}: unknown to the reference" for key in actual if key not in expected]
    for key in expected.keys() & actual.keys():
        difference, problem = _compare_one(key, actual[key], expected[key], entry)
        largest += [] if difference is None else [difference]
        problems += [f"{PREFIX}{key}: {problem}"] if problem else []
    return Comparison(max(largest, default=None), tuple(sorted(problems)))


def _compare_one(
    key: str, actual: NDArray[Any], expected: NDArray[Any], entry: ManifestEntry
) -> tuple[float | None, str]:
    """Largest difference of one output and what is wrong with it, "" if nothing is."""
    if problem := _mismatch(actual, expected):
        return None, problem
    if expected.size == 0:
        return None, ""
    if expected.dtype.kind != "f":
        return _compare_exactly(actual, expected)
    allowed = allowance(f"{PREFIX}{key}", expected, entry)
    difference = _distance(actual, expected) / allowed.scale
    tolerance = np.broadcast_to(allowed.tolerance, difference.shape)
    largest = float(difference.max())
    failed = difference > tolerance
    if not failed.any():
        return largest, ""
    worst = np.argmax(np.where(failed, difference, -1))
    where = f" at {tuple(map(int, np.unravel_index(worst, failed.shape)))}" if failed.ndim else ""
    return largest, (
        f"difference {difference.flat[worst]:.1e}{where}, tolerance {tolerance.flat[worst]:.1e}, "
        f"{np.count_nonzero(failed)} of {failed.size} outside"
    )


def _mismatch(actual: NDArray[Any], expected: NDArray[Any]) -> str:
    if actual.dtype.kind not in "biuf":
        return f"type {actual.dtype}, expected {expected.dtype}"
    if actual.shape != expected.shape:
        return f"shape {actual.shape}, expected {expected.shape}"
    if expected.dtype.kind == "f" and (np.isnan(actual) != np.isnan(expected)).any():
        return "NaN at other places than in the reference"
    return ""


def _compare_exactly(actual: NDArray[Any], expected: NDArray[Any]) -> tuple[float, str]:
    unequal = actual != expected
    if not unequal.any():
        return 0.0, ""
    largest = float(_distance(actual, expected).max())
    n_unequal = np.count_nonzero(unequal)
    return largest, f"difference {largest:g}, must be equal, {n_unequal} of {unequal.size} are not"


def _distance(actual: NDArray[Any], expected: NDArray[Any]) -> Float64Array:
    """|a - b| in float64, 0 where both are the same infinity or NaN, infinite where only one is finite."""
    a, b = actual.astype(np.float64), expected.astype(np.float64)
    with np.errstate(invalid="ignore"):  # inf - inf
        distance = np.nan_to_num(np.abs(a - b), nan=np.inf, posinf=np.inf)
    return np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, distance)


def allowance(key: str, expected: NDArray[Any], entry: ManifestEntry) -> Allowance:
    """What may differ in one output of floats.

    Args:
        key: with `out/`.
        expected: values of the reference.
        entry: its manifest entry.
    """
    finite = np.abs(np.where(np.isfinite(expected), expected, 0.0).astype(np.float64))
    plain = Allowance(entry.tol, np.maximum(finite, 1.0))
    for pattern, tolerance in entry.tol_by_key.items():
        if fnmatchcase(key, pattern):
            return plain._replace(tolerance=tolerance)
    if (train := entry.tol_train) is None:
        return plain
    step = _STEP.search(key)
    if step is None and expected.ndim == 1:  # a curve over steps, whose first element precedes the first step
        return plain._replace(tolerance=np.where(np.arange(len(expected)) == 0, train.tol, train.after_step))
    if step is not None and int(step[1]) > 1:
        return plain._replace(tolerance=train.after_step)
    if _GRADIENT.search(key):
        return _gradient_allowance(key, float(finite.max()), train)
    return plain._replace(tolerance=train.tol)


def _gradient_allowance(key: str, largest: float, train: TrainTolerances) -> Allowance:
    if largest < train.ignore_gradient_below:
        return Allowance(train.ignore_gradient_below, 1.0)
    tolerance = train.gradient
    if train.deep_prompt_gradient is not None and _DEEP_PROMPT_GRADIENT.search(key):
        tolerance = train.deep_prompt_gradient
    return Allowance(tolerance, largest or 1.0)
