"""A value of a metric, as its `metrics.json` keeps it, and the row it becomes."""

from dataclasses import asdict, dataclass, field, replace
from typing import Self

from pydantic import BaseModel, ConfigDict

from pc3dad.runs import rows
from pc3dad.runs.plan import PlannedCell
from pc3dad.runs.rows import Row, Status
from pc3dad.types import Float64Array

SAME = (  # fields of a row that it takes over
    *("defects", "metric", "value", "chance", "n", "n_positive", "reason"),
    *("low", "high", "bracket", "truth", "threshold"),
)


@dataclass(frozen=True, slots=True, eq=False)
class MetricValue:
    """A value, or the reason why labels leave it undefined.

    Attributes:
        metric: key.
        value: None if undefined.
        chance: value of a scorer that knows nothing, None if undefined.
        n: members of the population.
        n_positive: anomalous members.
        reason: `one_class`, `no_positive`, ...; empty if defined.
        low: lower end of the 95 % interval, None without one.
        high: upper end.
        bracket: width that the bins of the replicates leave open for the samples as they are; 0 if exact.
        truth: digest of the population: ids, labels, regions and who counts; never of scores.
        propagation: how scores reached every point, as the method declared.
        counts: further numbers that belong to the value.
        threshold: the score at which an oracle value is reached, None for other metrics.
        notes: what a reader must know.
        replicates: (B,) float64, None without an interval.
    """

    metric: str
    value: float | None
    chance: float | None
    n: int
    n_positive: int
    reason: str = ""
    low: float | None = None
    high: float | None = None
    bracket: float = 0.0
    truth: str = ""
    propagation: tuple[str, ...] = ()
    counts: dict[str, float] = field(default_factory=dict)
    threshold: float | None = None
    notes: tuple[str, ...] = ()
    replicates: Float64Array | None = None


class StoredValue(BaseModel):
    """One value of one population; see `MetricValue` for what is not described here.

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
