"""Options of pointad."""

from types import MappingProxyType
from typing import Any, ClassVar

from pc3dad.methods.rendered.config import PromptTrainingConfig

RELEASED = MappingProxyType(
    {
        "slots": "336",
        "visibility": "one_per_pixel",
        "unseen": "index_neighbour",
        "smooth": "official_grid",
        "view_mean": "interleaved",
        "dice_background": True,
        "half_prompts": True,
    }
)


class PointAdConfig(PromptTrainingConfig):
    """Defaults are those of the paper with a renderer that shows the same points in all of its outputs."""

    presets: ClassVar = MappingProxyType[str, MappingProxyType[str, Any]](
        {"paper": MappingProxyType({}), "official": RELEASED}
    )
