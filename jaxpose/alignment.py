"""Closest similarity transforms and rotations between poses (Procrustes alignment), with finite gradients."""

import functools
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from jaxpose.numerics import as_floating, safe_divide, safe_norm

_einsum = functools.partial(jnp.einsum, precision="highest")  # by default a GPU may round the factors to 10 bits


class Similarity(NamedTuple):
    """The map x ↦ scale · rotation x + translation of each frame; a pytree of arrays.

    On poses: `scale[..., None, None] * poses @ rotation.mT + translation[..., None, :]`.
    """

    scale: jax.Array  # (...) not negative
    rotation: jax.Array  # (..., 3, 3) proper: no reflection
    translation: jax.Array  # (..., 3) metres


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
    correlation = as_floating(correlation)
    correlation = jnp.where(jnp.isfinite(correlation), correlation, jnp.nan)  # of infinity LAPACK makes some rotation
    u, s, vt = jnp.linalg.svd(correlation, full_matrices=False)
    handedness = jnp.sign(jnp.linalg.det(u) * jnp.linalg.det(vt))
    flip = jnp.ones_like(s).at[..., -1].set(handedness)
    u, s = u * flip[..., None, :], s * flip
    return _einsum("...ai,...ib->...ab", u, vt), u, s, vt
