"""Score files that somebody wrote without pc3dad: `<category>/<sample id>.npz`, or `.npy` of point scores."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from pc3dad.config import nearest
from pc3dad.data import tree
from pc3dad.data.base import Dataset, dataset_errors
from pc3dad.errors import DataError
from pc3dad.evaluation.population import some
from pc3dad.io import npz
from pc3dad.io.scan import AnyArray, check_file, read_bytes
from pc3dad.metrics.base import Level
from pc3dad.types import Prediction, Split

POINT, OBJECT = "point_scores", "object_score"
LEVELS: Mapping[str, Level] = MappingProxyType({OBJECT: "object", POINT: "point"})
SUFFIXES = (".npz", ".npy")
PROPAGATION = "external"
"""How scores reached every point: only the one who wrote them knows."""
NAMES = f"store {POINT}, {OBJECT} or both"
GUIDE = "docs/evaluate_your_scores.md shows the layout"


@dataclass(frozen=True, slots=True, eq=False)
class ScoreFiles:
    """The score files of one method.

    Attributes:
        name: of the method.
        folder: where they are.
        files: category to the file of each sample id; a category without a folder is not in it.
        levels: what every one of them holds.
    """

    name: str
    folder: Path
    files: Mapping[str, Mapping[str, Path]]
    levels: frozenset[Level]


def find_scores(name: str, folder: Path, dataset: Dataset) -> ScoreFiles:
    """Finds the score files of one method and makes sure that every one belongs to a test sample.

    Raises:
        DataError: one does not, a sample has two, some hold less than others, or one cannot be read.
    """
    if not folder.is_dir():
        raise DataError(f"scores {folder} are not a folder", hint=GUIDE)
    if loose := tree.files(folder, SUFFIXES):
        raise DataError(f"{loose[0]} is in no category", hint="move it into a folder of its category")
    below = tree.folders(folder)
    categories = dataset.categories()
    if unknown := [path.name for path in below if path.name not in categories]:
        guess = nearest(unknown[0], categories)
        problem = f"{folder} has scores of {some(unknown)}, no category of the ground truth{guess}"
        raise DataError(problem, hint="give each folder the name of a category")
    files = {path.name: _files(path, dataset) for path in below}
    paths = [path for found in files.values() for path in found.values()]
    if not paths:
        raise DataError(f"{folder} holds no <category>/<sample id>.npz", hint=GUIDE)
    return ScoreFiles(name, folder, files, _levels(paths))


def read_scores(path: Path, sample_id: str, n_points: int, grid: tuple[int, int] | None) -> Prediction:
    """Reads the scores of one sample; what the file does not hold is None.

    Args:
        path: the file.
        sample_id: id of the sample.
        n_points: N, length of its ground truth.
        grid: (H, W) of an organised cloud.

    Returns:
        Scores of all N points in the type of the file, NaN and infinite ones included.

    Raises:
        DataError: the file is damaged, or holds other than one number per point and one per object.
    """
    if path.suffix.lower() == ".npy":
        arrays = {POINT: npz.parse_npy(path, read_bytes(path).tobytes())}
    else:
        _, arrays = npz.read_members(path, path, LEVELS.__contains__)
    points, whole = arrays.get(POINT), arrays.get(OBJECT)
    if points is not None:
        if points.size != n_points:
            problem = f"{path}: has {points.size} {POINT}, sample {sample_id!r} has {n_points} points"
            raise DataError(problem, hint="write one score for every point of the ground truth, in its order")
        if points.shape not in ((n_points,), (n_points, 1), grid):
            expected = f"({n_points},)" if grid is None else f"({n_points},) or {grid}"
            raise DataError(f"{path}: {POINT} have shape {points.shape}", hint=f"expected {expected}")
        points = points.reshape(n_points)
    score = None if whole is None else _object_score(path, whole)
    return Prediction(sample_id, score, points, PROPAGATION)


def _object_score(path: Path, array: AnyArray) -> float:
    if array.size != 1:
        raise DataError(f"{path}: {OBJECT} has shape {array.shape}", hint="store one number")
    score = array.item()
    if not math.isnan(score) and float(score) != score:  # rounded, it could tie with another
        problem = f"{path}: {OBJECT} {score} is more than float64 holds exactly"
        raise DataError(problem, hint="rank the objects yourself and store those numbers")
    return float(score)


def _files(folder: Path, dataset: Dataset) -> dict[str, Path]:
    """Sample id to its score file, of one category."""
    found = tree.by_id(folder, SUFFIXES)
    with dataset_errors(folder.name):
        known = {ref.id for ref in dataset.refs(folder.name, Split.TEST)}
    if unknown := [name for name in found if name not in known]:
        guess = nearest(unknown[0], known)
        names = some([repr(name) for name in unknown])
        problem = f"{folder} has scores of {names}, no test sample of the ground truth{guess}"
        raise DataError(problem, hint="name each file <sample id>.npz")
    return found


def _levels(paths: Sequence[Path]) -> frozenset[Level]:
    """What the files of a method hold: all of them the same, or a forgotten array would go unnoticed."""
    first: dict[frozenset[str], Path] = {}
    for path in paths:
        first.setdefault(_names(path), path)
    for name in LEVELS:
        if len({name in names for names in first}) > 1:
            with_it = next(path for names, path in first.items() if name in names)
            without = next(path for names, path in first.items() if name not in names)
            raise DataError(
                f"{without} holds no {name} but {with_it} does", hint="store it in all or in none"
            )
    return frozenset(LEVELS[name] for names in first for name in names)


def _names(path: Path) -> frozenset[str]:
    """Names of the arrays in a score file."""
    check_file(path)
    if path.suffix.lower() == ".npy":
        return frozenset({POINT})
    names, _ = npz.read_members(path, path, lambda _name: False)
    for name in names:
        if name not in LEVELS:  # a misspelt one would be a level less, in silence
            problem = f"{path}: holds an array {name!r}, which means nothing here{nearest(name, LEVELS)}"
            raise DataError(problem, hint=NAMES)
    if not names:
        raise DataError(f"{path}: holds no array", hint=NAMES)
    return frozenset(names)
