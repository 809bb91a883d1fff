"""Labels on disk: what is unknown stays unknown, and every bit comes back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pc3dad.errors import DataError
from pc3dad.io import digest
from pc3dad.io.truths import read_truth, write_truth
from pc3dad.types import Truth

FLAGS = st.sampled_from([None, False, True])
BITS = st.none() | arrays.arrays(np.bool_, st.integers(0, 40))
REGIONS = st.none() | arrays.arrays(np.int32, st.integers(0, 40))
TRUTHS = st.builds(
    Truth, st.text(max_size=20), FLAGS, BITS, BITS, FLAGS, REGIONS, st.none() | st.text(max_size=9)
)


def equal(a, b):
    return (a is None and b is None) or (a.dtype == b.dtype and np.array_equal(a, b))


@given(truth=TRUTHS.filter(lambda truth: "\0" not in f"{truth.sample_id}{truth.defect}"))
def test_labels_come_back_to_the_bit(tmp_path_factory, truth):
    path = tmp_path_factory.mktemp("labels") / "x.npz"
    write_truth(path, truth)
    back = read_truth(path)
    plain = ("sample_id", "anomalous", "shape_anomalous", "defect")
    assert [getattr(back, name) for name in plain] == [getattr(truth, name) for name in plain]
    assert all(equal(getattr(back, n), getattr(truth, n)) for n in ("points", "shape_points", "regions"))


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
