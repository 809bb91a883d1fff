"""Preparing survives anything, gives the same bytes however often it was stopped, and names what failed."""

import errno
import json
import os
import shutil

import numpy as np
import pytest

from pc3dad import registry
from pc3dad.config import Config
from pc3dad.data.base import Finding, SampleRef, Severity
from pc3dad.data.cards import FOLDER
from pc3dad.data.facts import ScanFacts
from pc3dad.data.prepare import Failure, Outcome, prepare
from pc3dad.data.prepared import Prepared
from pc3dad.data.prepared_layout import Index, StoredSample, category_folder, read_record
from pc3dad.errors import ConfigError, DataError
from pc3dad.io import atomic
from pc3dad.types import PointCloud, Sample, Split, Truth

NAMES = {Split.TRAIN: ["1", "2"], Split.TEST: ["good/1", "good/10", "a crack/2"], Split.UNLABELLED: ["x"]}
SAMPLES = sum(map(len, NAMES.values()))


class Options(Config):
    size: int = 6


class Made:
    """A data set in memory that can break, stop and change."""

    card = FOLDER

    def __init__(self, categories=("nut",), **options):
        self.config = Options(**options)
        self.names = categories
        self.version = "1"
        self.broken: set[str] = set()
        self.stop_at = None
        self.loaded: list[str] = []

    def categories(self):
        return sorted(self.names)

    def refs(self, category, split):
        return [SampleRef(category, split, name) for name in NAMES.get(split, [])]

    def load(self, ref):
        if len(self.loaded) == self.stop_at:
            raise KeyboardInterrupt
        if ref.id in self.broken:
            raise DataError(f"{ref.id} is damaged", hint="fetch it again")
        self.loaded.append(ref.id)
        seed = [*ref.id.encode("utf-8", "surrogateescape"), *ref.category.encode()]
        return Sample(ref.id, ref.category, PointCloud(np.random.default_rng(seed).normal(size=(9, 3))))

    def truth(self, ref):
        if ref.split is Split.UNLABELLED:
            return Truth(ref.id)
        return Truth(ref.id, anomalous="crack" in ref.id, points=np.arange(9) < 3, defect="a crack")

    def fingerprint(self, category):
        return f"{category} {self.version}"


def run(dataset, out, **options):
    return list(prepare(dataset, out, **options))


def contents(folder):
    """Path to bytes of every file, the lock aside."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture
def expected(tmp_path):
    """What an undisturbed call writes."""
    run(Made(), tmp_path / "expected")
    return contents(tmp_path / "expected")


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def test_layout(expected):
    numbers = range(SAMPLES)
    assert set(expected) == {
        "prepared.json",
        "nut/index.json",
        "nut/source.json",
        *(f"nut/samples/{number:05d}.npz" for number in numbers),
        *(f"nut/truths/{number:05d}.npz" for number in numbers),
    }


def test_the_result_says_what_was_made_and_what_was_kept(out, expected):
    size = sum(len(content) for name, content in expected.items() if name.endswith(".npz"))
    assert run(Made(), out) == [Outcome("nut", made=SAMPLES, kept=0, bytes=size)]
    assert run(Made(), out) == [Outcome("nut", made=0, kept=SAMPLES, bytes=size)]


def test_the_same_input_gives_the_same_bytes(out, expected):
    run(Made(), out)
    assert contents(out) == expected


def test_a_second_call_reads_no_sample_and_writes_nothing(out):
    run(Made(), out)
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*.npz")}
    dataset = Made()
    run(dataset, out)
    assert dataset.loaded == []
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.npz")} == times


@pytest.mark.parametrize("done", range(SAMPLES))
def test_an_interrupted_call_is_continued_where_it_stopped(out, expected, done):
    stopped, again = Made(), Made()
    stopped.stop_at = done
    with pytest.raises(KeyboardInterrupt):
        run(stopped, out)
    (outcome,) = run(again, out)
    assert (outcome.made, outcome.kept, len(again.loaded)) == (SAMPLES - done, done, SAMPLES - done)
    assert contents(out) == expected


@pytest.mark.parametrize("before", [True, False])
def test_a_kill_before_or_after_any_write_changes_no_byte(out, expected, monkeypatch, before):
    """An exception from the write itself, just before or just after a file got its name."""
    write, calls = atomic.write_bytes, []

    def killed(path, data):
        calls.append(path)
        if len(calls) != limit or not before:
            write(path, data)
        if len(calls) == limit:
            raise KeyboardInterrupt

    monkeypatch.setattr(atomic, "write_bytes", killed)
    writes = len(expected) + 1  # and the journal, which is gone in the end
    for limit in range(1, writes + 1):
        shutil.rmtree(out, ignore_errors=True)
        calls.clear()
        with pytest.raises(KeyboardInterrupt):
            run(Made(), out)
        run(Made(), out)
        assert contents(out) == expected, limit


def test_a_call_that_is_killed_again_and_again_ends_all_the_same(out, expected):
    for _ in range(SAMPLES - 1):
        stopped = Made()
        stopped.stop_at = 1
        with pytest.raises(KeyboardInterrupt):
            run(stopped, out)
    run(Made(), out)
    assert contents(out) == expected


def journal_of_a_stopped_call(out):
    stopped = Made()
    stopped.stop_at = 3
    with pytest.raises(KeyboardInterrupt):
        run(stopped, out)
    return out / "nut" / "journal.jsonl"


@pytest.mark.parametrize("cut", [1, 2, 50, 250])
def test_a_torn_line_of_the_journal_costs_one_sample(out, expected, cut):
    journal = journal_of_a_stopped_call(out)
    assert len(journal.read_text().splitlines()) == 3
    journal.write_bytes(journal.read_bytes()[:-cut])
    outcome = run(Made(), out)[0]
    assert outcome.kept == (3 if cut == 1 else 2)  # 1: only the end of the line is missing
    assert contents(out) == expected


@pytest.mark.parametrize("content", [b"", b"\0" * 400, b"{}\n[]\nnull\n\xff\n", None])
def test_a_damaged_journal_costs_time_only(out, expected, content):
    journal = journal_of_a_stopped_call(out)
    journal.unlink() if content is None else journal.write_bytes(content)
    run(Made(), out)
    assert contents(out) == expected


@pytest.mark.parametrize("stopped", [True, False])
@pytest.mark.parametrize("damage", ["missing", "empty", "longer", "changed"])
@pytest.mark.parametrize("part", ["samples", "truths"])
def test_a_damaged_file_is_made_again_and_only_that_one(out, expected, stopped, damage, part):
    journal_of_a_stopped_call(out) if stopped else run(Made(), out)
    path = out / "nut" / part / "00001.npz"
    content = path.read_bytes()
    damaged = {"empty": b"", "longer": content + b"x", "changed": content[:-1] + b"x"}
    path.unlink() if damage == "missing" else path.write_bytes(damaged[damage])
    again = Made()
    assert run(again, out)[0].kept == (2 if stopped else SAMPLES - 1)
    assert "2" in again.loaded
    assert contents(out) == expected


def test_a_damaged_index_is_made_again(out, expected):
    run(Made(), out)
    (out / "nut" / "index.json").write_text("{")
    run(Made(), out)
    assert contents(out) == expected


def edit_index(out, change, *, signed):
    """Changes the list of samples, and makes its digest right again if `signed`."""
    path = out / "nut" / "index.json"
    index = json.loads(path.read_text())
    change(index["samples"])
    path.write_text(json.dumps(index))
    if signed:
        samples = [StoredSample.model_validate_json(json.dumps(one)) for one in index["samples"]]
        path.write_text(Index.of("nut", samples).model_dump_json(by_alias=True))


def rename(samples):
    samples[2]["id"] = "goof/1"


def swap_files(samples):
    for part in ("sample", "truth"):
        samples[2][part], samples[4][part] = samples[4][part], samples[2][part]


def reorder(samples):
    samples[2], samples[3] = samples[3], samples[2]


def drop(samples):
    samples.pop()


def repeat(samples):
    samples.append(samples[0])


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("change", [rename, swap_files, reorder, drop, repeat])
def test_an_index_that_lists_other_samples_is_not_believed(out, expected, change, signed):
    run(Made(), out)
    edit_index(out, change, signed=signed)
    if not signed:
        with pytest.raises(DataError, match=r"index\.json is damaged"):
            read_record(Index, out / "nut" / "index.json")
    run(Made(), out)
    assert contents(out) == expected


@pytest.mark.parametrize("change", [rename, swap_files, reorder])
def test_a_journal_that_lists_other_samples_is_not_believed(out, expected, change):
    stopped = Made()
    stopped.stop_at = 5
    with pytest.raises(KeyboardInterrupt):
        run(stopped, out)
    journal = out / "nut" / "journal.jsonl"
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    change(lines)
    journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
    run(Made(), out)
    assert contents(out) == expected


def test_leftovers_of_a_killed_write_are_removed(out, expected):
    run(Made(), out)
    for folder in (out, out / "nut", out / "nut" / "samples"):
        (folder / ".0123456789ab.tmp").write_bytes(b"half")
    run(Made(), out)
    assert contents(out) == expected


def test_a_changed_source_is_made_anew(out, expected):
    run(Made(), out)
    changed = Made()
    changed.version = "2"
    assert run(changed, out)[0].made == SAMPLES
    found = contents(out)
    assert found.keys() == expected.keys()
    assert [name for name in found if found[name] != expected[name]] == ["nut/source.json"]


def test_a_category_whose_source_changes_meanwhile_is_not_finished(out):
    class Copying(Made):
        def load(self, ref):
            self.version += "1"
            return super().load(ref)

    outcome = run(Copying(), out)[0]
    assert outcome.failures == (Failure("", "files of nut changed while they were read; run it again."),)
    assert not (out / "nut" / "index.json").exists()


def test_one_changed_category_leaves_the_others(out):
    class Half(Made):
        def fingerprint(self, category):
            return f"{category} {self.version if category == 'nut' else 0}"

    run(Half(("bolt", "nut")), out)
    changed = Half(("bolt", "nut"))
    changed.version = "2"
    assert [(one.category, one.made) for one in run(changed, out)] == [("bolt", 0), ("nut", SAMPLES)]


def test_samples_that_cannot_be_read_are_named_and_stop_nothing(out, expected):
    dataset = Made()
    dataset.broken = {"2", "good/10"}
    outcome = run(dataset, out)[0]
    assert outcome.failures == (
        Failure("2", "2 is damaged; fetch it again."),
        Failure("good/10", "good/10 is damaged; fetch it again."),
    )
    assert outcome.made == SAMPLES - 2
    assert not (out / "nut" / "index.json").exists()
    mended = Made()
    run(mended, out)
    assert mended.loaded == ["2", "good/10"]
    assert contents(out) == expected


def test_a_category_that_cannot_be_listed_stops_no_other(out):
    class Torn(Made):
        def refs(self, category, split):
            if category == "bolt":
                raise DataError("bolt breaks the layout")
            return super().refs(category, split)

    bolt, nut = run(Torn(("bolt", "nut")), out)
    assert bolt.failures == (Failure("", "bolt breaks the layout."),)
    assert nut.failures == ()


@pytest.mark.parametrize("obstacle", ["", "source.json", "samples"])
def test_a_category_whose_folder_cannot_be_written_stops_no_other(out, obstacle):
    """A folder where a file should be, or the other way round, is trouble of that category alone."""
    run(Made(), out)
    path = out / "bolt" / obstacle
    path.parent.mkdir(exist_ok=True)
    path.mkdir() if obstacle == "source.json" else path.write_text("in the way")
    bolt, nut = run(Made(("bolt", "nut")), out)
    assert [failure.id for failure in bolt.failures] == [""]
    assert "cannot write" in bolt.failures[0].reason
    assert (nut.kept, nut.failures) == (SAMPLES, ())


def test_labels_for_another_number_of_points_are_a_failure(out):
    class Uneven(Made):
        def truth(self, ref):
            return Truth(ref.id, points=np.zeros(8, np.bool_))

    assert run(Uneven(), out)[0].failures[0] == Failure("1", "1 has 8 labels for 9 points.")


def test_only_chosen_categories_are_made_and_more_can_follow(out):
    dataset = Made(("bolt", "nut"))
    assert [one.category for one in run(dataset, out, categories=["nut", "nut"])] == ["nut"]
    assert Prepared(out, dataset.card, dataset.config).categories() == ["nut"]
    assert [one.made for one in run(dataset, out)] == [SAMPLES, 0]


def test_an_unknown_category_is_refused_before_anything_is_made(out):
    with pytest.raises(ConfigError, match="folder has no category 'nutt' there, did you mean 'nut'"):
        run(Made(), out, categories=["nutt"])
    assert not out.exists()


@pytest.mark.parametrize("where", ["", "out", "a/b"])
def test_writing_into_the_source_is_refused(tmp_path, where):
    with pytest.raises(DataError, match=r"lies in .*, which is only read; choose another --out"):
        run(Made(), tmp_path / where, source=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_writing_into_the_source_through_a_link_is_refused(tmp_path):
    (tmp_path / "source").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "source")
    with pytest.raises(DataError, match="which is only read"):
        run(Made(), tmp_path / "link" / "out", source=tmp_path / "source")


def test_a_folder_with_other_files_is_refused_and_left_alone(out):
    out.mkdir()
    for name in ("mine.txt", ".0123456789ab.tmp"):
        (out / name).write_text("mine")
    with pytest.raises(DataError, match="holds other files; choose another --out"):
        run(Made(), out)
    assert sorted(path.name for path in out.iterdir()) == [".0123456789ab.tmp", "mine.txt"]


def test_a_folder_of_another_data_set_options_or_revision_is_refused_and_left_alone(out):
    run(Made(), out)
    before = contents(out)
    with pytest.raises(ConfigError, match=r"was prepared with size=6, not 7; write folder\[size=6\]"):
        run(Made(size=7), out)
    other, newer = Made(), Made()
    other.card = FOLDER.model_copy(update={"slug": "other"})
    newer.card = FOLDER.model_copy(update={"revision": FOLDER.revision + 1})
    with pytest.raises(DataError, match="holds folder, not other"):
        run(other, out)
    with pytest.raises(DataError, match="holds revision"):
        run(newer, out)
    assert contents(out) == before


def test_a_second_command_is_refused_while_one_writes(out):
    first = prepare(Made(("bolt", "nut")), out)
    next(first)
    with pytest.raises(DataError, match="another command is writing into"):
        run(Made(("bolt", "nut")), out)
    assert [one.category for one in first] == ["nut"]
    run(Made(("bolt", "nut")), out)


@pytest.mark.parametrize("call", range(1, 8))
def test_a_full_disk_is_one_sentence_and_leaves_nothing_half_written(out, expected, monkeypatch, call):
    sync, calls = os.fsync, []

    def full(number):
        calls.append(number)
        if len(calls) >= call:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(number)

    with monkeypatch.context() as context:
        context.setattr(os, "fsync", full)
        with pytest.raises(DataError, match=r"cannot write .*No space left on device; free space or choose"):
            run(Made(), out)
    assert not list(out.rglob("*.tmp"))
    assert not (out / "nut" / "index.json").exists()
    run(Made(), out)
    assert contents(out) == expected


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"cannot write folder .*; choose another --out"):
        run(Made(), tmp_path / "file" / "out")


@pytest.mark.parametrize(
    "category",
    [
        *("..", ".hidden", "a b", "50 %", "größe", "CON|?*", "x" * 255, "ä" * 60, "日" * 80),
        *("prepared.json", "Prepared.JSON", "CON", "con.txt", "Lpt1", "a.", "a "),
    ],
)
def test_any_name_of_a_category_gets_a_folder_of_its_own(out, category):
    dataset = Made((category,))
    assert run(dataset, out)[0].failures == ()
    assert {path.parent for path in out.rglob("index.json")} == {out / category_folder(category)}
    assert Prepared(out, dataset.card, dataset.config).categories() == [category]
    folder = category_folder(category)
    assert len(folder) <= 100
    assert not folder.endswith((".", " "))
    assert folder.partition(".")[0].casefold() not in ("", "con", "lpt1", "prepared")


def test_long_names_that_begin_alike_get_different_folders():
    assert category_folder("x" * 200 + "1") != category_folder("x" * 200 + "2")


def test_names_that_are_not_unicode_are_failures(out, monkeypatch):
    monkeypatch.setitem(NAMES, Split.TEST, ["good/\udcff"])
    ((failure,),) = (outcome.failures for outcome in run(Made(), out))
    assert failure.reason == "the name 'good/\\udcff' is no legal Unicode; rename it."
    ((failure,),) = (outcome.failures for outcome in run(Made(("\udcfe",)), out))
    assert failure.reason == "the name '\\udcfe' is no legal Unicode; rename it."


def test_no_file_holds_an_absolute_path_although_findings_do(tmp_path):
    class Talking(Made):
        def problems(self, category):
            text = f"{tmp_path / 'source' / 'lost.ply'} is not used, {tmp_path / 'source'} is full"
            yield Finding(Severity.WARNING, category, text, (f"{tmp_path / 'source'}/x",))

    run(Talking(), tmp_path / "out", source=tmp_path / "source")
    assert not [name for name, data in contents(tmp_path / "out").items() if str(tmp_path).encode() in data]
    found = Prepared(tmp_path / "out", FOLDER, Options()).problems("nut")
    assert [(one.message, one.items) for one in found] == [
        ("lost.ply is not used, source is full (source, when prepared)", ("x",))
    ]


class Released(Made):
    """Tells from all scans together that they are not those of the original."""

    def release(self, category, scans: dict[str, ScanFacts]):
        assert {facts.points for facts in scans.values()} == {9}
        yield Finding(Severity.WARNING, category, "another release", tuple(scans))


@pytest.mark.parametrize("done", [*range(SAMPLES), None])
def test_which_release_the_scans_are_of_is_kept_however_often_it_was_stopped(out, done):
    stopped = Released()
    stopped.stop_at = done
    if done is not None:
        with pytest.raises(KeyboardInterrupt):
            run(stopped, out)
    run(Released(), out)
    run(Released(), out)
    found = list(Prepared(out, FOLDER, Options()).problems("nut"))
    assert [(one.severity, one.message) for one in found] == [
        (Severity.WARNING, "another release (source, when prepared)")
    ]
    assert set(found[0].items) == {name for names in NAMES.values() for name in names}


def test_a_copy_of_a_prepared_folder_has_the_same_samples(tmp_path):
    entry = registry.datasets()["synthetic"]
    config = entry.configure(
        {"points": 500, "train": 1, "good": 1, "defective": 1, "categories": "bottle+flange"}
    )
    run(entry.open(None, config), tmp_path / "one")
    run(entry.open(tmp_path / "one", config), tmp_path / "two")
    one, two = contents(tmp_path / "one"), contents(tmp_path / "two")
    assert one.keys() == two.keys()
    assert {name for name in one if one[name] != two[name]} == {"bottle/source.json", "flange/source.json"}


def test_progress_counts_samples(out):
    calls = []
    run(Made(), out, progress=lambda *call: calls.append(call))
    assert calls == [("nut", done + 1, SAMPLES) for done in range(SAMPLES)]
    calls.clear()
    run(Made(), out, progress=lambda *call: calls.append(call))
    assert calls == [("nut: checking", done + 1, SAMPLES) for done in range(SAMPLES)]
