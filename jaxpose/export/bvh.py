"""Write a motion as BVH: a skeleton in its rest pose, and the rotations of its joints in every frame.

Format: Biovision Hierarchy (University of Wisconsin, "Biovision BVH"). Y up; in a program with z up, such as Blender,
import with y up and -z forward, the usual setting. The rest pose is a T-pose that faces z if the joints have the names
of `_T_POSE`, otherwise the pose of the first frame. Each bone has one length, as in `constant_bones`: joints are not
exactly where they are in the motion, `describe_differences` says how far from it. Twist, the rotation of a bone about
itself, cannot be seen in positions: `inverse_kinematics` sets it to zero. The end sites of hands, feet and head are not
measured either: they continue the last bone by a tenth. BVH cannot mark filled joints, nor say when it begins.
"""

import functools
import warnings
from collections.abc import Iterator, Sequence

import jax
import numpy as np

from jaxpose.export.constant_bones import constant_lengths, distances_from_constant_bones, padded
from jaxpose.export.formats import UNITS, Unit
from jaxpose.export.motion import Motion, safe_names, y_up
from jaxpose.inverse_kinematics import inverse_kinematics, rest_offsets, split_branches
from jaxpose.rotations import quaternion_inverse, quaternion_multiply
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import Skeleton

_UP, _LEFT = (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)  # of a T-pose that faces z
_DOWN, _RIGHT = (0.0, -1.0, 0.0), (-1.0, 0.0, 0.0)
_T_POSE = {
    **dict.fromkeys(("spine", "thorax", "neck", "head"), _UP),
    **{f"left_{joint}": _LEFT for joint in ("hip", "shoulder", "elbow", "wrist")},
    **{f"right_{joint}": _RIGHT for joint in ("hip", "shoulder", "elbow", "wrist")},
    **{f"{side}_{joint}": _DOWN for side in ("left", "right") for joint in ("knee", "ankle")},
    "nose": (0.0, 0.32, 0.947),
    **{f"{side}_eye": (sign * 0.275, 0.62, 0.735) for side, sign in (("left", 1), ("right", -1))},
    **{f"{side}_ear": (sign * 0.741, 0.672, -0.021) for side, sign in (("left", 1), ("right", -1))},
}
"""Direction of the bone that ends at a joint. Those of the face, from the base of the skull, are an adult's
(`data.faces.FACE_OFFSETS`): the head then turns as one, and the joints of its bones hardly at all."""
_EQUAL = 0.05  # mm
_END_SITE = 0.1  # length of an end site, relative to the bone before it


def encode_bvh(motion: Motion, unit: Unit = "m") -> bytes:
    """Encode a motion as a BVH file: rotations in the order z, x, y, in degrees, continuous in time.

    Args:
      motion: of at least one frame. Camera space is written as if the camera were level.
      unit: of lengths.

    Returns:
      The file. Of a joint with several bones, the bone on the midline, or the first, turns with the joint itself; each
      of the others has a joint of its own in the same place, such as `pelvis_to_left_hip`, which turns it.

    Raises:
      InputError: the skeleton is several trees; a BVH file holds one.
    """
    if motion.skeleton.parents.count(-1) > 1:
        name = motion.skeleton.name
        raise InputError(f"skeleton {name} is several trees, a BVH file holds one; choose another format")
    positions = y_up(motion)
    split, sources = split_branches(motion.skeleton)
    offsets = mean_skeleton(positions, motion.skeleton)[list(sources)]
    offsets[[sources[parent] == source for parent, source in zip(split.parents, sources, strict=True)]] = 0
    angles = np.rad2deg(continuous_euler_zxy(_rotations(positions[:, sources], offsets, split)))
    parents = _parents_without_spare_joints(split)
    lines, order = ["HIERARCHY"], []
    for line, joint in _hierarchy(0, parents, UNITS[unit] * offsets, safe_names(split.joints)):
        lines.append(line)
        order += [] if joint is None else [joint]
    channels = np.concatenate([UNITS[unit] * positions[:, 0], angles[:, order].reshape(len(angles), -1)], axis=1)
    rows = [" ".join(f"{value:.5f}" for value in frame) for frame in channels.tolist()]
    lines += ["MOTION", f"Frames: {len(rows)}", f"Frame Time: {1 / motion.fps:.8f}", *rows]
    return ("\n".join(lines) + "\n").encode("utf-8", "replace")


def describe_differences(motions: Sequence[Motion]) -> str:
    """One sentence: how far the joints of BVH files are from those of the motions, and the joint that is farthest."""
    distances = [1000 * distances_from_constant_bones(motion) for motion in motions]
    mean = np.concatenate([distance.ravel() for distance in distances]).mean()
    farthest = int(np.argmax([distance.max() for distance in distances]))
    motion, distance = motions[farthest], distances[farthest]
    frame, joint = np.unravel_index(np.argmax(distance), distance.shape)
    if distance.max() < _EQUAL:
        return "BVH has constant bone lengths, and so have the lifted poses: joints are where they are"
    return (
        f"BVH has constant bone lengths: joints are {mean:.1f} mm from the lifted poses on average, "
        f"{distance.max():.1f} mm at most ({motion.skeleton.joints[joint]} in frame {motion.start + frame} of track "
        f"{motion.name}); lift with --constant-bones (constant_bones=True) to have the same bones in every format"
    )


def mean_skeleton(positions: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """Bone offsets of a track in the rest pose: median lengths, left and right equal.

    Args:
      positions: (T, J, 3) metres, y up.
      skeleton: the tree.

    Returns:
      (J, 3) metres from the parent to each joint: a T-pose that faces z, left at x, if all joints are in `_T_POSE`;
      otherwise the directions of the first frame.
    """
    lengths = constant_lengths(positions, skeleton)
    bones = np.array(skeleton.bones, np.int32).reshape(-1, 2)
    if all(skeleton.joints[child] in _T_POSE for _, child in bones):
        directions = np.array([_T_POSE[skeleton.joints[child]] for _, child in bones]).reshape(-1, 3)
        directions = directions / np.sqrt(np.sum(directions**2, axis=1, keepdims=True))
    else:
        vectors = positions[0, bones[:, 1]] - positions[0, bones[:, 0]]
        lengths_first = np.sqrt(np.sum(vectors**2, axis=1, keepdims=True))
        directions = np.divide(vectors, lengths_first, out=np.tile(_UP, (len(bones), 1)), where=lengths_first > 0)
    return np.array(rest_offsets(directions, lengths, skeleton), np.float64)


def continuous_euler_zxy(quaternions: np.ndarray) -> np.ndarray:
    """Euler angles whose product Rz · Rx · Ry is each rotation, with the least jumps from frame to frame.

    Every rotation has two such triples within a turn: (z, x, y) and (z + π, π - x, y + π). scipy gives the one with x
    within ±90°, so that z and y jump by 180° where x passes 90°; here the triple nearer to that of the frame before is
    taken. Where x is ±90°, z and y turn about the same axis, and jumps cannot always be avoided.

    Args:
      quaternions: (T, ..., 4) unit quaternions (w, x, y, z).

    Returns:
      (T, ..., 3) radians, in the order z, x, y; beyond ±π where that is continuous.
    """
    from scipy.spatial.transform import Rotation  # here, so that other formats do not wait for scipy

    rotations = Rotation.from_quat(np.roll(quaternions, -1, axis=-1).reshape(-1, 4))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Gimbal lock")
        angles = rotations.as_euler("ZXY").reshape(*quaternions.shape[:-1], 3)
    other = np.array([1, -1, 1]) * angles + np.pi
    near, far = (np.abs((later[1:] - angles[:-1] + np.pi) % (2 * np.pi) - np.pi).sum(-1) for later in (angles, other))
    changed = np.cumsum(np.concatenate([np.zeros_like(angles[:1, ..., 0], bool), far < near]), axis=0) % 2 == 1
    return np.unwrap(np.where(changed[..., None], other, angles), axis=0)


def _rotations(positions: np.ndarray, offsets: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """Local rotations (T, J, 4) that put the joints of a split skeleton where the positions (T, J, 3) are."""
    relative = positions - positions[:, :1]
    return np.asarray(_solve(padded(relative, relative[-1]), np.float32(offsets), skeleton=skeleton))[: len(positions)]


@functools.partial(jax.jit, static_argnames="skeleton")
def _solve(positions: jax.Array, offsets: jax.Array, skeleton: Skeleton) -> jax.Array:
    """Rotations of a split skeleton in which those of `_spare_joints` are the identity: their parents turn instead."""
    rotations = inverse_kinematics(positions, offsets, skeleton)
    for spare in _spare_joints(skeleton):
        parent, turn = skeleton.parents[spare], rotations[..., spare, :]
        back = quaternion_inverse(turn)
        rotations = rotations.at[..., parent, :].set(quaternion_multiply(rotations[..., parent, :], turn))
        for child in _children(parent, skeleton.parents):  # the spare joint itself among them
            rotations = rotations.at[..., child, :].set(quaternion_multiply(back, rotations[..., child, :]))
    return rotations


def _spare_joints(split: Skeleton) -> list[int]:
    """Of the extra joints of `split_branches` at each joint, the one before a bone on the midline, else the first.

    Without it, the joint has a bone that is not of length zero, which programs such as Blender draw.
    """
    spare = []
    for joint in range(split.num_joints):
        extra = _children(joint, split.parents)
        if len(extra) > 1:
            ends = {middle: _children(middle, split.parents)[0] for middle in extra}
            spare.append(next((each for each in extra if ends[each] not in split.left + split.right), extra[0]))
    return spare


def _parents_without_spare_joints(split: Skeleton) -> list[int]:
    """The parents of a split skeleton with the bones of spare joints moved to their parents; spare joints have -2."""
    spare = _spare_joints(split)
    parents = [split.parents[parent] if parent in spare else parent for parent in split.parents]
    return [-2 if joint in spare else parent for joint, parent in enumerate(parents)]


def _children(joint: int, parents: Sequence[int]) -> list[int]:
    return [child for child, parent in enumerate(parents) if parent == joint]


def _hierarchy(
    joint: int, parents: Sequence[int], offsets: np.ndarray, names: Sequence[str], depth: int = 0
) -> Iterator[tuple[str, int | None]]:
    """The lines of a joint and its children, each with the joint that it names, or None."""
    tab = "\t" * depth
    children = _children(joint, parents)
    position = "" if depth else "Xposition Yposition Zposition "
    yield f"{tab}{'JOINT' if depth else 'ROOT'} {names[joint]}", joint
    yield f"{tab}{{", None
    yield f"{tab}\tOFFSET {_vector(offsets[joint])}", None
    yield f"{tab}\tCHANNELS {3 if depth else 6} {position}Zrotation Xrotation Yrotation", None
    for child in children:
        yield from _hierarchy(child, parents, offsets, names, depth + 1)
    if not children:
        offset = _vector(_END_SITE * offsets[joint])
        for line in ("End Site", "{", f"\tOFFSET {offset}", "}"):
            yield f"{tab}\t{line}", None
    yield f"{tab}}}", None


def _vector(vector: np.ndarray) -> str:
    """A vector as text, to a millionth of its unit."""
    return " ".join(f"{number:.6f}" for number in vector)
