"""A model of the errors of a 2D keypoint detector: jitter that is correlated in time, and outliers."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.shapes import require_axis, require_rank
from jaxpose.skeleton import H36M_17, Skeleton

# Standard deviation of a detector's errors by kind of joint, in pixels of the Human3.6M images.
_JITTER = {"pelvis": 3.0, "hip": 3.5, "spine": 3.5, "thorax": 3.5, "shoulder": 4.0, "neck": 4.0, "nose": 4.0,
           "head": 4.0, "eye": 4.0, "ear": 4.5, "knee": 5.0, "elbow": 6.0, "ankle": 7.0, "wrist": 8.0}  # fmt: skip

_OTHER_JITTER = 5.0

_CORRELATION = 0.8  # of the jitter from frame to frame: it lasts about five frames

_OUTLIER_SHARE, _OUTLIER_FRAMES, _OUTLIER_SPREAD = 0.01, 3, 40.0  # of the keypoints; frames; pixels


def add_detector_noise(key: jax.Array, keypoints: jax.Array, skeleton: Skeleton = H36M_17) -> jax.Array:
    """Add the errors of a 2D detector to exact keypoints: jitter that lasts a few frames, and outliers.

    The jitter is autoregressive, x' = 0.8 x + noise, with a standard deviation of 3 to 8 pixels by kind of joint,
    largest at the ends of the limbs; about 1 % of the keypoints jump by tens of pixels for three frames.

    Args:
      key: of the noise.
      keypoints: (T, K, 2) true pixels.
      skeleton: the names of the K joints decide their jitter.

    Returns:
      (T, K, 2) noisy pixels.
    """
    require_rank(keypoints, "keypoints", "(T, K, 2)")
    require_axis(keypoints, "keypoints", -2, skeleton.num_joints)
    require_axis(keypoints, "keypoints", -1, 2)
    frames, early = len(keypoints), _OUTLIER_FRAMES - 1  # an outlier may have begun before the first frame
    noise, when = jax.random.split(key)
    draws = jax.random.normal(noise, (frames + early, skeleton.num_joints, 4), jnp.float32)
    starts = jax.random.bernoulli(when, _OUTLIER_SHARE / _OUTLIER_FRAMES, draws.shape[:2])
    jumps = _OUTLIER_SPREAD * starts[..., None] * draws[..., :2]
    outliers = sum(jumps[lag : lag + frames] for lag in range(_OUTLIER_FRAMES))

    def step(state: jax.Array, innovation: jax.Array) -> tuple[jax.Array, jax.Array]:
        state = _CORRELATION * state + math.sqrt(1 - _CORRELATION**2) * innovation
        return state, state

    innovations = draws[..., 2:]
    _, jitter = jax.lax.scan(step, innovations[0], innovations[early:])  # stationary from the start
    return keypoints + jitter_spread(skeleton)[:, None] * jitter + outliers


def jitter_spread(skeleton: Skeleton) -> np.ndarray:
    """Standard deviation of the jitter of each joint along x and along y, (J,) pixels of the Human3.6M images."""
    kinds = [name.rpartition("_")[2] for name in skeleton.joints]
    return np.asarray([_JITTER.get(kind, _OTHER_JITTER) for kind in kinds], np.float32)
