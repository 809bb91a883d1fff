"""Labels on disk: what is unknown stays unknown, and every bit comes back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pc3dad.errors import DataError
from pc3dad.io import digest
from pc3dad.io.truths import read_labels, read_truth, write_truth
from pc3dad.types import Truth

ARRAYS = ("points", "shape_points", "regions", "shape_regions")
FLAGS = st.sampled_from([None, False, True])
BITS = st.none() | arrays.arrays(np.bool_, st.integers(0, 40))


@st.composite
def truths(draw):
    """Any labels; regions only for anomalous points."""
    points, shape_points = draw(BITS), draw(BITS)
    if points is not None and shape_points is not None:
        shape_points = points & draw(arrays.arrays(np.bool_, len(points)))
    regions = {
        name: np.where(bits, draw(arrays.arrays(np.int32, len(bits), elements=st.integers(0, 9))), -1)
        for name, bits in (("regions", points), ("shape_regions", shape_points))
        if bits is not None and draw(st.booleans())
    }
    names = st.text(max_size=20).filter(lambda name: "\0" not in name)
    return Truth(
        draw(names), draw(FLAGS), points, shape_points, draw(FLAGS), defect=draw(st.none() | names), **regions
    )


def equal(a, b):
    return (a is None and b is None) or (a.dtype == b.dtype and np.array_equal(a, b))


@given(truth=truths())
def test_labels_come_back_to_the_bit(tmp_path_factory, truth):
    path = tmp_path_factory.mktemp("labels") / "x.npz"
    write_truth(path, truth)
    back = read_truth(path)
    plain = ("sample_id", "anomalous", "shape_anomalous", "defect")
    assert [getattr(back, name) for name in plain] == [getattr(truth, name) for name in plain]
    assert all(equal(getattr(back, name), getattr(truth, name)) for name in ARRAYS)


@pytest.mark.parametrize("regions", [[0, 0, -1], [0, -1]])
def test_regions_of_other_points_are_refused(tmp_path, regions):
    truth = Truth("x", True, np.array([True, False, False]), regions=np.array(regions, dtype=np.int32))
    with pytest.raises(DataError, match="x: regions are not those of its anomalous points"):
        write_truth(tmp_path / "x.npz", truth)


def test_arrays_can_be_kept_beside_labels(tmp_path):
    write_truth(tmp_path / "x.npz", Truth("x"), {"xyz": np.eye(3)})
    truth, file = read_labels(tmp_path / "x.npz")
    assert truth.sample_id == "x"
    np.testing.assert_array_equal(file["xyz"], np.eye(3))


def test_equal_labels_make_equal_bytes(tmp_path):
    for name in ("a.npz", "b.npz"):
        write_truth(tmp_path / name, Truth("x", True, np.ones(9, bool)))
    assert digest.of_file(tmp_path / "a.npz") == digest.of_file(tmp_path / "b.npz")


@pytest.mark.parametrize("keep", [0, 10, 200])
def test_damaged_labels_are_named(tmp_path, keep):
    path = tmp_path / "x.npz"
    write_truth(path, Truth("x", True, np.ones(9, bool)))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"x\.npz"):
        read_truth(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"shape_points": np.packbits(np.ones(2, bool)), "n_shape_points": np.int64(2)},
            "2 shape_points for 9",
        ),
        ({"ids_of_regions": np.int32(5)}, "regions as int32 of shape"),
        ({"ids_of_regions": np.zeros(9)}, "regions as float64"),
        ({"anomalous": np.int8(7)}, "label 7"),
    ],
)
def test_labels_that_do_not_fit_together_are_refused(tmp_path, changes, message):
    write_truth(tmp_path / "x.npz", Truth("x", True, np.ones(9, bool)))
    with np.load(tmp_path / "x.npz") as file:
        np.savez(tmp_path / "x.npz", **{**file, **changes})
    with pytest.raises(DataError, match=message):
        read_truth(tmp_path / "x.npz")


def test_region_ids_beyond_32_bits_are_refused_and_not_wrapped(tmp_path):
    regions = np.array([0, 2**32])
    with pytest.raises(DataError, match="too large for 32 bits"):
        write_truth(tmp_path / "x.npz", Truth("x", True, np.ones(2, bool), regions=regions))
