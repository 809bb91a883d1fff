"""A folder that `pc3dad data prepare` made, read back as a data set; see `prepared_layout`."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from pc3dad.cards import DatasetCard
from pc3dad.config import Config
from pc3dad.data import tree
from pc3dad.data.base import Finding, SampleRef, Severity
from pc3dad.data.prepared_layout import (
    AGAIN,
    COMMAND,
    INDEX,
    SOURCE,
    Index,
    PreparedInfo,
    Source,
    StoredFile,
    StoredSample,
    category_folder,
    check_info,
    read_record,
)
from pc3dad.errors import DataError
from pc3dad.io import digest, npz
from pc3dad.io.scan import AnyArray, unit_colours
from pc3dad.io.truths import read_truth
from pc3dad.registry import PREPARED_FILE
from pc3dad.types import Float32Array, PointCloud, Sample, Split, Truth, UInt8Array


def pack_sample(sample: Sample) -> dict[str, AnyArray]:
    """Arrays that give the sample back bit by bit; colours that are those of the image are stored once.

    Raises:
        DataError: the image is not (H, W, 3) uint8.
    """
    cloud, image = sample.cloud, sample.image
    arrays: dict[str, AnyArray] = {
        "xyz": cloud.xyz,
        "origin": cloud.origin,
        "valid": np.packbits(cloud.valid),
    }
    if cloud.grid is not None:
        arrays["grid"] = np.array(cloud.grid, np.int64)
    if cloud.normals is not None:
        arrays["normals"] = cloud.normals
    if image is not None:
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise DataError(
                f"the image of {sample.id} is {image.shape} {image.dtype}, expected (H, W, 3) uint8"
            )
        arrays["image"] = image
    if cloud.rgb is not None:
        same = image is not None and _colours(image).tobytes() == cloud.rgb.tobytes()
        arrays |= {"rgb_of_image": np.array(True)} if same else {"rgb": cloud.rgb}
    return arrays


def unpack_sample(ref: SampleRef, arrays: Mapping[str, AnyArray]) -> Sample:
    """Inverse of `pack_sample`.

    Raises:
        DataError: arrays are missing or do not fit together.
    """
    try:
        xyz, image, grid = arrays["xyz"], arrays.get("image"), arrays.get("grid")
        rgb = arrays.get("rgb")
        cloud = PointCloud(
            xyz,
            origin=arrays["origin"],
            normals=arrays.get("normals"),
            rgb=_colours(arrays["image"]) if "rgb_of_image" in arrays else rgb,
            valid=np.unpackbits(arrays["valid"], count=len(xyz)).astype(np.bool_),
            grid=None if grid is None else (int(grid[0]), int(grid[1])),
        )
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise DataError(f"arrays of {ref.id} do not fit together", hint=AGAIN) from error
    return Sample(ref.id, ref.category, cloud, image)


class Prepared:
    """A prepared folder as a data set: the same samples and labels as its source, with their digests checked.

    Args:
        root: the prepared folder.
        card: card of the data set it was prepared from.
        config: options, which must be those it was prepared with.

    Raises:
        ConfigError: other options.
        DataError: another data set, schema or revision, a damaged index, or no category is finished.
    """

    def __init__(self, root: Path, card: DatasetCard, config: Config) -> None:
        self.root = root
        self.card = card
        self.config = config
        check_info(root, read_record(PreparedInfo, root / PREPARED_FILE), card, config)
        self._indexes: dict[str, Index] = {}
        for folder in tree.folders(root):
            if (folder / INDEX).is_file():
                index = read_record(Index, folder / INDEX)
                if folder.name != category_folder(index.category):
                    raise DataError(f"{folder} was renamed, it holds {index.category}", hint="undo that")
                self._indexes[index.category] = index
        if not self._indexes:
            raise DataError(f"{root} holds no finished category", hint=AGAIN)
        self._stored = {
            SampleRef(name, one.split, one.id): one
            for name, index in self._indexes.items()
            for one in index.samples
        }

    def categories(self) -> list[str]:
        """Finished categories, sorted."""
        return sorted(self._indexes)

    def refs(self, category: str, split: Split) -> list[SampleRef]:
        """Samples of one split, in the order of the source.

        Raises:
            DataError: the category is not there or not finished.
        """
        stored = self._index(category).samples
        return [SampleRef(category, split, one.id) for one in stored if one.split == split]

    def load(self, ref: SampleRef) -> Sample:
        """Reads one sample.

        Raises:
            DataError: there is no such sample, or its file is not the one that was written.
        """
        path, content = self._content(ref, self._entry(ref).sample)
        return unpack_sample(ref, npz.parse_arrays(path, content))

    def truth(self, ref: SampleRef) -> Truth:
        """Reads the labels of one sample.

        Raises:
            DataError: there is no such sample, or its file is not the one that was written for it.
        """
        path, _ = self._content(ref, self._entry(ref).truth)
        truth = read_truth(path)
        if truth.sample_id != ref.id:
            raise DataError(f"{path} holds the labels of {truth.sample_id}, not of {ref.id}", hint=AGAIN)
        return truth

    def fingerprint(self, category: str) -> str:
        """Digest of options and contents: the same on every machine that holds the same samples."""
        text = f"{self.card.slug}/{self.card.revision}/{self.config.model_dump_json()}"
        content = digest.of_file(self._folder(category) / INDEX)
        return hashlib.sha256(f"{text}/{content}".encode()).hexdigest()

    def problems(self, category: str) -> Iterator[Finding]:
        """What was to be said about the source; files that are missing, empty, of another size or unexpected.

        Digests are checked when a file is read.
        """
        folder = self._folder(category)
        sizes = {name: size for name, size in tree.sizes(folder).items() if not tree.is_junk(name)}
        stored = self._index(category).samples
        expected = {file.name: file.bytes for one in stored for file in (one.sample, one.truth)}
        there = expected.keys() & sizes.keys()
        groups = (
            (Severity.ERROR, "are missing", expected.keys() - sizes.keys()),
            (Severity.ERROR, "are empty", {name for name in there if sizes[name] == 0}),
            (Severity.ERROR, "have another size", {n for n in there if sizes[n] not in (0, expected[n])}),
            (Severity.WARNING, "do not belong here", sizes.keys() - expected.keys() - {INDEX, SOURCE}),
        )
        for severity, what, names in groups:
            if names:
                yield Finding(severity, category, f"{len(names)} prepared files {what}", tuple(sorted(names)))
        source = read_record(Source, folder / SOURCE)  # last: an error must not hide the rest
        for one in (*source.findings, *source.release):
            yield Finding(one.severity, category, f"{one.message} (source, when prepared)", one.items)

    def _index(self, category: str) -> Index:
        if category not in self._indexes:
            finished = f"finished ones: {', '.join(self.categories())}"
            problem = f"{self.root} has no finished category {category!r} ({finished})"
            raise DataError(problem, hint=f"make it with `{COMMAND}`")
        return self._indexes[category]

    def _entry(self, ref: SampleRef) -> StoredSample:
        if ref not in self._stored:
            raise DataError(f"{ref.category} has no {ref.split} sample {ref.id!r}", hint="see `refs`")
        return self._stored[ref]

    def _folder(self, category: str) -> Path:
        self._index(category)
        return self.root / category_folder(category)

    def _content(self, ref: SampleRef, file: StoredFile) -> tuple[Path, bytes]:
        """A file and its content, once size and digest are right: hashing takes 1 ms for 1.5 MB."""
        path = self._folder(ref.category) / file.name
        try:
            size = path.stat().st_size
            content = path.read_bytes() if size == file.bytes else b""
        except OSError as error:
            raise DataError(f"cannot read {path} of {ref.id}: {error.strerror}", hint=AGAIN) from error
        if size != file.bytes:
            raise DataError(f"{path} of {ref.id} has {size} bytes, expected {file.bytes}", hint=AGAIN)
        if hashlib.sha256(content).hexdigest() != file.sha256:
            raise DataError(f"{path} of {ref.id} has changed since it was written", hint=AGAIN)
        return path, content


def _colours(image: UInt8Array) -> Float32Array:
    """(N, 3) colours as loaders make them of an aligned image."""
    return unit_colours(image.reshape(-1, 3), integer=True)
