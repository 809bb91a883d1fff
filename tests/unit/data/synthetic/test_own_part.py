"""A user's own mesh: what is read of it, what is refused, and the samples that are written."""

import json

import numpy as np
import pytest
from manifold3d import Manifold

from pc3dad.data.arrays import Arrays, ArraysConfig
from pc3dad.data.base import SampleRef, Severity
from pc3dad.data.synthetic.config import SyntheticConfig
from pc3dad.data.synthetic.own_part import read_part
from pc3dad.data.synthetic.specimen import KINDS
from pc3dad.data.synthetic.synthesize import synthesize
from pc3dad.data.verify import verify
from pc3dad.errors import ConfigError, DataError
from pc3dad.io import digest
from pc3dad.types import Split

SIDES = np.array([60.0, 40.0, 20.0])
SMALL = SyntheticConfig(points=1500, good=2, defective=2, kinds=("dent", "stain"), smallest=0.02)


def corners(solid):
    """(T, 3, 3) corners of the triangles of a solid."""
    mesh = solid.to_mesh64()
    return np.asarray(mesh.vert_properties)[:, :3][np.asarray(mesh.tri_verts, dtype=np.int64)]


def block(*, at=0.0):
    return corners(Manifold.cube(SIDES).translate((at, at, at)))


def write_stl(path, triangles):
    rows = np.zeros(len(triangles), [("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
    rows["corners"] = triangles
    path.write_bytes(bytes(80) + np.uint32(len(rows)).tobytes() + rows.tobytes())
    return path


def write_obj(path, triangles):
    """Every triangle has corners of its own, as some programs write them."""
    lines = [f"v {x:.9g} {y:.9g} {z:.9g}" for x, y, z in triangles.reshape(-1, 3)]
    lines += [f"f {first} {first + 1} {first + 2}" for first in range(1, 3 * len(triangles), 3)]
    path.write_text("\n".join(lines) + "\n")
    return path


def refusal(path, triangles, **options):
    with pytest.raises(DataError) as caught:
        read_part(write_stl(path, triangles), **options)
    return str(caught.value)


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.*")}


@pytest.fixture
def stl(tmp_path):
    return write_stl(tmp_path / "block.stl", block())


@pytest.mark.parametrize("write", [write_stl, write_obj])
def test_a_closed_mesh_becomes_a_solid_centred_at_zero(tmp_path, write):
    part = read_part(write(tmp_path / f"block{write.__name__[5:].replace('_', '.')}", block(at=100.0)))
    assert part.name == "block"
    assert part.sides == pytest.approx(SIDES)
    assert part.solid.volume() == pytest.approx(SIDES.prod(), rel=1e-6)
    assert part.solid.bounding_box() == pytest.approx([*-SIDES / 2, *SIDES / 2])


def test_a_mesh_that_is_inside_out_is_turned(tmp_path):
    part = read_part(write_stl(tmp_path / "a.stl", block()[:, ::-1]))
    assert part.solid.volume() == pytest.approx(SIDES.prod(), rel=1e-6)


def test_triangles_without_an_area_do_no_harm(tmp_path):
    flat = block()[:1].repeat(3, axis=0)
    flat[:, 2] = flat[:, 1]
    assert read_part(write_stl(tmp_path / "a.stl", np.concatenate([block(), flat]))).solid.num_tri() == 12


def test_bodies_that_overlap_are_joined(tmp_path):
    both = np.concatenate([block(), block(at=10.0)])
    part = read_part(write_stl(tmp_path / "a.stl", both))
    assert part.solid.volume() == pytest.approx(2 * SIDES.prod() - (SIDES - 10).prod(), rel=1e-6)


def test_closed_cavities_are_filled(tmp_path):
    hollow = Manifold.cube(SIDES) - Manifold.cube((5, 5, 5)).translate((9, 9, 9))
    assert read_part(write_stl(tmp_path / "a.stl", corners(hollow))).solid.volume() == pytest.approx(
        SIDES.prod(), rel=1e-6
    )


def test_triangles_that_make_no_difference_are_merged(tmp_path):
    fine = Manifold.cube(SIDES).refine(40)
    part = read_part(write_stl(tmp_path / "a.stl", corners(fine)))
    assert (fine.num_tri(), part.solid.num_tri()) == (12 * 40**2, 12)
    assert part.solid.volume() == pytest.approx(SIDES.prod(), rel=1e-6)


def test_scale_is_millimetres_per_unit(tmp_path):
    path = write_stl(tmp_path / "a.stl", block() / 1000)
    assert read_part(path, scale=1000.0).sides == pytest.approx(SIDES)


@pytest.mark.parametrize(("factor", "advice"), [(1e-3, "1000 if its unit is metres"), (1e3, "micrometres")])
def test_a_part_of_another_unit_is_refused_with_the_option_to_pass(tmp_path, factor, advice):
    sentence = refusal(tmp_path / "a.stl", factor * block())
    assert "pass --scale" in sentence
    assert advice in sentence


def test_an_open_mesh_is_refused_with_the_number_of_open_edges(tmp_path):
    sentence = refusal(tmp_path / "a.stl", block()[1:])
    assert "its surface is not closed, 3 of 18 edges belong to one triangle only; mend it" in sentence


def test_triangles_that_face_different_ways_are_counted(tmp_path):
    turned = block()
    turned[0] = turned[0, ::-1]
    assert "triangles do not agree where its outside is, at 3 of 18 edges;" in refusal(
        tmp_path / "a.stl", turned
    )


def test_separate_bodies_are_refused(tmp_path):
    both = np.concatenate([block(), block(at=100.0)])
    assert "holds 2 bodies that do not touch; export each" in refusal(tmp_path / "a.stl", both)


def test_a_surface_that_encloses_nothing_is_refused(tmp_path):
    flat = block()[:2]
    flat[..., 2] = 0
    assert "; mend it" in refusal(tmp_path / "a.stl", np.concatenate([flat, flat[:, ::-1]]))


def test_a_corner_that_is_not_finite_is_refused(tmp_path):
    broken = block()
    broken[3, 1, 2] = np.inf
    assert "not finite" in refusal(tmp_path / "a.stl", broken)


def test_points_without_triangles_and_other_files_are_refused(tmp_path):
    (tmp_path / "a.obj").write_text("v 0 0 0\nv 1 0 0\n")
    with pytest.raises(DataError, match="points but no triangles"):
        read_part(tmp_path / "a.obj")
    with pytest.raises(DataError, match="no STL, OBJ or PLY file"):
        read_part(tmp_path / "a.off")


def test_a_cut_file_is_refused_by_its_reader(stl):
    stl.write_bytes(stl.read_bytes()[:-1])
    with pytest.raises(DataError, match="cut or damaged"):
        read_part(stl)


@pytest.mark.parametrize("form", ["surround", "sensor"])
def test_samples_are_read_back_by_the_data_set_arrays(stl, tmp_path, form):
    config = SMALL.model_copy(update={"form": form, "side": 64})
    _, written = synthesize(stl, tmp_path / "out", config)
    dataset = Arrays(tmp_path / "out", ArraysConfig())
    ids = [ref.id for ref in dataset.refs("block", Split.TEST)]
    assert dataset.categories() == ["block"]
    assert (
        sorted(ids) == ["dent/000", "good/000", "good/001", "stain/000"] == sorted(one.id for one in written)
    )
    assert not [finding for finding in verify(dataset) if finding.severity is Severity.ERROR]
    for one in written:
        ref = SampleRef("block", Split.TEST, one.id)
        sample, truth = dataset.load(ref), dataset.truth(ref)
        assert sample.cloud.grid == ((64, 64) if form == "sensor" else None)
        assert sample.cloud.rgb is not None
        assert truth.anomalous == truth.points.any() == (one.kind != "good")
        assert not (truth.points & ~sample.cloud.valid).any()
        assert truth.points.mean() == pytest.approx(one.labelled)
        assert np.unique(truth.regions[truth.points]).tolist() == list(range(one.defects))


def test_every_kind_finds_a_place_on_a_block(stl, tmp_path):
    config = SyntheticConfig(points=2000, good=0, defective=len(KINDS), smallest=0.01)
    _, written = synthesize(stl, tmp_path / "out", config)
    assert [one.kind for one in written] == list(KINDS)
    assert all(one.defects > 0 for one in written)


def test_good_samples_have_the_same_shape_and_other_points_places_and_colours(stl, tmp_path):
    synthesize(stl, tmp_path / "out", SMALL.model_copy(update={"defective": 0}))
    files = [np.load(tmp_path / f"out/block/good/00{number}.npz") for number in (0, 1)]
    centres, heights, colours = [], [], []
    for file in files:
        low, high = file["xyz"].min(axis=0), file["xyz"].max(axis=0)
        centres.append((low + high) / 2)
        heights.append(high[2] - low[2])
        colours.append(file["rgb"].mean(axis=0))
    assert heights == pytest.approx([SIDES[2]] * 2, abs=0.5)
    assert np.abs(centres[0] - centres[1]).max() > 1
    assert np.abs(colours[0] - colours[1]).max() > 1


def test_same_seed_same_bytes_and_another_seed_others(stl, tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        synthesize(stl, tmp_path / name, SMALL.model_copy(update={"seed": seed}))
    first, again, other = (contents(tmp_path / name) for name in "abc")
    assert first == again
    assert first.keys() == other.keys()
    assert not [name for name, data in first.items() if data == other[name]]


def test_the_record_says_what_was_made_from_what(stl, tmp_path):
    path = write_stl(tmp_path / "copy.stl", block() / 1000)
    synthesize(path, tmp_path / "out", SMALL, scale=1000.0)
    record = json.loads((tmp_path / "out/synthesize.json").read_text())
    assert record["file"] == "copy.stl"
    assert record["sha256"] == digest.of_file(path)
    assert record["millimetres_per_unit"] == 1000
    assert record["sides_mm"] == pytest.approx(SIDES)
    assert record["config"]["kinds"] == ["dent", "stain"]
    assert [(one["id"], one["kind"]) for one in record["samples"]] == [
        ("dent/000", "dent"),
        ("stain/000", "stain"),
        ("good/000", "good"),
        ("good/001", "good"),
    ]
    assert str(tmp_path) not in json.dumps(record)


def test_kinds_without_a_place_are_all_named_with_those_that_fit(tmp_path):
    ball = write_stl(tmp_path / "ball.stl", corners(Manifold.sphere(5, 48)))
    config = SyntheticConfig(points=800, good=1, defective=8, kinds=("bend", "bulge", "cut_off", "stain"))
    with pytest.raises(DataError, match=r"cannot be given bend, cut_off: .*; .*--kinds bulge,stain\."):
        synthesize(ball, tmp_path / "out", config)
    assert [path.name for path in tmp_path.iterdir()] == ["ball.stl"]


def test_an_empty_folder_is_filled_and_another_one_refused(stl, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    synthesize(stl, out, SMALL)
    before = contents(out)
    for taken in (out, stl):
        with pytest.raises(DataError, match=r"holds something; choose another --out, a new or empty folder"):
            synthesize(stl, taken, SMALL)
    assert contents(out) == before


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_nothing_stays_of_an_interrupted_command(stl, tmp_path, error):
    def interrupted(_label, done, _total):
        if done == 2:
            raise error

    with pytest.raises(error):
        synthesize(stl, tmp_path / "out", SMALL, progress=interrupted)
    assert [path.name for path in tmp_path.iterdir()] == ["block.stl"]


def test_names_that_no_category_can_have_are_refused(stl, tmp_path):
    with pytest.raises(DataError, match="begin with a dot"):
        synthesize(stl.rename(tmp_path / ".block.stl"), tmp_path / "out", SMALL)


def test_no_samples_at_all_are_refused(stl, tmp_path):
    with pytest.raises(ConfigError, match="neither good nor defective"):
        synthesize(stl, tmp_path / "out", SyntheticConfig(good=0, defective=0))
