"""Finding and verifying weights: places and their order, digests, damage."""

import hashlib
import json
import shutil

import numpy as np
import pytest

from pc3dad.errors import DataError, WeightsError
from pc3dad.weights import store

NAME = "model.safetensors"


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def own(home):
    return home / "weights" / "small" / NAME


def in_hub(folder, repository, name, content, *, linked):
    """A file in the layout of the hub's cache; `linked` as its client does, else as copied by hand."""
    base = folder / f"models--{repository.replace('/', '--')}"
    path = base / "snapshots" / "abc" / name
    path.parent.mkdir(parents=True)
    (base / "refs").mkdir()
    (base / "refs" / "main").write_text("abc")
    if linked:
        blob = base / "blobs" / linked
        blob.parent.mkdir()
        blob.write_bytes(content)
        path.symlink_to(blob)
    else:
        path.write_bytes(content)
    return path


def test_a_given_file_or_folder_wins_then_home_then_hub(home, card, write, tmp_path):
    wanted = card(file={"name": NAME, "form": "safetensors", "hub": "org/name", "address": ""})
    content = write(tmp_path / "x.safetensors").read_bytes()
    hub = in_hub(tmp_path / "hub", "org/name", NAME, content, linked="")
    assert store.look_up(wanted) == (hub, "hub cache")
    mine = write(own(home))
    assert store.look_up(wanted) == (mine, "home")
    copied = write(tmp_path / "copied" / "small" / NAME)
    for given in (copied, copied.parent, copied.parent.parent):
        assert store.look_up(wanted, given) == (copied, "given")


def test_a_given_folder_without_them_is_an_error_although_they_are_elsewhere(home, card, write, tmp_path):
    write(own(home))
    with pytest.raises(WeightsError, match=r"holds no model.safetensors of small; give the file"):
        store.find(card(), tmp_path)


def test_missing_weights_are_an_error_with_page_licence_and_command(home, card):
    with pytest.raises(WeightsError) as missing:
        store.find(card())
    for word in ("https://example.org", "licence: MIT", "pc3dad weights fetch small", "import small FILE"):
        assert word in str(missing.value)


def test_a_digest_is_recorded_at_the_first_use_and_compared_from_then_on(home, card, write):
    path = write(own(home))
    first = store.locate(card())
    assert (first.path, first.sha256, first.identity) == (path, sha256(path), "first use")
    assert json.loads((path.parent / f"{NAME}.json").read_text()) == {
        "sha256": sha256(path),
        "bytes": path.stat().st_size,
    }
    assert store.locate(card()).identity == "recorded"
    write(path, {"a.bias": np.ones(3, np.float32)})
    with pytest.raises(WeightsError, match=r"the one that was recorded is .* or delete .*\.json"):
        store.locate(card())


def test_a_copied_folder_is_enough(home, card, write, tmp_path):
    digest = store.locate(card(), write(own(home))).sha256
    shutil.copytree(home / "weights", tmp_path / "stick")
    shutil.rmtree(home)
    found = store.locate(card(), tmp_path / "stick")
    assert (found.sha256, found.identity, found.place) == (digest, "recorded", "given")


def test_a_published_digest_wins_over_a_recorded_one(home, card, write):
    path = write(own(home))
    store.locate(card())
    right = card(file={"name": NAME, "form": "safetensors", "sha256": sha256(path)})
    assert store.locate(right).identity == "published"
    short = card(file={"name": NAME, "form": "safetensors", "sha256": sha256(path)[:8]})
    assert store.locate(short).identity == "published"
    wrong = card(file={"name": NAME, "form": "safetensors", "sha256": "0" * 64})
    with pytest.raises(WeightsError, match="the one that was published is 0000"):
        store.locate(wrong)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("length", [0, 5, 60, -1])
def test_a_truncated_file_is_refused(home, card, write, known, length):
    path = write(own(home))
    if known:
        store.locate(card())
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(WeightsError, match=r"bytes instead of|is damaged"):
        store.locate(card())


def test_a_flipped_bit_is_refused(home, card, write):
    path = write(own(home))
    store.locate(card())
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="sha256"):
        store.locate(card())


def test_another_network_is_refused_and_not_recorded(home, card, write):
    path = write(own(home), {"a.bias": np.ones(4, np.float32), "b": np.ones(1, np.float32)})
    with pytest.raises(WeightsError, match=r"unexpected: b; of another shape: a.bias \(4,\) instead of"):
        store.locate(card())
    assert not (path.parent / f"{NAME}.json").exists()


def test_an_official_file_is_not_read_as_it_is(home, card, tmp_path):
    path = tmp_path / "official.pt"
    path.write_bytes(b"anything")
    with pytest.raises(WeightsError, match=r"`pc3dad weights import small .*official.pt` converts it once"):
        store.locate(card(), path)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"sha256": 3}', '{"sha256": "x"}'])
def test_a_damaged_record_is_an_error_that_says_what_to_do(home, card, write, content):
    path = write(own(home))
    (path.parent / f"{NAME}.json").write_text(content)
    with pytest.raises(WeightsError, match="delete it"):
        store.locate(card())


def test_the_hub_names_a_file_by_its_digest(home, card, write, tmp_path):
    source = write(tmp_path / "x.safetensors")
    wanted = card(file={"name": NAME, "form": "safetensors", "hub": "org/name", "address": ""})
    path = in_hub(tmp_path / "hub", "org/name", NAME, source.read_bytes(), linked=sha256(source))
    found = store.locate(wanted)
    assert (found.place, found.identity) == ("hub cache", "published")
    write(path.resolve(), {"a.bias": np.ones(3, np.float32)})
    with pytest.raises(WeightsError, match="published"):
        store.locate(wanted)
    assert [file.name for file in path.parent.iterdir()] == [NAME]  # nothing of ours in the hub's folder


@pytest.mark.parametrize(
    ("written", "read"), [('{"source": "official.pt"}', {"source": "official.pt"}), ("{", {}), ("3", {})]
)
def test_what_was_converted_says_of_what(home, card, write, written, read):
    write(own(home), metadata={store.MADE_OF: written})
    assert store.locate(card()).made_of == read


def test_packaged_weights_that_are_missing_are_a_broken_installation(home, card):
    with pytest.raises(WeightsError, match="is not in this installation"):
        store.find(card(packaged="pc3dad.encoders.embedded"))


def test_a_folder_that_cannot_be_written_is_enough(home, card, write, monkeypatch):
    def refuse(*arguments):
        raise DataError("read-only")

    write(own(home))
    monkeypatch.setattr(store, "write_record", refuse)
    assert [store.locate(card()).identity for _ in range(2)] == ["first use"] * 2
