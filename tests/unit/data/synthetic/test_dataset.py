"""The embedded data set: repeatable, labelled, in two forms, and not to be seen through by shortcuts."""

import hashlib
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from pydantic import ValidationError

from pc3dad.config import build
from pc3dad.data.base import Dataset, SampleRef
from pc3dad.data.synthetic.config import SyntheticConfig
from pc3dad.data.synthetic.dataset import Synthetic
from pc3dad.data.synthetic.parts import PARTS
from pc3dad.data.synthetic.samples import GOOD, damage, measure
from pc3dad.data.synthetic.sensor import SensorView
from pc3dad.data.synthetic.specimen import KINDS
from pc3dad.errors import ConfigError, DataError
from pc3dad.geometry import neighbors
from pc3dad.metrics import auroc
from pc3dad.types import Float64Array, Split

DATA = Synthetic(None, SyntheticConfig(points=3000, side=96))
SENSOR = Synthetic(None, SyntheticConfig(form="sensor", side=96, points=3000))
CATEGORY = "bracket"
REFS = DATA.refs(CATEGORY, Split.TEST)
DEFECTIVE = [ref for ref in REFS if DATA.truth(ref).anomalous]

DIGEST = """
import hashlib
from pc3dad.data.synthetic.config import SyntheticConfig
from pc3dad.data.synthetic.dataset import Synthetic
from pc3dad.types import Split
digest = hashlib.sha256()
for form in ("surround", "sensor"):
    kinds = ("crack", "dent", "stain")
    data = Synthetic(None, SyntheticConfig(form=form, points=600, side=48, good=0, defective=3, kinds=kinds))
    for ref in data.refs("mug", Split.TEST):
        cloud = data.load(ref).cloud
        digest.update(cloud.xyz.tobytes() + cloud.rgb.tobytes() + data.truth(ref).regions.tobytes())
found = digest.hexdigest()
"""


def test_is_a_data_set_of_fourteen_categories():
    assert isinstance(DATA, Dataset)
    assert DATA.categories() == sorted(PARTS) == sorted(DATA.card.categories)
    assert len(PARTS) == 14


def test_has_as_many_samples_as_configured_and_every_kind_of_defect():
    sizes = [len(DATA.refs(CATEGORY, split)) for split in (Split.TRAIN, Split.VALIDATION, Split.TEST)]
    assert sizes == [3, 0, 12]
    assert sorted(DATA.truth(ref).defect for ref in DEFECTIVE) == sorted(KINDS)


def test_another_process_gives_the_same_bytes():
    here: dict[str, str] = {}
    exec(DIGEST, here)  # the very text that the other process runs
    command = [sys.executable, "-c", DIGEST + "print(found)"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == here["found"]


@pytest.mark.parametrize("options", [{"seed": 1}, {"points": 3001}, {"smallest": 0.003}])
def test_other_options_give_other_clouds_and_another_fingerprint(options):
    other = Synthetic(None, SyntheticConfig(**{"points": 3000, "side": 96, **options}))
    ref = DEFECTIVE[0]
    assert not np.array_equal(other.load(ref).cloud.xyz, DATA.load(ref).cloud.xyz)
    assert other.fingerprint("mug") != DATA.fingerprint("mug") != DATA.fingerprint("gear")


def test_other_samples_do_not_change_one():
    fewer = Synthetic(None, SyntheticConfig(points=3000, side=96))
    np.testing.assert_array_equal(fewer.load(REFS[5]).cloud.xyz, DATA.load(REFS[5]).cloud.xyz)


def test_training_samples_are_good_and_no_two_samples_are_alike():
    train = DATA.refs(CATEGORY, Split.TRAIN)
    assert {DATA.truth(ref).defect for ref in train} == {"good"}
    refs = [*train, *REFS]
    assert len({hashlib.sha256(DATA.load(ref).cloud.xyz.tobytes()).digest() for ref in refs}) == len(refs)


def test_ids_do_not_tell_the_label():
    assert [ref.id for ref in REFS] == [f"test_{index:03d}" for index in range(12)]
    labels = [DATA.truth(ref).anomalous for ref in REFS]
    assert sum(one != two for one, two in pairwise(labels)) > 2  # mixed, not one block after the other


def test_clouds_have_the_points_and_colours_asked_for():
    for ref in REFS:
        cloud = DATA.load(ref).cloud
        assert len(cloud) == cloud.valid.sum() == 3000
        assert cloud.rgb.min() >= 0
        assert cloud.rgb.max() <= 1


def test_good_samples_have_labels_that_say_so():
    truth = next(DATA.truth(ref) for ref in REFS if ref not in DEFECTIVE)
    assert truth.anomalous is False
    assert not truth.points.any()
    assert (truth.regions == -1).all()


def test_stains_do_not_count_as_geometry():
    by_kind = {DATA.truth(ref).defect: DATA.truth(ref) for ref in DEFECTIVE}
    assert by_kind["stain"].anomalous
    assert by_kind["stain"].shape_anomalous is False
    assert not by_kind["stain"].shape_points.any()
    assert by_kind["dent"].shape_points is None  # all of its points


@pytest.mark.parametrize("data", [DATA, SENSOR], ids=["surround", "sensor"])
def test_regions_are_numbered_and_separate(data):
    for ref in DEFECTIVE:
        truth, xyz = data.truth(ref), data.load(ref).cloud.xyz
        np.testing.assert_array_equal(truth.points, truth.regions >= 0)
        assert truth.points.sum() >= 3
        numbers = range(truth.regions.max() + 1)
        for number in numbers[1:]:
            own, others = xyz[truth.regions == number], xyz[(truth.regions >= 0) & (truth.regions < number)]
            assert neighbors.knn(own, others, k=1)[0].min() > 0.5


def test_a_view_is_organised_and_its_camera_fits_its_points():
    made = SENSOR.make(REFS[0])
    view, sample = made.measured, SENSOR.load(REFS[0])
    assert isinstance(view, SensorView)
    assert sample.cloud.grid == (96, 96)
    assert sample.image.shape == (96, 96, 3)
    assert 0.05 < sample.cloud.valid.mean() < 0.8
    assert (sample.cloud.xyz[~sample.cloud.valid] == 0).all()
    x, y, z = sample.cloud.xyz[sample.cloud.valid].T
    row, column = np.divmod(np.flatnonzero(sample.cloud.valid), 96)
    np.testing.assert_allclose(view.camera.fx * x / z + view.camera.cx, column, atol=0.51)
    np.testing.assert_allclose(view.camera.fy * y / z + view.camera.cy, row, atol=0.51)


def test_both_forms_show_the_same_part():
    around, view = DATA.make(DEFECTIVE[3]), SENSOR.make(DEFECTIVE[3])
    np.testing.assert_array_equal(around.specimen.solid.corners, view.specimen.solid.corners)
    assert around.kind == view.kind


def test_two_views_of_good_parts_differ():
    poses = [SENSOR.make(ref).measured.rotation for ref in REFS[:3]]
    assert not np.allclose(poses[0], poses[1])


def view_of(category: str, kind: str, name: str) -> Float64Array:
    """Rotation of the camera that `SENSOR` puts before such a sample; a good one shows no defect."""
    config, names = SENSOR.config, (category, "test", name)
    part = PARTS[category]
    made = measure(damage(part, kind, config, names, tries=10), part, config, names, tries=10)
    assert isinstance(made, SensorView)
    return made.rotation


def test_a_good_part_is_looked_at_as_if_it_had_one_of_the_defects():
    good = view_of(CATEGORY, GOOD, "a")
    assert any(np.array_equal(good, view_of(CATEGORY, kind, "a")) for kind in KINDS)


@pytest.mark.slow
def test_the_direction_of_view_does_not_tell_good_parts_from_defective_ones():
    """Steepness above flat parts: a face is seen best from above, an edge from the side."""
    for category in ("gasket", "impeller"):
        steep, defective = [], []
        for number in range(90):
            kind = GOOD if number % 2 else list(KINDS)[number // 2 % len(KINDS)]
            steep.append(abs(view_of(category, kind, str(number))[2, 2]))
            defective.append(kind != GOOD)
        value = auroc(np.array(steep, dtype=np.float32), np.array(defective))
        assert 0.34 < value < 0.66, category  # 0.061 as standard error


@pytest.mark.parametrize("preset", ["mini", "standard", "large"])
def test_presets_exist(preset):
    config = build(SyntheticConfig, "synthetic", {"preset": preset})
    assert config.points == {"mini": 6000, "standard": 32_768, "large": 2_000_000}[preset]


@pytest.mark.parametrize("kinds", [(), ("dent", "rust"), ("dent", "dent")])
def test_wrong_kinds_are_refused(kinds):
    with pytest.raises(ValidationError):
        SyntheticConfig(kinds=kinds)
    with pytest.raises(ConfigError, match="kinds"):
        build(SyntheticConfig, "synthetic", {"kinds": kinds})


def test_kinds_can_be_chosen():
    data = Synthetic(None, SyntheticConfig(kinds=("hole",), defective=2, good=1))
    kinds = [data.truth(ref).defect for ref in data.refs("mug", Split.TEST)]
    assert sorted(kinds) == ["good", "hole", "hole"]


def test_unknown_names_are_refused():
    with pytest.raises(DataError, match="no category 'cup'"):
        DATA.refs("cup", Split.TEST)
    with pytest.raises(DataError, match="no test sample 'test_099'"):
        DATA.load(SampleRef("bottle", Split.TEST, "test_099"))


def test_categories_and_kinds_can_be_written_as_text():
    config = build(SyntheticConfig, "synthetic", {"categories": "mug+gear", "kinds": "hole+stain"})
    assert Synthetic(None, config).categories() == ["gear", "mug"]
    assert config.kinds == ("hole", "stain")
    with pytest.raises(DataError, match="no category 'bolt'"):
        Synthetic(None, config).refs("bolt", Split.TEST)


@pytest.mark.parametrize("options", [{"smallest": 0.05, "largest": 0.01}, {"points": 500, "largest": 0.002}])
def test_a_largest_defect_below_the_smallest_is_refused(options):
    with pytest.raises(ConfigError, match="below the smallest share"):
        build(SyntheticConfig, "synthetic", options)
