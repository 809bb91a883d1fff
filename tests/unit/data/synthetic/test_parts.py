"""The parametric parts: closed bodies of a workpiece's size, no two alike, the same from the same seed."""

import hashlib
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from manifold3d import Error, Manifold

from pc3dad.data.synthetic.parts import PARTS
from pc3dad.data.synthetic.parts.meshes import loft, sweep
from pc3dad.data.synthetic.parts.outlines import (
    TOLERANCE,
    circle,
    inset,
    rectangle,
    rounded,
    smooth,
    softened,
)
from pc3dad.data.synthetic.parts.terraces import Area, hole, prism, terraced

SEEDS = range(5)
each_category = pytest.mark.parametrize("category", PARTS)


@cache
def made(category: str, seed: int) -> Manifold:
    return PARTS[category](np.random.default_rng(seed))


def box(body: Manifold) -> np.ndarray:
    return np.array(body.bounding_box()).reshape(2, 3)


def digest(body: Manifold) -> str:
    mesh = body.to_mesh64()
    return hashlib.sha256(mesh.vert_properties.tobytes() + mesh.tri_verts.tobytes()).hexdigest()


def crossings(body: Manifold, start: np.ndarray, end: np.ndarray) -> list[tuple[float, np.ndarray]]:
    """Distance (as a share of the way) and normal of every face on the way, in order."""
    hits = body.ray_cast(tuple(start), tuple(end))
    return sorted(((hit.distance, np.array(hit.normal)) for hit in hits), key=lambda hit: hit[0])


def test_there_are_fourteen_categories_in_alphabetical_order():
    assert len(PARTS) == 14
    assert list(PARTS) == sorted(PARTS)


def test_the_categories_cannot_be_changed():
    with pytest.raises(TypeError):
        PARTS["bolt"] = PARTS["gear"]


@each_category
def test_a_part_is_one_closed_body(category):
    for seed in SEEDS:
        body = made(category, seed)
        assert body.status() == Error.NoError
        assert len(body.decompose()) == 1
        assert body.volume() > 0


@each_category
def test_a_part_has_the_size_of_a_workpiece_and_stands_on_the_ground(category):
    for seed in SEEDS:
        low, high = box(made(category, seed))
        assert 40 <= (high - low).max() <= 160
        assert low[2] == pytest.approx(0, abs=1e-9)


@each_category
def test_a_part_has_few_enough_triangles_to_be_cut_in_milliseconds(category):
    assert max(made(category, seed).num_tri() for seed in SEEDS) <= 60_000


@each_category
def test_every_way_through_a_part_enters_and_leaves_in_turn(category):
    rng = np.random.default_rng(0)
    for seed in SEEDS:
        body = made(category, seed)
        low, high = box(body)
        for _ in range(15):
            through, way = rng.uniform(low, high), rng.normal(size=3)
            way *= 2 * np.linalg.norm(high - low) / np.linalg.norm(way)
            outward = [normal @ way > 0 for _, normal in crossings(body, through - way, through + way)]
            assert outward == [False, True] * (len(outward) // 2)


@each_category
def test_no_wall_is_thinner_than_one_and_a_half_millimetres(category):
    rng = np.random.default_rng(0)
    for seed in SEEDS:
        body = made(category, seed)
        mesh = body.to_mesh64()
        corners = mesh.vert_properties[mesh.tri_verts]
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        areas = np.linalg.norm(normals, axis=1)
        for face in rng.choice(len(areas), 40, p=areas / areas.sum()):
            inward = -normals[face] / areas[face]
            start = corners[face].mean(axis=0) + 1e-3 * inward
            wall = crossings(body, start, start + 1.5 * inward)
            opposite = [share for share, normal in wall if normal @ inward > 0.98]
            assert not opposite, f"seed {seed}: {1.5 * opposite[0]:.2f} mm at {start.round(1)}"


@each_category
def test_the_same_seed_gives_the_same_bytes(category):
    again = PARTS[category](np.random.default_rng(1))
    assert digest(again) == digest(made(category, 1))


def test_another_process_gives_the_same_bytes():
    code = (
        "import hashlib, numpy as np; from pc3dad.data.synthetic.parts import PARTS\n"
        "for make in PARTS.values():\n"
        "    mesh = make(np.random.default_rng(2)).to_mesh64()\n"
        "    print(hashlib.sha256(mesh.vert_properties.tobytes() + mesh.tri_verts.tobytes()).hexdigest())"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.split() == [digest(made(category, 2)) for category in PARTS]


@each_category
def test_no_two_parts_are_alike(category):
    parts = [made(category, seed) for seed in SEEDS]
    sides = np.array([np.ptp(box(body), axis=0) for body in parts])
    volumes = np.array([body.volume() for body in parts])
    assert sides.std(axis=0).max() > 2
    assert volumes.std() > 0.1 * volumes.mean()


@pytest.mark.parametrize("radius", [0.5, 3, 20, 80])
def test_the_sides_of_a_circle_stay_within_the_tolerance(radius):
    outline = circle(radius)
    middle = (outline + np.roll(outline, -1, axis=0)) / 2
    assert radius - np.linalg.norm(middle, axis=1).min() <= TOLERANCE


def test_rounding_keeps_the_sides_and_replaces_the_corners():
    outline = rounded(np.array([[0, 0], [10, 0], [10, 10], [0, 10.0]]), 2)
    assert outline.min() == pytest.approx(0)
    assert outline.max() == pytest.approx(10)
    assert np.linalg.norm(outline - [10, 10], axis=1).min() == pytest.approx(
        2 * np.sqrt(2) - 2, abs=TOLERANCE
    )


def test_an_arc_too_large_for_its_corner_shrinks():
    outline = rounded(np.array([[0, 0], [10, 0], [10, 1], [0, 1.0]]), 5)
    assert prism(outline, 1).volume() == pytest.approx(10 - (4 - np.pi) * 0.45**2, abs=0.02)


def test_an_inset_moves_every_side_by_the_distance():
    np.testing.assert_allclose(inset(rectangle(10, 6), 1), rectangle(8, 4))


def test_softening_fills_inner_corners_and_takes_off_outer_ones():
    angle = np.array([[0, 0], [20, 0], [20, 8], [8, 8], [8, 20], [0, 20.0]])
    outline = softened(angle, 3)
    assert np.linalg.norm(outline - [0, 0], axis=1).min() > 1
    assert np.linalg.norm(outline - [8, 8], axis=1).min() > 1


def test_a_smooth_curve_passes_through_its_knots():
    knots = np.array([[0, 0], [3, 1], [4, 5], [9, 2.0]])
    np.testing.assert_allclose(smooth(knots, 31)[::10], knots, atol=1e-12)


def test_a_plate_with_a_hole_has_the_volume_of_both():
    plate = prism(rectangle(20, 10), 3, holes=[rectangle(4, 2)])
    assert plate.volume() == pytest.approx((200 - 8) * 3)
    assert plate.genus() == 1


def test_a_chamfer_takes_a_wedge_off_every_edge_around_the_faces():
    block = prism(rectangle(10, 10), 10, edge=1)
    frustum = (100 + 64 + np.sqrt(100 * 64)) / 3
    assert block.volume() == pytest.approx(800 + 2 * frustum)


@pytest.mark.parametrize(
    ("bottom", "top", "volume"),
    [
        (0, 1, 300 - 8 * 2),
        (0, 5, 300 + 8 * 2),
        (-2, 3, 300 + 8 * 2),
        (1, 2, 300 - 8 * 2),
        (-1, 4, 300 + 8 * 2),
    ],
    ids=["pocket", "boss", "boss below", "web", "hub"],
)
def test_an_area_inside_another_rises_and_sinks_on_either_face(bottom, top, volume):
    body = terraced(Area(rectangle(10, 10), 0, 3, [Area(rectangle(4, 2), bottom, top)]))
    assert body.volume() == pytest.approx(volume)
    assert len(body.decompose()) == 1


def test_a_hole_in_a_pocket_goes_through_the_face_below_it():
    pocket = Area(rectangle(4, 4), 0, 1, [hole(rectangle(2, 2))])
    body = terraced(Area(rectangle(10, 10), 0, 3, [pocket]))
    assert body.volume() == pytest.approx(300 - 16 * 2 - 4)
    assert body.genus() == 1


def test_a_section_swept_along_a_line_is_a_prism():
    path = np.array([[0, 0, 0], [0, 3, 4], [0, 6, 8.0]])
    assert sweep(path, rectangle(2, 1), up=(1, 0, 0)).volume() == pytest.approx(20)


def test_an_endless_skin_closes_on_itself():
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    tube = circle(1, count=12)
    reach = 5 + tube[:, 0]
    x, y = (wave[:, None] * reach for wave in (np.cos(turn), np.sin(turn)))
    rings = np.stack([x, y, np.broadcast_to(-tube[:, 1], x.shape)], axis=2)
    ring = loft(rings, endless=True)
    assert ring.genus() == 1
    assert ring.volume() == pytest.approx(2 * np.pi**2 * 5, rel=0.06)
