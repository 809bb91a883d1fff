"""A small untrained encoder in place of stored weights, and a few scans."""

from types import SimpleNamespace

import numpy as np
import pytest

from pc3dad.context import RunContext
from pc3dad.encoders import image_text
from pc3dad.methods.rendered import stream
from pc3dad.types import PointCloud, Sample

SMALL = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "patch_size": 8, "width": 32, "layers": 3, "head_width": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49_408, "width": 32, "heads": 2, "layers": 3},
}


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


def ball(n=400, seed=0):
    directions = np.random.default_rng(seed).normal(size=(n, 3))
    return (directions / np.linalg.norm(directions, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def sample():
    return Sample("a", "ball", PointCloud(ball()))


@pytest.fixture
def sheet():
    """An organised cloud with a missing corner, and a photograph."""
    rows, columns = np.mgrid[:20, :20].astype(np.float32)
    height = np.sin(rows / 3) * np.cos(columns / 4)
    xyz = np.stack([columns, rows, height], axis=-1).reshape(-1, 3)
    xyz[:45] = np.nan
    photograph = np.random.default_rng(0).integers(0, 255, (20, 20, 3), np.uint8)
    return Sample("b", "sheet", PointCloud(xyz, grid=(20, 20)), image=photograph)
