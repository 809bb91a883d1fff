"""Official renders read in place, on trees of the documented layout (gs_clip 7, align3d_ad 8.2)."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from pc3dad.data.base import Dataset, SampleRef, Severity
from pc3dad.data.prerendered import SIDE, Prerendered, PrerenderedConfig
from pc3dad.data.verify import verify
from pc3dad.errors import DataError
from pc3dad.types import Split

AUTHOR = "/home/bagel/test/good/2d_rendering/000/shell/test/anomaly/data"  # no word of it counts
PIXELS = (6, 8)  # H x W of the renders in these tests; nothing depends on 336
SLOTS = np.arange(20) * 5000 + 7  # of the 336 x 336 grid, twenty rendered points
WHITE = np.arange(20) % 4 == 0  # defective points
NAMES = {"2d_depth": "view_{}_depth.png", "2d_gt": "view_{}_gt.png"}


def write_pcd(path: Path, xyz: np.ndarray, rgb: np.ndarray | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fields = [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), *([] if rgb is None else [("rgb", "<u4")])]
    table = np.zeros(len(xyz), fields)
    table["x"], table["y"], table["z"] = xyz.T
    if rgb is not None:
        table["rgb"] = rgb.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    names = " ".join(table.dtype.names)
    header = (
        f"VERSION .7\nFIELDS {names}\nSIZE{' 4' * len(fields)}\nTYPE{' F' * 3}{' F' * (rgb is not None)}\n"
    )
    header += f"COUNT{' 1' * len(fields)}\nWIDTH {len(xyz)}\nHEIGHT 1\nPOINTS {len(xyz)}\nDATA binary\n"
    path.write_bytes(header.encode() + table.tobytes())


def paint(white: np.ndarray) -> np.ndarray:
    """(n, 3) white on defects, black elsewhere."""
    return np.repeat(white[:, None] * 255, 3, axis=1)


def write_png(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path)


def coordinates(seed: int, n: int = 20) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 3)).astype(np.float32)


def write_views(species: Path, name: str, n: int = 20, views=range(2), parts=("2d_depth", "2d_gt")) -> None:
    """Renders whose grey level is the number of the view, and correspondences that count it too."""
    for k in views:
        write_png(species / "2d_rendering" / name / f"view_{k}.png", np.full((*PIXELS, 3), k))
        for part in parts:
            pixels = np.full(PIXELS, 10 + k) if part == "2d_depth" else np.full((*PIXELS, 3), 20 + k)
            write_png(species / part / name / NAMES.get(part, "view_{}.png").format(k), pixels)
        rows = np.stack([np.arange(n) % PIXELS[1], np.full(n, k % PIXELS[0]), np.arange(n) % 2], axis=1)
        (species / "2d_3d_cor" / name).mkdir(parents=True, exist_ok=True)
        np.save(species / "2d_3d_cor" / name / f"view_{k}_cor.npy", rows)


def write_organised(species: Path, name: str, *, view_name: str = "", level: int = 0, seed: int = 0) -> None:
    """One sample as MVTec 3D-AD and Eyecandies have it; a square defect of that level in the mask."""
    view_name = view_name or name
    write_views(species, view_name)
    np.save(species / "2d_3d_cor" / view_name / "nonzero_indices.npy", SLOTS)
    write_pcd(species / "pcd" / f"{view_name}.pcd", coordinates(seed), np.full((20, 3), 179))
    mask = np.zeros((42, 42))
    mask[10:14, 20:24] = level
    write_png(species / "gt" / f"{name}.png", mask)
    write_png(species / "rgb" / f"{name}.png", np.full((42, 42, 3), 51))


def write_unorganised(species: Path, name: str, *, white: np.ndarray = WHITE, seed: int = 0) -> None:
    """One sample as Real3D-AD and Anomaly-ShapeNet have it."""
    write_views(species, name)
    write_pcd(species / "pcd" / f"{name}.pcd", coordinates(seed))
    write_pcd(species / "gt_pcd" / f"{name}.pcd", coordinates(seed), paint(white))


@pytest.fixture
def mvtec(tmp_path: Path) -> Path:
    """Two categories, below folders whose names must not become labels."""
    root = tmp_path / "good" / "bagel" / "test"
    for number in ("000", "010", "002"):
        write_organised(root / "bagel" / "test" / "crack", number, level=254, seed=int(number))
    write_organised(root / "bagel" / "test" / "good", "000", seed=99)
    write_organised(root / "rope" / "test" / "cut", "000", level=255)
    return root


@pytest.fixture
def real3d(tmp_path: Path) -> Path:
    root = tmp_path / "Real3D-AD"
    write_unorganised(root / "shell" / "test" / "anomaly", "7_bulge")
    write_unorganised(root / "shell" / "test" / "good", "8_good", white=WHITE & False)
    return root


def record(category: str, species: str, name: str, *, image: str = "", **changes) -> dict:
    """As the scripts of the authors write it for MVTec 3D-AD."""
    base = f"{AUTHOR}/{category}/test/{species}"
    image = image or name
    written = {
        "d2_img_path": f"{base}/rgb/{image}.png",
        "d2_mask_path": f"{base}/gt/{image}.png",
        "d3_pc": f"{base}/xyz/{image}.tiff",
        "cls_name": category,
        "specie_name": species,
        "anomaly": int(species != "good"),
        "d2_render_img_path": f"{base}/2d_rendering/{name}",
        "d2_render_gt_path": f"{base}/2d_gt/{name}",
        "d2_corrdinate": f"{base}/2d_3d_cor/{name}",
        "pcd_path": f"{base}/pcd/{name}.pcd",
        "gt_pcd_path": f"{base}/gt_pcd/{name}.pcd",
        "d2_depth_path": f"{base}/2d_depth/{name}",
    }
    return {key: value for key, value in {**written, **changes}.items() if value is not None}


def write_json(path: Path, **records: list) -> None:
    path.write_text(json.dumps({"train": {}, "test": records}))


def opened(root: Path) -> Prerendered:
    return Prerendered(root, PrerenderedConfig())


def names(root: Path, category: str = "bagel") -> list[str]:
    return [ref.id for ref in opened(root).refs(category, Split.TEST)]


def bagel(name: str = "crack/000") -> SampleRef:
    return SampleRef("bagel", Split.TEST, name)


def shell(name: str = "anomaly/7_bulge") -> SampleRef:
    return SampleRef("shell", Split.TEST, name)


def messages(root: Path, severity: Severity, category: str = "bagel") -> dict[str, tuple[str, ...]]:
    found = opened(root).problems(category)
    return {one.message: one.items for one in found if one.severity is severity}


def errors(root: Path) -> list[str]:
    """What `data verify` says is wrong, every case of it."""
    found = [one for one in verify(opened(root)) if one.severity is Severity.ERROR]
    return [text for one in found for text in (one.message, *one.items)]


class TestFolders:  # gs_clip 7.1
    def test_it_is_a_data_set_that_needs_no_json(self, mvtec):
        assert isinstance(opened(mvtec), Dataset)
        assert opened(mvtec).categories() == ["bagel", "rope"]

    def test_samples_are_in_natural_order_and_all_of_the_test_split(self, mvtec):
        assert names(mvtec) == ["crack/000", "crack/002", "crack/010", "good/000"]
        assert all(not opened(mvtec).refs("bagel", split) for split in Split if split is not Split.TEST)

    @pytest.mark.parametrize("stray", ["__MACOSX/bagel", "checkpoints/test/epoch_1", "logs"])
    def test_folders_of_something_else_are_no_categories_and_hide_none(self, mvtec, stray):
        (mvtec / stray).mkdir(parents=True)
        assert opened(mvtec).categories() == ["bagel", "rope"]

    def test_the_folder_may_be_the_current_one(self, mvtec, monkeypatch):
        (mvtec.with_name("test_rendered") / "bagel").mkdir(parents=True)
        monkeypatch.chdir(mvtec)
        assert any("merge it into" in text for text in messages(Path(), Severity.WARNING))
        assert not errors(Path())

    def test_a_folder_without_renders_is_refused(self, tmp_path):
        with pytest.raises(DataError, match="2d_rendering"):
            opened(tmp_path)
        with pytest.raises(DataError, match="not a folder"):
            opened(tmp_path / "lost")

    def test_names_match_in_any_case(self, mvtec):
        crack = mvtec / "bagel" / "test" / "crack"
        (crack / "gt").rename(crack / "GT")
        assert opened(mvtec).truth(bagel()).points.any()

    @pytest.mark.parametrize("name", ["crack/001", "000", "crack", "../crack/000"])
    def test_unknown_samples_are_refused(self, mvtec, name):
        with pytest.raises(DataError, match="no test sample"):
            opened(mvtec).load(bagel(name))

    def test_the_fingerprint_follows_files_and_json(self, mvtec):
        before = opened(mvtec).fingerprint("bagel")
        write_json(mvtec / "all_meta.json", bagel=[record("bagel", "crack", "000")])
        assert before != opened(mvtec).fingerprint("bagel")


class TestJson:  # gs_clip 7.2, align3d_ad 8.2
    def test_paths_of_another_machine_are_cut_before_the_category(self, mvtec):
        write_json(mvtec / "all_meta.json", bagel=[record("bagel", "crack", "002")])
        assert names(mvtec) == ["crack/002"]
        np.testing.assert_array_equal(opened(mvtec).load(bagel("crack/002")).cloud.xyz[SLOTS], coordinates(2))

    def test_records_in_directory_order_are_sorted(self, mvtec):
        order = [("good", "000"), ("crack", "010"), ("crack", "002")]
        write_json(mvtec / "all_meta.json", bagel=[record("bagel", *one) for one in order])
        assert names(mvtec) == ["crack/002", "crack/010", "good/000"]

    def test_the_file_of_one_category_counts_where_there_is_none_for_all(self, mvtec):
        write_json(mvtec / "rope_meta.json", rope=[])
        write_json(mvtec / "bagel_meta.json", bagel=[record("bagel", "crack", "010")])
        assert names(mvtec) == ["crack/010"]
        assert "samples are those of bagel_meta.json" in messages(mvtec, Severity.NOTE)

    def test_two_files_that_disagree_are_refused(self, mvtec):
        write_json(mvtec / "all_meta.json", bagel=[record("bagel", "crack", "010")])
        write_json(mvtec / "bagel_meta.json", bagel=[record("bagel", "crack", "002")])
        with pytest.raises(DataError, match="disagree about 'crack/002'"):
            names(mvtec)

    def test_records_of_pointad_have_no_pcd_and_no_depth(self, mvtec):
        lacking = dict.fromkeys(("pcd_path", "d2_depth_path", "gt_pcd_path"))
        write_json(mvtec / "all_meta.json", bagel=[record("bagel", "crack", "000", **lacking)])
        shutil.rmtree(mvtec / "bagel" / "test" / "crack" / "2d_depth")
        assert opened(mvtec).views(bagel()).depth is None

    def test_records_without_photograph_name_gt_pcd_as_mask(self, real3d):
        mask = f"{AUTHOR}/shell/test/anomaly/gt_pcd/7_bulge.pcd"
        one = record("shell", "anomaly", "7_bulge", d2_img_path=None, d3_pc=None, d2_mask_path=mask)
        write_json(real3d / "all_meta.json", shell=[one])
        assert names(real3d, "shell") == ["anomaly/7_bulge"]
        assert not [text for text in messages(real3d, Severity.WARNING, "shell") if "another sample" in text]

    def test_masks_paired_by_position_are_not_believed(self, mvtec):
        wrong = f"{AUTHOR}/bagel/test/crack/gt/010.png"
        write_json(mvtec / "all_meta.json", bagel=[record("bagel", "crack", "000", d2_mask_path=wrong)])
        Image.new("L", (672, 672)).save(mvtec / "bagel" / "test" / "crack" / "gt" / "010.png")
        assert opened(mvtec).truth(bagel()).points.any()
        found = messages(mvtec, Severity.WARNING)
        assert ("crack/000: d2_mask_path",) in found.values()

    def test_a_path_of_a_sibling_root_is_re_rooted_too(self, mvtec):
        depth = "/data/MVTec_rendered/bagel/test/crack/2d_depth/000"
        write_json(mvtec / "all_meta.json", bagel=[record("bagel", "crack", "000", d2_depth_path=depth)])
        assert opened(mvtec).views(bagel()).depth is not None
        assert not [text for text in messages(mvtec, Severity.WARNING) if "another sample" in text]

    @pytest.mark.parametrize(
        "path",
        [
            None,
            7,
            "",
            "2d_rendering/000",
            "/x/rope/test/crack/2d_rendering/000",
            "/x/bagel/train/crack/2d_rendering/000",
            "/x/bagel/test/crack/2d_rendering/..",
            "/x/bagel/test/../2d_rendering/000",
            "/x/bagel/test/crack/2d_rendering/0\u0000",
            "/x/bagel/test/crack/2d_rendering/\ud800",
            "/x/bagel/test/crack/2d_rendering/" + "0" * 300,
        ],
    )
    def test_paths_of_another_form_are_refused(self, mvtec, path):
        write_json(
            mvtec / "all_meta.json", bagel=[record("bagel", "crack", "000") | {"d2_render_img_path": path}]
        )
        with pytest.raises(DataError, match="record 0 of bagel has d2_render_img_path"):
            names(mvtec)

    @pytest.mark.parametrize(
        "changes",
        [
            {"anomaly": 0},
            {"anomaly": 2},
            {"anomaly": None},
            {"anomaly": []},
            {"cls_name": "rope"},
            {"specie_name": "good"},
        ],
    )
    def test_records_that_contradict_themselves_are_refused(self, mvtec, changes):
        write_json(mvtec / "all_meta.json", bagel=[record("bagel", "crack", "000", **changes)])
        with pytest.raises(DataError, match="record 0 of bagel"):
            names(mvtec)

    def test_a_sample_named_twice_is_refused(self, mvtec):
        write_json(mvtec / "all_meta.json", bagel=[record("bagel", "crack", "000")] * 2)
        with pytest.raises(DataError, match="second time"):
            names(mvtec)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "{",
            "[]",
            "7",
            '{"test": []}',
            '{"test": {"bagel": {}}}',
            '{"train": {"bagel": [1]}, "test": {}}',
            "[" * 10**5,
        ],
    )
    def test_files_of_another_form_are_refused(self, mvtec, text):
        (mvtec / "all_meta.json").write_text(text)
        with pytest.raises(DataError, match=r"all_meta\.json"):
            opened(mvtec)

    def test_a_sample_without_files_is_an_error_and_not_one_sample_less(self, mvtec):
        write_json(mvtec / "all_meta.json", bagel=[record("bagel", "hole", "000")])
        assert names(mvtec) == ["hole/000"]
        for read in (opened(mvtec).load, opened(mvtec).truth, opened(mvtec).views):
            with pytest.raises(DataError, match="hole"):
                read(bagel("hole/000"))


class TestNothingIsDropped:
    """What lost a part is an error that names the part, never one sample or category less."""

    @pytest.mark.parametrize("file", ["all_meta.json", "rope_meta.json"])
    @pytest.mark.parametrize("lost", ["", "test", "test/cut", "test/cut/2d_rendering"])
    def test_a_category_of_the_json_whose_folder_is_lost(self, mvtec, file, lost):
        write_json(mvtec / file, rope=[record("rope", "cut", "000")])
        shutil.rmtree(mvtec / "rope" / lost)
        assert opened(mvtec).categories() == ["bagel", "rope"]
        assert any(
            "missing" in text or "no folder" in text for text in messages(mvtec, Severity.WARNING, "rope")
        )
        assert {one.category for one in verify(opened(mvtec)) if one.severity is Severity.ERROR} == {"rope"}

    def test_a_category_of_the_folders_that_lost_its_renders(self, mvtec):
        shutil.rmtree(mvtec / "rope" / "test" / "cut" / "2d_rendering")
        assert opened(mvtec).categories() == ["bagel", "rope"]
        assert any("2d_rendering/000 is missing" in text for text in errors(mvtec))

    @pytest.mark.parametrize("name", ["..", "../bagel", "a/b", "", "x" * 300, "\ud800"])
    def test_a_lost_category_that_cannot_be_a_folder_is_refused(self, mvtec, name):
        write_json(mvtec / "all_meta.json", **{name: [record(name, "cut", "000")]})
        with pytest.raises(DataError, match=r"all_meta\.json names the category"):
            opened(mvtec)

    def test_a_sample_that_lost_all_views(self, mvtec):
        for part in ("2d_rendering", "2d_3d_cor", "2d_depth", "2d_gt"):
            shutil.rmtree(mvtec / "bagel" / "test" / "crack" / part / "002")
        assert names(mvtec) == ["crack/000", "crack/002", "crack/010", "good/000"]
        assert any("2d_3d_cor/002 is missing" in text for text in errors(mvtec))
        (items,) = (items for text, items in messages(mvtec, Severity.WARNING).items() if "missing" in text)
        assert "test/crack/2d_rendering/002/view_1.png" in items

    @pytest.mark.parametrize("part", ["pcd", "gt_pcd"])
    def test_a_sample_of_which_one_file_is_left(self, real3d, part):
        anomaly = real3d / "shell" / "test" / "anomaly"
        shutil.copy(anomaly / part / "7_bulge.pcd", anomaly / part / "9_sink.pcd")
        assert names(real3d, "shell") == ["anomaly/7_bulge", "anomaly/9_sink", "good/8_good"]
        assert errors(real3d)

    def test_a_cloud_without_views_is_read_all_the_same(self, real3d):
        species = real3d / "shell" / "test" / "anomaly"
        for part in ("2d_rendering", "2d_3d_cor", "2d_depth", "2d_gt"):
            shutil.rmtree(species / part)
        assert len(opened(real3d).load(shell()).cloud) == 20
        assert opened(real3d).truth(shell()).anomalous
        with pytest.raises(DataError, match="2d_3d_cor/7_bulge is missing"):
            opened(real3d).views(shell())


class TestOrganised:  # gs_clip 2.5.1, 2.5.2 and 2.8
    def test_the_cloud_is_the_grid_of_the_authors(self, mvtec):
        sample = opened(mvtec).load(bagel())
        cloud = sample.cloud
        assert cloud.grid == (SIDE, SIDE) == (336, 336)
        np.testing.assert_array_equal(np.flatnonzero(cloud.valid), SLOTS)
        np.testing.assert_array_equal(cloud.xyz[SLOTS], coordinates(0))
        assert not cloud.xyz[~cloud.valid].any()

    def test_the_photograph_is_reduced_to_the_grid_and_paint_is_no_colour(self, mvtec):
        sample = opened(mvtec).load(bagel())
        assert sample.image.shape == (336, 336, 3)
        assert sample.cloud.rgb[SLOTS].ravel().tolist() == pytest.approx([0.2] * 60)
        shutil.rmtree(mvtec / "bagel" / "test" / "crack" / "rgb")
        without = opened(mvtec).load(bagel())
        assert without.image is None
        assert without.cloud.rgb is None

    def test_without_pcd_the_points_come_from_the_scan_of_full_size(self, mvtec):
        crack = mvtec / "bagel" / "test" / "crack"
        shutil.rmtree(crack / "pcd")
        xyz = np.zeros((672, 672, 3), np.float32)
        rows, columns = np.divmod(SLOTS, SIDE)
        xyz[2 * rows, 2 * columns] = coordinates(5)
        (crack / "xyz").mkdir()
        tifffile.imwrite(crack / "xyz" / "000.tiff", xyz, photometric="rgb")
        np.testing.assert_array_equal(opened(mvtec).load(bagel()).cloud.xyz[SLOTS], coordinates(5))

    def test_a_scan_with_its_support_plane_is_not_the_one_that_was_rendered(self, mvtec):
        crack = mvtec / "bagel" / "test" / "crack"
        shutil.rmtree(crack / "pcd")
        (crack / "xyz").mkdir()
        tifffile.imwrite(crack / "xyz" / "000.tiff", np.ones((672, 672, 3), np.float32), photometric="rgb")
        with pytest.raises(DataError, match=r"112896 against 20; .*support plane"):
            opened(mvtec).load(bagel())

    def test_a_single_lost_pcd_is_an_error_although_there_are_scans(self, mvtec):
        (mvtec / "bagel" / "test" / "crack" / "pcd" / "000.pcd").unlink()
        with pytest.raises(DataError, match=r"000\.pcd is missing, the partner of .*2d_rendering"):
            opened(mvtec).load(bagel())

    def test_lost_indices_are_an_error_and_not_another_kind_of_cloud(self, mvtec):
        (mvtec / "bagel" / "test" / "crack" / "2d_3d_cor" / "000" / "nonzero_indices.npy").unlink()
        for read in (opened(mvtec).load, opened(mvtec).views):
            with pytest.raises(DataError, match=r"nonzero_indices\.npy is missing"):
                read(bagel())

    def test_indices_alone_tell_that_a_cloud_is_a_grid(self, mvtec):
        for part in ("rgb", "gt"):
            for species in ("crack", "good"):
                shutil.rmtree(mvtec / "bagel" / "test" / species / part)
        assert opened(mvtec).load(bagel()).cloud.grid == (336, 336)
        with pytest.raises(DataError, match=r"gt/000\.png is missing"):
            opened(mvtec).truth(bagel())

    @pytest.mark.parametrize(
        "indices",
        [
            SLOTS[:-1],
            SLOTS + SIDE * SIDE,
            SLOTS - 8,
            SLOTS * 0,
            SLOTS * 1.0,
            SLOTS[None],
            SLOTS.astype(object),
        ],
        ids=["fewer", "beyond", "negative", "repeated", "floating", "nested", "pickled"],
    )
    def test_indices_that_do_not_fit_are_refused(self, mvtec, indices):
        path = mvtec / "bagel" / "test" / "crack" / "2d_3d_cor" / "000" / "nonzero_indices.npy"
        np.save(path, indices, allow_pickle=True)
        for read in (opened(mvtec).load, opened(mvtec).views):
            with pytest.raises(DataError, match="nonzero_indices"):
                read(bagel())

    def test_labels_are_every_level_of_the_mask_reduced_to_the_grid(self, mvtec):
        mask = np.zeros((672, 672))
        mask[100:140, 200:220] = 254
        mask[100:140, 220:240] = 1
        write_png(mvtec / "bagel" / "test" / "crack" / "gt" / "000.png", mask)
        truth = opened(mvtec).truth(bagel())
        wanted = np.zeros((336, 336), bool)
        wanted[50:70, 100:120] = True
        np.testing.assert_array_equal(truth.points, wanted.ravel())
        assert (truth.anomalous, truth.defect) == (True, "crack")

    def test_a_normal_sample_may_point_at_a_missing_mask(self, mvtec):  # align3d_ad 8.2
        (mvtec / "bagel" / "test" / "good" / "gt" / "000.png").unlink()
        truth = opened(mvtec).truth(bagel("good/000"))
        assert (truth.anomalous, truth.defect, truth.points.any()) == (False, "good", False)

    def test_a_defective_one_may_not(self, mvtec):
        (mvtec / "bagel" / "test" / "crack" / "gt" / "000.png").unlink()
        with pytest.raises(DataError, match=r"gt/000\.png is missing"):
            opened(mvtec).truth(bagel())

    def test_a_defect_on_a_normal_sample_is_refused(self, mvtec):
        write_organised(mvtec / "bagel" / "test" / "good", "000", level=255)
        with pytest.raises(DataError, match="normal sample good/000"):
            opened(mvtec).truth(bagel("good/000"))

    @pytest.mark.parametrize(("part", "read"), [("gt", "truth"), ("rgb", "load")])
    def test_images_that_were_not_padded_to_squares_are_refused(self, mvtec, part, read):
        path = mvtec / "rope" / "test" / "cut" / part / "000.png"
        Image.new("RGB", (900, 400), "white").save(path)
        with pytest.raises(DataError, match="400 x 900 pixels, expected a square"):
            getattr(opened(mvtec), read)(SampleRef("rope", Split.TEST, "cut/000"))

    def test_a_mask_too_small_to_survive_keeps_the_object_label(self, mvtec):  # datasets 2.5
        mask = np.zeros((3360, 3360), np.uint8)
        mask[5, 5] = 255
        Image.fromarray(mask).save(mvtec / "bagel" / "test" / "crack" / "gt" / "000.png")
        truth = opened(mvtec).truth(bagel())
        assert truth.anomalous
        assert truth.points is None
        assert any("have no point labels" in one.message for one in verify(opened(mvtec)))


class TestEyecandies:  # align3d_ad 8.2: <id'> is the stem of the image with one leading zero removed
    @pytest.fixture
    def eyecandies(self, tmp_path):
        test = tmp_path / "CandyCane" / "test"
        write_organised(test / "good", "003", view_name="03")
        write_organised(test / "anomaly", "1025", level=255)
        return tmp_path

    def test_images_keep_the_zero_that_views_lose(self, eyecandies):
        assert names(eyecandies, "CandyCane") == ["anomaly/1025", "good/03"]
        assert not errors(eyecandies)
        ref = SampleRef("CandyCane", Split.TEST, "good/03")
        assert opened(eyecandies).load(ref).image is not None
        assert opened(eyecandies).truth(ref).anomalous is False
        assert not [t for t in messages(eyecandies, Severity.WARNING, "CandyCane") if "files" in t]

    def test_the_clouds_may_keep_it_too(self, eyecandies):
        pcd = eyecandies / "CandyCane" / "test" / "good" / "pcd"
        (pcd / "03.pcd").rename(pcd / "003.pcd")
        ref = SampleRef("CandyCane", Split.TEST, "good/03")
        assert opened(eyecandies).load(ref).cloud.valid.sum() == 20

    def test_json_paths_with_and_without_the_zero_are_of_one_sample(self, eyecandies):
        one = record("CandyCane", "good", "03", image="003")
        write_json(eyecandies / "all_meta.json", CandyCane=[one])
        assert names(eyecandies, "CandyCane") == ["good/03"]
        assert not [t for t in messages(eyecandies, Severity.WARNING, "CandyCane") if "another sample" in t]

    def test_two_images_that_could_be_meant_are_refused(self, eyecandies):
        rgb = eyecandies / "CandyCane" / "test" / "good" / "rgb"
        shutil.copy(rgb / "003.png", rgb / "03.png")
        with pytest.raises(DataError, match=r"03\.png and 003\.png are for the same sample"):
            opened(eyecandies).load(SampleRef("CandyCane", Split.TEST, "good/03"))


class TestUnorganised:  # gs_clip 2.5.3, 2.5.4 and 2.8
    def test_the_cloud_is_the_pcd_file(self, real3d):
        sample = opened(real3d).load(shell())
        np.testing.assert_array_equal(sample.cloud.xyz, coordinates(0))
        assert sample.cloud.grid is None
        assert sample.image is None

    def test_white_points_are_defects(self, real3d):
        truth = opened(real3d).truth(shell())
        np.testing.assert_array_equal(truth.points, WHITE)
        assert (truth.anomalous, truth.defect) == (True, "anomaly")

    def test_normal_samples_are_all_zero_with_or_without_gt_pcd(self, real3d):
        assert not opened(real3d).truth(shell("good/8_good")).points.any()
        shutil.rmtree(real3d / "shell" / "test" / "good" / "gt_pcd")
        truth = opened(real3d).truth(shell("good/8_good"))
        assert (truth.anomalous, len(truth.points), truth.points.any()) == (False, 20, False)

    def test_white_points_on_a_normal_sample_are_refused(self, real3d):
        write_unorganised(real3d / "shell" / "test" / "good", "8_good")
        with pytest.raises(DataError, match="normal sample"):
            opened(real3d).truth(shell("good/8_good"))

    @pytest.mark.parametrize("colour", [[255, 0, 0], [128, 128, 128], [254, 254, 254]])
    def test_other_colours_are_refused(self, real3d, colour):
        path = real3d / "shell" / "test" / "anomaly" / "gt_pcd" / "7_bulge.pcd"
        write_pcd(path, coordinates(0), np.full((20, 3), colour))
        with pytest.raises(DataError, match=r"7_bulge\.pcd should have white points"):
            opened(real3d).truth(shell())

    @pytest.mark.parametrize(
        ("xyz", "rgb", "words"),
        [
            (coordinates(0), None, "white points"),
            (coordinates(0)[:-1], paint(WHITE[:-1]), "19 points but"),
            (coordinates(0)[::-1], paint(WHITE), "other coordinates"),
        ],
    )
    def test_labels_of_another_cloud_are_refused(self, real3d, xyz, rgb, words):
        write_pcd(real3d / "shell" / "test" / "anomaly" / "gt_pcd" / "7_bulge.pcd", xyz, rgb)
        with pytest.raises(DataError, match=words):
            opened(real3d).truth(shell())

    def test_lost_labels_of_a_defective_sample_are_an_error(self, real3d):
        shutil.rmtree(real3d / "shell" / "test" / "anomaly" / "gt_pcd")
        with pytest.raises(DataError, match=r"gt_pcd/7_bulge\.pcd is missing"):
            opened(real3d).truth(shell())

    @pytest.mark.parametrize("part", ["xyz", "rgb", "gt"])
    def test_an_empty_folder_does_not_make_grids_of_them(self, real3d, part):
        (real3d / "shell" / "test" / "good" / part).mkdir()
        assert opened(real3d).load(shell()).cloud.grid is None
        assert not errors(real3d)


class TestViews:  # gs_clip 7.1; the files themselves: test_views.py
    def test_indices_name_points_of_the_cloud(self, mvtec, real3d):
        organised, other = opened(mvtec), opened(real3d)
        np.testing.assert_array_equal(organised.views(bagel()).indices, SLOTS)
        assert organised.load(bagel()).cloud.valid[organised.views(bagel()).indices].all()
        np.testing.assert_array_equal(other.views(shell()).indices, np.arange(20))

    def test_every_part_is_read(self, real3d):
        write_views(real3d / "shell" / "test" / "anomaly", "7_bulge", parts=("2d_rgb_rendering",))
        views = opened(real3d).views(shell())
        levels = {name: float(getattr(views, name)[1].mean()) for name in ("shaded", "depth", "rgb", "masks")}
        assert levels == {"shaded": 1, "depth": 11, "rgb": 21, "masks": 0}

    @pytest.mark.parametrize("part", ["2d_depth", "2d_gt", "2d_rgb_rendering"])
    def test_depth_masks_and_coloured_renders_may_be_left_out_as_a_whole(self, real3d, part):
        shutil.rmtree(real3d / "shell" / "test" / "anomaly" / part, ignore_errors=True)
        name = {"2d_depth": "depth", "2d_gt": "masks", "2d_rgb_rendering": "rgb"}[part]
        assert getattr(opened(real3d).views(shell()), name) is None

    @pytest.mark.parametrize("part", ["2d_depth", "2d_gt", "2d_rendering", "2d_3d_cor"])
    def test_but_not_for_one_sample(self, mvtec, part):
        shutil.rmtree(mvtec / "bagel" / "test" / "crack" / part / "000")
        with pytest.raises(DataError, match=rf"{part}/000 is missing"):
            opened(mvtec).views(bagel())

    def test_there_is_one_row_for_each_point(self, real3d):
        write_pcd(real3d / "shell" / "test" / "anomaly" / "pcd" / "7_bulge.pcd", coordinates(0, 21))
        with pytest.raises(DataError, match=r"2d_3d_cor/7_bulge has 20 points but .* has 21"):
            opened(real3d).views(shell())

    def test_verify_reads_them(self, mvtec):
        crack = mvtec / "bagel" / "test" / "crack"
        (crack / "2d_rendering" / "000" / "view_1.png").write_bytes(b"garbage")
        np.save(crack / "2d_3d_cor" / "002" / "view_0_cor.npy", np.zeros((20, 3)))
        (crack / "2d_gt" / "010" / "view_0_gt.png").write_bytes(b"garbage")
        found = " ".join(errors(mvtec))
        for name in ("000/view_1.png", "002/view_0_cor.npy", "010/view_0_gt.png"):
            assert name in found


class TestEmptyFiles:  # datasets 5.4: reported twice for published renders
    def test_empty_images_are_named_before_anything_is_read(self, real3d):
        path = real3d / "shell" / "test" / "anomaly" / "2d_rendering" / "7_bulge" / "view_1.png"
        path.write_bytes(b"")
        assert messages(real3d, Severity.ERROR, "shell") == {
            "1 files are empty": ("test/anomaly/2d_rendering/7_bulge/view_1.png",)
        }


class TestProblems:
    def test_a_healthy_tree_has_none(self, real3d):
        found = messages(real3d, Severity.WARNING, "shell")
        assert list(found) == ["not the published number of samples: good 1 of 52, anomaly 1 of 48"]
        assert not messages(real3d, Severity.ERROR, "shell")

    def test_counts_of_mvtec_are_those_of_each_type(self, mvtec):
        (text,) = messages(mvtec, Severity.WARNING)
        assert "good 1 of 22" in text
        assert "crack 3 of 22" in text

    def test_lost_and_unused_files_are_named(self, mvtec):
        crack = mvtec / "bagel" / "test" / "crack"
        (crack / "2d_depth" / "002" / "view_1_depth.png").unlink()
        (crack / "2d_3d_cor" / "010" / "nonzero_indices.npy").unlink()
        (crack / "gt" / "000.png").unlink()
        (crack / "gt" / "notes.txt").write_text("x")
        write_png(crack / "2d_depth" / "002" / "extra.png", np.zeros((4, 4)))
        found = messages(mvtec, Severity.WARNING)
        assert (
            "test/crack/2d_3d_cor/010/nonzero_indices.npy",
            "test/crack/2d_depth/002/view_1_depth.png",
            "test/crack/gt/000.png",
        ) in found.values()
        assert ("test/crack/2d_depth/002/extra.png", "test/crack/gt/notes.txt") in found.values()

    def test_strangers_in_the_category_and_beside_it_are_named(self, mvtec):
        write_json(mvtec / "bagel_meta.json", bagel=[record("bagel", "crack", "000")])
        write_png(mvtec / "bagel" / "train" / "y.png", np.zeros((4, 4)))
        (mvtec / "all_meta.json.part").write_text("")
        (mvtec / "__MACOSX").mkdir()
        found = messages(mvtec, Severity.WARNING)
        assert any("test/crack/gt/002.png" in items and "train/y.png" in items for items in found.values())
        assert found["2 files and folders beside the categories are not read"] == (
            "__MACOSX/",
            "all_meta.json.part",
        )
        assert not any("beside" in text for text in messages(mvtec, Severity.WARNING, "rope"))  # said once

    def test_samples_of_the_json_that_are_not_here_are_named(self, mvtec):
        found = [record("bagel", "crack", name) for name in ("000", "001")]
        write_json(mvtec / "all_meta.json", bagel=found)
        missing = next(
            items for text, items in messages(mvtec, Severity.WARNING).items() if "missing" in text
        )
        assert "test/crack/pcd/001.pcd" in missing

    def test_depth_in_the_sibling_folder_is_reported(self, mvtec):  # gs_clip 7.1: merge before use
        (mvtec.with_name("test_rendered") / "bagel").mkdir(parents=True)
        assert any("merge it into" in text for text in messages(mvtec, Severity.WARNING))

    def test_verify_reads_a_whole_tree(self, mvtec, real3d):
        assert not errors(mvtec)
        assert not errors(real3d)


def test_a_real_cloud_of_the_conversion_is_placed_on_the_grid(test_data, tmp_path):
    """The only real file that such a package could hold: a bagel, without its correspondences."""
    crack = tmp_path / "bagel" / "test" / "crack"
    write_organised(crack, "002", level=255)
    shutil.copy(
        test_data / "data" / "mvtec3d_ad_derived" / "bagel_like_336grid_noplane_002.pcd",
        crack / "pcd" / "002.pcd",
    )
    with pytest.raises(DataError, match=r"37095 points but .* names 20"):
        opened(tmp_path).load(bagel("crack/002"))
    np.save(crack / "2d_3d_cor" / "002" / "nonzero_indices.npy", np.arange(37095))
    assert opened(tmp_path).load(bagel("crack/002")).cloud.valid.sum() == 37095
