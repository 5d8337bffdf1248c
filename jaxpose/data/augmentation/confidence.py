"""Confidences of a 2D detector, which go with its errors."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.data.augmentation.detection import error_scales, exact_keypoints, noise, person_size
from jaxpose.data.augmentation.settings import Augmentation
from jaxpose.data.augmentation.transform import Transform, joints_of_keypoints, log_uniform
from jaxpose.data.track import Description
from jaxpose.data.windows import Windows
from jaxpose.numerics import safe_divide

SILENT = 0.1
"""Share of the windows whose detector has no confidences: all are 1."""

SIDE_BLIND = 0.5
"""Share of the windows whose detector is as sure of a keypoint at its mirror image as at its place."""

TOLERANCE, CURVE = (0.02, 0.12), (0.5, 2.0)
"""The error, relative to the person's size, at which the confidence falls, and how steeply; log-uniform."""

GAIN, FLOOR, NOISE = (0.6, 1.0), 0.25, 0.15
"""Confidence without an error, and far away at most; standard deviation at most of a confidence, in a frame and through
a clip each; uniform."""

LEAST = 0.01
"""Least confidence of a keypoint: 0 says that it is not seen."""


@functools.cache
def confidence(description: Description, _: Augmentation) -> Transform:
    """Make the transform that gives every keypoint a confidence in (0, 1], less the further it is from its joint.

    With r the distance to the exact projection of the joint, relative to the person's size in the image
    (`detection.person_size`) and to what is usual for the keypoint (`detection.error_scales`), it is

        floor + (gain - floor) · (1 + (r / tolerance)²) ** -curve + noise

    clipped to [`LEAST`, 1]. Each window has its own numbers (`GAIN` and the others above), so that a network learns
    which of several keypoints or frames is less certain, and not what 0.7 means. It multiplies the confidence that
    there is. Keypoints of two channels stay as they are.

    Raises:
      InputError: a keypoint is no joint of the skeleton.
    """
    joints = joints_of_keypoints(description.skeleton, description.layout)
    scales, mirrored = error_scales(description.layout), np.asarray(description.layout.mirrored)

    def transform(key: jax.Array, windows: Windows) -> Windows:
        if windows.keypoints.shape[-1] == 2:
            return windows
        batch, frames, count = windows.keypoints.shape[:3]
        exact = exact_keypoints(windows, joints, "confidence")
        keys = jax.random.split(key, 6)
        place = windows.keypoints[..., :2]
        tolerance = log_uniform(keys[0], (batch, 1, 1), *TOLERANCE)
        curve = log_uniform(keys[1], (batch, 1, 1), *CURVE)
        silent, side_blind, gain, floor, in_frame, in_clip = jax.random.uniform(keys[2], (6, batch, 1, 1))
        gain = GAIN[0] + (GAIN[1] - GAIN[0]) * gain
        floor = FLOOR * floor

        def square(target: jax.Array) -> jax.Array:
            x, y = place[..., 0] - target[..., 0], place[..., 1] - target[..., 1]
            return x * x + y * y

        distance = square(exact)
        to_either = jnp.minimum(distance, square(exact[:, :, mirrored]))
        distance = jnp.where(side_blind < SIDE_BLIND, to_either, distance)
        usual = tolerance * person_size(exact)[:, None, None] * scales
        closeness = jnp.power(1 + safe_divide(distance, usual * usual), -curve)
        of_frame = in_frame * noise(keys[3], (batch, frames, count))
        of_clip = in_clip * jax.random.normal(keys[4], (batch, 1, count))
        value = floor + (gain - floor) * closeness + NOISE * (of_frame + of_clip)
        value = jnp.where(silent < SILENT, 1, jnp.clip(value, LEAST, 1))
        given = windows.keypoints[..., 2:]
        return windows.replace(keypoints=jnp.concatenate([place, given * value[..., None]], axis=-1))

    return transform
