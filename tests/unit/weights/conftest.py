"""Weights of a small network, in a home of their own."""

import numpy as np
import pytest
from safetensors.numpy import save_file

from pc3dad.cards import WeightsCard, WeightsFile
from pc3dad.weights import layouts

SHAPES = {"a.weight": (3, 2), "a.bias": (3,)}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The folder of the user, with no other place that could hold weights."""
    monkeypatch.setenv("PC3DAD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "home"


@pytest.fixture
def card(monkeypatch):
    """A card of which nobody published a digest; other values can be given."""
    monkeypatch.setitem(layouts.LAYOUTS, "small", lambda: layouts.Layout(SHAPES))

    def make(**values):
        file = {"name": "official.pt", "form": "torch", "address": "https://example.org/official.pt"}
        facts = {
            "slug": "small",
            "title": "A small network",
            "kind": "points",
            "architecture": "one layer",
            "licence": "MIT",
            "source": "https://example.org",
            "training": "nothing",
            "inputs": "numbers",
            "reader": "these tests",
        }
        return WeightsCard(**facts | {"files": (WeightsFile(**file | values.pop("file", {})),)} | values)

    return make


@pytest.fixture
def tensors():
    """Values of the small network."""
    return {name: np.full(shape, 0.5, np.float32) for name, shape in SHAPES.items()}


@pytest.fixture
def write(tensors):
    """Writes the small network as safetensors, changed as asked."""

    def save(path, changes=None, metadata=None):
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({**tensors, **(changes or {})}, path, metadata)
        return path

    return save
