"""Depth images: the pinhole model, and a user's depth PNG with a camera file beside it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pc3dad.errors import DataError
from pc3dad.io.images import read_depth_png
from pc3dad.io.scan import check_file, make_cloud, shown
from pc3dad.types import Float64Array, PointCloud

EXAMPLE = '{"fx": 711.1, "fy": 711.1, "cx": 256, "cy": 256, "metres_per_level": 0.0001}'


@dataclass(frozen=True, slots=True)
class Pinhole:
    """Pinhole camera without distortion; focal lengths and principal point in pixels."""

    fx: float
    fy: float
    cx: float
    cy: float


def depth_to_xyz(depth: Float64Array, camera: Pinhole) -> Float64Array:
    """Points of a z-depth image (distance along the optical axis, not along the ray).

    Args:
        depth: (H, W) float64, any unit; NaN where missing.
        camera: its pinhole model. The centre of the top left pixel is (0, 0).

    Returns:
        (H * W, 3) float64, unit of `depth`, camera frame: x right, y down, z away from the camera.
    """
    row, column = np.indices(depth.shape)
    x = (column - camera.cx) * depth / camera.fx
    y = (row - camera.cy) * depth / camera.fy
    return np.stack([x, y, depth], axis=-1).reshape(-1, 3)


class CameraFile(BaseModel):
    """Contents of `<stem>.camera.json` or `camera.json` beside a depth image."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    fx: float = Field(gt=0, description="focal length in pixels")
    fy: float = Field(gt=0, description="focal length in pixels")
    cx: float = Field(description="column of the principal point")
    cy: float = Field(description="row of the principal point")
    metres_per_level: float = Field(gt=0, description="metres per grey level")
    offset: float = Field(default=0.0, description="metres added to every depth")


def read_depth_cloud(path: Path) -> PointCloud:
    """Organised cloud, in metres and in the camera frame, from a 16-bit depth PNG of the user.

    Level 0 means missing: NaN coordinates, `valid` False. The camera is read from `<stem>.camera.json` beside
    the image, otherwise from `camera.json` in the same folder.

    Raises:
        DataError: no camera file, a wrong one, or an image that is not a 16-bit grey PNG.
    """
    level = read_depth_png(path)
    camera = _read_camera(path)
    depth = np.where(level > 0, level * camera.metres_per_level + camera.offset, np.nan)
    xyz = depth_to_xyz(depth, Pinhole(camera.fx, camera.fy, camera.cx, camera.cy))
    height, width = level.shape
    return make_cloud(xyz, grid=(height, width))


def _read_camera(image: Path) -> CameraFile:
    own, shared = image.with_name(f"{image.stem}.camera.json"), image.with_name("camera.json")
    path = own
    try:
        if not own.exists():
            path = shared
        if path.exists():
            check_file(path)  # a pipe would block for ever
        return CameraFile.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise DataError(
            f"depth image {image} has no camera file: neither {own.name} nor {shared.name} is beside it",
            hint=f"write one such as {EXAMPLE} (focal lengths and principal point in pixels)",
        ) from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}", hint="check its permissions") from error
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, item['loc'])) or 'file'}: {item['msg']}" for item in error.errors()
        )
        raise DataError(
            f"camera file {path} is refused: {shown(problems, limit=400)}", hint=f"expected {EXAMPLE}"
        ) from error
