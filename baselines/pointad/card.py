"""Card of pointad: imported by every command, so it imports nothing heavy."""

from pc3dad.cards import MethodCard
from pc3dad.types import Regime

CARD = MethodCard(
    slug="pointad",
    title="Learned prompts on rendered views and their points (PointAD)",
    regime=Regime.AUXILIARY,
    inputs=("xyz",),
    outputs=("object", "point"),
    deterministic=False,
    revision=1,
    method=".method:PointAd",
    config=".config:PointAdConfig",
    imports=".official:convert",
    preset="paper",
    paper="Zhou et al., PointAD: Comprehending 3D Anomalies from Points and Pixels for Zero-shot 3D Anomaly "
    "Detection, NeurIPS 2024, https://arxiv.org/abs/2410.00320",
    weights=("tiny", "clip_vit_l_14_336"),
    invariances=("translation", "scale"),
    deviations=(
        "Native points are scored; released: 336 x 336 slots, to which clouds are resampled.",
        "A point is visible if it lies near the surface that is drawn; released: one point for each pixel.",
        "Points that no view shows take the score of the nearest in space; released: of one in their order.",
        "The mean over views is that of an object; released: logits of several objects are mixed.",
        "The Dice loss leaves out points that no view shows; released: they count as background.",
        "Smoothing leaves the background out, and clouds without a grid are not smoothed; released: both.",
        "Deep prompts are not rounded to half precision.",
    ),
)
