"""Detections that show a person again: detectors draw several boxes over one person, most of them with low scores."""

from collections.abc import Iterator

import numpy as np

from jaxpose.keypoints.tracking import pose_distance, seen_boxes

_SAME_POSE = 0.04
"""Mean distance of the keypoints, relative to the person's size: nearer are the same person's. Detectors' noise is
about 0.02; two people who walk through each other's image in opposite directions come as near as 0.04 in a frame of a
hundred of those in which they cover each other, and mostly to 0.08."""
_COVERED = 0.7  # share of a box that lies in another's
_PAIRS = 4096  # compared at once
_LOW_SCORE = 0.5  # of the score of the person whose box covers it


def person_scores(keypoints: np.ndarray) -> np.ndarray:
    """Scores of detections by their keypoints: the mean confidence of those that were seen.

    Args:
      keypoints: (N, K, 3) x, y and a confidence; zero or NaN where nothing was seen.

    Returns:
      (N,), 0 where nothing was seen.
    """
    seen = np.isfinite(keypoints).all(axis=-1) & (keypoints[..., 2] > 0)
    total = np.where(seen, keypoints[..., 2], 0).sum(axis=-1)
    return total / np.maximum(seen.sum(axis=-1), 1)


def without_duplicates(
    frames: np.ndarray, keypoints: np.ndarray, scores: np.ndarray, ids: list[str | None], *, by_score: bool
) -> np.ndarray:
    """Find the detections that are people, each once a frame.

    Of two detections with nearly the same pose, the one with the lower score is left out, unless they have different
    track ids. With `by_score`, so is a detection most of whose box lies in that of another with twice its score.

    Args:
      frames: (N,) integers, in any order.
      keypoints: (N, K, 3) x, y and a confidence; zero or NaN where nothing was seen.
      scores: (N,) of the detections.
      ids: (N,) track ids, or None.
      by_score: whether the scores are those of a detector of people, which are low for a part of a person.

    Returns:
      Which detections to keep (N,), bool.
    """
    order = np.lexsort((-scores, frames))
    named = np.array([person is not None for person in ids])
    kept = np.ones(len(frames), bool)
    for better, worse in _pairs(frames, order):
        distances = pose_distance(keypoints[better], keypoints[worse])
        both_named = named[better] & named[worse]
        differ = np.array([ids[a] != ids[b] for a, b in zip(better, worse, strict=True)], bool)
        again = (distances < _SAME_POSE) & ~(both_named & differ)
        if by_score:
            covered = _covered_share(keypoints[better], keypoints[worse])
            again |= (covered > _COVERED) & (scores[worse] < _LOW_SCORE * scores[better]) & ~named[worse]
        for a, b in zip(better[again], worse[again], strict=True):
            kept[b] &= not kept[a]
    return kept


def _pairs(frames: np.ndarray, order: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of detections of the same frame, the better one first; those that are better than the others come first."""
    counts = np.unique(frames, return_counts=True)[1]
    place = np.concatenate([np.arange(count) for count in counts])  # in the frame
    others = np.repeat(counts, counts) - place - 1  # of the frame, that are worse
    for rank in range(int(counts.max()) - 1):
        at = np.flatnonzero((place == rank) & (others > 0))
        better = np.repeat(at, others[at])
        worse = better + 1 + np.concatenate([np.arange(count) for count in others[at]])
        for part in np.array_split(np.arange(len(better)), len(better) // _PAIRS + 1):
            yield order[better[part]], order[worse[part]]


def _covered_share(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Share (N,) of the box around the second pose that lies in that of the first; 0 if nothing was seen of one."""
    (low, high), (other_low, other_high) = seen_boxes(first), seen_boxes(second)
    area = np.prod(np.maximum(other_high - other_low, 0), axis=-1)
    overlap = np.prod(np.maximum(np.minimum(high, other_high) - np.maximum(low, other_low), 0), axis=-1)
    return np.where(area > 0, overlap / np.where(area > 0, area, 1), 0)
