"""Card of curvature: imported by every command, so it imports nothing heavy."""

from pc3dad.cards import MethodCard
from pc3dad.types import Regime

CARD = MethodCard(
    slug="curvature",
    title="Surface variation of a point against that of its surroundings",
    regime=Regime.TRAINING_FREE,
    inputs=("xyz",),
    outputs=("object", "point"),
    deterministic=True,
    revision=1,
    method=".method:Curvature",
    config=".config:CurvatureConfig",
    invariances=("rotation", "translation", "scale", "permutation"),
)
