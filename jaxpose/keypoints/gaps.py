"""Gaps in tracks of keypoints: filled relative to the body, or by linear interpolation; and their lengths."""

import numpy as np

_NEAR = 0.05  # of the person's size: keypoints nearer than this to one that is not seen count alike
_RIGID = 0.1  # squared size of the person that is added to the squared spreads whose ratio is the change of scale
_BLOCK = 16384  # keypoints that are filled at a time, to bound the memory


def fill_gaps(values: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Fill missing keypoints relative to the body: they move with the keypoints that are seen.

    From the last frame in which a keypoint was seen, it is carried along by the keypoints that were seen then and are
    seen now: by their mean displacement, weighted by 1 / (distance² + (5 % of the person's size)²), so that those near
    to it count most; its offset from their mean is scaled as the spread of all of them has changed. From the next frame
    it is carried back likewise, and the two are blended linearly in time; before the first and after the last there is
    one alone. Keypoints in frames without any, or without any in common, are then interpolated linearly
    (`interpolate_missing`).

    Args:
      values: (T, K, 2) floating point pixels; values that were not seen are ignored and may be NaN.
      seen: (T, K) bool. A keypoint that was never seen is not changed.

    Returns:
      (T, K, 2), a copy. Translated or scaled values give translated or scaled results.
    """
    filled, known = values.copy(), seen.copy()
    size = person_size(values, seen)
    order = np.arange(len(seen))[:, None]
    before = np.maximum.accumulate(np.where(seen, order, -1), axis=0)  # the last frame in which it was seen
    after = np.minimum.accumulate(np.where(seen, order, len(seen))[::-1], axis=0)[::-1]
    missing = np.argwhere(~seen & seen.any(axis=0) & seen.any(axis=1, keepdims=True))
    for start in range(0, len(missing), _BLOCK):
        frame, keypoint = missing[start : start + _BLOCK].T
        (earlier, from_earlier), (later, from_later) = (
            _carried(values, seen, source[frame, keypoint], frame, keypoint, size) for source in (before, after)
        )
        gap = np.maximum(after[frame, keypoint] - before[frame, keypoint], 1)
        share = np.where(earlier & later, (frame - before[frame, keypoint]) / gap, later)[:, None]
        found = earlier | later
        blended = (1 - share) * from_earlier + share * from_later
        filled[frame[found], keypoint[found]] = blended[found]
        known[frame[found], keypoint[found]] = True
    return interpolate_missing(filled, known)


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


def person_size(values: np.ndarray, seen: np.ndarray) -> float:
    """The diagonal of the box around the keypoints (T, K, 2) that are seen, the median of the frames with two or more.

    Zero if there is no such frame.
    """
    several = seen.sum(axis=1) >= 2
    known, shown = values[several].astype(np.float64), seen[several][..., None]
    low, high = np.where(shown, known, np.inf).min(axis=1), np.where(shown, known, -np.inf).max(axis=1)
    return float(np.median(np.hypot(*(high - low).T))) if several.any() else 0.0


def _carried(
    values: np.ndarray, seen: np.ndarray, source: np.ndarray, frame: np.ndarray, keypoint: np.ndarray, size: float
) -> tuple[np.ndarray, np.ndarray]:
    """Keypoints as they are carried from a source frame to a frame, all (N,).

    Returns:
      Which could be (N,): there is a source frame, and some keypoint is seen in both; and their places (N, 2).
    """
    exists = (source >= 0) & (source < len(seen))
    source = np.where(exists, source, frame)
    both = (seen[source] & seen[frame])[..., None]  # (N, K, 1)
    then, now = (np.where(both, values[at], 0).astype(np.float64) for at in (source, frame))
    own = np.where(exists[:, None], values[source, keypoint], 0).astype(np.float64)
    distance = np.square(then - own[:, None]).sum(axis=-1, keepdims=True)
    near = both / np.maximum(distance + (_NEAR * size) ** 2, np.finfo(np.float64).tiny)
    mean_then, mean_now = _weighted_mean(then, near), _weighted_mean(now, near)
    spread_then, spread_now = (
        (both * np.square(at - _weighted_mean(at, both)[:, None])).sum(axis=(1, 2)) + _RIGID * size**2
        for at in (then, now)
    )
    scale = np.sqrt(np.divide(spread_now, spread_then, out=np.ones(len(frame)), where=spread_then > 0))
    return exists & both.any(axis=(1, 2)), mean_now + scale[:, None] * (own - mean_then)


def _weighted_mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The means (N, 2) of values (N, K, 2) with weights (N, K, 1); zero where all weights are."""
    total = weights.sum(axis=1)
    return np.divide((weights * values).sum(axis=1), total, out=np.zeros_like(values[:, 0]), where=total > 0)
