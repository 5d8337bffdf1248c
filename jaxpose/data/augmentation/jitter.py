"""Noise of a 2D detector that lasts a few frames, and bursts of it."""

import functools

import jax
import jax.numpy as jnp

from jaxpose.data.augmentation.detection import error_scales, identity, moved, noise, person_size, runs
from jaxpose.data.augmentation.settings import Augmentation
from jaxpose.data.augmentation.transform import Transform, log_uniform
from jaxpose.data.track import Description
from jaxpose.data.windows import Windows

BURSTS, BURST_SHARE, BURST_FACTOR = 2, 0.2, (2.0, 6.0)
"""Bursts that a window may have; the probability of each; by how much the noise is larger in it, log-uniform."""


@functools.cache
def jitter(description: Description, ranges: Augmentation) -> Transform:
    """Make the transform that adds noise to all keypoints, correlated in time: x' = c x + sqrt(1 - c²) noise.

    Each window has its own standard deviation, log-uniform in `ranges.jitter` times the person's size in the image
    (`detection.person_size`), and its own correlation c, uniform in `ranges.jitter_correlation`. Keypoints differ by
    `detection.error_scales`. A least standard deviation of 0 stands for a thousandth of the largest. In bursts, some of
    the keypoints, from one to all, have more noise for some frames or throughout.
    """
    low, high = ranges.jitter
    if high == 0:
        return identity
    scales = error_scales(description.layout)

    def transform(key: jax.Array, windows: Windows) -> Windows:
        batch, frames, count = windows.keypoints.shape[:3]
        keys = jax.random.split(key, 4)
        spread = log_uniform(keys[0], (batch,), max(low, high / 1000), high) * person_size(windows.keypoints)
        correlation = jax.random.uniform(
            keys[1], (batch,), minval=ranges.jitter_correlation[0], maxval=ranges.jitter_correlation[1]
        )
        wander = autoregressive(noise(keys[2], (batch, frames, 2 * count)), correlation).reshape(
            batch, frames, count, 2
        )
        size = spread[:, None, None] * scales * _bursts(keys[3], batch, frames, count)
        return moved(windows, windows.keypoints[..., :2] + size[..., None] * wander)

    return transform


def autoregressive(innovations: jax.Array, correlation: jax.Array) -> jax.Array:
    """Stationary AR(1) noise of the same variance as its innovations, along axis 1.

    Args:
      innovations: (B, N, C) independent noise.
      correlation: (B,) of consecutive frames, from 0 to below 1.

    Returns:
      (B, N, C).
    """
    correlation = correlation[:, None, None]
    fresh = jnp.where(jnp.arange(innovations.shape[1])[:, None] > 0, jnp.sqrt(1 - correlation**2), 1)
    decay = jnp.broadcast_to(correlation, fresh.shape)

    def later(first: tuple[jax.Array, jax.Array], second: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        return first[0] * second[0], second[0] * first[1] + second[1]

    return jax.lax.associative_scan(later, (decay, fresh * innovations), axis=1)[1]


def _bursts(key: jax.Array, batch: int, frames: int, count: int) -> jax.Array:
    """Factor of the noise of every keypoint and frame, (B, N, K): 1, and more in bursts."""
    keys = jax.random.split(key, 4)
    when = runs(keys[0], (batch, BURSTS), frames, whole=0.2, edge=0.1)
    happens, many = jax.random.uniform(keys[1], (2, batch, BURSTS, 1))
    rank = jnp.argsort(jax.random.uniform(keys[2], (batch, BURSTS, count)), axis=-1)
    who = (rank < jnp.power(count, many)) & (happens < BURST_SHARE)  # one keypoint at least, or several, or all
    factor = log_uniform(keys[3], (batch, BURSTS, 1), *BURST_FACTOR)
    more = jnp.where(who, factor - 1, 0)
    return 1 + sum(when[:, burst, :, None] * more[:, burst, None] for burst in range(BURSTS))
