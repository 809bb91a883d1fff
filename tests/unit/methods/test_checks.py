"""Each check of the contract catches the method that breaks it."""

import textwrap

import pytest

from pc3dad import registry
from pc3dad.methods.checks import Verdict, check_method

PLUGIN = """
    import numpy as np
    from dataclasses import replace
    from pc3dad.cards import MethodCard
    from pc3dad.config import Config
    from pc3dad.methods.base import BaseMethod
    from pc3dad.types import Prediction, Regime

    CARD = MethodCard(slug="subject", title="Under test", regime=Regime.TRAINING_FREE, inputs=("xyz",),
                      outputs=("object", "point"), deterministic=True, revision=1, invariances={claims},
                      method=":Subject", config=":SubjectConfig")
    STATE = []

    class SubjectConfig(Config):
        level: float = 1.0
        {described}

    class Subject(BaseMethod[SubjectConfig]):
        card = CARD

        def fit(self, train, ctx):
            self.level_ = np.array([2.0])

        def load(self, folder):
            super().load(folder)
            self.loaded = 1

        def score(self, sample, ctx):
            xyz = np.where(sample.cloud.valid[:, None], sample.cloud.xyz, 0)
            points = (np.abs(xyz).sum(axis=1) * self.level_[0]).astype(np.float32)
            score = float(points.max())
            {code}
            return Prediction(sample.id, score, points)
"""


@pytest.fixture
def failing(tmp_path):
    """Names of the checks that a method with this line of code fails."""

    def run(code="pass", *, claims="()", described='"Level."'):
        path = tmp_path / "subject.py"
        text = textwrap.dedent(PLUGIN)
        for name, value in {"code": code, "claims": claims, "described": described}.items():
            text = text.replace("{" + name + "}", value)
        path.write_text(text)
        results = check_method(registry.methods([path])["subject"], {})
        return {result.name for result in results if result.verdict is Verdict.FAILED}

    return run


def test_a_good_method_passes(failing):
    assert failing() == set()


@pytest.mark.parametrize(
    ("check", "code"),
    [
        ("one_prediction_per_sample", "points = points[:-1]"),
        ("one_prediction_per_sample", "points = points.astype(float)"),
        ("one_prediction_per_sample", "points[sample.cloud.valid.argmax()] = np.nan"),
        ("one_prediction_per_sample", "sample = replace(sample, id='x')"),
        ("inputs_unchanged", "sample.cloud.xyz[0] += 1"),
        ("order_of_samples", "STATE.append(1); score += len(STATE)"),
        ("batches_of_samples", "self.n = getattr(self, 'n', 0) + 1; score += self.n"),
        ("equal_seeds", "score += np.random.default_rng().random()"),
        ("equal_seeds", "score += ctx.rng('x').random()"),
        ("blind_to_names", "score += 'anomalous' in sample.id"),
        ("blind_to_missing_points", "points += np.isnan(sample.cloud.xyz).any()"),
        ("save_and_load", "score += getattr(self, 'loaded', 0)"),
        ("degenerate_clouds", "score = score if len(points) > 1 else float('nan')"),
    ],
)
def test_each_check_catches_its_fault(failing, check, code):
    assert check in failing(code)


@pytest.mark.parametrize("claim", ["rotation", "translation", "scale"])
def test_a_false_claim_of_invariance_is_caught(failing, claim):
    assert failing(claims=f"('{claim}',)") == {"claimed_invariances"}


def test_a_true_claim_passes(failing):
    assert failing(claims="('permutation',)") == set()


def test_an_unknown_claim_is_caught(failing):
    assert failing(claims="('time',)") == {"claimed_invariances"}


def test_an_option_without_description_is_caught(failing):
    assert failing(described="pass") == {"card_and_config"}
