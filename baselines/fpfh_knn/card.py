"""Card of fpfh_knn: imported by every command, so it imports nothing heavy."""

from pc3dad.cards import MethodCard
from pc3dad.types import Regime

CARD = MethodCard(
    slug="fpfh_knn",
    title="Shapes (FPFH) that normal parts do not have, after Back to the Feature",
    regime=Regime.ONE_CLASS,
    inputs=("xyz",),
    outputs=("object", "point"),
    deterministic=True,
    revision=1,
    method=".method:FpfhKnn",
    config=".config:FpfhKnnConfig",
    paper="Horwitz and Hoshen, Back to the Feature: Classical 3D Features are (Almost) All You Need for 3D "
    "Anomaly Detection, CVPR Workshops 2023, https://arxiv.org/abs/2203.05550",
    invariances=("rotation", "translation", "scale", "permutation"),
    deviations=(
        "Clouds have no pixels, so every described point is a patch; the authors have 28 x 28 image patches.",
        "Point scores are not blurred; the authors enlarge the map of patches and blur it.",
        "Clouds are reduced to max_points before they are described, for time.",
        "Neighbourhoods have no largest radius, as clouds have no common unit; the authors' are in metres.",
        "Normals point away from the centre, which rotation keeps; the authors leave signs as they come.",
        "The coreset is chosen among max_candidates descriptors, for time.",
        "The coreset starts at the descriptor farthest from the mean, whatever the order of points.",
        "The object score is a mean of high scores; the authors take the highest one and reweight it.",
    ),
)
