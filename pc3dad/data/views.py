"""Official renders of one object, with the pixel of every point in every view, as files hold them.

`view_<k>` files are told by their number, so `view_10` follows `view_2`, and paired by it across folders.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pc3dad.data import tree
from pc3dad.errors import DataError
from pc3dad.io.images import MAX_PIXELS, read_rgb
from pc3dad.io.npz import parse_npy
from pc3dad.io.scan import damaged, read_bytes
from pc3dad.types import BoolArray, Int32Array, UInt8Array

INDICES = "nonzero_indices.npy"
SUFFIXES = (".png", ".npy")
VIEW = re.compile(r"view_([0-9]{1,6})(?:_[a-z]+)?")
ONE_RELEASE = "use the files of one release, unchanged"


@dataclass(frozen=True, slots=True, eq=False)
class RenderedViews:
    """Views of one object in the order of their numbers: V views of H x W pixels, n rendered points.

    Nothing is repaired: points that no view shows stay so, and points outside the image were moved to its
    border by those who made the files.

    Attributes:
        shaded: (V, H, W, 3) uint8, grey renders.
        pixels: (V, n, 2) int32, column x and row y of each point, inside the image.
        visible: (V, n) bool.
        indices: (n,) int32, the points of the cloud that were rendered.
        depth: (V, H, W) uint8, or None. Near is white, but so is the background; scaled for each view.
        rgb: (V, H, W, 3) uint8, renders in the colours of the photograph, or None.
        masks: (V, H, W) bool, rendered labels, or None. They are truth: for training on other categories.
    """

    shaded: UInt8Array
    pixels: Int32Array
    visible: BoolArray
    indices: Int32Array
    depth: UInt8Array | None = None
    rgb: UInt8Array | None = None
    masks: BoolArray | None = None


@dataclass(frozen=True, slots=True)
class ViewFolders:
    """Folders of one object; None where that part was not made."""

    shaded: Path
    correspondence: Path
    depth: Path | None = None
    rgb: Path | None = None
    masks: Path | None = None


def read_views(folders: ViewFolders) -> RenderedViews:
    """Reads all views of one object.

    Raises:
        DataError: a view is missing in one of the folders, a file is unreadable, images differ in size, depth
            or masks are coloured, or a correspondence is not (n, 3) integers x, y, visible inside the image.
    """
    numbers = view_files(folders.shaded)
    if not numbers:
        raise DataError(f"{folders.shaded} holds no view_<k>.png", hint=ONE_RELEASE)
    shaded = _read_colours(list(numbers.values()))
    size = shaded.shape[:3]

    def images(folder: Path | None) -> UInt8Array | None:
        if folder is None:
            return None
        paths = _same_views(folder, list(numbers), folders.shaded)
        found = _read_colours(paths)
        if found.shape[:3] != size:
            raise DataError(
                f"{paths[0]} has {_size(found.shape[1:3])} pixels but those of {folders.shaded} have "
                f"{_size(size[1:])}",
                hint=ONE_RELEASE,
            )
        return found

    paths = _same_views(folders.correspondence, list(numbers), folders.shaded)
    n_points = len(_read_integers(paths[0], width=3))
    indices = read_indices(folders.correspondence)
    if indices is None:
        indices = np.arange(n_points, dtype=np.int32)
    elif len(indices) != n_points:
        raise DataError(
            f"{paths[0]} has {n_points} rows but {INDICES} beside it {len(indices)}", hint=ONE_RELEASE
        )
    rows = [_read_correspondence(path, n_points, size[1:]) for path in paths]
    masks = images(folders.masks)
    depth = images(folders.depth)
    return RenderedViews(
        shaded,
        pixels=np.stack([one[:, :2] for one in rows]),
        visible=np.stack([one[:, 2] for one in rows]).astype(np.bool_),
        indices=indices,
        depth=None if depth is None else _grey(folders.depth, depth),
        rgb=images(folders.rgb),
        masks=None if masks is None else _grey(folders.masks, masks) > 127,  # as their loader: above 0.5
    )


def view_files(folder: Path) -> dict[int, Path]:
    """Number to file of the views in a folder, by number; empty if it does not exist.

    Raises:
        DataError: two files are for one view.
    """
    found: dict[int, Path] = {}
    for path in tree.files(folder, SUFFIXES) if folder.is_dir() else []:
        if (match := VIEW.fullmatch(path.stem)) is None:
            continue
        number = int(match[1])
        if number in found:
            raise DataError(f"{found[number]} and {path.name} are for the same view", hint="keep one of them")
        found[number] = path
    return dict(sorted(found.items()))


def read_indices(correspondence: Path) -> Int32Array | None:
    """(n,) int32 slots of the grid whose points were rendered; None for a cloud that is no grid.

    Raises:
        DataError: the file is unreadable, or names a slot twice or a negative one.
    """
    path = correspondence / INDICES
    if not path.exists():
        return None
    values = _read_integers(path, width=None)
    wrong = len(values) and not 0 <= values.min() <= values.max() <= np.iinfo(np.int32).max
    if wrong or len(np.unique(values)) != len(values):
        raise damaged(path, "it should name each slot of the grid at most once, counted from 0")
    return values.astype(np.int32)


def _same_views(folder: Path, numbers: Sequence[int], shaded: Path) -> list[Path]:
    """Files of a folder, one for each view of the renders."""
    found = view_files(folder)
    if list(found) != list(numbers):
        other = sorted(found.keys() ^ set(numbers))
        lacking = folder if other[0] in numbers else shaded
        raise DataError(
            f"{lacking} lacks view {other[0]}: {shaded} has {len(numbers)} views, {folder} has {len(found)}",
            hint=ONE_RELEASE,
        )
    return list(found.values())


def _read_colours(paths: Sequence[Path]) -> UInt8Array:
    """(V, H, W, 3) uint8; room is made only once the first image tells the size of all."""
    first = read_rgb(paths[0])
    if len(paths) * first.shape[0] * first.shape[1] > MAX_PIXELS:
        raise DataError(
            f"{paths[0].parent}: refused, {len(paths)} views of {_size(first.shape)} pixels",
            hint=f"views of at most {MAX_PIXELS} pixels in all are read",
        )
    images = np.empty((len(paths), *first.shape), np.uint8)
    for index, path in enumerate(paths):
        image = first if index == 0 else read_rgb(path)
        if image.shape != first.shape:
            raise DataError(
                f"{path} has {_size(image.shape)} pixels but {paths[0].name} {_size(first.shape)}",
                hint=ONE_RELEASE,
            )
        images[index] = image
    return images


def _grey(folder: Path | None, images: UInt8Array) -> UInt8Array:
    """(V, H, W) of images that may be stored as three equal channels."""
    if not (images == images[..., :1]).all():
        raise DataError(f"{folder} holds a coloured image, expected shades of grey", hint=ONE_RELEASE)
    return np.ascontiguousarray(images[..., 0])


def _read_correspondence(path: Path, n_points: int, size: tuple[int, ...]) -> Int32Array:
    """(n, 3) int32: column, row, visible."""
    values = _read_integers(path, width=3)
    if len(values) != n_points:
        raise DataError(f"{path} has {len(values)} rows, other views {n_points}", hint=ONE_RELEASE)
    limits = (size[1], size[0], 2)
    for name, column, limit in zip(("x", "y", "visible"), values.T, limits, strict=True):
        if n_points and not 0 <= column.min() <= column.max() < limit:
            raise damaged(path, f"{name} is from {column.min()} to {column.max()}, expected 0 to {limit - 1}")
    return values.astype(np.int32)


def _read_integers(path: Path, *, width: int | None) -> NDArray[Any]:
    """(n, width) integers, or (n,) if `width` is None."""
    values = parse_npy(path, read_bytes(path).tobytes())
    row = () if width is None else (width,)
    if values.dtype.kind not in "iu" or values.ndim == 0 or values.shape[1:] != row:
        expected = "(n,)" if width is None else f"(n, {width})"
        raise DataError(
            f"{path} holds {values.dtype} of shape {values.shape}, expected integers {expected}",
            hint=ONE_RELEASE,
        )
    return values


def _size(shape: Sequence[int]) -> str:
    return f"{shape[0]} x {shape[1]}"
