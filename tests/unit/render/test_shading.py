"""Grey levels against the formula of the published pictures."""

import numpy as np
import torch
from PIL import Image

from pc3dad.render import shading
from pc3dad.render.cameras import Placed, place
from pc3dad.render.config import RenderConfig
from pc3dad.render.renderer import render
from pc3dad.types import PointCloud

DISTANCE = 0.7 / np.tan(np.deg2rad(30))


def formula(points, normals, *, extent=1.0):
    """Grey level in [0, 1] of points (n, 3) in the frame of the camera, in float64 and with unit vectors."""
    eye, lamp = (np.array([0, 0, height * extent]) - points for height in (DISTANCE, 2.0))
    eye, lamp = (vector / np.linalg.norm(vector, axis=1, keepdims=True) for vector in (eye, lamp))
    facing = normals * np.sign((normals * eye).sum(axis=1, keepdims=True))
    cosine = (facing * lamp).sum(axis=1, keepdims=True)
    reflected = 2 * cosine * facing - lamp
    highlight = np.maximum((eye * reflected).sum(axis=1), 0) ** 100
    return np.minimum(0.7 * 0.66 * 2 * np.maximum(cosine[:, 0], 0) + 0.2 * 2 * highlight, 1)


def sphere(n, seed=0):
    points = np.random.default_rng(seed).normal(size=(n, 3))
    return (points / np.linalg.norm(points, axis=1, keepdims=True) / 2).astype(np.float32)


def test_light_is_that_of_the_formula_for_normals_of_either_sign():
    points, normals = sphere(500), sphere(500, seed=1) * 2
    placed = Placed(*torch.from_numpy(points.T.copy()), distance=DISTANCE, extent=1.0)
    diffuse, specular = shading.light(placed, torch.from_numpy(normals.T.copy()), torch.arange(500))
    levels = (shading.GREY * diffuse + specular).clamp(0, 1)
    np.testing.assert_allclose(levels, formula(points, normals), atol=1e-5)


def test_every_pixel_of_a_sphere_has_the_level_of_the_point_it_shows():
    points = sphere(20_000)
    views = render(PointCloud(points, normals=points), RenderConfig(views=(("x", 0.0),)))
    placed = place(torch.from_numpy(points.T.copy()), np.eye(3))
    turned = torch.stack([placed.x, placed.y, placed.z], dim=1).numpy()
    front = views.front[0].numpy()
    levels = 255 * formula(turned, points * 2, extent=placed.extent)[front[front >= 0]]
    np.testing.assert_allclose(views.shaded[0].numpy()[front >= 0], levels, atol=1.01)  # cut to whole levels
    assert (views.shaded[0].numpy()[front < 0] == 255).all()


def test_a_dense_sphere_equals_the_traced_one_to_two_grey_levels():
    """Each pixel of the window is compared with the formula where its ray meets the ideal sphere."""
    window = 1344
    axis = (np.arange(window) + 0.5 - window / 2) / (window * 0.5 / np.tan(np.deg2rad(30)))
    x, y = np.meshgrid(axis, -axis)
    rays = np.stack([x, y, -np.ones_like(x)], axis=-1).reshape(-1, 3)
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    across = rays[:, 2] * DISTANCE
    root = across**2 - DISTANCE**2 + 0.25
    hit = root > 1e-4
    points = (np.array([0, 0, DISTANCE]) + (-across - np.sqrt(root.clip(0)))[:, None] * rays)[hit].astype(
        np.float32
    )
    corners = np.concatenate([np.eye(3), -np.eye(3)]).astype(np.float32) / 2  # the box is that of the sphere
    cloud = np.concatenate([points, corners])
    config = RenderConfig(views=(("x", 0.0),), window=window, point_size=1)
    drawn = render(PointCloud(cloud, normals=cloud), config).shaded[0].numpy()
    ideal = np.full(window * window, 255, dtype=np.uint8)
    ideal[hit] = (255 * formula(points, points * 2)).astype(np.uint8)
    picture = Image.fromarray(ideal.reshape(window, window)).resize((336, 336), Image.Resampling.BICUBIC)
    assert np.abs(drawn.astype(int) - np.asarray(picture).astype(int)).max() <= 2


def test_depth_is_white_near_and_black_far():
    levels = shading.depth_levels(torch.tensor([2.0, 4.0, 3.0]))
    assert levels.tolist() == [1.0, 0.0, 0.5]
    assert shading.depth_levels(torch.tensor([2.0, 2.0])).tolist() == [1.0, 1.0]


def test_levels_are_cut_off_and_cut_to_whole_numbers():
    picture = shading.paint(torch.tensor([-1.0, 0.5, 7.0]), torch.tensor([0, 1, 2]), 2, background=9)
    assert picture.tolist() == [[0, 127], [255, 9]]
