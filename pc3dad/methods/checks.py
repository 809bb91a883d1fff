"""The contract that every registered method must pass: `pc3dad methods check NAME` and the contract tests.

The checks run on the embedded synthetic data set with few points, on the CPU, through the public interface.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from pc3dad.context import RunContext
from pc3dad.data.base import TrainView
from pc3dad.data.synthetic.config import SyntheticConfig
from pc3dad.data.synthetic.dataset import Synthetic
from pc3dad.errors import ContractError, DataError, MethodError, Pc3dadError
from pc3dad.io import digest
from pc3dad.methods.base import Method
from pc3dad.registry import MethodEntry
from pc3dad.types import PointCloud, Prediction, Regime, Sample, Split

TRAINED_ON = "flange"
SCORED = "bottle"
CLOSE = 0.01  # of the range of a sample's scores
FEW = 0.02  # share of points that may differ by more under a claimed invariance: ties between neighbours


class Verdict(StrEnum):
    """Result of one check."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One line of the contract: which check, how it ended and why."""

    name: str
    verdict: Verdict
    detail: str = ""


class Subject:
    """A method under test: made and fitted once for all checks but that of seeds."""

    def __init__(self, entry: MethodEntry, values: Mapping[str, Any]) -> None:
        self.entry = entry
        self.card = entry.ready
        self.config = entry.configure(values)
        data = Synthetic(None, SyntheticConfig(points=1500, train=2, good=2, defective=2, smallest=0.01))
        self.samples = [data.load(ref) for ref in data.refs(SCORED, Split.TEST)]
        source = TRAINED_ON if self.card.regime is Regime.AUXILIARY else SCORED
        split = Split.TEST if self.card.regime is Regime.AUXILIARY else Split.TRAIN
        trains = self.card.regime.trains
        refs = data.refs(source, split) if trains else []
        self.train = TrainView(
            self.card.regime, f"synthetic:{source}" if trains else "none", [(data, r) for r in refs]
        )

    def anew(self, seed: int = 0) -> Method:
        """A new method, fitted with `seed`."""
        method: Method = self.entry.create(self.config)
        method.fit(self.train, RunContext(seed=seed))
        return method

    @cached_property
    def fitted(self) -> Method:
        """A fitted method."""
        return self.anew()

    def scores(
        self, samples: Sequence[Sample], method: Method | None = None, *, seed: int = 0
    ) -> list[Prediction]:
        """Predictions of all samples in one call."""
        return list((method or self.fitted).predict(iter(samples), RunContext(seed=seed)))


Check = Callable[[Subject], str]
"""Returns why it does not apply, or an empty string; raises ContractError if the method breaks it."""


def check_method(entry: MethodEntry, values: Mapping[str, Any]) -> Iterator[CheckResult]:
    """Runs the contract and yields a result per check, so that a slow method shows progress.

    Args:
        entry: registered method.
        values: options that differ from the defaults.
    """
    try:
        subject = Subject(entry, values)
    except Pc3dadError as error:
        yield CheckResult("card_and_config", Verdict.FAILED, str(error))
        return
    for check in CHECKS:
        try:
            skipped = check(subject)
        except Exception as error:  # noqa: BLE001  a method may raise anything; that is a finding, not a crash
            detail = str(error) if isinstance(error, ContractError) else f"{type(error).__name__}: {error}"
            yield CheckResult(check.__name__, Verdict.FAILED, detail)
        else:
            yield CheckResult(check.__name__, Verdict.SKIPPED if skipped else Verdict.PASSED, skipped)


def card_and_config(subject: Subject) -> str:
    """Every option is described, has a default, and survives a round trip through plain data."""
    kind = type(subject.config)
    for name, field in kind.model_fields.items():
        _demand(bool(field.description), f"option {name!r} has no description")
        _demand(not field.is_required(), f"option {name!r} has no default")
    again = kind.model_validate_json(subject.config.model_dump_json())
    _demand(again == subject.config, "the configuration changes when it is written and read back")
    unknown = set(subject.card.outputs) - {"object", "point"}
    _demand(not unknown, f"the card promises unknown outputs {sorted(unknown)}")
    return ""


def one_prediction_per_sample(subject: Subject) -> str:
    """Predictions come in order, one per sample, finite, with a score for every point."""
    found = subject.scores(subject.samples)
    ids = [prediction.sample_id for prediction in found]
    _demand(ids == [sample.id for sample in subject.samples], f"predictions for {ids}")
    for sample, prediction in zip(subject.samples, found, strict=True):
        score = prediction.object_score
        _demand(score is not None and bool(np.isfinite(score)), f"object score {score}")
        if "point" in subject.card.outputs:
            points = _points(prediction)
            _demand(
                points.shape == (len(sample.cloud),),
                f"{points.shape} point scores for {len(sample.cloud)} points",
            )
            _demand(points.dtype == np.float32, f"point scores are {points.dtype}, expected float32")
            _demand(bool(np.isfinite(points[sample.cloud.valid]).all()), "point scores are not finite")
    return ""


def inputs_unchanged(subject: Subject) -> str:
    """Samples are not written to."""
    before = [digest.of_array(sample.cloud.xyz) for sample in subject.samples]
    subject.scores(subject.samples)
    _demand(
        before == [digest.of_array(sample.cloud.xyz) for sample in subject.samples],
        "coordinates were changed",
    )
    return ""


def order_of_samples(subject: Subject) -> str:
    """The order of samples does not matter."""
    if subject.card.regime is Regime.TRANSDUCTIVE:
        return "transductive methods see all samples at once"
    _same(subject.scores(subject.samples), subject.scores(subject.samples[::-1])[::-1], "in reverse order")
    return ""


def batches_of_samples(subject: Subject) -> str:
    """A sample alone gets the scores that it gets among others."""
    if subject.card.regime is Regime.TRANSDUCTIVE:
        return "transductive methods see all samples at once"
    method = subject.fitted
    alone = [subject.scores([sample], method)[0] for sample in subject.samples[::-1]]
    _same(subject.scores(subject.samples), alone[::-1], "alone")
    return ""


def equal_seeds(subject: Subject) -> str:
    """The same seed gives the same bits; a method that calls itself deterministic does so for any seed."""
    first, again = (subject.scores(subject.samples, method) for method in (subject.fitted, subject.anew()))
    _same(first, again, "with the same seed", exact=True)
    if subject.card.deterministic:
        other = subject.scores(subject.samples, subject.anew(4), seed=4)
        _same(first, other, "with another seed")
    return ""


def blind_to_names(subject: Subject) -> str:
    """Sample ids carry no information: a renamed sample keeps its scores."""
    renamed = [replace(sample, id=f"anomalous_{index}") for index, sample in enumerate(subject.samples)]
    _same(subject.scores(subject.samples), subject.scores(renamed), "under another name")
    return ""


def blind_to_missing_points(subject: Subject) -> str:
    """What a missing point holds, NaN or zero, changes no score of a valid point."""
    sample = subject.samples[0]
    missing = np.zeros(len(sample.cloud), dtype=np.bool_)
    missing[::7] = True
    found = []
    for filler in (np.nan, 0.0):
        xyz = sample.cloud.xyz.copy()
        xyz[missing] = filler
        found.append(replace(sample, cloud=PointCloud(xyz, sample.cloud.origin, valid=~missing)))
    nan, zero = (subject.scores([item])[0] for item in found)
    score = nan.object_score
    _demand(
        score is not None and bool(np.isfinite(score)),
        "the object score is not finite when points are missing",
    )
    if "point" in subject.card.outputs and nan.point_scores is not None and zero.point_scores is not None:
        kept = [replace(item, point_scores=_points(item)[~missing]) for item in (nan, zero)]
        _same(kept[:1], kept[1:], "with zeros instead of NaN at missing points")
    return ""


def save_and_load(subject: Subject) -> str:
    """A saved and loaded method gives the same bits."""
    method = subject.fitted
    with tempfile.TemporaryDirectory() as folder:
        method.save(Path(folder))
        again: Method = subject.entry.create(subject.config)
        again.load(Path(folder))
        _same(
            subject.scores(subject.samples, method),
            subject.scores(subject.samples, again),
            "after loading",
            exact=True,
        )
    return ""


def claimed_invariances(subject: Subject) -> str:
    """Rotation, translation, scale and permutation of points change as little as the card claims."""
    if not subject.card.invariances:
        return "the card claims none"
    if "point" not in subject.card.outputs:
        return "no point scores"
    method = subject.fitted
    for claim in subject.card.invariances:
        sample = subject.samples[-1]
        moved, order = _move(sample, claim)
        before, after = (_points(subject.scores([item], method)[0]) for item in (sample, moved))
        allowed = CLOSE * float(np.ptp(before))
        differing = float((np.abs(after - before[order]) > allowed).mean())
        _demand(differing <= FEW, f"{claim} changes {differing:.1%} of the point scores")
    return ""


def degenerate_clouds(subject: Subject) -> str:
    """One point, equal points and a line give finite scores or one clear error, never anything else."""
    line = np.zeros((50, 3), dtype=np.float32)
    line[:, 0] = np.arange(50)
    shapes = {"one point": line[:1], "equal points": np.ones((60, 3), dtype=np.float32), "a line": line}
    for name, xyz in shapes.items():
        sample = Sample(name, SCORED, PointCloud(xyz))
        try:
            prediction = subject.scores([sample])[0]
        except (MethodError, DataError):
            continue
        points = np.zeros(0) if prediction.point_scores is None else prediction.point_scores
        score = prediction.object_score
        finite = score is not None and np.isfinite(score) and np.isfinite(points).all()
        _demand(bool(finite), f"{name}: scores are not finite")
    return ""


CHECKS: tuple[Check, ...] = (
    card_and_config,
    one_prediction_per_sample,
    inputs_unchanged,
    order_of_samples,
    batches_of_samples,
    equal_seeds,
    blind_to_names,
    blind_to_missing_points,
    save_and_load,
    claimed_invariances,
    degenerate_clouds,
)


def _demand(fine: bool, complaint: str) -> None:
    if not fine:
        raise ContractError(complaint)


def _points(prediction: Prediction) -> NDArray[np.float32]:
    _demand(prediction.point_scores is not None, "no point scores although the card promises them")
    return np.asarray(prediction.point_scores)


def _same(
    first: Sequence[Prediction], second: Sequence[Prediction], how: str, *, exact: bool = False
) -> None:
    """Demands equal scores: to the bit, or within rounding of other batch sizes."""
    tolerance = 0.0 if exact else 1e-5
    for one, two in zip(first, second, strict=True):
        pairs = [(np.array(one.object_score), np.array(two.object_score))]
        if one.point_scores is not None and two.point_scores is not None:
            pairs.append((one.point_scores, two.point_scores))
        for before, after in pairs:
            worst = float(
                np.max(np.abs(after - before) - tolerance * np.maximum(1, np.abs(before)), initial=0.0)
            )
            _demand(worst <= 0, f"scores differ by up to {np.max(np.abs(after - before)):.3g} {how}")


def _move(sample: Sample, claim: str) -> tuple[Sample, NDArray[np.int64]]:
    """The sample after a motion, and for each of its points the index that the point had before."""
    xyz = sample.cloud.xyz.astype(np.float64)
    order = np.arange(len(xyz))
    if claim == "rotation":
        xyz @= Rotation.from_euler("xyz", [0.4, 1.1, 2.0]).as_matrix()
    elif claim == "translation":
        xyz += np.ptp(xyz, axis=0)
    elif claim == "scale":
        xyz *= 10
    elif claim == "permutation":
        order = np.random.default_rng(0).permutation(len(xyz))
    else:
        raise ContractError(f"the card claims an unknown invariance {claim!r}")
    return replace(sample, cloud=PointCloud(xyz[order].astype(np.float32))), order
