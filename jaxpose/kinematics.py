"""Differentiable kinematics of one pose (J, 3) or one track (T, J, 3), in metres.

The joint axis is -2, the coordinate axis -1; any leading axes pass through. The skeleton is static: close over
it, or name it in `static_argnames`. Every gradient is finite, also for coincident joints and straight limbs.
"""

import chex
import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.numerics import safe_angle, safe_norm
from jaxpose.rotations import quaternion_multiply, rotate
from jaxpose.skeleton import Skeleton


def root_relative(positions: jax.Array) -> jax.Array:
    """Positions (..., J, 3) relative to joint 0 of the same frame."""
    return positions - positions[..., :1, :]


def mirror(positions: jax.Array, skeleton: Skeleton) -> jax.Array:
    """Reflect a person left to right: negate x and swap the left with the right joints.

    Args:
      positions: (..., J, C) poses, or keypoints whose x is centred (screen coordinates); channels after x, such
        as y, z or a confidence, are kept.
      skeleton: says which joints are left and right.

    Returns:
      (..., J, C), its own inverse.
    """
    chex.assert_axis_dimension(positions, -2, skeleton.num_joints)
    sign = jnp.ones(positions.shape[-1], jnp.result_type(positions)).at[0].set(-1)
    return positions[..., jnp.asarray(skeleton.mirrored), :] * sign


def bone_vectors(positions: jax.Array, skeleton: Skeleton) -> jax.Array:
    """Child minus parent for every bone: (..., J, 3) to (..., B, 3), in the order of `skeleton.bones`."""
    chex.assert_axis_dimension(positions, -2, skeleton.num_joints)
    parents, children = jnp.asarray(skeleton.bones, jnp.int32).reshape(-1, 2).T
    return positions[..., children, :] - positions[..., parents, :]


def bone_lengths(positions: jax.Array, skeleton: Skeleton) -> jax.Array:
    """Length of every bone: (..., J, 3) to (..., B), in the order of `skeleton.bones`."""
    return safe_norm(bone_vectors(positions, skeleton))


def symmetry_differences(positions: jax.Array, skeleton: Skeleton) -> jax.Array:
    """Length of each left limb less that of its right one: (..., J, 3) to (..., P), as in `skeleton.bone_pairs`."""
    left, right = jnp.asarray(skeleton.bone_pairs, jnp.int32).reshape(-1, 2).T
    lengths = bone_lengths(positions, skeleton)
    return lengths[..., left] - lengths[..., right]


def joint_angles(positions: jax.Array, skeleton: Skeleton) -> jax.Array:
    """Interior angle at every triple of `skeleton.angles`, the θ of the joint-aware paper (Table 1).

    Args:
      positions: (..., J, 3) poses.
      skeleton: its `angles` say which triples.

    Returns:
      (..., A) radians in [0, π]; a straight limb is π. Zero where a limb has no length.
    """
    chex.assert_axis_dimension(positions, -2, skeleton.num_joints)
    triples = jnp.asarray([angle.joints for angle in skeleton.angles], jnp.int32).reshape(-1, 3)
    start, vertex, end = (positions[..., triples[:, column], :] for column in range(3))
    return safe_angle(start - vertex, end - vertex)


def range_of_motion_violation(positions: jax.Array, skeleton: Skeleton) -> jax.Array:
    """How far each joint angle lies outside its range of motion.

    Args:
      positions: (..., J, 3) poses.
      skeleton: its `angles` say which triples, and the range of each.

    Returns:
      (..., A) radians: negative below the range, positive above it, zero inside.
    """
    low, high = np.deg2rad([angle.range_deg for angle in skeleton.angles], dtype=np.float32).reshape(-1, 2).T
    angles = joint_angles(positions, skeleton)
    return angles - jnp.clip(angles, low, high)


def finite_difference(x: jax.Array, order: int) -> jax.Array:
    """Finite difference of the given order along time, axis 0: (T, ...) to (T - order, ...), per frame."""
    return jnp.diff(x, n=order, axis=0)


def forward_kinematics(rotations: jax.Array, offsets: jax.Array, root: jax.Array, skeleton: Skeleton) -> jax.Array:
    """Joint positions from local joint rotations and bone offsets.

    Joint j turns everything below it: the bone from j to its child c points along R_root · … · R_j · offset_c.
    With identity rotations the pose is the rest pose that the offsets describe.

    Args:
      rotations: (..., J, 4) unit quaternions, each relative to the parent's frame; a root's is relative to the
        world.
      offsets: (..., J, 3) metres, from parent to joint in the rest pose; those of roots are relative to `root`.
      root: (..., 3) metres, where the tree stands in the world.
      skeleton: the tree.

    Returns:
      (..., J, 3) positions in metres, leading axes broadcast.
    """
    chex.assert_axis_dimension(rotations, -2, skeleton.num_joints)
    chex.assert_axis_dimension(offsets, -2, skeleton.num_joints)
    orientations = []
    for joint, parent in enumerate(skeleton.parents):
        local = rotations[..., joint, :]
        orientations.append(local if parent < 0 else quaternion_multiply(orientations[parent], local))
    bones = rotate(jnp.stack(orientations, axis=-2)[..., jnp.asarray(skeleton.parents), :], offsets)
    positions = []
    for joint, parent in enumerate(skeleton.parents):
        positions.append(root + offsets[..., joint, :] if parent < 0 else positions[parent] + bones[..., joint, :])
    return jnp.stack(jnp.broadcast_arrays(*positions), axis=-2)
