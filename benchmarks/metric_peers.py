"""Other evaluators, as `metrics.py` measures them: scikit-learn itself, and three algorithms retold.

What each of them does differently stands in docs/metrics.md. A value per limit is the area under its curve of
overlap against false positive rate, as a share of the limit.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from pc3dad.types import BoolArray, Float32Array, Float64Array

Values = list[float]  # one for each limit
Region = NDArray[np.intp]  # indices of its points


def sklearn_values(scores: Float32Array, labels: BoolArray) -> tuple[float, float, float]:
    """AUROC, AP and F1-max of scikit-learn."""
    from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

    precision, recall, _ = precision_recall_curve(labels, scores)
    f1 = 2 * precision * recall / np.maximum(precision + recall, np.finfo(np.float64).tiny)
    return (
        float(roc_auc_score(labels, scores)),
        float(average_precision_score(labels, scores)),
        float(f1.max()),
    )


def brute_force(
    scores: NDArray[Any], labels: BoolArray, regions: NDArray[np.integer], limits: Iterable[float]
) -> Values:
    """AU-PRO by its definition: every threshold, every region, one polyline."""
    normal = scores[~labels]
    members = [scores[regions == region] for region in np.unique(regions[regions >= 0])]
    rates, overlaps = [0.0], [0.0]
    for threshold in np.unique(scores)[::-1]:
        rates.append(float(np.mean(normal >= threshold)))
        overlaps.append(float(np.mean([np.mean(member >= threshold) for member in members])))
    return [_area(np.array(rates), np.array(overlaps), limit) for limit in limits]


def mvtec(maps: Float32Array, masks: BoolArray, limits: Iterable[float], thresholds: int = 100) -> Values:
    """The evaluation of MVTec 3D-AD: all normal scores sorted as float64, and 100 of their quantiles.

    Step by step as its authors do: normal scores are selected twice and copied once more, and the overlap of
    a region is found by a walk over its sorted scores.

    Args:
        maps: (B, H, W) scores.
        masks: (B, H, W) ground truth.
        limits: false positive rates.
        thresholds: number of quantiles.
    """
    normal = np.zeros(masks.size)
    count, components = 0, []
    for scores, mask in zip(maps, masks, strict=True):
        found, n_found = ndimage.label(mask, structure=np.ones((3, 3), dtype=int))
        end = count + len(scores[found == 0])
        normal[count:end] = scores[found == 0].copy()
        count = end
        components += [np.sort(scores[found == number]) for number in range(1, n_found + 1)]
    normal = np.resize(normal, count)
    normal.sort()
    positions = np.linspace(0, count - 1, thresholds, dtype=np.int64)
    passed, overlaps = [0] * len(components), []
    for threshold in normal[positions]:
        for number, member in enumerate(components):
            done = passed[number]
            while done < len(member) and member[done] <= threshold:
                done += 1
            passed[number] = done
        shares = [done / len(member) for done, member in zip(passed, components, strict=True)]
        overlaps.append(1 - sum(shares) / len(shares))
    rates = np.append(1.0, 1 - (positions + 1) / count)[::-1]
    overlap = np.append(1.0, overlaps)[::-1]
    return [_area(rates, overlap, limit) for limit in limits]


def anomalib(maps: Float32Array, masks: BoolArray, limits: Iterable[float]) -> Values:
    """AUPRO of anomalib 2.3 to 2.7 on the CPU: one metric for each limit, as its users must do.

    Args:
        maps: (B, H, W) scores.
        masks: (B, H, W) ground truth.
        limits: false positive rates; each costs the same.
    """
    import torch

    scores, targets = torch.from_numpy(maps), torch.from_numpy(masks)
    return [_anomalib_once(torch, scores, targets, limit) for limit in limits]


def _anomalib_once(torch: Any, maps: Any, masks: Any, limit: float) -> float:
    regions = torch.zeros(masks.shape, dtype=torch.float32)
    count = 0
    for image, mask in zip(regions, masks.float(), strict=True):
        found, _ = ndimage.label(mask.numpy().astype(np.uint8), structure=np.ones((3, 3), dtype=int))
        for number in np.unique(found)[1:]:
            count += 1
            image[np.where(found == number)] = count
    region, scores = regions.int().reshape(-1).long(), maps.reshape(-1)
    sizes = torch.bincount(region).float()
    normal = (region == 0).float()
    share = torch.zeros_like(scores)
    share[region > 0] = 1 / sizes[region[region > 0]]
    order = torch.argsort(scores, descending=True)
    rates = torch.cumsum(normal[order], 0) / normal.sum()
    overlaps = torch.cumsum(share[order], 0) / count
    ordered = scores[order]
    last = torch.ones_like(ordered, dtype=torch.bool)  # of a block of ties
    last[:-1] = ordered[:-1] != ordered[1:]
    zero = torch.zeros(1)
    rates, overlaps = torch.cat([zero, rates[last]]), torch.cat([zero, overlaps[last]])
    inside = int((rates <= limit).nonzero()[-1]) + 1
    near_rates, near_overlaps = rates[: inside + 1].numpy(), overlaps[: inside + 1].numpy()
    end = torch.tensor([np.interp(limit, near_rates, near_overlaps)], dtype=torch.float32)
    rates = torch.cat([rates[:inside], torch.tensor([limit])])
    overlaps = torch.cat([overlaps[:inside], end])
    return float(torch.trapezoid(overlaps, rates)) / limit


def btp(
    scores: Sequence[Float32Array],
    labels: Sequence[BoolArray],
    regions: Sequence[list[Region]],
    limits: Iterable[float],
    thresholds: int = 200,
) -> Values:
    """The corrected evaluation of BTP: 200 equidistant thresholds, each counted in every sample and region.

    Args:
        scores: (n_i,) scores of each sample.
        labels: (n_i,) ground truth of each sample.
        regions: of each sample (`btp_regions`).
        limits: false positive rates; the original knows one.
        thresholds: their number.
    """
    whole = np.concatenate(scores)
    n_normal = sum(int((~label).sum()) for label in labels)
    levels = np.linspace(float(whole.max()) + 1e-12, float(whole.min()) - 1e-12, thresholds)
    rates, overlaps = [], []
    for level in levels:
        n_false, shares = 0, []
        for score, label, found in zip(scores, labels, regions, strict=True):
            reached = score >= level
            n_false += int(np.logical_and(reached, ~label).sum())
            shares += [float(reached[region].mean()) for region in found]
        rates.append(n_false / n_normal)
        overlaps.append(float(np.mean(shares)))
    distinct = np.unique(rates)
    highest = [np.max(np.array(overlaps)[np.array(rates) == rate]) for rate in distinct]
    x, y = np.append(0.0, distinct), np.append(0.0, highest)
    return [_area(x, y, limit) for limit in limits]


def btp_regions(points: Float32Array, labels: BoolArray) -> list[Region]:
    """Regions of one sample: anomalous points within 2.5 times their median spacing, joined one by one."""
    members = np.flatnonzero(labels)
    if len(members) < 2:
        return [members] if len(members) else []
    anomalous = points[members]
    tree = cKDTree(anomalous)
    spacing, _ = tree.query(anomalous, k=min(7, len(members)), workers=-1)
    parents = list(range(len(members)))
    for point, near in enumerate(
        tree.query_ball_point(anomalous, 2.5 * np.median(spacing[:, 1:]), workers=-1)
    ):
        for other in near:
            _join(parents, point, other)
    groups: dict[int, list[int]] = {}
    for point, index in enumerate(members.tolist()):
        groups.setdefault(_root(parents, point), []).append(index)
    return [np.array(group) for group in groups.values()]


def _join(parents: list[int], point: int, other: int) -> None:
    first, second = _root(parents, point), _root(parents, other)
    if first != second:
        parents[second] = first


def _root(parents: list[int], point: int) -> int:
    while parents[point] != point:
        parents[point] = parents[parents[point]]
        point = parents[point]
    return point


def _area(rates: Float64Array, overlaps: Float64Array, limit: float) -> float:
    """Area under a polyline from 0 to the limit, as a share of the limit."""
    inside = rates <= limit
    x = np.append(rates[inside], limit)
    y = np.append(overlaps[inside], np.interp(limit, rates, overlaps))
    return float(np.trapezoid(y, x)) / limit
