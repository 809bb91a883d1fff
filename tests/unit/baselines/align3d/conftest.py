"""A small untrained encoder in place of stored weights, and coloured parts to train on."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from pc3dad.context import RunContext
from pc3dad.data.base import SampleRef, TrainView
from pc3dad.encoders import image_text
from pc3dad.methods.rendered import stream
from pc3dad.types import PointCloud, Regime, Sample, Split, Truth

SMALL = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "patch_size": 8, "width": 32, "layers": 3, "head_width": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49_408, "width": 32, "heads": 2, "layers": 3},
}


class Parts:
    """A data set of given samples and labels."""

    def __init__(self, samples, truths):
        self.samples, self.truths = samples, truths

    def load(self, ref):
        return self.samples[int(ref.id)]

    def truth(self, ref):
        return self.truths[int(ref.id)]


@pytest.fixture(scope="session")
def encoder():
    return image_text.untrained(SMALL, seed=0, dual_from=1)


@pytest.fixture
def loaded(monkeypatch, encoder):
    """The small encoder stands for whatever weights are asked for; a list of what was encoded."""
    named = SimpleNamespace(encoder=encoder, file=SimpleNamespace(sha256="small"))
    monkeypatch.setattr(stream, "load_image_text", lambda *_, **__: named)
    encoded = []
    hook = encoder.vision.visual.conv1.register_forward_pre_hook(
        lambda _, given: encoded.append(len(given[0]))
    )
    yield encoded
    hook.remove()


@pytest.fixture
def ctx(tmp_path, monkeypatch):
    monkeypatch.setenv("PC3DAD_HOME", str(tmp_path / "home"))
    return RunContext(scratch=tmp_path)


def ball(seed, n=200):
    """A ball whose colours are its directions."""
    directions = np.random.default_rng(seed).normal(size=(n, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    colours = ((directions + 1) / 2).astype(np.float32)
    return Sample(f"ball {seed}", "ball", PointCloud(directions.astype(np.float32), rgb=colours))


@pytest.fixture
def samples():
    """Four coloured balls."""
    return [ball(seed) for seed in range(4)]


@pytest.fixture
def grey(samples):
    """The same without colours."""
    return [replace(sample, cloud=PointCloud(sample.cloud.xyz)) for sample in samples]


@pytest.fixture
def view():
    """Makes a training set of samples, every second of which is defective on one side."""

    def make(samples, category="ball"):
        sides = [sample.cloud.xyz[:, 0] > 0.5 for sample in samples]
        truths = [
            Truth(sample.id, bool(number % 2), side & bool(number % 2))
            for number, (sample, side) in enumerate(zip(samples, sides, strict=True))
        ]
        data = Parts(samples, truths)
        refs = [(data, SampleRef(category, Split.TEST, str(number))) for number in range(len(samples))]
        return TrainView(Regime.AUXILIARY, f"parts:{category}", refs)

    return make


@pytest.fixture
def sheet():
    """An organised cloud with a missing corner, colours and a photograph."""
    rows, columns = np.mgrid[:20, :20].astype(np.float32)
    height = np.sin(rows / 3) * np.cos(columns / 4)
    xyz = np.stack([columns, rows, height], axis=-1).reshape(-1, 3)
    xyz[:45] = np.nan
    photograph = np.random.default_rng(0).integers(0, 255, (20, 20, 3), np.uint8)
    colours = (photograph.reshape(-1, 3) / 255).astype(np.float32)
    return Sample("sheet", "sheet", PointCloud(xyz, rgb=colours, grid=(20, 20)), image=photograph)
