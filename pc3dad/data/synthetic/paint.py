"""Colours of parts: one colour with a weak pattern, and colours that can be told from it."""

from dataclasses import dataclass

import numpy as np

from pc3dad.types import Float64Array

CONTRAST = 0.25  # smallest distance between two colours that count as different
PATTERN = 0.03


@dataclass(frozen=True, slots=True, eq=False)
class Paint:
    """Colour of a part: a base (3,) in [0, 1], brighter and darker in waves of (3,) radians per mm."""

    base: Float64Array
    waves: Float64Array

    def at(self, xyz: Float64Array) -> Float64Array:
        """(n, 3) float64 in [0, 1] at points (n, 3) of the intact part."""
        colours: Float64Array = np.clip(self.base + PATTERN * np.sin(xyz @ self.waves)[:, None], 0, 1)
        return colours


def make_paint(rng: np.random.Generator) -> Paint:
    """A random colour of metal, lacquer or plastic: neither black nor white, mostly not vivid."""
    grey, chroma = rng.uniform(0.35, 0.8), rng.normal(size=3)
    vivid = rng.uniform(0, 0.3) ** 1.5
    base = np.clip(grey + vivid * chroma, 0.1, 0.9)
    return Paint(base, rng.normal(size=3) * rng.uniform(0.02, 0.15))


def other_colour(paint: Paint, opacity: float, rng: np.random.Generator) -> Float64Array:
    """(3,) float64 in [0, 1]: a colour that, at this opacity, still differs from that of the part."""
    while True:
        colour = rng.uniform(0, 1, 3)
        if opacity * np.linalg.norm(colour - paint.base) > CONTRAST:
            return colour
