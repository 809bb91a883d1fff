"""Images of any size, mode and storage come back pixel by pixel; depth becomes points by the pinhole model.

`PC3DAD_SOAK=1` draws a hundred times as many.
"""

import io
import json
import os
import tempfile
from pathlib import Path

import numpy as np
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from pc3dad.io import images
from pc3dad.io.clouds import read_cloud

quick = settings(max_examples=2000 if os.environ.get("PC3DAD_SOAK") else 20, deadline=None)


def saved(content, suffix, read, *, camera=None):
    """What `read` makes of a file with that content, and with a camera file beside it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{suffix}"
        path.write_bytes(content)
        if camera is not None:
            path.with_name("camera.json").write_text(json.dumps(camera))
        return read(path)


@quick
@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 20), st.integers(1, 20), st.just(3)),
        elements=st.floats(-5, 5, width=32),
    ),
    st.fixed_dictionaries(
        {"dtype": st.sampled_from([np.float32, np.float64])},
        optional={
            "compression": st.just("zlib"),
            "byteorder": st.sampled_from("<>"),
            "bigtiff": st.booleans(),
            "metadata": st.none(),
            "rowsperstrip": st.integers(1, 4),
        },
    ),
)
def test_organised_tiff_however_it_is_stored(xyz, options):
    xyz[0, 0] = 1
    stream = io.BytesIO()
    dtype = options.pop("dtype")
    tifffile.imwrite(stream, xyz.astype(dtype), photometric="rgb", **options)
    cloud = saved(stream.getvalue(), ".tiff", read_cloud)
    np.testing.assert_array_equal(cloud.xyz.reshape(xyz.shape), xyz)
    assert cloud.grid == xyz.shape[:2]
    np.testing.assert_array_equal(cloud.valid, xyz.reshape(-1, 3).any(axis=1))


def png(array, mode=None):
    stream = io.BytesIO()
    picture = Image.fromarray(array)
    (picture.convert(mode) if mode else picture).save(stream, "PNG")
    return stream.getvalue()


SIDES = st.tuples(st.integers(1, 9), st.integers(1, 9))


@quick
@given(
    hnp.arrays(np.bool_, SIDES), st.sampled_from(["1", "L", "P", "RGB", "RGBA", "LA"]), st.integers(1, 255)
)
def test_masks_of_any_mode(mask, mode, level):
    grey = mask.astype(np.uint8) * (255 if mode == "1" else level)
    np.testing.assert_array_equal(saved(png(grey, mode), ".png", images.read_mask), mask)


@quick
@given(hnp.arrays(st.sampled_from([np.uint8, np.uint16]), SIDES))
def test_grey_levels_and_depth_lose_no_bit(levels):
    content = png(levels)
    read = saved(content, ".png", images.read_levels)
    assert read.dtype == levels.dtype
    np.testing.assert_array_equal(read, levels)
    if levels.dtype == np.uint16:
        np.testing.assert_array_equal(saved(content, ".png", images.read_depth_png), levels)


@quick
@given(hnp.arrays(np.uint8, SIDES.map(lambda side: (*side, 3))))
def test_photographs_are_exact(rgb):
    np.testing.assert_array_equal(saved(png(rgb), ".png", images.read_rgb), rgb)


@quick
@given(hnp.arrays(np.uint16, SIDES, elements=st.integers(0, 5000)), st.floats(50, 900), st.floats(0, 8))
def test_depth_becomes_points_pixel_by_pixel(levels, focal, centre):
    levels[0, 0] = 1000
    camera = {"fx": focal, "fy": focal / 2, "cx": centre, "cy": 1.0, "metres_per_level": 0.001}
    cloud = saved(png(levels), ".png", read_cloud, camera=camera)
    assert cloud.grid == levels.shape
    for place, (row, column) in enumerate(np.ndindex(levels.shape)):
        depth = levels[row, column] * 0.001
        assert cloud.valid[place] == (depth > 0)
        if depth:
            expected = ((column - centre) * depth / focal, (row - 1.0) * depth / (focal / 2), depth)
            np.testing.assert_allclose(cloud.xyz[place] + cloud.origin, expected, atol=1e-5)
