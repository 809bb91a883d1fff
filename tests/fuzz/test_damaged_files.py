"""Readers under fire: cut files, changed bytes, headers that lie, and every file that once broke a reader.

The kinds of files, valid ones of each, and the contract are those of the fuzzer (`scripts/fuzz_targets.py`).
`PC3DAD_SOAK=1` cuts at every byte and draws many more damages, each time others.
"""

import importlib
import io
import os
import struct
import sys
import tempfile
import time
import tracemalloc
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from pc3dad.errors import DataError
from pc3dad.io.scan import Scan
from pc3dad.types import PointCloud, Truth

HERE = Path(__file__).parent
sys.path.append(str(HERE.parents[1] / "scripts"))
targets, inputs = importlib.import_module("fuzz_targets"), importlib.import_module("fuzz_inputs")

SOAK = bool(os.environ.get("PC3DAD_SOAK"))
CUTS = 10**9 if SOAK else 60  # of each file
EXAMPLES = 5000 if SOAK else 60
DAMAGED = sorted(path.name for path in (HERE / "damaged").iterdir())
SEEDS = [(name, number) for name, seeds in inputs.SEEDS.items() for number in range(len(seeds))]
ENDLESS = ("xyz", "pts", "obj", "metadata.yaml", "limits.yaml")  # nothing in such a file says where it ends


def outcome(name, content, folder):
    """What the reader of that kind returns for such a file, or the DataError with which it refuses it."""
    kind = targets.KINDS[name]
    path = targets.make_place(kind, Path(folder))
    path.write_bytes(content)
    return targets.read_or_refuse(kind, path)


def peak_memory(name, content, folder):
    """Bytes that Python and NumPy allocate while such a file is read, once the modules are loaded."""
    outcome(name, inputs.SEEDS[name][0], folder)
    tracemalloc.start()
    try:
        outcome(name, content, folder)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def numbers(result):
    """What a reader returned, as plain values."""
    match result:
        case Scan():
            return numbers(result.cloud), None if result.faces is None else result.faces.tolist()
        case PointCloud():
            arrays = result.xyz, result.normals, result.rgb, result.valid
            return result.grid, *(None if array is None else array.tobytes() for array in arrays)
        case np.ndarray():
            return result.shape, result.tobytes()
        case Truth():
            arrays = result.points.tobytes(), result.regions.tobytes()
            return result.sample_id, result.anomalous, *arrays, result.defect
        case dict() | list():
            return result
        case _:
            found = result.prediction
            return found and found.point_scores.tobytes(), result.valid.tobytes(), result.grid


@pytest.mark.parametrize(("name", "number"), SEEDS)
def test_the_valid_files_are_read(tmp_path, name, number):
    assert not isinstance(outcome(name, inputs.SEEDS[name][number], tmp_path), DataError)


def cuts(name, content):
    """Where a file is cut, except inside the last number of a text, which then is another number."""
    end = len(content)
    if b"ascii" in content and name in ("pcd", "ply"):
        end = max(content.rstrip().rfind(mark) for mark in (b" ", b"\n"))
    return range(0, end, max(1, end // CUTS))


@pytest.mark.parametrize(("name", "number"), [item for item in SEEDS if item[0] not in ENDLESS])
def test_a_cut_file_is_refused_or_gives_the_same(tmp_path, name, number):
    content = inputs.SEEDS[name][number]
    whole = numbers(outcome(name, content, tmp_path))
    for cut in cuts(name, content):
        result = outcome(name, content[:cut], tmp_path)
        assert isinstance(result, DataError) or numbers(result) == whole, cut


@pytest.mark.parametrize("name", ["xyz", "pts", "obj"])
def test_a_text_without_an_end_gives_the_points_before_the_cut(tmp_path, name):
    content = inputs.SEEDS[name][0]
    whole = outcome(name, content, tmp_path).cloud.xyz
    for cut in cuts(name, content):
        result = outcome(name, content[:cut], tmp_path)
        if not isinstance(result, DataError):
            n_complete = len(result.cloud) - 1  # the last number may have lost digits
            np.testing.assert_array_equal(result.cloud.xyz[:n_complete], whole[:n_complete])


@pytest.mark.parametrize("name", inputs.SEEDS)
@settings(max_examples=EXAMPLES, deadline=None, derandomize=not SOAK)
@given(data=st.data())
def test_changed_bytes_never_break_a_reader(name, data):
    content = bytearray(data.draw(st.sampled_from(inputs.SEEDS[name])))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        change = data.draw(st.sampled_from(["flip", "replace", "insert", "delete", "repeat"]))
        if change == "flip":
            content[place] ^= 1 << data.draw(st.integers(0, 7))
        elif change == "replace":
            content[place] = data.draw(st.integers(0, 255))
        elif change == "insert":
            content[place:place] = data.draw(st.binary(min_size=1, max_size=8))
        elif change == "delete":
            del content[place : place + data.draw(st.integers(1, min(40, len(content) - 1)))]
        else:
            content[place:place] = content[place : place + data.draw(st.integers(1, 200))]
        content = content or bytearray(b"\0")
    with tempfile.TemporaryDirectory() as folder:
        outcome(name, bytes(content), folder)  # anything but a result or a clear sentence raises


@pytest.mark.parametrize("name", DAMAGED)
def test_a_file_that_once_broke_a_reader(tmp_path, name):
    content = (HERE / "damaged" / name).read_bytes()
    start = time.process_time()
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        assert peak_memory(name.split(".", 1)[1], content, tmp_path) < 1 << 22
    assert not raised
    assert time.process_time() - start < 3


MANY = 10**17
PCD = "FIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nCOUNT 1 1 {}\nWIDTH {}\nHEIGHT 1\nPOINTS {}\nDATA {}\n"
XYZ = "property float x\nproperty float y\nproperty float z\n"
PLY = "ply\nformat {} 1.0\nelement vertex {}\n" + XYZ + "{}end_header\n"
LISTS = "element face {}\nproperty list uint int vertex_indices\n"
ROWS = b"1 2 3\n" * 50


def npy(shape, data=b"", length=None, version=1):
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    form = "<H" if version == 1 else "<I"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack(form, length or len(header)) + header + data


def archive(name, content, compression=zipfile.ZIP_DEFLATED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as file:
        file.writestr(name, content)
    return stream.getvalue()


def with_claimed_size(content, size):
    """An archive whose directory claims another size of its first member."""
    at = content.rindex(b"PK\x01\x02")
    return content[: at + 24] + struct.pack("<I", size) + content[at + 28 :]


def png_chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width, height, data=b""):
    start = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 0, 0, 0, 0))
    return start + png_chunk(b"IDAT", zlib.compress(data)) + png_chunk(b"IEND", b"")


def tiff(points, *, change=None, **options):
    """A TIFF of points (H, W, 3), with one of its tags changed afterwards."""
    stream = io.BytesIO()
    tifffile.imwrite(stream, points, photometric="rgb", **options)
    if change is not None:
        change(stream)
    return stream.getvalue()


def strips(change):
    """A TIFF of 64 x 64 points in as many strips, with one of its tags changed."""
    points = np.ones((64, 64, 3), np.float32)
    return tiff(points, change=change, compression="zlib", rowsperstrip=1, metadata=None)


def retag(code, values, form):
    def change(stream):
        stream.seek(0)
        with tifffile.TiffFile(stream) as file:
            offset = file.pages.first.tags[code].valueoffset
        stream.seek(offset)
        stream.write(struct.pack(form, *values))

    return change


ZEROS = bytes(1 << 24)
LIES = {
    "points.pcd": PCD.format(1, MANY, MANY, "ascii").encode() + ROWS,
    "binary points.pcd": PCD.format(1, MANY, MANY, "binary").encode() + ROWS,
    "values per point.pcd": PCD.format(MANY, 6, 6, "binary").encode() + ROWS,
    "digits.pcd": PCD.format(1, "9" * 5000, "9" * 5000, "binary").encode() + ROWS,
    "unpacked bytes.pcd": PCD.format(1, 3 << 26, 3 << 26, "binary_compressed").encode()
    + struct.pack("<II", 20, 3 * (3 << 28) & 0xFFFFFFFF)
    + bytes(20),
    "points.ply": PLY.format("ascii", MANY, "").encode() + ROWS,
    "binary points.ply": PLY.format("binary_big_endian", MANY, "").encode() + ROWS,
    "empty rows.ply": PLY.format("ascii", 1, f"element nothing {MANY}\n").encode() + ROWS,
    "faces.ply": PLY.format("binary_little_endian", 1, LISTS.format(MANY)).encode() + ROWS,
    "corners.ply": PLY.format("binary_little_endian", 1, LISTS.format(1)).encode() + bytes(12) + b"\xff" * 40,
    "triangles.stl": bytes(80) + b"\xff\xff\xff\xff" + bytes(500),
    "vertices.obj": b"v 1 2 3\nf 1 99999999 -9999999999\n",
    "points.pts": str(MANY).encode() + b"\n" + ROWS,
    "columns.xyz": b"1.5 " * 50_000 + b"\n",
    "points.npy": npy((MANY, 3)),
    "header.npy": npy((2, 3), bytes(48), length=0xFFFFFFF0, version=2),
    "points.npz": archive("xyz.npy", npy((MANY, 3))),
    "unpacked bytes.npz": with_claimed_size(archive("xyz.npy", npy((6, 3)) + bytes(4000)), 0xFFFFFFF0),
    "hidden bytes.npz": with_claimed_size(archive("xyz.npy", npy((6, 3)) + ZEROS), 200),
    "hidden bytes, LZMA.npz": with_claimed_size(
        archive("xyz.npy", npy((6, 3)) + ZEROS, zipfile.ZIP_LZMA), 200
    ),
    "scores.truth.npz": archive("points.npy", npy((MANY,))),
    "rows.tiff": strips(retag(257, [1 << 24], "<I")),
    "strip length.tiff": strips(retag(279, [0xFFFFFFF0], "<I")),
    "size.depth.png": png(5000, 5000),
    "pixels.depth.png": png(2, 2, ZEROS),
    "chunk.mask.png": png(2, 2)[:33] + struct.pack(">I", 0xFFFFFFF0) + b"IDAT" + bytes(30),
}


@pytest.mark.parametrize("name", LIES)
def test_memory_is_not_taken_for_what_only_a_header_claims(tmp_path, name):
    content = LIES[name]
    assert peak_memory(name.split(".", 1)[1], content, tmp_path) < 100 * len(content) + (1 << 20)


def test_members_of_an_archive_that_overlap_are_not_unpacked_one_after_the_other(tmp_path):
    content = archive("xyz.npy", npy((6, 3)) + bytes(144))
    at = content.rindex(b"PK\x01\x02")
    entry, end = content[at:-22], content[-22:]
    often = 1000
    end = end[:8] + struct.pack("<HHI", often, often, often * len(entry)) + end[16:]
    result = outcome("npz", content[:at] + often * entry + end, tmp_path)
    assert "overlap" in str(result)


def test_strips_of_a_tiff_that_overlap_are_not_unpacked_one_after_the_other(tmp_path):
    content = strips(retag(279, [1000] * 64, "<64H"))
    assert "stored in 64000" in str(outcome("tiff", content, tmp_path))


def test_a_tiff_whose_compression_has_no_limit_is_refused(tmp_path):
    content = tiff(POINTS.reshape(100, 200, 3), compression="lzma")
    assert "LZMA" in str(outcome("tiff", content, tmp_path))


def saved(write):
    stream = io.BytesIO()
    write(stream)
    return stream.getvalue()


POINTS = np.random.default_rng(0).normal(size=(20_000, 3)).astype(np.float32)
NOISE = POINTS.tobytes()
LARGE = {  # valid files of at least 160 kB, of the form that takes the most memory for its size
    "pcd": PCD.format(1, 40_000, 40_000, "ascii").encode() + b"1 2 3\n" * 40_000,
    "ply": PLY.format("binary_little_endian", 1, LISTS.format(200)).encode()
    + bytes(12)
    + struct.pack("<I254i", 254, *[0] * 254) * 200,
    "stl": bytes(80) + struct.pack("<I", 4000) + (bytes(12) + POINTS[:3].tobytes() + b"\0\0") * 4000,
    "obj": b"v 1 2 3\n" * 9 + b"f " + b"1 " * 99_999 + b"\n",
    "xyz": b"1 2 3\n" * 40_000,
    "labels.txt": b"1\n" * 100_000,
    "npy": saved(lambda stream: np.save(stream, np.zeros((70_000, 3), np.int8))),
    "npz": saved(lambda stream: np.savez_compressed(stream, xyz=POINTS)),
    "tiff": tiff(POINTS.reshape(100, 200, 3), compression="zlib"),
    "depth.png": png(400, 240, b"".join(b"\0" + NOISE[at : at + 800] for at in range(0, 192_000, 800))),
}


@pytest.mark.parametrize("name", LARGE)
def test_memory_is_a_small_multiple_of_the_size_of_the_file(tmp_path, name):
    content = LARGE[name]
    assert len(content) > 150_000
    assert peak_memory(name, content, tmp_path) < 60 * len(content)
