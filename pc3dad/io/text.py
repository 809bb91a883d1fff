"""Tables of numbers in text: clouds with one point per line, and label tables."""

import logging
import re
import warnings
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from pc3dad.errors import DataError
from pc3dad.io.decimals import parse_decimals
from pc3dad.io.scan import check_file, make_cloud, shown, unit_colours
from pc3dad.types import Float64Array, PointCloud

LOGGER = logging.getLogger(__name__)
HEAD_BYTES = 65536  # the first row of numbers must start within them
COLUMN_NAMES = {
    "xyz": (("x", "y", "z"),),
    "normals": (("nx", "ny", "nz"), ("normal_x", "normal_y", "normal_z")),
    "rgb": (("r", "g", "b"), ("red", "green", "blue")),
}

LABEL_NAMES = ("label", "labels")


@dataclass(frozen=True, slots=True, eq=False)
class LabelTable:
    """Point labels as a data set ships them; row order is that of the file.

    Attributes:
        xyz: (N, 3) float64, coordinates of the labelled points, or None when the file has labels only.
        labels: (N,) float64, or None when the file lists the anomalous points only.
    """

    xyz: Float64Array | None
    labels: Float64Array | None


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a text table is written; `promised` is the point count in the first line of a `.pts` file."""

    encoding: str
    delimiter: str | None
    skipped_lines: int
    names: tuple[str, ...] = ()
    promised: int | None = None


def read_text_cloud(path: Path) -> PointCloud:
    """Reads a table with one point per line.

    The delimiter (comma, semicolon or white space) is taken from the first line with numbers; `#` starts a
    comment. Without a header line the first three columns are x, y, z and the others are ignored: six
    columns may be colours or normals, and guessing would be wrong half of the time. A header line names the
    columns: x, y, z and optionally nx, ny, nz and r, g, b (or normal_x, ... and red, ...). It may be a
    comment (`#` or `//`) with as many words as the first row. A `.pts` file may start with the number of its
    points.

    Raises:
        DataError: the file is not such a table, naming the first bad line.
    """
    check_file(path)
    layout = _sniff(path)
    groups = {group: _find_columns(layout.names, choices) for group, choices in COLUMN_NAMES.items()}
    wanted = [column for columns in groups.values() for column in columns or ()]
    table = read_numbers(
        path,
        encoding=layout.encoding,
        delimiter=layout.delimiter,
        skipped_lines=layout.skipped_lines,
        columns=wanted or None,
    )
    if table.shape[1] < 3:
        problem = f"{path}: lines have {table.shape[1]} columns"
        raise DataError(problem, hint="a cloud needs at least x, y and z in each line")
    if layout.promised is not None and layout.promised != len(table):
        raise DataError(
            f"{path}: the first line promises {layout.promised} points but {len(table)} follow",
            hint="the file is cut or damaged, export it again",
        )
    normals = table[:, 3:6] if groups["normals"] else None
    rgb = unit_colours(table[:, -3:], integer=False) if groups["rgb"] else None
    return make_cloud(table[:, :3], normals=normals, rgb=rgb)


def read_label_table(path: Path) -> LabelTable:
    """Reads point labels: one column holds labels, three the anomalous points only, four or more x y z label.

    A header line names the columns, as in `read_text_cloud`, in any order: x, y, z and label (or labels).

    Raises:
        DataError: the file is not such a table, the label column is unclear, or a value is not finite.
    """
    check_file(path)
    layout = _sniff(path)
    table = read_numbers(
        path,
        encoding=layout.encoding,
        delimiter=layout.delimiter,
        skipped_lines=layout.skipped_lines,
        columns=_label_columns(path, layout.names),
    )
    if table.shape[1] == 2:
        raise DataError(f"{path}: lines have 2 columns", hint="expected label, or x y z, or x y z label")
    xyz = table[:, :3] if table.shape[1] >= 3 else None
    labels = None if table.shape[1] == 3 else table[:, 0 if xyz is None else 3]
    if not np.isfinite(table[:, :4]).all():
        row = int(np.argmin(np.isfinite(table[:, :4]).all(axis=1)))
        raise DataError(f"{path}: row {row + 1} holds a value that is not finite", hint="correct the labels")
    if labels is not None and not ((labels == 0) | (labels == 1)).all():
        found = ", ".join(f"{value:g}" for value in np.unique(labels)[:5])
        LOGGER.warning("%s: labels other than 0 and 1 (found %s)", path, found)
    return LabelTable(xyz, labels)


def _label_columns(path: Path, names: tuple[str, ...]) -> list[int] | None:
    """Positions of x, y, z and of the label, if there is one, below a header; None without a header."""
    xyz = _find_columns(names, COLUMN_NAMES["xyz"])
    if xyz is None:
        return None
    others = [column for column in range(len(names)) if column not in xyz]
    named = [column for column in others if names[column] in LABEL_NAMES]
    if len(others) > 1 and len(named) != 1:
        problem = f"{path}: the columns are {shown(' '.join(names))}, so it is unclear which holds labels"
        raise DataError(problem, hint="call one of them label")
    return [*xyz, *(named or others)]


def read_numbers(
    path: Path,
    *,
    encoding: str = "latin-1",
    delimiter: str | None = None,
    skipped_lines: int = 0,
    columns: list[int] | None = None,
) -> Float64Array:
    """Reads a table of numbers, the same count in each line; `#` starts a comment, blank lines do not count.

    Args:
        path: file that exists.
        encoding: of the text; the default never fails.
        delimiter: between columns; None means white space.
        skipped_lines: lines before the table.
        columns: columns to read, in this order; None means all, and then all lines must have the same number.

    Returns:
        (N, C) float64; (0, 1) if there is no row.

    Raises:
        DataError: a line is not a row of the table; the message has its number.
    """
    try:
        table = _plain_numbers(path, delimiter, skipped_lines, columns)
        if table is not None:
            return table
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # no row at all: callers have a better message
            table = np.loadtxt(
                path.resolve(),  # absolute, since NumPy would take a path such as http:/... for an address
                comments="#",
                delimiter=delimiter,
                skiprows=skipped_lines,
                usecols=columns,
                ndmin=2,
                encoding=encoding,
            )
    except ValueError as error:
        raise _bad_line(path, encoding, delimiter, skipped_lines, columns) from error
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}", hint="check the permissions of the file") from error
    return table


def _plain_numbers(
    path: Path, delimiter: str | None, skipped_lines: int, columns: list[int] | None
) -> Float64Array | None:
    """What `read_numbers` returns, sooner than NumPy does; None unless the table is in plain decimals."""
    text = path.read_bytes()
    start = 0
    for _ in range(skipped_lines):
        start = text.find(b"\n", start) + 1 or len(text)
    first = text[start : start + HEAD_BYTES].partition(b"\n")[0]
    body = text[start:].replace(b"\r\n", b"\n") if first.endswith(b"\r") else text[start:]
    blank = b"\t" if b"\t" in first else b" "
    table = parse_decimals(body, delimiter=delimiter.encode() if delimiter else blank)
    if table is None or columns is None:
        return table
    return table[:, columns] if max(columns) < table.shape[1] else None


def _sniff(path: Path) -> _Layout:
    """Looks at the first lines for byte order mark, point count, column names and delimiter."""
    with path.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    encoding = "utf-8-sig" if head.startswith(b"\xef\xbb\xbf") else "latin-1"
    lines = re.split("\r\n|\r|\n", head.decode(encoding, errors="replace"))
    header: tuple[str, ...] = ()
    comments: dict[int, tuple[str, ...]] = {}  # column names in comments, by their count
    promised: int | None = None
    for number, line in enumerate(map(str.strip, lines)):
        delimiter = next((mark for mark in ";," if mark in line), None)
        words = tuple(word.strip(' \t"').lower() for word in line.lstrip("#/").split(delimiter))
        named = {"x", "y", "z"} <= set(words)
        if path.suffix.lower() == ".pts" and promised is None and line.isdecimal():
            promised = int(line[:18])
        elif line.startswith(("#", "//")):
            if named:
                comments[len(words)] = words
        elif named:
            header = words
        elif line:
            width = len(line.split("#")[0].strip().split(delimiter))
            if header and len(header) != width:
                problem = f"{path}: the header names {len(header)} columns but the first row has {width}"
                raise DataError(problem, hint="name each column once")
            return _Layout(encoding, delimiter, number, header or comments.get(width, ()), promised)
    raise DataError(f"{path}: no row of numbers", hint="expected one point or label per line")


def _find_columns(names: tuple[str, ...], choices: tuple[tuple[str, ...], ...]) -> tuple[int, ...] | None:
    """Positions of the first group of names that the header has in full."""
    for choice in choices:
        if set(choice) <= set(names):
            return tuple(names.index(name) for name in choice)
    return None


def _bad_line(
    path: Path, encoding: str, delimiter: str | None, skipped_lines: int, columns: list[int] | None
) -> DataError:
    """Reads the table again, slowly, to say which line is the first that is not like those before it."""
    expected: int | None = None
    with path.open(encoding=encoding, errors="replace") as stream:
        for number, line in enumerate(islice(stream, skipped_lines, None), start=skipped_lines + 1):
            text = line.split("#")[0].strip()
            fields = text.split(delimiter) if text else []
            if not fields:
                continue
            if columns is None:
                expected = expected or len(fields)
                good = len(fields) == expected and _are_numbers(fields)
            else:
                good = len(fields) > max(columns) and _are_numbers([fields[column] for column in columns])
            if not good:
                problem = f"{path}: line {number} is not a row of numbers like those before: {text[:60]!r}"
                return DataError(
                    problem, hint="correct the line, or name columns x, y and z in the first line"
                )
    return DataError(f"{path}: a line is not a row of numbers", hint="write plain text in UTF-8")


def _are_numbers(fields: list[str]) -> bool:
    try:
        [float(field) for field in fields]
    except ValueError:
        return False
    return True
