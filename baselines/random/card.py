"""Card of random: imported by every command, so it imports nothing heavy."""

from pc3dad.cards import MethodCard
from pc3dad.types import Regime

CARD = MethodCard(
    slug="random",
    title="Random scores, the level that every detector has to beat",
    regime=Regime.TRAINING_FREE,
    inputs=("xyz",),
    outputs=("object", "point"),
    deterministic=False,
    revision=1,
    method=".method:Random",
    config=".config:RandomConfig",
)
