"""Card of btp: imported by every command, so it imports nothing heavy."""

from pc3dad.cards import MethodCard
from pc3dad.types import Regime

CARD = MethodCard(
    slug="btp",
    title="Patches of a point-language model compared with sentences (BTP)",
    regime=Regime.AUXILIARY,
    inputs=("xyz",),
    outputs=("object", "point"),
    deterministic=False,
    revision=1,
    method=".method:Btp",
    config=".config:BtpConfig",
    imports=".official:convert",
    preset="current",
    paper="Li et al., Back to Point: Exploring Point-Language Models for Zero-Shot 3D Anomaly Detection, "
    "CVPR 2026, https://arxiv.org/abs/2603.21511",
    weights=("tiny", "ulip2_pointbert", "clip_vit_bigg_14_text"),
    invariances=("translation", "scale"),
    deviations=(
        "Texts are fixed, as released; described: learned tokens (prompt=learnable, preset paper).",
        "Patches: products without temperature, as released; drawn: cosines (preset paper).",
        "Objects: mean of the highest fifth of the patches, as recommended now; first: the highest.",
        "The choice of points begins where their number says; released: one generator for all files.",
        "Labels of objects come from the data set; released: from the points that were chosen.",
        "Points in no patch take the score of the nearest one; released: 0.",
        "Clouds with fewer points than patches are read several times over; released: an error.",
        "Checkpoint: the lowest training loss, as released; target categories are never seen.",
        "Colours are never read.",
    ),
)
