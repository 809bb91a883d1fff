"""A prepared folder gives the same samples and labels as its source, bit by bit, and notices every change."""

import hashlib
import io
import json
import shutil
import zipfile
from dataclasses import fields

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pc3dad import registry
from pc3dad.data.base import Dataset, SampleRef, Severity
from pc3dad.data.prepare import prepare
from pc3dad.data.prepared import pack_sample, unpack_sample
from pc3dad.data.prepared_layout import Index, StoredFile, read_record
from pc3dad.data.verify import verify
from pc3dad.errors import ConfigError, DataError
from pc3dad.io import atomic, digest, npz
from pc3dad.io.ply import write_ply
from pc3dad.io.scan import unit_colours
from pc3dad.testing import trees
from pc3dad.types import PointCloud, Sample, Split

SMALL = {"points": 500, "train": 1, "good": 2, "defective": 3, "categories": "bottle+flange"}


def plant_eyecandies(root):
    """One sample of each split, the test sample with a photograph and a defect."""
    kinds = ("bumps", "dents", "colors", "normals")
    level = np.full((512, 512), 40000, np.uint16)
    level[200:300, 200:300] = 30000
    mask = np.zeros((512, 512), np.uint8)
    mask[210:220, 220:240] = 255
    for split in ("train", "val", "test_public", "test_private"):
        stem = root / "Lollipop" / split / "data" / "00"
        stem.parent.mkdir(parents=True)
        colours = np.dstack([mask, level % 251, mask]).astype(np.uint8)
        for item, image in {"depth": level, "image_5": colours, "normals": colours, "mask": mask}.items():
            Image.fromarray(image).save(f"{stem}_{item}.png")
        for kind in kinds:
            Image.fromarray(mask * (kind == "dents")).save(f"{stem}_{kind}_mask.png")
        flags = "".join(f"anomalous_{kind}: {int(kind == 'dents')}\n" for kind in kinds)
        stem.with_name("00_metadata.yaml").write_text(f"anomalous: 1\n{flags}")
        stem.with_name("00_info_depth.yaml").write_text("normalization:\n  max: 4.9\n  min: 2.3\n")
        np.savetxt(stem.with_name("00_pose.txt"), np.eye(4))
    return root


def plant_folder(root):
    """With and without labels, colours, normals and an origin far away."""
    xyz = np.random.default_rng(0).normal(size=(30, 3))
    for name in ("train/1.ply", "test/good/2.ply", "test/a crack/10.ply", "loose.ply"):
        path = root / "nut #1" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_ply(path, PointCloud(xyz, normals=xyz / 9, rgb=np.full((30, 3), 0.2)))
    np.savetxt(root / "nut #1" / "test" / "good" / "far.xyz", xyz + 1e7)
    (root / "nut #1" / "gt" / "a crack").mkdir(parents=True)
    np.save(root / "nut #1" / "gt" / "a crack" / "10.npy", np.arange(30) > 20)
    return root


def plant_mvtec3d_ad(root):
    """One sample of each kind."""
    trees.mvtec3d_ad(root, categories=["foam"])
    for path in [*root.rglob("*.tiff"), *root.rglob("*.png")]:
        if path.stem != "000":
            path.unlink()
    return root


def plant_arrays(root):
    """A cloud with instances of its defects, and an image."""
    (root / "part").mkdir(parents=True)
    xyz = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    labels = np.arange(20) < 5
    regions = np.where(labels, np.arange(20) // 3, -1)
    np.savez(root / "part" / "1.npz", xyz=xyz, labels=labels, regions=regions, object_label=1)
    np.savez(root / "part" / "2.npz", labels=np.zeros((4, 5)), object_label=0)
    return root


def plant_btp_npz(root):
    """Sampled points in another frame than the original ones."""
    (root / "fish" / "test").mkdir(parents=True)
    xyz = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    labels = np.arange(50) > 45
    for name, marks in {"1_good": labels & False, "10_bulge": labels, "2_sink": labels}.items():
        np.savez(root / "fish" / "test" / f"{name}.npz", points=xyz / 9, labels=marks, original_points=xyz)
    return root


def plant_prerendered(root):
    """Clouds that are not organised, without the parts that only `views` reads."""
    xyz = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    for species in ("good", "cut"):
        for part in ("2d_rendering", "2d_3d_cor"):
            (root / "nut" / "test" / species / part / "000").mkdir(parents=True)
        for part, white in {"pcd": 0, "gt_pcd": 0x00FFFFFF if species == "cut" else 0}.items():
            colour = np.where(np.arange(20) < 5, white, 0).astype(np.uint32).view(np.float32)
            header = (
                "VERSION 0.7\nFIELDS x y z rgb\nSIZE 4 4 4 4\nTYPE F F F F\nCOUNT 1 1 1 1\nWIDTH 20\n"
                "HEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS 20\nDATA binary\n"
            )
            path = root / "nut" / "test" / species / part / "000.pcd"
            path.parent.mkdir()
            path.write_bytes(header.encode() + np.column_stack([xyz, colour]).tobytes())
    return root


SOURCES = {
    "anomaly_shapenet": lambda root: trees.anomaly_shapenet(root, categories=["helmet1"]),
    "arrays": plant_arrays,
    "btp_npz": plant_btp_npz,
    "eyecandies": plant_eyecandies,
    "folder": plant_folder,
    "mvtec3d_ad": plant_mvtec3d_ad,
    "prerendered": plant_prerendered,
    "real3d_ad": lambda root: trees.real3d_ad(root, categories=["chicken"]),
    "synthetic": lambda root: root,
}
OPTIONS = {"synthetic": SMALL, "eyecandies": {"normals": True}, "real3d_ad": {"points": "scan"}}


def opened(slug, root, **options):
    entry = registry.datasets()[slug]
    return entry.open(root, entry.configure(options))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The synthetic set and its prepared copy."""
    out = tmp_path_factory.mktemp("made") / "out"
    dataset = opened("synthetic", None, **SMALL)
    assert not [failure for outcome in prepare(dataset, out) for failure in outcome.failures]
    return dataset, out


@pytest.fixture
def copy(made, tmp_path):
    """A prepared folder to damage."""
    shutil.copytree(made[1], tmp_path / "copy")
    return tmp_path / "copy"


def assert_same(one, other):
    """Equal in every field and bit, nested dataclasses included."""
    assert type(one) is type(other)
    for field in fields(one):
        first, second = getattr(one, field.name), getattr(other, field.name)
        if isinstance(first, np.ndarray) and second is not None:
            assert (first.dtype, first.shape) == (second.dtype, second.shape), field.name
            assert first.tobytes() == second.tobytes(), field.name
        elif hasattr(first, "__dataclass_fields__"):
            assert_same(first, second)
        else:
            assert first == second, field.name


@pytest.mark.parametrize("slug", SOURCES)
def test_every_sample_and_label_comes_back_bit_by_bit_in_the_same_order(slug, tmp_path):
    options = OPTIONS.get(slug, {})
    source = opened(slug, SOURCES[slug](tmp_path / "source"), **options)
    outcomes = list(prepare(source, tmp_path / "out"))
    assert outcomes
    assert not [failure for outcome in outcomes for failure in outcome.failures]
    assert sum(outcome.made for outcome in outcomes) > 1
    copy = opened(slug, tmp_path / "out", **options)
    assert type(copy).__name__ == "Prepared"
    assert isinstance(copy, Dataset)
    assert (copy.card, copy.config) == (source.card, source.config)
    assert copy.categories() == source.categories()
    refs = [(category, split) for category in source.categories() for split in Split]
    for category, split in refs:
        assert copy.refs(category, split) == source.refs(category, split)
        for ref in source.refs(category, split):
            assert_same(copy.load(ref), source.load(ref))
            assert_same(copy.truth(ref), source.truth(ref))


def test_every_data_set_of_the_registry_is_tested_above():
    assert set(SOURCES) == {entry.slug for entry in registry.datasets()}


@st.composite
def samples(draw):
    """Clouds with any parts missing, values that are not finite, and signed zeros."""
    height, width = draw(st.sampled_from([(0, 3), (1, 1), (2, 4), (3, 3)]))
    n = height * width
    numbers = np.array([0.0, -0.0, 1.5, np.nan, np.inf, -np.inf, 1e-40, 16777217.0], np.float32)
    pick = st.lists(st.sampled_from(range(len(numbers))), min_size=3 * n, max_size=3 * n)
    image = np.arange(3 * n, dtype=np.uint8).reshape(height, width, 3) if draw(st.booleans()) else None
    rgb = draw(st.sampled_from(["none", "own", "image"]))
    colours = {"none": None, "own": np.linspace(0, 1, 3 * n, dtype=np.float32).reshape(n, 3)}
    colours["image"] = None if image is None else unit_colours(image.reshape(-1, 3), integer=True)
    cloud = PointCloud(
        numbers[draw(pick)].reshape(n, 3),
        origin=np.array([1e9, -0.0, 0.1]),
        normals=numbers[draw(pick)].reshape(n, 3) if draw(st.booleans()) else None,
        rgb=colours[rgb],
        valid=np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)), np.bool_),
        grid=(height, width) if draw(st.booleans()) else None,
    )
    return Sample("id", "category", cloud, image)


@settings(deadline=None, max_examples=150)
@given(sample=samples())
def test_packing_loses_no_bit(tmp_path_factory, sample):
    path = tmp_path_factory.mktemp("pack") / "x.npz"
    atomic.write_npz(path, pack_sample(sample), compressed=False)
    ref = SampleRef("category", Split.TEST, "id")
    assert_same(unpack_sample(ref, npz.parse_arrays(path, path.read_bytes())), sample)


def test_colours_that_are_those_of_the_image_are_stored_once():
    image = np.random.default_rng(0).integers(0, 256, (4, 5, 3), np.uint8)
    cloud = PointCloud(np.ones((20, 3)), rgb=unit_colours(image.reshape(-1, 3), integer=True), grid=(4, 5))
    assert "rgb" not in pack_sample(Sample("id", "category", cloud, image))
    assert "rgb" in pack_sample(Sample("id", "category", cloud, image // 2))


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"xyz": np.zeros((2, 3), np.float32)},
        {"xyz": np.zeros((2, 3)), "origin": np.zeros(2), "valid": np.zeros(1, np.uint8)},
        {"xyz": np.zeros((2, 3)), "origin": np.zeros(3), "valid": np.zeros(1)},
        {"xyz": np.zeros((2, 3)), "origin": np.zeros(3), "valid": np.zeros(1, np.uint8), "grid": np.ones(1)},
        {"xyz": np.array(1.0), "origin": np.zeros(3), "valid": np.zeros(1, np.uint8)},
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(arrays):
    with pytest.raises(DataError):
        unpack_sample(SampleRef("category", Split.TEST, "id"), arrays)


def test_files_of_samples_hold_no_label_and_their_names_tell_none(made):
    dataset, out = made
    kinds = {dataset.truth(ref).defect for ref in dataset.refs("bottle", Split.TEST)}
    for path in (out / "bottle" / "samples").iterdir():
        with zipfile.ZipFile(path) as archive:
            assert {name.removesuffix(".npy") for name in archive.namelist()} == {
                "xyz",
                "origin",
                "valid",
                "rgb",
            }
        assert not any(kind in path.name for kind in kinds)


def test_options_that_differ_are_named_with_what_to_write(made):
    with pytest.raises(ConfigError, match=r"points=500, not 600; write synthetic\[points=500\]"):
        opened("synthetic", made[1], **{**SMALL, "points": 600})


def test_another_data_set_is_refused(made):
    with pytest.raises(DataError, match="holds synthetic, not folder"):
        opened("folder", made[1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"revision": 99}, "revision 99 of synthetic, the loader has revision"),
        ({"schema": 99}, "schema version 99, this version reads 2"),
        ({"schema": "1"}, "damaged or of another version"),
        ({"unknown": 1}, "damaged or of another version"),
    ],
)
def test_what_another_version_wrote_is_refused(copy, change, message):
    path = copy / "prepared.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(DataError, match=message):
        opened("synthetic", copy, **SMALL)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"schema": 1}'])
@pytest.mark.parametrize("name", ["prepared.json", "bottle/index.json"])
def test_damaged_descriptions_are_one_sentence(copy, name, content):
    (copy / name).write_bytes(content)
    with pytest.raises(DataError, match=f"{name} is damaged or of another version; make another folder"):
        opened("synthetic", copy, **SMALL)


def sign(copy, **changes):
    """Changes the first entry of the index, with a digest that is right: somebody else's folder."""
    path = copy / "bottle" / "index.json"
    index = read_record(Index, path)
    first = index.samples[0].model_copy(update=changes)
    signed = Index.of(index.category, (first, *index.samples[1:]))
    path.write_text(signed.model_dump_json(by_alias=True))


def test_an_index_cannot_name_a_file_elsewhere(copy):
    content = (copy / "bottle" / "samples" / "00000.npz").read_bytes()
    (copy / "secret.npz").write_bytes(content)
    there = StoredFile.model_construct(
        name="samples/../../secret.npz", bytes=len(content), sha256=hashlib.sha256(content).hexdigest()
    )
    sign(copy, sample=there)
    with pytest.raises(DataError, match="damaged"):
        opened("synthetic", copy, **SMALL)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"id": "test_000"', '"id": "test_009"'),
        ('"split": "test"', '"split": "train"'),
        ('"category": "bottle"', '"category": "bottles"'),
        ("samples/00001.npz", "samples/00002.npz"),
    ],
)
def test_an_edited_index_is_refused(copy, old, new):
    """Every id is bound to its files: no scan can be read under the name of another one."""
    path = copy / "bottle" / "index.json"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(DataError, match=r"index\.json is damaged"):
        opened("synthetic", copy, **SMALL)


def test_labels_of_another_sample_are_refused(copy):
    sign(copy, truth=read_record(Index, copy / "bottle" / "index.json").samples[2].truth)
    with pytest.raises(
        DataError, match=r"00002\.npz holds the labels of test_001, not of train_000; run the"
    ):
        opened("synthetic", copy, **SMALL).truth(SampleRef("bottle", Split.TRAIN, "train_000"))


def test_only_finished_categories_are_visible(copy):
    (copy / "bottle" / "index.json").unlink()
    dataset = opened("synthetic", copy, **SMALL)
    assert dataset.categories() == ["flange"]
    with pytest.raises(DataError, match=r"no finished category 'bottle' \(finished ones: flange\); make it"):
        dataset.refs("bottle", Split.TEST)
    (copy / "flange" / "index.json").unlink()
    with pytest.raises(
        DataError, match="holds no finished category; run the same `pc3dad data prepare` again"
    ):
        opened("synthetic", copy, **SMALL)


def test_a_renamed_category_is_refused(copy):
    (copy / "bottle").rename(copy / "jug")
    with pytest.raises(DataError, match="was renamed, it holds bottle"):
        opened("synthetic", copy, **SMALL)


def test_an_unknown_sample_is_refused(made):
    dataset = opened("synthetic", made[1], **SMALL)
    with pytest.raises(DataError, match="bottle has no train sample 'test_000'"):
        dataset.load(SampleRef("bottle", Split.TRAIN, "test_000"))


def test_the_fingerprint_is_that_of_the_content_alone(made, copy):
    dataset, again = (opened("synthetic", root, **SMALL) for root in (made[1], copy))
    for path in copy.rglob("*.npz"):
        path.touch()
    assert dataset.fingerprint("bottle") == again.fingerprint("bottle")
    assert dataset.fingerprint("bottle") != dataset.fingerprint("flange")
    sign(copy, id="another")
    assert again.fingerprint("bottle") != dataset.fingerprint("bottle")


def test_problems_name_missing_empty_changed_and_unexpected_files(copy):
    folder = copy / "bottle"
    (folder / "samples" / "00000.npz").unlink()
    (folder / "truths" / "00001.npz").write_bytes(b"")
    with (folder / "samples" / "00002.npz").open("ab") as stream:
        stream.write(b"x")
    (folder / "notes.txt").write_text("mine")
    (folder / ".DS_Store").write_text("junk")
    found = list(opened("synthetic", copy, **SMALL).problems("bottle"))
    assert [(one.severity, one.message, one.items) for one in found] == [
        (Severity.ERROR, "1 prepared files are missing", ("samples/00000.npz",)),
        (Severity.ERROR, "1 prepared files are empty", ("truths/00001.npz",)),
        (Severity.ERROR, "1 prepared files have another size", ("samples/00002.npz",)),
        (Severity.WARNING, "1 prepared files do not belong here", ("notes.txt",)),
    ]


@pytest.mark.parametrize("part", ["samples", "truths"])
def test_a_flipped_bit_is_found_when_the_file_is_read(copy, part):
    path = copy / "bottle" / part / "00003.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    dataset = opened("synthetic", copy, **SMALL)
    assert list(dataset.problems("bottle")) == []
    ref = dataset.refs("bottle", Split.TEST)[2]
    with pytest.raises(
        DataError, match=rf"00003.npz of {ref.id} has changed since it was written; run the same"
    ):
        (dataset.load if part == "samples" else dataset.truth)(ref)
    errors = [finding for finding in verify(dataset) if finding.severity is Severity.ERROR]
    assert [part in error.message for error in errors] == [True]


@pytest.mark.parametrize("content", [None, b"", b"PK"])
def test_missing_and_cut_files_are_one_sentence(copy, content):
    path = copy / "bottle" / "samples" / "00000.npz"
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(DataError, match=r"00000\.npz of train_000"):
        opened("synthetic", copy, **SMALL).load(SampleRef("bottle", Split.TRAIN, "train_000"))


def test_a_bomb_with_the_right_digest_is_not_unpacked(copy):
    """Somebody else's prepared folder may be hostile in every file."""
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xyz.npy", bytes(100_000_000))
    path = copy / "bottle" / "samples" / "00000.npz"
    path.write_bytes(bomb.getvalue())
    stored = StoredFile(name="samples/00000.npz", bytes=path.stat().st_size, sha256=digest.of_file(path))
    sign(copy, sample=stored)
    with pytest.raises(DataError, match="claims 100000000 bytes"):
        opened("synthetic", copy, **SMALL).load(SampleRef("bottle", Split.TRAIN, "train_000"))


def test_what_was_to_be_said_about_the_source_is_said_again(tmp_path):
    """Otherwise a copy of half a data set would look complete."""
    root = SOURCES["real3d_ad"](tmp_path / "source")
    next((root / "Real3D-AD-PCD" / "chicken" / "test").glob("*_good.pcd")).unlink()
    source = opened("real3d_ad", root)
    assert all(not outcome.failures for outcome in prepare(source, tmp_path / "out", source=root))
    copied = [
        (one.severity, one.message.removesuffix(" (source, when prepared)"), one.items)
        for one in opened("real3d_ad", tmp_path / "out").problems("chicken")
    ]
    assert copied == [(one.severity, one.message, one.items) for one in source.problems("chicken")]
    assert any("not the published number of samples" in message for _, message, _ in copied)


def test_which_release_the_scans_are_of_is_said_again(tmp_path):
    """Only the scans tell that their support plane was removed; a copy must not look like the original."""
    root = plant_mvtec3d_ad(tmp_path / "source")
    for path in root.rglob("*.tiff"):
        scan = tifffile.imread(path)
        for rim in (scan[:6], scan[-6:], scan[:, :6], scan[:, -6:]):
            rim[:] = 0
        tifffile.imwrite(path, scan, photometric="rgb")
    source = opened("mvtec3d_ad", root, foreground="all")
    assert all(not outcome.failures for outcome in prepare(source, tmp_path / "out", source=root))
    copied = verify(opened("mvtec3d_ad", tmp_path / "out", foreground="all"))
    plane = [one.message for one in verify(source) if "plane" in one.message]
    assert plane
    assert [one.message for one in copied if "plane" in one.message] == [
        f"{message} (source, when prepared)" for message in plane
    ]


def test_a_lost_source_file_hides_nothing_else(copy):
    dataset = opened("synthetic", copy, **SMALL)
    folder = copy / dataset.categories()[0]
    (folder / "stray.txt").write_text("x")
    (folder / "source.json").unlink()
    findings = dataset.problems(dataset.categories()[0])
    assert "do not belong here" in next(findings).message
    with pytest.raises(DataError, match=r"source\.json"):
        next(findings)
