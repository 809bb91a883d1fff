"""Golden cases of Align3D-AD."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pc3dad.baselines.align3d import golden_modules, golden_stages

if TYPE_CHECKING:  # the runner lies above the core and imports this module by its name
    from pc3dad.testing.golden import Case

CASES: Mapping[str, "Case"] = {**golden_modules.CASES, **golden_stages.CASES}
