"""A small untrained point encoder and text tower in place of stored weights, and a few scans."""

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pc3dad.baselines.btp import encoded, method, training
from pc3dad.baselines.btp.config import BtpConfig
from pc3dad.context import RunContext
from pc3dad.data.base import SampleRef, TrainView
from pc3dad.encoders import image_text
from pc3dad.encoders.pointbert import PointBert, PointBertConfig
from pc3dad.types import PointCloud, Regime, Sample, Split, Truth

MODEL = {
    "embed_dim": 12,
    "vision_cfg": {"image_size": 16, "patch_size": 8, "width": 16, "layers": 1, "head_width": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49_408, "width": 16, "heads": 2, "layers": 2},
}
POINTS = PointBertConfig(
    groups=16,
    group_size=8,
    tokenizer=(8, 16, 16, 12),
    position=8,
    width=24,
    depth=3,
    heads=3,
    mlp=32,
    embed_dim=12,
)
SMALL = {"layers": (1, 3), "n_points": 128, "hidden": 16, "epochs": 3}


@pytest.fixture(scope="session")
def tower():
    return image_text.untrained(MODEL, seed=0, part="text").text


@pytest.fixture(scope="session")
def encoder():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return PointBert(POINTS).eval().requires_grad_(False)


@pytest.fixture
def small():
    """Options that fit the small encoder."""
    return dict(SMALL)


@pytest.fixture
def sizes():
    """Sizes of the small encoder."""
    return POINTS


@pytest.fixture
def config(small):
    return BtpConfig(**small)


@pytest.fixture
def calls(monkeypatch, encoder, tower):
    """The small towers stand for whatever weights are asked for; how often they and histograms are used."""
    counts = Counter()

    def load_points(*_):
        counts["load encoder"] += 1
        return SimpleNamespace(encoder=encoder, file=SimpleNamespace(sha256="small"))

    def load_image_text(*_, **__):
        counts["load tower"] += 1
        return SimpleNamespace(encoder=image_text.untrained(MODEL, seed=0, part="text"))

    described = training.targets

    def targets(*given, **options):
        counts["histograms"] += 1
        return described(*given, **options)

    def encode(*given, **options):
        counts["encoder"] += 1
        return whole(*given, **options)

    whole = encoded.encode
    texts = type(tower).encode

    def of_texts(self, *given, **options):
        counts["tower"] += 1
        return texts(self, *given, **options)

    monkeypatch.setattr(encoded, "load_points", load_points)
    monkeypatch.setattr(encoded, "encode", encode)
    monkeypatch.setattr(method, "load_image_text", load_image_text)
    monkeypatch.setattr(training, "targets", targets)
    monkeypatch.setattr(type(tower), "encode", of_texts)
    return counts


@pytest.fixture
def fitted(calls, ctx, labelled, config):
    """A method that has learned from three balls."""
    made = method.Btp(config)
    made.fit(labelled, ctx)
    return made


@pytest.fixture
def ctx(tmp_path, monkeypatch):
    monkeypatch.setenv("PC3DAD_HOME", str(tmp_path / "home"))
    return RunContext(scratch=tmp_path)


@pytest.fixture
def ball():
    """Makes (n, 3) points on a ball."""
    return _ball


@pytest.fixture
def sample_of():
    """Makes a sample of points."""
    return _sample_of


@pytest.fixture
def view():
    """Makes training data of samples and labels."""
    return _view


def _ball(n=400, seed=0):
    directions = np.random.default_rng(seed).normal(size=(n, 3))
    return (directions / np.linalg.norm(directions, axis=1, keepdims=True)).astype(np.float32)


def _sample_of(xyz, name="a", **options):
    return Sample(name, "part", PointCloud(np.asarray(xyz, dtype=np.float32), **options))


class Data:
    """A data set of given samples and labels."""

    def __init__(self, samples, truths):
        self.samples, self.truths = samples, truths

    def load(self, ref):
        return self.samples[int(ref.id)]

    def truth(self, ref):
        return self.truths[int(ref.id)]


def _view(samples, truths):
    data = Data(samples, truths)
    refs = [SampleRef("part", Split.TEST, str(number)) for number in range(len(samples))]
    return TrainView(Regime.AUXILIARY, "data:part", [(data, ref) for ref in refs])


@pytest.fixture
def labelled():
    """Three balls; the second and the third have a bump."""
    samples, truths = [], []
    for number in range(3):
        xyz = _ball(300 + number, seed=number)
        bump = (xyz[:, 2] > 0.8) & (number > 0)
        xyz[bump] *= 1.2
        samples.append(_sample_of(xyz, str(number)))
        truths.append(Truth(str(number), number > 0, bump))
    return _view(samples, truths)
