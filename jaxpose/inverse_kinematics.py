"""Inverse kinematics: joint rotations and constant bone lengths that reproduce a track of joint positions.

Positions determine the direction of a bone, not its twist about its own axis. The twist is set to the smallest possible
one, relative to the parent joint. A joint with several bones that are not on one line is fully determined by them.

    positions (..., T, J, 3) --mean_lengths, rest_offsets--> offsets --inverse_kinematics--> rotations
    forward_kinematics(rotations, offsets, root)  # the positions again, with constant bone lengths

>>> import jax.numpy as jnp
>>> from jaxpose.inverse_kinematics import inverse_kinematics
>>> from jaxpose.kinematics import forward_kinematics
>>> from jaxpose.skeleton import Skeleton
>>> arm = Skeleton("arm", ("shoulder", "elbow", "wrist"), (-1, 0, 1))
>>> rest = jnp.array([[0.0, 0.0, 0.0], [0.5, 0.0, 0.0], [0.25, 0.0, 0.0]])  # offsets of a straight arm
>>> bent = jnp.array([[0.0, 0.0, 0.0], [0.0, 0.5, 0.0], [0.0, 0.5, 0.25]])
>>> rotations = inverse_kinematics(bent, rest, arm)
>>> bool(jnp.allclose(forward_kinematics(rotations, rest, bent[0], arm), bent, atol=1e-6))
True
"""

import functools

import jax
import jax.numpy as jnp

from jaxpose.alignment import best_rotation
from jaxpose.kinematics import bone_lengths
from jaxpose.numerics import as_floating, safe_norm
from jaxpose.rotations import quaternion_from_matrix, quaternion_multiply, quaternion_to_matrix, rotation_between
from jaxpose.shapes import require_axis, require_poses, require_tracks
from jaxpose.skeleton import Skeleton

# The public interface: some of it serves callers of the library alone.
__all__ = ["inverse_kinematics", "mean_lengths", "rest_offsets", "split_branches", "symmetric_lengths"]

_SHORTEST = 1e-4  # metres; shorter bones have no direction
_FLATTEST = 1e-3  # the bones of a joint lie on a line if their relative distance from the closest line is below this

_einsum = functools.partial(jnp.einsum, precision="highest")


def mean_lengths(positions: jax.Array, skeleton: Skeleton) -> jax.Array:
    """Length of every bone of a track: the median over its frames, which ignores a few bad ones.

    Args:
      positions: (..., T, J, 3) metres; a frame is skipped for a bone with an end that is NaN.
      skeleton: the tree.

    Returns:
      (..., B) metres, in the order of `skeleton.bones`.
    """
    require_tracks(positions, "positions", skeleton)
    return jnp.nanmedian(bone_lengths(positions, skeleton), axis=-2)


def symmetric_lengths(lengths: jax.Array, skeleton: Skeleton) -> jax.Array:
    """Average the lengths of each left and right bone: (..., B) to (..., B)."""
    left, right = jnp.asarray(skeleton.bone_pairs, jnp.int32).reshape(-1, 2).T
    require_axis(lengths, "lengths", -1, len(skeleton.bones))
    lengths = as_floating(lengths)
    mean = (lengths[..., left] + lengths[..., right]) / 2
    return lengths.at[..., left].set(mean).at[..., right].set(mean)


def rest_offsets(directions: jax.Array, lengths: jax.Array, skeleton: Skeleton) -> jax.Array:
    """Offsets of a rest pose for `forward_kinematics`; those of roots are zero.

    Args:
      directions: (..., B, 3) unit vectors: the directions of the bones in the rest pose, in the order of
        `skeleton.bones`. Those of `skeleton.links`, which are not bones of the tree, do not matter.
      lengths: (..., B) metres.
      skeleton: the tree.

    Returns:
      (..., J, 3) metres.
    """
    require_axis(directions, "directions", -2, len(skeleton.bones))
    require_axis(directions, "directions", -1, 3)
    require_axis(lengths, "lengths", -1, len(skeleton.bones))
    bones = jnp.asarray(directions) * jnp.asarray(lengths)[..., None]
    children = jnp.asarray([child for _, child in skeleton.tree_bones], jnp.int32)
    offsets = jnp.zeros((*bones.shape[:-2], skeleton.num_joints, 3), bones.dtype)
    return offsets.at[..., children, :].set(bones[..., : len(children), :])


def split_branches(skeleton: Skeleton) -> tuple[Skeleton, tuple[int, ...]]:
    """Skeleton with an extra joint, in the same position, for every child of a joint with several children.

    One rotation of the pelvis cannot give the spine and both hips arbitrary directions; with an extra joint for each,
    such as `pelvis_to_spine`, three rotations can. The skeletons of CMU's motion capture have such joints too.

    Args:
      skeleton: the tree.

    Returns:
      The new skeleton, without angles and links, and for each of its joints the index of the joint of `skeleton` with
      the same position: positions[..., sources, :] is the pose of the new skeleton, with zero-length bones to the extra
      joints.
    """
    joints: list[str] = []
    parents: list[int] = []
    sources: list[int] = []
    new_index: dict[int, int] = {}  # by joint of `skeleton`
    for joint, parent in enumerate(skeleton.parents):
        new_parent = new_index.get(parent, -1)
        if skeleton.parents.count(parent) > 1 and parent >= 0:
            joints.append(f"{skeleton.joints[parent]}_to_{skeleton.joints[joint]}")
            parents.append(new_parent)
            sources.append(parent)
            new_parent = len(joints) - 1
        new_index[joint] = len(joints)
        joints.append(skeleton.joints[joint])
        parents.append(new_parent)
        sources.append(joint)
    left, right = (tuple(new_index[joint] for joint in side) for side in (skeleton.left, skeleton.right))
    return Skeleton(f"{skeleton.name}_split", tuple(joints), tuple(parents), left, right), tuple(sources)


def inverse_kinematics(positions: jax.Array, offsets: jax.Array, skeleton: Skeleton) -> jax.Array:
    """Joint rotations for `forward_kinematics` that give every bone its direction in the given poses.

    Solved from the root to the leaves. A joint with one bone gets the smallest rotation from the bone's direction after
    its parent's rotation to its direction in the pose, which twists it least. A joint with several bones gets the best
    rotation in the least squares sense (Kabsch); it is exact if the bones keep their angles to each other or have
    joints of their own (`split_branches`). Bones with length zero in the rest pose have no direction; a joint with no
    other bones is determined by the bones below them. Joints without bones get the identity.

    Each frame is solved separately. The rotations are continuous functions of the pose except where a bone points
    opposite to its rest direction, and where the bones of a joint come to lie on one line.

    Args:
      positions: (..., J, 3) metres.
      offsets: (..., J, 3) metres, of the rest pose.
      skeleton: the tree.

    Returns:
      (..., J, 4) unit quaternions (w, x, y, z), each relative to the parent's frame; a root's is relative to the
      world. Gradients are finite everywhere. A bone with an end that is NaN is ignored.
    """
    require_poses(positions, "positions", skeleton)
    require_poses(offsets, "offsets", skeleton)
    covariances = _cross_covariances(as_floating(positions), as_floating(offsets), skeleton)
    identity = jnp.zeros((skeleton.num_joints + 1, *covariances.shape[1:-2], 4), covariances.dtype).at[..., 0].set(1)

    # A scan, not a loop over the joints: the loop's program takes a minute to compile.
    def solve(orientations: jax.Array, joint: tuple[jax.Array, ...]) -> tuple[jax.Array, jax.Array]:
        index, parent, covariance = joint
        parent_orientation = orientations[parent]  # for a root, -1: the last entry, which stays the identity
        to_parent_frame = quaternion_to_matrix(parent_orientation)
        rotation = _best_local_rotation(_einsum("...ba,...bc->...ac", to_parent_frame, covariance))
        return orientations.at[index].set(quaternion_multiply(parent_orientation, rotation)), rotation

    joints = (jnp.arange(skeleton.num_joints), jnp.asarray(skeleton.parents), covariances)
    return jnp.moveaxis(jax.lax.scan(solve, identity, joints)[1], 0, -2)


def _cross_covariances(positions: jax.Array, offsets: jax.Array, skeleton: Skeleton) -> jax.Array:
    """Σ bone · offsetᵀ (J, ..., 3, 3) over the bones that determine each joint's rotation."""
    positions, offsets = jnp.broadcast_arrays(positions, offsets)
    parents, children = jnp.asarray(skeleton.tree_bones, jnp.int32).reshape(-1, 2).T
    offsets = offsets[..., children, :]
    has_length = safe_norm(offsets) > _SHORTEST
    offsets = jnp.where(has_length[..., None], offsets, 0)
    products = _einsum("...ja,...jb->j...ab", positions[..., children, :] - positions[..., parents, :], offsets)
    own = jnp.zeros((skeleton.num_joints, *products.shape[1:]), products.dtype).at[parents].add(products)
    has_own = jnp.zeros(own.shape[:-2], bool).at[parents].max(jnp.moveaxis(has_length, -1, 0))[..., None, None]

    def propagate(inherited: jax.Array, bone: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        parent, child = bone
        return inherited.at[parent].add(jnp.where(has_own[child], own[child], inherited[child])), None

    inherited, _ = jax.lax.scan(propagate, jnp.zeros_like(own), (parents, children), reverse=True)
    return jnp.where(has_own, own, inherited)


def _best_local_rotation(covariance: jax.Array) -> jax.Array:
    """Rotation (..., 4) that best maps offsets to bones: Kabsch, or the smallest one if the bones lie on one line."""
    columns = safe_norm(covariance, axis=-2)
    bone = jnp.take_along_axis(covariance, jnp.argmax(columns, axis=-1)[..., None, None], axis=-1)[..., 0]
    offset = _einsum("...ab,...a->...b", covariance, bone)  # all rows of a matrix of rank one are multiples of it
    rank_one = _einsum("...a,...b->...ab", _einsum("...ab,...b->...a", covariance, offset), offset)
    square = jnp.sum(offset * offset, axis=-1)[..., None, None]
    residual = safe_norm(covariance * square - rank_one, axis=(-2, -1))
    on_a_line = residual <= _FLATTEST * safe_norm(covariance * square, axis=(-2, -1))
    least = rotation_between(offset, bone)
    return jnp.where(on_a_line[..., None], least, quaternion_from_matrix(best_rotation(covariance)))
