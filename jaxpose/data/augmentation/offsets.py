"""Keypoints sit beside the joints: an offset of each on the body, the same through a clip."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.cameras import project
from jaxpose.data.augmentation.detection import by_kind, exact_keypoints, identity, moved
from jaxpose.data.augmentation.settings import Augmentation
from jaxpose.data.augmentation.transform import Transform, joints_of_keypoints
from jaxpose.data.track import Description
from jaxpose.data.windows import Windows
from jaxpose.numerics import safe_divide
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import Skeleton

SCALES = {"hip": 1.5, "pelvis": 1.0, "spine": 1.0, "thorax": 1.0, "neck": 1.0, "head": 1.0, "shoulder": 1.0, "ear": 1.0,
          "ankle": 1.0, "knee": 0.7, "elbow": 0.7, "wrist": 0.7, "eye": 0.6, "nose": 0.6}  # fmt: skip
"""Standard deviation of a keypoint's offset, in those of `Augmentation.offset`: what one sees of a hip says least about
where its centre is."""

SYMMETRIC = 0.8
"""Share of the variance that left and right have in common: annotators have a habit, and some bad luck."""


@functools.cache
def offsets(description: Description, ranges: Augmentation) -> Transform:
    """Make the transform that moves every keypoint beside its joint by a few centimetres, as annotators place it.

    The offset is constant in axes of the body, so that it turns with the person: from the right hip to the left, up the
    trunk, and forward. Along each axis it is normal, with `ranges.offset` times `SCALES` metres as standard deviation.
    A share `SYMMETRIC` of its variance is mirrored from left to right; the mirrored part of a keypoint on the midline
    does not leave the midline. What was already wrong with a keypoint stays.

    Raises:
      InputError: a keypoint is no joint of the skeleton, or the layout lacks hips or shoulders.
    """
    joints, layout = joints_of_keypoints(description.skeleton, description.layout), description.layout
    for name in ("left_hip", "right_hip", "left_shoulder", "right_shoulder"):
        if name not in layout.joints:
            raise InputError(
                f"the augmentation offsets needs hips and shoulders, and layout {layout.name!r} has no {name!r}; "
                "leave offsets out of --augment"
            )
    if ranges.offset == 0:
        return identity

    def transform(key: jax.Array, windows: Windows) -> Windows:
        exact = exact_keypoints(windows, joints, "offsets")
        points = windows.positions[..., jnp.asarray(joints), :]
        drawn = ranges.offset * draw_offsets(key, len(points), layout)
        shift = jnp.einsum("bkx,bnxc->bnkc", drawn, body_axes(points, layout))
        # Half way to the camera at most, so that a keypoint next to the camera does not fly through it.
        shift = shift.at[..., 2].set(jnp.maximum(shift[..., 2], -points[..., 2] / 2))
        seen = jax.vmap(project)(points + shift, windows.camera)
        return moved(windows, windows.keypoints[..., :2] + seen - exact)

    return transform


def draw_offsets(key: jax.Array, batch: int, layout: Skeleton) -> jax.Array:
    """Random offsets in the axes of the body, (B, K, 3), in units of `Augmentation.offset`."""
    count = layout.num_joints
    first = np.minimum(np.arange(count), layout.mirrored)
    side = np.ones((count, 3), np.float32)
    side[:, 0] = [(joint in layout.left) - (joint in layout.right) for joint in range(count)]
    common, own = jax.random.normal(key, (2, batch, count, 3))
    both = math.sqrt(SYMMETRIC) * side * common[:, first] + math.sqrt(1 - SYMMETRIC) * own
    return both * by_kind(layout, SCALES, 1.0)[:, None]


def body_axes(points: jax.Array, layout: Skeleton) -> jax.Array:
    """Axes of the body in every frame: to its left, up the trunk at a right angle to that, and forward.

    Args:
      points: (..., K, 3) the joints of a layout's keypoints, with hips and shoulders.
      layout: of the keypoints.

    Returns:
      (..., 3, 3) rows of unit vectors; zeros where hips or trunk have no length or the same direction.
    """
    left_hip, right_hip, left_shoulder, right_shoulder = (
        points[..., layout.index(name), :] for name in ("left_hip", "right_hip", "left_shoulder", "right_shoulder")
    )
    left = _unit(left_hip - right_hip)
    trunk = left_shoulder + right_shoulder - left_hip - right_hip
    up = _unit(trunk - jnp.sum(trunk * left, axis=-1, keepdims=True) * left)
    return jnp.stack([left, up, jnp.cross(left, up)], axis=-2)


def _unit(vector: jax.Array) -> jax.Array:
    return safe_divide(vector, jnp.sqrt(jnp.sum(vector * vector, axis=-1, keepdims=True)))
