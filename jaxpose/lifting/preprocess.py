"""Prepare keypoints for a lifter: exchange sides back, fill gaps, estimate what is never seen, map joints, crop."""

from fractions import Fraction
from typing import NamedTuple

import numpy as np

from jaxpose.data.track import person_extent
from jaxpose.keypoints import gaps
from jaxpose.keypoints.detections import Detections
from jaxpose.keypoints.layouts import conversion
from jaxpose.keypoints.proportions import can_be_estimated, estimation_weights
from jaxpose.keypoints.sides import exchange_back, find_exchanges
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import Skeleton

LONG_GAP_S = 0.5
"""Seconds; what is filled into a longer gap is a guess."""

_RARE_FRAMES, _RARE_SHARE = 10, 0.05  # seen in fewer frames than these, and in a smaller share of them: a blunder


class Unseen(NamedTuple):
    """What a network makes of keypoints that are not seen."""

    least_share: Fraction  # of its keypoints that must be seen of a person
    in_gaps: str  # what becomes of them, for notes
    never_seen: str


FILLED_IN = Unseen(
    Fraction(1, 2), "interpolated", "estimated from the other keypoints by the proportions of a standing body, a guess"
)
"""It takes them as they are filled in."""

LEFT_OUT = Unseen(
    Fraction(1, 3), "left out", "left out; where the network puts them, such as the legs of a half body, is a guess"
)
"""It is told that they are not seen. A third is the face and the shoulders."""


class Preprocessed(NamedTuple):
    """A person's keypoints in a lifter's layout, at the frame rate of the video."""

    keypoints: np.ndarray  # (T, K, 3) float32 pixels and a confidence, every frame from the first to the last
    filled: np.ndarray  # (T, K) bool, not seen in the image but filled or estimated
    notes: tuple[str, ...]  # warnings


def preprocess(
    person: Detections,
    layout: Skeleton,
    *,
    min_confidence: float = 0.0,
    keep_sides: bool = False,
    unseen: Unseen = FILLED_IN,
) -> Preprocessed:
    """Convert a person's keypoints to another layout; fill those that were not seen, with a confidence of 0.

    - Left and right that the detector exchanged for runs of frames are exchanged back (`sides.find_exchanges`).
    - Gaps are filled relative to the body (`gaps.fill_gaps`).
    - Keypoints that are never seen, such as the far hip of a person in profile, or in fewer than 10 frames and 5 % of
      those with the person, are estimated from the others (`proportions.estimation_weights`).

    Args:
      person: the track; frames may be missing.
      layout: the layout to convert to.
      min_confidence: keypoints whose confidence is not above it count as not seen.
      keep_sides: leave left and right as the detector has them.
      unseen: what the network makes of those that are not seen.

    Returns:
      The keypoints in that layout.

    Raises:
      InputError: too small a share of the keypoints that are needed is seen, or one is never seen whose name does not
        tell where it is; or there is no conversion between the layouts.
    """
    rows = person.frames - person.frames[0]
    detected = np.full((int(rows[-1]) + 1, *person.keypoints.shape[1:]), np.nan, np.float32)
    detected[rows] = person.keypoints
    seen = np.isfinite(detected).all(axis=-1) & (detected[..., 2] > min_confidence)
    notes: tuple[str, ...] = ()
    if not keep_sides:
        exchanged = find_exchanges(detected, seen, person.layout)
        detected = exchange_back(detected, exchanged, person.layout)
        seen = exchange_back(seen[..., None], exchanged, person.layout)[..., 0]
        notes += _exchange_notes(person, exchanged)
    rare = _rarely_seen(seen)
    try:
        weights = conversion(person.layout, layout, ~rare)
    except ValueError as error:
        raise InputError(f"the run takes {layout.name} keypoints: {error}; train a run for yours") from None
    needed = weights.any(axis=0)
    _check_seen(person, seen, rare, needed, min_confidence, unseen.least_share)
    estimated = rare & can_be_estimated(person.layout)
    notes += _estimate_notes(person, detected, seen, estimated & needed, min_confidence, unseen.never_seen)
    seen = seen & ~estimated
    detected[~seen] = 0
    pixels = gaps.fill_gaps(detected[..., :2], seen)
    pixels = estimation_weights(person.layout, seen.any(axis=0)).astype(np.float32) @ pixels
    mapped = weights @ np.concatenate([pixels, detected[..., 2:]], axis=-1)
    filled = (~seen).astype(np.float32) @ (weights.T != 0) > 0
    mapped[..., 2][filled] = 0  # also if it is the mean of one that is seen and one that is not
    notes += _gap_notes(person, seen, needed & ~estimated, unseen.in_gaps) + _image_size_notes(person, detected, seen)
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


def _rarely_seen(seen: np.ndarray) -> np.ndarray:
    """Which keypoints (K,) are never or hardly ever seen (T, K) in the frames in which any is."""
    count, frames = seen.sum(axis=0), seen.any(axis=1).sum()
    return (count == 0) | ((count < _RARE_FRAMES) & (count < _RARE_SHARE * frames))


def _check_seen(
    person: Detections,
    seen: np.ndarray,
    rare: np.ndarray,
    needed: np.ndarray,
    min_confidence: float,
    least_share: Fraction,
) -> None:
    """Raise `InputError` if a pose would be a guess: too few of the keypoints that are needed are seen."""
    above = f" with a confidence above {min_confidence:g}" if min_confidence else ""
    names = np.array(person.layout.joints)
    if (needed & ~rare).sum() < least_share * needed.sum():
        lower = "; lower --min-confidence" if min_confidence else ""
        raise InputError(
            f"track {person.name}: {(needed & ~rare).sum()} of the {needed.sum()} keypoints that the run needs are "
            f"seen{above}, too few for a pose, without {', '.join(names[needed & rare])}{lower}"
        )
    if (lost := needed & ~seen.any(axis=0) & ~can_be_estimated(person.layout)).any():
        raise InputError(
            f"track {person.name}: {', '.join(names[lost])} never seen{above}; a pose cannot be lifted without it"
        )


def _exchange_notes(person: Detections, exchanged: np.ndarray) -> tuple[str, ...]:
    """A note about frames with keypoints (T, K) whose sides were exchanged back; none if there are none."""
    frames = exchanged.any(axis=1)
    if not frames.any():
        return ()
    starts = np.flatnonzero(frames & ~np.concatenate([[False], frames[:-1]]))
    return (
        f"track {person.name}: the detector exchanged left and right in {frames.sum()} of {len(frames)} frames, "
        f"{len(starts)} times, first in frame {person.frames[0] + starts[0]}; they are exchanged back, for smooth "
        "motion (--keep-sides, keep_sides=True, leaves them)",
    )


def _estimate_notes(
    person: Detections,
    detected: np.ndarray,
    seen: np.ndarray,
    estimated: np.ndarray,
    min_confidence: float,
    consequence: str,
) -> tuple[str, ...]:
    """A note about keypoints (K,) that are estimated, and what that means; none if there are none."""
    if not estimated.any():
        return ()
    reasons = []
    for joint in np.flatnonzero(estimated):
        count, found = seen[:, joint].sum(), np.isfinite(detected[:, joint]).all(axis=-1)
        confidence = detected[found, joint, 2].max(initial=0)
        reason = f"seen in {count} of {len(seen)} frames" if count else "never seen"
        if confidence > 0 and not count:
            reason = f"its confidence is at most {confidence:.2g}, not above {min_confidence:g}"
        reasons.append(f"{person.layout.joints[joint]} ({reason})")
    return (f"track {person.name}: {', '.join(reasons)}: {consequence}",)


def _gap_notes(person: Detections, seen: np.ndarray, used: np.ndarray, becomes: str) -> tuple[str, ...]:
    """A warning about gaps in the keypoints (K,) that are used, and what becomes of them; none if there are no gaps."""
    unseen_share = 1 - seen[:, used].mean()
    if not unseen_share:
        return ()
    longest = gaps.longest_gap(seen) * used
    worst = int(longest.argmax())
    seconds = longest[worst] / person.fps
    frames, digits = "frame" if longest[worst] == 1 else "frames", 1 if seconds >= 0.1 else 2
    guess = f": longer than {LONG_GAP_S} s, a guess" if seconds > LONG_GAP_S else ""
    return (
        f"track {person.name}: {unseen_share:.1%} of the keypoints were not seen and are {becomes}; the longest gap "
        f"is {longest[worst]} {frames} ({seconds:.{digits}f} s), of {person.layout.joints[worst]}{guess}",
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
