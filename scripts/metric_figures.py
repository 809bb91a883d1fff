"""Draws the figures of docs/metrics.md and prints its numbers: `python scripts/metric_figures.py`.

Drawing needs matplotlib (`pip install pc3dad[notebooks]`), the numbers do not (`metric_numbers`). The same
versions of NumPy and matplotlib give the same bytes.
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import metric_examples as examples
import metric_numbers as numbers
import numpy as np

from pc3dad.metrics import aupro, auroc, average_precision
from pc3dad.metrics.bootstrap import interval
from pc3dad.types import BoolArray, Float64Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "figures" / "metrics"
BLUE, RED, GREEN, GREY, PALE = "#0072B2", "#D55E00", "#00805C", "#6b6b6b", "#e4e4e4"
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "pc3dad",  # ids of elements are random without it
    "figure.facecolor": "white",
    "savefig.facecolor": "white",  # readable on dark pages too
    "svg.fonttype": "none",  # text, not outlines: half the size, and it can be searched
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "sans-serif"],
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "path.simplify_threshold": 0.5,
}
RATE, RECALL = "false positive rate", "share of anomalous members found"


def population() -> Figure:
    """What counts in one organised scan."""
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    scan, counts = examples.scan(), examples.scan_counts()
    kinds = scan.marked + 2 * scan.missing  # 0 normal, 1 anomalous, 2 empty, 3 unmeasured defect
    colours = [BLUE, RED, PALE, "#f5c6a5"]
    words = ["normal", "anomalous", "without measurement", "marked as defect, not measured"]
    figure, axes = _figure(7.0, 2.6)
    axes[0].imshow(kinds, cmap=ListedColormap(colours), interpolation="nearest")
    axes[0].set_axis_off()
    keys = ("normal", "anomalous", "background", "unmeasured")
    labels = [f"{counts[key]}  {word}" for key, word in zip(keys, words, strict=True)]
    patches = [Patch(facecolor=colour, edgecolor=GREY, linewidth=0.5) for colour in colours]
    axes[0].legend(
        patches, labels, loc="center left", bbox_to_anchor=(1.03, 0.5), fontsize=9, labelspacing=1.0
    )
    axes[0].set_anchor("W")
    axes[0].set_title("pixels of one organised scan", loc="left")
    return figure


def roc() -> Figure:
    """Scores of the small example, and their ROC curve."""
    scores, labels, _ = examples.golden()
    figure, axes = _figure(7.0, 2.7, columns=2)
    _strip(axes[0], scores, labels)
    true, false = _curve(scores, labels)
    axes[1].fill_between(false, true, color=BLUE, alpha=0.12, linewidth=0)
    axes[1].plot(false, true, "o-", color=BLUE, markersize=3.5)
    axes[1].plot([0, 1], [0, 1], "--", color=GREY, linewidth=0.8)
    axes[1].text(0.56, 0.42, "constant score", color=GREY, rotation=41, rotation_mode="anchor")
    axes[1].annotate(
        "score ≥ 0.5", (false[6], true[6]), (0.14, 0.9), arrowprops={"arrowstyle": "-", "color": GREY}
    )
    axes[1].text(0.62, 0.08, f"AUROC {auroc(scores, labels):.2f}", color=BLUE, fontsize=10)
    _unit(axes[1], RATE, RECALL)
    axes[1].set_title("ROC curve", loc="left")
    return figure


def precision() -> Figure:
    """The step rule of average precision; AP and F1-max under prevalence."""
    scores, labels, _ = examples.golden()
    figure, axes = _figure(7.0, 2.8, columns=2)
    true, false = _curve(scores, labels)
    shares = true[1:]
    height = shares * labels.sum() / (shares * labels.sum() + false[1:] * (~labels).sum())
    for left, right, level in zip(true[:-1], shares, height, strict=True):
        axes[0].fill_between([left, right], [level, level], color=RED, alpha=0.2, linewidth=0)
        axes[0].plot([left, right], [level, level], color=RED, linewidth=1.6)
    axes[0].plot(shares, height, "o", color=RED, markersize=3.5)
    value = average_precision(scores, labels)
    axes[0].text(0.42, 0.12, f"area of the steps: AP {value:.3f}", color=RED)
    _unit(axes[0], "share of anomalous members found (recall)", "precision")
    axes[0].set_title("average precision: one step per score", loc="left")
    shares, ap, f1 = examples.under_prevalence()
    axes[1].plot(shares, ap, color=RED, label="AP")
    axes[1].plot(shares, shares, "--", color=RED, linewidth=1, label="AP of a constant score")
    axes[1].plot(shares, f1, color=GREEN, label="F1-max")
    axes[1].plot(
        shares, 2 * shares / (1 + shares), "--", color=GREEN, linewidth=1, label="F1-max of a constant score"
    )
    axes[1].set(xscale="log", xlim=(shares[0], 0.5), ylim=(0, 1), xlabel="share p of anomalous members")
    axes[1].set_xticks([0.001, 0.01, 0.1, 0.5], ["0.1 %", "1 %", "10 %", "50 %"])
    axes[1].legend(loc="upper left", fontsize=7)
    axes[1].set_title("one detector, one ROC curve", loc="left")
    return figure


def per_region_overlap() -> Figure:
    """Two defects, their curves, the limit, and interpolation at it."""
    scores, mask, regions = examples.two_defects()
    flat = scores.ravel(), mask.ravel(), regions.ravel()
    figure, axes = _figure(8.0, 2.7, columns=3, widths=(1.15, 1, 1))
    axes[0].imshow(scores, cmap="Greys", interpolation="nearest")
    for region, colour in ((0, BLUE), (1, GREEN)):
        axes[0].contour(regions == region, levels=[0.5], colors=colour, linewidths=1.6)
    axes[0].text(15, 5, "large", color=BLUE, ha="center", fontweight="bold")
    axes[0].text(37.5, 21, "small", color=GREEN, ha="center", fontweight="bold")
    axes[0].set_axis_off()
    axes[0].set_title("scores, two defects", loc="left")
    curves = examples.overlap_curves()
    for key, colour, width in (("large", BLUE, 1.0), ("small", GREEN, 1.0), ("mean", RED, 2.0)):
        axes[1].plot(
            *curves[key], color=colour, linewidth=width, label=key if key != "mean" else "mean (PRO)"
        )
    rates, overlaps = curves["mean"]
    inside = rates <= 0.3
    axes[1].fill_between(rates[inside], overlaps[inside], color=RED, alpha=0.18, linewidth=0)
    _limit(axes[1], 0.3)
    axes[1].text(0.31, 0.06, f"AU-PRO@0.3\n{aupro(*flat):.3f}", color=RED)
    axes[1].legend(loc="lower right", bbox_to_anchor=(1.03, 0.2), fontsize=7)
    _unit(axes[1], RATE, "overlap")
    axes[1].set_title("the mean counts", loc="left")
    _interpolation(axes[2])
    return figure


def regions() -> Figure:
    """Why the reach comes from the whole cloud."""
    figure, axes = _figure(7.2, 2.3, columns=2)
    for axis, n_points, from_cloud in ((axes[0], 3600, True), (axes[1], 900, False)):
        points, anomalous = examples.three_defects(n_points, 3)
        shown = np.asarray((np.abs(points[:, :2] - 0.5) < (0.16, 0.085)).all(axis=1))
        axis.plot(*points[shown & ~anomalous, :2].T, ".", color="#bdbdbd", markersize=2.5)
        links, found = examples.linked(points, anomalous, from_cloud=from_cloud)
        count = 0
        for region, colour in zip(np.unique(found), (BLUE, RED, GREEN), strict=False):
            members = (found == region) & shown[anomalous]
            count += members.any()
            axis.plot(*points[anomalous][members, :2].T, ".", color=colour, markersize=4)
            pairs = np.argwhere(np.tril(links) & members & members[:, None])
            ends = np.insert(points[anomalous][pairs, :2], 2, np.nan, axis=1)  # gaps between lines
            axis.plot(*ends.reshape(-1, 2).T, color=colour, linewidth=0.4, alpha=0.6, zorder=0)
        axis.set(xlim=(0.36, 0.64), ylim=(0.425, 0.575), aspect="equal", xticks=[], yticks=[])
        axis.spines[["top", "right"]].set_visible(True)
        source = "reach from the whole cloud" if from_cloud else "reach from anomalous points only"
        many = "s" if count > 1 else ""
        axis.set_title(f"{n_points} points, {source}: {count} region{many}", loc="left", fontsize=8)
    return figure


def intervals() -> Figure:
    """Draws of objects against draws of points."""
    figure, axes = _figure(7.0, 2.7, columns=2)
    members = examples.objects(0)
    true = examples.TRUE_AUROC
    for draws, colour, name in (
        (examples.draw_points(*members, 1000), GREY, "points drawn"),
        (examples.draw_objects(*members, 1000), BLUE, "objects drawn"),
    ):
        axes[0].hist(draws, bins=30, density=True, color=colour, alpha=0.45, label=name)
    axes[0].axvline(true, color=RED, linewidth=1.5, label="true value")
    axes[0].set(xlabel="AUROC of a draw", yticks=[])
    axes[0].spines["left"].set_visible(False)
    axes[0].legend(fontsize=7, loc="upper left")
    axes[0].set_title("one category of 40 objects", loc="left")
    for seed in range(20):
        for draw, colour, shift in ((examples.draw_points, GREY, -0.15), (examples.draw_objects, BLUE, 0.15)):
            low, high = interval(draw(*examples.objects(seed), 200)) or (0.0, 0.0)
            axes[1].plot([seed + shift] * 2, [low, high], color=colour, linewidth=2)
    axes[1].axhline(true, color=RED, linewidth=1.2)
    axes[1].set(xlabel="simulated category", ylabel="95 % interval of AUROC", xticks=[])
    axes[1].set_title("20 categories", loc="left")
    return figure


FIGURES = {
    "population": population,
    "roc": roc,
    "precision": precision,
    "aupro": per_region_overlap,
    "regions": regions,
    "intervals": intervals,
}


def draw(folder: Path) -> list[Path]:
    """Writes all figures into a folder, and returns their paths."""
    import matplotlib as mpl
    from matplotlib import pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    with mpl.rc_context(STYLE):
        for name, make in FIGURES.items():
            figure = make()
            paths.append(folder / f"{name}.svg")
            text = io.StringIO()
            figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
            plt.close(figure)
            paths[-1].write_text(_compact(text.getvalue()), encoding="utf-8", newline="\n")
    return paths


def _compact(svg: str) -> str:
    """The same picture with positions to a hundredth of a point, without space at ends of lines."""
    rounded = re.sub(r"\d+\.\d{3,}(?=[ \"])", lambda found: f"{float(found[0]):.2f}", svg)
    return "".join(f"{line.rstrip()}\n" for line in rounded.splitlines())


def _figure(
    width: float, height: float, *, columns: int = 1, widths: tuple[float, ...] | None = None
) -> tuple[Figure, list[Axes]]:
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(
        1, columns, figsize=(width, height), layout="constrained", squeeze=False, width_ratios=widths
    )
    return figure, list(axes[0])


def _curve(scores: Float64Array, labels: BoolArray) -> tuple[Float64Array, Float64Array]:
    """Shares of anomalous and of normal members at or above each distinct score, from (0, 0) on."""
    levels = np.append(np.inf, np.unique(scores)[::-1])
    found = scores >= levels[:, None]
    return found[:, labels].mean(axis=1), found[:, ~labels].mean(axis=1)


def _strip(axis: Axes, scores: Float64Array, labels: BoolArray) -> None:
    """Scores as dots, tied ones stacked, and one threshold."""
    for level, kind, colour, name in ((0.0, False, BLUE, "normal"), (1.0, True, RED, "anomalous")):
        values, counts = np.unique(scores[labels == kind], return_counts=True)
        for value, count in zip(values, counts, strict=True):
            axis.plot([value] * count, level + 0.12 * np.arange(count), "o", color=colour, markersize=5)
        axis.text(-0.06, level, name, color=colour, ha="right", va="center")
    axis.axvline(0.5, color=GREY, linewidth=1)
    axis.text(0.52, 1.62, "score ≥ 0.5: called anomalous", color=GREY, fontsize=7)
    axis.set(xlim=(-0.02, 1.0), ylim=(-0.5, 1.8), yticks=[], xlabel="score")
    axis.spines["left"].set_visible(False)
    axis.set_title("ten normal, five anomalous members")


def _interpolation(axis: Axes) -> None:
    """The curve of the small example around the limit."""
    scores, labels, regions = examples.golden()
    levels = np.append(np.inf, np.unique(scores)[::-1])
    rates = np.array([(scores[~labels] >= level).mean() for level in levels])
    overlaps = np.array(
        [np.mean([(scores[regions == region] >= level).mean() for region in (0, 1)]) for level in levels]
    )
    limit = 0.4  # inside the slanted segment
    at_limit = float(np.interp(limit, rates, overlaps))
    inside = rates < limit
    x, y = np.append(rates[inside], limit), np.append(overlaps[inside], at_limit)
    axis.fill_between(x, y, color=RED, alpha=0.18, linewidth=0)
    axis.plot(rates, overlaps, "o-", color=RED, markersize=3.5)
    axis.plot([limit], [at_limit], "o", color=RED, markersize=6, markerfacecolor="white")
    _limit(axis, limit)
    axis.annotate(
        "interpolated", (limit, at_limit), (0.46, 0.3), arrowprops={"arrowstyle": "-", "color": GREY}
    )
    _unit(axis, RATE, "PRO")
    axis.set_title("small example, limit 0.4", loc="left")


def _limit(axis: Axes, limit: float) -> None:
    axis.axvline(limit, color=GREY, linewidth=1, linestyle=":")
    axis.text(limit + 0.01, 1.02, f"limit {limit}", color=GREY, fontsize=7)


def _unit(axis: Axes, x: str, y: str) -> None:
    axis.set(xlim=(-0.02, 1.02), ylim=(0, 1.06), xlabel=x, ylabel=y)


if __name__ == "__main__":
    for name, table in numbers.tables().items():
        print(f"{name}\n{table}\n")
    for sentence in numbers.sentences().values():
        print(sentence)
    for path in draw(FOLDER):
        print(path.relative_to(FOLDER.parents[2]), path.stat().st_size)
