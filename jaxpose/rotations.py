"""Rotations as unit quaternions (w, x, y, z), active and right-handed.

Every function takes leading axes of any shape, broadcast against each other; the last axis holds the quaternion or the
vector. `rotate(q, v)` is q v q⁻¹.

>>> import jax.numpy as jnp
>>> from jaxpose import rotations
>>> quarter_turn_about_z = rotations.quaternion_from_axis_angle(jnp.array([0, 0, jnp.pi / 2]))
>>> rotations.rotate(quarter_turn_about_z, jnp.array([1.0, 0.0, 0.0])).round(3).tolist()
[0.0, 1.0, 0.0]
"""

import jax
import jax.numpy as jnp

from jaxpose.numerics import safe_divide, safe_norm, safe_normalize
from jaxpose.shapes import require_axis, require_matrix

# The public interface: some of it serves callers of the library alone.
__all__ = [
    "axis_angle_from_quaternion", "quaternion_from_axis_angle", "quaternion_from_matrix", "quaternion_inverse",
    "quaternion_multiply", "quaternion_to_matrix", "rotate", "rotation_between",
]  # fmt: skip


def quaternion_multiply(p: jax.Array, q: jax.Array) -> jax.Array:
    """Hamilton product p q: the rotation by `q` first, then by `p`.

    Args:
      p: (..., 4) quaternions.
      q: (..., 4) quaternions.

    Returns:
      (..., 4) quaternions.
    """
    require_axis(p, "p", -1, 4)
    require_axis(q, "q", -1, 4)
    (pw, px, py, pz), (qw, qx, qy, qz) = jnp.unstack(p, axis=-1), jnp.unstack(q, axis=-1)
    return jnp.stack(
        [
            pw * qw - px * qx - py * qy - pz * qz,
            pw * qx + px * qw + py * qz - pz * qy,
            pw * qy - px * qz + py * qw + pz * qx,
            pw * qz + px * qy - py * qx + pz * qw,
        ],
        axis=-1,
    )


def quaternion_inverse(q: jax.Array) -> jax.Array:
    """Inverse (conjugate) of unit quaternions (..., 4)."""
    require_axis(q, "q", -1, 4)
    return q * jnp.asarray([1, -1, -1, -1], jnp.result_type(q))


def rotate(q: jax.Array, v: jax.Array) -> jax.Array:
    """Rotate vectors (..., 3) by unit quaternions (..., 4)."""
    require_axis(q, "q", -1, 4)
    require_axis(v, "v", -1, 3)
    w, u = q[..., :1], q[..., 1:]
    t = 2 * jnp.cross(u, v)
    return v + w * t + jnp.cross(u, t)


def quaternion_from_axis_angle(rotation_vector: jax.Array) -> jax.Array:
    """Exponential map: rotation vectors, axis times angle in radians, to unit quaternions.

    Smooth through the zero rotation, where its gradient equals that of (1, v / 2).

    Args:
      rotation_vector: (..., 3) radians.

    Returns:
      (..., 4) unit quaternions.
    """
    require_axis(rotation_vector, "rotation_vector", -1, 3)
    half_square = jnp.sum(rotation_vector * rotation_vector, axis=-1, keepdims=True) / 4
    small = half_square < 1e-6  # there the series below is exact in float32, and to 1e-14 in float64
    half = jnp.sqrt(jnp.where(small, 1, half_square))
    sinc = jnp.where(small, 1 - half_square / 6 + half_square**2 / 120, jnp.sin(half) / half)
    cosine = jnp.where(small, 1 - half_square / 2 + half_square**2 / 24, jnp.cos(half))
    return jnp.concatenate([cosine, rotation_vector / 2 * sinc], axis=-1)


def axis_angle_from_quaternion(q: jax.Array) -> jax.Array:
    """Logarithm map: unit quaternions to rotation vectors with an angle in [0, π].

    Args:
      q: (..., 4) unit quaternions; q and -q give the same vector.

    Returns:
      (..., 3) radians.
    """
    require_axis(q, "q", -1, 4)
    q = jnp.where(q[..., :1] < 0, -q, q)
    sine = safe_norm(q[..., 1:], keepdims=True)
    angle = 2 * jnp.arctan2(sine, q[..., :1])
    return q[..., 1:] * jnp.where(sine > 0, safe_divide(angle, sine), 2)


def quaternion_to_matrix(q: jax.Array) -> jax.Array:
    """Rotation matrices (..., 3, 3) of unit quaternions (..., 4); column i is the image of axis i."""
    columns = rotate(q[..., None, :], jnp.eye(3, dtype=jnp.result_type(q)))
    return jnp.swapaxes(columns, -1, -2)


def quaternion_from_matrix(matrix: jax.Array) -> jax.Array:
    """Unit quaternions (..., 4) with w ≥ 0 of proper rotation matrices (..., 3, 3); inverse of `quaternion_to_matrix`.

    The rotation matrix is linear in the outer product q qᵀ, whose rows are all multiples of q. The row of q's largest
    component is normalised, so that no divisor is small and the gradient is finite everywhere (S. W. Shepperd,
    "Quaternion from rotation matrix", Journal of Guidance and Control 1978).
    """
    require_matrix(matrix, "matrix")
    (a, b, c), (d, e, f), (g, h, i) = (jnp.unstack(row, axis=-1) for row in jnp.unstack(matrix, axis=-2))
    products = [  # 4 q qᵀ
        [1 + a + e + i, h - f, c - g, d - b],
        [h - f, 1 + a - e - i, b + d, c + g],
        [c - g, b + d, 1 - a + e - i, f + h],
        [d - b, c + g, f + h, 1 - a - e + i],
    ]
    rows = jnp.stack([jnp.stack(row, axis=-1) for row in products], axis=-2)
    largest = jnp.argmax(jnp.diagonal(rows, axis1=-2, axis2=-1), axis=-1)[..., None, None]
    q = safe_normalize(jnp.take_along_axis(rows, largest, axis=-2)[..., 0, :])
    return jnp.where(q[..., :1] < 0, -q, q)


def rotation_between(source: jax.Array, target: jax.Array) -> jax.Array:
    """Smallest rotation that takes the direction of one vector to the direction of another.

    Accurate for all angles: beyond 90° the source is first rotated by 180° about the same axis. If the directions are
    opposite to within 1e-5, the axis is not determined; the axis used then depends on the source alone.

    Args:
      source: (..., 3) vectors of any length.
      target: (..., 3) vectors of any length.

    Returns:
      (..., 4) unit quaternions; the identity where the source or the target is zero.
    """
    source, target = safe_normalize(source), safe_normalize(target)
    axis = jnp.cross(source, target)
    smallest_axis = jnp.eye(3, dtype=source.dtype)[jnp.argmin(jnp.abs(source), axis=-1)]
    parallel = jnp.sum(axis * axis, axis=-1, keepdims=True) < 1e-10
    axis = safe_normalize(jnp.where(parallel, jnp.cross(source, smallest_axis), axis))
    obtuse = jnp.sum(source * target, axis=-1, keepdims=True) < 0
    identity = jnp.broadcast_to(jnp.asarray([1, 0, 0, 0], axis.dtype), (*axis.shape[:-1], 4))
    half_turn = jnp.where(obtuse, jnp.concatenate([jnp.zeros_like(axis[..., :1]), axis], axis=-1), identity)
    # The remaining rotation, by at most 90°: (1 + cos, sin · axis) is its quaternion but for the length.
    turned = rotate(half_turn, source)
    cosine = jnp.sum(turned * target, axis=-1, keepdims=True)
    remaining = safe_normalize(jnp.concatenate([1 + cosine, jnp.cross(turned, target)], axis=-1))
    return quaternion_multiply(remaining, half_turn)
