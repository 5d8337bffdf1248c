"""Anyone's 2D keypoints to 3D poses: gaps filled, joints mapped, frame rates matched, tracks of any length lifted.

Poses are in camera space about the root, which the network leaves within millimetres of the origin: a lifter says how a
person moves, not where.
"""

import math
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxpose import gaps
from jaxpose.dataset import Track, extent
from jaxpose.errors import InputError
from jaxpose.keypoints.detections import Detections, Given, Rows, by_track
from jaxpose.layouts import find_layout
from jaxpose.lifter import Lifter, open_run
from jaxpose.motion import Motion
from jaxpose.resampling import resample
from jaxpose.skeleton import Skeleton, conversion

USUAL_FPS = 50.0
"""Of Human3.6M: taken for the rate of runs that do not say on which they were trained."""
USUAL_EXTENT = 0.33
"""How large people are before Human3.6M's cameras, of the image's width: taken for runs that do not say."""
LONG_GAP_S = 0.5
"""Across longer gaps, a straight line is a guess."""
_ALIKE = 1.5  # people who are so many times larger or smaller than those of the training are lifted notably worse


class Prepared(NamedTuple):
    """A person's keypoints, as a lifter wants them but for the frame rate."""

    keypoints: np.ndarray  # (T, K, 3) float32 pixels and a confidence, every frame from the first to the last
    filled: np.ndarray  # (T, K) bool, what was not seen in the image
    notes: tuple[str, ...]  # what the user should know


def lift(
    keypoints: np.ndarray,
    run: Path | str | Lifter,
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
      run: a run's folder, or the run opened (`lifter.open_run`), which is quicker for many calls.
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
    lifter = run if isinstance(run, Lifter) else open_run(Path(run))
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
    given = Given(named_layout(layout, lifter), (width, height), training_fps(lifter) if fps is None else fps)
    rows = Rows(range(len(keypoints)), [""] * len(keypoints), np.concatenate([keypoints[..., :2], seen], axis=-1))
    (person,) = by_track(Path("keypoints"), rows, given)
    person = person._replace(name="keypoints")
    motion, notes = lift_person(person, lifter, min_confidence=min_confidence, crop=crop)
    for note in notes:
        warnings.warn(note, stacklevel=2)
    return motion.positions


def lift_person(
    person: Detections, lifter: Lifter, *, min_confidence: float = 0.0, crop: bool = False
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
    keypoints, filled, notes = prepare(person, description.layout, min_confidence=min_confidence)
    rate, usual = training_fps(lifter), description.extent or USUAL_EXTENT
    if crop:
        keypoints, side = cropped(keypoints, usual)
        person = person._replace(width=side, height=side)
    elif not usual / _ALIKE < (share := extent(keypoints) / person.width) < usual * _ALIKE:
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


def prepare(person: Detections, layout: Skeleton, *, min_confidence: float = 0.0) -> Prepared:
    """A person's keypoints in another layout, every frame of them.

    What was not seen is interpolated in time (`gaps.fill`), and its confidence is 0. Of a midpoint of which one end is
    never seen, as the far eye of somebody in profile, the other end takes the place.

    Args:
      person: the track; frames may be missing.
      layout: the one wanted.
      min_confidence: keypoints whose confidence is not above it count as not seen.

    Returns:
      The keypoints in that layout.

    Raises:
      InputError: a joint is never seen, or no map leads from one layout to the other.
    """
    try:
        recipe = conversion(person.layout, layout)
    except ValueError as error:
        raise InputError(f"the run takes {layout.name} keypoints: {error}; train a run for yours") from None
    places = person.frames - person.frames[0]
    found = np.full((int(places[-1]) + 1, *person.keypoints.shape[1:]), np.nan, np.float32)
    found[places] = person.keypoints
    seen = np.isfinite(found).all(axis=-1) & (found[..., 2] > min_confidence)
    weights = recipe * seen.any(axis=0)
    shares = weights.sum(axis=1, keepdims=True)
    if not shares.all():
        unseen = ", ".join(joint for joint, share in zip(layout.joints, shares[:, 0], strict=True) if not share)
        above = f" with a confidence above {min_confidence:g}" if min_confidence else ""
        raise InputError(f"track {person.name}: {unseen} never seen{above}; a pose cannot be lifted without")
    found[~seen] = 0
    whole = gaps.fill(found, seen)
    whole[..., 2] = found[..., 2]
    mapped = (weights / shares) @ whole
    filled = (~seen).astype(np.float32) @ (recipe.T != 0) > 0
    return Prepared(mapped.astype(np.float32), filled, tuple(_notes(person, found, seen, weights.any(axis=0))))


def cropped(keypoints: np.ndarray, share: float) -> tuple[np.ndarray, float]:
    """Keypoints in a square window around the person, one for the whole track, in which people have the usual size.

    People who are far away or at the image's edge then look to the network as those whom it was trained on. A window is
    nearly what a camera of a longer focal length sees that is aimed at the person: its axes are those of the poses.

    Args:
      keypoints: (T, K, 2 or 3) pixels.
      share: how large people are in the images of the training (`dataset.extent`), of their width.

    Returns:
      Keypoints (T, K, 2 or 3), relative to the window's corner, and how wide and high the window is, in pixels.
    """
    xy = keypoints[..., :2]
    side = max(extent(keypoints), 1.0) / share
    corner = np.median((xy.min(axis=1) + xy.max(axis=1)) / 2, axis=0) - side / 2
    return np.concatenate([xy - corner.astype(xy.dtype), keypoints[..., 2:]], axis=-1), side


def training_fps(lifter: Lifter) -> float:
    """The frame rate that a run was trained at; `USUAL_FPS` if it does not say."""
    return lifter.description.fps or USUAL_FPS


def named_layout(layout: str | Skeleton, lifter: Lifter) -> Skeleton:
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


def _lift_frames(keypoints: np.ndarray, person: Detections, lifter: Lifter) -> np.ndarray:
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


def _notes(person: Detections, found: np.ndarray, seen: np.ndarray, used: np.ndarray) -> list[str]:
    """What the user should know of the keypoints that are used."""
    notes, share = [], 1 - seen[:, used].mean()
    if share:
        missing = gaps.longest(seen) * used
        worst = int(missing.argmax())
        seconds = missing[worst] / person.fps
        notes.append(
            f"track {person.name}: {share:.1%} of the keypoints were not seen and are interpolated; the longest gap is "
            f"{missing[worst]} frames ({seconds:.1f} s), of {person.layout.joints[worst]}"
            + (f": longer than {LONG_GAP_S} s, a guess" if seconds > LONG_GAP_S else "")
        )
    xy = found[..., :2][seen]
    outside = ((xy < 0) | (xy > (person.width, person.height))).any(axis=-1).mean()
    if outside > 0.05:
        notes.append(
            f"track {person.name}: {outside:.0%} of the keypoints lie outside the image of {person.width} x "
            f"{person.height} pixels; is that its size?"
        )
    return notes
