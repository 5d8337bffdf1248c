"""Gaps in tracks of keypoints: where they are, and straight lines across them."""

import numpy as np


def interpolate_missing(values: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Interpolate linearly in time what was not seen; before the first and after the last sight, that one is held.

    Args:
      values: (T, K, C) floating point; what it holds where nothing was seen, perhaps NaN, does not matter.
      seen: (T, K) bool. A keypoint that was never seen stays as it is.

    Returns:
      (T, K, C), a copy.
    """
    filled, time = values.copy(), np.arange(len(values))
    for keypoint in np.flatnonzero(seen.any(axis=0) & ~seen.all(axis=0)):
        here = seen[:, keypoint]
        for channel in range(values.shape[2]):
            filled[~here, keypoint, channel] = np.interp(time[~here], time[here], values[here, keypoint, channel])
    return filled


def longest_gap(seen: np.ndarray) -> np.ndarray:
    """(T, K) to (K,): the most frames in a row in which each keypoint was not seen."""
    frames = np.arange(1, len(seen) + 1)[:, None]
    since = frames - np.maximum.accumulate(np.where(seen, frames, 0), axis=0)
    return since.max(axis=0, initial=0)
