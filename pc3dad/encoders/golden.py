"""Golden cases of the encoders."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pc3dad.encoders import golden_image_text, golden_point

if TYPE_CHECKING:  # the runner lies above the core and imports this module by its name
    from pc3dad.testing.golden import Case

CASES: Mapping[str, "Case"] = {**golden_image_text.CASES, **golden_point.CASES}
