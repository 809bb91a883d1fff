"""Pixels of coloured views show the colours of the points that are there, in every data set with photographs.

The photograph says where each of its pixels is: red is the row, green the column, by their share of the grid.
"""

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from pc3dad.data.base import SampleRef
from pc3dad.data.eyecandies import Eyecandies, EyecandiesConfig
from pc3dad.data.mvtec3d_ad import Mvtec3dAd, Mvtec3dAdConfig
from pc3dad.data.synthetic.config import SyntheticConfig
from pc3dad.data.synthetic.dataset import Synthetic
from pc3dad.render.config import RenderConfig
from pc3dad.render.renderer import render
from pc3dad.types import PointCloud, Sample, Split

BLUE = 128


def position(grid):
    """(H, W, 3) uint8 photograph that says where each of its pixels is."""
    row, column = np.indices(grid)
    levels = [255 * row / (grid[0] - 1), 255 * column / (grid[1] - 1), np.full(grid, BLUE)]
    return np.stack(levels, axis=-1).round().astype(np.uint8)


def dome(grid):
    """(H, W) by how much a ball rises over the middle of a grid, 0 around it, 1 at its top."""
    row, column = (np.linspace(-2, 2, size) for size in grid)
    return np.sqrt(np.maximum(0, 1 - row[:, None] ** 2 - column[None] ** 2))


@pytest.fixture(scope="module")
def mvtec(tmp_path_factory):
    """One scan in the layout of MVTec 3D-AD, not square: a ball on a support."""
    root, grid = tmp_path_factory.mktemp("mvtec"), (60, 90)
    folder = root / "rope" / "test" / "good"
    for part in ("xyz", "rgb", "gt"):
        (folder / part).mkdir(parents=True)
    (root / "rope" / "train" / "good").mkdir(parents=True)
    y, x = 0.001 * np.indices(grid)
    xyz = np.stack([x, y, 0.5 - 0.03 * dome(grid)], axis=-1).astype(np.float32)
    tifffile.imwrite(folder / "xyz" / "000.tiff", xyz, photometric="rgb")
    Image.fromarray(position(grid)).save(folder / "rgb" / "000.png")
    Image.fromarray(np.zeros(grid, np.uint8)).save(folder / "gt" / "000.png")
    return Mvtec3dAd(root, Mvtec3dAdConfig()).load(SampleRef("rope", Split.TEST, "test_good_000"))


@pytest.fixture(scope="module")
def eyecandies(tmp_path_factory):
    """One scan in the layout of Eyecandies: a ball on a belt, seen from 45 degrees above."""
    root, grid = tmp_path_factory.mktemp("eyecandies"), (512, 512)
    folder = root / "Lollipop" / "test_public" / "data"
    folder.mkdir(parents=True)
    slant = 0.70710678
    depth = (2.2213 - 0.001 - 0.3 * dome(grid)) / (slant * (1 + (np.indices(grid)[0] - 256) / 711.11))
    low, high = depth.min(), depth.max()
    levels = (65535 * (depth - low) / (high - low)).round().astype(np.uint16)
    Image.fromarray(levels).save(folder / "00_depth.png")
    (folder / "00_info_depth.yaml").write_text(f"normalization:\n  max: {high}\n  min: {low}\n")
    pose = np.array([[1, 0, 0, 0], [0, slant, -slant, -2.1213], [0, slant, slant, 2.2213], [0, 0, 0, 1]])
    np.savetxt(folder / "00_pose.txt", pose)
    config = EyecandiesConfig()
    Image.fromarray(position(grid)).save(folder / f"00_image_{config.light}.png")
    return Eyecandies(root, config).load(SampleRef("Lollipop", Split.TEST, "test_public_00"))


@pytest.fixture(scope="module")
def synthetic():
    """A sensor view whose photograph is replaced as its files would be."""
    config = SyntheticConfig(form="sensor", side=64, train=0, good=1, defective=0)
    data = Synthetic(None, config)
    sample = data.load(SampleRef("flange", Split.TEST, "test_000"))
    image = position(sample.cloud.grid)
    assert (sample.cloud.rgb.reshape(sample.image.shape) * 255).round().astype(np.uint8).tobytes() == (
        sample.image.tobytes()
    )
    cloud = sample.cloud
    colours = (image.reshape(-1, 3) / 255).astype(np.float32)
    return Sample(
        "a", "flange", PointCloud(cloud.xyz, rgb=colours, valid=cloud.valid, grid=cloud.grid), image
    )


@pytest.mark.parametrize("name", ["mvtec", "eyecandies", "synthetic"])
def test_points_have_the_colours_of_their_pixels_in_the_photograph(request, name):
    sample = request.getfixturevalue(name)
    expected = position(sample.cloud.grid).reshape(-1, 3)
    valid = sample.cloud.valid
    assert valid.sum() > 100
    np.testing.assert_allclose(sample.cloud.rgb[valid] * 255, expected[valid], atol=0.51)


@pytest.mark.parametrize("name", ["mvtec", "eyecandies", "synthetic"])
def test_pixels_of_coloured_views_tell_which_point_of_the_photograph_they_show(request, name):
    cloud = request.getfixturevalue(name).cloud
    config = RenderConfig(size=96, lighting="unlit")
    views = render(cloud, config, coloured=True)
    rows, columns = cloud.grid
    row, column = np.divmod(views.indices, columns)
    wanted = np.stack([row / (rows - 1), column / (columns - 1)], axis=-1)
    front = views.front.flatten(1)
    for picture, pixel, points in zip(views.rgb, views.pixel.long(), front, strict=True):
        shown = points.gather(0, pixel) == torch.arange(len(pixel))  # points that are in front where they lie
        told = picture.flatten(0, 1)[pixel[shown]].numpy()[:, :2] / 255
        np.testing.assert_allclose(told, wanted[shown.numpy()], atol=1 / 255)
    assert (front >= 0).any(1).all()


def test_grey_and_coloured_views_have_one_outline(synthetic):
    views = render(synthetic.cloud, RenderConfig(size=96), coloured=True)
    background = views.front < 0
    assert (views.shaded[background] == 255).all()
    assert (views.rgb[background] == 255).all()
    inside = views.rgb[~background].float()
    assert (inside.min(dim=-1).values < 255).float().mean() > 0.95
