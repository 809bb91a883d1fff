"""Coordinates of the points of a group in a frame of their own, so that a dent looks alike wherever it is."""

import torch

from pc3dad.encoders.grouping import Groups

ALONG, ACROSS = 8.0, 24.0  # scales of coordinates in and across the plane of a group; they become about 1
FEATURES = 9  # numbers per point
SWEEPS = 5  # of Jacobi rotations; convergence is quadratic, 3 x 3 needs four
PLANES = ((0, 1, 2), (0, 2, 1), (1, 2, 0))  # two axes that a rotation mixes, and the third


def local_features(groups: Groups) -> torch.Tensor:
    """What `tiny` reads of every point: 9 numbers instead of 6.

    The frame of a group are the principal axes of its points. The normal, the axis of least variance, points
    away from the mean of all centres; each of the other two points to where the mean of the points lies, seen
    from the centre: away from a border that is near. So the numbers turn and mirror with the cloud as far as
    the variances differ; on a surface that curves equally in all directions the two axes in the plane are
    arbitrary, though repeatable.

    Computed in float32 also where autocast is on, and without gradient.

    Args:
        groups: of clouds with channels xyz and rgb in [0, 1], about 1 in radius.

    Returns:
        (B, G, K, 9) float32: relative xyz x 8; the same in the frame, in the plane x 8 and height x 24; rgb
        - 0.5.
    """
    with torch.no_grad(), torch.autocast(groups.centres.device.type, enabled=False):
        return _local_features(groups)


def principal_axes(matrices: torch.Tensor) -> torch.Tensor:
    """Eigenvectors of symmetric matrices by cyclic Jacobi rotations, all matrices at once.

    As fast as `torch.linalg.eigh` on a CPU, and the same arithmetic for any device and number of matrices.

    Args:
        matrices: (..., 3, 3) float, symmetric.

    Returns:
        (..., 3, 3): rows are unit vectors, by falling eigenvalue, of arbitrary sign.
    """
    size = matrices.diagonal(dim1=-2, dim2=-1).sum(dim=-1)
    entry = (matrices / torch.where(size > 0, size, 1.0)[..., None, None]).movedim((-2, -1), (0, 1)).clone()
    vector = torch.zeros_like(entry)
    for axis in range(3):
        vector[axis, axis] = 1.0
    for _ in range(SWEEPS):
        for one, two, third in PLANES:
            _rotate(entry, vector, one, two, third)
    order = entry.diagonal().argsort(dim=-1, descending=True, stable=True)  # (..., axis)
    rows = vector.movedim((0, 1), (-2, -1))
    return rows.gather(-2, order[..., None].expand(rows.shape))


def _local_features(groups: Groups) -> torch.Tensor:
    relative = groups.neighbourhoods[..., :3].float()
    mean = relative.mean(dim=2)
    centred = relative - mean[:, :, None]
    axes = principal_axes(centred.mT @ centred)
    centres = groups.centres.float()
    outwards = centres - centres.mean(dim=1, keepdim=True)
    towards = torch.stack([mean, mean, outwards], dim=2)  # (B, G, axis, 3)
    sign = torch.where((axes * towards).sum(dim=-1, keepdim=True) < 0, -1.0, 1.0)
    scale = torch.tensor([ALONG, ALONG, ACROSS], device=relative.device)
    in_frame = relative @ (axes * sign * scale[:, None]).mT
    colours = groups.neighbourhoods[..., 3:].float() - 0.5
    return torch.cat([ALONG * relative, in_frame, colours], dim=-1)


def _rotate(entry: torch.Tensor, vector: torch.Tensor, one: int, two: int, third: int) -> None:
    """Turns the plane of two axes so that entry (one, two) vanishes; Golub and Van Loan, section 8.5.2."""
    mixed = entry[one, two]
    gap = entry[two, two] - entry[one, one]
    root = torch.sqrt(gap * gap + 4 * mixed * mixed)
    wide = gap.abs() + root
    tangent = torch.where(wide > 0, 2 * mixed / torch.where(wide > 0, wide, 1.0), 0.0)
    tangent = torch.where(gap < 0, -tangent, tangent)
    cosine = 1 / torch.sqrt(tangent * tangent + 1)
    sine = tangent * cosine
    shift = tangent * mixed
    entry[one, one] -= shift
    entry[two, two] += shift
    entry[one, two] = entry[two, one] = 0.0
    first, second = entry[one, third].clone(), entry[two, third].clone()
    entry[one, third] = entry[third, one] = cosine * first - sine * second
    entry[two, third] = entry[third, two] = sine * first + cosine * second
    first, second = vector[one].clone(), vector[two].clone()
    vector[one], vector[two] = cosine * first - sine * second, sine * first + cosine * second
