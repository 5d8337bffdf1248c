"""Pinhole cameras with Brown-Conrady distortion, as Human3.6M calibrates them.

World space is metric with z up; camera space has x right, y down, z forward. `intrinsics` are nine numbers:
focal length (fx, fy) and centre (cx, cy) in pixels, radial (k1, k2, k3) and tangential (p1, p2) distortion. Every
function takes points with any leading axes and one camera; `vmap` adds cameras.
"""

from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from jaxpose.numerics import safe_divide
from jaxpose.rotations import quaternion_inverse, rotate


class Camera(NamedTuple):
    """One calibrated camera; a pytree of arrays and numbers."""

    orientation: jax.Array  # (4,) unit quaternion (w, x, y, z) of the camera in the world
    translation: jax.Array  # (3,) metres, where the camera stands in the world
    intrinsics: jax.Array  # (9,) fx, fy, cx, cy, k1, k2, k3, p1, p2
    width: int  # pixels
    height: int  # pixels


def world_to_camera(points: jax.Array, camera: Camera) -> jax.Array:
    """World points (..., 3) in camera space, metres."""
    return rotate(quaternion_inverse(camera.orientation), points - camera.translation)


def camera_to_world(points: jax.Array, camera: Camera) -> jax.Array:
    """Camera-space points (..., 3) in the world, metres: the inverse of `world_to_camera`."""
    return rotate(camera.orientation, points) + camera.translation


def project(points: jax.Array, camera: Camera) -> jax.Array:
    """Where camera-space points fall in the image.

    Args:
      points: (..., 3) metres in camera space. Depth is not clipped: a point behind the camera (z < 0) gives the
        pixel of its ray, a point in the camera's plane (z = 0) the image centre.
      camera: only its intrinsics are used.

    Returns:
      (..., 2) pixels, distorted as the lens does.
    """
    chex.assert_axis_dimension(points, -1, 3)
    focal, centre, _ = _split(camera.intrinsics)
    return _distort(safe_divide(points[..., :2], points[..., 2:]), camera.intrinsics) * focal + centre


def unproject(pixels: jax.Array, depth: jax.Array, camera: Camera, *, iterations: int = 10) -> jax.Array:
    """The camera-space point of that depth behind each pixel: the inverse of `project`.

    The distortion polynomial has no closed inverse; a fixed point iteration removes it. Ten iterations reach
    float32 precision anywhere in a Human3.6M image.

    Args:
      pixels: (..., 2).
      depth: (...) metres along the optical axis.
      camera: only its intrinsics are used.
      iterations: of the fixed point iteration.

    Returns:
      (..., 3) metres in camera space; far outside any image, where the iteration diverges, NaN or infinity.
    """
    chex.assert_axis_dimension(pixels, -1, 2)
    focal, centre, _ = _split(camera.intrinsics)
    distorted = (pixels - centre) / focal

    def correct(_: int, ray: jax.Array) -> jax.Array:
        return ray + distorted - _distort(ray, camera.intrinsics)

    ray = jax.lax.fori_loop(0, iterations, correct, distorted)
    return jnp.concatenate([ray * depth[..., None], depth[..., None]], axis=-1)


def normalize_screen(pixels: jax.Array, width: chex.Numeric, height: chex.Numeric) -> jax.Array:
    """Pixels to screen coordinates: x spans [-1, 1], y keeps the aspect ratio, the centre is 0.

    Args:
      pixels: (..., C); x and y come first, further channels such as a confidence pass through.
      width: of the image, pixels; a number, or an array that broadcasts against (...).
      height: of the image, pixels, likewise.

    Returns:
      (..., C).
    """
    x = pixels[..., :1] / _last(width) * 2 - 1
    y = pixels[..., 1:2] / _last(width) * 2 - _last(height) / _last(width)
    return jnp.concatenate([x, y, pixels[..., 2:]], axis=-1)


def denormalize_screen(screen: jax.Array, width: chex.Numeric, height: chex.Numeric) -> jax.Array:
    """Screen coordinates (..., C) to pixels: the inverse of `normalize_screen`."""
    x = (screen[..., :1] + 1) * _last(width) / 2
    y = (screen[..., 1:2] * _last(width) + _last(height)) / 2
    return jnp.concatenate([x, y, screen[..., 2:]], axis=-1)


def _last(size: chex.Numeric) -> jax.Array:
    """A size with an axis for the coordinates."""
    return jnp.asarray(size, jnp.float32)[..., None]


def _split(intrinsics: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Focal length, centre, distortion."""
    chex.assert_axis_dimension(intrinsics, -1, 9)
    return intrinsics[:2], intrinsics[2:4], intrinsics[4:]


def _distort(xy: jax.Array, intrinsics: jax.Array) -> jax.Array:
    """Apply radial and tangential distortion to points (..., 2) of the plane at unit depth."""
    _, _, (k1, k2, k3, p1, p2) = _split(intrinsics)
    r2 = jnp.sum(xy * xy, axis=-1, keepdims=True)
    tangential = jnp.stack([p1, p2])
    gain = 1 + r2 * (k1 + r2 * (k2 + r2 * k3)) + jnp.sum(tangential * xy, axis=-1, keepdims=True)
    return xy * gain + tangential * r2
