"""Rules that every loader shares: order, junk, case, and names instead of whole paths."""

import os
from pathlib import Path

import pytest

from pc3dad.cards import DatasetCard
from pc3dad.data import tree
from pc3dad.errors import DataError

CARD = DatasetCard(
    slug="toys",
    title="Toys",
    licence="CC0",
    source="https://example.org/toys",
    unit="metre",
    dataset="m:D",
    config="m:C",
    categories=("car", "duck"),
)


def make(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def test_numbers_sort_by_value():
    names = ["10.ply", "2.ply", "a10b2", "a2b10", "1.ply"]
    assert sorted(names, key=tree.natural) == ["1.ply", "2.ply", "10.ply", "a2b10", "a10b2"]


def test_order_does_not_depend_on_the_directory(tmp_path):
    make(tmp_path, "10.ply", "9.ply", "B.ply", "a.ply")
    assert [path.name for path in tree.files(tmp_path, [".ply"])] == ["9.ply", "10.ply", "a.ply", "B.ply"]


def test_junk_of_operating_systems_is_skipped(tmp_path):
    make(
        tmp_path, "._1.ply", ".DS_Store", "Thumbs.db", "desktop.ini", "1.ply", "._folder/x.ply", ".git/y.ply"
    )
    assert [path.name for path in tree.files(tmp_path, [".ply", ".db", ".ini", ""])] == ["1.ply"]
    assert tree.folders(tmp_path) == []


def test_suffixes_match_in_any_case(tmp_path):
    make(tmp_path, "1.PLY", "2.Ply", "3.pcd")
    assert [path.name for path in tree.files(tmp_path, [".ply"])] == ["1.PLY", "2.Ply"]


@pytest.mark.parametrize("name", ["gt", "GT", "Gt", "Ground_Truth"])
def test_folders_match_in_any_case(tmp_path, name):
    make(tmp_path, f"{name}/x")
    assert tree.child(tmp_path, "gt", "ground_truth") == tmp_path / name


def test_two_folders_of_one_meaning_are_an_error(tmp_path):
    make(tmp_path, "gt/x", "GT/x")
    with pytest.raises(DataError, match=r"GT and gt|gt and GT"):
        tree.child(tmp_path, "gt")


def test_a_missing_folder_is_none(tmp_path):
    assert tree.child(tmp_path, "gt") is None


def test_a_category_may_be_nested_in_a_folder_of_its_name(tmp_path):
    make(tmp_path, "car/car/train/x", "duck/train/x", "other/train/x")
    assert tree.known_categories(tmp_path, CARD) == {
        "car": tmp_path / "car" / "car",
        "duck": tmp_path / "duck",
    }


def test_a_wrong_root_says_what_was_looked_for_where_it_comes_from_and_its_licence(tmp_path):
    make(tmp_path, "other/x")
    for root in (tmp_path, tmp_path / "none"):
        with pytest.raises(DataError, match=r"https://example\.org/toys.*CC0"):
            tree.known_categories(root, CARD)
    with pytest.raises(DataError, match="car/"):
        tree.known_categories(tmp_path, CARD)


def test_an_unknown_category_lists_what_exists(tmp_path):
    with pytest.raises(DataError, match="there are: car"):
        tree.pick({"car": tmp_path}, "plane", tmp_path)


def test_a_wrapper_of_the_same_name_is_no_wrapper_beside_folders_of_splits(tmp_path):
    make(tmp_path, "car/test/x", "duck/TRAIN/x")
    (tmp_path / "car" / "car").mkdir()
    (tmp_path / "duck" / "duck").mkdir()
    assert tree.known_categories(tmp_path, CARD) == {"car": tmp_path / "car", "duck": tmp_path / "duck"}


def needs_train(folder: Path) -> None:
    if (folder / "other").exists():
        raise tree.OtherReleaseError(f"{folder} is of another release")
    if not (folder / "train").exists():
        raise DataError(f"{folder} has no train")


def test_a_category_that_cannot_be_used_is_told_apart(tmp_path):
    make(tmp_path, "car/train/x", "duck/x")
    found = tree.category_folders(tmp_path, CARD, needs_train)
    assert found.usable == {"car": tmp_path / "car"}
    assert {name: str(error) for name, error in found.unusable.items()} == {
        "duck": f"{tmp_path / 'duck'} has no train."
    }


def test_without_any_usable_category_the_first_reason_is_the_error(tmp_path):
    make(tmp_path, "car/x", "duck/x")
    with pytest.raises(DataError, match="car has no train"):
        tree.category_folders(tmp_path, CARD, needs_train)


def test_another_release_in_one_category_refuses_all(tmp_path):
    make(tmp_path, "car/train/x", "duck/other")
    with pytest.raises(DataError, match="duck is of another release"):
        tree.category_folders(tmp_path, CARD, needs_train)


def test_linked_folders_beside_each_other_are_each_entered(tmp_path):
    make(tmp_path, "train/1.ply")
    (tmp_path / "validation").symlink_to("train")
    assert set(tree.sizes(tmp_path)) == {"train/1.ply", "validation/1.ply"}


def test_folders_that_all_link_to_each_other_end(tmp_path):
    names = [f"folder{index}" for index in range(8)]
    for name in names:
        make(tmp_path, f"{name}/1.ply")
        for other in names:
            (tmp_path / name / other).symlink_to(tmp_path / other)
    found = tree.sizes(tmp_path)
    assert {f"{name}/1.ply" for name in names} < set(found)
    assert max(name.count("/") for name in found) == 1 + tree.MAX_LINKS


def test_contents_name_what_cannot_be_listed_or_leads_nowhere(tmp_path, monkeypatch):
    make(tmp_path, "a/1.ply", "closed/2.ply")
    (tmp_path / "a" / "lost.ply").symlink_to(tmp_path / "nowhere")
    scandir = os.scandir

    def guarded(path):
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)  # tests may run as root, who may list everything
    found = tree.contents(tmp_path)
    assert found == tree.Contents({"a/1.ply": 1}, ["closed/"], ["a/lost.ply"])


def test_walk_enters_linked_folders_but_no_loops(tmp_path):
    make(tmp_path, "far/1.ply", "root/2.ply")
    (tmp_path / "root" / "linked").symlink_to(tmp_path / "far")
    (tmp_path / "far" / "loop").symlink_to(tmp_path / "root")
    found = sorted(path.relative_to(tmp_path).as_posix() for path in tree.walk(tmp_path / "root"))
    assert found == ["root/2.ply", "root/linked/1.ply"]


def test_sizes_name_every_file_below_a_folder(tmp_path):
    make(tmp_path, "a/b/1.ply", "a/.DS_Store")
    (tmp_path / "2.ply").write_bytes(b"12345")
    (tmp_path / "gone.ply").symlink_to(tmp_path / "nowhere")
    assert tree.sizes(tmp_path) == {"2.ply": 5, "a/.DS_Store": 1, "a/b/1.ply": 1}


@pytest.mark.parametrize("name", ["._1.ply", ".ds_store", "a/Thumbs.DB"])
def test_junk_is_known_by_its_last_name(name):
    assert tree.is_junk(name)
    assert tree.is_junk(Path("/data", name))
    assert not tree.is_junk(f"{name}/1.ply")


def test_listings_list_a_folder_once(tmp_path):
    make(tmp_path, "GT/1.txt", "GT/1.csv", "GT/10.txt")
    listings = tree.Listings()
    first = listings.by_stem(tmp_path / "GT", (".txt", ".csv"))
    assert {stem: [path.name for path in paths] for stem, paths in first.items()} == {
        "1": ["1.csv", "1.txt"],
        "10": ["10.txt"],
    }
    assert listings.child(tmp_path, "gt") == tmp_path / "GT"
    make(tmp_path, "GT/2.txt", "gt/1.txt")
    assert listings.by_stem(tmp_path / "GT", (".txt", ".csv")) is first
    assert listings.child(tmp_path, "gt") == tmp_path / "GT"


def test_listings_do_not_remember_failures(tmp_path):
    listings = tree.Listings()
    with pytest.raises(DataError):
        listings.by_stem(tmp_path / "gt", (".txt",))
    make(tmp_path, "gt/1.txt")
    assert set(listings.by_stem(tmp_path / "gt", (".txt",))) == {"1"}


def test_broken_links_are_listed_and_linked_folders_are_not(tmp_path):
    (tmp_path / "1.ply").symlink_to(tmp_path / "gone")
    (tmp_path / "2.ply").symlink_to(tmp_path)
    assert [path.name for path in tree.files(tmp_path, [".ply"])] == ["1.ply"]
