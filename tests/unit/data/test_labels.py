"""Point labels of users in every format, in order or matched by coordinates."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from pc3dad.data.labels import read_labels
from pc3dad.errors import DataError
from pc3dad.types import PointCloud

WANTED = np.array([False, True, True, False, False, True])


def cloud(
    n: int = 6, grid: tuple[int, int] | None = None, scale: float = 1.0, origin: float = 0.0
) -> PointCloud:
    xyz = np.random.default_rng(0).normal(size=(n, 3)) * scale
    return PointCloud(xyz.astype(np.float32), origin=np.full(3, origin), grid=grid)


def positions(scan: PointCloud) -> np.ndarray:
    return scan.xyz.astype(np.float64) + scan.origin


def write_table(path: Path, xyz: np.ndarray | None, labels: np.ndarray, delimiter: str = " ") -> Path:
    columns = labels[:, None] if xyz is None else np.column_stack([xyz, labels])
    np.savetxt(path, columns, delimiter=delimiter, fmt="%.6f")
    return path


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32])
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_arrays_hold_one_label_per_point(tmp_path, suffix, dtype):
    path = tmp_path / f"a{suffix}"
    values = WANTED.astype(dtype)
    if suffix == ".npy":
        np.save(path, values)
    else:
        np.savez_compressed(path, labels=values)
    np.testing.assert_array_equal(read_labels(path, cloud()), WANTED)


@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_a_grid_are_read_row_by_row(tmp_path, order):
    np.save(tmp_path / "a.npy", np.asarray(WANTED.reshape(2, 3), order=order))
    np.testing.assert_array_equal(read_labels(tmp_path / "a.npy", cloud(grid=(2, 3))), WANTED)


@pytest.mark.parametrize(("suffix", "delimiter"), [(".txt", " "), (".csv", ",")])
def test_tables_without_coordinates_are_in_the_order_of_the_scan(tmp_path, suffix, delimiter):
    path = write_table(tmp_path / f"a{suffix}", None, WANTED, delimiter)
    np.testing.assert_array_equal(read_labels(path, cloud()), WANTED)


def test_masks_are_anomalous_above_zero_on_the_grid_of_the_scan(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(WANTED.reshape(2, 3).astype(np.uint8)).save(path)
    np.testing.assert_array_equal(read_labels(path, cloud(grid=(2, 3))), WANTED)
    for other in (cloud(grid=(3, 2)), cloud()):
        with pytest.raises(DataError, match=r"a\.png"):
            read_labels(path, other)


@pytest.mark.parametrize("write", ["npy", "npz", "txt"])
def test_another_length_is_an_error_with_both_numbers(tmp_path, write):
    path = tmp_path / f"a.{write}"
    labels = WANTED[:-1].astype(float)
    if write == "npy":
        np.save(path, labels)
    elif write == "npz":
        np.savez(path, labels=labels)
    else:
        write_table(path, None, labels)
    with pytest.raises(DataError, match="5 labels for 6 points"):
        read_labels(path, cloud())


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([0.1, 1.0, 300.0]))
def test_rows_with_coordinates_may_come_in_any_order(tmp_path, seed, scale):
    rng = np.random.default_rng(seed)
    scan, wanted, order = cloud(50, scale=scale), rng.random(50) < 0.3, rng.permutation(50)
    path = write_table(tmp_path / "a.txt", positions(scan)[order], wanted[order])
    np.testing.assert_array_equal(read_labels(path, scan), wanted)


def test_rows_are_matched_in_the_coordinates_of_the_file(tmp_path):
    scan = cloud(origin=5000.0, scale=10)
    path = write_table(tmp_path / "a.txt", positions(scan)[::-1], WANTED[::-1])
    np.testing.assert_array_equal(read_labels(path, scan), WANTED)


def test_rows_may_leave_out_missing_points(tmp_path):
    scan = cloud()
    xyz = scan.xyz.copy()
    xyz[2] = np.nan
    rest = np.arange(6) != 2
    path = write_table(tmp_path / "a.txt", xyz[rest], WANTED[rest])
    np.testing.assert_array_equal(read_labels(path, PointCloud(xyz)), WANTED & rest)


def test_rows_that_are_not_the_points_of_the_scan_fail_loudly(tmp_path):
    scan = cloud()
    moved = positions(scan)
    moved[3, 0] += 0.01
    with pytest.raises(DataError, match=r"0\.01 away"):
        read_labels(write_table(tmp_path / "a.txt", moved, WANTED), scan)
    with pytest.raises(DataError, match="5 rows for 6 points"):
        read_labels(write_table(tmp_path / "b.txt", positions(scan)[1:], WANTED[1:]), scan)
    twice = positions(scan)
    twice[0] = twice[1]
    with pytest.raises(DataError, match="not those of the scan"):
        read_labels(write_table(tmp_path / "c.txt", twice, WANTED), scan)


def test_points_at_one_position_share_a_label_or_fail(tmp_path):
    xyz = cloud().xyz.copy()
    xyz[1] = xyz[0]
    labels = np.array([True, True, False, False, False, False])
    path = write_table(tmp_path / "a.txt", xyz[::-1], labels[::-1])
    np.testing.assert_array_equal(read_labels(path, PointCloud(xyz)), labels)
    labels[1] = False
    with pytest.raises(DataError, match="both labels"):
        read_labels(write_table(tmp_path / "b.txt", xyz, labels), PointCloud(xyz))


def test_every_position_has_as_many_rows_as_points(tmp_path):
    xyz = cloud().xyz.copy()
    xyz[1] = xyz[0]
    rows = cloud().xyz.copy()
    rows[3] = rows[2]
    scan = PointCloud(xyz[[0, 1, 2]])
    path = write_table(tmp_path / "a.txt", rows[[0, 2, 3]], np.zeros(3))
    with pytest.raises(DataError, match="more rows than points"):
        read_labels(path, scan)


def test_a_scan_of_mostly_equal_points_is_matched_without_comparing_all_pairs(tmp_path):
    n = 100_000
    xyz = np.zeros((n, 3), np.float32)
    xyz[-1] = 1
    labels = np.arange(n) == n - 1
    path = write_table(tmp_path / "a.txt", xyz[::-1], labels[::-1])
    np.testing.assert_array_equal(read_labels(path, PointCloud(xyz)), labels)


def test_coordinates_alone_are_refused(tmp_path):
    np.savetxt(tmp_path / "a.txt", positions(cloud()))
    with pytest.raises(DataError, match="no labels"):
        read_labels(tmp_path / "a.txt", cloud())


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".txt", ".csv", ".png"])
@pytest.mark.parametrize("content", [b"", b"\x93NUMPY\x01\x00", b"PK\x03\x04junk", b"\x00\xff" * 100])
def test_damaged_files_are_one_clear_error(tmp_path, suffix, content):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\."):
        read_labels(path, cloud())


def test_arrays_that_are_not_finite_numbers_are_refused(tmp_path):
    for name, values in {"nan": [np.nan] * 6, "word": ["a"] * 6, "object": [None] * 6}.items():
        np.save(tmp_path / f"{name}.npy", np.array(values))
        with pytest.raises(DataError, match=name):
            read_labels(tmp_path / f"{name}.npy", cloud())


def test_claims_of_huge_arrays_are_refused_before_allocation(tmp_path):
    header = b"{'descr': '|b1', 'fortran_order': False, 'shape': (99999999999999,), }"
    header = header.ljust(117) + b"\n"
    claim = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    (tmp_path / "a.npy").write_bytes(claim)
    np.savez_compressed(tmp_path / "b.npz", labels=np.zeros(10_000_000, bool))
    np.savez(tmp_path / "c.npz", other=WANTED)
    for name in ("a.npy", "b.npz", "c.npz"):
        with pytest.raises(DataError, match=name):
            read_labels(tmp_path / name, cloud())


def test_the_tolerance_follows_the_size_of_the_scan_and_not_its_place(tmp_path):
    scan = cloud(origin=5e6)
    moved = positions(scan)
    moved[3, 0] += 0.01
    with pytest.raises(DataError, match=r"0\.01 away"):
        read_labels(write_table(tmp_path / "a.txt", moved, WANTED), scan)


def test_arrays_of_another_shape_than_the_scan_are_refused(tmp_path):
    np.save(tmp_path / "column.npy", WANTED[:, None])
    np.testing.assert_array_equal(read_labels(tmp_path / "column.npy", cloud()), WANTED)
    np.save(tmp_path / "a.npy", WANTED.reshape(2, 3))
    for other in (cloud(grid=(3, 2)), cloud()):
        with pytest.raises(DataError, match=r"shape \(2, 3\) but the scan"):
            read_labels(tmp_path / "a.npy", other)
