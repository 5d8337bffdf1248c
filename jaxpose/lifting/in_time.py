"""Keypoints and poses in time: change the frame rate of keypoints, and bridge long gaps in poses."""

import numpy as np

from jaxpose.data.resampling import resample
from jaxpose.skeleton import Skeleton


def resample_keypoints(keypoints: np.ndarray, source_fps: float, target_fps: float) -> np.ndarray:
    """Change the frame rate of keypoints; one that is not seen in a frame nearby (confidence 0) is not seen.

    Args:
      keypoints: (T, K, 3) pixels and a confidence.
      source_fps: their rate.
      target_fps: the new rate.

    Returns:
      (T', K, 3), as `resampling.resample` has it; the confidence is the smaller one of the frames before and after.
    """
    pixels = resample(keypoints[..., :2], source_fps, target_fps)
    place = np.arange(len(pixels)) * (source_fps / target_fps)
    before, after = (
        np.clip(whole(place).astype(int), 0, len(keypoints) - 1)
        for whole in (lambda x: np.floor(x + _ROUNDING), lambda x: np.ceil(x - _ROUNDING))
    )
    confidence = np.minimum(keypoints[before, :, 2:], keypoints[after, :, 2:])
    return np.concatenate([pixels, confidence], axis=-1)


_ROUNDING = 1e-3  # frames; of a rate that is not a fraction


def bridge_gaps(positions: np.ndarray, seen: np.ndarray, longest: int, skeleton: Skeleton) -> np.ndarray:
    """Replace poses in long gaps by a motion from the pose before to the pose after, in which bones turn.

    Directions of bones are interpolated linearly and normalised, their lengths and the roots linearly. Before the first
    frame that is seen, and after the last, its pose is held.

    Args:
      positions: (T, J, 3).
      seen: (T,) bool, frames in which anything of the person was seen; if none is, nothing is changed.
      longest: frames of the longest gap that is left as it is.
      skeleton: of the positions.

    Returns:
      (T, J, 3), a copy if anything is changed.
    """
    frames = np.flatnonzero(seen)
    time = np.arange(len(seen))
    before = np.searchsorted(frames, time, side="right") - 1  # the last frame seen; -1 if there is none
    bounds = np.concatenate([[-1], frames, [len(seen)]])
    gap = ~seen & (bounds[before + 2] - bounds[before + 1] - 1 > longest)
    if not (gap.any() and len(frames)):
        return positions
    last, first = (frames[np.clip(before[gap] + step, 0, len(frames) - 1)] for step in (0, 1))
    share = np.where(last < first, (time[gap] - last) / np.maximum(first - last, 1), 0)[:, None]
    earlier, later = positions[last], positions[first]
    bridged = (1 - share[..., None]) * earlier + share[..., None] * later
    for joint, parent in enumerate(skeleton.parents):
        if parent >= 0:
            old, new = (pose[:, joint] - pose[:, parent] for pose in (earlier, later))
            (old_unit, old_length), (new_unit, new_length) = _unit(old), _unit(new)
            direction, _ = _unit((1 - share) * old_unit + share * new_unit)
            length = (1 - share) * old_length + share * new_length
            bridged[:, joint] = bridged[:, parent] + length * direction
    result = positions.copy()
    result[gap] = bridged
    return result


def _unit(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vectors (N, 3) scaled to length one, and their lengths (N, 1); the zero vector stays zero."""
    lengths = np.sqrt(np.sum(vectors**2, axis=-1, keepdims=True))
    return vectors / np.maximum(lengths, _SHORT), lengths


_SHORT = 1e-6  # metres, or of a sum of two opposite directions: there is none
