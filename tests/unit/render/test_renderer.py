"""Views of whole clouds: what is where, what is seen, and what odd clouds give."""

import numpy as np
import pytest
import torch

from pc3dad.errors import ConfigError, DataError
from pc3dad.render import cameras
from pc3dad.render.config import RenderConfig
from pc3dad.render.renderer import render, view_masks
from pc3dad.render.views import PUBLISHED_MASKS, VIEW_LISTS, find_views, published
from pc3dad.types import PointCloud

FRONT = RenderConfig(views=(("x", 0.0),))
CROSS = RenderConfig(views="cross")


def sphere(n=20_000, seed=0):
    points = np.random.default_rng(seed).normal(size=(n, 3))
    points = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)
    return PointCloud(points, normals=points)


def plate(step=0.01, width=1.0, height=1.0, z=0.0):
    x, y = np.meshgrid(np.arange(-width / 2, width / 2, step), np.arange(-height / 2, height / 2, step))
    return np.stack([x, y, np.full_like(x, z)], axis=-1).reshape(-1, 3).astype(np.float32)


def upright(points):
    """A cloud whose normals all are (0, 0, 1)."""
    return PointCloud(points, normals=np.tile(np.float32([0, 0, 1]), (len(points), 1)))


def facing(cloud, rotation):
    """(n,) cosine between normal and eye of the points of the unit sphere."""
    turned = cloud.xyz @ rotation.T
    eye = np.array([0, 0, cameras.DISTANCE * 2])
    to_eye = eye - turned
    return (to_eye * turned).sum(axis=1) / np.linalg.norm(to_eye, axis=1)


def test_right_is_right_up_is_up_and_near_is_white():
    """A flat plate with a block at its upper right corner that comes towards the eye."""
    block = plate(width=0.3, height=0.3, z=0.2) + np.float32([0.35, 0.35, 0])
    depth = render(upright(np.concatenate([plate(), block])), FRONT).depth[0]
    assert depth[: 336 // 2, 336 // 2 :][90, 90] == 255
    for part in (depth[:168, :168], depth[168:, :168], depth[168:, 168:]):
        assert part[part < 255].numel()
        assert part[84, 84] == 0


def test_every_drawn_point_is_visible_in_the_pixel_that_shows_it():
    views = render(sphere(), CROSS.model_copy(update={"point_size": 1}))
    for front, pixel, visible in zip(views.front, views.pixel, views.visible, strict=True):
        shown = (front.view(-1) >= 0).nonzero()[:, 0]
        drawn = front.view(-1)[shown].long()
        assert visible[drawn].all()
        assert torch.equal(pixel[drawn].long(), shown)


def test_a_lone_dot_is_drawn_in_its_pixel():
    points = np.float32([[-1, -1, 0], [1, 1, 0], [0.31, -0.52, 0]])
    config = RenderConfig(views=(("x", 0.0),), point_size=1)
    views = render(upright(points), config)
    assert [int(views.front[0].view(-1)[pixel]) for pixel in views.pixel[0]] == [0, 1, 2]


@pytest.mark.parametrize("n", [10_000, 100_000])
def test_a_closed_surface_does_not_show_its_far_side(n):
    cloud = sphere(n)
    views = render(cloud, CROSS)
    for rotation, front, visible in zip(
        VIEW_LISTS["cross"].rotations(), views.front, views.visible, strict=True
    ):
        cosine = facing(cloud, rotation)
        drawn = front[front >= 0].numpy()
        assert (cosine[drawn] < -0.2).mean() < 1e-4
        assert (cosine[visible.numpy()] < -0.2).mean() < 1e-3
        assert visible.numpy()[cosine > 0.3].mean() > 0.999


def test_a_front_plate_hides_the_one_behind_it():
    points = np.concatenate([plate(z=0.2), plate(width=0.5, height=0.5, z=0.0)])
    visible = render(upright(points), FRONT).visible[0]
    assert visible[:10_000].all()
    assert not visible[10_000:].any()


def test_slanted_surfaces_stay_visible():
    views = render(upright(plate()), RenderConfig(views=(("x", 60.0),), keep_inside=True))
    assert views.visible.float().mean() > 0.999


def test_silhouettes_of_picture_depth_and_mask_agree():
    cloud = sphere()
    black = render(cloud, CROSS.model_copy(update={"depth_background": "black"}))
    masks = view_masks(black, np.ones(len(cloud), bool))
    drawn = black.front >= 0
    assert torch.equal(masks, drawn)
    assert (black.shaded[~drawn] == 255).all()
    assert (black.depth[~drawn] == 0).all()
    for index in range(9):
        either = ((black.depth[index] > 0) | drawn[index]).sum()
        assert ((black.depth[index] > 0) & drawn[index]).sum() / either > 0.98


def test_views_with_a_large_window_have_the_silhouette_of_those_without():
    cloud = sphere(100_000)
    small = render(cloud, FRONT).shaded < 255
    large = render(cloud, FRONT.model_copy(update={"window": 1024, "point_size": 6})).shaded < 255
    assert (small & large).sum() / (small | large).sum() > 0.97
    assert large.shape == (1, 336, 336)


def test_masks_show_the_labels_of_front_points_only():
    points = np.concatenate([plate(z=0.2), plate(z=-0.2)])
    back = np.arange(len(points)) >= 10_000
    views = render(upright(points), RenderConfig(views=(("y", 0.0), ("y", 180.0))))
    hidden, shown = view_masks(views, back).float().mean(dim=(1, 2))
    assert hidden == 0
    assert shown > 0.3


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.ones(3, bool), r"labels of shape \(3,\) and type bool .* cloud of 50 points"),
        (np.ones(51, bool), r"labels of shape \(51,\)"),
        (np.ones((50, 1), bool), r"labels of shape \(50, 1\)"),
        (np.ones(50, np.uint8), "type uint8"),
        (np.full(50, 0.9), "type float64"),
    ],
)
def test_labels_that_are_not_flags_of_all_points_are_refused(labels, message):
    points = sphere(50).xyz.copy()
    points[-5:] = np.nan  # points that are not rendered have labels too
    with pytest.raises(DataError, match=message):
        view_masks(render(PointCloud(points), FRONT), labels)


def test_published_masks_are_drawn_with_squares_of_their_own():
    """A lone point: 12 pixels of the window of 1036 in the picture, 6 in the mask."""
    cloud = upright(np.float32([[-1, -1, 0], [1, 1, 0], [0, 0, 0]]))
    for options, side in ((published("real3d_ad", "shell"), 12), (PUBLISHED_MASKS, 6)):
        front = render(cloud, RenderConfig(**options)).front[4]
        assert len(front) == 1036
        assert (front == 2).sum() == side**2


def test_masks_follow_the_size_of_the_pictures():
    cloud = sphere()
    views = render(cloud, FRONT.model_copy(update={"window": 672}))
    masks = view_masks(views, cloud.xyz[:, 0] > 0)
    assert masks.shape == (1, 336, 336)
    assert 0.45 < masks.sum() / (views.shaded < 255).sum() < 0.55


def test_colours_are_drawn_with_or_without_shading():
    points = plate()
    red = np.tile(np.float32([1, 0, 0.5]), (len(points), 1))
    normals = np.tile(np.float32([0, 0.6, 0.8]), (len(points), 1))
    cloud = PointCloud(points, normals=normals, rgb=red)
    unlit, lit = (
        render(cloud, FRONT.model_copy(update={"lighting": how}), coloured=True).rgb[0, 168, 168].tolist()
        for how in ("unlit", "lit")
    )
    assert unlit == [255, 0, 127]
    assert lit[0] == pytest.approx(255, abs=1)  # 1.32 times 0.8 is above 1
    assert lit[1] == 0
    assert lit[2] == pytest.approx(127.5 * 1.32 * 0.8, abs=1.5)


def test_only_valid_points_are_rendered():
    cloud = sphere(5000)
    half = cloud.xyz[:, 2] > 0
    scanned = PointCloud(np.where(half[:, None], cloud.xyz, np.nan), normals=cloud.normals)
    views, alone = (
        render(one, FRONT) for one in (scanned, PointCloud(cloud.xyz[half], normals=cloud.normals[half]))
    )
    np.testing.assert_array_equal(views.indices, np.flatnonzero(half))
    assert torch.equal(views.shaded, alone.shaded)
    assert views.pixel.shape == (1, half.sum())


def test_the_order_of_points_does_not_matter():
    cloud = sphere(5000)
    order = np.random.default_rng(1).permutation(5000)
    first, second = (
        render(cloud, CROSS),
        render(PointCloud(cloud.xyz[order], normals=cloud.normals[order]), CROSS),
    )
    assert torch.equal(first.shaded, second.shaded)
    assert torch.equal(first.visible[:, order], second.visible)


@pytest.mark.parametrize("scale", [2.0**-20, 2.0**12])
def test_powers_of_two_of_the_unit_change_nothing(scale):
    cloud = sphere(5000)
    scaled = PointCloud(cloud.xyz * np.float32(scale), normals=cloud.normals)
    first, second = render(cloud, CROSS), render(scaled, CROSS)
    assert torch.equal(first.shaded, second.shaded)
    assert torch.equal(first.depth, second.depth)
    assert torch.equal(first.visible, second.visible)


@pytest.mark.parametrize("scale", [1e-6, 1e3, 1e-30, 1e30])
def test_any_unit_gives_nearly_the_same_pictures(scale):
    cloud = sphere(5000)
    scaled = PointCloud((cloud.xyz * scale).astype(np.float32), normals=cloud.normals)
    difference = render(cloud, FRONT).shaded.int() - render(scaled, FRONT).shaded.int()
    assert (difference.abs() > 1).float().mean() < 1e-3


def test_lengths_and_signs_of_normals_do_not_matter():
    cloud = sphere(5000)
    odd = PointCloud(cloud.xyz, normals=cloud.normals * np.float32([-3] * 3))
    difference = render(cloud, FRONT).shaded.int() - render(odd, FRONT).shaded.int()
    assert difference.abs().max() <= 1


def test_missing_normals_are_estimated_and_given_ones_can_be_left_out():
    cloud = sphere(5000)
    bare = render(PointCloud(cloud.xyz), FRONT).shaded
    wrong = PointCloud(cloud.xyz, normals=np.roll(cloud.normals, 1, axis=0))
    estimated = render(wrong, FRONT.model_copy(update={"normals": "estimated"})).shaded
    assert torch.equal(bare, estimated)
    difference = bare.int() - render(cloud, FRONT).shaded.int()
    assert (difference.abs() < 8).float().mean() > 0.99


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0])
def test_unusable_normals_of_valid_points_are_an_error(bad):
    normals = sphere(50).normals.copy()
    normals[7] = bad
    with pytest.raises(DataError, match=r"1 of 50 valid points have a normal .* normals=estimated"):
        render(PointCloud(sphere(50).xyz, normals=normals), FRONT)


def test_normals_of_another_cloud_are_an_error():
    with pytest.raises(DataError, match=r"normals have shape \(7, 3\)"):
        render(sphere(50), FRONT, normals=sphere(7).xyz)


def test_colours_that_are_missing_are_an_error():
    with pytest.raises(DataError, match="no colours"):
        render(sphere(50), FRONT, coloured=True)


@pytest.mark.parametrize("level", [np.nan, 255.0, -0.1])
def test_colours_that_are_not_levels_from_0_to_1_are_an_error(level):
    cloud = PointCloud(sphere(50).xyz, rgb=np.full((50, 3), level))
    with pytest.raises(DataError, match=r"colour outside \[0, 1\], or one that is not finite"):
        render(cloud, FRONT, coloured=True)


def test_a_cloud_without_a_valid_point_is_an_error():
    for points in (np.full((3, 3), np.nan), np.zeros((0, 3))):
        with pytest.raises(DataError, match="no valid point"):
            render(PointCloud(points), FRONT)


def test_a_wrong_list_of_views_is_an_error():
    with pytest.raises(ConfigError, match="views='sweep'"):
        render(sphere(50), RenderConfig(views="sweep"))
    with pytest.raises(ConfigError, match="empty"):
        render(sphere(50), RenderConfig(views=()))


@pytest.mark.parametrize(
    ("device", "message"),
    [("foo", "unknown device 'foo'"), ("cuda:999", "device 'cuda:999' does not exist here")],
)
def test_a_device_that_does_not_exist_is_an_error(device, message):
    with pytest.raises(ConfigError, match=message):
        render(sphere(50), FRONT, device=device)


def test_auto_takes_a_device_that_exists():
    views = render(sphere(50), FRONT, device="auto")
    assert views.shaded.device.type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("n", [1, 5])
def test_points_in_one_place_are_one_pixel_in_the_middle_and_all_visible(n):
    views = render(PointCloud(np.full((n, 3), 5.0)), CROSS)
    assert (views.front >= 0).sum(dim=(1, 2)).tolist() == [1] * 9
    assert (views.pixel == 168 * 336 + 168).all()
    assert views.visible.all()
    assert (views.depth == 255).all()


def test_a_line_is_a_line():
    views = render(
        PointCloud(np.linspace([0, 0, 0], [3, 0, 0], 500)), RenderConfig(views=(("x", 0.0), ("y", 90.0)))
    )
    rows, columns = (views.front[0] >= 0).any(dim=1).sum(), (views.front[0] >= 0).any(dim=0).sum()
    assert rows <= 3
    assert 230 < columns < 250
    assert views.visible[0].all()
    assert views.visible[1].any()  # seen end on


def test_a_flat_cloud_is_a_line_from_the_side():
    views = render(PointCloud(plate()), RenderConfig(views=(("x", 0.0), ("x", 90.0))))
    assert views.visible[0].all()
    assert (views.front[1] >= 0).any(dim=1).sum() <= 6
    assert 0 < views.visible[1].sum() < 10_000


def test_points_outside_the_window_are_not_visible():
    """Corners of a cube that are near the eye; the camera moves back for them only if it shall."""
    corners = np.float32([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    views = render(upright(corners), FRONT.model_copy(update={"point_size": 1}))
    near = corners[:, 2] > 0
    assert not views.visible[0][near].any()
    assert views.visible[0][~near].all()
    assert set((views.pixel[0][near] % 336).tolist()) == {0, 335}
    back = render(upright(corners), FRONT.model_copy(update={"keep_inside": True, "point_size": 1}))
    assert back.visible[0][near].all()


@pytest.mark.parametrize("point_size", [None, 12])
def test_a_point_outside_is_not_visible_though_its_square_reaches_the_window(point_size):
    faces = np.random.default_rng(0).uniform(-1, 1, (2000, 3)).astype(np.float32)
    faces[np.arange(2000), np.arange(2000) % 3] = np.sign(faces[np.arange(2000), np.arange(2000) % 3])
    near = render(upright(faces), FRONT.model_copy(update={"point_size": point_size}))
    far = render(upright(faces), FRONT.model_copy(update={"point_size": point_size, "keep_inside": True}))
    at_border = np.isin(near.pixel[0] % 336, (0, 335)) | np.isin(near.pixel[0] // 336, (0, 335))
    assert at_border.sum() > 100
    assert near.visible[0][at_border].sum() < 0.05 * at_border.sum() < far.visible[0][at_border].sum()


def test_one_per_pixel_sees_the_highest_point_of_each_pixel_as_released():
    cloud = sphere(50_000)
    views = render(
        cloud, FRONT.model_copy(update={"visibility": "one_per_pixel", "window": 1036, "point_size": 12})
    )
    placed = cameras.place(torch.from_numpy(cloud.xyz.T.copy()) / 2, np.eye(3))
    seen = cameras.project(placed, 1036)
    column, row = (((place - 0.5) * 336 / 1036).floor().clamp(0, 335).numpy() for place in (seen.u, seen.v))
    best = {}
    for point, pixel in enumerate(zip(row, column, strict=True)):
        if pixel not in best or placed.z[point] > placed.z[best[pixel]]:
            best[pixel] = point
    assert set(views.visible[0].nonzero()[:, 0].tolist()) == set(best.values())


def test_grids_get_the_views_of_a_sensor():
    points = plate(step=0.1, z=2.0)
    grid = PointCloud(points, grid=(10, 10))
    upright_views = RenderConfig(views="cross-turned")
    assert torch.equal(render(grid, RenderConfig()).shaded, render(grid, upright_views).shaded)


def test_views_are_repeatable_and_follow_the_list():
    cloud = sphere(3000)
    assert torch.equal(render(cloud, CROSS).shaded, render(cloud, CROSS).shaded)
    views = find_views("cross", organised=False)
    single = render(cloud, RenderConfig(views=(views.angles[6],)))
    assert torch.equal(single.shaded[0], render(cloud, CROSS).shaded[6])


@pytest.mark.gpu
def test_all_devices_draw_the_same():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    cloud = PointCloud(sphere().xyz, normals=sphere().normals, rgb=np.abs(sphere().normals))
    for options in ({}, {"visibility": "one_per_pixel"}, {"depth_background": "black", "keep_inside": True}):
        config = CROSS.model_copy(update=options)
        first, second = (render(cloud, config, coloured=True, device=device) for device in ("cpu", "cuda"))
        for name in ("shaded", "depth", "rgb", "front", "pixel", "visible"):
            assert torch.equal(getattr(first, name), getattr(second, name).cpu()), name


def test_rotations_of_ones_own_take_the_place_of_the_list():
    cloud = sphere(2000)
    listed = render(cloud, CROSS)
    given = render(cloud, FRONT, rotations=VIEW_LISTS["cross"].rotations())
    assert torch.equal(given.shaded, listed.shaded)
    assert torch.equal(given.pixel, listed.pixel)
