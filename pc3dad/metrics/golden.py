"""Golden cases of the metrics: what other evaluators gave for images (20a) and clouds (20b)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pc3dad.metrics import compat
from pc3dad.metrics.compat_btp import btp_radius, btp_regions
from pc3dad.metrics.ranking import auroc, average_precision
from pc3dad.metrics.regions import mask_regions, stack_regions

if TYPE_CHECKING:  # the runner lies above the core and imports this module by its name
    from pc3dad.testing.golden import Case, GoldenFile

Values = dict[str, Any]
SUFFIXES = ("", "_ties")  # of inputs; the second has scores with many ties


def images(file: "GoldenFile") -> dict[str, NDArray[Any]]:
    """Outputs of 20a."""
    masks = file.inputs["masks"] > 0
    labels = masks.ravel()
    regions = stack_regions([mask_regions(mask).ravel() for mask in masks])
    values: Values = {}
    for ties in SUFFIXES:
        maps = file.inputs[f"maps{ties}"].ravel()
        values |= _with_prefix(f"mvtec{ties}/", _mvtec3d(maps, labels, regions))
        objects = file.inputs[f"object_scores{ties}"], file.inputs["object_labels"]
        shared = {
            "image_auroc": auroc(*objects),
            "image_ap": average_precision(*objects),
            "pixel_auroc": auroc(maps, labels),
            "pixel_aupro": compat.pro_200_rescaled(maps, labels, regions),
        }
        values |= _with_prefix(f"pointad{ties}/", shared) | _with_prefix(f"gsclip{ties}/", shared)
    maps = file.inputs["maps"].ravel()
    fewer = compat.pro_200_rescaled(maps, labels, regions, limit=0.1, thresholds=50)
    values["pointad/aupro_expect_fpr_0.1_steps_50"] = fewer
    values["gsclip/aupro_expect_fpr_0.1_steps_50"] = fewer
    values["gsclip/aupro_constant_map"] = compat.pro_200_rescaled(np.ones_like(maps), labels, regions)
    return _as_arrays(values)


def clouds(file: "GoldenFile") -> dict[str, NDArray[Any]]:
    """Outputs of 20b."""
    points, labels = file.inputs["points"], file.inputs["labels"]
    automatic = [_regions(*cloud) for cloud in zip(points, labels, strict=True)]
    fixed = [_regions(*cloud, radius=0.15) for cloud in zip(points, labels, strict=True)]
    large = [_regions(*cloud, radius=0.15, min_points=3) for cloud in zip(points, labels, strict=True)]
    values: Values = {
        "regions/auto": np.stack(automatic),
        "regions/radius0.15": np.stack(fixed),
        "regions/auto_radius": [btp_radius(p[y > 0]) for p, y in zip(points, labels, strict=True)],
    }
    pooled, pooled_large = stack_regions(automatic), stack_regions(large)
    for ties in SUFFIXES:
        scores = file.inputs[f"scores{ties}"].ravel()
        members = scores, labels.ravel()
        objects = file.inputs[f"object_scores{ties}"], file.inputs["object_labels"]
        values |= {
            f"standard{ties}/aupro": compat.btp_2026_05(*members, pooled),
            f"standard{ties}/regions": pooled.max() + 1,
            f"standard{ties}/aupro_limit0.1_n60": compat.btp_2026_05(
                *members, pooled, limit=0.1, thresholds=60
            ),
            f"standard{ties}/aupro_radius0.15_min3": compat.btp_2026_05(*members, pooled_large),
            f"standard{ties}/regions_radius0.15_min3": pooled_large.max() + 1,
            f"point{ties}/auroc": auroc(*members),
            f"point{ties}/ap": average_precision(*members),
            f"object{ties}/auroc": auroc(*objects),
            f"object{ties}/ap": average_precision(*objects),
            f"object{ties}/f1max": compat.btp_f1_max(*objects),
        }
    samples = np.repeat(np.arange(len(points)), points.shape[1])
    values["legacy/point_coverage_auc"] = compat.coverage_auc(
        file.inputs["scores"].ravel(), labels.ravel(), samples
    )
    return _as_arrays(values)


def _mvtec3d(maps: NDArray[Any], labels: NDArray[Any], regions: NDArray[Any]) -> Values:
    values: Values = {
        f"aupro_limit{limit}_n{thresholds}": compat.mvtec3d_official(
            maps, labels, regions, limit=limit, thresholds=thresholds
        )
        for limit in (0.3, 0.05, 1.0)
        for thresholds in (100, 37)
    }
    rates, overlaps = compat.mvtec3d_official_curve(maps, labels, regions, thresholds=37)
    values["curve_fpr_n37"], values["curve_pro_n37"] = rates.astype(np.float32), overlaps.astype(np.float32)
    return values


def _regions(points: NDArray[Any], labels: NDArray[Any], **options: Any) -> NDArray[Any]:
    """(N,) regions of one cloud, -1 outside."""
    regions = np.full(len(points), -1)
    regions[labels > 0] = btp_regions(points[labels > 0], **options)
    return regions


def _with_prefix(prefix: str, values: Values) -> Values:
    return {prefix + key: value for key, value in values.items()}


def _as_arrays(values: Values) -> dict[str, NDArray[Any]]:
    return {key: np.asarray(value) for key, value in values.items()}


CASES: Mapping[str, "Case"] = {"20a_*": images, "20b_*": clouds}
