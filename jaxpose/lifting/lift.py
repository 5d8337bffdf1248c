"""Anyone's 2D keypoints to 3D poses: gaps filled, joints mapped, frame rates matched, tracks of any length lifted.

Poses are in camera space about the root, which the network leaves within millimetres of the origin: a lifter says how a
person moves, not where.
"""

import math
import warnings
from pathlib import Path

import numpy as np

from jaxpose.data.resampling import resample
from jaxpose.data.track import Track, person_extent
from jaxpose.export.motion import Motion
from jaxpose.keypoints.detections import Detections, Overrides, Rows, by_track
from jaxpose.keypoints.layouts import conversion, find_layout
from jaxpose.lifting.preprocess import cropped, preprocess
from jaxpose.runs.trained import TrainedModel, open_run
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import Skeleton

USUAL_FPS = 50.0
"""Of Human3.6M: taken for the rate of runs that do not say on which they were trained."""

USUAL_EXTENT = 0.33
"""How large people are before Human3.6M's cameras, of the image's width: taken for runs that do not say."""

_ALIKE = 1.5  # people who are so many times larger or smaller than those of the training are lifted notably worse


def lift(
    keypoints: np.ndarray,
    run: Path | str | TrainedModel,
    *,
    layout: str | Skeleton,
    width: int,
    height: int,
    fps: float | None = None,
    min_confidence: float = 0.0,
    crop: bool = False,
) -> np.ndarray:
    """Lift one person's 2D keypoints; what should be known of them is warned of (`UserWarning`).

    Args:
      keypoints: (T, K, 2 or 3) pixels, and perhaps a confidence; any T from 1. NaN where nothing was seen.
      run: a run's folder, or the run opened (`trained.open_run`), which is quicker for many calls.
      layout: which keypoint is which: a name of `layouts`, or the run's own layout.
      width: of the image, pixels.
      height: of the image, pixels.
      fps: of the video; None for that of the run's training.
      min_confidence: keypoints whose confidence is not above it count as not seen.
      crop: lift as if the video had been cropped around the person; see `cropped`.

    Returns:
      (T, J, 3) float32 metres, in camera space, about the root.

    Raises:
      InputError: the keypoints are not as described, a joint is never seen, no map leads from their layout to the
        run's, or there is no such run.
    """
    lifter = run if isinstance(run, TrainedModel) else open_run(Path(run))
    keypoints = np.asarray(keypoints)
    if (
        keypoints.ndim != 3
        or keypoints.shape[2] not in (2, 3)
        or keypoints.dtype.kind not in "fiu"
        or not len(keypoints)
    ):
        raise InputError(
            f"keypoints are {keypoints.dtype} of shape {keypoints.shape}; they must be numbers, (T, K, 2 or 3)"
        )
    seen = np.ones_like(keypoints[..., :1]) if keypoints.shape[2] == 2 else keypoints[..., 2:]
    given = Overrides(named_layout(layout, lifter), (width, height), training_fps(lifter) if fps is None else fps)
    rows = Rows(range(len(keypoints)), [""] * len(keypoints), np.concatenate([keypoints[..., :2], seen], axis=-1))
    (person,) = by_track(Path("keypoints"), rows, given)
    person = person._replace(name="keypoints")
    motion, notes = lift_person(person, lifter, min_confidence=min_confidence, crop=crop)
    for note in notes:
        warnings.warn(note, stacklevel=2)
    return motion.positions


def lift_person(
    person: Detections, lifter: TrainedModel, *, min_confidence: float = 0.0, crop: bool = False
) -> tuple[Motion, tuple[str, ...]]:
    """Lift one person's track.

    Args:
      person: the track.
      lifter: the run.
      min_confidence: keypoints whose confidence is not above it count as not seen.
      crop: lift as if the video had been cropped around the person; see `cropped`.

    Returns:
      The motion, at the frame rate of the track, from its first frame to its last; and what the user should know.

    Raises:
      InputError: a joint is never seen, or no map leads from the layout of the keypoints to the run's.
    """
    description = lifter.description
    keypoints, filled, notes = preprocess(person, description.layout, min_confidence=min_confidence)
    rate, usual = training_fps(lifter), description.extent or USUAL_EXTENT
    if crop:
        keypoints, side = cropped(keypoints, usual)
        person = person._replace(width=side, height=side)
    elif not usual / _ALIKE < (share := person_extent(keypoints) / person.width) < usual * _ALIKE:
        notes += (
            f"track {person.name}: the person takes up {share:.2f} of the image's width, those of the run's training "
            f"{usual:.2f}; it is better to lift as if the video were cropped around the person (--crop, crop=True)",
        )
    if person.fps == rate:
        positions = _lift_frames(keypoints, person, lifter)
    else:  # prolonged by what it takes to reach the last frame again when the rate is changed back
        beyond = np.repeat(keypoints[-1:], math.ceil(person.fps / rate) + 1, axis=0)
        resampled = resample(np.concatenate([keypoints, beyond]), person.fps, rate)
        positions = resample(_lift_frames(resampled, person, lifter), rate, person.fps)[: len(keypoints)]
    of_joints = _joints_filled(filled, description.layout, description.skeleton)
    motion = Motion(person.name, positions, description.skeleton, person.fps, of_joints, start=int(person.frames[0]))
    return motion, notes


def training_fps(lifter: TrainedModel) -> float:
    """The frame rate that a run was trained at; `USUAL_FPS` if it does not say."""
    return lifter.description.fps or USUAL_FPS


def named_layout(layout: str | Skeleton, lifter: TrainedModel) -> Skeleton:
    """The layout of that name: the run's own, or one of `layouts`.

    Raises:
      InputError: there is none.
    """
    if isinstance(layout, Skeleton):
        return layout
    if layout == lifter.description.layout.name:
        return lifter.description.layout
    try:
        return find_layout(layout)
    except ValueError as error:
        raise InputError(str(error)) from None


def _lift_frames(keypoints: np.ndarray, person: Detections, lifter: TrainedModel) -> np.ndarray:
    """(T, K, 3) pixels and a confidence to (T, J, 3) metres, at the rate of the run's training."""
    confidence = np.clip(keypoints[..., 2:], 0, 1)  # some detectors' reaches 6, and resampling overshoots
    keypoints = np.concatenate([keypoints[..., :2], confidence], axis=-1)[..., : lifter.description.channels]
    unknown = np.zeros((len(keypoints), lifter.description.skeleton.num_joints, 3), np.float32)  # what is to be found
    camera = (np.zeros(9, np.float32), np.zeros(4, np.float32), np.zeros(3, np.float32))  # neither known nor needed
    track = Track(person.name, "", "", person.fps, unknown, keypoints, *camera, person.width, person.height)
    return lifter.lift(lifter.join([track]))


def _joints_filled(filled: np.ndarray, layout: Skeleton, skeleton: Skeleton) -> np.ndarray:
    """(T, K) of keypoints to (T, J) of the joints that they make; all joints of a frame if no map says which."""
    try:
        used = conversion(layout, skeleton) != 0
    except ValueError:
        return np.repeat(filled.any(axis=1, keepdims=True), skeleton.num_joints, axis=1)
    return filled.astype(np.float32) @ used.T > 0
