"""The field's metrics, exactly as published, with finite gradients everywhere.

Poses are (..., J, 3) in metres, root-relative, predictions first. Results are per frame, not yet averaged over
frames: padding, tracks and actions are the caller's business (`scoring.score`). Errors are in metres, which reports
multiply by 1000; shares of joints are in [0, 1]. A metric of some joints is the metric of the poses that have only
those; PCK after alignment is `pck` of what `align` returns.
"""

import functools
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from jaxpose.kinematics import finite_difference
from jaxpose.numerics import floating, safe_divide, safe_norm, safe_normalize

_einsum = functools.partial(jnp.einsum, precision="highest")  # by default a GPU may round the factors to 10 bits


class Similarity(NamedTuple):
    """The map x ↦ scale · rotation x + translation of each frame; a pytree of arrays.

    On poses: `scale[..., None, None] * poses @ rotation.mT + translation[..., None, :]`.
    """

    scale: jax.Array  # (...) not negative
    rotation: jax.Array  # (..., 3, 3) proper: no reflection
    translation: jax.Array  # (..., 3) metres


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


def align(predictions: jax.Array, targets: jax.Array) -> tuple[jax.Array, Similarity]:
    """Bring each prediction closest to its target by a similarity transform without reflection.

    Closest in the least squares sense: the Procrustes problem, solved by a singular value decomposition of the
    3×3 correlation (Umeyama 1991). A pose collapsed to a point has no best rotation; it becomes the target's mean,
    with scale zero.

    Args:
      predictions: (..., J, 3) metres.
      targets: (..., J, 3) metres.

    Returns:
      The aligned predictions, (..., J, 3) metres, and the transform that aligns them.
    """
    chex.assert_equal_shape([predictions, targets])
    mean, target_mean = (jnp.mean(poses, axis=-2, keepdims=True) for poses in (predictions, targets))
    size = safe_norm(predictions - mean, axis=(-2, -1), keepdims=True)
    unit = safe_divide(predictions - mean, size)  # its products do not underflow, however small the pose
    correlation = _einsum("...ja,...jb->...ab", targets - target_mean, unit)
    rotation = best_rotation(correlation)
    new_size = jnp.sum(rotation * correlation, axis=(-2, -1), keepdims=True)
    aligned = new_size * _einsum("...ab,...jb->...ja", rotation, unit) + target_mean
    scale = safe_divide(new_size, size)
    translation = target_mean - scale * _einsum("...ab,...jb->...ja", rotation, mean)
    return aligned, Similarity(scale[..., 0, 0], rotation, translation[..., 0, :])


@jax.custom_jvp
def best_rotation(correlation: jax.Array) -> jax.Array:
    """The proper rotation R that maximises ⟨R, M⟩ for each 3×3 matrix M of `correlation` (..., 3, 3).

    Differentiated by its own closed form. The derivative of the singular vectors is infinite where two singular
    values meet (a symmetric pose, a perfect prediction after scaling), that of the rotation is not: with
    M = U diag(s) Vᵀ it divides by sums of singular values s_i + s_j, not by differences. Where a sum itself
    vanishes (a pose on a line, a mirror image) the rotation jumps, and the gradient along that turn is zero.
    """
    chex.assert_shape(correlation, (..., 3, 3))
    return _best_rotation(correlation)[0]


@best_rotation.defjvp
def _best_rotation_jvp(primals: tuple[jax.Array], tangents: tuple[jax.Array]) -> tuple[jax.Array, jax.Array]:
    rotation, u, s, vt = _best_rotation(primals[0])
    turned = _einsum("...ai,...ab,...jb->...ij", u, tangents[0], vt)
    sums = s[..., :, None] + s[..., None, :]
    largest = jnp.max(jnp.abs(s), axis=-1)[..., None, None]
    sums = jnp.where(sums <= 1e-6 * largest, 0, sums)  # zero makes the division below give zero
    spin = safe_divide(turned - turned.mT, sums)
    return rotation, _einsum("...ai,...ij,...jb->...ab", u, spin, vt)


def _best_rotation(correlation: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """Rotation and the decomposition U diag(s) Vᵀ, with reflections moved from U into the sign of the last s."""
    correlation = floating(correlation)
    correlation = jnp.where(jnp.isfinite(correlation), correlation, jnp.nan)  # of infinity LAPACK makes some rotation
    u, s, vt = jnp.linalg.svd(correlation, full_matrices=False)
    handedness = jnp.sign(jnp.linalg.det(u) * jnp.linalg.det(vt))
    flip = jnp.ones_like(s).at[..., -1].set(handedness)
    u, s = u * flip[..., None, :], s * flip
    return _einsum("...ai,...ib->...ab", u, vt), u, s, vt
