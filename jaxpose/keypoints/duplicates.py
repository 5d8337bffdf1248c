"""Detections that show a person again: detectors draw several boxes over one person, most of them with low scores."""

import numpy as np

from jaxpose.keypoints.tracking import pose_distances, seen_boxes

_SAME_POSE = 0.1  # mean distance of the keypoints, relative to the person's size: nearer are the same person's
_COVERED = 0.7  # share of a box that lies in another's
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
    kept = np.ones(len(frames), bool)
    order = np.argsort(frames, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(frames[order])) + 1):
        if len(rows) < 2:
            continue
        rows = rows[np.argsort(-scores[rows], kind="stable")]
        distances = pose_distances(keypoints[rows], keypoints[rows])
        covered = _covered_shares(keypoints[rows])
        for place, row in enumerate(rows):
            better = [at for at in range(place) if kept[rows[at]]]
            other = [ids[rows[at]] not in (ids[row], None) and ids[row] is not None for at in better]
            again = (distances[better, place] < _SAME_POSE) & ~np.array(other, bool)
            if by_score and ids[row] is None:
                again |= (covered[better, place] > _COVERED) & (scores[row] < _LOW_SCORE * scores[rows[better]])
            kept[row] = not again.any()
    return kept


def _covered_shares(keypoints: np.ndarray) -> np.ndarray:
    """Share (P, P) of the second person's box that lies in the first one's; 0 for people of whom nothing was seen."""
    low, high = seen_boxes(keypoints)
    area = np.prod(np.maximum(high - low, 0), axis=-1)
    sides = np.minimum(high[:, None], high) - np.maximum(low[:, None], low)
    overlap = np.prod(np.maximum(sides, 0), axis=-1)
    return np.where(area > 0, overlap / np.where(area > 0, area, 1), 0)
