"""Values of a cell as its `metrics.json` keeps them, and the rows they become."""

from dataclasses import asdict, replace
from typing import Self

from pydantic import BaseModel, ConfigDict

from pc3dad.evaluation.evaluator import MetricValue
from pc3dad.runs import rows
from pc3dad.runs.plan import PlannedCell
from pc3dad.runs.rows import Row, Status

SAME = (  # fields of a row that it takes over
    *("defects", "metric", "value", "chance", "n", "n_positive", "reason"),
    *("low", "high", "bracket", "truth", "threshold"),
)


class StoredValue(BaseModel):
    """One value of one population; see `evaluator.MetricValue` for what is not described here.

    Attributes:
        protocol: population of points.
        defects: population of defects.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    protocol: str
    defects: str
    metric: str
    value: float | None
    chance: float | None
    n: int
    n_positive: int
    reason: str
    low: float | None
    high: float | None
    bracket: float
    truth: str
    propagation: tuple[str, ...]
    counts: dict[str, float]
    threshold: float | None
    notes: tuple[str, ...]

    @classmethod
    def of(cls, value: MetricValue, protocol: str, defects: str) -> Self:
        """A value without its replicates, which are in a file of their own."""
        facts = {name: item for name, item in asdict(value).items() if name != "replicates"}
        return cls(protocol=protocol, defects=defects, **facts)

    def row(self, cell: PlannedCell, policy: str) -> Row:
        """Its row in tables."""
        return replace(
            cell.row(self.protocol),
            **{name: getattr(self, name) for name in SAME},
            n_samples=int(self.counts.get("n_samples", 0)),
            n_regions=int(self.counts.get("n_regions", 0)),
            n_distinct=int(self.counts.get("n_distinct", 0)),
            propagation="+".join(self.propagation),
            policy=policy,
            note=rows.NOTE.join(self.notes),
            status=Status.UNDEFINED if self.reason else Status.OK,
        )
