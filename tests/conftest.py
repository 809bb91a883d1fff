"""Shared fixtures. The default run needs no network, no weights and no GPU."""

import atexit
import os
import shutil
import tempfile
import textwrap
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # a forgotten download fails at once instead of after 46 s
os.environ["PC3DAD_HOME"] = tempfile.mkdtemp(prefix="pc3dad-tests-")  # never the caches of the user
atexit.register(shutil.rmtree, os.environ["PC3DAD_HOME"], ignore_errors=True)

REPOSITORY = Path(__file__).resolve().parents[1]

# A toy data set and toy methods, each a plug-in in one file, as a user would write them.
DATASET = '''
    import numpy as np
    from pc3dad.cards import DatasetCard
    from pc3dad.config import Config
    from pc3dad.data.base import SampleRef
    from pc3dad.errors import DataError
    from pc3dad.types import PointCloud, Sample, Split, Truth

    CARD = DatasetCard(slug="toys", title="Toys", licence="none", source="", unit="none", needs_root=False,
                       auxiliary=("A", "B"), dataset=":Toys", config=":ToysConfig")

    class ToysConfig(Config):
        unreadable: int = -1
        """Index of a test sample that cannot be read."""
        colour: bool = False
        """Whether the last sample of a category has a colour defect only."""

    class Toys:
        """Six test samples of ten points a category; the first two points of the last three are defective."""
        card = CARD

        def __init__(self, root, config):
            self.config = config

        def categories(self):
            return ["A", "B", "C"]

        def refs(self, category, split):
            count = {Split.TEST: 6, Split.TRAIN: 2}.get(split, 0)
            return [SampleRef(category, split, f"{split}_{index}") for index in range(count)]

        def load(self, ref):
            index = int(ref.id.split("_")[1])
            if ref.split is Split.TEST and index == self.config.unreadable:
                raise DataError(f"{ref.id} is damaged", hint="copy it again")
            xyz = np.random.default_rng([ord(ref.category), index]).normal(size=(10, 3))
            if ref.split is Split.TEST and index >= 3:
                xyz[:2] += 10
            return Sample(ref.id, ref.category, PointCloud(xyz))

        def truth(self, ref):
            index = int(ref.id.split("_")[1])
            bad = ref.split is Split.TEST and index >= 3
            points = np.zeros(10, bool)
            points[:2] = bad
            stain = self.config.colour and index == 5
            shape = np.zeros(10, bool) if stain else points
            return Truth(ref.id, bad, points, shape if self.config.colour else None, bad and not stain)

        def fingerprint(self, category):
            return f"{category}-{self.config.model_dump_json()}"
'''

METHOD = '''
    import numpy as np
    from pathlib import Path
    from pc3dad.cards import MethodCard
    from pc3dad.config import Config
    from pc3dad.methods.base import BaseMethod
    from pc3dad.types import Prediction, Regime

    CARD = MethodCard(slug="{slug}", title="Toy method", regime=Regime.{regime}, inputs=("xyz",),
                      outputs=("object", "point"), deterministic={deterministic}, revision=1,
                      method=":Toy", config=":ToyConfig")
    CALLS = Path(__file__).with_suffix(".calls")

    class ToyConfig(Config):
        scale: float = 1.0
        """Factor."""

    class Toy(BaseMethod[ToyConfig]):
        card = CARD

        def fit(self, train, ctx):
            {fit}
            self.seen_ = np.array([len(train)])

        def score(self, sample, ctx):
            with CALLS.open("a") as log:
                log.write(sample.id + "\\n")
            xyz = sample.cloud.xyz
            points = (np.linalg.norm(xyz, axis=1) * self.config.scale).astype(np.float32)
            points += ctx.rng("noise").random() if not CARD.deterministic else 0
            {score}
            return Prediction(sample.id, float(points.max()), points)
'''


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Folder of real samples (`PC3DAD_TEST_DATA`, default `../shared`); without it tests skip."""
    folder = Path(os.environ.get("PC3DAD_TEST_DATA", REPOSITORY.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(
            f"no real samples at {folder}: set PC3DAD_TEST_DATA to the folder that holds data/ and golden/"
        )
    return folder


@pytest.fixture(scope="session")
def soak() -> bool:
    """Whether long versions of tests shall run (`make soak`)."""
    return os.environ.get("PC3DAD_SOAK", "") == "1"


@pytest.fixture
def toys(tmp_path):
    """Path of the toy data set's plug-in."""
    path = tmp_path / "toys.py"
    path.write_text(textwrap.dedent(DATASET))
    return path


@pytest.fixture
def method(tmp_path):
    """Writes a toy method and returns its plug-in; `fit` and `score` are lines of code to add."""

    def write(slug, *, regime="TRAINING_FREE", deterministic=True, fit="pass", score="pass"):
        path = tmp_path / f"{slug}.py"
        text = textwrap.dedent(METHOD)
        words = {"slug": slug, "regime": regime, "deterministic": deterministic, "fit": fit, "score": score}
        for name, value in words.items():
            text = text.replace("{" + name + "}", str(value))
        path.write_text(text)
        return path

    return write
