"""Fits outside of a run: trained once, kept in `$PC3DAD_HOME/fits/<id>`, reused by every later command."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pc3dad.cards import MethodCard
from pc3dad.config import Config, plain
from pc3dad.context import RunContext
from pc3dad.errors import DataError, WeightsError
from pc3dad.evaluation.units import Fit
from pc3dad.evaluation.worker import fit_or_load, method_errors
from pc3dad.io import home, locks
from pc3dad.methods.base import Method
from pc3dad.runs import store

UNKNOWN = "unknown"
"""Training set of a fit that does not tell it."""
Tell = Callable[[str], None]
"""Called with one line for people."""


def untold(_line: str) -> None:
    """Says nothing."""


def folder_of(fit_id: str) -> Path:
    """Where a fit is kept.

    Raises:
        DataError: the user has no such place.
    """
    if (found := home.folder("fits")) is None:
        raise DataError("there is no folder for fits", hint="set PC3DAD_HOME to one")
    return found / fit_id


def read_fit(folder: Path) -> dict[str, Any]:
    """What is known of a stored fit: method, revision, config, train, seed.

    Raises:
        WeightsError: it is not finished.
        DataError: it is damaged.
    """
    if not store.is_done(folder):
        raise WeightsError(f"{folder} is no finished fit", hint="pass RUN/fits/ID of a finished benchmark")
    return store.read_json(folder / store.FIT)


def difference(facts: Mapping[str, Any], card: MethodCard, config: Config) -> str:
    """How a stored fit differs from what is wanted; empty if it does not."""
    wanted = {"method": card.slug, "revision": card.revision, "config": plain(config)}
    odd = (f"{key} {facts.get(key)}, not {value}" for key, value in wanted.items() if facts.get(key) != value)
    return next(odd, "")


def require_fit(folder: Path, card: MethodCard, config: Config) -> None:
    """Makes sure that a stored fit is finished and of that method, revision and configuration.

    Raises:
        WeightsError: it is not.
        DataError: it is damaged.
    """
    if odd := difference(read_fit(folder), card, config):
        raise WeightsError(f"{folder} has {odd}", hint="give the options of that fit")


def trained(fit: Fit, ctx: RunContext, *, redo: bool = False, tell: Tell = untold) -> Method:
    """The method of a fit, trained now unless the user has that fit already.

    Of two processes that need the same fit, one trains it and the other waits for it.

    Args:
        fit: what to train.
        ctx: surroundings; the seed is replaced by that of the fit.
        redo: train again although the fit stands.
        tell: receives a line that says what is done and how long it took.

    Raises:
        MethodError: the method raised.
        DataError: there is nothing to train on, or a file cannot be read or written.
    """
    folder, what = folder_of(fit.id), f"{fit.spec.variant} on {fit.train.name}"
    if store.is_done(folder) and not redo:
        return _reused(fit, folder, ctx, tell)
    lock = folder.with_name(f"{fit.id}.lock")  # beside it: the folder is emptied before it is filled
    with locks.turn(lock, lambda: tell(f"waiting for another command that trains {what}")):
        if redo:
            store.forget(folder / store.DONE)
        if store.is_done(folder):
            return _reused(fit, folder, ctx, tell)
        tell(f"training {what}, once: later commands reuse it")
        method = _method(fit, folder, ctx)
    tell(f"trained {what} in {_seconds(folder)}, kept in {folder}")
    return method


def _reused(fit: Fit, folder: Path, ctx: RunContext, tell: Tell) -> Method:
    tell(f"reusing {fit.spec.variant}, trained on {fit.train.name} in {_seconds(folder)}: {folder}")
    return _method(fit, folder, ctx)


def _method(fit: Fit, folder: Path, ctx: RunContext) -> Method:
    with method_errors(f"{fit.spec.variant} cannot be trained on {fit.train.name}"):
        return fit_or_load(fit, folder, ctx)


def _seconds(folder: Path) -> str:
    return f"{store.read_json(folder / store.DONE).get('seconds', 0):.1f} s"
