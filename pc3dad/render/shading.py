"""Grey levels of the pictures: a lamp at the eye, a narrow highlight, no ambient light."""

from collections.abc import Sequence

import torch

from pc3dad.render.cameras import Placed

GREY = 0.7
DIFFUSE = 0.66 * 2  # two lamps at the same place; two more behind the object light nothing that is seen
SPECULAR = 0.2 * 2
LAMP = 2.0  # height above the centre of the box, in largest sides of it
WHITE = 255


def light(
    placed: Placed, normals: Sequence[torch.Tensor], shown: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """How much of its colour a point reflects towards the eye, and how much white its highlight adds.

    With unit vectors n (normal, turned towards the eye), l (to the lamp), e (to the eye) and r (l reflected
    about n), these are 1.32 max(0, n.l) and 0.4 max(0, e.r)^100. Only products, sums, quotients and roots,
    one at a time, so that all devices agree to the last bit.

    Args:
        placed: points in front of the camera.
        normals: x, y, z, (m,) float32 each, of the points `shown`: frame of the camera, unit length.
        shown: (m,) int64, indices of points.

    Returns:
        diffuse and specular, (m,) float32 each.
    """
    x, y, z = (axis.index_select(0, shown) for axis in (placed.x, placed.y, placed.z))
    across = x * x + y * y
    to_lamp, to_eye = LAMP * placed.extent - z, placed.distance - z
    lamp_length = (to_lamp * to_lamp).add_(across).sqrt_()
    eye_length = (to_eye * to_eye).add_(across).sqrt_()
    sideways = x.mul_(normals[0]).add_(y.mul_(normals[1]))
    lamp = (normals[2] * to_lamp).sub_(sideways).div_(lamp_length)
    eye = (normals[2] * to_eye).sub_(sideways).div_(eye_length)
    between = across.add_(to_lamp.mul_(to_eye)).div_(lamp_length.mul_(eye_length))
    reflected = (lamp * eye).mul_(2).sub_(between).clamp_(min=0)  # the same for either sign of the normal
    diffuse = lamp.mul_(eye.sign_()).clamp_(min=0).mul_(DIFFUSE)
    return diffuse, _power_100(reflected).mul_(SPECULAR)


def paint(levels: torch.Tensor, pixels: torch.Tensor, side: int, *, background: int = WHITE) -> torch.Tensor:
    """(side, side) uint8 picture.

    Args:
        levels: (m,) float32; those outside [0, 1] are cut off.
        pixels: (m,) int64, row by row.
        side: of the picture.
        background: grey level of all other pixels.
    """
    picture = torch.full((side * side,), background, dtype=torch.uint8, device=levels.device)
    return picture.scatter_(0, pixels, (levels.clamp(0, 1) * WHITE).to(torch.uint8)).view(side, side)


def depth_levels(depth: torch.Tensor) -> torch.Tensor:
    """(m,) float32: 1 at the nearest of the depths (m,), 0 at the farthest; 1 for all if they are equal."""
    near, far = depth.amin(), depth.amax()
    return 1 - (depth - near) / torch.where(far > near, far - near, 1.0)


def _power_100(base: torch.Tensor) -> torch.Tensor:
    square = base * base
    fourth = square * square
    eighth = fourth * fourth
    sixteenth = eighth * eighth
    thirty_second = sixteenth * sixteenth
    return thirty_second * thirty_second * thirty_second * fourth
