"""Inverse kinematics: the mean skeleton of a track, and the joint rotations that pose it as the track's frames are.

Positions say where a bone points, not how it turns about itself. That twist is made up here: it is the least, relative
to the joint that carries the bone. A joint with several bones that are not on one line is turned by all of them.

    positions (T, J, 3) --mean_lengths, rest_offsets--> offsets --inverse_kinematics--> rotations
    forward_kinematics(rotations, offsets, root)  # the positions again, but with bones of constant length
"""

import functools

import chex
import jax
import jax.numpy as jnp

from jaxpose.alignment import best_rotation
from jaxpose.kinematics import bone_lengths, bone_vectors
from jaxpose.numerics import as_floating, safe_norm
from jaxpose.rotations import quaternion_from_matrix, quaternion_multiply, quaternion_to_matrix, rotation_between
from jaxpose.skeleton import Skeleton

_SHORTEST = 1e-4  # metres; bones shorter than that have no direction
_FLATTEST = 1e-3  # of what bones span across the line they are nearest to, relative: less is a line

_einsum = functools.partial(jnp.einsum, precision="highest")


def mean_lengths(positions: jax.Array, skeleton: Skeleton) -> jax.Array:
    """Length of every bone over a track: the median, which a few bad frames do not move.

    Args:
      positions: (T, J, 3) metres; a bone of which an end is NaN does not count in that frame.
      skeleton: the tree.

    Returns:
      (B,) metres, in the order of `skeleton.bones`.
    """
    return jnp.nanmedian(bone_lengths(positions, skeleton), axis=0)


def symmetric_lengths(lengths: jax.Array, skeleton: Skeleton) -> jax.Array:
    """Bone lengths (..., B) with those of limbs that mirror each other averaged."""
    left, right = jnp.asarray(skeleton.bone_pairs, jnp.int32).reshape(-1, 2).T
    lengths = as_floating(lengths)
    mean = (lengths[..., left] + lengths[..., right]) / 2
    return lengths.at[..., left].set(mean).at[..., right].set(mean)


def rest_offsets(directions: jax.Array, lengths: jax.Array, skeleton: Skeleton) -> jax.Array:
    """Offsets of a rest pose, as `forward_kinematics` takes them; those of roots are zero.

    Args:
      directions: (..., B, 3) unit vectors, where the bones point in the rest pose.
      lengths: (..., B) metres.
      skeleton: the tree; its bones are in the order of `skeleton.bones`.

    Returns:
      (..., J, 3) metres.
    """
    bones = jnp.asarray(directions) * jnp.asarray(lengths)[..., None]
    children = jnp.asarray([child for _, child in skeleton.bones], jnp.int32)
    return jnp.zeros((*bones.shape[:-2], skeleton.num_joints, 3), bones.dtype).at[..., children, :].set(bones)


def split_branches(skeleton: Skeleton) -> tuple[Skeleton, tuple[int, ...]]:
    """The skeleton with a joint of its own for every bone of a joint that has several, in the same place.

    One rotation of the pelvis cannot point the spine and both hips where they point; with a joint at the root of each,
    called as `pelvis_to_spine`, it can. Files of the CMU motion capture have such joints too.

    Args:
      skeleton: the tree.

    Returns:
      The skeleton, without angles, and for each of its joints the joint of `skeleton` in whose place it is:
      positions[..., places, :] is the pose of the new skeleton, zero-length bones included.
    """
    joints: list[str] = []
    parents: list[int] = []
    places: list[int] = []
    index: dict[int, int] = {}  # of the joints of `skeleton`
    for joint, parent in enumerate(skeleton.parents):
        carrier = index.get(parent, -1)
        if skeleton.parents.count(parent) > 1 and parent >= 0:
            joints.append(f"{skeleton.joints[parent]}_to_{skeleton.joints[joint]}")
            parents.append(carrier)
            places.append(parent)
            carrier = len(joints) - 1
        index[joint] = len(joints)
        joints.append(skeleton.joints[joint])
        parents.append(carrier)
        places.append(joint)
    left, right = (tuple(index[joint] for joint in side) for side in (skeleton.left, skeleton.right))
    return Skeleton(f"{skeleton.name}_split", tuple(joints), tuple(parents), left, right), tuple(places)


def inverse_kinematics(positions: jax.Array, offsets: jax.Array, skeleton: Skeleton) -> jax.Array:
    """Joint rotations that point every bone as in the given poses: what `forward_kinematics` takes.

    From the root on: the one bone of a joint is swung from where its parent has turned it to where it points, which
    twists it least; several bones are turned together, best in the least squares sense (Kabsch), exactly if they keep
    their angles to each other or have joints of their own (`split_branches`). Bones without length in the rest pose say
    nothing; a joint that has no others is turned by those that they carry. Joints without bones are not turned.

    Each frame is solved for itself. As functions of the pose the rotations are continuous, but for two cases: a bone
    that points opposite to its rest, and bones that come to lie on one line or leave it.

    Args:
      positions: (..., J, 3) metres.
      offsets: (..., J, 3) metres, of the rest pose.
      skeleton: the tree.

    Returns:
      (..., J, 4) unit quaternions (w, x, y, z), each relative to the parent's frame; a root's is relative to the
      world. Gradients are finite everywhere. A bone of which an end is NaN turns nothing.
    """
    chex.assert_axis_dimension(positions, -2, skeleton.num_joints)
    chex.assert_axis_dimension(offsets, -2, skeleton.num_joints)
    spreads = _spreads(as_floating(positions), as_floating(offsets), skeleton)
    unturned = jnp.zeros((skeleton.num_joints + 1, *spreads.shape[1:-2], 4), spreads.dtype).at[..., 0].set(1)

    # A scan, not a loop over the joints: the loop's program takes a minute to compile.
    def solve(orientations: jax.Array, joint: tuple[jax.Array, ...]) -> tuple[jax.Array, jax.Array]:
        index, parent, spread = joint
        carrier = orientations[parent]  # of a root the last, which is not turned
        rotation = _turn(_einsum("...ba,...bc->...ac", quaternion_to_matrix(carrier), spread))
        return orientations.at[index].set(quaternion_multiply(carrier, rotation)), rotation

    joints = (jnp.arange(skeleton.num_joints), jnp.asarray(skeleton.parents), spreads)
    return jnp.moveaxis(jax.lax.scan(solve, unturned, joints)[1], 0, -2)


def _spreads(positions: jax.Array, offsets: jax.Array, skeleton: Skeleton) -> jax.Array:
    """For each joint, Σ bone · offsetᵀ (J, ..., 3, 3) over the bones that turn it."""
    positions, offsets = jnp.broadcast_arrays(positions, offsets)
    parents, children = jnp.asarray(skeleton.bones, jnp.int32).reshape(-1, 2).T
    offsets = offsets[..., children, :]
    speaks = safe_norm(offsets) > _SHORTEST
    bones = _einsum("...ja,...jb->j...ab", bone_vectors(positions, skeleton), jnp.where(speaks[..., None], offsets, 0))
    own = jnp.zeros((skeleton.num_joints, *bones.shape[1:]), bones.dtype).at[parents].add(bones)
    voiced = jnp.zeros(own.shape[:-2], bool).at[parents].max(jnp.moveaxis(speaks, -1, 0))[..., None, None]

    def hand_on(carried: jax.Array, bone: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        parent, child = bone
        return carried.at[parent].add(jnp.where(voiced[child], own[child], carried[child])), None

    carried, _ = jax.lax.scan(hand_on, jnp.zeros_like(own), (parents, children), reverse=True)
    return jnp.where(voiced, own, carried)


def _turn(spread: jax.Array) -> jax.Array:
    """The rotation (..., 4) that best turns offsets to bones; the least one of those, if they lie on lines."""
    columns = safe_norm(spread, axis=-2)
    bone = jnp.take_along_axis(spread, jnp.argmax(columns, axis=-1)[..., None, None], axis=-1)[..., 0]
    offset = _einsum("...ab,...a->...b", spread, bone)  # the rows of a matrix of rank one are all along it
    line = _einsum("...a,...b->...ab", _einsum("...ab,...b->...a", spread, offset), offset)
    square = jnp.sum(offset * offset, axis=-1)[..., None, None]
    rest = safe_norm(spread * square - line, axis=(-2, -1))
    flat = rest <= _FLATTEST * safe_norm(spread * square, axis=(-2, -1))
    return jnp.where(flat[..., None], rotation_between(offset, bone), quaternion_from_matrix(best_rotation(spread)))
