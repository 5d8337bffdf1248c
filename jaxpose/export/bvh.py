"""Write a motion as BVH, whose joints turn: a skeleton in its rest pose, and how it is posed in every frame.

Format: Biovision Hierarchy (University of Wisconsin, "Biovision BVH"). Metres, y up; a program with z up takes them
with the usual setting, y up and -z forward, which is Blender's. The rest pose is a T-pose that faces z where the names
of the joints say what they are, else the pose of the first frame. Bones have the median of their lengths, left and
right alike: the joints are where the rotations put them, not to the millimetre where the motion has them. Twist, how a
bone turns about itself, is not seen and made up (`inverse_kinematics`). The sites at the ends of hands, feet and head
are made up too: a tenth of the bone before them. Filled joints cannot be told apart here.
"""

import functools
from collections.abc import Iterator

import jax
import numpy as np
from scipy.spatial.transform import Rotation

from jaxpose.export.motion import Motion, safe_names, y_up
from jaxpose.inverse_kinematics import inverse_kinematics, mean_lengths, rest_offsets, split_branches, symmetric_lengths
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import Skeleton

_UP, _LEFT = (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)  # of a T-pose that faces z
_DOWN, _RIGHT = (0.0, -1.0, 0.0), (-1.0, 0.0, 0.0)
_T_POSE = {
    **dict.fromkeys(("spine", "thorax", "neck", "head"), _UP),
    **{f"left_{joint}": _LEFT for joint in ("hip", "shoulder", "elbow", "wrist")},
    **{f"right_{joint}": _RIGHT for joint in ("hip", "shoulder", "elbow", "wrist")},
    **{f"{side}_{joint}": _DOWN for side in ("left", "right") for joint in ("knee", "ankle")},
}  # by joint, where the bone that ends there points
_END = 0.1  # length of an end site, of the bone before it
_solve = jax.jit(inverse_kinematics, static_argnames="skeleton")


@functools.partial(jax.jit, static_argnames="skeleton")
def _lengths(positions: jax.Array, skeleton: Skeleton) -> jax.Array:
    return symmetric_lengths(mean_lengths(positions, skeleton), skeleton)


def bvh(motion: Motion) -> bytes:
    """The motion as a BVH file: rotations in the order z, x, y, in degrees, continuous in time.

    Args:
      motion: of at least one frame. In camera space, the camera is taken for level.

    Returns:
      The file. Joints that carry several bones have a joint without length for each, as `split_branches` makes them.

    Raises:
      InputError: the skeleton is several trees; a BVH file holds one.
    """
    if motion.skeleton.parents.count(-1) > 1:
        name = motion.skeleton.name
        raise InputError(f"skeleton {name} is several trees, a BVH file holds one; choose another format")
    positions = y_up(motion)
    skeleton, places = split_branches(motion.skeleton)
    offsets = mean_skeleton(positions, motion.skeleton)[list(places)]
    offsets[[places[parent] == place for parent, place in zip(skeleton.parents, places, strict=True)]] = 0
    rotations = _rotations(positions[:, places], offsets, skeleton)
    angles = np.rad2deg(euler_zxy(Rotation.from_quat(np.roll(rotations, -1, axis=-1)).as_matrix()))
    lines, order = ["HIERARCHY"], []
    for line, joint in _hierarchy(0, skeleton, offsets, safe_names(skeleton.joints)):
        lines.append(line)
        order += [] if joint is None else [joint]
    numbers = np.concatenate([positions[:, 0], angles[:, order].reshape(len(angles), -1)], axis=1)
    rows = [" ".join(f"{number:.5f}" for number in frame) for frame in numbers.tolist()]
    lines += ["MOTION", f"Frames: {len(rows)}", f"Frame Time: {1 / motion.fps:.8f}", *rows]
    return ("\n".join(lines) + "\n").encode("utf-8", "replace")


def mean_skeleton(positions: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """The bones of a track in a rest pose, of median length, left and right alike.

    Args:
      positions: (T, J, 3) metres, y up.
      skeleton: the tree.

    Returns:
      (J, 3) metres from the parent to each joint: a T-pose that faces z, left at x, if the joints' names tell it;
      else as in the first frame.
    """
    lengths = np.asarray(_lengths(_padded(positions, np.nan), skeleton=skeleton))
    bones = np.array(skeleton.bones, np.int32).reshape(-1, 2)
    if all(skeleton.joints[child] in _T_POSE for _, child in bones):
        directions = np.array([_T_POSE[skeleton.joints[child]] for _, child in bones]).reshape(-1, 3)
    else:
        vectors = positions[0, bones[:, 1]] - positions[0, bones[:, 0]]
        own = np.sqrt(np.sum(vectors**2, axis=1, keepdims=True))
        directions = np.divide(vectors, own, out=np.tile(_UP, (len(bones), 1)), where=own > 0)
    return np.array(rest_offsets(directions, lengths, skeleton), np.float64)


def euler_zxy(matrices: np.ndarray) -> np.ndarray:
    """Angles whose product Rz · Rx · Ry is each matrix, with the least jumps from frame to frame.

    Every rotation has two such triples in a turn: (z, x, y) and (z + π, π - x, y + π). The one nearer to that of the
    frame before is taken. Where x is ±90°, z and y turn about the same axis, and jumps cannot always be avoided.

    Args:
      matrices: (T, ..., 3, 3) rotations.

    Returns:
      (T, ..., 3) radians, in the order z, x, y; beyond ±π where that is continuous.
    """
    z = np.arctan2(-matrices[..., 0, 1], matrices[..., 1, 1])
    cosine, sine = np.cos(z)[..., None], np.sin(z)[..., None]
    along = cosine * matrices[..., 0, :] + sine * matrices[..., 1, :]  # the first two rows of Rx · Ry, which are
    across = cosine * matrices[..., 1, :] - sine * matrices[..., 0, :]  # right also where z could be anything
    x = np.arctan2(matrices[..., 2, 1], across[..., 1])
    angles = np.stack([z, x, np.arctan2(along[..., 2], along[..., 0])], axis=-1)
    other = np.array([1, -1, 1]) * angles + np.pi
    near, far = (np.abs((later[1:] - angles[:-1] + np.pi) % (2 * np.pi) - np.pi).sum(-1) for later in (angles, other))
    changed = np.cumsum(np.concatenate([np.zeros_like(z[:1], bool), far < near]), axis=0) % 2 == 1
    return np.unwrap(np.where(changed[..., None], other, angles), axis=0)


def _rotations(positions: np.ndarray, offsets: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """(T, J, 4) local rotations."""
    relative = positions - positions[:, :1]
    return np.asarray(_solve(_padded(relative, relative[-1]), np.float32(offsets), skeleton=skeleton))[: len(positions)]


def _padded(positions: np.ndarray, filler: np.ndarray | float) -> np.ndarray:
    """Float32 positions with frames of `filler` added up to a power of two: few programs are compiled."""
    frames = len(positions)
    padded = np.empty((max(64, 1 << (frames - 1).bit_length()), *positions.shape[1:]), np.float32)
    padded[:frames], padded[frames:] = positions, filler
    return padded


def _hierarchy(
    joint: int, skeleton: Skeleton, offsets: np.ndarray, names: list[str], depth: int = 0
) -> Iterator[tuple[str, int | None]]:
    """The lines of a joint and what it carries; beside the line that names it, the joint."""
    tab = "\t" * depth
    children = [child for child, parent in enumerate(skeleton.parents) if parent == joint]
    position = "" if depth else "Xposition Yposition Zposition "
    yield f"{tab}{'JOINT' if depth else 'ROOT'} {names[joint]}", joint
    yield f"{tab}{{", None
    yield f"{tab}\tOFFSET {_numbers(offsets[joint])}", None
    yield f"{tab}\tCHANNELS {3 if depth else 6} {position}Zrotation Xrotation Yrotation", None
    for child in children:
        yield from _hierarchy(child, skeleton, offsets, names, depth + 1)
    if not children:
        site = (f"{tab}\tEnd Site", f"{tab}\t{{", f"{tab}\t\tOFFSET {_numbers(_END * offsets[joint])}", f"{tab}\t}}")
        yield from ((line, None) for line in site)
    yield f"{tab}}}", None


def _numbers(vector: np.ndarray) -> str:
    """Three numbers to a micrometre."""
    return " ".join(f"{number:.6f}" for number in vector)
