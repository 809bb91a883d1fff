import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pc3dad.errors import DataError
from pc3dad.render.config import RenderConfig
from pc3dad.render.renderer import render
from pc3dad.render.scene import make_scene
from pc3dad.render.spacing import mean_spacing
from pc3dad.types import Float32Array, PointCloud

FRONT = RenderConfig(views=(("x", 0.0),))
POINTS = 20_000
SPACING = np.sqrt(np.pi / POINTS)  # of so many points on a sphere of diameter 1


def sphere(points: int, seed: int = 0) -> Float32Array:
    xyz = np.random.default_rng(seed).normal(size=(points, 3))
    unit: Float32Array = (xyz / np.linalg.norm(xyz, axis=1, keepdims=True) / 2).astype(np.float32)
    return unit


def copies(times: int, jitter: float) -> Float32Array:
    """Every point of a sphere several times, moved by a part of the spacing."""
    moves = np.random.default_rng(1).normal(size=(times * POINTS, 3)) * SPACING * jitter
    moved: Float32Array = (np.repeat(sphere(POINTS), times, axis=0) + moves).astype(np.float32)
    return moved


def dense_cap() -> Float32Array:
    """Nine in ten points lie on a tenth of the sphere."""
    many = sphere(100 * POINTS, seed=2)
    return np.concatenate([sphere(POINTS), many[many[:, 2] > 0.4][: 9 * POINTS]])


UNEVEN = {
    "even": sphere(POINTS),
    "every point 3 times": copies(3, 0),
    "every point 8 times": copies(8, 0),
    "8 scans that overlap": copies(8, 0.02),
    "a dense cap": dense_cap(),
}


@pytest.mark.parametrize("xyz", UNEVEN.values(), ids=UNEVEN)
def test_the_far_side_does_not_show_through(xyz: Float32Array) -> None:
    cloud = PointCloud(xyz, normals=xyz)
    views = render(cloud, FRONT)
    shown = xyz[views.visible[0].numpy()]
    assert (shown[:, 2] > 0.3).any()
    assert not (shown[:, 2] < 0.1).any()


@pytest.mark.parametrize("points", [500, 5000, 100_000])
def test_spacing_of_an_even_surface(points: int) -> None:
    assert mean_spacing(sphere(points)) == pytest.approx(np.sqrt(np.pi / points), rel=0.1)


def test_spacing_of_a_grid_is_that_of_its_lines() -> None:
    line = np.linspace(0, 1, 201, dtype=np.float32)
    x, y = np.meshgrid(line, line)
    grid = np.stack([x, y, np.zeros_like(x)], axis=-1).reshape(-1, 3)
    assert mean_spacing(grid) == pytest.approx(1 / 200, rel=0.15)


def test_stray_points_do_not_widen_the_spacing() -> None:
    strays = np.random.default_rng(3).uniform(-0.6, 0.6, (POINTS // 20, 3)).astype(np.float32)
    assert mean_spacing(np.concatenate([sphere(POINTS), strays])) == pytest.approx(SPACING, rel=0.15)


@pytest.mark.parametrize("points", [4600, 18_500, 77_000])
def test_the_order_of_points_does_not_matter(points: int) -> None:
    xyz = sphere(points)
    order = np.random.default_rng(4).permutation(points)
    first, second = (
        render(PointCloud(rows, normals=rows), FRONT) for rows in (xyz, np.ascontiguousarray(xyz[order]))
    )
    assert mean_spacing(xyz) == mean_spacing(xyz[order])
    np.testing.assert_array_equal(first.shaded, second.shaded)
    np.testing.assert_array_equal(first.visible[0].numpy()[order], second.visible[0])


@given(st.integers(1, 40), st.integers(0, 3), st.floats(1e-6, 1e6), st.integers(0, 2**32 - 1))
def test_spacing_of_any_few_points_is_finite_and_follows_the_unit(
    points: int, flat: int, unit: float, seed: int
) -> None:
    xyz = np.random.default_rng(seed).uniform(0, 1, (points, 3)).astype(np.float32)
    xyz[:, :flat] = 0
    found = mean_spacing(xyz)
    assert (found > 0) == (len(np.unique(xyz, axis=0)) > 1)
    assert found <= 2
    assert mean_spacing((xyz * unit).astype(np.float32)) == pytest.approx(unit * found, rel=0.5)


@pytest.mark.parametrize("length", [1e-42, 1e-7, 1.0, 1e30])
def test_normals_of_any_length_are_used(length: float) -> None:
    xyz = sphere(100)
    directions = (xyz * np.float32(2)).astype(np.float32)
    scene = make_scene(PointCloud(xyz, normals=directions * np.float32(length)), FRONT)
    lengths = scene.normals.double().pow(2).sum(dim=0).sqrt().numpy()
    np.testing.assert_allclose(lengths, 1, atol=1e-6)


@pytest.mark.parametrize("value", [255.0, -0.1, np.nan])
def test_colours_outside_their_range_are_refused(value: float) -> None:
    rgb = np.full((100, 3), 0.5, dtype=np.float32)
    rgb[7, 1] = value
    with pytest.raises(DataError, match="outside \\[0, 1\\]"):
        make_scene(PointCloud(sphere(100), normals=sphere(100), rgb=rgb), FRONT, coloured=True)
