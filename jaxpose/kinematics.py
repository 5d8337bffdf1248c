"""Differentiable kinematics of poses (..., J, 3) and tracks (..., T, J, 3), in metres.

Coordinates are axis -1, joints axis -2, time axis -3; leading axes are free. Other shapes raise `ValueError`. The
skeleton is static under `jax.jit`: close over it, or name it in `static_argnames`. Every gradient is finite, also for
coincident joints and straight limbs.

>>> import jax.numpy as jnp
>>> from jaxpose import kinematics
>>> from jaxpose.skeleton import Angle, Skeleton
>>> arm = Skeleton("arm", ("shoulder", "elbow", "wrist"), (-1, 0, 1), angles=(Angle("elbow", (0, 1, 2)),))
>>> pose = jnp.array([[0.0, 0.0, 0.0], [0.5, 0.0, 0.0], [0.5, 0.25, 0.0]])
>>> kinematics.bone_lengths(pose, arm).tolist()
[0.5, 0.25]
>>> float(jnp.rad2deg(kinematics.joint_angles(pose, arm)[0]).round(1))
90.0
"""

import warnings

import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.numerics import as_floating, safe_angle, safe_norm
from jaxpose.rotations import quaternion_multiply, rotate
from jaxpose.shapes import require_axis, require_poses, require_skeleton
from jaxpose.skeleton import Skeleton

# The public interface: some of it serves callers of the library alone.
__all__ = [
    "bone_lengths", "bone_vectors", "finite_difference", "forward_kinematics", "joint_angles", "mirror",
    "range_of_motion_violation", "root_relative", "symmetry_differences",
]  # fmt: skip


def root_relative(positions: jax.Array) -> jax.Array:
    """Positions (..., J, 3) relative to joint 0 of the same frame."""
    require_poses(positions, "positions")
    return positions - positions[..., :1, :]


def mirror(positions: jax.Array, skeleton: Skeleton) -> jax.Array:
    """Mirror a body left to right: negate x and swap left with right joints.

    Args:
      positions: (..., J, C) poses, or keypoints with x = 0 in the middle (screen coordinates); further channels, such
        as y, z or a confidence, are kept.
      skeleton: its `left` and `right` are swapped.

    Returns:
      (..., J, C), its own inverse.
    """
    require_skeleton(skeleton)
    require_axis(positions, "positions", -2, skeleton.num_joints)
    sign = jnp.ones(positions.shape[-1], jnp.result_type(positions)).at[0].set(-1)
    return positions[..., jnp.asarray(skeleton.mirrored), :] * sign


def bone_vectors(positions: jax.Array, skeleton: Skeleton) -> jax.Array:
    """Vector from parent to child of every bone: (..., J, 3) to (..., B, 3), in the order of `skeleton.bones`."""
    require_poses(positions, "positions", skeleton)
    positions = as_floating(positions)
    parents, children = jnp.asarray(skeleton.bones, jnp.int32).reshape(-1, 2).T
    return positions[..., children, :] - positions[..., parents, :]


def bone_lengths(positions: jax.Array, skeleton: Skeleton) -> jax.Array:
    """Length of every bone: (..., J, 3) to (..., B), in the order of `skeleton.bones`."""
    return safe_norm(bone_vectors(positions, skeleton))


def symmetry_differences(positions: jax.Array, skeleton: Skeleton) -> jax.Array:
    """Left minus right bone length of every pair in `skeleton.bone_pairs`: (..., J, 3) to (..., P)."""
    left, right = jnp.asarray(skeleton.bone_pairs, jnp.int32).reshape(-1, 2).T
    lengths = bone_lengths(positions, skeleton)
    return lengths[..., left] - lengths[..., right]


def joint_angles(positions: jax.Array, skeleton: Skeleton) -> jax.Array:
    """Interior angle at every joint triple of `skeleton.angles`: θ of the joint-aware paper (Table 1).

    Args:
      positions: (..., J, 3) poses.
      skeleton: its `angles` name the triples.

    Returns:
      (..., A) radians in [0, π]; a straight limb is π. Zero where a limb has length zero.
    """
    require_poses(positions, "positions", skeleton)
    triples = jnp.asarray([angle.joints for angle in skeleton.angles], jnp.int32).reshape(-1, 3)
    start, vertex, end = (positions[..., triples[:, column], :] for column in range(3))
    return safe_angle(start - vertex, end - vertex)


def range_of_motion_violation(positions: jax.Array, skeleton: Skeleton) -> jax.Array:
    """Distance of every joint angle from its range of motion.

    Args:
      positions: (..., J, 3) poses.
      skeleton: its `angles` name the triples and their ranges. If all of these are 0° to 180°, no pose is outside,
        and a warning says so.

    Returns:
      (..., A) radians: negative below the range, positive above it, zero inside.
    """
    angles = joint_angles(positions, skeleton)
    ranges = [angle.range_deg for angle in skeleton.angles]
    if ranges and all(tuple(limits) == (0, 180) for limits in ranges):
        warnings.warn(
            f"all ranges of motion of skeleton {skeleton.name} are 0° to 180°, so that range_of_motion constrains "
            "nothing; give Angle(…, range_deg=(low, high)), or estimate them with losses.fit_limits",
            stacklevel=2,
        )
    low, high = np.deg2rad(ranges, dtype=angles.dtype).reshape(-1, 2).T
    return angles - jnp.clip(angles, low, high)


def finite_difference(x: jax.Array, order: int, *, axis: int = -3) -> jax.Array:
    """Finite difference in time: of T frames to T - order, per frame^order; none if there are not so many.

    Args:
      x: poses (..., T, J, 3), or keypoints (..., T, J, 2); with `axis=-2` quantities per frame, such as angles
        (..., T, A).
      order: order of the difference, 0 or more.
      axis: of time.

    Returns:
      An array of the shape of `x`, but for `axis`.

    Raises:
      ValueError: `x` cannot be poses, and `axis` is that of poses.
    """
    shape = np.shape(x)
    if axis == -3 and (len(shape) < 3 or shape[-1] not in (2, 3)):
        raise ValueError(
            f"`x` has shape {shape}, but poses are (..., T, J, 3), with time on axis -3; for quantities per frame, "
            "such as angles (..., T, A), give axis=-2"
        )
    return jnp.diff(as_floating(x), n=order, axis=axis)


def forward_kinematics(rotations: jax.Array, offsets: jax.Array, root: jax.Array, skeleton: Skeleton) -> jax.Array:
    """Joint positions from local joint rotations and bone offsets.

    A joint's rotation applies to all its descendants: the bone from j to its child c is R_root · … · R_j · offset_c.
    Identity rotations give the rest pose that the offsets describe.

    Args:
      rotations: (..., J, 4) unit quaternions, each relative to the parent's frame; a root's is relative to the world.
      offsets: (..., J, 3) metres, from parent to joint in the rest pose; those of roots are relative to `root`.
      root: (..., 3) metres, position of the tree in the world.
      skeleton: the tree.

    Returns:
      (..., J, 3) positions in metres, leading axes broadcast.
    """
    require_skeleton(skeleton)
    require_axis(rotations, "rotations", -1, 4)
    require_axis(rotations, "rotations", -2, skeleton.num_joints)
    require_poses(offsets, "offsets", skeleton)
    require_axis(root, "root", -1, 3)
    rotations, offsets, root = as_floating(rotations), as_floating(offsets), as_floating(root)
    orientations = []
    for joint, parent in enumerate(skeleton.parents):
        local = rotations[..., joint, :]
        orientations.append(local if parent < 0 else quaternion_multiply(orientations[parent], local))
    bones = rotate(jnp.stack(orientations, axis=-2)[..., jnp.asarray(skeleton.parents), :], offsets)
    positions = []
    for joint, parent in enumerate(skeleton.parents):
        positions.append(root + offsets[..., joint, :] if parent < 0 else positions[parent] + bones[..., joint, :])
    return jnp.stack(jnp.broadcast_arrays(*positions), axis=-2)
