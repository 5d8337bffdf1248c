"""Prepare keypoints for a lifter: interpolate missing ones, map joints, crop around the person."""

from typing import NamedTuple

import numpy as np

from jaxpose.data.track import person_extent
from jaxpose.keypoints import gaps
from jaxpose.keypoints.detections import Detections
from jaxpose.keypoints.layouts import conversion
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import Skeleton

LONG_GAP_S = 0.5
"""Seconds; in a longer gap, a straight line is a guess."""


class Preprocessed(NamedTuple):
    """A person's keypoints in a lifter's layout, at the frame rate of the video."""

    keypoints: np.ndarray  # (T, K, 3) float32 pixels and a confidence, every frame from the first to the last
    filled: np.ndarray  # (T, K) bool, not seen in the image but interpolated
    notes: tuple[str, ...]  # warnings


def preprocess(person: Detections, layout: Skeleton, *, min_confidence: float = 0.0) -> Preprocessed:
    """Convert a person's keypoints to another layout and interpolate those that were not seen.

    Interpolation is linear in time (`interpolate_missing`); the confidence of interpolated keypoints is 0. If one end
    of a midpoint is never seen, such as the far eye of a person in profile, the other end stands for both.

    Args:
      person: the track; frames may be missing.
      layout: the layout to convert to.
      min_confidence: keypoints whose confidence is not above it count as not seen.

    Returns:
      The keypoints in that layout.

    Raises:
      InputError: a joint is never seen, or there is no conversion between the layouts.
    """
    try:
        conversion_weights = conversion(person.layout, layout)
    except ValueError as error:
        raise InputError(f"the run takes {layout.name} keypoints: {error}; train a run for yours") from None
    rows = person.frames - person.frames[0]
    detected = np.full((int(rows[-1]) + 1, *person.keypoints.shape[1:]), np.nan, np.float32)
    detected[rows] = person.keypoints
    seen = np.isfinite(detected).all(axis=-1) & (detected[..., 2] > min_confidence)
    weights = conversion_weights * seen.any(axis=0)
    totals = weights.sum(axis=1, keepdims=True)
    if not totals.all():
        unseen = ", ".join(joint for joint, total in zip(layout.joints, totals[:, 0], strict=True) if not total)
        above = f" with a confidence above {min_confidence:g}" if min_confidence else ""
        raise InputError(f"track {person.name}: {unseen} never seen{above}; a pose cannot be lifted without it")
    detected[~seen] = 0
    complete = gaps.interpolate_missing(detected, seen)
    complete[..., 2] = detected[..., 2]
    mapped = (weights / totals) @ complete
    filled = (~seen).astype(np.float32) @ (conversion_weights.T != 0) > 0
    notes = _gap_notes(person, seen, weights.any(axis=0)) + _image_size_notes(person, detected, seen)
    return Preprocessed(mapped.astype(np.float32), filled, notes)


def crop_to_person(keypoints: np.ndarray, share: float) -> tuple[np.ndarray, float]:
    """Keypoints in a square window around the person, one for the whole track, in which the person has a given size.

    People who are far away or at the image's edge then look to the network like those of its training. The window is
    nearly the image of a camera of a longer focal length that is aimed at the person; the axes of the poses are those
    of this camera.

    Args:
      keypoints: (T, K, 2 or 3) pixels.
      share: size of the person in the window (`track.person_extent`), relative to the window's width.

    Returns:
      Keypoints (T, K, 2 or 3), relative to the window's corner, and the window's width, which is its height, in pixels.
    """
    xy = keypoints[..., :2]
    side = max(person_extent(keypoints), 1.0) / share
    corner = np.median((xy.min(axis=1) + xy.max(axis=1)) / 2, axis=0) - side / 2
    return np.concatenate([xy - corner.astype(xy.dtype), keypoints[..., 2:]], axis=-1), side


def _gap_notes(person: Detections, seen: np.ndarray, used: np.ndarray) -> tuple[str, ...]:
    """A warning about gaps in the keypoints (K,) that are used; none if there are no gaps."""
    unseen_share = 1 - seen[:, used].mean()
    if not unseen_share:
        return ()
    longest = gaps.longest_gap(seen) * used
    worst = int(longest.argmax())
    seconds = longest[worst] / person.fps
    guess = f": longer than {LONG_GAP_S} s, a guess" if seconds > LONG_GAP_S else ""
    return (
        f"track {person.name}: {unseen_share:.1%} of the keypoints were not seen and are interpolated; the longest gap "
        f"is {longest[worst]} frames ({seconds:.1f} s), of {person.layout.joints[worst]}{guess}",
    )


def _image_size_notes(person: Detections, keypoints: np.ndarray, seen: np.ndarray) -> tuple[str, ...]:
    """A warning if many keypoints lie outside the image, as with a wrong image size."""
    xy = keypoints[..., :2][seen]
    outside = ((xy < 0) | (xy > (person.width, person.height))).any(axis=-1).mean()
    if outside <= 0.05:
        return ()
    return (
        f"track {person.name}: {outside:.0%} of the keypoints lie outside the image of {person.width} x "
        f"{person.height} pixels; check the image size",
    )
