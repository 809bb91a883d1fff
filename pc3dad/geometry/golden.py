"""Golden case of the geometry: FPFH per point and per patch (15)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pc3dad.geometry import fpfh, neighbors, normals
from pc3dad.types import Float64Array

if TYPE_CHECKING:  # the runner lies above the core and imports this module by its name
    from pc3dad.testing.golden import Case, GoldenFile


def histograms(file: "GoldenFile") -> dict[str, NDArray[Any]]:
    """Outputs of 15.

    The signs of normals are arbitrary, so they are compared up to sign, and histograms are computed with the
    stored signs: these, and nothing else, are read from the outputs.
    """
    values: dict[str, NDArray[Any]] = {}
    (points,), (patches,) = file.inputs["points"], file.inputs["patch_idx"]
    for prefix, sizes in (("", file.config), ("wide/", file.config["wide"])):
        near = {"radius": sizes["radius_normal"], "max_neighbours": file.config["max_nn"]}
        wide = {"radius": sizes["radius_feature"], "max_neighbours": file.config["max_nn_feature"]}
        signs = file.outputs[f"{prefix}normals"][0]
        estimated = normals.estimate(points, **near)
        descriptors = fpfh.describe(points, _like(signs, _rounded_normals(points, **near)), **wide)
        values[f"{prefix}normals"] = _like(signs, estimated)
        values[f"{prefix}fpfh"] = descriptors
        values[f"{prefix}patch_fpfh_max"] = fpfh.pool(descriptors, patches, pooling="max")
        if not prefix:
            values["patch_fpfh_mean"] = fpfh.pool(descriptors, patches, pooling="mean")
            values["neighbours_normal"] = _counts(points, **near)
            values["neighbours_feature"] = _counts(points, **wide)
    return {key: value[None] for key, value in values.items()}


def _rounded_normals(points: NDArray[np.floating], **sizes: Any) -> Float64Array:
    """(N, 3) normals with the rounding errors of the reference, which takes covariances as E[xx] - E[x]E[x].

    In ten pairs of this case both points lie in the plane of the three neighbours that either has. Their
    theta is pi or -pi, the first or the last bin, by rounding errors of 1e-13 in the covariances. Given the
    stored normals, which are rounded to float32, Open3D 0.20.0 itself misses the stored histograms by up to
    24 (212 values).
    """
    xyz = points.astype(np.float64)
    first, second = np.triu_indices(3)
    found = np.tile(normals.UP, (len(xyz), 1))
    for rows, near, counts in neighbors.neighbourhoods(xyz, **sizes):
        for row, members, count in zip(rows, near, counts, strict=True):
            patch = xyz[members[:count]]
            *_, total = np.cumsum(np.hstack([patch, patch[:, first] * patch[:, second]]), axis=0)
            mean, product = np.split(total / count, [3])
            covariance = np.zeros((3, 3))
            covariance[first, second] = covariance[second, first] = product - mean[first] * mean[second]
            if count >= 3:
                found[row] = np.linalg.eigh(covariance)[1][:, 0]
    return found


def _like(signs: NDArray[np.floating], normals_: NDArray[np.floating]) -> NDArray[np.floating]:
    """Normals, turned over where they point away from the others."""
    return np.where((signs * normals_).sum(axis=1, keepdims=True) < 0, -normals_, normals_)


def _counts(points: NDArray[np.floating], **sizes: Any) -> NDArray[np.int64]:
    """(N,) how many neighbours each point has, itself included."""
    counts = np.empty(len(points), dtype=np.int64)
    for found in neighbors.neighbourhoods(points, **sizes):
        counts[found.rows] = found.counts
    return counts


CASES: Mapping[str, "Case"] = {"15_*": histograms}
