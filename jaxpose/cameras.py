"""Pinhole cameras with Brown-Conrady distortion, the camera model of Human3.6M's calibration.

World space is metric with z up; camera space has x right, y down, z forward. `intrinsics` are nine numbers: focal
length (fx, fy) and centre (cx, cy) in pixels, radial (k1, k2, k3) and tangential (p1, p2) distortion. Every function
takes points with any leading axes and one camera; use `jax.vmap` for several cameras.

>>> import jax.numpy as jnp
>>> from jaxpose.cameras import Camera, project
>>> lens = jnp.array([1000.0, 1000.0, 500.0, 500.0, 0.0, 0.0, 0.0, 0.0, 0.0])  # without distortion
>>> camera = Camera(jnp.array([1.0, 0.0, 0.0, 0.0]), jnp.zeros(3), lens, width=1000, height=1000)
>>> project(jnp.array([0.5, -0.25, 2.0]), camera).tolist()
[750.0, 375.0]
"""

from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from jaxpose.numerics import safe_divide
from jaxpose.rotations import quaternion_inverse, rotate

# The public interface: some of it serves callers of the library alone.
__all__ = [
    "Camera", "camera_to_world", "denormalize_screen", "normalize_screen", "project", "unproject", "world_to_camera",
]  # fmt: skip


class Camera(NamedTuple):
    """A calibrated camera; a pytree of arrays and numbers."""

    orientation: jax.Array  # (4,) unit quaternion (w, x, y, z), from camera to world
    translation: jax.Array  # (3,) metres, position of the camera in the world
    intrinsics: jax.Array  # (9,) fx, fy, cx, cy, k1, k2, k3, p1, p2
    width: int  # pixels
    height: int  # pixels


def world_to_camera(points: jax.Array, camera: Camera) -> jax.Array:
    """Transform points (..., 3) from world to camera space, metres."""
    return rotate(quaternion_inverse(camera.orientation), points - camera.translation)


def camera_to_world(points: jax.Array, camera: Camera) -> jax.Array:
    """Transform points (..., 3) from camera to world space, metres."""
    return rotate(camera.orientation, points) + camera.translation


def project(points: jax.Array, camera: Camera) -> jax.Array:
    """Project camera-space points to pixels, lens distortion included.

    Args:
      points: (..., 3) metres in camera space. Depth is not clipped: a point behind the camera (z < 0) is projected
        along its ray through the centre, a point in the camera's plane (z = 0) to the principal point.
      camera: only its intrinsics are used.

    Returns:
      (..., 2) pixels.
    """
    chex.assert_axis_dimension(points, -1, 3)
    focal, centre, _ = _split(camera.intrinsics)
    return _distort(safe_divide(points[..., :2], points[..., 2:]), camera.intrinsics) * focal + centre


def unproject(pixels: jax.Array, depth: jax.Array, camera: Camera, *, iterations: int = 10) -> jax.Array:
    """Camera-space point of each pixel at a given depth: the inverse of `project`.

    The distortion polynomial has no closed-form inverse; a fixed-point iteration inverts it. Ten iterations reach
    float32 precision everywhere in a Human3.6M image.

    Args:
      pixels: (..., 2).
      depth: (...) metres along the optical axis.
      camera: only its intrinsics are used.
      iterations: number of steps of the fixed-point iteration.

    Returns:
      (..., 3) metres in camera space; NaN or infinity far outside the image, where the iteration diverges.
    """
    chex.assert_axis_dimension(pixels, -1, 2)
    focal, centre, _ = _split(camera.intrinsics)
    distorted = (pixels - centre) / focal

    def correct(_: int, ray: jax.Array) -> jax.Array:
        return ray + distorted - _distort(ray, camera.intrinsics)

    ray = jax.lax.fori_loop(0, iterations, correct, distorted)
    return jnp.concatenate([ray * depth[..., None], depth[..., None]], axis=-1)


def normalize_screen(pixels: jax.Array, width: chex.Numeric, height: chex.Numeric) -> jax.Array:
    """Convert pixels to screen coordinates: x spans [-1, 1], y keeps the aspect ratio, the centre is 0.

    Args:
      pixels: (..., C): x, y and further channels, such as a confidence, which are kept.
      width: image width in pixels; a number, or an array that broadcasts against (...).
      height: image height in pixels, likewise.

    Returns:
      (..., C).
    """
    width, height = _with_coordinate_axis(width), _with_coordinate_axis(height)
    x = pixels[..., :1] / width * 2 - 1
    y = pixels[..., 1:2] / width * 2 - height / width
    return jnp.concatenate([x, y, pixels[..., 2:]], axis=-1)


def denormalize_screen(screen: jax.Array, width: chex.Numeric, height: chex.Numeric) -> jax.Array:
    """Convert screen coordinates (..., C) to pixels: the inverse of `normalize_screen`."""
    width, height = _with_coordinate_axis(width), _with_coordinate_axis(height)
    x = (screen[..., :1] + 1) * width / 2
    y = (screen[..., 1:2] * width + height) / 2
    return jnp.concatenate([x, y, screen[..., 2:]], axis=-1)


def _with_coordinate_axis(size: chex.Numeric) -> jax.Array:
    """Append an axis, for the coordinates, to an image size."""
    return jnp.asarray(size, jnp.float32)[..., None]


def _split(intrinsics: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Split intrinsics into focal length, centre and distortion."""
    chex.assert_axis_dimension(intrinsics, -1, 9)
    return intrinsics[:2], intrinsics[2:4], intrinsics[4:]


def _distort(xy: jax.Array, intrinsics: jax.Array) -> jax.Array:
    """Apply radial and tangential distortion to points (..., 2) at unit depth."""
    _, _, (k1, k2, k3, p1, p2) = _split(intrinsics)
    r2 = jnp.sum(xy * xy, axis=-1, keepdims=True)
    tangential = jnp.stack([p1, p2])
    gain = 1 + r2 * (k1 + r2 * (k2 + r2 * k3)) + jnp.sum(tangential * xy, axis=-1, keepdims=True)
    return xy * gain + tangential * r2
