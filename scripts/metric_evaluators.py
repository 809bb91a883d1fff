"""Other evaluators on one input: the last tables of docs/metrics.md (`metric_numbers`)."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import isnan

import numpy as np

from pc3dad.errors import MetricError
from pc3dad.metrics import aupro, auroc, average_precision
from pc3dad.testing import evaluators
from pc3dad.testing.evaluators import Category

NO_VALUE = "-"
Function = Callable[[Category], float]
Columns = Mapping[str, Function]

IMAGE_COLUMNS: Columns = {
    "exact": lambda c: aupro(c.scores, c.labels, c.regions),
    "MVTec official": lambda c: evaluators.mvtec3d_official(c.scores, c.labels, c.regions),
    "PointAD, GS-CLIP, Align3D-AD": lambda c: evaluators.pro_200_rescaled(c.scores, c.labels, c.regions),
    "anomalib <= 2.2": lambda c: evaluators.anomalib_2_2(c.scores, c.labels, c.regions),
    "anomalib >= 2.3": lambda c: evaluators.anomalib_2_3(c.scores, c.labels, c.regions),
    "adeval 1.1": lambda c: evaluators.adeval_aupro(c.scores, c.labels, c.regions),
}
CLOUD_COLUMNS: Columns = {
    "exact": IMAGE_COLUMNS["exact"],
    "BTP before May 2026": lambda c: evaluators.coverage_auc(c.scores, c.labels, c.samples),
    "BTP since May 2026": lambda c: evaluators.btp_2026_05(c.scores, c.labels, c.regions),
}
AUROC_COLUMNS: Columns = {
    "exact": lambda c: auroc(c.scores, c.labels),
    "scikit-learn": lambda c: evaluators.scikit_learn("roc_auc_score", c.scores, c.labels),
    "torchmetrics": lambda c: evaluators.torchmetrics_auroc(c.batches(), c.labels),
    "torchmetrics, 200 thresholds": lambda c: evaluators.torchmetrics_binned_auroc(c.batches(), c.labels),
    "adeval 1.1": lambda c: evaluators.adeval_auroc(c.scores, c.labels),
}
PRECISION_COLUMNS: Columns = {
    "exact": lambda c: average_precision(c.scores, c.labels),
    "scikit-learn": lambda c: evaluators.scikit_learn("average_precision_score", c.scores, c.labels),
    "torchmetrics": lambda c: evaluators.torchmetrics_average_precision(c.batches(), c.labels),
    "torchmetrics, 200 thresholds": lambda c: evaluators.torchmetrics_binned_average_precision(
        c.batches(), c.labels
    ),
    "adeval 1.1": lambda c: evaluators.adeval_average_precision(c.scores, c.labels),
}


def same_ranking(category: Category) -> Iterator[tuple[str, Category]]:
    """The same ranking in other scores."""
    scores = category.scores
    highest = scores == scores.max()
    yield "s", category
    yield "s^8", category.scored(scores**8)
    yield "s^60", category.scored(scores**60)
    yield "s, the highest one is 1000", category.scored(np.where(highest, 1000.0, scores))


def scaled(category: Category) -> Iterator[tuple[str, Category]]:
    """The same ranking, shifted and scaled."""
    for name, scores in (("s / 100", category.scores / 100), ("98 + 2 s", 98 + 2 * category.scores)):
        yield name, category.scored(scores)


def special(category: Category) -> Iterator[tuple[str, Category]]:
    """Ties, NaN and missing anomalies."""
    scores, labels = category.scores, category.labels
    lost = scores.copy()
    lost[np.flatnonzero(~labels)[::2]] = np.nan
    yield "two levels", category.scored((scores > np.quantile(scores, 0.8)).astype(np.float64))
    yield "constant", category.scored(np.full_like(scores, 0.5))
    yield "half of the normal ones NaN", category.scored(lost)
    yield (
        "no anomaly",
        Category(scores, np.zeros_like(labels), np.full_like(category.regions, -1), category.samples),
    )


def clipped(category: Category) -> Category:
    """A perfect ranking in steps of 0.01 whose lower 70 % are 0, as in maps with an empty background."""
    perfect = 0.5 * category.scores + 0.45 * category.labels
    perfect[perfect < np.quantile(perfect, 0.7)] = 0.0
    return category.scored(np.floor(100 * perfect) / 100)


def image_table() -> str:
    """AU-PRO@0.3 of images."""
    category = evaluators.image_category()
    cases = [*same_ranking(category), *special(category)]
    cases.insert(-2, ("perfect, 70 % cut to 0", clipped(category)))
    return compared(IMAGE_COLUMNS, cases)


def cloud_table() -> str:
    """AU-PRO@0.3 of clouds."""
    category = evaluators.cloud_category()
    return compared(CLOUD_COLUMNS, [*same_ranking(category), *special(category)])


def auroc_table() -> str:
    """AUROC of images."""
    category = evaluators.image_category()
    return compared(AUROC_COLUMNS, [*same_ranking(category), *scaled(category), *special(category)])


def precision_table() -> str:
    """AP of images."""
    category = evaluators.image_category()
    return compared(PRECISION_COLUMNS, [*same_ranking(category), *scaled(category), *special(category)])


def compared(columns: Columns, cases: Iterable[tuple[str, Category]]) -> str:
    """Table of evaluators under cases."""
    rows = [(name, *(show(value_of(column, item)) for column in columns.values())) for name, item in cases]
    return markdown(("scores", *columns), rows)


def value_of(function: Function, category: Category) -> float:
    """The value; nan where the evaluator refuses the input."""
    try:
        return function(category)
    except MetricError:
        return float("nan")


def show(value: float) -> str:
    """Three decimals."""
    return NO_VALUE if isnan(value) else f"{value:.3f}"


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
