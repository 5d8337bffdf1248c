"""Pose metrics, exactly as published, with finite gradients everywhere.

Poses are (..., J, 3) in metres, root-relative, predictions first. Results are per frame: averaging over frames, tracks
and actions is left to the caller (`jaxpose.evaluation.averages`). Errors are in metres, shares of joints in [0, 1]. For
a metric of some joints, pass those joints alone; for PCK after alignment, pass what `alignment.align` returns to `pck`.

>>> import jax.numpy as jnp
>>> from jaxpose import metrics
>>> target = jnp.array([[0.0, 0.0, 0.0], [0.0, 0.5, 0.0], [0.5, 0.5, 0.25]])
>>> rotated_and_scaled = 1.5 * target[:, jnp.array([2, 0, 1])]
>>> float((1000 * metrics.mpjpe(rotated_and_scaled, target)).round())  # millimetres
491.0
>>> float((1000 * metrics.p_mpjpe(rotated_and_scaled, target)).round())
0.0
"""

import chex
import jax
import jax.numpy as jnp

from jaxpose.alignment import align
from jaxpose.kinematics import finite_difference
from jaxpose.numerics import safe_norm, safe_normalize

# The public interface: some of it serves callers of the library alone.
__all__ = ["auc", "mpjpe", "n_mpjpe", "p_mpjpe", "pck", "time_derivative_error"]


def mpjpe(predictions: jax.Array, targets: jax.Array) -> jax.Array:
    """Mean per-joint position error (protocol 1): Euclidean distance, averaged over joints.

    Args:
      predictions: (..., J, 3) metres. The root counts as a joint and is not set to zero.
      targets: (..., J, 3) metres.

    Returns:
      (...) metres.
    """
    chex.assert_equal_shape([predictions, targets])
    return jnp.mean(safe_norm(predictions - targets), axis=-1)


def p_mpjpe(predictions: jax.Array, targets: jax.Array) -> jax.Array:
    """MPJPE after similarity alignment of each frame: rotation, scale and translation (protocol 2, P-MPJPE).

    Args:
      predictions: (..., J, 3) metres.
      targets: (..., J, 3) metres.

    Returns:
      (...) metres.
    """
    aligned, _ = align(predictions, targets)
    return _mpjpe_after_fit(aligned, targets)


def n_mpjpe(predictions: jax.Array, targets: jax.Array) -> jax.Array:
    """MPJPE after scaling each frame by Σ⟨prediction, target⟩ / Σ⟨prediction, prediction⟩ (protocol 3, N-MPJPE).

    Args:
      predictions: (..., J, 3) metres.
      targets: (..., J, 3) metres.

    Returns:
      (...) metres.
    """
    chex.assert_equal_shape([predictions, targets])
    unit = safe_normalize(predictions, axis=(-2, -1))  # squares of a tiny pose would underflow
    return _mpjpe_after_fit(unit * jnp.sum(unit * targets, axis=(-2, -1), keepdims=True), targets)


def _mpjpe_after_fit(fitted: jax.Array, targets: jax.Array) -> jax.Array:
    """MPJPE with errors below rounding set to zero: their gradient would be the direction of the rounding noise."""
    eps = jnp.finfo(jnp.result_type(fitted, jnp.float32)).eps
    noise = 64 * eps * jnp.max(jnp.abs(targets), axis=(-2, -1), keepdims=True)  # float32: 8 µm for a pose of 1 m
    exact = jnp.max(jnp.abs(fitted - targets), axis=-1, keepdims=True) < noise
    return mpjpe(jnp.where(exact, targets, fitted), targets)


def time_derivative_error(predictions: jax.Array, targets: jax.Array, order: int) -> jax.Array:
    """MPJPE of finite differences in time: order 1 is MPJVE (velocity), order 2 is MPJAE (acceleration).

    As published, differences are per frame and per frame squared, not divided by the frame time.

    Args:
      predictions: (T, ..., J, 3) metres, consecutive frames of one track.
      targets: (T, ..., J, 3) metres.
      order: order of the difference.

    Returns:
      (T - order, ...) metres per frame^order; empty for a track of at most `order` frames.
    """
    chex.assert_equal_shape([predictions, targets])
    return mpjpe(finite_difference(predictions, order), finite_difference(targets, order))


def pck(predictions: jax.Array, targets: jax.Array, *, threshold: chex.Numeric = 0.150) -> jax.Array:
    """Percentage of correct keypoints in 3D (PCK): share of joints with an error below the threshold.

    Source: Mehta et al., "Monocular 3D Human Pose Estimation In The Wild Using Improved CNN Supervision", 3DV 2017,
    with a threshold of 150 mm. The comparison is "less than", as in the evaluation code of its data set MPI-INF-3DHP
    (`mpii_compute_3d_pck.m`, in the copy of the repository PoseFormerV2). That code counts 14 of the 17 joints: not the
    pelvis (the root), the spine and the middle of the head. Here every joint passed in counts.

    The gradient of this step function is zero everywhere. NaN inputs give NaN.

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
    """Area under the PCK curve (AUC): mean PCK over the 31 thresholds 0, 5, …, 150 mm, as in MPI-INF-3DHP.

    No error is below 0, so that a perfect prediction has 30/31, not 1. Source and gradient are those of `pck`.

    Args:
      predictions: (..., J, 3) metres.
      targets: (..., J, 3) metres.

    Returns:
      (...) in [0, 30/31]; reports multiply by 100.
    """
    curve = jax.vmap(lambda threshold: pck(predictions, targets, threshold=threshold))(jnp.arange(31) / 200)
    return jnp.mean(curve, axis=0)
