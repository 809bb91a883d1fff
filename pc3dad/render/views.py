"""Lists of views: how a cloud is turned in front of the camera, as published works did it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from pc3dad.config import nearest
from pc3dad.errors import ConfigError
from pc3dad.types import Float64Array

Axis = Literal["x", "y", "z"]
Angles = tuple[tuple[Axis, float], ...]
"""Views in order: axis and angle in degrees, right-handed."""

AUTO = "auto"
X_SWEEP: Angles = tuple(("x", float(angle)) for angle in range(-144, 145, 36))
CROSS: Angles = (
    *(("x", a) for a in (-45.0, -15.0, 0.0, 15.0, 45.0)),
    *(("y", a) for a in (-30.0, -15.0, 15.0, 30.0)),
)
TILTED: Angles = (*(("x", a) for a in (-30.0, -15.0, 0.0, 10.0, 20.0)), *CROSS[5:])


@dataclass(frozen=True, slots=True)
class ViewList:
    """Views of one object.

    Attributes:
        angles: one rotation per view.
        turn: degrees about x by which the cloud is turned before; 180 brings the frame of a sensor (x right,
            y down, z away) upright in front of the camera.
    """

    angles: Angles
    turn: float = 0.0

    def rotations(self) -> Float64Array:
        """(V, 3, 3) float64: `rotation @ point` is the point as the camera sees it: x right, y up, z near.

        Raises:
            ConfigError: there is no view, an axis is not x, y or z, or an angle is not finite.
        """
        if not self.angles:
            raise ConfigError("the list of views is empty", hint=f"name one of {', '.join(VIEW_LISTS)}")
        turn = rotation("x", self.turn)
        return np.stack([rotation(axis, angle) @ turn for axis, angle in self.angles])


VIEW_LISTS: Mapping[str, ViewList] = MappingProxyType(
    {
        "x-sweep": ViewList(X_SWEEP),
        "x-sweep-turned": ViewList(X_SWEEP, turn=180.0),
        "cross": ViewList(CROSS),
        "cross-turned": ViewList(CROSS, turn=180.0),
        "cross-tilted": ViewList(TILTED, turn=-45.0),
    }
)
"""Named lists. `cross-tilted` starts from where the camera of Eyecandies was, 45 degrees above its belt."""

RECOMMENDED: Mapping[str, str] = MappingProxyType(
    {
        "mvtec3d_ad": "x-sweep-turned",
        "eyecandies": "cross",
        "real3d_ad": "cross-turned",
        "anomaly_shapenet": "cross-turned",
        **dict.fromkeys(("arrays", "btp_npz", "folder", "prerendered", "synthetic"), AUTO),
    }
)
"""Data set to list: the default of every method that renders, so that all see the same pictures. Where scans
differ in kind, "auto" decides; it is the default of data sets that are not here, too."""

POINTAD: Mapping[str, str] = MappingProxyType(
    {"mvtec3d_ad": "cross-turned", "eyecandies": "cross-tilted", "real3d_ad": "x-sweep-turned"}
)
"""Data set to the list that is active in PointAD's renderers."""

GSCLIP: Mapping[str, str] = MappingProxyType(
    {
        "mvtec3d_ad": "x-sweep-turned",
        "eyecandies": "cross",
        "real3d_ad": "cross-turned",
        "anomaly_shapenet": "cross-turned",
    }
)
"""Data set to the list that is active in GS-CLIP's depth scripts."""

POINT_SIZES: Mapping[str, Mapping[str, int]] = MappingProxyType(
    {
        "mvtec3d_ad": MappingProxyType(
            {
                "bagel": 7,
                "cable_gland": 12,
                "carrot": 7,
                "cookie": 6,
                "dowel": 10,
                "foam": 8,
                "peach": 7,
                "potato": 8,
                "rope": 5,
                "tire": 8,
            }
        ),
        "eyecandies": MappingProxyType({"": 10}),
        "real3d_ad": MappingProxyType({"": 12}),
        "anomaly_shapenet": MappingProxyType({"": 12}),
    }
)
"""Published sizes of points in pixels of the window, by data set and category ("" is every category)."""

WINDOWS: Mapping[str, int] = MappingProxyType(
    {"mvtec3d_ad": 1024, "eyecandies": 1036, "real3d_ad": 1036, "anomaly_shapenet": 1024}
)
"""Side of the published windows in pixels."""

NORMALS: Mapping[str, tuple[int, float]] = MappingProxyType(
    {"mvtec3d_ad": (50, 0.1), "eyecandies": (50, 0.1), "real3d_ad": (30, 0.8)}
)
"""Published neighbours of normals: at most so many, within a radius in the unit of the data set."""

PUBLISHED_MASKS: Mapping[str, Any] = MappingProxyType({"window": 1036, "point_size": 6, "keep_inside": False})
"""Options in which published masks differ from the pictures; see `published`."""


def rotation(axis: str, angle: float) -> Float64Array:
    """(3, 3) float64 right-handed rotation by `angle` degrees; exact for multiples of 90.

    Raises:
        ConfigError: the axis is not x, y or z, or the angle is not finite.
    """
    if axis not in ("x", "y", "z"):
        raise ConfigError(f"views turn about x, y or z, not {axis!r}", hint='write for example ["x", -45]')
    if not np.isfinite(angle):
        raise ConfigError(f"a view is turned by {angle} degrees", hint="use a finite angle")
    cosine, sine = np.cos(np.deg2rad(angle)).round(15), np.sin(np.deg2rad(angle)).round(15)
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = np.eye(3)
    matrix[[first, second], [first, second]] = cosine
    matrix[second, first], matrix[first, second] = sine, -sine
    return matrix + 0.0  # without negative zeros


def find_views(views: str | Sequence[tuple[str, float]], *, organised: bool) -> ViewList:
    """The list that a configuration means.

    Args:
        views: name of a list, "auto", or axes and angles. "auto" is `cross-turned` for an organised cloud
            (one sensor looked at it) and `x-sweep` for others (they show the object from all around).
        organised: whether the cloud is a grid.

    Raises:
        ConfigError: no list has that name.
    """
    if not isinstance(views, str):
        return ViewList(tuple((axis, float(angle)) for axis, angle in views))  # type: ignore[misc]  # checked later
    if views == AUTO:
        views = "cross-turned" if organised else "x-sweep"
    if views not in VIEW_LISTS:
        raise ConfigError(
            f"views={views!r} is unknown{nearest(views, [*VIEW_LISTS, AUTO])}", hint="see docs/renderer.md"
        )
    return VIEW_LISTS[views]


def published(data_set: str, category: str) -> dict[str, Any]:
    """Options of `RenderConfig` with which published pictures of a category were made, as far as is known.

    Masks were drawn apart: `view_masks` of views with the options `published(...) | PUBLISHED_MASKS`. By
    default all pictures and masks have one camera and one size of points.

    Raises:
        ConfigError: nothing was published for the data set or the category.
    """
    sizes = POINT_SIZES.get(data_set, {})
    size = sizes.get(category, sizes.get(""))
    if size is None:
        meant = nearest(category, sizes) if sizes else nearest(data_set, POINT_SIZES)
        raise ConfigError(
            f"no renders of {data_set} {category} were published{meant}",
            hint="leave `point_size` out: it follows the spacing of the points",
        )
    options = {
        "views": POINTAD.get(data_set, RECOMMENDED[data_set]),
        "window": WINDOWS[data_set],
        "point_size": size,
        "keep_inside": data_set == "eyecandies",
        "visibility": "one_per_pixel",
        "normals": "estimated",
    }
    if data_set in NORMALS:
        options["normal_neighbours"], options["normal_radius"] = NORMALS[data_set]
    return options
