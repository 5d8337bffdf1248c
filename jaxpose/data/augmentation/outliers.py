"""Keypoints that a 2D detector finds somewhere else, for a frame or a few."""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.data.augmentation.detection import identity, moved, person_size
from jaxpose.data.augmentation.settings import Augmentation
from jaxpose.data.augmentation.transform import Transform
from jaxpose.data.track import Description
from jaxpose.data.windows import Windows

LENGTHS = (1, 1, 1, 1, 2, 2, 4, 8)
"""Frames of a run of outliers; each is as likely."""

AT_A_JOINT = 0.5
"""Share of the runs that are at another keypoint of the person; the others are displaced."""


@functools.cache
def outliers(_: Description, ranges: Augmentation) -> Transform:
    """Make the transform that puts a share `ranges.outliers` of the keypoints somewhere else, in runs of 1 to 8 frames.

    A run is at the place of another keypoint, the same one for all runs of a keypoint in a window; or displaced along x
    and y by up to the person's size in the image (`detection.person_size`), uniformly and constantly.
    """
    if ranges.outliers == 0:
        return identity
    rate, before = start_rate(ranges.outliers, LENGTHS), max(LENGTHS) - 1  # a run may have begun before the window

    def transform(key: jax.Array, windows: Windows) -> Windows:
        batch, frames, count = windows.keypoints.shape[:3]
        places = windows.keypoints[..., :2]
        start_key, word_key, other_key = jax.random.split(key, 3)
        starts = jax.random.uniform(start_key, (batch, before + frames, count)) < rate
        time = jnp.arange(before + frames)[:, None]
        last = jax.lax.cummax(jnp.where(starts, time, -1), axis=1)[:, before:]
        words = jax.random.bits(word_key, (batch, before + frames, count), jnp.uint32)
        word = jnp.take_along_axis(words, jnp.maximum(last, 0), axis=1)  # of the start of the run: all that it draws
        length = jnp.asarray(LENGTHS)[word & 7]
        wrong = (last >= 0) & (time[before:] - last < length)
        at_a_joint = (word >> 3 & 0xFF) < 256 * AT_A_JOINT
        step = jax.random.randint(other_key, (batch, count), 1, max(count, 2))
        other = jnp.take_along_axis(places, ((jnp.arange(count) + step) % count)[:, None, :, None], axis=2)
        shares = jnp.stack([word >> 11 & 0x3FF, word >> 21 & 0x3FF], axis=-1).astype(jnp.float32) / 511.5 - 1
        displaced = places + shares * person_size(places)[:, None, None, None]
        elsewhere = jnp.where(at_a_joint[..., None], other, displaced)
        return moved(windows, jnp.where(wrong[..., None], elsewhere, places))

    return transform


def start_rate(share: float, lengths: Sequence[int]) -> float:
    """Probability that a run starts in a frame, so that a share of all frames lies in runs.

    A run ends after one of `lengths`, all as likely, or when the next one starts: with S(d) the share of lengths above
    d, frames are in runs at the rate sum over d of p (1 - p)^d S(d). Solved for p by bisection.
    """
    lasting = np.mean(np.asarray(lengths)[:, None] > np.arange(max(lengths)), axis=0)
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        reached = np.sum(middle * (1 - middle) ** np.arange(len(lasting)) * lasting)
        low, high = (middle, high) if reached < share else (low, middle)
    return high
