"""What an augmentation is, `Transform`, and what several of them need."""

import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.cameras import project
from jaxpose.data.windows import Windows
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import H36M_17, H36M_32, H36M_32_TO_17, Skeleton

Transform = Callable[[jax.Array, Windows], Windows]
"""Random key and windows to windows of the same shapes; pure. A window's result depends on the key, on its own values
and on its place in the batch. All fields belong together before and after: keypoints are of the positions as the camera
sees them, poses are the positions relative to their root."""

NEAREST = 0.1
"""Least depth, in metres, of a joint for which the camera model holds, and whose keypoint keeps a detector's error."""


def log_uniform(key: jax.Array, shape: Sequence[int], low: float, high: float) -> jax.Array:
    """Numbers between `low` and `high`, both above 0, of which all magnitudes are as likely."""
    return jnp.exp(jax.random.uniform(key, tuple(shape), minval=math.log(low), maxval=math.log(high)))


def require_poses(windows: Windows, name: str) -> None:
    """Raise `InputError`, which names the augmentation, for windows without poses and cameras."""
    if windows.positions is None or windows.camera is None:
        raise InputError(
            f"the augmentation {name} needs poses and cameras, which these data do not have; "
            f"leave {name} out of --augment"
        )


def project_moved(windows: Windows, positions: jax.Array, joints: Sequence[int]) -> jax.Array:
    """Project joints that have moved, and keep what a detector had the keypoints wrong by.

    The error is in proportion to the person's size in the image, and none for joints nearer than `NEAREST`.

    Args:
      windows: a batch before the joints moved.
      positions: (B, N, J, 3) metres in the same camera's space, where they are now.
      joints: of every keypoint, the joint that it is of.

    Returns:
      (B, N, K, 2 or 3) screen coordinates; a confidence stays.
    """
    before, after = (points[..., np.asarray(joints), :] for points in (windows.positions, positions))
    error = windows.keypoints[..., :2] - jax.vmap(project)(before, windows.camera)
    near = after[..., 2:] > NEAREST
    ratio = jnp.where(near, before[..., 2:] / jnp.where(near, after[..., 2:], 1), 0)
    seen = jax.vmap(project)(after, windows.camera) + error * ratio
    return jnp.concatenate([seen, windows.keypoints[..., 2:]], axis=-1)


def joints_of_keypoints(skeleton: Skeleton, layout: Skeleton) -> tuple[int, ...]:
    """Of every keypoint, the joint of the same name, or the one that Human3.6M's two skeletons share.

    Raises:
      InputError: a keypoint is not a joint.
    """
    names = H36M_32_TO_17 if (skeleton.name, layout.name) == (H36M_32.name, H36M_17.name) else layout.joints
    if missing := [name for name in names if name not in skeleton.joints]:
        raise InputError(
            f"--augment projects joints to keypoints, and layout {layout.name!r} cannot be projected from "
            f"skeleton {skeleton.name!r}: it has no joint {missing[0]!r} ({len(missing)} of {layout.num_joints} are "
            "missing); leave out what moves cameras, or choose data whose keypoints are joints of their skeleton"
        )
    return tuple(skeleton.index(name) for name in names)


def where_chosen(chosen: jax.Array, new: Windows, old: Windows) -> Windows:
    """The windows of `new` where `chosen` (B,) is true, else those of `old`."""

    def select(a: jax.Array, b: jax.Array) -> jax.Array:
        return b if a is b else jnp.where(chosen.reshape(-1, *[1] * (a.ndim - 1)), a, b)

    return jax.tree.map(select, new, old)
