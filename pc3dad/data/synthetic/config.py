"""Options of the embedded data set."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from pc3dad.config import Config
from pc3dad.data.synthetic.parts import PARTS
from pc3dad.data.synthetic.specimen import KINDS


class SyntheticConfig(Config):
    """Form, size and seed of the synthetic data set."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
        {
            "mini": {},
            "standard": {
                "points": 32_768,
                "side": 320,
                "train": 20,
                "good": 20,
                "defective": 36,
                "smallest": 0.0005,
                "largest": 0.08,
            },
            "large": {
                "points": 2_000_000,
                "side": 1000,
                "train": 4,
                "good": 5,
                "defective": 9,
                "smallest": 0.0005,
                "largest": 0.08,
            },
        }
    )

    seed: int = Field(default=0, ge=0)
    """Seed of all shapes, defects and points."""
    form: Literal["surround", "sensor"] = "surround"
    """A cloud from all around, or one organised view with a photograph. The parts are the same."""
    points: int = Field(default=6000, ge=500, le=4_000_000)
    """Points per cloud from all around."""
    side: int = Field(default=160, ge=48, le=1024)
    """Pixels along each side of an organised view."""
    train: int = Field(default=3, ge=0, le=10_000)
    """Normal training samples per category."""
    good: int = Field(default=3, ge=0, le=10_000)
    """Normal test samples per category."""
    defective: int = Field(default=9, ge=0, le=10_000)
    """Defective test samples per category; the kinds of defects take turns."""
    categories: tuple[str, ...] = tuple(PARTS)
    """Categories of parts; as text, joined by +."""
    kinds: tuple[str, ...] = tuple(KINDS)
    """Kinds of defects; as text, joined by +."""
    smallest: float = Field(default=0.001, ge=0.0005, le=0.05)
    """Smallest share of the surface that a defect is asked to take, at least 5 / points and 20 / side^2;
    kinds have limits of their own."""
    largest: float = Field(default=0.04, ge=0.002, le=0.08)
    """Largest share of the surface that a defect is asked to take; kinds have limits of their own."""

    @field_validator("categories", "kinds", mode="before")
    @classmethod
    def _split(cls, names: Any) -> Any:
        return tuple(names.split("+")) if isinstance(names, str) else names

    @field_validator("categories", "kinds")
    @classmethod
    def _known(cls, names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        known = KINDS if info.field_name == "kinds" else PARTS
        if unknown := sorted(set(names) - set(known)):
            raise ValueError(
                f"unknown {info.field_name} {', '.join(unknown)}; choose from {', '.join(known)}"
            )
        if not names or len(set(names)) < len(names):
            raise ValueError("must hold at least one name, and none twice")
        return names

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.least > self.largest:
            raise ValueError(f"largest={self.largest} is below the smallest share, {self.least:.4g}")
        return self

    @property
    def least(self) -> float:
        """Smallest share of the surface that a defect is asked to take, such that some points show it."""
        return max(self.smallest, 5 / self.points, 20 / self.side**2)
