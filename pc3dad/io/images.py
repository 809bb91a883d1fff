"""Readers of organised scans (TIFF), photographs, masks and depth images (PNG), strict about size and type.

Sizes are read from the header and bounded before anything is decoded, so that a small hostile file cannot
claim a huge image. Nothing is resized and no 16-bit value is reduced to 8 bits.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from pc3dad.errors import DataError
from pc3dad.io.scan import check_file, damaged, make_cloud, shown
from pc3dad.types import BoolArray, PointCloud, UInt8Array

MAX_PIXELS = 1 << 25  # 33.5 million; the largest scans of public data sets have 16.2 million
MAX_EXPANSION = 1100  # of deflate it is 1032; an image that claims more is not in the file
BOUNDLESS = (34925, 34926, 50000)  # TIFF compressions LZMA and Zstandard: few bytes become any number
COPY_AGAIN = "copy or unpack the file again"
GREY_16 = ("I;16", "I;16B", "I")  # what Pillow calls a 16-bit grey PNG, by version
PNG_DEPTH_AT, PNG_COLOUR_AT, PNG_GREY = 24, 25, 0  # bytes of the IHDR chunk, colour type "grey"


def read_xyz_tiff(path: Path) -> PointCloud:
    """Organised cloud from a floating (H, W, 3) TIFF, unit and frame of the file, row-major order.

    A pixel is missing, and `valid` False there, where a coordinate is not finite or all three are exactly 0.

    Raises:
        DataError: missing, truncated, not a TIFF, too large, not (H, W, 3), not float32 or float64.
    """
    with _xyz_series(path) as series:
        height, width, _ = series.shape
        xyz = np.asarray(series.asarray()).reshape(-1, 3)
        if len(xyz) != height * width:
            raise damaged(path, f"it holds {len(xyz)} of {height * width} points")
    valid = np.isfinite(xyz).all(axis=1) & (xyz != 0).any(axis=1)
    return make_cloud(xyz, valid=valid, grid=(height, width))


def xyz_tiff_size(path: Path) -> tuple[int, int]:
    """(H, W) of an organised TIFF, from its header only.

    Raises:
        DataError: as `read_xyz_tiff`, except for damage behind the header.
    """
    with _xyz_series(path) as series:
        return int(series.shape[0]), int(series.shape[1])


def read_rgb(path: Path) -> UInt8Array:
    """(H, W, 3) uint8 photograph from a PNG or JPEG; grey and palette images become RGB, alpha is dropped.

    Raises:
        DataError: missing, truncated, another format, too large, or 16-bit grey (a depth image or labels).
    """
    with _opened(path, ("PNG", "JPEG")) as image:
        if image.mode in GREY_16:
            raise DataError(f"{path}: is a 16-bit grey image, expected a photograph", hint="save it as 8-bit")
        return np.array(image.convert("RGB"))


def read_mask(path: Path) -> BoolArray:
    """(H, W) bool from a PNG of any mode: True where any channel is above 0 at native resolution.

    Transparency is no channel: an opaque image would be anomalous everywhere. Palettes are read as colours.

    Raises:
        DataError: missing, truncated, not a PNG, too large, or 16-bit colour (small values would be lost).
    """
    _refuse_16_bit_colour(path)
    with _opened(path, ("PNG",)) as image:
        colours = image if image.mode in ("1", "L", "RGB", *GREY_16) else image.convert("RGB")
        values = np.asarray(colours).astype(np.bool_)
    return values if values.ndim == 2 else np.logical_or.reduce(values, axis=2)


def read_levels(path: Path) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """(H, W) uint8 or uint16 grey levels of a PNG whose levels are class ids.

    Raises:
        DataError: missing, truncated, not a PNG, too large, or not grey.
    """
    with _opened(path, ("PNG",)) as image:
        if image.mode not in ("L", *GREY_16):
            raise DataError(
                f"{path}: has mode {image.mode}, expected grey levels", hint="use the original label file"
            )
        values = np.asarray(image)
    return values if values.dtype == np.uint8 else values.astype(np.uint16)


def read_depth_png(path: Path) -> NDArray[np.uint16]:
    """(H, W) uint16 levels of a depth PNG.

    Raises:
        DataError: missing, truncated, not a PNG, too large, or not 16-bit grey.
    """
    with _opened(path, ("PNG",)) as image:
        if image.mode not in GREY_16:
            raise DataError(
                f"{path}: has mode {image.mode}, expected a 16-bit grey depth image",
                hint="export depth as 16-bit PNG; 8 bits lose it",
            )
        return np.asarray(image).astype(np.uint16)


@contextmanager
def _opened(path: Path, formats: tuple[str, ...]) -> Iterator[Image.Image]:
    """The decoded image. Whatever the decoder raises on a damaged file becomes a DataError."""
    check_file(path)
    try:
        content = io.BytesIO(path.read_bytes())  # of a file, Pillow would allocate what chunks claim
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(content, formats=formats)
        with image:
            _require_size(path, image.height, image.width)
            _require_room(path, image.height, image.width)
            image.load()
            image.info.pop("transparency", None)  # no reader keeps it, and Pillow warns of some kinds
            yield image
    except DataError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(path, str(error)) from error
    except UnidentifiedImageError as error:
        raise DataError(f"{path}: is not a {' or '.join(formats)} image", hint=COPY_AGAIN) from error
    except Exception as error:  # Pillow raises a dozen unrelated types on damaged files, all meaning the same
        raise damaged(path, f"cannot be decoded ({type(error).__name__}: {shown(error)})") from error


@contextmanager
def _xyz_series(path: Path) -> Iterator[Any]:
    """The first image series of a TIFF, checked to be a floating (H, W, 3) one of bounded size."""
    check_file(path)
    try:
        with tifffile.TiffFile(path) as file:
            # Looking for series walks the whole chain of pages, which never ends in some damaged files. Only
            # files that tifffile itself wrote as a stack of rows need it.
            series = file.series[0] if file.is_shaped else file.pages.first
            _require_xyz(path, series)
            yield series
    except DataError:
        raise
    except (
        Exception
    ) as error:  # tifffile raises a dozen unrelated types on damaged files, all meaning the same
        if "imagecodecs" in str(error):
            hint = "install the package imagecodecs, or save the file without compression"
            raise DataError(f"{path}: uses a compression that needs a codec", hint=hint) from error
        raise damaged(path, f"cannot be decoded ({type(error).__name__}: {shown(error)})") from error


def _require_xyz(path: Path, series: Any) -> None:
    shape, dtype = tuple(series.shape), np.dtype(series.dtype)
    sides = all(isinstance(side, int) for side in shape)  # tifffile passes on what a tag holds
    if not sides or len(shape) != 3 or shape[2] != 3 or dtype not in (np.float32, np.float64):
        raise DataError(
            f"{path}: holds {dtype} of shape {shown(shape)}, expected float32 or float64 of shape (H, W, 3)",
            hint="write x, y, z as the last axis of one floating image",
        )
    _require_size(path, shape[0], shape[1])
    compression = series.keyframe.compression
    if compression in BOUNDLESS:
        raise DataError(f"{path}: is compressed with LZMA or Zstandard", hint="save it with deflate")
    size = path.stat().st_size
    pages = series.pages if isinstance(series, tifffile.TiffPageSeries) else [series]
    stored = sum(sum(page.databytecounts) for page in pages if page is not None)
    expansion = 1 if compression == 1 else MAX_EXPANSION
    if series.nbytes > expansion * size or stored > size:  # parts that overlap are decoded again and again
        raise damaged(path, f"its header claims {series.nbytes} bytes of points, stored in {stored}")


def _require_size(path: Path, height: int, width: int) -> None:
    if height * width > MAX_PIXELS:
        raise _too_large(path, f"its header claims {height} x {width} pixels")


def _require_room(path: Path, height: int, width: int) -> None:
    if height * width > 8 * MAX_EXPANSION * path.stat().st_size:  # a pixel has at least one bit
        raise damaged(path, f"its header claims {height} x {width} pixels, more than the file can hold")


def _refuse_16_bit_colour(path: Path) -> None:
    """Pillow reduces 16-bit colour to 8 bits, which would drop labels below 256."""
    check_file(path)
    with path.open("rb") as stream:
        header = stream.read(PNG_COLOUR_AT + 1)
    if len(header) > PNG_COLOUR_AT and header[PNG_DEPTH_AT] == 16 and header[PNG_COLOUR_AT] != PNG_GREY:
        raise DataError(
            f"{path}: is a 16-bit colour image, expected a mask", hint="save the mask as 8-bit grey"
        )


def _too_large(path: Path, reason: str) -> DataError:
    return DataError(
        f"{path}: refused, {reason}", hint=f"images of at most {MAX_PIXELS} pixels are read; crop it"
    )
