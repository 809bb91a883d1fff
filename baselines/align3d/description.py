"""Description of align3d: as `card.py` it will register the method, once the method is complete."""

from pc3dad.cards import MethodCard
from pc3dad.types import Regime

CARD = MethodCard(
    slug="align3d",
    title="Grey views mapped to coloured ones, with sentences for both (Align3D-AD)",
    regime=Regime.AUXILIARY,
    inputs=("xyz",),
    outputs=("object", "point"),
    deterministic=False,
    revision=1,
    method=".method:Align3d",
    config=".config:Align3dConfig",
    imports=".official:convert",
    preset="uniform",
    paper="Bai et al., Align3D-AD: Cross-Modal Feature Alignment and Dual-Prompt Learning for Zero-shot 3D "
    "Anomaly Detection, 2026, https://arxiv.org/abs/2605.05850",
    weights=("tiny", "clip_vit_l_14_336"),
    invariances=("translation", "scale"),
    deviations=(
        "Built from the released code and the abstract: the equations of the paper could not be read.",
        "Training samples need colours; scores do not.",
        "One setting for all data; released: other weights for each training category and data set to score.",
        "Checkpoint: the last epoch of either stage, without validation; target categories are never seen.",
        "Point scores are smoothed once; released: twice for MVTec 3D-AD.",
        "Stage 1 leaves the class slot of the value path out; released: it is one more token of 577.",
        "Coloured views are shaded like the grey ones; how the released ones were made is not known.",
        "Renderer, back-projection, smoothing and deep prompts as in pointad.",
    ),
)
