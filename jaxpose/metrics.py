"""The field's five error metrics, exactly as published, with finite gradients everywhere.

Poses are (..., J, 3) in metres, root-relative, predictions first; results are metres per frame, not yet averaged
over frames: padding, tracks and actions are the caller's business (`loop.evaluate`). Reports multiply by 1000.
"""

import chex
import jax
import jax.numpy as jnp

from jaxpose.kinematics import finite_difference
from jaxpose.numerics import safe_divide, safe_norm, safe_normalize


def mpjpe(predictions: jax.Array, targets: jax.Array) -> jax.Array:
    """Mean per-joint position error, protocol 1: the Euclidean distance, averaged over joints.

    Args:
      predictions: (..., J, 3) metres. The root counts as a joint and is not forced to zero.
      targets: (..., J, 3) metres.

    Returns:
      (...) metres.
    """
    chex.assert_equal_shape([predictions, targets])
    return jnp.mean(safe_norm(predictions - targets), axis=-1)


def p_mpjpe(predictions: jax.Array, targets: jax.Array) -> jax.Array:
    """Protocol 2: MPJPE after the similarity transform that best aligns each frame (rotation, scale, translation).

    Args:
      predictions: (..., J, 3) metres.
      targets: (..., J, 3) metres.

    Returns:
      (...) metres.
    """
    return mpjpe(align(predictions, targets), targets)


def n_mpjpe(predictions: jax.Array, targets: jax.Array) -> jax.Array:
    """Protocol 3: MPJPE after the best scale of each frame, Σ⟨prediction, target⟩ / Σ⟨prediction, prediction⟩.

    Args:
      predictions: (..., J, 3) metres.
      targets: (..., J, 3) metres.

    Returns:
      (...) metres.
    """
    chex.assert_equal_shape([predictions, targets])
    unit = safe_normalize(predictions, axis=(-2, -1))  # no quotient of squares: they underflow for tiny poses
    return mpjpe(unit * jnp.sum(unit * targets, axis=(-2, -1), keepdims=True), targets)


def time_derivative_error(predictions: jax.Array, targets: jax.Array, order: int) -> jax.Array:
    """MPJPE of the finite differences in time: order 1 is MPJVE (velocity), order 2 MPJAE (acceleration).

    The differences are per frame and per frame squared, as published: not divided by the frame time.

    Args:
      predictions: (T, ..., J, 3) metres, consecutive frames of one track.
      targets: (T, ..., J, 3) metres.
      order: of the difference.

    Returns:
      (T - order, ...) metres per frame to the power `order`; empty for a track that short.
    """
    chex.assert_equal_shape([predictions, targets])
    return mpjpe(finite_difference(predictions, order), finite_difference(targets, order))


def align(predictions: jax.Array, targets: jax.Array) -> jax.Array:
    """The predictions after the similarity transform, without reflection, that brings each closest to its target.

    Closest in the least squares sense: the Procrustes problem, solved by a singular value decomposition of the
    3×3 correlation (Umeyama 1991). A pose collapsed to a point has no best rotation; it becomes the target's mean.

    Args:
      predictions: (..., J, 3) metres.
      targets: (..., J, 3) metres.

    Returns:
      (..., J, 3) metres.
    """
    chex.assert_equal_shape([predictions, targets])
    target_mean = jnp.mean(targets, axis=-2, keepdims=True)
    unit = safe_normalize(predictions - jnp.mean(predictions, axis=-2, keepdims=True), axis=(-2, -1))
    correlation = jnp.swapaxes(targets - target_mean, -1, -2) @ unit
    rotation = best_rotation(correlation)
    scale = jnp.sum(rotation * correlation, axis=(-2, -1), keepdims=True)
    return scale * unit @ jnp.swapaxes(rotation, -1, -2) + target_mean


@jax.custom_jvp
def best_rotation(correlation: jax.Array) -> jax.Array:
    """The proper rotation R that maximises ⟨R, M⟩ for each 3×3 matrix M of `correlation` (..., 3, 3).

    Differentiated by its own closed form. The derivative of the singular vectors is infinite where two singular
    values meet (a symmetric pose, a perfect prediction after scaling), that of the rotation is not: with
    M = U diag(s) Vᵀ it divides by sums of singular values s_i + s_j, not by differences. Where a sum itself
    vanishes (a pose on a line, a mirror image) the rotation jumps, and the gradient along that turn is zero.
    """
    return _best_rotation(correlation)[0]


@best_rotation.defjvp
def _best_rotation_jvp(primals: tuple[jax.Array], tangents: tuple[jax.Array]) -> tuple[jax.Array, jax.Array]:
    rotation, u, s, vt = _best_rotation(primals[0])
    v = jnp.swapaxes(vt, -1, -2)
    turned = jnp.swapaxes(u, -1, -2) @ tangents[0] @ v
    sums = s[..., :, None] + s[..., None, :]
    largest = jnp.max(jnp.abs(s), axis=-1)[..., None, None]
    sums = jnp.where(sums <= 1e-6 * largest, 0, sums)  # zero makes the division below give zero
    spin = safe_divide(turned - jnp.swapaxes(turned, -1, -2), sums)
    return rotation, u @ spin @ vt


def _best_rotation(correlation: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """Rotation and the decomposition U diag(s) Vᵀ, with reflections moved from U into the sign of the last s."""
    u, s, vt = jnp.linalg.svd(correlation, full_matrices=False)
    handedness = jnp.sign(jnp.linalg.det(u) * jnp.linalg.det(vt))
    flip = jnp.ones_like(s).at[..., -1].set(handedness)
    u, s = u * flip[..., None, :], s * flip
    return u @ vt, u, s, vt
