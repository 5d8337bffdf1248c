"""Gaps in tracks of keypoints: linear interpolation across them, and their lengths."""

import numpy as np


def interpolate_missing(values: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Interpolate missing keypoints linearly in time; the first and last seen values are held to the ends.

    Args:
      values: (T, K, C) floating point; values that were not seen are ignored and may be NaN.
      seen: (T, K) bool. A keypoint that was never seen is not changed.

    Returns:
      (T, K, C), a copy.
    """
    filled, time = values.copy(), np.arange(len(values))
    for keypoint in np.flatnonzero(seen.any(axis=0) & ~seen.all(axis=0)):
        known = seen[:, keypoint]
        for channel in range(values.shape[2]):
            filled[~known, keypoint, channel] = np.interp(time[~known], time[known], values[known, keypoint, channel])
    return filled


def longest_gap(seen: np.ndarray) -> np.ndarray:
    """The longest gap of each keypoint, (K,) frames, where `seen` is (T, K) bool."""
    frames = np.arange(1, len(seen) + 1)[:, None]
    since = frames - np.maximum.accumulate(np.where(seen, frames, 0), axis=0)
    return since.max(axis=0, initial=0)
