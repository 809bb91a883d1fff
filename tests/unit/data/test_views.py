"""Renders and correspondences of one object, in the documented form (gs_clip 2 and 7.1, align3d_ad 2)."""

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from pc3dad.data.views import RenderedViews, ViewFolders, read_views
from pc3dad.errors import DataError

PIXELS = (6, 8)  # H x W
N_POINTS = 20
ALL = ("shaded", "correspondence", "depth", "rgb", "masks")
NAMES = {
    "shaded": "view_{}.png",
    "correspondence": "view_{}_cor.npy",
    "depth": "view_{}_depth.png",
    "rgb": "view_{}.png",
    "masks": "view_{}_gt.png",
}


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Eleven views; the grey level and the row of all points tell the number of the view."""
    for k in range(11):
        save(tmp_path / "shaded" / f"view_{k}.png", np.full((*PIXELS, 3), k))
        save(tmp_path / "depth" / f"view_{k}_depth.png", np.full(PIXELS, 10 + k))
        save(tmp_path / "rgb" / f"view_{k}.png", np.full((*PIXELS, 3), [k, 0, 255]))
        save(tmp_path / "masks" / f"view_{k}_gt.png", np.full((*PIXELS, 3), 255 * (k == 10)))
        (tmp_path / "correspondence").mkdir(exist_ok=True)
        columns = (np.arange(N_POINTS) % PIXELS[1], np.full(N_POINTS, k % PIXELS[0]), np.arange(N_POINTS) % 2)
        np.save(tmp_path / "correspondence" / f"view_{k}_cor.npy", np.stack(columns, axis=1))
    return tmp_path


def read(root: Path, *parts: str) -> RenderedViews:
    return read_views(ViewFolders(**{part: root / part for part in parts or ALL}))


def file_of(root: Path, part: str, view: int = 3) -> Path:
    return root / part / NAMES[part].format(view)


def test_views_are_in_the_order_of_their_numbers(root):
    views = read(root)
    assert views.shaded[:, 0, 0, 0].tolist() == list(range(11))  # by name, 10 would follow 1
    assert views.depth[:, 0, 0].tolist() == list(range(10, 21))
    assert views.rgb[:, 0, 0].tolist() == [[k, 0, 255] for k in range(11)]
    assert views.masks.all(axis=(1, 2)).tolist() == [False] * 10 + [True]
    assert views.pixels[:, 0, 1].tolist() == [k % PIXELS[0] for k in range(11)]


def test_shapes_and_types_are_those_documented(root):
    views = read(root)
    assert {name: (getattr(views, name).shape, getattr(views, name).dtype) for name in views.__slots__} == {
        "shaded": ((11, *PIXELS, 3), np.uint8),
        "pixels": ((11, N_POINTS, 2), np.int32),
        "visible": ((11, N_POINTS), bool),
        "indices": ((N_POINTS,), np.int32),
        "depth": ((11, *PIXELS), np.uint8),
        "rgb": ((11, *PIXELS, 3), np.uint8),
        "masks": ((11, *PIXELS), bool),
    }


def test_parts_that_were_not_made_are_none(root):
    views = read(root, "shaded", "correspondence")
    assert (views.depth, views.rgb, views.masks) == (None, None, None)


def test_columns_come_before_rows_and_visibility_last(root):
    views = read(root)
    wanted = np.stack([np.arange(N_POINTS) % 8, np.full(N_POINTS, 3)], axis=1)
    np.testing.assert_array_equal(views.pixels[3], wanted)
    np.testing.assert_array_equal(views.visible[3], np.arange(N_POINTS) % 2 == 1)


def test_indices_are_told_by_name_and_count_from_0_without_the_file(root):
    np.testing.assert_array_equal(read(root).indices, np.arange(N_POINTS))
    np.save(root / "correspondence" / "nonzero_indices.npy", np.arange(N_POINTS) * 7)
    np.testing.assert_array_equal(read(root).indices, np.arange(N_POINTS) * 7)


def test_depth_may_be_stored_as_three_equal_channels(root):
    for k in range(11):
        save(file_of(root, "depth", k), np.full((*PIXELS, 3), 40 + k))
    assert read(root).depth[:, 0, 0].tolist() == list(range(40, 51))


def test_masks_are_above_half_grey_as_the_loader_of_the_authors_has_it(root):
    levels = np.zeros((*PIXELS, 3))
    levels[0, :4] = np.array([0, 127, 128, 255])[:, None]  # the bicubic reduction leaves levels between
    save(file_of(root, "masks", 0), levels)
    assert read(root).masks[0, 0, :4].tolist() == [False, False, True, True]


@pytest.mark.parametrize("part", ["depth", "masks"])
def test_coloured_depth_and_masks_are_refused(root, part):
    save(file_of(root, part), np.full((*PIXELS, 3), [255, 0, 0]))
    with pytest.raises(DataError, match=rf"{part} holds a coloured image"):
        read(root)


@pytest.mark.parametrize("part", ALL)
def test_every_part_has_the_same_views(root, part):
    file_of(root, part, 4).unlink()
    with pytest.raises(DataError, match=rf"{root / part} lacks view 4: .*has 1[01] views"):
        read(root)


@pytest.mark.parametrize("part", ["shaded", "depth", "rgb", "masks"])
def test_images_of_another_size_are_refused(root, part):
    for k in range(11) if part != "shaded" else (3,):
        save(file_of(root, part, k), np.zeros((6, 9, 3)))
    with pytest.raises(DataError, match=rf"{root / part}/view_.* has 6 x 9 pixels"):
        read(root)


def test_empty_images_are_refused(root):
    file_of(root, "shaded").write_bytes(b"")
    with pytest.raises(DataError, match=r"view_3\.png: the file is empty"):
        read(root)


def test_a_folder_without_views_is_refused(root):
    for k in range(11):
        file_of(root, "shaded", k).rename(root / "shaded" / f"{k}.png")
    with pytest.raises(DataError, match="shaded holds no view_<k>"):
        read(root)


def test_two_files_for_one_view_are_refused(root):
    shutil.copy(root / "shaded" / "view_1.png", root / "shaded" / "view_01.png")
    with pytest.raises(DataError, match="for the same view"):
        read(root)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ((8, 0, 1), "x is from 0 to 8"),
        ((-1, 0, 1), "x is from -1"),
        ((0, 6, 1), "y is from"),
        ((0, 0, 2), "visible is from"),
    ],
)
def test_correspondences_outside_the_image_are_refused(root, row, words):
    rows = np.load(file_of(root, "correspondence"))
    rows[5] = row
    np.save(file_of(root, "correspondence"), rows)
    with pytest.raises(DataError, match=rf"view_3_cor\.npy: {words}"):
        read(root)


@pytest.mark.parametrize(
    "rows",
    [
        np.zeros((N_POINTS, 3)),
        np.zeros((N_POINTS, 2), int),
        np.zeros(N_POINTS * 3, int),
        np.zeros((N_POINTS - 1, 3), int),
        np.zeros((N_POINTS, 3), object),
    ],
    ids=["floating", "two columns", "flat", "fewer", "pickled"],
)
def test_correspondences_of_another_form_are_refused(root, rows):
    np.save(file_of(root, "correspondence"), rows, allow_pickle=True)
    with pytest.raises(DataError, match=r"view_3_cor\.npy"):
        read(root)


def test_a_header_that_claims_more_than_the_file_holds_is_refused(root):
    stream = io.BytesIO()
    claim = {"descr": "<i8", "fortran_order": False, "shape": (10**9, 3)}
    np.lib.format.write_array_header_1_0(stream, claim)
    file_of(root, "correspondence").write_bytes(stream.getvalue())
    with pytest.raises(DataError, match=r"view_3_cor\.npy: an array claims shape"):
        read(root)


def test_small_files_cannot_claim_huge_views(root):
    Image.new("1", (2000, 2000)).save(root / "shaded" / "view_0.png")
    with pytest.raises(DataError, match="11 views of 2000 x 2000 pixels"):
        read(root)


@given(data=st.binary(max_size=300))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_give_a_clear_error(root, data):
    file_of(root, "correspondence", 0).write_bytes(data)  # the first that is read
    with pytest.raises(DataError, match=r"view_0_cor\.npy"):
        read(root)
