"""Pinhole cameras with radial and tangential distortion: the model of Human3.6M's calibration, and OpenCV's.

World space is metric with z up; camera space has x right, y down, z forward. `intrinsics` are nine numbers: focal
length (fx, fy) and centre (cx, cy) in pixels, radial (k1, k2, k3) and tangential (p1, p2) distortion. A point (x, y) at
depth 1, with r² = x² + y², is moved to

    (x, y) · (1 + k1 r² + k2 r⁴ + k3 r⁶ + g1 x + g2 y) + (p1, p2) · r²

with (g1, g2) = (p1, p2), as in Human3.6M. Two more numbers are g1 and g2: OpenCV's model, in which they are 2 p1 and
2 p2, and p1 and p2 stand in the other order. `camera_from_matrices` makes a `Camera` from OpenCV's numbers.

Every function takes points with any leading axes and one camera; use `jax.vmap` for several cameras.

>>> import jax.numpy as jnp
>>> from jaxpose.cameras import Camera, project
>>> lens = jnp.array([1000.0, 1000.0, 500.0, 500.0, 0.0, 0.0, 0.0, 0.0, 0.0])  # without distortion
>>> camera = Camera(jnp.array([1.0, 0.0, 0.0, 0.0]), jnp.zeros(3), lens, width=1000, height=1000)
>>> project(jnp.array([0.5, -0.25, 2.0]), camera).tolist()
[750.0, 375.0]
"""

from collections.abc import Sequence
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.numerics import as_floating, safe_divide
from jaxpose.rotations import quaternion_from_matrix, quaternion_inverse, rotate
from jaxpose.shapes import require_axis

# The public interface: some of it serves callers of the library alone.
__all__ = [
    "Camera", "camera_from_matrices", "camera_to_world", "denormalize_screen", "normalize_screen", "project",
    "unproject", "world_to_camera",
]  # fmt: skip


class Camera(NamedTuple):
    """A calibrated camera; a pytree of arrays and numbers.

    Attributes:
      orientation: (4,) unit quaternion (w, x, y, z), from camera to world.
      translation: (3,) metres, position of the camera in the world.
      intrinsics: (9,) fx, fy, cx, cy, k1, k2, k3, p1, p2; or (11,), with g1, g2.
      width: of the image, pixels.
      height: of the image, pixels.
    """

    orientation: jax.Array
    translation: jax.Array
    intrinsics: jax.Array
    width: int
    height: int


def camera_from_matrices(
    intrinsic_matrix: jax.Array,
    rotation: jax.Array,
    translation: jax.Array,
    *,
    distortion: Sequence[float] | jax.Array = (),
    width: chex.Numeric | None = None,
    height: chex.Numeric | None = None,
) -> Camera:
    """Camera from K, R, t and distortion coefficients in OpenCV's conventions: pixels ~ K (R · world + t).

    Args:
      intrinsic_matrix: K (3, 3) in pixels: [[fx, 0, cx], [0, fy, cy], [0, 0, 1]].
      rotation: R (3, 3), from world to camera; of a rotation vector, `cv2.Rodrigues(v)[0]`.
      translation: t (3,) or (3, 1) metres, the world's origin in camera space. The camera stands at -Rᵀ t.
      distortion: none, (k1, k2), (k1, k2, p1, p2) or (k1, k2, p1, p2, k3), in OpenCV's order; also (1, n) or (n, 1).
      width: of the image in pixels; twice cx by default. No projection uses it.
      height: likewise.

    Returns:
      The camera; `project(world_to_camera(points, camera), camera)` are the pixels of `cv2.projectPoints`.

    Raises:
      ValueError: K has another form, such as a skew; R is not a rotation (a mirrored one neither); t or the distortion
        has another length. Values are checked outside of `jit` alone.
    """
    arrays = [jnp.asarray(x) for x in (intrinsic_matrix, rotation, translation, distortion)]
    k, r, t, coefficients = arrays
    for name, value in (("intrinsic_matrix", k), ("rotation", r)):
        if value.shape != (3, 3):
            raise ValueError(f"`{name}` has shape {value.shape}, not (3, 3)")
    if t.shape not in ((3,), (3, 1)):
        raise ValueError(f"`translation` has shape {t.shape}, not (3,)")
    if coefficients.size not in (0, 2, 4, 5):
        raise ValueError(
            f"`distortion` has {coefficients.size} numbers; k1, k2[, p1, p2[, k3]] are supported, other models not"
        )
    if not any(isinstance(value, jax.core.Tracer) for value in (k, r)):
        _check_matrices(np.asarray(k, np.float64), np.asarray(r, np.float64))
    camera = _camera(*arrays)
    return camera._replace(
        width=camera.width if width is None else width, height=camera.height if height is None else height
    )


@jax.jit
def _camera(k: jax.Array, r: jax.Array, t: jax.Array, coefficients: jax.Array) -> Camera:
    """Camera of arrays of the right shapes, whose image has its middle at the principal point."""
    k, r, t, coefficients = (as_floating(x) for x in (k, r, jnp.ravel(t), jnp.ravel(coefficients)))
    k1, k2, p1, p2, k3 = jnp.concatenate([coefficients, jnp.zeros(5 - coefficients.size, coefficients.dtype)])
    lens = k[0, 0], k[1, 1], k[0, 2], k[1, 2]
    return Camera(
        orientation=quaternion_from_matrix(r.T),
        translation=-jnp.sum(r * t[:, None], axis=0),
        intrinsics=jnp.stack([*lens, k1, k2, k3, p2, p1, 2 * p2, 2 * p1]),
        width=2 * k[0, 2],
        height=2 * k[1, 2],
    )


def _check_matrices(k: np.ndarray, r: np.ndarray) -> None:
    """Raise `ValueError` unless K has no skew and a last row of 0, 0, 1, and R is a rotation."""
    if k[0, 1] or k[1, 0] or k[2].tolist() != [0, 0, 1] or min(k[0, 0], k[1, 1]) <= 0:
        raise ValueError(f"`intrinsic_matrix` {k.tolist()} is not [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]")
    if not (np.allclose(r @ r.T, np.eye(3), atol=1e-3) and np.linalg.det(r) > 0):
        raise ValueError(f"`rotation` {r.tolist()} is not a rotation: R Rᵀ = I with determinant 1")


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
    require_axis(points, "points", -1, 3)
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
    require_axis(pixels, "pixels", -1, 2)
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
    if np.shape(intrinsics) not in ((9,), (11,)):
        raise ValueError(
            f"`intrinsics` has shape {np.shape(intrinsics)}, not (9,) or (11,); of several cameras, use vmap"
        )
    return intrinsics[:2], intrinsics[2:4], intrinsics[4:]


def _distort(xy: jax.Array, intrinsics: jax.Array) -> jax.Array:
    """Apply radial and tangential distortion to points (..., 2) at unit depth."""
    _, _, (k1, k2, k3, p1, p2, *own_gains) = _split(intrinsics)
    r2 = jnp.sum(xy * xy, axis=-1, keepdims=True)
    tangential = jnp.stack([p1, p2])
    gains = jnp.stack(own_gains) if own_gains else tangential
    gain = 1 + r2 * (k1 + r2 * (k2 + r2 * k3)) + jnp.sum(gains * xy, axis=-1, keepdims=True)
    return xy * gain + tangential * r2
