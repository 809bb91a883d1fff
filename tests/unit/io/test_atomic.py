"""Atomic files: whole or not at all, and equal content gives equal bytes."""

import numpy as np
import pytest

from pc3dad.io import atomic, digest


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "facts.json"
    atomic.write_json(path, {"old": 1})
    with pytest.raises(ValueError, match="JSON"):
        atomic.write_json(path, {"new": float("nan")})
    assert '"old"' in path.read_text()
    assert list(tmp_path.iterdir()) == [path]


def test_arrays_come_back_and_bytes_depend_on_content_alone(tmp_path):
    arrays = {"a": np.arange(5), "b": np.array("word")}
    for name in ("one.npz", "two.npz"):
        atomic.write_npz(tmp_path / name, arrays)
    assert digest.of_file(tmp_path / "one.npz") == digest.of_file(tmp_path / "two.npz")
    with np.load(tmp_path / "one.npz", allow_pickle=False) as file:
        assert file["a"].tolist() == [0, 1, 2, 3, 4]
        assert str(file["b"]) == "word"


def test_objects_are_refused_because_they_need_pickle(tmp_path):
    with pytest.raises(ValueError, match="allow_pickle"):
        atomic.write_npz(tmp_path / "x.npz", {"a": np.array([{}], dtype=object)})
    assert list(tmp_path.iterdir()) == []


def test_digests_tell_shape_and_dtype_apart():
    assert digest.of_array(np.zeros(4)) != digest.of_array(np.zeros((2, 2)))
    assert digest.of_array(np.zeros(4)) != digest.of_array(np.zeros(4, np.float32))
    assert digest.of_plain({"a": 1, "b": 2}) == digest.of_plain({"b": 2, "a": 1})
