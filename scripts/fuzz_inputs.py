"""Where fuzzing starts: valid files of every kind, made in code; telling words; changes behind checksums."""

import io
import json
import random
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import tifffile
from PIL import Image

Change = Callable[[bytes], bytes]
Mutate = Callable[[bytes, Change, random.Random], bytes]
"""Content of a file, what changes bytes, and what chooses; gives other content."""

GRID = (2, 3)
POINTS = (np.arange(18).reshape(6, 3) / 7 + 0.5).astype(np.float32)
XYZ = POINTS.reshape(*GRID, 3)


def _image(mode: str, size: tuple[int, int] = (3, 2), kind: str = "PNG") -> bytes:
    values = np.arange(size[0] * size[1] * 4, dtype=np.uint8).reshape(size[1], size[0], 4)
    stream = io.BytesIO()
    if mode == "I;16":
        Image.fromarray(values[..., 0].astype(np.uint16) * 37 + 1).save(stream, kind)
    else:
        Image.fromarray(values).convert(mode).save(stream, kind)
    return stream.getvalue()


def _npy(array: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def _npz(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def _packed(word: str) -> Any:
    return np.frombuffer(word.encode(), np.uint8)  # as `npz.pack_text`, whose module is instrumented later


def _tiff(array: Any, **options: Any) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, array, photometric="rgb", **options)
    return stream.getvalue()


def _text(rows: Any, form: str = ".6f", separator: str = " ") -> bytes:
    return "".join(separator.join(format(value, form) for value in row) + "\n" for row in rows).encode()


def _pcd_seeds() -> list[bytes]:
    plain = (
        b"VERSION 0.7\nFIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nCOUNT 1 1 1\nWIDTH 6\nHEIGHT 1\nPOINTS 6\nDATA "
    )
    rich = (
        b"# comment\nFIELDS rgb x y z normal_x normal_y normal_z extra _\nSIZE 4 4 4 4 4 4 4 2 1\n"
        b"TYPE U F F F F F F I U\nCOUNT 1 1 1 1 1 1 1 2 3\nWIDTH 3\nHEIGHT 2\nPOINTS 6\nDATA "
    )
    row = np.zeros(6, "u4,3f4,3f4,2i2,3u1")
    row["f0"], row["f1"], row["f2"] = 0x336699, POINTS, (0, 0, 1)
    columns = POINTS.T.tobytes()
    literal = b"\x1f" + columns[:32] + b"\x1f" + columns[32:64] + b"\x07" + columns[64:]
    repeated = b"\x02abc\xe0\x3c\x02"  # three literals, and a copy of 69 bytes from there
    return [
        plain + b"ascii\n" + _text(POINTS),
        plain + b"binary\n" + POINTS.tobytes(),
        *(
            plain + b"binary_compressed\n" + struct.pack("<II", len(packed), 72) + packed
            for packed in (literal, repeated)
        ),
        rich + b"binary\n" + row.tobytes(),
        rich + b"ascii\n" + b"1 1 2 3 0 0 1 5 5 7 7 7\n" * 6,
    ]


def _ply_seeds() -> list[bytes]:
    def head(encoding: str, *properties: str) -> bytes:
        lines = ["ply", f"format {encoding} 1.0", "comment c", "element vertex 6"]
        return "\n".join([*lines, *(f"property float {name}" for name in "xyz"), *properties, ""]).encode()

    faces = b"element face 2\nproperty list uchar int vertex_indices\nend_header\n"
    colours = [f"property uchar {name}" for name in ("red", "green", "blue")]
    coloured = np.zeros(6, "3f4,3u1")
    coloured["f0"], coloured["f1"] = POINTS, 200
    return [
        head("ascii") + faces + _text(POINTS) + b"3 0 1 2\n4 2 3 4 5\n",
        head("binary_little_endian")
        + faces
        + POINTS.tobytes()
        + struct.pack("<B3iB4i", 3, 0, 1, 2, 4, 2, 3, 4, 5),
        head("binary_big_endian")
        + faces
        + POINTS.astype(">f4").tobytes()
        + struct.pack(">B3iB3i", 3, 0, 1, 2, 3, 3, 4, 5),
        head("binary_little_endian", *colours) + b"end_header\n" + coloured.tobytes(),
        head("ascii", "property double nx", "property double ny", "property double nz")
        + b"end_header\n"
        + b"1 2 3 0 0 1\n4 5 6 0 1 0\n" * 3,
    ]


STL_SEEDS = (
    bytes(80)
    + struct.pack("<I", 2)
    + b"".join(bytes(12) + POINTS[at : at + 3].tobytes() + b"\0\0" for at in (0, 3)),
    b"solid\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 1e0 0\nendfacet\nendsolid",
)
OBJ_SEEDS = (
    b"v 0 0 0 1 0 0\nv 1 0 0 0 1 0\nv 0 1 0 0 0 1\nvn 0 0 1\nvt 0 0\nf 1/1/1 2//1 \\\n-1/1\nl 1 2\n",
    b"# c\nv 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nf 1 2 3 4\n",
)
TABLE_SEEDS = (
    _text(POINTS),
    b"# x y z\n" + _text(POINTS, ".3e"),
    b"x;y;z;r;g;b;nx;ny;nz\n1;2;3;255;0;0;0;0;1\n4;5;6;0;255;0;0;0;1\n",
    b"\xef\xbb\xbfx,y,z,label\r\n1,2,3,0\r\n4,5,6,1\r\n",
    b"1\t2\t3\n\n# c\nnan inf -inf\n",
)
LABELLED = np.column_stack([POINTS, [0, 1, 0, 1, 0, 1]])
LABEL_SEEDS = (
    b"0\n1\n0\n1\n0\n1\n",
    _text(LABELLED, ".7f"),
    b"x,y,z,label\n" + _text(LABELLED, ".7f", ","),
    b"label;y;z;x\n" + _text(LABELLED[:, [3, 1, 2, 0]], ".7f", ";"),
)
TIFF_SEEDS = (
    _tiff(XYZ),
    _tiff(XYZ, compression="zlib"),
    _tiff(XYZ.astype(np.float64), byteorder=">"),
    _tiff(np.ones((32, 16, 3), np.float32), tile=(16, 16)),
    _tiff(XYZ, metadata=None, rowsperstrip=1),
    _tiff(XYZ, bigtiff=True),
)
YAML_SEEDS = (
    b"anomalous: 1\nanomalous_bumps: 1\nanomalous_dents: 0\nanomalous_colors: 0\nanomalous_normals: 0\n",
    b"normalization:\n  min: 0.4\n  max: 1.2\n",
    b"{normalization: {min: 1e-3, max: !!float '2'}, a: [1, 2], b: 2001-01-01, c: !!int '3', d: on}\n",
)
YAML_TOKENS = (
    "!!int",
    "!!bool",
    "!!timestamp",
    "!!binary",
    "!!set",
    "!!omap",
    "!!python/none",
    "&a",
    "*a",
    "<<: ",
    "? ",
)
CAMERA = b'{"fx": 711.1, "fy": 711.1, "cx": 256, "cy": 256, "metres_per_level": 0.0001, "offset": 0.5}'
NPY_TOKENS = ("'descr'", "'fortran_order'", "'shape'", "'<f8'", "'|O'", "'<U1'", "[('a','<f4')]", "(6, 3)")
PCD_TOKENS = (
    "FIELDS", "COLUMNS", "SIZE", "TYPE", "COUNT", "WIDTH", "HEIGHT", "POINTS", "DATA binary_compressed",
    "rgb", "rgba", "normal_x", "999999999999", "nan", "1e308",
)  # fmt: skip
PLY_TOKENS = (
    "element vertex", "element face", "property list uchar int vertex_indices", "property double x",
    "binary_little_endian", "binary_big_endian", "end_header", "999999999999", "obj_info", "nan", "1e308",
)  # fmt: skip
NUMBER_TOKENS = ("nan", "-inf", "1e308", "1e-320", "1_0", "0x1p3", "#", "//", "x y z", "normal_x")
ALL = np.ones(6, np.bool_)
PREDICTION = {
    "sample_id": _packed("a"),
    "object_score": np.float64(0.5),
    "valid": np.packbits(ALL),
    "n_points": np.int64(6),
    "propagation": _packed("native"),
    "n_filled": np.int64(0),
    "grid": np.array([2, 3]),
    "point_scores": np.linspace(0, 1, 6, dtype=np.float32),
    "extras/b": np.eye(2),
}
GAP = ("sample_id", "valid", "n_points", "grid")  # what stands in the place of a missing prediction
TRUTH = {
    "sample_id": _packed("a"),
    "anomalous": np.int8(1),
    "shape_anomalous": np.int8(-1),
    "points": np.packbits(ALL),
    "n_points": np.int64(6),
    "ids_of_regions": np.zeros(int(ALL.sum()), np.int32),
    "defect": _packed("hole"),
}

SEEDS: Mapping[str, Sequence[bytes]] = MappingProxyType(
    {
        "pcd": _pcd_seeds(),
        "ply": _ply_seeds(),
        "stl": STL_SEEDS,
        "obj": OBJ_SEEDS,
        "xyz": TABLE_SEEDS,
        "pts": (b"2\n1.25 2.5 3.75 10 20\n-1.25 2.5 3.75 11 21\n", *TABLE_SEEDS[:2]),
        "labels.txt": LABEL_SEEDS,
        "npz": (
            _npz(xyz=XYZ, normals=XYZ, rgb=XYZ.astype(np.uint8), valid=ALL),
            _npz(points=POINTS, colors=POINTS / 4),
        ),
        "labels.npz": (_npz(labels=ALL),),
        "btp.npz": (_npz(points=POINTS, labels=np.array([0, 1, 0, 1, 0, 1])),),
        "npy": tuple(map(_npy, (POINTS, XYZ.astype(">f8"), POINTS.T.copy().T))),
        "labels.npy": (_npy(np.zeros(6)), _npy(np.ones(GRID, np.bool_))),
        "tiff": TIFF_SEEDS,
        "mask.png": tuple(map(_image, ("1", "L", "P", "RGB", "RGBA", "LA", "I;16"))),
        "levels.png": tuple(map(_image, ("L", "I;16"))),
        "depth.png": (_image("I;16"),),
        "rgb.png": (_image("RGB"), _image("P"), _image("RGB", kind="JPEG")),
        "metadata.yaml": YAML_SEEDS,
        "limits.yaml": YAML_SEEDS[1:],
        "pose.txt": (_text(np.eye(4), ".18e"),),
        "class_ids.json": (json.dumps({"128": "color", "7": "hole"}).encode(),),
        "camera.json": (CAMERA,),
        "meta.json": (b'{"train": {}, "test": {"cup": [{"img_path": "a.png", "anomaly": 1}]}}',),
        "indices.npy": (_npy(np.arange(6)),),
        "prediction.npz": (_npz(**PREDICTION), _npz(**{key: PREDICTION[key] for key in GAP})),
        "truth.npz": (_npz(**TRUTH),),
    }
)
FORMATS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "pcd": ("pcd",),
        "ply": ("ply",),
        "stl": ("stl",),
        "obj": ("obj",),
        "table": ("xyz", "pts"),
        "labels": ("labels.txt",),
        "npz": ("npz", "labels.npz", "btp.npz"),
        "npy": ("npy", "labels.npy", "indices.npy"),
        "tiff": ("tiff",),
        "png": ("mask.png", "levels.png", "depth.png", "rgb.png"),
        "texts": ("metadata.yaml", "pose.txt", "class_ids.json", "camera.json", "limits.yaml", "meta.json"),
        "stored": ("prediction.npz", "truth.npz"),
    }
)
"""Kinds of files that are fuzzed together."""
SMALL_DEPTH, LARGE_DEPTH = _image("I;16"), _image("I;16", (512, 512))
TOKENS: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "pcd": PCD_TOKENS,
        "ply": PLY_TOKENS,
        "stl": ("solid", "endsolid", "endfacet", "vertex 0 0 0"),
        "obj": ("v 1 2 3", "f 1 2 3", "-1", "999999999999999999999"),
        "xyz": NUMBER_TOKENS,
        "labels.txt": ("label", "x y z"),
        "npz": NPY_TOKENS,
        "npy": NPY_TOKENS,
        "metadata.yaml": YAML_TOKENS,
        "prediction.npz": NPY_TOKENS,
    }
)


def mutate_png(content: bytes, change: Callable[[bytes], bytes], choice: random.Random) -> bytes:
    """Changes one chunk, or the pixels in it, and writes the checksums that fit."""
    chunks, at = [], 8
    while at + 8 <= len(content):
        (length,) = struct.unpack_from(">I", content, at)
        chunks.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + length]))
        at += length + 12
    if not chunks:
        return change(content)
    which = choice.randrange(len(chunks))
    name, body = chunks[which]
    if choice.random() < 0.1:
        chunks.insert(choice.randrange(len(chunks)), chunks[which])
    elif choice.random() < 0.1:
        chunks[which] = (change(name) + name)[:4], body
    elif name == b"IDAT" and choice.random() < 0.7:
        try:
            chunks[which] = name, zlib.compress(change(zlib.decompress(body)))
        except zlib.error:
            chunks[which] = name, change(body)
    else:
        chunks[which] = name, change(body)
    written = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(written)


def mutate_zip(content: bytes, change: Callable[[bytes], bytes], choice: random.Random) -> bytes:
    """Changes one member and writes the archive again."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [(name, archive.open(name).read(1 << 16)) for name in archive.namelist()]
    except Exception:  # noqa: BLE001  # whatever it is, it is no archive any more
        return change(content)
    if not members:
        return change(content)
    which = choice.randrange(len(members))
    members[which] = members[which][0], change(members[which][1])
    if choice.random() < 0.05:
        del members[choice.randrange(len(members))]
    stream = io.BytesIO()
    compression = choice.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w") as archive:
        warnings.simplefilter("ignore")  # two members of one name
        for name, body in members:
            archive.writestr(zipfile.ZipInfo(name), body, compression)
    return stream.getvalue()


MUTATIONS: Mapping[str, Mutate] = MappingProxyType(
    {
        **{kind: mutate_png for kind in SEEDS if kind.endswith("png")},
        **{kind: mutate_zip for kind in SEEDS if kind.endswith("npz")},
    }
)
