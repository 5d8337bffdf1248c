"""Keypoints as a lifter wants them: missing ones interpolated, joints mapped, people brought to the usual size."""

from typing import NamedTuple

import numpy as np

from jaxpose.data.track import person_extent
from jaxpose.keypoints import gaps
from jaxpose.keypoints.detections import Detections
from jaxpose.keypoints.layouts import conversion
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import Skeleton

LONG_GAP_S = 0.5
"""Across longer gaps, a straight line is a guess."""


class Preprocessed(NamedTuple):
    """A person's keypoints, as a lifter wants them but for the frame rate."""

    keypoints: np.ndarray  # (T, K, 3) float32 pixels and a confidence, every frame from the first to the last
    filled: np.ndarray  # (T, K) bool, what was not seen in the image
    notes: tuple[str, ...]  # what the user should know


def preprocess(person: Detections, layout: Skeleton, *, min_confidence: float = 0.0) -> Preprocessed:
    """A person's keypoints in another layout, every frame of them.

    What was not seen is interpolated in time (`interpolate_missing`), and its confidence is 0. Of a midpoint of
    which one end is never seen, as the far eye of somebody in profile, the other end takes the place.

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
    whole = gaps.interpolate_missing(found, seen)
    whole[..., 2] = found[..., 2]
    mapped = (weights / shares) @ whole
    filled = (~seen).astype(np.float32) @ (recipe.T != 0) > 0
    return Preprocessed(mapped.astype(np.float32), filled, tuple(_notes(person, found, seen, weights.any(axis=0))))


def cropped(keypoints: np.ndarray, share: float) -> tuple[np.ndarray, float]:
    """Keypoints in a square window around the person, one for the whole track, in which people have the usual size.

    People who are far away or at the image's edge then look to the network as those whom it was trained on. A window is
    nearly what a camera of a longer focal length sees that is aimed at the person: its axes are those of the poses.

    Args:
      keypoints: (T, K, 2 or 3) pixels.
      share: how large people are in the images of the training (`track.person_extent`), of their width.

    Returns:
      Keypoints (T, K, 2 or 3), relative to the window's corner, and how wide and high the window is, in pixels.
    """
    xy = keypoints[..., :2]
    side = max(person_extent(keypoints), 1.0) / share
    corner = np.median((xy.min(axis=1) + xy.max(axis=1)) / 2, axis=0) - side / 2
    return np.concatenate([xy - corner.astype(xy.dtype), keypoints[..., 2:]], axis=-1), side


def _notes(person: Detections, found: np.ndarray, seen: np.ndarray, used: np.ndarray) -> list[str]:
    """What the user should know of the keypoints that are used."""
    notes, share = [], 1 - seen[:, used].mean()
    if share:
        missing = gaps.longest_gap(seen) * used
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
