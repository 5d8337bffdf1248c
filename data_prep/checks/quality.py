"""Measure the quality of a track, whatever its source: missing values, bones, reprojection, left and right.

Every quantity is zero, or small, in good data. Nothing here reads a file.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np

from data_prep.checks.pace import body_weights, fastest_fall, foot_frequency
from data_prep.formats.whole_frames import chunks
from jaxpose.cameras import Camera, project
from jaxpose.data.track import Description, Track
from jaxpose.kinematics import bone_lengths
from jaxpose.runtime.devices import bucket_length
from jaxpose.skeleton import Skeleton


class Quantity(NamedTuple):
    """A quantity to measure of every track."""

    title: str
    limit: float  # of good tracks


CHECKS = {
    "gaps": Quantity("gaps, % of frames", 0),
    "unseen": Quantity("unseen, % of keypoints", 5),
    "frozen": Quantity("frozen, % of keypoints", 5),
    "repeats": Quantity("repeated, % of poses", 1),
    "speed": Quantity("fastest joint, m/s", 20),
    "fall": Quantity("fastest fall, m/s²", 16),
    "feet": Quantity("swings of the feet, 1/s", 1.9),
    "spread": Quantity("bones over time, %", 5),
    "sides": Quantity("left to right bones, %", 10),
    "error": Quantity("reprojection, px", 20),
    "error_95": Quantity("reprojection, 95 %, px", 50),
    "swaps": Quantity("swapped, % of frames", 1),
}
"""Quantities by name, defined in `measure_track`. The limits are generous: good captures and detections meet them.

Those of `fall` and `feet` were found on 230 trials of the CMU database: 7 are beyond one of them, six of which are fast
dances and boxing; with every second frame taken away, as if captured at 60 frames per second, 166 are, and 166 of the
206 in which the feet move."""

TOO_FAST = ("fall", "feet")
"""Quantities that are beyond their limits where motion is read at too high a frame rate."""

_MIN_FRAMES = 256  # of a compiled program


class Finding(NamedTuple):
    """The value of a quantity for one track."""

    value: float
    location: str = ""  # the frame, joint or bone with the worst value


def measure_track(track: Track, description: Description) -> dict[str, Finding]:
    """Measure one track.

    - gaps: frames in which a coordinate of the pose or the keypoints is NaN or infinite;
    - unseen: keypoints with confidence zero, or at pixel (0, 0), where detectors put those they have not detected;
    - frozen, repeats: keypoints, and whole poses, that are bit for bit those of the frame before: a lost detection or
      marker, or a lower frame rate with frames repeated;
    - speed: the largest displacement of a joint between consecutive frames, times the frame rate: a sprinter's foot
      reaches 20 m/s; a marker that jumps, a wrong unit or a wrong frame rate exceed it;
    - fall: the greatest downward acceleration of the centre of mass over a quarter of a second, at most 9.81 m/s² where
      nobody pulls down; and feet: how often the feet swing, 1 to 1.6 times a second in most of what people do. Both are
      too great where motion is read at a higher frame rate than it was captured at (see `data_prep.checks.pace`);
    - spread: the standard deviation over time of a bone's length, relative to its mean, of the worst bone;
    - sides: the difference of the mean lengths of a left and a right bone, relative to their mean, of the worst pair;
    - error, error_95: pixels from a projected joint to the keypoint of the same name, median and 95th percentile;
    - swaps: frames in which exchanging left and right of the arms, or of the legs, brings the keypoints more than twice
      as near to the projections.

    Args:
      track: satisfies the data contract, except for gaps.
      description: of the data.

    Returns:
      Finding by quantity, without those that the track cannot have: most need poses, errors and swaps also joints and
      keypoints of the same names.
    """
    skeleton, layout = description.skeleton, description.layout
    poses, keypoints = _float64(track.positions_3d), _float64(track.keypoints_2d)
    hidden, pixels = undetected(keypoints), keypoints[..., :2]
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
        findings |= _speed(poses, track.fps, skeleton) | pace(track, skeleton)
        findings |= _bones(lengths[np.isfinite(lengths).all(axis=-1)], skeleton)
        findings |= _reprojection(np.where(hidden[..., None], np.nan, pixels), projected, skeleton, layout)
    return findings


def pace(track: Track, skeleton: Skeleton) -> dict[str, Finding]:
    """Measure the quantities of `TOO_FAST`, those that a track can have: they need the joints of arms and legs.

    They are measured in the longest run of frames without gaps. Only a track with a camera that is turned in the world
    tells what is down.
    """
    whole = np.isfinite(track.positions_3d).all(axis=(1, 2))
    runs = [frames for _, frames in chunks(whole)]
    weights = body_weights(skeleton)
    if not runs or weights is None:
        return {}
    frames = max(runs, key=lambda run: run.stop - run.start)
    poses = track.positions_3d[frames].astype(np.float64)
    ankles = poses[:, [skeleton.index("left_ankle"), skeleton.index("right_ankle")]]
    findings = {"feet": Finding(foot_frequency(ankles, track.fps))}
    if is_placed(track):
        fall, frame = fastest_fall(np.einsum("tjc,j,c->t", poses, weights, up_in_camera(track)), track.fps)
        findings = {"fall": Finding(fall, f"frame {frames.start + frame}"), **findings}
    return findings


def is_placed(track: Track) -> bool:
    """True for a track whose camera is turned in the world; an unknown camera is not, and what is up is unknown."""
    return bool(abs(track.orientation[0]) != 1)


def up_in_camera(track: Track) -> np.ndarray:
    """The world's z axis (3,) in camera space."""
    w, x, y, z = track.orientation.astype(np.float64)
    return np.array([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)])


def undetected(keypoints: np.ndarray) -> np.ndarray:
    """Mask (T, K) of keypoints (T, K, 2 or 3) that were not detected: confidence zero, or at pixel (0, 0)."""
    return (keypoints[..., :2] == 0).all(axis=-1) | (keypoints[..., 2:] == 0).any(axis=-1)


def camera_of(track: Track) -> Camera:
    """Return the camera of a track."""
    return Camera(*(getattr(track, field) for field in Camera._fields))


def _float64(values: np.ndarray) -> np.ndarray:
    """Convert to float64, in which no square of a float32 overflows; infinities become NaN."""
    return np.where(np.isfinite(values), values, np.nan).astype(np.float64)


def _frames(flags: np.ndarray, first: int = 0) -> Finding:
    """Percentage of the frames (T,) that are flagged, and the first of them; `first` is the number of frame 0."""
    return Finding(100 * float(flags.mean()), f"frame {first + flags.argmax()}") if flags.any() else Finding(0)


def _share(flags: np.ndarray, joints: Sequence[str]) -> Finding:
    """Percentage of the keypoints (T, K) that are flagged, and the joint most often flagged."""
    return Finding(100 * float(flags.mean()), joints[flags.sum(axis=0).argmax()]) if flags.any() else Finding(0)


def _speed(poses: np.ndarray, fps: float, skeleton: Skeleton) -> dict[str, Finding]:
    """The greatest speed in poses (T, J, 3), in m/s."""
    speeds = np.nan_to_num(fps * np.linalg.norm(np.diff(poses, axis=0), axis=-1))
    if not len(speeds):
        return {}
    frame, joint = np.unravel_index(speeds.argmax(), speeds.shape)
    return {"speed": Finding(float(speeds[frame, joint]), f"{skeleton.joints[joint]}, frame {frame + 1}")}


def _bones(lengths: np.ndarray, skeleton: Skeleton) -> dict[str, Finding]:
    """Variation of bone lengths (T, B) over time, and between left and right."""
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
    """The largest deviation in percent of its mean; bones of length zero count as 0."""
    percent = 100 * np.divide(deviations, means, out=np.zeros_like(means), where=means > 0)
    return Finding(float(percent.max()), names[percent.argmax()])


def _reprojection(
    pixels: np.ndarray, projected: np.ndarray, skeleton: Skeleton, layout: Skeleton
) -> dict[str, Finding]:
    """Distances between keypoints (T, K, 2), NaN where not detected, and projected poses (T, J, 2)."""
    joints = [joint for joint in skeleton.joints if joint in layout.joints]
    pixels = pixels[:, [layout.index(joint) for joint in joints]]
    projected = projected[:, [skeleton.index(joint) for joint in joints]]
    errors = np.linalg.norm(pixels - projected, axis=-1)
    known = np.isfinite(errors)
    if not known.any():
        return {}
    means = np.where(known, errors, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    worst_frame = np.where(known, errors, 0).max(axis=1).argmax()
    swapped = np.zeros(len(pixels), bool)
    for left, right in _limbs(skeleton, joints):
        distance = errors[:, left] + errors[:, right]
        exchanged = np.linalg.norm(pixels[:, left] - projected[:, right], axis=-1)
        exchanged += np.linalg.norm(pixels[:, right] - projected[:, left], axis=-1)
        swapped |= 2 * np.nansum(exchanged, axis=-1) < np.nansum(distance, axis=-1)
    median, high = np.percentile(errors[known], [50, 95])
    return {
        "error": Finding(float(median), joints[means.argmax()]),
        "error_95": Finding(float(high), f"frame {worst_frame}"),
        "swaps": _frames(swapped),
    }


def _limbs(skeleton: Skeleton, joints: Sequence[str]) -> list[np.ndarray]:
    """Pairs of limbs (branches of the tree), each as its left and right joints (2, P), indices into `joints`.

    Branches of one joint are no limbs: seen from the side, both eyes are at one place, and noise exchanges them.
    """
    limbs: dict[int, list[list[int]]] = {}
    starts: dict[int, int] = {}  # by left joint, the first joint of its limb
    for left, right in sorted(zip(skeleton.left, skeleton.right, strict=True)):
        starts[left] = starts.get(skeleton.parents[left], left)
        pair = skeleton.joints[left], skeleton.joints[right]
        if all(joint in joints for joint in pair):
            limbs.setdefault(starts[left], []).append([joints.index(joint) for joint in pair])
    return [np.asarray(limb).T for limb in limbs.values() if len(limb) > 1]


def _geometry(track: Track, skeleton: Skeleton) -> tuple[np.ndarray, np.ndarray]:
    """Bone lengths (T, B) and projections (T, J, 2) of the poses of a track."""
    poses = track.positions_3d
    padding = bucket_length(len(poses), fewest=_MIN_FRAMES) - len(poses)
    padded = np.pad(poses, [(0, padding), (0, 0), (0, 0)], mode="edge")
    lengths, projected = _measure(padded, camera_of(track), skeleton)
    return np.asarray(lengths)[: len(poses)], np.asarray(projected)[: len(poses)]


@functools.partial(jax.jit, static_argnames="skeleton")
def _measure(poses: jax.Array, camera: Camera, skeleton: Skeleton) -> tuple[jax.Array, jax.Array]:
    return bone_lengths(poses, skeleton), project(poses, camera)
