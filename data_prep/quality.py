"""What can be measured of a track without knowing where it comes from: missing values, bones, cameras, left and right.

Every quantity is a number that is zero, or small, in good data. Nothing here reads a file.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np

from jaxpose.cameras import Camera, project
from jaxpose.data.track import Description, Track
from jaxpose.kinematics import bone_lengths
from jaxpose.skeleton import Skeleton


class Quantity(NamedTuple):
    """A number that tracks have."""

    title: str
    limit: float  # a track beyond it is suspect


CHECKS = {
    "gaps": Quantity("gaps, % of frames", 0),
    "unseen": Quantity("unseen, % of keypoints", 5),
    "frozen": Quantity("frozen, % of keypoints", 5),
    "repeats": Quantity("repeated, % of poses", 1),
    "speed": Quantity("fastest joint, m/s", 20),
    "spread": Quantity("bones over time, %", 5),
    "sides": Quantity("left to right bones, %", 10),
    "error": Quantity("reprojection, px", 20),
    "error_95": Quantity("reprojection, 95 %, px", 50),
    "swaps": Quantity("swapped, % of frames", 1),
}
"""What `examine` measures; it says how. The limits are generous: people, markers and detectors stay within them."""

_FEWEST_FRAMES = 256  # that a program is compiled for


class Finding(NamedTuple):
    """What a quantity is in one track."""

    value: float
    where: str = ""  # the frame, joint or bone where it is worst


def examine(track: Track, description: Description) -> dict[str, Finding]:
    """Measure one track.

    - gaps: frames in which the pose or the keypoints are NaN or infinite somewhere;
    - unseen: keypoints whose confidence is zero, or at pixel (0, 0), where detectors put what they do not find;
    - frozen, repeats: keypoints, and whole poses, that are bit for bit those of the frame before: a detector or marker
      that was lost, or a lower frame rate that was stretched;
    - speed: the farthest that a joint moves from a frame to the next, times the frame rate: a sprinter's foot reaches
      20 m/s, a marker that jumps, a wrong unit and a wrong frame rate go beyond;
    - spread: the standard deviation over time of a bone's length, relative to its mean, of the worst bone;
    - sides: the difference of the mean lengths of a left and a right bone, relative to their mean, of the worst pair;
    - error, error_95: pixels from the projection of a joint to the keypoint of that name;
    - swaps: frames in which the keypoints of both arms, or both legs, come more than twice as near to the projections
      once left and right are exchanged.

    Args:
      track: keeps the data contract, except that there may be gaps.
      description: of the data.

    Returns:
      By quantity, what can be known: errors take poses, and names of joints that the keypoints have too.
    """
    skeleton, layout = description.skeleton, description.layout
    poses, keypoints = _float64(track.positions_3d), _float64(track.keypoints_2d)
    hidden, pixels = unseen(keypoints), keypoints[..., :2]
    frozen = (pixels[1:] == pixels[:-1]).all(axis=-1) & ~hidden[1:]
    finite = np.isfinite(keypoints).all(axis=(1, 2))
    if len(poses):
        finite &= np.isfinite(poses).all(axis=(1, 2))
    findings = {
        "gaps": _frames(~finite),
        "unseen": _share(hidden, layout.joints),
        "frozen": _share(frozen, layout.joints),
    }
    if len(poses):
        lengths, projected = map(_float64, _geometry(track, skeleton))
        findings["repeats"] = _frames((poses[1:] == poses[:-1]).all(axis=(1, 2)), first=1)
        findings |= _speed(poses, track.fps, skeleton)
        findings |= _bones(lengths[np.isfinite(lengths).all(axis=-1)], skeleton)
        findings |= _agreement(np.where(hidden[..., None], np.nan, pixels), projected, skeleton, layout)
    return findings


def unseen(keypoints: np.ndarray) -> np.ndarray:
    """Which keypoints of (T, K, 2 or 3) have not been detected: (T, K), true for no confidence or pixel (0, 0)."""
    return (keypoints[..., :2] == 0).all(axis=-1) | (keypoints[..., 2:] == 0).any(axis=-1)


def camera_of(track: Track) -> Camera:
    """The camera that sees a track."""
    return Camera(*(getattr(track, field) for field in Camera._fields))


def _float64(values: np.ndarray) -> np.ndarray:
    """Values that are finite, or NaN, in a precision in which the squares of all of them are finite."""
    return np.where(np.isfinite(values), values, np.nan).astype(np.float64)


def _frames(flags: np.ndarray, first: int = 0) -> Finding:
    """Percentage of the frames (T,) that are flagged, and which is the first; `first` is the number of frame 0."""
    return Finding(100 * float(flags.mean()), f"frame {first + flags.argmax()}") if flags.any() else Finding(0)


def _share(flags: np.ndarray, joints: Sequence[str]) -> Finding:
    """Percentage of the keypoints (T, K) that are flagged, and which is so most often."""
    return Finding(100 * float(flags.mean()), joints[flags.sum(axis=0).argmax()]) if flags.any() else Finding(0)


def _speed(poses: np.ndarray, fps: float, skeleton: Skeleton) -> dict[str, Finding]:
    """The greatest speed in poses (T, J, 3), in m/s."""
    speeds = np.nan_to_num(fps * np.linalg.norm(np.diff(poses, axis=0), axis=-1))
    if not len(speeds):
        return {}
    frame, joint = np.unravel_index(speeds.argmax(), speeds.shape)
    return {"speed": Finding(float(speeds[frame, joint]), f"{skeleton.joints[joint]}, frame {frame + 1}")}


def _bones(lengths: np.ndarray, skeleton: Skeleton) -> dict[str, Finding]:
    """How bone lengths (T, B) vary over time, and between the sides."""
    if not lengths.size:
        return {}
    names = [f"{skeleton.joints[parent]}–{skeleton.joints[child]}" for parent, child in skeleton.bones]
    means = lengths.mean(axis=0)
    findings = {"spread": _worst(lengths.std(axis=0), means, names)}
    if pairs := skeleton.bone_pairs:
        left, right = np.asarray(pairs).T
        difference, mean = np.abs(means[left] - means[right]), (means[left] + means[right]) / 2
        findings["sides"] = _worst(difference, mean, [names[bone] for bone in left])
    return findings


def _worst(deviations: np.ndarray, means: np.ndarray, names: Sequence[str]) -> Finding:
    """The largest deviation in percent of its mean; bones without length have none."""
    percent = 100 * np.divide(deviations, means, out=np.zeros_like(means), where=means > 0)
    return Finding(float(percent.max()), names[percent.argmax()])


def _agreement(seen: np.ndarray, projected: np.ndarray, skeleton: Skeleton, layout: Skeleton) -> dict[str, Finding]:
    """How keypoints (T, K, 2), NaN where unseen, and projected poses (T, J, 2) fit each other."""
    joints = [joint for joint in skeleton.joints if joint in layout.joints]
    seen = seen[:, [layout.index(joint) for joint in joints]]
    projected = projected[:, [skeleton.index(joint) for joint in joints]]
    errors = np.linalg.norm(seen - projected, axis=-1)
    known = np.isfinite(errors)
    if not known.any():
        return {}
    means = np.where(known, errors, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    worst_frame = np.where(known, errors, 0).max(axis=1).argmax()
    swapped = np.zeros(len(seen), bool)
    for left, right in _limbs(skeleton, joints):
        given = errors[:, left] + errors[:, right]
        crossed = np.linalg.norm(seen[:, left] - projected[:, right], axis=-1)
        crossed += np.linalg.norm(seen[:, right] - projected[:, left], axis=-1)
        swapped |= 2 * np.nansum(crossed, axis=-1) < np.nansum(given, axis=-1)
    median, high = np.percentile(errors[known], [50, 95])
    return {
        "error": Finding(float(median), joints[means.argmax()]),
        "error_95": Finding(float(high), f"frame {worst_frame}"),
        "swaps": _frames(swapped),
    }


def _limbs(skeleton: Skeleton, joints: Sequence[str]) -> list[np.ndarray]:
    """Each pair of limbs as its left and right joints (2, P), indices into `joints`; a limb is a branch of the tree."""
    limbs: dict[int, list[list[int]]] = {}
    starts: dict[int, int] = {}  # of the limb of a left joint: the first joint that has a mirror image
    for left, right in sorted(zip(skeleton.left, skeleton.right, strict=True)):
        starts[left] = starts.get(skeleton.parents[left], left)
        pair = skeleton.joints[left], skeleton.joints[right]
        if all(joint in joints for joint in pair):
            limbs.setdefault(starts[left], []).append([joints.index(joint) for joint in pair])
    return [np.asarray(limb).T for limb in limbs.values()]


def _geometry(track: Track, skeleton: Skeleton) -> tuple[np.ndarray, np.ndarray]:
    """Bone lengths (T, B) and projections (T, J, 2) of the poses of a track."""
    poses = track.positions_3d
    wanted = max(_FEWEST_FRAMES, 1 << (len(poses) - 1).bit_length())  # JAX compiles once for every power of two
    padded = np.pad(poses, [(0, wanted - len(poses)), (0, 0), (0, 0)], mode="edge")
    lengths, projected = _measure(padded, camera_of(track), skeleton)
    return np.asarray(lengths)[: len(poses)], np.asarray(projected)[: len(poses)]


@functools.partial(jax.jit, static_argnames="skeleton")
def _measure(poses: jax.Array, camera: Camera, skeleton: Skeleton) -> tuple[jax.Array, jax.Array]:
    return bone_lengths(poses, skeleton), project(poses, camera)
