"""Compares the code with golden files: numbers that reference implementations gave for stored inputs.

    python -m pc3dad.testing.golden DIR [NAME...]

A file `NAME.npz` holds a configuration, weights, inputs and outputs; `MANIFEST.json` beside it holds digests
and tolerances. A *case* computes the outputs of a file from the rest of it. Cases live in modules `golden.py`
beside the code they check (`pc3dad/<package>/golden.py`, `baselines/<slug>/golden.py`), each with

    CASES: dict[str, Case] = {"20a_*": function}

where the key is a glob of file names without their ending. They are imported only when golden files are run.
"""

import argparse
import importlib
import importlib.util
import json
import pkgutil
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pc3dad.config import nearest
from pc3dad.errors import ConfigError, DataError, ExitCode, MethodError, Pc3dadError
from pc3dad.io import digest
from pc3dad.testing.compare import MANIFEST, compare, read_manifest

Arrays = Mapping[str, NDArray[Any]]

PARENTS = ("pc3dad", "pc3dad.baselines")  # each of their packages may have a module golden.py
MODULE = "golden"
UNREADABLE = (  # what NumPy, zip and JSON raise for damaged files and files of another kind
    *(AttributeError, EOFError, KeyError, MemoryError, RuntimeError, TypeError, ValueError),
    *(zipfile.BadZipFile, zlib.error),
)


@dataclass(frozen=True, slots=True, eq=False)
class GoldenFile:
    """One golden file; keys are without `weights/`, `in/` and `out/`.

    Attributes:
        name: file name without its ending.
        config: sizes, hyper-parameters, seeds.
        weights: parameters and buffers under the names of the reference.
        inputs: what the reference was given.
        outputs: what it returned. A case must not read them, except for their names.
    """

    name: str
    config: Mapping[str, Any]
    weights: Arrays
    inputs: Arrays
    outputs: Arrays


Case = Callable[[GoldenFile], Arrays]
"""Computes all outputs of a file, by key without `out/`."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A case, the glob of the files that it is for, and the module that registered it."""

    pattern: str
    case: Case
    owner: str


class Status(StrEnum):
    """Outcome of one file; UNKNOWN means that no case is for it."""

    PASS = "PASS"  # noqa: S105  not a password
    FAIL = "FAIL"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Result:
    """What running one file gave.

    Attributes:
        name: file name without its ending.
        status: outcome.
        largest: largest difference of any output (`Comparison.largest`), None if nothing was compared.
        problems: why it failed, one sentence per output.
    """

    name: str
    status: Status
    largest: float | None = None
    problems: tuple[str, ...] = ()


def load(path: Path) -> GoldenFile:
    """Reads a golden file.

    Raises:
        DataError: the file is missing, damaged, or no golden file.
    """
    hint = "fetch the golden folder again"
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
        config = json.loads(str(arrays.pop("config")))
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}", hint=hint) from error
    except UNREADABLE as error:
        raise DataError(f"{path} is no golden file: {error}", hint=hint) from error
    groups: dict[str, dict[str, NDArray[Any]]] = {"weights": {}, "in": {}, "out": {}}
    for key, array in arrays.items():
        group, _, name = key.partition("/")
        if group not in groups or not name:
            raise DataError(f"{path} holds an unexpected array {key!r}", hint=hint)
        groups[group][name] = array
    if not isinstance(config, dict) or not groups["out"]:
        raise DataError(f"{path} is no golden file: it has no configuration or no outputs", hint=hint)
    return GoldenFile(path.stem, config, groups["weights"], groups["in"], groups["out"])


def find_claims() -> tuple[Claim, ...]:
    """All registered cases.

    Raises:
        MethodError: a module `golden.py` cannot be imported or has no `CASES`.
    """
    claims: list[Claim] = []
    for name in _modules():
        try:
            cases = dict(importlib.import_module(name).CASES)
        except Exception as error:
            raise MethodError(
                f"{name} cannot be used: {_one_line(error)}", hint="mend that module"
            ) from error
        claims += [Claim(pattern, case, name) for pattern, case in cases.items()]
    return tuple(claims)


def run_case(path: Path, claims: Sequence[Claim] | None = None) -> Result:
    """Runs one file.

    Args:
        path: golden file in a folder with a manifest.
        claims: cases to choose from, by default all that are registered.

    Raises:
        ConfigError: two cases claim the file.
        DataError: the file or the manifest is missing or unreadable, or the manifest does not list the file.
        MethodError: a module of cases cannot be imported.
    """
    claim = _claim_of(path.stem, find_claims() if claims is None else claims)
    manifest = read_manifest(path.parent)
    if path.name not in manifest:
        raise DataError(f"{path.parent / MANIFEST} does not list {path.name}", hint="add it or move the file")
    entry = manifest[path.name]
    if _digest(path) != entry.sha256:
        return Result(
            path.stem, Status.FAIL, problems=(f"file changed: its sha256 is not that in {MANIFEST}",)
        )
    golden = load(path)
    if claim is None:
        return Result(golden.name, Status.UNKNOWN)
    try:
        outputs = {key: np.asarray(value) for key, value in claim.case(golden).items()}
    except Exception as error:  # noqa: BLE001  a case runs code of any kind; one that fails must not stop others
        return Result(golden.name, Status.FAIL, problems=(f"{claim.owner} raised {_one_line(error)}",))
    found = compare(outputs, golden.outputs, entry)
    status = Status.FAIL if found.problems else Status.PASS
    return Result(golden.name, status, found.largest, found.problems)


def main(arguments: Sequence[str] | None = None, claims: Sequence[Claim] | None = None) -> int:
    """Runs a folder and prints one line per file: name, outcome, largest difference.

    Args:
        arguments: those of the command line.
        claims: cases to choose from, by default all that are registered.

    Returns:
        Exit code: 0 if nothing failed (UNKNOWN is no failure), 1 if something did, 2 for wrong use, 3 if the
        folder or a file is unreadable.
    """
    options = _parser().parse_args(arguments)
    failed = False
    try:
        paths = _select(options.folder, options.names)
        known = find_claims() if claims is None else claims
        width = max(len(path.stem) for path in paths)
        for path in paths:
            result = run_case(path, known)
            failed |= result.status is Status.FAIL
            _show(result, width)
    except Pc3dadError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return ExitCode.FAILED if failed else ExitCode.DONE


def _show(result: Result, width: int) -> None:
    largest = "-" if result.largest is None else f"{result.largest:.1e}"
    print(f"{result.name:<{width}}  {result.status:<7}  {largest:>8}", flush=True)
    for problem in result.problems:
        print(f"    {problem}", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pc3dad.testing.golden", description="Compare the code with golden files."
    )
    parser.add_argument("folder", metavar="DIR", type=Path, help=f"folder with *.npz files and {MANIFEST}")
    parser.add_argument("names", metavar="NAME", nargs="*", help="file names without .npz, or globs of them")
    return parser


def _select(folder: Path, names: Sequence[str]) -> list[Path]:
    """The files of the folder that were asked for, sorted by name."""
    try:
        found = {path.stem: path for path in sorted(folder.iterdir()) if path.suffix == ".npz"}
    except OSError as error:
        raise DataError(f"cannot read folder {folder}: {error.strerror}", hint="check DIR") from error
    if not found:
        raise DataError(f"{folder} holds no .npz file", hint="check DIR")
    patterns = [name.removesuffix(".npz") for name in names]
    for pattern in patterns:
        if not any(fnmatchcase(stem, pattern) for stem in found):
            raise ConfigError(f"{folder} has no {pattern!r}{nearest(pattern, found)}", hint="check NAME")
    return [
        path
        for stem, path in found.items()
        if not patterns or any(fnmatchcase(stem, pattern) for pattern in patterns)
    ]


def _claim_of(name: str, claims: Sequence[Claim]) -> Claim | None:
    fitting = [claim for claim in claims if fnmatchcase(name, claim.pattern)]
    if len(fitting) > 1:
        owners = " and ".join(f"{claim.owner} ({claim.pattern})" for claim in fitting)
        raise ConfigError(f"{name} is claimed by {owners}", hint="narrow one of the patterns")
    return fitting[0] if fitting else None


def _modules() -> Iterator[str]:
    """Names of all modules `golden.py`; `baselines/` may lie in another folder than the core."""
    for parent in PARENTS:
        spec = importlib.util.find_spec(parent)
        for location in (spec.submodule_search_locations or ()) if spec else ():
            for package in pkgutil.iter_modules([location]):
                name = f"{parent}.{package.name}"
                if name != __package__ and (Path(location) / package.name / f"{MODULE}.py").is_file():
                    yield f"{name}.{MODULE}"


def _digest(path: Path) -> str:
    try:
        return digest.of_file(path)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}", hint="check the path") from error


def _one_line(error: Exception) -> str:
    text = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:  # the reader of our output has gone, as in `... | head`
        sys.stderr.close()
        sys.exit(ExitCode.FAILED)
