"""Lift 2D keypoints of any detector to 3D poses: fill gaps, map joints, match the frame rate, run the network.

Poses are in camera space relative to the root, which the network leaves within millimetres of the origin: the path of a
person through the room is not estimated.
"""

import functools
import math
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxpose.data.resampling import resample
from jaxpose.data.smoothing import USUAL_SMOOTHING, Smoothing, choose_smoothing
from jaxpose.data.track import person_extent, title_with_notice
from jaxpose.data.windows import pack_keypoints
from jaxpose.export.constant_bones import constant_bones
from jaxpose.export.motion import Keypoints, Motion
from jaxpose.keypoints.detections import DetectionRows, Detections, Overrides, tracks_by_person
from jaxpose.keypoints.duplicates import person_scores
from jaxpose.keypoints.layouts import conversion, find_layout
from jaxpose.lifting.in_time import bridge_gaps, resample_keypoints, seen_stretches
from jaxpose.lifting.preprocess import FILLED_IN, LEFT_OUT, crop_to_person, preprocess
from jaxpose.runs.trained import TrainedModel, open_run
from jaxpose.runtime.devices import replicate
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import BODY_22, H36M_17, Skeleton
from jaxpose.weights import find_weights

USUAL_FPS = 50.0
"""Human3.6M's frame rate, assumed for runs that do not say at which rate they were trained."""

VIDEO_FPS = 30.0
"""The frame rate assumed of a video that does not say its own, for a run that takes a range of rates."""

USUAL_EXTENT = 0.33
"""Size of people in Human3.6M's images, relative to the image's width, assumed for runs that do not say."""

_MAX_SIZE_RATIO = 1.5  # people who are larger or smaller than the training's by more than this are lifted worse


class Options(NamedTuple):
    """How people are lifted."""

    min_confidence: float = 0.0  # keypoints whose confidence is not above it count as not seen
    keep_sides: bool = False  # leave left and right as the detector has them, also where exchanging makes motion smooth
    crop: bool = False  # lift as if the video had been cropped around the person; see `crop_to_person`
    constant_bones: bool = False  # give every bone its median length in all frames, left and right alike
    focal_length: float | None = None  # of the camera, pixels; None if not known; for networks that aim at the person
    smoothing: Smoothing | None = None  # filter of the poses in time, before bones become constant


DEFAULTS = Options()
"""What is not asked for otherwise."""


def lift(
    keypoints: np.ndarray,
    run: Path | str | TrainedModel | None = None,
    *,
    layout: str | Skeleton,
    width: int,
    height: int,
    fps: float | None = None,
    min_score: float | None = None,
    min_confidence: float = 0.0,
    keep_sides: bool = False,
    crop: bool = False,
    constant_bones: bool = False,
    focal_length: float | None = None,
    smooth: str | None = USUAL_SMOOTHING,
) -> np.ndarray:
    """Lift the 2D keypoints of one person or several; gaps and other doubts are `UserWarning`s.

    Each person is lifted alone. Warnings and errors name one of several by the index, as in `keypoints[1]`.

    Args:
      keypoints: (T, K, 2 or 3), or (P, T, K, 2 or 3) of P people in the same frames: pixels, and perhaps a confidence.
        P and T are at least 1. NaN where nothing was seen, as in frames without the person.
      run: a run's folder or a lifter file; or an opened run (`trained.open_run`), which is quicker for many calls. None
        for the lifter that comes with jaxpose, which is opened once.
      layout: which keypoint is which: a name in `layouts.LAYOUTS`, or the run's own layout.
      width: of the image, pixels.
      height: of the image, pixels.
      fps: of the video; None for that of the run's training, or, if it takes a range of rates, for `VIDEO_FPS` or the
        rate next to it in the range, with a warning.
      min_score: frames in which the mean confidence of the keypoints is below it count as without the person.
      min_confidence: keypoints whose confidence is not above it count as not seen.
      keep_sides: leave left and right as the detector has them, also where exchanging them makes the motion smooth.
      crop: lift as if the video had been cropped around the person; see `crop_to_person`.
      constant_bones: give every bone its median length in all frames, left and right alike.
      focal_length: of the camera, pixels; None for `windows.USUAL_FOCAL_LENGTH`. Runs that do not aim the camera at
        the person have no use for it.
      smooth: a filter of the poses in time, as `smoothing.choose_smoothing` reads it: "savgol", "butterworth:6"; None
        for the poses as the network has them.

    Returns:
      (T, J, 3), or (P, T, J, 3), float32 metres, in camera space, relative to the root.

    Raises:
      InputError: the keypoints or the focal length are not as described, too few are ever seen, no frame reaches
        `min_score`, their layout cannot be converted to the run's, there is no such run or filter, or jaxpose comes
        without a lifter.
    """
    smoothing = choose_smoothing(smooth, "--smooth (smooth)") if smooth else None
    lifter = run if isinstance(run, TrainedModel) else _open_once(find_weights()) if run is None else open_run(run)
    keypoints = np.asarray(keypoints)
    if (
        keypoints.ndim not in (3, 4)
        or keypoints.shape[-1] not in (2, 3)
        or keypoints.dtype.kind not in "fiu"
        or 0 in keypoints.shape
    ):
        raise InputError(
            f"keypoints are {keypoints.dtype} of shape {keypoints.shape}; they must be numbers, (T, K, 2 or 3) of one "
            "person or (P, T, K, 2 or 3) of several, not empty"
        )
    options = Options(min_confidence, keep_sides, crop, constant_bones, focal_length, smoothing)
    for doubt in check_options(lifter, options):
        warnings.warn(doubt, stacklevel=2)
    if fps is None:
        fps = lifting_fps(lifter, VIDEO_FPS)
        if lifter.config.frame_rates:
            warnings.warn(f"the frame rate is not given: {fps:g} frames/s are assumed (fps=)", stacklevel=2)
    given = Overrides(named_layout(layout, lifter), (width, height), fps)
    several = {f"keypoints[{index}]": each for index, each in enumerate(keypoints)} if keypoints.ndim == 4 else {}
    poses = []
    for name, each in (several or {"keypoints": keypoints}).items():
        person = _every_frame(each, name, given, min_score)
        motion, notes = lift_person(person, lifter, options)
        for note in (*person.notes, *notes):
            warnings.warn(note, stacklevel=2)
        poses.append(motion.positions)
    return np.stack(poses) if several else poses[0]


def _every_frame(keypoints: np.ndarray, name: str, given: Overrides, min_score: float | None) -> Detections:
    """The track of one person (T, K, 2 or 3) in every frame: those without the person are lifted too, as gaps."""
    seen = np.ones_like(keypoints[..., :1]) if keypoints.shape[-1] == 2 else keypoints[..., 2:]
    points = np.concatenate([keypoints[..., :2], seen], axis=-1)
    if min_score is not None:
        points = _with_score(points, name, min_score)
    rows = DetectionRows(range(len(points)), [""] * len(points), points)
    (person,) = tracks_by_person(Path(name), rows, given)
    every_frame = np.full((len(points), *person.keypoints.shape[1:]), np.nan, np.float32)
    every_frame[person.frames] = person.keypoints
    return person._replace(name=name, frames=np.arange(len(points)), keypoints=every_frame)


_open_once = functools.cache(open_run)


def _with_score(keypoints: np.ndarray, name: str, min_score: float) -> np.ndarray:
    """Keypoints (T, K, 3), NaN in the frames whose score is below a limit; raises `InputError` if all are."""
    scores = person_scores(keypoints)
    if not (scores >= min_score).any():
        raise InputError(f"{name}: no frame has a score of {min_score:g} or more, the highest is {scores.max():.3g}")
    return np.where((scores >= min_score)[:, None, None], keypoints, np.nan)


def lift_person(
    person: Detections, lifter: TrainedModel, options: Options = DEFAULTS
) -> tuple[Motion, tuple[str, ...]]:
    """Lift one person's track.

    Args:
      person: the track.
      lifter: the run.
      options: how to lift.

    Returns:
      The motion, at the frame rate of the track, from its first frame to its last; and warnings.

    Raises:
      InputError: too few keypoints are ever seen, or the layout of the keypoints cannot be converted to the run's.
    """
    description, aims = lifter.description, lifter.model.rays
    keypoints, filled, notes = preprocess(
        person,
        description.layout,
        min_confidence=options.min_confidence,
        keep_sides=options.keep_sides,
        unseen=LEFT_OUT if aims else FILLED_IN,
    )
    seen = Keypoints(keypoints[..., :2], description.layout, person.width, person.height)
    rate, usual = lifting_fps(lifter, person.fps), description.extent or USUAL_EXTENT
    size = (person.width, person.height)
    if options.crop and not aims:
        keypoints, side = crop_to_person(keypoints, usual)
        size = (side, side)
    elif not aims:
        notes += _size_notes(person, person_extent(keypoints) / person.width, usual)
    if person.fps == rate:
        positions = _lift_frames(keypoints, size, lifter, options.focal_length)
    else:  # repeat the last frame, so that it is still there when the rate has been changed back
        padding = np.repeat(keypoints[-1:], math.ceil(person.fps / rate) + 1, axis=0)
        resampled = resample_keypoints(np.concatenate([keypoints, padding]), person.fps, rate)
        positions = _lift_frames(resampled, size, lifter, options.focal_length)
        positions = resample(positions, rate, person.fps)[: len(keypoints)]
    if options.smoothing:
        positions = options.smoothing.smoother.smooth(positions, person.fps, options.smoothing.cutoff)
    joints_filled = _joints_filled(filled, description.layout, description.skeleton)
    start = int(person.frames[0])
    motion = Motion(person.name, positions, description.skeleton, person.fps, joints_filled, start=start)
    motion = motion._replace(keypoints=seen, trained_on=title_with_notice(description))
    return constant_bones(motion) if options.constant_bones else motion, notes


def _size_notes(person: Detections, share: float, usual: float) -> tuple[str, ...]:
    """A note about a person much larger or smaller in the image than those of the training; README.md has figures."""
    if usual / _MAX_SIZE_RATIO < share < usual * _MAX_SIZE_RATIO:
        return ()
    advice = (
        "lift as if the video were cropped around the person (--crop, crop=True): larger people were lifted better so"
        if share > usual
        else "try to lift as if the video were cropped around the person (--crop, crop=True), and compare: it helps "
        "some runs and not others"
    )
    return (
        f"track {person.name}: the person takes up {share:.2f} of the image's width, those of the run's training "
        f"{usual:.2f}; {advice}",
    )


def check_options(lifter: TrainedModel, options: Options) -> tuple[str, ...]:
    """Notes about options that mean nothing for a run; raises `InputError` for a focal length that cannot be one."""
    focal_length, notes = options.focal_length, ()
    if focal_length is not None and not 0 < focal_length < math.inf:
        raise InputError(f"--focal-length {focal_length:g} (focal_length): it must be above 0, in pixels")
    if options.crop and lifter.model.rays:
        notes += ("--crop (crop) is not used: the run aims the camera at each person by itself",)
    if focal_length is not None and not lifter.model.rays:
        notes += ("--focal-length (focal_length) is not used: the run lifts the image as it is",)
    return notes


def lifting_fps(lifter: TrainedModel, fps: float) -> float:
    """The frame rate at which a run lifts a video of a frame rate: its own, or, of a range of rates, the nearest."""
    if lifter.config.frame_rates:
        low, high = lifter.config.frame_rates
        return min(max(fps, low), high)
    return lifter.description.fps or USUAL_FPS


def named_layout(layout: str | Skeleton, lifter: TrainedModel) -> Skeleton:
    """Find a layout by name: the run's own, or one of `layouts.LAYOUTS`.

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


def _lift_frames(
    keypoints: np.ndarray, size: tuple[float, float], lifter: TrainedModel, focal_length: float | None
) -> np.ndarray:
    """Lift (T, K, 3) pixels and a confidence, at a rate of the run's training, to (T, J, 3) metres."""
    confidence = np.clip(keypoints[..., 2:], 0, 1)  # some detectors' confidences reach 6
    channels = lifter.description.channels
    shown = np.concatenate([keypoints[..., :2], confidence], axis=-1)[..., :channels]
    if not (lifter.model.rays and channels == 3):
        return lifter.lift(replicate(pack_keypoints([shown], [size], [focal_length]), lifter.mesh))
    seen = (confidence > 0).any(axis=(1, 2))
    # A network that was trained on frames with people makes little of those without, and of the frames beside them.
    stretches = seen_stretches(seen)
    count = len(stretches)
    packed = pack_keypoints([shown[stretch] for stretch in stretches], [size] * count, [focal_length] * count)
    positions = np.zeros((len(shown), lifter.description.skeleton.num_joints, 3), np.float32)
    positions[np.concatenate([np.arange(len(shown))[stretch] for stretch in stretches])] = lifter.lift(
        replicate(packed, lifter.mesh)
    )
    return bridge_gaps(positions, seen, lifter.description.skeleton)


def _joints_filled(filled: np.ndarray, layout: Skeleton, skeleton: Skeleton) -> np.ndarray:
    """Which joints (T, J) come from filled keypoints (T, K); all joints of a frame if no conversion is known."""
    try:
        used = _sources(layout, skeleton)
    except ValueError:
        return np.repeat(filled.any(axis=1, keepdims=True), skeleton.num_joints, axis=1)
    return filled.astype(np.float32) @ used.T > 0


def _sources(layout: Skeleton, skeleton: Skeleton) -> np.ndarray:
    """Which keypoints (J, K) each joint comes from; raises `ValueError` if no conversion is known."""
    if skeleton != BODY_22:
        return conversion(layout, skeleton) != 0
    # Its neck, the base of the skull, is no detector's keypoint: it comes from those that Human3.6M's is taken for.
    face = [[joint == name for joint in layout.joints] for name in BODY_22.joints[H36M_17.num_joints :]]
    return np.concatenate([conversion(layout, H36M_17) != 0, np.asarray(face)])
