"""The field's metrics, exactly as published, with finite gradients everywhere.

Poses are (..., J, 3) in metres, root-relative, predictions first. Results are per frame, not yet averaged over
frames: padding, tracks and actions are the caller's business (`averages.score`). Errors are in metres, which reports
multiply by 1000; shares of joints are in [0, 1]. A metric of some joints is the metric of the poses that have only
those; PCK after alignment is `pck` of what `align` returns.
"""

import chex
import jax
import jax.numpy as jnp

from jaxpose.alignment import align
from jaxpose.kinematics import finite_difference
from jaxpose.numerics import safe_norm, safe_normalize


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
    aligned, _ = align(predictions, targets)
    return _mpjpe_of_fit(aligned, targets)


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
    return _mpjpe_of_fit(unit * jnp.sum(unit * targets, axis=(-2, -1), keepdims=True), targets)


def _mpjpe_of_fit(fitted: jax.Array, targets: jax.Array) -> jax.Array:
    """MPJPE that is zero at a joint which fits but for rounding: its gradient would be the direction of noise."""
    eps = jnp.finfo(jnp.result_type(fitted, jnp.float32)).eps
    noise = 64 * eps * jnp.max(jnp.abs(targets), axis=(-2, -1), keepdims=True)  # float32: 8 µm for a pose of 1 m
    fits = jnp.max(jnp.abs(fitted - targets), axis=-1, keepdims=True) < noise
    return mpjpe(jnp.where(fits, targets, fitted), targets)


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


def pck(predictions: jax.Array, targets: jax.Array, *, threshold: chex.Numeric = 0.150) -> jax.Array:
    """Percentage of correct keypoints in 3D: the share of joints whose error is less than the threshold.

    From Mehta et al., "Monocular 3D Human Pose Estimation In The Wild Using Improved CNN Supervision", 3DV 2017, at
    150 mm. "Less than", not "at most", is how the evaluation code of its data set MPI-INF-3DHP counts
    (`mpii_compute_3d_pck.m`, read in the copy that the repository PoseFormerV2 keeps). Of that data set's 17 joints
    it counts 14: not the pelvis (the root), the spine and the middle of the head. Here every joint given counts.

    A step function: its gradient is zero everywhere. NaN in gives NaN out.

    Args:
      predictions: (..., J, 3) metres.
      targets: (..., J, 3) metres.
      threshold: metres.

    Returns:
      (...) in [0, 1]; reports multiply by 100.
    """
    chex.assert_equal_shape([predictions, targets])
    return jnp.mean(jnp.heaviside(threshold - safe_norm(predictions - targets), 0), axis=-1)


def auc(predictions: jax.Array, targets: jax.Array) -> jax.Array:
    """Area under the curve of PCK: its mean over the 31 thresholds 0, 5, …, 150 mm, as MPI-INF-3DHP's evaluation.

    No error is less than 0, so a perfect prediction has 30/31, not 1. Source and gradient are those of `pck`.

    Args:
      predictions: (..., J, 3) metres.
      targets: (..., J, 3) metres.

    Returns:
      (...) in [0, 30/31]; reports multiply by 100.
    """
    curve = jax.vmap(lambda threshold: pck(predictions, targets, threshold=threshold))(jnp.arange(31) / 200)
    return jnp.mean(curve, axis=0)
