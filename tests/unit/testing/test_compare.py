"""Tolerances of golden outputs, above all those of recorded optimiser steps."""

import json

import numpy as np
import pytest

from pc3dad.errors import DataError
from pc3dad.testing.compare import ManifestEntry, TrainTolerances, compare, read_manifest

TRAIN = TrainTolerances(
    tol=1e-5, gradient=1e-3, after_step=1e-2, deep_prompt_gradient=1e-1, ignore_gradient_below=1e-4
)


def entry(**words):
    return ManifestEntry(**{"sha256": "0", "tol": 1e-5} | words)


def passes(actual, expected, *, key="x", **words):
    expected, actual = np.array(expected), np.array(actual)
    return not compare({key: actual}, {key: expected}, entry(**words)).problems


def test_floats_may_differ_by_the_tolerance_times_the_larger_of_one_and_the_reference():
    assert passes([0.5, 100.0], [0.500009, 100.0009])
    assert not passes([0.5, 100.0], [0.500011, 100.0])
    assert not passes([0.5, 100.0], [0.5, 100.0011])


def test_the_largest_difference_is_scaled_like_the_tolerance():
    found = compare({"x": np.array([1.0, 220.0])}, {"x": np.array([1.125, 200.0])}, entry())
    assert found.largest == 0.125 / 1.125
    assert compare({"x": np.array(0.5)}, {"x": np.array(0.25)}, entry()).largest == 0.25


def test_integers_must_be_equal_whatever_the_tolerance():
    assert passes([1, 2], [1, 2], tol=1.0)
    assert not passes([1, 3], [1, 2], tol=1.0)
    assert not passes([1, 2.5], [1, 2], tol=1.0)
    assert not passes([2**60 + 1], [2**60], tol=1.0)
    assert not passes([1.0, np.nan], [1, 2], tol=1.0)


def test_nan_and_infinity_match_only_themselves():
    assert passes([np.nan, 1.0, np.inf], [np.nan, 1.0, np.inf])
    assert not passes([np.nan, 1.0], [1.0, np.nan])
    assert not passes([1.0, 1.0], [np.nan, 1.0])
    assert not passes([np.inf], [-np.inf])
    assert not passes([np.inf], [1.0])
    assert not passes([1.0], [np.inf])


def test_empty_and_scalar_outputs_are_compared():
    assert passes(np.zeros((0, 3)), np.zeros((0, 3)))
    assert not passes(np.zeros((0, 2)), np.zeros((0, 3)))
    assert not passes(1.0, 2.0)


def test_text_and_complex_numbers_are_no_outputs():
    assert not passes(["1.0"], [1.0])
    assert not passes([1.0 + 0j], [1.0])


def test_a_failure_names_key_place_difference_and_tolerance():
    found = compare({"a/b": np.array([[1.0, 1.0]])}, {"a/b": np.array([[1.0, 0.5]])}, entry())
    assert found.problems == ("out/a/b: difference 5.0e-01 at (0, 1), tolerance 1.0e-05, 1 of 2 outside",)


def test_the_first_matching_glob_gives_the_tolerance():
    globs = {"out/loose/*": 0.1, "out/*": 0.01}
    assert passes(1.05, 1.0, key="loose/x", tol_by_key=globs)
    assert not passes(1.05, 1.0, key="x", tol_by_key=globs)
    assert passes(1.005, 1.0, key="x", tol_by_key=globs)


@pytest.mark.parametrize(
    ("key", "tolerance"),
    [
        ("step1/loss", 1e-5),
        ("step2/loss", 1e-2),
        ("stage1/step12/loss", 1e-2),
        ("step1/grad/layer.bias", 1e-3),
        ("step1/grad_norm/layer.weight", 1e-3),
        ("step1/grad_norm_total_before_clip", 1e-3),
        ("rgb/step1/grad/compound_prompts_text.0", 1e-1),
        ("rgb/step1/grad_norm/compound_prompts_text.0", 1e-3),
    ],
)
def test_training_outputs_have_tolerances_of_their_own(key, tolerance):
    assert passes(1 + 0.9 * tolerance, 1.0, key=key, tol_train=TRAIN)
    assert not passes(1 + 1.1 * tolerance, 1.0, key=key, tol_train=TRAIN)


def test_without_a_tolerance_for_deep_prompts_that_of_gradients_counts():
    plain = TRAIN.model_copy(update={"deep_prompt_gradient": None})
    assert not passes(1.002, 1.0, key="step1/grad/compound_prompts_text.0", tol_train=plain)


def test_a_curve_is_strict_before_the_first_step_only():
    assert passes([1.0, 1.005, 1.005], [1.0, 1.0, 1.0], key="stage1/loss_total", tol_train=TRAIN)
    assert not passes([1.005, 1.0, 1.0], [1.0, 1.0, 1.0], key="stage1/loss_total", tol_train=TRAIN)


def test_gradients_are_compared_relative_to_their_largest_element():
    key, expected = "step1/grad/bias", np.array([1e-2, 1e-9])
    assert passes(expected + np.array([0, 0.9e-5]), expected, key=key, tol_train=TRAIN)
    assert not passes(expected + np.array([0, 1.1e-5]), expected, key=key, tol_train=TRAIN)


def test_gradients_that_are_noise_may_differ_by_as_much_as_counts_as_noise():
    key = "step1/grad_norm/convolution.bias"
    assert passes(9e-5, 3e-8, key=key, tol_train=TRAIN)
    assert not passes(2e-4, 3e-8, key=key, tol_train=TRAIN)


def test_gradients_that_are_zero_can_be_compared():
    exact = TRAIN.model_copy(update={"ignore_gradient_below": 0.0})
    assert passes(np.zeros(2), np.zeros(2), key="step1/grad/x", tol_train=exact)
    assert not passes(np.ones(2), np.zeros(2), key="step1/grad/x", tol_train=exact)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "[" * 100_000,
        '{"a.npz": 3}',
        '{"a.npz": {"tol": 1e-5}}',
        '{"a.npz": {"sha256": "0", "tol": -1}}',
        '{"a.npz": {"sha256": "0", "tol": Infinity}}',
        '{"a.npz": {"sha256": "0", "tol": 1, "tol_by_kee": {"out/*": 1}}}',
        '{"a.npz": {"sha256": "0", "tol": 1, "tol_train": {"tol": 1}}}',
    ],
)
def test_a_manifest_that_cannot_be_trusted_is_refused(tmp_path, content):
    (tmp_path / "MANIFEST.json").write_text(content)
    with pytest.raises(DataError, match=r"MANIFEST\.json"):
        read_manifest(tmp_path)


def test_a_manifest_in_another_encoding_is_refused(tmp_path):
    (tmp_path / "MANIFEST.json").write_bytes(json.dumps({}).encode("utf-16"))
    with pytest.raises(DataError, match="is not JSON"):
        read_manifest(tmp_path)
