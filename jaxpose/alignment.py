"""Procrustes alignment of poses: best similarity transforms and rotations, with finite gradients.

>>> import jax.numpy as jnp
>>> from jaxpose.alignment import align
>>> target = jnp.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 3.0]])
>>> aligned, transform = align(2 * target + 1, target)
>>> bool(jnp.allclose(aligned, target, atol=1e-5))
True
>>> float(transform.scale.round(3))
0.5
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxpose.masks import joint_mask, where_visible
from jaxpose.numerics import as_floating, safe_divide, safe_norm
from jaxpose.shapes import require_matrix, require_poses, require_same_shape

# The public interface: some of it serves callers of the library alone.
__all__ = ["Similarity", "align", "best_rotation"]

_einsum = functools.partial(jnp.einsum, precision="highest")  # by default a GPU may round the factors to 10 bits


class Similarity(NamedTuple):
    """Similarity transform x ↦ scale · rotation x + translation of each frame; a pytree of arrays.

    To apply it to poses: `scale[..., None, None] * poses @ rotation.mT + translation[..., None, :]`.

    Attributes:
      scale: (...), at least 0.
      rotation: (..., 3, 3), determinant 1.
      translation: (..., 3) metres.
    """

    scale: jax.Array
    rotation: jax.Array
    translation: jax.Array


def align(
    predictions: jax.Array, targets: jax.Array, *, visible: jax.Array | bool = True
) -> tuple[jax.Array, Similarity]:
    """Align each prediction to its target by the best similarity transform without reflection.

    Best in the least squares sense (the Procrustes problem), by a singular value decomposition of the 3×3 correlation
    (Umeyama, "Least-squares estimation of transformation parameters between two point patterns", TPAMI 1991). A
    prediction collapsed to one point is mapped to the target's mean, with scale zero.

    Args:
      predictions: (..., J, 3) metres.
      targets: (..., J, 3) metres.
      visible: bool or weights, (..., J), of the joints whose distances are to be small (`jaxpose.masks`). The targets
        of others can be anything; their predictions are moved with the rest.

    Returns:
      The aligned predictions, (..., J, 3) metres, and the transform.

    Raises:
      ValueError: the shapes are not those of poses, or differ.
    """
    require_poses(predictions, "predictions")
    require_same_shape({"predictions": predictions, "targets": targets})
    if visible is True:
        mean, target_mean = (jnp.mean(poses, axis=-2, keepdims=True) for poses in (predictions, targets))
        size = safe_norm(predictions - mean, axis=(-2, -1), keepdims=True)
        unit = safe_divide(predictions - mean, size)  # products of a tiny pose would underflow
        correlation = _einsum("...ja,...jb->...ab", targets - target_mean, unit)
    else:
        mask = joint_mask(visible, targets)
        weights = as_floating(mask)[..., None]
        mean, target_mean = (_weighted_mean(where_visible(poses, mask), weights) for poses in (predictions, targets))
        seen = where_visible(predictions - mean, mask)
        size = safe_norm(jnp.sqrt(jnp.where(weights > 0, weights, 1)) * seen, axis=(-2, -1), keepdims=True)
        unit = safe_divide(predictions - mean, size)
        offsets = where_visible(targets - target_mean, mask)
        correlation = _einsum("...ja,...jb->...ab", weights * offsets, safe_divide(seen, size))
    rotation = best_rotation(correlation)
    new_size = jnp.sum(rotation * correlation, axis=(-2, -1), keepdims=True)
    aligned = new_size * _einsum("...ab,...jb->...ja", rotation, unit) + target_mean
    scale = safe_divide(new_size, size)
    translation = target_mean - scale * _einsum("...ab,...jb->...ja", rotation, mean)
    return aligned, Similarity(scale[..., 0, 0], rotation, translation[..., 0, :])


def _weighted_mean(poses: jax.Array, weights: jax.Array) -> jax.Array:
    """Mean joint (..., 1, 3) of poses for weights (..., J, 1); zero where no joint has weight."""
    total = jnp.sum(weights, axis=-2, keepdims=True)
    return safe_divide(jnp.sum(weights * poses, axis=-2, keepdims=True), total)


@jax.custom_jvp
def best_rotation(correlation: jax.Array) -> jax.Array:
    """Rotation R with determinant 1 that maximises ⟨R, M⟩ for each 3×3 matrix M of `correlation` (..., 3, 3).

    The derivative is a closed form. That of the singular vectors is infinite where two singular values are equal (a
    symmetric pose, a perfect prediction after scaling), but that of the rotation is finite: with M = U diag(s) Vᵀ it
    divides by sums s_i + s_j of singular values, not by their differences. Where such a sum is zero (a pose on a line,
    a mirror image) the rotation is discontinuous, and its gradient in that direction is set to zero.
    """
    require_matrix(correlation, "correlation")
    return _best_rotation(correlation)[0]


@best_rotation.defjvp
def _best_rotation_jvp(primals: tuple[jax.Array], tangents: tuple[jax.Array]) -> tuple[jax.Array, jax.Array]:
    rotation, u, s, vt = _best_rotation(primals[0])
    tangent = _einsum("...ai,...ab,...jb->...ij", u, tangents[0], vt)  # in the bases of U and V
    sums = s[..., :, None] + s[..., None, :]
    largest = jnp.max(jnp.abs(s), axis=-1)[..., None, None]
    sums = jnp.where(sums <= 1e-6 * largest, 0, sums)  # safe_divide returns zero for a zero denominator
    skew = safe_divide(tangent - tangent.mT, sums)
    return rotation, _einsum("...ai,...ij,...jb->...ab", u, skew, vt)


def _best_rotation(correlation: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """Best rotation and the decomposition U diag(s) Vᵀ; a reflection is moved from U to the sign of the last s."""
    correlation = as_floating(correlation)
    # NaN in place of infinity, for which LAPACK returns an arbitrary rotation.
    correlation = jnp.where(jnp.isfinite(correlation), correlation, jnp.nan)
    u, s, vt = jnp.linalg.svd(correlation, full_matrices=False)
    handedness = jnp.sign(jnp.linalg.det(u) * jnp.linalg.det(vt))
    flip = jnp.ones_like(s).at[..., -1].set(handedness)
    u, s = u * flip[..., None, :], s * flip
    return _einsum("...ai,...ib->...ab", u, vt), u, s, vt
