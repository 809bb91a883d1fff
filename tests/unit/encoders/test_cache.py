"""Features are computed once; with or without the cache, whole or damaged, they are the same."""

import logging
from dataclasses import replace

import numpy as np
import pytest
import torch

from pc3dad.context import RunContext
from pc3dad.encoders.cache import FeatureCache, content_digest, features_folder
from pc3dad.errors import ConfigError
from pc3dad.types import PointCloud, Sample

ON, OFF = RunContext(), RunContext(cache=False)
FACTS = {"weights": "ab", "encoder": {"layers": [5, 11]}, "views": {"angles": [0, 36]}}


def sample(**changes):
    rng = np.random.default_rng(0)
    xyz = rng.random((40, 3), dtype=np.float32)
    xyz[0] = np.nan
    values = {"xyz": xyz, "rgb": rng.random((40, 3)), "grid": (5, 8)} | changes
    return Sample("name", "part", PointCloud(**values), image=np.zeros((5, 8, 3), np.uint8))


class Counted:
    """Computes features and counts how often."""

    def __init__(self, dtype=torch.float32):
        self.calls = 0
        self.dtype = dtype

    def __call__(self):
        self.calls += 1
        numbers = torch.arange(12.0).reshape(3, 4) / 7
        return {
            "tokens": numbers.to(self.dtype),
            "members": torch.tensor([[2, 5]]),
            "seen": torch.tensor([True]),
        }


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("kept_as", ["float16", "float32"])
def test_hit_miss_and_no_cache_give_the_same(tmp_path, kept_as):
    compute = Counted()
    first, second = (FeatureCache(ON, kept_as=kept_as, folder=tmp_path).get("k", compute) for _ in range(2))
    assert compute.calls == 1
    without = FeatureCache(OFF, kept_as=kept_as, folder=tmp_path).get("k", compute)
    assert compute.calls == 2
    assert same(first, second)
    assert same(first, without)
    exact = compute()["tokens"]
    assert torch.equal(first["tokens"], exact.half().float() if kept_as == "float16" else exact)
    assert {name: value.dtype for name, value in second.items()} == {
        "tokens": torch.float32,
        "members": torch.int64,
        "seen": torch.bool,
    }


def test_features_may_be_bfloat16_and_have_gradients(tmp_path):
    cache = FeatureCache(ON, kept_as="float32", folder=tmp_path)
    compute = Counted(torch.bfloat16)
    assert torch.equal(cache.get("k", compute)["tokens"], compute()["tokens"].float())
    weight = torch.ones(2, requires_grad=True)
    assert not cache.get("l", lambda: {"x": weight * 2})["x"].requires_grad


def test_without_the_cache_nothing_is_written(tmp_path):
    FeatureCache(OFF, kept_as="float16", folder=tmp_path / "features").get("k", Counted())
    assert list(tmp_path.iterdir()) == []


def test_a_change_of_what_was_returned_does_not_reach_the_next_reader(tmp_path):
    cache = FeatureCache(ON, kept_as="float32", folder=tmp_path)
    for _ in range(2):
        cache.get("k", Counted())["tokens"].zero_()
    assert cache.get("k", Counted())["tokens"].sum() > 0


def test_what_float16_cannot_hold_is_an_error_not_infinity(tmp_path):
    cache = FeatureCache(ON, kept_as="float16", folder=tmp_path)
    with pytest.raises(ConfigError, match="x has values that float16 cannot hold; keep features as float32"):
        cache.get("k", lambda: {"x": torch.tensor([1e5])})
    assert torch.isinf(cache.get("l", lambda: {"x": torch.tensor([float("inf"), 1e5])})["x"]).all()


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_a_damaged_file_is_computed_again_with_one_warning(tmp_path, caplog, damage):
    compute = Counted()
    first = FeatureCache(ON, kept_as="float32", folder=tmp_path).get("k", compute)
    (path,) = tmp_path.glob("*.npz")
    content = path.read_bytes()
    at = content.index(first["tokens"].numpy().tobytes()) + 9
    damaged = (
        content[:-20] if damage == "cut" else content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :]
    )
    path.write_bytes(damaged)
    cache = FeatureCache(ON, kept_as="float32", folder=tmp_path)
    with caplog.at_level(logging.WARNING):
        assert same(cache.get("k", compute), first)
        assert same(cache.get("k", compute), first)
    assert compute.calls == 2
    assert len(caplog.records) == 1
    assert path.read_bytes() == content


def test_a_key_changes_with_all_that_features_depend_on():
    cache = FeatureCache(ON, kept_as="float16")
    base = cache.key(sample(), **FACTS)
    assert cache.key(sample(), **FACTS) == base
    assert cache.key(replace(sample(), id="other", category="other"), **FACTS) == base
    others = {
        cache.key(sample(), **FACTS | {"weights": "cd"}),
        cache.key(sample(), **FACTS | {"encoder": {"layers": [5]}}),
        cache.key(sample(), **FACTS | {"views": {"angles": [0, 72]}}),
        cache.key(sample(xyz=sample().cloud.xyz * 2), **FACTS),
        FeatureCache(ON, kept_as="float32").key(sample(), **FACTS),
        FeatureCache(replace(ON, precision="bfloat16"), kept_as="float16").key(sample(), **FACTS),
        FeatureCache(replace(ON, device="cuda:0"), kept_as="float16").key(sample(), **FACTS),
    }
    assert len(others | {base}) == 8


def test_the_digest_of_a_sample_sees_everything_but_missing_points():
    base = content_digest(sample())
    valid = np.isfinite(sample().cloud.xyz).all(axis=1)
    filler = np.where(valid[:, None], sample().cloud.xyz, np.inf)
    assert content_digest(sample(xyz=filler)) == base
    changed = (
        sample(rgb=None),
        sample(rgb=sample().cloud.rgb / 2),
        sample(normals=sample().cloud.rgb),
        sample(grid=(8, 5)),
        sample(valid=np.arange(40) > 1),
        replace(sample(), image=None),
        replace(sample(), image=np.ones((5, 8, 3), np.uint8)),
    )
    assert len({base, *map(content_digest, changed)}) == 8


def test_the_default_folder_is_that_of_the_user(tmp_path, monkeypatch):
    monkeypatch.setenv("PC3DAD_HOME", str(tmp_path))
    assert features_folder() == tmp_path / "features"
    FeatureCache(ON, kept_as="float16").get("k", Counted())
    assert (tmp_path / "features" / "k.npz").is_file()
