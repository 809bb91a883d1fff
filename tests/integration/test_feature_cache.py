"""`--no-cache` and the cache of features give the same scores, in this process and in one of its own."""

import numpy as np

from pc3dad import run_bench

SCORE = """
        import torch
        from pc3dad.encoders.cache import FeatureCache
        def compute():
            with CALLS.with_suffix(".computed").open("a") as log:
                log.write(sample.id + chr(10))
            return {"points": torch.from_numpy(points) / 3}
        cache = FeatureCache(ctx, kept_as="float16")
        key = cache.key(sample, weights="none", encoder={"name": "toy"})
        points = cache.get(key, compute)["points"].numpy()
"""


def test_scores_are_the_same_with_and_without_the_cache(tmp_path, monkeypatch, toys, method):
    monkeypatch.setenv("PC3DAD_HOME", str(tmp_path / "home"))
    plugin = method("encoding", score=SCORE.strip())
    computed = plugin.with_suffix(".computed")

    def scores(name, *, cache, time_limit=None):
        folder = tmp_path / name
        values = {"methods": ["encoding"], "datasets": [{"name": "toys", "categories": ["A"]}]}
        options = {"out": folder, "device": "cpu", "workers": 1, "cache": cache, "time_limit": time_limit}
        assert not run_bench(values, plugins=[toys, plugin], **options).failed
        found = {}
        for path in folder.glob("cells/*/predictions/*.npz"):
            with np.load(path) as file:
                found[path.name] = file["point_scores"].tobytes()
        return found, len(computed.read_text().split())

    first, calls = scores("first", cache=True)
    assert calls == len(first) == 6
    assert scores("hit", cache=True) == (first, 6)
    assert scores("without", cache=False) == (first, 12)
    assert scores("process without", cache=False, time_limit=100.0) == (first, 18)
