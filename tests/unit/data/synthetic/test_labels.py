"""Labels against the intact twin of each sample: exact distances, computed in another way than the labels."""

from functools import cache

import numpy as np
import pytest
import trimesh
from scipy.ndimage import uniform_filter

from pc3dad.data.synthetic import sensor
from pc3dad.data.synthetic.config import SyntheticConfig
from pc3dad.data.synthetic.dataset import Made, Synthetic
from pc3dad.data.synthetic.defects import NOISE, RIM, VISIBLE, Cut
from pc3dad.data.synthetic.paint import CONTRAST
from pc3dad.data.synthetic.parts import PARTS
from pc3dad.data.synthetic.scan import COLOUR_NOISE, Scan
from pc3dad.data.synthetic.specimen import KINDS
from pc3dad.geometry import neighbors
from pc3dad.metrics.ranking import auroc
from pc3dad.types import Float64Array, Split

CATEGORIES = ("bracket", "gear", "mug")
ASKED = 50  # points of each side of a sample


@cache
def made(category: str, kind: str, form: str = "surround", points: int = 6000) -> Made:
    config = SyntheticConfig(form=form, kinds=(kind,), defective=1, good=0, points=points, side=128)
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


@pytest.mark.parametrize("form", ["surround", "sensor"])
@pytest.mark.parametrize("kind", ["crack", "hole", "cut_off"])
def test_where_material_is_missing_more_than_the_rim_is_measured(kind: str, form: str) -> None:
    beyond_rim, labelled = 0, 0
    for category in CATEGORIES:
        sample = made(category, kind, form)
        measured = sample.measured
        new_surface = measured.regions[(measured.regions >= 0) & ~measured.rim]
        assert set(new_surface) == set(measured.regions[measured.regions >= 0])  # of every labelled defect
        if form == "surround":
            assert len(set(new_surface)) == len(sample.specimen.defects)
        beyond_rim, labelled = beyond_rim + len(new_surface), labelled + (measured.regions >= 0).sum()
    assert beyond_rim > (0.5 if form == "surround" else 0.2) * labelled


@pytest.mark.parametrize("kind", ["bulge", "dent", "scratch"])
def test_steep_sides_lose_no_more_pixels_than_other_places(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Missing pixels that no sensor loses would tell where a defect is."""
    monkeypatch.setattr(sensor, "LOST", 0)
    monkeypatch.setattr(sensor, "GRAZING", -2)
    lost = np.zeros((2, 2))
    for category in CATEGORIES:
        view = made.__wrapped__(category, kind, "sensor").measured
        valid, labelled = view.valid.reshape(128, 128), (view.regions >= 0).reshape(128, 128)
        around = 9 * uniform_filter(valid.astype(float), 3, mode="constant") - valid
        near = uniform_filter(labelled.astype(float), 3, mode="constant") > 0.4
        missing, inside = ~valid & (around > 5.5), valid | (around > 5.5)
        lost += [[np.sum(missing & side), np.sum(inside & side)] for side in (near, ~near)]
    shares = lost[:, 0] / lost[:, 1]
    assert shares[0] < shares[1] + 0.01, lost


def density_alone(category: str, kind: str) -> float:
    """Point AUROC of the distance to the 12th neighbour."""
    scan = made.__wrapped__(category, kind, points=32_768).measured
    xyz = scan.xyz.astype(np.float32)
    return auroc(neighbors.knn(xyz, xyz, k=12)[0][:, -1], scan.regions >= 0)


def test_the_density_of_points_does_not_tell_where_defects_are() -> None:
    values = [density_alone(category, kind) for kind in KINDS for category in CATEGORIES[:2]]
    assert 0.42 < np.mean(values) < 0.58, values  # 18 samples, 0.03 as standard error


@pytest.mark.slow
def test_the_density_of_points_tells_no_kind_of_defects() -> None:
    means = {kind: np.mean([density_alone(category, kind) for category in PARTS]) for kind in KINDS}
    assert all(0.4 < mean < 0.6 for mean in means.values()), means  # 14 samples each, 0.03 as standard error
    assert 0.46 < np.mean(list(means.values())) < 0.54, means
