"""One exception tree. Each error says what is wrong and where; `hint` says what to do about it."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of the command line."""

    DONE = 0
    FAILED = 1  # something that ran or was checked failed: a cell, a contract, a verification, a golden case
    USAGE = 2  # wrong use or configuration
    DATA = 3  # data or weights missing, unreadable or refused
    INTERRUPTED = 130


class Pc3dadError(Exception):
    """Base of every error that pc3dad raises on purpose.

    Args:
        message: what is wrong and where, one sentence without a full stop.
        hint: what the user can do about it, one sentence without a full stop; may be empty.
    """

    exit_code = ExitCode.FAILED

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}." if self.hint else f"{self.message}."


class ConfigError(Pc3dadError):
    """A name, an option or a value that the user gave is wrong."""

    exit_code = ExitCode.USAGE


class DataError(Pc3dadError):
    """A file or a data set is missing, unreadable, inconsistent or refused."""

    exit_code = ExitCode.DATA


class WeightsError(Pc3dadError):
    """Weights are missing, have another digest or do not fit the model."""

    exit_code = ExitCode.DATA


class MethodError(Pc3dadError):
    """A method raised, or returned something that its contract does not allow."""


class MetricError(Pc3dadError):
    """The evaluator was given something it must not repair: NaN scores, missing or duplicate samples, ..."""


class ContractError(MethodError):
    """A method breaks the contract that all methods share (`pc3dad methods check`)."""
