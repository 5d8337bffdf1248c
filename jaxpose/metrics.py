"""Pose metrics, exactly as published, with finite gradients everywhere.

Poses are (..., J, 3) in metres, root-relative, predictions first; other shapes raise `ValueError`. Results are per
frame: averaging over frames, tracks and actions is left to the caller (`jaxpose.evaluation.averages`). Errors are in
metres, shares of joints in [0, 1]. For PCK after alignment, pass what `alignment.align` returns to `pck`.

`visible` says which joints count, as in the losses: bool, or weights such as confidences, that broadcast against
(..., J) (`jaxpose.masks`). A metric is then the mean over the visible joints of a frame; a frame without any has NaN,
with zero gradient, and `jnp.nanmean` leaves it out. Coordinates of hidden joints can be anything, NaN too.

>>> import jax.numpy as jnp
>>> from jaxpose import metrics
>>> target = jnp.array([[0.0, 0.0, 0.0], [0.0, 0.5, 0.0], [0.5, 0.5, 0.25]])
>>> rotated_and_scaled = 1.5 * target[:, jnp.array([2, 0, 1])]
>>> float((1000 * metrics.mpjpe(rotated_and_scaled, target)).round())  # millimetres
491.0
>>> float((1000 * metrics.p_mpjpe(rotated_and_scaled, target)).round())
0.0
"""

from collections.abc import Callable

import chex
import jax
import jax.numpy as jnp

from jaxpose.alignment import align
from jaxpose.kinematics import finite_difference
from jaxpose.masks import joint_mask, mask_of_differences, where_visible
from jaxpose.numerics import as_floating, safe_divide, safe_norm, safe_normalize
from jaxpose.shapes import require_poses, require_same_shape, require_tracks

# The public interface: some of it serves callers of the library alone.
__all__ = ["auc", "mpjpe", "n_mpjpe", "p_mpjpe", "pck", "time_derivative_error"]


def mpjpe(predictions: jax.Array, targets: jax.Array, *, visible: jax.Array | bool = True) -> jax.Array:
    """Mean per-joint position error (protocol 1): Euclidean distance, averaged over joints.

    Args:
      predictions: (..., J, 3) metres. The root counts as a joint and is not set to zero.
      targets: (..., J, 3) metres.
      visible: bool or weights (..., J) of the joints that count.

    Returns:
      (...) metres.
    """
    _check(predictions, targets)
    return _mean_of_joints(safe_norm, predictions, targets, visible)


def _check(predictions: jax.Array, targets: jax.Array) -> None:
    require_poses(predictions, "predictions")
    require_same_shape({"predictions": predictions, "targets": targets})


def _mean_of_joints(
    measure: Callable[[jax.Array], jax.Array], predictions: jax.Array, targets: jax.Array, visible: jax.Array | bool
) -> jax.Array:
    """Mean over the visible joints of what is measured of each difference (..., J, 3); NaN where there are none."""
    if visible is True:
        return jnp.mean(measure(predictions - targets), axis=-1)
    mask = joint_mask(visible, predictions)
    values = measure(where_visible(predictions - targets, mask))
    total = jnp.sum(as_floating(mask), axis=-1)
    return jnp.where(total > 0, safe_divide(jnp.sum(mask * values, axis=-1), total), jnp.nan)


def p_mpjpe(predictions: jax.Array, targets: jax.Array, *, visible: jax.Array | bool = True) -> jax.Array:
    """MPJPE after similarity alignment of each frame: rotation, scale and translation (protocol 2, P-MPJPE).

    Visible joints alone are aligned.

    Args:
      predictions: (..., J, 3) metres.
      targets: (..., J, 3) metres.
      visible: bool or weights (..., J) of the joints that count.

    Returns:
      (...) metres.
    """
    _check(predictions, targets)
    if visible is not True:
        mask = joint_mask(visible, predictions)
        predictions, targets = where_visible(predictions, mask), where_visible(targets, mask)
    aligned, _ = align(predictions, targets, visible=visible)
    return _mpjpe_after_fit(aligned, targets, visible)


def n_mpjpe(predictions: jax.Array, targets: jax.Array, *, visible: jax.Array | bool = True) -> jax.Array:
    """MPJPE after scaling each frame by Σ⟨prediction, target⟩ / Σ⟨prediction, prediction⟩ (protocol 3, N-MPJPE).

    Args:
      predictions: (..., J, 3) metres.
      targets: (..., J, 3) metres.
      visible: bool or weights (..., J) of the joints that count.

    Returns:
      (...) metres.
    """
    _check(predictions, targets)
    if visible is True:
        unit = safe_normalize(predictions, axis=(-2, -1))  # squares of a tiny pose would underflow
        scaled = unit * jnp.sum(unit * targets, axis=(-2, -1), keepdims=True)
    else:
        mask = joint_mask(visible, predictions)
        predictions, targets = where_visible(predictions, mask), where_visible(targets, mask)
        weights = as_floating(mask)[..., None]
        root = jnp.sqrt(jnp.where(weights > 0, weights, 1))
        unit = safe_divide(predictions, safe_norm(root * predictions, axis=(-2, -1), keepdims=True))
        scaled = unit * jnp.sum(weights * unit * targets, axis=(-2, -1), keepdims=True)
    return _mpjpe_after_fit(scaled, targets, visible)


def _mpjpe_after_fit(fitted: jax.Array, targets: jax.Array, visible: jax.Array | bool) -> jax.Array:
    """MPJPE with errors below rounding set to zero: their gradient would be the direction of the rounding noise."""
    eps = jnp.finfo(jnp.result_type(fitted, jnp.float32)).eps
    noise = 64 * eps * jnp.max(jnp.abs(targets), axis=(-2, -1), keepdims=True)  # float32: 8 µm for a pose of 1 m
    exact = jnp.max(jnp.abs(fitted - targets), axis=-1, keepdims=True) < noise
    return mpjpe(jnp.where(exact, targets, fitted), targets, visible=visible)


def time_derivative_error(
    predictions: jax.Array, targets: jax.Array, order: int, *, visible: jax.Array | bool = True
) -> jax.Array:
    """MPJPE of finite differences in time: order 1 is MPJVE (velocity), order 2 is MPJAE (acceleration).

    As published, differences are per frame and per frame squared, not divided by the frame time.

    Args:
      predictions: (..., T, J, 3) metres, T consecutive frames of each track.
      targets: (..., T, J, 3) metres.
      order: order of the difference.
      visible: bool or weights (..., T, J). A difference counts as its least visible frame does.

    Returns:
      (..., T - order) metres per frame^order; empty for tracks of at most `order` frames.
    """
    require_tracks(predictions, "predictions")
    require_same_shape({"predictions": predictions, "targets": targets})
    if visible is not True:
        mask = joint_mask(visible, predictions)
        predictions, targets = where_visible(predictions, mask), where_visible(targets, mask)
        visible = mask_of_differences(mask, order)
    return mpjpe(finite_difference(predictions, order), finite_difference(targets, order), visible=visible)


def pck(
    predictions: jax.Array,
    targets: jax.Array,
    *,
    threshold: chex.Numeric = 0.150,
    visible: jax.Array | bool = True,
) -> jax.Array:
    """Percentage of correct keypoints in 3D (PCK): share of joints with an error below the threshold.

    Source: Mehta et al., "Monocular 3D Human Pose Estimation In The Wild Using Improved CNN Supervision", 3DV 2017,
    with a threshold of 150 mm. The comparison is "less than", as in the evaluation code of its data set MPI-INF-3DHP
    (`mpii_compute_3d_pck.m`, in the copy of the repository PoseFormerV2). That code counts 14 of the 17 joints: not the
    pelvis (the root), the spine and the middle of the head. Here every visible joint counts.

    The gradient of this step function is zero everywhere. NaN inputs give NaN.

    Args:
      predictions: (..., J, 3) metres.
      targets: (..., J, 3) metres.
      threshold: metres.
      visible: bool or weights (..., J) of the joints that count.

    Returns:
      (...) in [0, 1]; reports multiply by 100.
    """
    _check(predictions, targets)

    def correct(differences: jax.Array) -> jax.Array:
        return jnp.heaviside(threshold - safe_norm(differences), 0)

    return _mean_of_joints(correct, predictions, targets, visible)


def auc(predictions: jax.Array, targets: jax.Array, *, visible: jax.Array | bool = True) -> jax.Array:
    """Area under the PCK curve (AUC): mean PCK over the 31 thresholds 0, 5, …, 150 mm, as in MPI-INF-3DHP.

    No error is below 0, so that a perfect prediction has 30/31, not 1. Source and gradient are those of `pck`.

    Args:
      predictions: (..., J, 3) metres.
      targets: (..., J, 3) metres.
      visible: bool or weights (..., J) of the joints that count.

    Returns:
      (...) in [0, 30/31]; reports multiply by 100.
    """
    thresholds = jnp.arange(31) / 200
    curve = jax.vmap(lambda threshold: pck(predictions, targets, threshold=threshold, visible=visible))(thresholds)
    return jnp.mean(curve, axis=0)
