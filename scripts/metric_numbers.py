"""The numbers of docs/metrics.md, as the tables and sentences in which it shows them.

`python scripts/metric_figures.py` prints them; test_metric_figures.py finds them in the page.
"""

from collections.abc import Callable, Mapping
from functools import cache
from math import sqrt

import metric_evaluators
import numpy as np
from metric_evaluators import markdown, show
from metric_examples import (
    RISE,
    TRUE_AUROC,
    draw_objects,
    draw_points,
    golden,
    objects,
    scan_counts,
    three_defects,
    two_defects,
    under_prevalence,
)
from scipy.stats import norm

from pc3dad.evaluation.population import SAMPLED
from pc3dad.metrics import aupro, auroc, average_precision, compat, count_ranks, f1_max
from pc3dad.metrics.base import LIMITS, METRICS
from pc3dad.metrics.bootstrap import interval
from pc3dad.metrics.compat_btp import btp_regions
from pc3dad.metrics.regions import STANDARD, cloud_regions
from pc3dad.metrics.significance import nemenyi_critical_difference
from pc3dad.testing import evaluators
from pc3dad.testing.evaluators import Category


def tables() -> dict[str, str]:
    """Name to Markdown of every table with computed numbers."""
    makers: Mapping[str, Callable[[], str]] = {
        "golden example": golden_table,
        "protocols": protocol_table,
        "sampling": sampling_table,
        "regions": region_table,
        "critical differences": critical_difference_table,
        "AU-PRO of images": metric_evaluators.image_table,
        "AU-PRO of clouds": metric_evaluators.cloud_table,
        "AUROC of images": metric_evaluators.auroc_table,
        "AP of images": metric_evaluators.precision_table,
    }
    return {name: make() for name, make in makers.items()}


def golden_table() -> str:
    """Every metric of the small example, with its value for a constant score."""
    scores, labels, regions = golden()
    values = {"AUROC": auroc(scores, labels), "AP": average_precision(scores, labels)}
    values["F1max"] = f1_max(scores, labels)
    values |= {f"AU-PRO@{limit}": aupro(scores, labels, regions, limit=limit) for limit in LIMITS}
    keys = ("auroc", "ap", "f1max", *(f"aupro@{limit}" for limit in LIMITS))
    chances = [METRICS[f"point/{key}"].chance(labels.mean()) for key in keys]
    rows = [
        (name, f"{value:.6f}", f"{chance:.3f}")
        for (name, value), chance in zip(values.items(), chances, strict=True)
    ]
    return markdown(("metric", "value", "constant score"), rows)


def protocol_table() -> str:
    """One scorer on the valid pixels, and on all pixels of images that are mostly empty."""
    category = evaluators.image_category()
    empty = round(1.5 * len(category.scores))  # 60 % of all pixels
    padded = Category(
        np.append(category.scores, np.zeros(empty)),
        np.append(category.labels, np.zeros(empty, dtype=np.bool_)),
        np.append(category.regions, np.full(empty, -1)),
        np.append(category.samples, np.zeros(empty, dtype=np.int64)),
    )
    rows = []
    for name, item in (("`valid`", category), ("`all-pixels`", padded)):
        members = item.scores, item.labels
        values = auroc(*members), average_precision(*members), f1_max(*members), aupro(*members, item.regions)
        rows.append((name, *map(show, values)))
    return markdown(("protocol", "AUROC", "AP", "F1max", "AU-PRO@0.3"), rows)


def sampling_table() -> str:
    """How often 2048 random points hold no anomalous one."""
    shares = (0.0005, 0.001, 0.002, 0.01)
    lost = [f"{100 * (1 - share) ** SAMPLED:.1f} %" for share in shares]
    return markdown(
        ("anomalous share of the points", *(f"{100 * share:g} %" for share in shares)),
        [(f"no anomalous point among {SAMPLED}", *lost)],
    )


def region_table() -> str:
    """Regions found where there are three, in clouds sampled more and less densely."""
    rows = []
    for uneven, n_points in (
        (False, 1024),
        (False, 2048),
        (False, 20000),
        (True, 1024),
        (True, 2048),
        (True, 20000),
    ):
        ours, theirs = [], []
        for seed in range(20):
            points, anomalous = three_defects(n_points, seed, uneven=uneven)
            ours.append(int(cloud_regions(points, anomalous).max()) + 1)
            theirs.append(int(btp_regions(points[anomalous]).max()) + 1)
        density = "8 : 1" if uneven else "even"
        rows.append((str(n_points), density, f"{np.mean(ours):.2f}", f"{np.mean(theirs):.2f}"))
    return markdown(
        ("points", "density", "reach from the whole cloud", "reach from anomalous points only"), rows
    )


@cache
def coverage(categories: int = 100, replicates: int = 200) -> tuple[int, int]:
    """In how many per cent of categories intervals over objects, and over points, hold the truth."""
    hits = np.zeros(2, dtype=np.int64)
    for seed in range(categories):
        members = objects(seed)
        for kind, draws in enumerate((draw_objects, draw_points)):
            low, high = interval(draws(*members, replicates)) or (0.0, 0.0)
            hits[kind] += low <= TRUE_AUROC <= high
    over_objects, over_points = np.rint(100 * hits / categories).astype(int)
    return int(over_objects), int(over_points)


def critical_difference_table() -> str:
    """Nemenyi's critical differences."""
    sizes = (6, 10, 12, 20, 40)
    rows = [(str(k), *(f"{nemenyi_critical_difference(k, n):.3f}" for n in sizes)) for k in (3, 4, 6, 10)]
    return markdown(("methods", *(f"{n} categories" for n in sizes)), rows)


def sentences() -> dict[str, str]:
    """Name to every sentence, or part of one, with computed numbers."""
    return {
        **_sentences_on_populations(),
        **_sentences_on_ranking(),
        **_sentences_on_overlap(),
        **_sentences_on_intervals(),
    }


def _sentences_on_populations() -> dict[str, str]:
    counts = scan_counts()
    return {
        "population": (
            f"{counts['normal']} normal and {counts['anomalous']} anomalous pixels count. "
            f"{counts['background']} pixels without measurement do not, nor do {counts['unmeasured']} pixels "
            "of the defect that the sensor missed."
        )
    }


def _sentences_on_ranking() -> dict[str, str]:
    scores, labels, _ = golden()
    pairs = scores[labels][:, None] - scores[~labels]
    won, tied = int((pairs > 0).sum()), int((pairs == 0).sum())
    counts = count_ranks(scores, labels)
    precisions = np.cumsum(counts.true_at) / (np.cumsum(counts.true_at) + counts.false_at_or_above)
    steps = zip(precisions, counts.true_at / counts.n_positive, strict=True)
    shares, ap, f1 = under_prevalence()
    at = {share: (np.interp(share, shares, ap), np.interp(share, shares, f1)) for share in (0.5, 0.01, 0.001)}
    same = ", ".join(
        f"{show(low)} and {show(high)} at {100 * share:g} %" for share, (low, high) in at.items()
    )
    floor = METRICS["object/f1max"].chance
    listed = np.repeat([True, False], 5)
    constant = np.zeros(10)
    first, last = compat.btp_f1_max(constant, listed), compat.btp_f1_max(constant, ~listed)
    return {
        "pairs": (
            f"of its {pairs.size} pairs the anomalous member wins {won}, {tied} are ties, "
            f"so AUROC is ({won} + {tied} / 2) / {pairs.size} = {auroc(scores, labels):.2f}"
        ),
        "steps": " + ".join(f"{precision:.3f} x {share:.1f}" for precision, share in steps)
        + f" = {average_precision(scores, labels):.3f}",
        "prevalence": (
            f"AP and F1-max are {same} anomalous members; "
            f"AUROC is {show(float(norm.cdf(RISE / sqrt(2))))} throughout"
        ),
        "floor": f"{show(floor(0.5))} if half of the members are anomalous, {show(floor(0.02))} if 2 % are",
        "best": f"{show(f1_max(scores, labels))} at t = {counts.f1_max_threshold():.1f}",
        "BTP F1-max": (
            f"a constant score on 5 anomalous and 5 normal objects gets {show(first)} if the anomalous ones "
            f"are listed first and {show(last)} if they are listed last; "
            f"its F1-max is {show(f1_max(constant, listed))}"
        ),
        "one by one": (
            "a perfect ranking of 20 objects with scores from 0.1 to 2.0, fed one by one, "
            f"gets AUROC {show(one_by_one())}"
        ),
    }


def _sentences_on_overlap() -> dict[str, str]:
    scores, mask, regions = two_defects()
    threshold = np.sort(scores[~mask])[::-1][round(0.1 * np.count_nonzero(~mask)) - 1]
    large, small = ((scores[regions == region] >= threshold).mean() for region in (0, 1))
    sizes, found = np.bincount(regions[mask]), (scores[mask] >= threshold).mean()
    category = evaluators.image_category()
    members = category.scores, category.labels, category.regions
    rates, _ = compat.mvtec3d_official_curve(*members)
    within = [np.count_nonzero((rates > 0) & (rates <= limit)) for limit in (0.3, 0.01)]
    halves = ", ".join(f"{limit / 2:g} at {limit:g}" for limit in LIMITS)
    exact, official = aupro(*members, limit=0.01), compat.mvtec3d_official(*members, limit=0.01)
    return {
        "limits": f"A constant score gets half the limit: {halves}.",
        "defects": (
            f"The large defect has {sizes[0]} pixels, the small one {sizes[1]}. At a false positive rate "
            f"of 0.1 their overlaps are {large:.2f} and {small:.2f}, so PRO is {(large + small) / 2:.2f}, "
            f"although {100 * found:.0f} % of all anomalous pixels are found."
        ),
        "region parameters": f"k = {STANDARD.k}, alpha = {STANDARD.alpha:g}, clamp = {STANDARD.clamp:g}",
        "official thresholds": (
            f"of its 100 thresholds, {within[0]} lie at rates between 0 and 0.3, and {within[1]} between "
            "0 and 0.01; AU-PRO@0.01 of the images is "
            f"{show(official)} with them and {show(exact)} exactly"
        ),
    }


def _sentences_on_intervals() -> dict[str, str]:
    members = objects(0)
    over_objects, over_points = (interval(make(*members, 1000)) for make in (draw_objects, draw_points))
    shown = ["[" + ", ".join(map(show, ends or ())) + "]" for ends in (over_objects, over_points)]
    held = coverage()
    smallest = [f"{2 / 2**n:g} with {n} categories" for n in (5, 6)]
    return {
        "intervals": (
            f"Over objects the interval of the category on the left is {shown[0]}, over points {shown[1]}. "
            f"Of 100 simulated categories, the interval over objects held the true value in {held[0]} %, "
            f"the one over points in {held[1]} %."
        ),
        "smallest p": f"the smallest possible p is {' and '.join(smallest)}",
    }


def one_by_one() -> float:
    """AUROC of torchmetrics for a perfect ranking of objects whose scores come one by one."""
    scores = np.linspace(0.1, 2.0, 20)
    return evaluators.torchmetrics_auroc(np.split(scores, len(scores)), scores > 1.05)
