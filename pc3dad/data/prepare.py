"""Converts a data set to the layout of `prepared`: goes on where it was stopped, and gives the same bytes.

While a category is unfinished its folder has a journal: a line per sample, appended once both its files are
on the disk. A line is believed only if the files have the size and sha256 that it states, so neither a torn
line nor a torn file counts. `index.json` replaces the journal when every sample is there.
"""

import errno
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

import pc3dad
from pc3dad.config import nearest, plain
from pc3dad.context import Progress, silent
from pc3dad.data.base import Dataset, Finding, SampleRef, dataset_errors
from pc3dad.data.facts import scan_facts
from pc3dad.data.prepared import pack_sample, unpack_sample
from pc3dad.data.prepared_layout import (
    INDEX,
    SAMPLES,
    SCHEMA,
    SOURCE,
    TRUTHS,
    Index,
    PreparedInfo,
    Source,
    SourceFinding,
    StoredFile,
    StoredSample,
    category_folder,
    check_info,
    check_name,
    read_record,
)
from pc3dad.data.verify import KnowsItsFiles, KnowsItsFolders, KnowsItsReleases
from pc3dad.errors import ConfigError, DataError
from pc3dad.io import atomic, digest, npz
from pc3dad.io.locks import LOCK, locked
from pc3dad.io.scan import AnyArray
from pc3dad.io.truths import read_truth, write_truth
from pc3dad.registry import PREPARED_FILE
from pc3dad.types import Split, Truth

JOURNAL = "journal.jsonl"
TEMPORARY = ".????????????.tmp"  # as `atomic` names files until they are whole

OWN_ERRORS = frozenset(  # what the disk refuses in the folder of one category only; others end the command
    {
        errno.EACCES,
        errno.EEXIST,
        errno.EISDIR,
        errno.ENAMETOOLONG,
        errno.ENOTDIR,
        errno.ENOTEMPTY,
        errno.EPERM,
    }
)

Key = tuple[Split, str]


@dataclass(frozen=True, slots=True)
class Failure:
    """What could not be converted, and why. The id is empty if it is the category as a whole."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one category; it is finished if nothing failed.

    Attributes:
        category: name.
        made: samples written by this call.
        kept: samples that an earlier call had written.
        bytes: size of all its files of samples and truths.
        failures: what is missing.
    """

    category: str
    made: int = 0
    kept: int = 0
    bytes: int = 0
    failures: tuple[Failure, ...] = ()


def prepare(
    dataset: Dataset,
    out: Path,
    *,
    source: Path | None = None,
    categories: Sequence[str] | None = None,
    progress: Progress = silent,
) -> Iterator[Outcome]:
    """Converts categories, one after the other; samples that cannot be read do not stop the others.

    Args:
        dataset: what to convert.
        out: folder to write; made if it does not exist, continued if it is of the same data set and options.
        source: folder that `dataset` reads; `out` must not lie in it.
        categories: which ones; None means all.
        progress: callback.

    Raises:
        ConfigError: an unknown category, or `out` was made with other options.
        DataError: `out` cannot be written, lies in the source, or holds something else.
    """
    chosen = _chosen(dataset, categories)
    if source is not None and out.resolve().is_relative_to(source.resolve()):
        raise DataError(f"{out} lies in {source}, which is only read", hint="choose another --out")
    atomic.make_folder(out)
    ours = (out / PREPARED_FILE).is_file()
    if not ours and any(path.name != LOCK and not path.match(TEMPORARY) for path in out.iterdir()):
        raise DataError(f"{out} holds other files", hint="choose another --out, a new or empty folder")
    with locked(out):
        _claim(out, dataset)
        if categories is None and isinstance(dataset, KnowsItsFolders):
            for name, error in dataset.folders.unusable.items():
                yield Outcome(name, failures=(Failure("", str(error)),))
        for category in chosen:
            try:
                yield _prepare_category(dataset, category, out, source=source, progress=progress)
            except DataError as error:
                if not (isinstance(error.__cause__, OSError) and error.__cause__.errno in OWN_ERRORS):
                    raise
                yield Outcome(category, failures=(Failure("", str(error)),))


def _chosen(dataset: Dataset, categories: Sequence[str] | None) -> list[str]:
    known = dataset.categories()
    for name in categories or ():
        if name not in known:
            raise ConfigError(
                f"{dataset.card.slug} has no category {name!r} there{nearest(name, known)}",
                hint="check --categories",
            )
    return known if categories is None else sorted(set(categories))


def _claim(out: Path, dataset: Dataset) -> None:
    """Writes what the folder is made of, or makes sure that it is of the same data set and options."""
    card, config = dataset.card, dataset.config
    if (out / PREPARED_FILE).is_file():
        check_info(out, read_record(PreparedInfo, out / PREPARED_FILE), card, config)
        return
    info = PreparedInfo(
        schema=SCHEMA,
        dataset=card.slug,
        revision=card.revision,
        options=plain(config),
        title=card.title,
        licence=card.licence,
        source=card.source,
        pc3dad=pc3dad.__version__,
    )
    atomic.write_json(out / PREPARED_FILE, info.model_dump(by_alias=True))


def _prepare_category(
    dataset: Dataset, category: str, out: Path, *, source: Path | None, progress: Progress
) -> Outcome:
    """Makes what is missing of one category."""
    try:
        with dataset_errors(category):
            described = _describe(dataset, category, source)
            refs = [ref for split in Split for ref in dataset.refs(category, split)]
        folder = out / category_folder(category)
    except DataError as error:
        return Outcome(category, failures=(Failure("", str(error)),))
    described = _begin(folder, described)
    kept = _kept(folder, refs, progress)
    if len(kept) == len(refs) and _is_listed(folder, category, kept.values()):
        _remove(folder / JOURNAL)
        return Outcome(category, kept=len(kept), bytes=_bytes(kept.values()))
    atomic.write_text(folder / JOURNAL, "".join(f"{stored.as_json()}\n" for stored in kept.values()))
    _remove(folder / INDEX)
    stored, failures = _make_missing(dataset, refs, folder, kept, progress)
    if not failures and dataset.fingerprint(category) != described.fingerprint:
        failures.append(Failure("", f"files of {category} changed while they were read; run it again."))
    if not failures:
        release = _release(dataset, category, folder, stored, source)
        if release != described.release:
            described = described.model_copy(update={"release": release})
            atomic.write_json(folder / SOURCE, described.model_dump(mode="json"))
        atomic.write_text(folder / INDEX, _index_text(category, stored))
        _remove(folder / JOURNAL)
    made = len(stored) - len(kept)
    return Outcome(category, made, len(kept), _bytes(stored), tuple(failures))


def _index_text(category: str, stored: Iterable[StoredSample]) -> str:
    index = Index.of(category, stored)
    return json.dumps(index.model_dump(mode="json", by_alias=True), indent=2, ensure_ascii=False) + "\n"


def _is_listed(folder: Path, category: str, stored: Iterable[StoredSample]) -> bool:
    """Whether the index is, byte by byte, that of these samples in their order."""
    try:
        return (folder / INDEX).read_bytes() == _index_text(category, stored).encode()
    except OSError:
        return False


def _describe(dataset: Dataset, category: str, source: Path | None) -> Source:
    """Fingerprint of the source, and what its loader has to say about it."""
    findings = dataset.problems(category) if isinstance(dataset, KnowsItsFiles) else ()
    return Source(fingerprint=dataset.fingerprint(category), findings=_without_place(findings, source))


def _release(
    dataset: Dataset, category: str, folder: Path, stored: Iterable[StoredSample], source: Path | None
) -> tuple[SourceFinding, ...]:
    """Which release the scans tell that they are of; read from the copies, which are the same bit by bit."""
    if not isinstance(dataset, KnowsItsReleases):
        return ()
    scans = {}
    for one in stored:
        path = folder / one.sample.name
        with atomic.disk_errors(path):
            arrays = npz.parse_arrays(path, path.read_bytes())
        sample = unpack_sample(SampleRef(category, one.split, one.id), arrays)
        scans[one.id] = scan_facts(sample.cloud, read_truth(folder / one.truth.name).points)
    return _without_place(dataset.release(category, scans), source)


def _without_place(findings: Iterable[Finding], source: Path | None) -> tuple[SourceFinding, ...]:
    """Findings without absolute paths."""
    place = "" if source is None else str(source.absolute())

    def short(text: str) -> str:
        text = text.encode(errors="backslashreplace").decode()  # names of files need not be Unicode
        return text.replace(f"{place}{os.sep}", "").replace(place, Path(place).name) if place else text

    return tuple(
        SourceFinding(
            severity=finding.severity, message=short(finding.message), items=tuple(map(short, finding.items))
        )
        for finding in findings
    )


def _begin(folder: Path, described: Source) -> Source:
    """Keeps an earlier attempt and what it told of the release if it was made of the same files."""
    earlier = _earlier(folder)
    with atomic.disk_errors(folder):
        if earlier is not None and earlier.fingerprint == described.fingerprint:
            described = described.model_copy(update={"release": earlier.release})
        else:
            for name in (INDEX, JOURNAL, SOURCE):  # first, so that half of a folder never looks finished
                (folder / name).unlink(missing_ok=True)
            for name in (SAMPLES, TRUTHS):
                if (folder / name).exists():
                    shutil.rmtree(folder / name)
        atomic.write_json(folder / SOURCE, described.model_dump(mode="json"))
    return described


def _earlier(folder: Path) -> Source | None:
    """What an earlier attempt was made of; None if there was none."""
    try:
        return read_record(Source, folder / SOURCE)
    except DataError:
        return None


def _remove(path: Path) -> None:
    with atomic.disk_errors(path):
        path.unlink(missing_ok=True)


def _kept(folder: Path, refs: Sequence[SampleRef], progress: Progress) -> dict[Key, StoredSample]:
    """What an earlier attempt finished, in order: its files are whole and have the number of the sample."""
    claimed = {(one.split, one.id): one for one in _claimed(folder)}
    kept = {}
    for number, ref in enumerate(refs):
        if (one := claimed.get((ref.split, ref.id))) is None:
            continue
        named = [one.sample.name, one.truth.name] == _names(number)
        if named and _is_whole(folder, one.sample) and _is_whole(folder, one.truth):
            kept[one.split, one.id] = one
        progress(f"{ref.category}: checking", number + 1, len(refs))
    return kept


def _names(number: int) -> list[str]:
    """Files of the scan and of the labels of the sample at that place of the index."""
    return [f"{part}/{number:05d}.npz" for part in (SAMPLES, TRUTHS)]


def _claimed(folder: Path) -> Sequence[StoredSample]:
    """Samples that the index, or else the journal, says are there."""
    if (folder / INDEX).is_file():
        with suppress(DataError):  # damaged: made anew
            return read_record(Index, folder / INDEX).samples
    journal = folder / JOURNAL
    claimed = []
    for line in journal.read_bytes().split(b"\n") if journal.is_file() else ():
        with suppress(ValidationError):  # the last line, torn
            claimed.append(StoredSample.model_validate_json(line))
    return claimed


def _is_whole(folder: Path, file: StoredFile) -> bool:
    path = folder / file.name
    try:
        return path.stat().st_size == file.bytes and digest.of_file(path) == file.sha256
    except OSError:
        return False


def _make_missing(
    dataset: Dataset,
    refs: Sequence[SampleRef],
    folder: Path,
    kept: Mapping[Key, StoredSample],
    progress: Progress,
) -> tuple[list[StoredSample], list[Failure]]:
    """All samples in order, kept or made, and those that could not be read."""
    stored: list[StoredSample] = []
    failures: list[Failure] = []
    for number, ref in enumerate(refs):
        if (ref.split, ref.id) in kept:
            stored.append(kept[ref.split, ref.id])
        else:
            try:
                with dataset_errors(ref.id):
                    arrays, truth = _read(dataset, ref)
            except DataError as error:
                failures.append(Failure(ref.id, str(error)))
            else:
                stored.append(_write(folder, _names(number), ref, arrays, truth))
        progress(ref.category, number + 1, len(refs))
    return stored, failures


def _read(dataset: Dataset, ref: SampleRef) -> tuple[dict[str, AnyArray], Truth]:
    """One sample, packed, and its labels.

    Raises:
        DataError: it cannot be read, labels and points do not fit together, or its name is not Unicode.
    """
    check_name(ref.id)
    sample, truth = dataset.load(ref), dataset.truth(ref)
    for labels in (truth.points, truth.shape_points, truth.regions):
        if labels is not None and len(labels) != len(sample.cloud):
            raise DataError(f"{ref.id} has {len(labels)} labels for {len(sample.cloud)} points")
    return pack_sample(sample), truth


def _write(
    folder: Path, files: Sequence[str], ref: SampleRef, arrays: Mapping[str, AnyArray], truth: Truth
) -> StoredSample:
    """Writes both files, then the line of the journal that makes them count."""
    atomic.write_npz(folder / files[0], arrays, compressed=False)
    write_truth(folder / files[1], truth)
    with atomic.disk_errors(folder):
        sample, labels = (
            StoredFile(name=file, bytes=(folder / file).stat().st_size, sha256=digest.of_file(folder / file))
            for file in files
        )
        stored = StoredSample(id=ref.id, split=ref.split, sample=sample, truth=labels)
        with (folder / JOURNAL).open("a", encoding="utf-8") as stream:
            stream.write(f"{stored.as_json()}\n")
            stream.flush()
            os.fsync(stream.fileno())
    return stored


def _bytes(stored: Iterable[StoredSample]) -> int:
    return sum(one.sample.bytes + one.truth.bytes for one in stored)
