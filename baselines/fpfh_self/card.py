"""Card of fpfh_self: imported by every command, so it imports nothing heavy."""

from pc3dad.cards import MethodCard
from pc3dad.types import Regime

CARD = MethodCard(
    slug="fpfh_self",
    title="Shapes (FPFH) that are rare on the part itself",
    regime=Regime.TRAINING_FREE,
    inputs=("xyz",),
    outputs=("object", "point"),
    deterministic=True,
    revision=1,
    method=".method:FpfhSelf",
    config=".config:FpfhSelfConfig",
    invariances=("rotation", "translation", "scale", "permutation"),
)
