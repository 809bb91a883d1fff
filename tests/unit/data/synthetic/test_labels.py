"""Labels against the intact twin of each sample: exact distances, computed in another way than the labels."""

import numpy as np
import pytest
import trimesh

from pc3dad.data.synthetic.config import SyntheticConfig
from pc3dad.data.synthetic.dataset import Made, Synthetic
from pc3dad.data.synthetic.defects import NOISE, RIM, VISIBLE, Cut
from pc3dad.data.synthetic.paint import CONTRAST
from pc3dad.data.synthetic.scan import COLOUR_NOISE, Scan
from pc3dad.data.synthetic.specimen import KINDS
from pc3dad.geometry import neighbors
from pc3dad.metrics.ranking import auroc
from pc3dad.types import Float64Array, Split

CATEGORIES = ("bracket", "gear", "mug")
ASKED = 50  # points of each side of a sample


def made(category: str, kind: str, form: str = "surround") -> Made:
    config = SyntheticConfig(form=form, kinds=(kind,), defective=1, good=0, points=6000, side=128)
    data = Synthetic(None, config)
    return data.make(data.refs(category, Split.TEST)[0])


def distances(points: Float64Array, corners: Float64Array) -> Float64Array:
    """(n,) exact distances of points to triangles (T, 3, 3)."""
    centres = corners.mean(axis=1)
    radii = np.linalg.norm(corners - centres[:, None], axis=2).max(axis=1)
    found = []
    for point in points:
        far = np.linalg.norm(point - centres, axis=1)
        near = corners[far - radii <= (far + radii).min()]
        closest = trimesh.triangles.closest_point(near, np.tile(point, (len(near), 1)))
        found.append(np.linalg.norm(closest - point, axis=1).min())
    return np.array(found)


def in_part(sample: Made) -> tuple[Float64Array, Float64Array]:
    """Points without noise in the frame of the part, labelled ones and others, some of each."""
    measured, rng = sample.measured, np.random.default_rng(0)
    if isinstance(measured, Scan):
        exact, valid = measured.exact, np.ones(len(measured.exact), dtype=bool)
    else:
        exact, valid = measured.exact @ measured.rotation + measured.centre, measured.valid
    labelled = measured.regions >= 0
    some = [np.flatnonzero(side & valid) for side in (labelled, ~labelled)]
    one, other = (exact[rng.permutation(rows)[:ASKED]] for rows in some)
    return one, other


@pytest.mark.parametrize("form", ["surround", "sensor"])
@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"stain"}))
def test_labelled_points_are_off_the_intact_part_and_others_on_it(kind: str, form: str) -> None:
    labelled_off, others_on = [], []
    for category in CATEGORIES:
        sample = made(category, kind, form)
        labelled, others = in_part(sample)
        off = distances(labelled, sample.specimen.intact.corners) > NOISE
        if isinstance(sample.specimen.defects[0], Cut):
            solid = sample.specimen.solid
            off |= distances(labelled, solid.corners[solid.owner >= 0]) < RIM + 0.1  # the rim
        labelled_off.append(off.mean())
        others_on.append((distances(others, sample.specimen.intact.corners) < VISIBLE + 0.02).mean())
    assert np.mean(labelled_off) > 0.95
    assert min(labelled_off) > 0.9
    assert np.mean(others_on) > 0.99


@pytest.mark.parametrize("category", CATEGORIES)
def test_stained_points_have_another_colour_and_the_same_place(category: str) -> None:
    sample = made(category, "stain")
    scan = sample.measured
    assert isinstance(scan, Scan)
    stained = scan.regions >= 0
    changed = np.linalg.norm(scan.rgb - sample.specimen.paint.at(scan.exact), axis=1)
    assert (changed[stained] > CONTRAST - 5 * COLOUR_NOISE).mean() > 0.95
    assert (changed[~stained] < 5 * COLOUR_NOISE).mean() > 0.95
    assert distances(scan.exact[stained][:ASKED], sample.specimen.intact.corners).max() < 1e-6


def test_the_density_of_points_does_not_tell_where_defects_are() -> None:
    values: dict[str, list[float]] = {}
    for kind in KINDS:
        for category in (*CATEGORIES, "elbow"):
            scan = made(category, kind).measured
            spread = neighbors.knn(scan.xyz, scan.xyz, k=12)[0][:, -1]
            values.setdefault(kind, []).append(auroc(spread, scan.regions >= 0))
    means = {kind: float(np.mean(found)) for kind, found in values.items()}
    assert 0.42 < np.mean(list(means.values())) < 0.58, means
    assert all(0.2 < mean < 0.8 for mean in means.values()), means  # of four samples each
