"""Parts of fourteen categories, each of its own dimensions: the embedded data set is scanned from them."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from manifold3d import Manifold

from pc3dad.data.synthetic.parts import milled, moulded, swept, turned

PARTS: Mapping[str, Callable[[np.random.Generator], Manifold]] = MappingProxyType(
    {
        "blade": swept.blade,
        "bolt": turned.bolt,
        "bottle": turned.bottle,
        "bracket": moulded.bracket,
        "connector": moulded.connector,
        "elbow": swept.elbow,
        "flange": turned.flange,
        "gasket": moulded.gasket,
        "gear": milled.gear,
        "hinge": moulded.hinge,
        "impeller": milled.impeller,
        "mug": swept.mug,
        "spring": swept.spring,
        "wheel": milled.wheel,
    }
)
"""Category, in alphabetical order, to the function that makes one part of it, resting on z = 0."""
