"""The camera: numbers of the published visualiser, in any unit."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pc3dad.render.cameras import FOCAL, combine, place, project
from pc3dad.render.views import rotation

BOX = torch.tensor([[-2.0, 2.0], [3.0, 5.0], [0.0, 1.0]])  # sides 4, 2, 1; centre (0, 4, 0.5)


def test_the_eye_is_1_21_sides_in_front_of_the_centre_of_the_box():
    placed = place(BOX, np.eye(3))
    assert placed.extent == 4.0
    assert placed.distance == pytest.approx(0.7 * 4 / np.tan(np.deg2rad(30)))
    torch.testing.assert_close(
        torch.stack([placed.x, placed.y, placed.z]), BOX - torch.tensor([[0.0], [4.0], [0.5]])
    )


def test_points_right_and_up_appear_right_and_up_by_the_pinhole_formula():
    seen = project(place(BOX, np.eye(3)), window=336)
    depth = 0.7 * 4 / np.tan(np.deg2rad(30)) - np.array([-0.5, 0.5])
    np.testing.assert_allclose(seen.depth, depth, rtol=1e-6)
    np.testing.assert_allclose(seen.u, 168 + FOCAL * 336 * np.array([-2, 2]) / depth, rtol=1e-6)
    np.testing.assert_allclose(seen.v, 168 - FOCAL * 336 * np.array([-1, 1]) / depth, rtol=1e-6)


def test_the_box_is_that_of_the_turned_points():
    assert place(BOX, rotation("z", 45.0)).extent == pytest.approx(6 / np.sqrt(2), rel=1e-6)


def test_points_in_one_place_have_a_camera_too():
    placed = place(torch.ones(3, 4), np.eye(3))
    assert placed.extent == 1.0
    assert placed.distance > 1


def test_near_corners_leave_the_window_unless_the_camera_moves_back():
    corners = torch.tensor([[x, y, z] for x in (-1.0, 1) for y in (-1.0, 1) for z in (-1.0, 1)]).T
    outside = project(place(corners, np.eye(3)), window=100)
    inside = project(place(corners, np.eye(3), keep_inside=True), window=100)
    assert float(outside.u.max()) > 100
    assert 0 < float(inside.u.min()) < float(inside.u.max()) < 100
    assert float(inside.u.max()) > 98


@settings(deadline=None)
@given(arrays(np.float32, (3, 5), elements=st.floats(-1, 1, width=32)), st.floats(-180, 180))
def test_turning_is_a_matrix_product(vectors, angle):
    matrix = rotation("y", angle)
    turned = torch.stack([combine(row, torch.from_numpy(vectors)) for row in matrix])
    np.testing.assert_allclose(turned, matrix @ vectors, atol=1e-6)
