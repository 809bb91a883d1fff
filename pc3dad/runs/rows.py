"""One row of results, and how rows become CSV and JSON."""

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

from pc3dad.errors import DataError

UNTRAINED = "none"
NOTE = " | "
"""Between the notes of one row."""


class Status(StrEnum):
    """What became of a value. Only `ok` has one; `undefined` depends on labels alone and is no hole."""

    OK = "ok"
    UNDEFINED = "undefined"
    FAILED = "failed"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Row:
    """One value of one cell.

    Attributes:
        run: name of the run.
        method: slug of the method.
        variant: slug with the options that differ from the defaults, such as "btp[object_agg=max]".
        seen: what was seen of the target category; one ranking table holds one kind only.
        dataset: slug of the data set, with its options.
        train: training set, "none" for methods that do not train.
        category: category that was scored.
        seed: seed of the run.
        defects: population of defects, "all" or "geometry".
        metric: key such as "point/auroc"; also "resources/seconds" (mean per sample), "resources/peak_bytes".
        protocol: population of points, "valid" (docs/metrics.md).
        value: the value, None unless status is ok.
        chance: value of a scorer that knows nothing, on the same labels.
        n: members of the population: objects or points.
        n_positive: anomalous members.
        low: lower end of the 95 % interval, None if not computed.
        high: upper end.
        bracket: width that the bins of the replicates leave open for the value itself; 0 if they are exact.
        threshold: the score at which an oracle value (F1max) is reached, None for other metrics.
        n_samples: objects behind the value.
        n_regions: regions behind the value.
        n_distinct: distinct scores; 10000 stands for that many or more.
        propagation: how scores reached every point, as the method declared.
        policy: policies that irregular input was treated with, empty if none was allowed.
        truth: digest of the population: ids, labels, regions and who counts.
        note: what a reader of the value must know.
        status: see `Status`.
        reason: why there is no value.
    """

    run: str
    method: str
    variant: str
    seen: str
    dataset: str
    train: str
    category: str
    seed: int
    defects: str
    metric: str
    protocol: str
    value: float | None = None
    chance: float | None = None
    n: int = 0
    n_positive: int = 0
    low: float | None = None
    high: float | None = None
    bracket: float = 0.0
    threshold: float | None = None
    n_samples: int = 0
    n_regions: int = 0
    n_distinct: int = 0
    propagation: str = ""
    policy: str = ""
    truth: str = ""
    note: str = ""
    status: Status = Status.OK
    reason: str = ""

    @property
    def cell(self) -> str:
        """Its cell, for people: variant, training set, seed, data set and category."""
        trained = "" if self.train == UNTRAINED else f" trained on {self.train}"
        return f"{self.variant}{trained} seed {self.seed} on {self.dataset}/{self.category}"


COLUMNS = tuple(field.name for field in fields(Row))
_INTEGERS = ("seed", "n", "n_positive", "n_samples", "n_regions", "n_distinct")
_NUMBERS = ("value", "chance", "low", "high", "threshold")


def to_csv(rows: Iterable[Row]) -> str:
    """CSV with a header; numbers keep all digits, unknown ones are empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({**asdict(row), "status": str(row.status)} for row in rows)
    return text.getvalue()


def from_csv(text: str) -> list[Row]:
    """Inverse of `to_csv`.

    Raises:
        DataError: columns or values do not fit.
    """
    reader = csv.DictReader(io.StringIO(text))
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise DataError(
            f"result table has columns {reader.fieldnames}", hint="it was written by another version"
        )
    return [from_plain(item) for item in reader]


def to_json(rows: Iterable[Row]) -> str:
    """A JSON list of objects."""
    return json.dumps([asdict(row) for row in rows], indent=2) + "\n"


def from_plain(item: dict[str, Any]) -> Row:
    """A row from strings or plain JSON values."""
    try:
        values = dict(item)
        values.update({name: int(item[name]) for name in _INTEGERS})
        values["bracket"] = float(item["bracket"])
        values.update({name: None if item[name] in ("", None) else float(item[name]) for name in _NUMBERS})
        return Row(**{**values, "status": Status(item["status"])})
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"result row {item} does not fit: {error}", hint="it was written by another version"
        ) from error
