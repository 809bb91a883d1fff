"""Readers of TIFF scans, photographs, masks and depth images."""

import contextlib
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from pc3dad.errors import DataError
from pc3dad.io import images
from pc3dad.types import PointCloud

READERS = (images.read_rgb, images.read_mask, images.read_levels, images.read_depth_png, images.read_xyz_tiff)


def write_xyz(path: Path, xyz: np.ndarray, **options) -> Path:
    tifffile.imwrite(path, xyz, photometric="rgb", **options)
    return path


def write_png(path: Path, values: np.ndarray, mode: str | None = None) -> Path:
    image = Image.fromarray(values)
    (image.convert(mode) if mode else image).save(path)
    return path


def write_raw_png(path: Path, width: int, height: int, depth: int, colour: int, rows: bytes) -> Path:
    """A PNG of any header, for what Pillow does not write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_xyz_tiff_keeps_points_in_row_major_order(tmp_path, dtype, compression):
    xyz = np.random.default_rng(0).normal(size=(7, 5, 3)).astype(dtype)
    cloud = images.read_xyz_tiff(write_xyz(tmp_path / "a.tiff", xyz, compression=compression))
    assert cloud.grid == (7, 5)
    np.testing.assert_array_equal(cloud.xyz, xyz.reshape(-1, 3).astype(np.float32))
    assert cloud.valid.all()


def test_xyz_tiff_is_missing_only_where_not_finite_or_all_zero(tmp_path):
    xyz = np.ones((1, 5, 3), np.float32)
    xyz[0, 0] = 0
    xyz[0, 1] = (0, 0, 0.5)
    xyz[0, 2] = (0, 0.5, 0)
    xyz[0, 3, 1] = np.nan
    xyz[0, 4, 2] = np.inf
    cloud = images.read_xyz_tiff(write_xyz(tmp_path / "a.tiff", xyz))
    assert cloud.valid.tolist() == [False, True, True, False, False]


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((3, 6, 4), np.float32), ((6, 4, 3), np.uint16), ((6, 4), np.float32), ((6, 4, 4), np.float32)],
)
def test_xyz_tiff_of_another_layout_is_refused_with_its_shape(tmp_path, shape, dtype):
    options = {"photometric": "rgb"} if len(shape) == 3 else {}
    if shape[0] == 3:
        options["planarconfig"] = "separate"
    tifffile.imwrite(tmp_path / "a.tiff", np.ones(shape, dtype), **options)
    with pytest.raises(DataError, match="expected float32 or float64 of shape"):
        images.read_xyz_tiff(tmp_path / "a.tiff")


def test_xyz_tiff_size_reads_the_header_only(tmp_path):
    path = write_xyz(tmp_path / "a.tiff", np.ones((30, 40, 3), np.float32))
    path.write_bytes(path.read_bytes()[:-100])
    assert images.xyz_tiff_size(path) == (30, 40)
    with pytest.raises(DataError, match=r"a\.tiff"):
        images.read_xyz_tiff(path)


@pytest.mark.parametrize(("side", "message"), [(60000, "60000 x 60000 pixels"), (3000, "108000000 bytes")])
def test_xyz_tiff_that_claims_more_than_it_can_hold_is_refused_before_decoding(tmp_path, side, message):
    path = write_xyz(tmp_path / "a.tiff", np.ones((8, 8, 3), np.float32), compression="zlib", metadata=None)
    data = bytearray(path.read_bytes())
    for tag in (256, 257):  # ImageWidth and ImageLength, one 32-bit number each
        at = data.index(struct.pack("<HHI", tag, 4, 1))
        data[at + 8 : at + 12] = struct.pack("<I", side)
    path.write_bytes(bytes(data))
    with pytest.raises(DataError, match=message):
        images.read_xyz_tiff(path)


def test_xyz_tiff_with_a_codec_that_is_not_installed_says_what_to_install(tmp_path):
    path = write_xyz(tmp_path / "a.tiff", np.ones((8, 8, 3), np.float32), compression="zlib")
    data = path.read_bytes()
    at = data.index(struct.pack("<HHI", 259, 3, 1))  # the tag Compression
    path.write_bytes(data[: at + 8] + struct.pack("<H", 50002) + data[at + 10 :])  # JPEG XL
    with pytest.raises(DataError, match="imagecodecs"):
        images.read_xyz_tiff(path)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "I;16"])
def test_mask_of_any_mode_is_true_above_zero(tmp_path, mode):
    wanted = np.zeros((4, 6), bool)
    wanted[1:3, 2:5] = True
    if mode == "I;16":
        path = write_png(tmp_path / "m.png", wanted.astype(np.uint16))
    else:
        path = write_png(tmp_path / "m.png", wanted.astype(np.uint8) * 255, mode)
    np.testing.assert_array_equal(images.read_mask(path), wanted)


def test_mask_takes_every_level_of_class_ids(tmp_path):
    levels = np.array([[0, 1, 127, 128, 253, 254, 255]], np.uint8)
    assert images.read_mask(write_png(tmp_path / "m.png", levels)).tolist() == [[False] + [True] * 6]


def test_mask_keeps_16_bit_values_that_8_bits_would_lose(tmp_path):
    path = write_png(tmp_path / "m.png", np.array([[0, 1, 255, 256, 65535]], np.uint16))
    assert images.read_mask(path).tolist() == [[False, True, True, True, True]]


def test_mask_is_true_where_any_single_channel_is(tmp_path):
    values = np.zeros((1, 4, 3), np.uint8)
    values[0, [0, 1, 2], [0, 1, 2]] = 1
    assert images.read_mask(write_png(tmp_path / "m.png", values)).tolist() == [[True, True, True, False]]


def test_mask_of_16_bit_colour_is_refused_instead_of_reduced(tmp_path):
    rows = b"\0" + struct.pack(">HHH", 0, 0, 1)
    with pytest.raises(DataError, match="16-bit colour"):
        images.read_mask(write_raw_png(tmp_path / "m.png", 1, 1, 16, 2, rows))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_levels_come_back_unchanged(tmp_path, dtype):
    values = np.array([[0, 3, np.iinfo(dtype).max]], dtype)
    levels = images.read_levels(write_png(tmp_path / "m.png", values))
    assert levels.dtype == dtype
    np.testing.assert_array_equal(levels, values)


def test_levels_of_a_colour_image_are_refused(tmp_path):
    with pytest.raises(DataError, match="mode RGB"):
        images.read_levels(write_png(tmp_path / "m.png", np.zeros((2, 2, 3), np.uint8)))


def test_depth_keeps_all_16_bits(tmp_path):
    values = np.array([[0, 1, 256, 65535]], np.uint16)
    depth = images.read_depth_png(write_png(tmp_path / "d.png", values))
    assert depth.dtype == np.uint16
    np.testing.assert_array_equal(depth, values)


def test_depth_of_8_bits_is_refused(tmp_path):
    with pytest.raises(DataError, match="16-bit"):
        images.read_depth_png(write_png(tmp_path / "d.png", np.zeros((2, 2), np.uint8)))


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1"])
def test_photographs_of_other_modes_become_rgb(tmp_path, mode):
    path = write_png(tmp_path / "p.png", np.full((2, 3), 255, np.uint8), mode)
    assert images.read_rgb(path).tolist() == np.full((2, 3, 3), 255).tolist()


def test_photograph_may_be_a_jpeg(tmp_path):
    path = tmp_path / "p.jpg"
    Image.fromarray(np.full((8, 9, 3), 100, np.uint8)).save(path)
    assert images.read_rgb(path).shape == (8, 9, 3)


def test_16_bit_image_is_no_photograph(tmp_path):
    with pytest.raises(DataError, match="16-bit grey"):
        images.read_rgb(write_png(tmp_path / "p.png", np.full((2, 2), 300, np.uint16)))


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("size", [6000, 40000, 2**31 - 1])
def test_claimed_pixels_are_bounded_before_decoding(tmp_path, read, size):
    path = write_raw_png(tmp_path / "m.png", size, size, 16, 0, b"\0" * 64)
    with pytest.raises(DataError):
        read(path)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"II*\0", b"not an image at all" * 10])
def test_empty_and_foreign_files_are_one_clear_error(tmp_path, read, content):
    path = tmp_path / "x.png"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"x\.png") as caught:
        read(path)
    assert caught.value.hint


@pytest.mark.parametrize("read", READERS)
def test_missing_file_and_folder_are_one_clear_error(tmp_path, read):
    for path in (tmp_path / "none.png", tmp_path):
        with pytest.raises(DataError):
            read(path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files_give_a_data_error_or_an_array(tmp_path, data):
    kind = data.draw(st.sampled_from(["xyz", "grey", "rgb", "deflate"]))
    path = tmp_path / "x"
    rng = np.random.default_rng(0)
    if kind in ("xyz", "deflate"):
        xyz = rng.normal(size=(6, 5, 3)).astype(np.float32)
        write_xyz(path, xyz, compression="zlib" if kind == "deflate" else None)
    else:
        shape = (6, 5, 3) if kind == "rgb" else (6, 5)
        Image.fromarray(rng.integers(0, 255, shape, np.uint8)).save(path, format="PNG")
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))
    for read in READERS:
        with contextlib.suppress(DataError):  # any other exception fails the test
            assert isinstance(read(path), np.ndarray | PointCloud)


def test_a_file_whose_pages_never_end_is_an_error_at_once():
    path = Path(__file__).parent / "damaged" / "endless_pages.tiff"  # found by fuzzing
    with pytest.raises(DataError, match="endless_pages"):
        images.read_xyz_tiff(path)
