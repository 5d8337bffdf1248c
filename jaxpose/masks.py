"""Masks of joints: which joints of which frames count, and how much.

Wherever a function takes `visible`, it is bool or weights that broadcast against (..., T, J): True for all, (J,) for
some joints of every frame, (..., T, 1) for whole frames. Means over a mask of weights are Σ weight · value / Σ weight,
so that the confidences of a detector can serve: only their ratios count, and bool is the special case of 0 and 1. A
weight of zero or less, or NaN, hides the joint: its coordinates can be anything, NaN too, and its gradient is zero.

>>> import jax.numpy as jnp
>>> from jaxpose import masks
>>> float(masks.masked_mean(jnp.array([1.0, 3.0, jnp.nan]), jnp.array([0.5, 0.5, 0.0])))
2.0
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.numerics import as_floating, safe_divide

# The public interface: some of it serves callers of the library alone.
__all__ = ["joint_mask", "mask_of_differences", "masked_mean", "where_visible"]


def joint_mask(visible: jax.Array | bool, positions: jax.Array) -> jax.Array:
    """Broadcast a mask to the joints of poses.

    Args:
      visible: bool or weights that broadcast against (..., J).
      positions: (..., J, C).

    Returns:
      (..., J) bool, or weights of at least 0.

    Raises:
      ValueError: the shapes do not fit.
    """
    shape, visible = np.shape(positions)[:-1], jnp.asarray(visible)
    try:
        fits = np.broadcast_shapes(visible.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"`visible` has shape {visible.shape}, which does not broadcast against the joints {shape}")
    if visible.dtype != bool:
        visible = as_floating(visible)
        visible = jnp.where(visible > 0, visible, 0)  # false for NaN
    return jnp.broadcast_to(visible, shape)


def where_visible(positions: jax.Array, mask: jax.Array) -> jax.Array:
    """Coordinates (..., J, C) with zero where a mask (..., J), bool or weights, hides the joint.

    To be used before anything is computed: a NaN would pass through a mask applied later.
    """
    return jnp.where(_counts(mask)[..., None], positions, 0)


def mask_of_differences(mask: jax.Array, order: int) -> jax.Array:
    """Mask of finite differences in time: (..., T, J) to (..., T - order, J), the least of the order + 1 frames."""
    frames = max(mask.shape[-2] - order, 0)
    least = jnp.logical_and if mask.dtype == bool else jnp.minimum
    return functools.reduce(least, (mask[..., lag : lag + frames, :] for lag in range(order + 1)))


def masked_mean(values: jax.Array, mask: jax.Array) -> jax.Array:
    """Mean of all values, weighted by a mask of the same shape, bool or weights; zero if the mask hides all."""
    kept = jnp.where(_counts(mask), values, 0)
    if mask.dtype == bool:
        return jnp.sum(kept) / jnp.maximum(jnp.sum(mask), 1)
    return safe_divide(jnp.sum(mask * kept), jnp.sum(mask))


def _counts(mask: jax.Array) -> jax.Array:
    return mask if mask.dtype == bool else mask > 0
