"""Card of gsclip: imported by every command, so it imports nothing heavy."""

from pc3dad.cards import MethodCard
from pc3dad.types import Regime

CARD = MethodCard(
    slug="gsclip",
    title="Geometry-aware prompts and fused rendered and depth views (GS-CLIP)",
    regime=Regime.AUXILIARY,
    inputs=("xyz",),
    outputs=("object", "point"),
    deterministic=False,
    revision=1,
    method=".method:GsClip",
    config=".config:GsClipConfig",
    imports=".official:convert",
    preset="paper",
    paper="Deng et al., GS-CLIP: Zero-shot 3D Anomaly Detection by Geometry-Aware Prompt and Synergistic "
    "View Representation Learning, CVPR 2026, https://arxiv.org/abs/2602.19206",
    weights=("tiny", "clip_vit_l_14_336", "pointnet2_sem_seg"),
    invariances=("translation", "scale"),
    deviations=(
        "Checkpoint: the last epoch of either stage, without validation; target categories are never seen.",
        "The bank of prototypes is learned through a gate; released: it stays noise.",
        "Depth tower: weights of the image tower, adapters that learn; released: random, no gradient.",
        "The fusion attends over class feature and patches and starts at zero; released: one linear layer.",
        "Stage 2 uses all losses, and consistency over features; released: some, and over views.",
        "The point encoder is in inference mode for scores; released: in training mode.",
        "Without point_weights a smaller point encoder is learned from the start.",
        "Renderer, back-projection and smoothing as in pointad.",
    ),
)
