"""Arrays of training samples stay on disk and go with their owner; missing labels are refused."""

import numpy as np
import pytest

from pc3dad.context import RunContext
from pc3dad.errors import MethodError
from pc3dad.methods.items import KeptArrays, point_labels
from pc3dad.types import PointCloud, Sample, Truth


def test_arrays_are_mapped_and_their_folder_is_deleted(tmp_path):
    with KeptArrays(RunContext(scratch=tmp_path)) as kept:
        kept.keep({"points": np.arange(6).reshape(2, 3), "label": np.asarray(1)})
        kept.keep({"points": np.zeros((0, 3))})
        assert len(kept) == 2
        assert isinstance(kept[0]["points"], np.memmap)
        np.testing.assert_array_equal(kept[0]["points"], np.arange(6).reshape(2, 3))
        assert bool(kept[0]["label"])
        assert kept[1]["points"].shape == (0, 3)
        with pytest.raises(IndexError):
            kept[2]
        assert list(tmp_path.iterdir())
    assert not list(tmp_path.iterdir())


def test_labels_of_points():
    sample = Sample("a", "part", PointCloud(np.zeros((3, 3), np.float32)))
    defective = np.array([True, False, False])
    np.testing.assert_array_equal(point_labels(sample, Truth("a", True, defective)), defective)
    assert not point_labels(sample, Truth("a", False)).any()
    for truth, said in ((Truth("a", None), "has no label"), (Truth("a", True), "has no labels of points")):
        with pytest.raises(MethodError, match=said):
            point_labels(sample, truth)
