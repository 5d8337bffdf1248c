"""Write a motion as BVH: a skeleton in its rest pose, and the rotations of its joints in every frame.

Format: Biovision Hierarchy (University of Wisconsin, "Biovision BVH"). Metres, y up; in a program with z up, such as
Blender, import with y up and -z forward, the usual setting. The rest pose is a T-pose that faces z if the joints have
the names of `_T_POSE`, otherwise the pose of the first frame. Each bone has its median length, and left and right are
equal, so joints can be some millimetres from their positions in the motion. Twist, the rotation of a bone about itself,
cannot be seen in positions: `inverse_kinematics` sets it to zero. The end sites of hands, feet and head are not
measured either: they continue the last bone by a tenth. BVH cannot mark filled joints.
"""

import functools
import warnings
from collections.abc import Iterator

import jax
import numpy as np

from jaxpose.export.motion import Motion, safe_names, y_up
from jaxpose.inverse_kinematics import inverse_kinematics, mean_lengths, rest_offsets, split_branches, symmetric_lengths
from jaxpose.runtime.devices import bucket_length
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import Skeleton

_UP, _LEFT = (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)  # of a T-pose that faces z
_DOWN, _RIGHT = (0.0, -1.0, 0.0), (-1.0, 0.0, 0.0)
_T_POSE = {
    **dict.fromkeys(("spine", "thorax", "neck", "head"), _UP),
    **{f"left_{joint}": _LEFT for joint in ("hip", "shoulder", "elbow", "wrist")},
    **{f"right_{joint}": _RIGHT for joint in ("hip", "shoulder", "elbow", "wrist")},
    **{f"{side}_{joint}": _DOWN for side in ("left", "right") for joint in ("knee", "ankle")},
}
"""Direction of the bone that ends at a joint."""
_END_SITE = 0.1  # length of an end site, relative to the bone before it
_solve = jax.jit(inverse_kinematics, static_argnames="skeleton")


@functools.partial(jax.jit, static_argnames="skeleton")
def _lengths(positions: jax.Array, skeleton: Skeleton) -> jax.Array:
    return symmetric_lengths(mean_lengths(positions, skeleton), skeleton)


def encode_bvh(motion: Motion) -> bytes:
    """Encode a motion as a BVH file: rotations in the order z, x, y, in degrees, continuous in time.

    Args:
      motion: of at least one frame. Camera space is written as if the camera were level.

    Returns:
      The file. A joint with several bones becomes one joint of length zero for each bone, as `split_branches` makes
      them.

    Raises:
      InputError: the skeleton is several trees; a BVH file holds one.
    """
    if motion.skeleton.parents.count(-1) > 1:
        name = motion.skeleton.name
        raise InputError(f"skeleton {name} is several trees, a BVH file holds one; choose another format")
    positions = y_up(motion)
    skeleton, sources = split_branches(motion.skeleton)
    offsets = mean_skeleton(positions, motion.skeleton)[list(sources)]
    offsets[[sources[parent] == source for parent, source in zip(skeleton.parents, sources, strict=True)]] = 0
    angles = np.rad2deg(continuous_euler_zxy(_rotations(positions[:, sources], offsets, skeleton)))
    lines, order = ["HIERARCHY"], []
    for line, joint in _hierarchy(0, skeleton, offsets, safe_names(skeleton.joints)):
        lines.append(line)
        order += [] if joint is None else [joint]
    channels = np.concatenate([positions[:, 0], angles[:, order].reshape(len(angles), -1)], axis=1)
    rows = [" ".join(f"{value:.5f}" for value in frame) for frame in channels.tolist()]
    lines += ["MOTION", f"Frames: {len(rows)}", f"Frame Time: {1 / motion.fps:.8f}", *rows]
    return ("\n".join(lines) + "\n").encode("utf-8", "replace")


def mean_skeleton(positions: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """Bone offsets of a track in the rest pose: median lengths, left and right equal.

    Args:
      positions: (T, J, 3) metres, y up.
      skeleton: the tree.

    Returns:
      (J, 3) metres from the parent to each joint: a T-pose that faces z, left at x, if all joints are in `_T_POSE`;
      otherwise the directions of the first frame.
    """
    lengths = np.asarray(_lengths(_padded(positions, np.nan), skeleton=skeleton))
    bones = np.array(skeleton.bones, np.int32).reshape(-1, 2)
    if all(skeleton.joints[child] in _T_POSE for _, child in bones):
        directions = np.array([_T_POSE[skeleton.joints[child]] for _, child in bones]).reshape(-1, 3)
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
    """Local rotations (T, J, 4) that put the joints of a skeleton where the positions (T, J, 3) are."""
    relative = positions - positions[:, :1]
    return np.asarray(_solve(_padded(relative, relative[-1]), np.float32(offsets), skeleton=skeleton))[: len(positions)]


def _padded(positions: np.ndarray, filler: np.ndarray | float) -> np.ndarray:
    """Float32 positions, with frames of `filler` added at the end up to a length that few programs are compiled for."""
    frames = len(positions)
    padded = np.empty((bucket_length(frames, fewest=64), *positions.shape[1:]), np.float32)
    padded[:frames], padded[frames:] = positions, filler
    return padded


def _hierarchy(
    joint: int, skeleton: Skeleton, offsets: np.ndarray, names: list[str], depth: int = 0
) -> Iterator[tuple[str, int | None]]:
    """The lines of a joint and its children, each with the joint that it names, or None."""
    tab = "\t" * depth
    children = [child for child, parent in enumerate(skeleton.parents) if parent == joint]
    position = "" if depth else "Xposition Yposition Zposition "
    yield f"{tab}{'JOINT' if depth else 'ROOT'} {names[joint]}", joint
    yield f"{tab}{{", None
    yield f"{tab}\tOFFSET {_vector(offsets[joint])}", None
    yield f"{tab}\tCHANNELS {3 if depth else 6} {position}Zrotation Xrotation Yrotation", None
    for child in children:
        yield from _hierarchy(child, skeleton, offsets, names, depth + 1)
    if not children:
        offset = _vector(_END_SITE * offsets[joint])
        for line in ("End Site", "{", f"\tOFFSET {offset}", "}"):
            yield f"{tab}\t{line}", None
    yield f"{tab}}}", None


def _vector(vector: np.ndarray) -> str:
    """A vector in metres as text, to a micrometre."""
    return " ".join(f"{number:.6f}" for number in vector)
