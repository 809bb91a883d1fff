"""Lists of views: order, orientation, names."""

import subprocess
import sys

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pc3dad.data.cards import CARDS
from pc3dad.errors import ConfigError
from pc3dad.render.config import RenderConfig
from pc3dad.render.views import (
    AUTO,
    GSCLIP,
    POINT_SIZES,
    POINTAD,
    RECOMMENDED,
    VIEW_LISTS,
    WINDOWS,
    ViewList,
    find_views,
    published,
    rotation,
)


@pytest.mark.parametrize("axis", ["x", "y", "z"])
@pytest.mark.parametrize("angle", [-144.0, 36.0, 17.3])
def test_rotations_are_right_handed(axis, angle):
    np.testing.assert_allclose(
        rotation(axis, angle), Rotation.from_euler(axis, angle, degrees=True).as_matrix()
    )


def test_quarter_turns_are_exact():
    assert set(rotation("x", 90.0).ravel()) == {0.0, 1.0, -1.0}
    assert not np.signbit(rotation("y", 0.0)).any()


def test_published_lists_have_nine_views_in_their_order():
    assert [angle for _, angle in VIEW_LISTS["x-sweep"].angles] == [-144, -108, -72, -36, 0, 36, 72, 108, 144]
    cross = [
        ("x", -45),
        ("x", -15),
        ("x", 0),
        ("x", 15),
        ("x", 45),
        ("y", -30),
        ("y", -15),
        ("y", 15),
        ("y", 30),
    ]
    assert list(VIEW_LISTS["cross"].angles) == cross
    tilted = [("x", -30), ("x", -15), ("x", 0), ("x", 10), ("x", 20), *cross[5:]]
    assert list(VIEW_LISTS["cross-tilted"].angles) == tilted


def test_a_turned_list_brings_the_frame_of_a_sensor_upright():
    upright = ViewList((("x", 0.0),), turn=180.0).rotations()[0]
    np.testing.assert_array_equal(upright @ [1, 0, 0], [1, 0, 0])  # right stays right
    np.testing.assert_array_equal(upright @ [0, 1, 0], [0, -1, 0])  # what is down in the scan is down
    np.testing.assert_array_equal(
        upright @ [0, 0, 1], [0, 0, -1]
    )  # away from the sensor is away from the eye


def test_the_tilted_list_looks_as_the_camera_of_eyecandies_did():
    sensor = np.array([0, -1, 1]) / np.sqrt(2)  # seen from the belt, z up
    np.testing.assert_allclose(VIEW_LISTS["cross-tilted"].rotations()[2] @ sensor, [0, 0, 1], atol=1e-12)


def test_every_data_set_has_a_list_that_exists():
    assert set(RECOMMENDED) == {card.slug for card in CARDS}
    for table in (RECOMMENDED, POINTAD, GSCLIP):
        assert set(table.values()) <= {*VIEW_LISTS, AUTO}
        assert set(table) <= set(RECOMMENDED)


def test_published_tables_know_every_category_of_their_data_sets():
    categories = {card.slug: card.categories for card in CARDS}
    assert set(POINT_SIZES) == set(WINDOWS) == set(POINTAD) | set(GSCLIP)
    for data_set in POINT_SIZES:
        for category in categories[data_set]:
            assert RenderConfig(**published(data_set, category)).point_size


def test_auto_looks_from_the_front_at_a_grid_and_all_around_other_clouds():
    assert find_views("auto", organised=True) is VIEW_LISTS["cross-turned"]
    assert find_views("auto", organised=False) is VIEW_LISTS["x-sweep"]


def test_a_list_may_be_written_out():
    views = find_views([("y", 90.0)], organised=False).rotations()
    np.testing.assert_array_equal(views, [rotation("y", 90.0)])


@pytest.mark.parametrize(
    ("views", "message"),
    [
        ("x-swep", "did you mean 'x-sweep'"),
        ([], "empty"),
        ([("w", 3.0)], "not 'w'"),
        ([("x", float("nan"))], "nan degrees"),
    ],
)
def test_wrong_lists_are_refused(views, message):
    with pytest.raises(ConfigError, match=message):
        find_views(views, organised=False).rotations()


def test_published_options_know_the_size_of_points():
    assert published("mvtec3d_ad", "cable_gland")["point_size"] == 12
    assert published("eyecandies", "Lollipop")["keep_inside"]


@pytest.mark.parametrize(
    ("data_set", "radius", "neighbours"),
    [("mvtec3d_ad", 0.1, 50), ("eyecandies", 0.1, 50), ("real3d_ad", 0.8, 30)],
)
def test_published_normals_are_estimated_even_where_the_cloud_has_its_own(data_set, radius, neighbours):
    config = RenderConfig(**published(data_set, "rope"))
    assert config.normals == "estimated"
    assert (config.normal_radius, config.normal_neighbours) == (radius, neighbours)


@pytest.mark.parametrize(
    ("data_set", "category", "message"),
    [
        ("mvtec3d_ad", "ropes", r"no renders of mvtec3d_ad ropes .* did you mean 'rope'\?"),
        ("mvtec3d_ad", "pizza", r"\(there are: bagel, cable_gland, "),
        ("mvtec3d", "rope", r"no renders of mvtec3d .* did you mean 'mvtec3d_ad'\?"),
        ("folder", "rope", r"no renders of folder .*\(there are: anomaly_shapenet, eyecandies, "),
    ],
)
def test_unpublished_renders_are_refused_with_the_name_that_was_meant(data_set, category, message):
    with pytest.raises(ConfigError, match=message):
        published(data_set, category)


def test_options_can_be_read_without_torch():
    code = "import sys, pc3dad.render.config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
