"""For methods that look at views: a small untrained encoder in place of stored weights, and a few scans."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest

from pc3dad.context import RunContext
from pc3dad.data.base import SampleRef, TrainView
from pc3dad.encoders import image_text
from pc3dad.methods.rendered import slots, stream
from pc3dad.types import PointCloud, Regime, Sample, Split, Truth

CLIP = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "patch_size": 8, "width": 32, "layers": 3, "head_width": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49_408, "width": 32, "heads": 2, "layers": 4},
}


@dataclass
class Encoded:
    """How many pictures went through the image tower at a time, and through copies of it."""

    pictures: list = field(default_factory=list)
    by_copies: list = field(default_factory=list)


@pytest.fixture(scope="session")
def small_clip():
    return image_text.untrained(CLIP, seed=0, dual_from=1)


@pytest.fixture
def encoded(monkeypatch, small_clip):
    """The small encoder stands for whatever weights are asked for; tells what was encoded."""
    found, first = Encoded(), small_clip.vision.visual.conv1

    def count(module, given):
        (found.pictures if module is first else found.by_copies).append(len(given[0]))

    named = SimpleNamespace(encoder=small_clip, file=SimpleNamespace(sha256="small"))
    monkeypatch.setattr(stream, "load_image_text", lambda *_, **__: named)
    hook = first.register_forward_pre_hook(count)
    yield found
    hook.remove()


@pytest.fixture
def surroundings(tmp_path, monkeypatch):
    """A context with an empty cache."""
    monkeypatch.setenv("PC3DAD_HOME", str(tmp_path / "home"))
    return RunContext(scratch=tmp_path)


@pytest.fixture
def few_slots(monkeypatch):
    """Slots as the published works have them, but 40 x 40."""
    monkeypatch.setattr(slots, "SIDE", 40)
    monkeypatch.setattr(slots, "COUNT", 1600)


def ball(n=300, seed=0, bump=0.0):
    """(n, 3) points of a ball, of which those with x > 0.8 stand out."""
    directions = np.random.default_rng(seed).normal(size=(n, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    directions[directions[:, 0] > 0.8] *= 1 + bump
    return directions.astype(np.float32)


@pytest.fixture(scope="session")
def sample():
    return Sample("a", "ball", PointCloud(ball(seed=9, bump=0.3)))


@pytest.fixture(scope="session")
def sheet():
    """An organised cloud with a missing corner, and a photograph."""
    rows, columns = np.mgrid[:20, :20].astype(np.float32)
    height = np.sin(rows / 3) * np.cos(columns / 4)
    xyz = np.stack([columns, rows, height], axis=-1).reshape(-1, 3)
    xyz[:45] = np.nan
    photograph = np.random.default_rng(0).integers(0, 255, (20, 20, 3), np.uint8)
    return Sample("b", "sheet", PointCloud(xyz, grid=(20, 20)), image=photograph)


class Balls:
    """A data set of four balls; every other one has a bump."""

    def load(self, ref):
        return Sample(ref.id, "ball", PointCloud(ball(seed=int(ref.id), bump=0.3 * (int(ref.id) % 2))))

    def truth(self, ref):
        bump = int(ref.id) % 2 == 1
        return Truth(ref.id, bump, ball(seed=int(ref.id))[:, 0] > 0.8 if bump else None)


@pytest.fixture(scope="session")
def balls():
    """Labelled balls to train on."""
    refs = [SampleRef("ball", Split.TEST, str(number)) for number in range(4)]
    return TrainView(Regime.AUXILIARY, "balls:ball", [(Balls(), ref) for ref in refs])


def _degenerate():
    line = np.zeros((40, 3), np.float32)
    line[:, 1] = np.arange(40)
    flat = np.random.default_rng(1).uniform(size=(200, 3)).astype(np.float32)
    flat[:, 2] = 0
    return {
        "one point": line[:1],
        "two points": line[:2],
        "five points": ball(5),
        "equal points": np.full((60, 3), 7, np.float32),
        "every point twice": np.repeat(ball(100), 2, axis=0),
        "a line": line,
        "a plane": flat,
        "tiny unit": ball() * np.float32(1e-12),
        "huge unit": ball() * np.float32(1e12),
        "far away": ball() + np.float32(1e4),
    }


@pytest.fixture(scope="session")
def degenerate():
    """Clouds that are hardly clouds."""
    return [Sample(name, "odd", PointCloud(xyz)) for name, xyz in _degenerate().items()]
