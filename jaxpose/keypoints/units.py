"""The unit of coordinates, pixels or shares of the image's size: most keypoints of nearly all poses decide."""

from pathlib import Path

import numpy as np

from jaxpose.runtime.errors import InputError

_NEAR = 2.0
"""Coordinates that are divided by the image's size: some programs place keypoints somewhat outside of the image."""
_FEW = 0.05  # share of the poses that may be otherwise: keypoints in a corner of the image, or far outside
_ABOUT_ZERO = 1 / 3  # share of the coordinates that are negative where zero is the person, not the image's corner
_TELEPHONE = 1.5  # ratio of the sides from which an image may be a telephone's, upright or lying
_INSIDE = 0.15  # of a side from its ends: people are seldom filmed at the edge


def seen_keypoints(keypoints: np.ndarray) -> np.ndarray:
    """Which keypoints (N, K) of (N, K, 3) were seen: x, y and a confidence above zero."""
    return np.isfinite(keypoints[..., :2]).all(axis=-1) & (keypoints[..., 2] > 0)


def are_divided_by_size(path: Path, keypoints: np.ndarray) -> bool:
    """Whether x and y are divided by the image's width and height.

    They are if most keypoints of each pose are at most 2: as pixels, all people would stand in a corner of two pixels.
    Single keypoints far outside of the image do not count, nor do one in twenty of the poses.

    Args:
      path: of the file, for messages.
      keypoints: (N, K, 3) x, y and a confidence; NaN or a confidence of 0 where a keypoint was not seen.

    Raises:
      InputError: some poses are in pixels and others are not; or the coordinates lie about zero, as those of landmarks
        in metres and those scaled to -1 to 1.
    """
    seen = seen_keypoints(keypoints)
    near = seen & (np.abs(np.where(seen[..., None], keypoints[..., :2], np.inf)) <= _NEAR).all(axis=-1)
    found = seen.any(axis=1)
    if not found.any():
        return False
    poses_near = 2 * near.sum(axis=1)[found] > seen.sum(axis=1)[found]
    if poses_near.mean() <= _FEW:
        return False
    if poses_near.mean() < 1 - _FEW:
        raise InputError(
            f"{path}: x and y are at most {_NEAR:g} in {poses_near.sum()} of {len(poses_near)} poses, and larger in "
            "the others: they can be pixels or divided by the image's size; write all of them in pixels"
        )
    negative = (keypoints[..., :2][near] < 0).mean()
    if negative >= _ABOUT_ZERO:
        raise InputError(
            f"{path}: x and y lie about zero ({negative:.0%} are negative), as landmarks in metres about the hips "
            "(MediaPipe's world landmarks) or coordinates scaled to -1 to 1; export the landmarks of the image"
        )
    return True


def in_pixels(
    path: Path, keypoints: np.ndarray, shares: bool | None, size: tuple[int, int]
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Convert keypoints to pixels if x and y are shares of the image's width and height.

    Args:
      path: of the file, for messages.
      keypoints: (N, K, 3) x, y and a confidence.
      shares: whether the format has shares; None if programs write both.
      size: width and height of the image, pixels.

    Returns:
      (N, K, 3) pixels and a confidence; and a note if the file has another unit than its format.

    Raises:
      InputError: the unit cannot be told (`are_divided_by_size`).
    """
    divided = are_divided_by_size(path, keypoints)
    notes: tuple[str, ...] = ()
    if shares not in (None, divided):
        unit = "shares of the image's width and height" if divided else "pixels"
        notes = (f"{path}: x and y are read as {unit}, which is not usual in this format",)
    return keypoints * (*(size if divided else (1, 1)), 1), notes


def turned_notes(path: Path, keypoints: np.ndarray, size: tuple[int, int]) -> tuple[str, ...]:
    """A note if all keypoints (N, K, 3) would also lie within the image turned upright, or turned to lie.

    Nobody below y = 1080 and nobody right of x = 1080, in images said to be of 1920 x 1080, can be an upright video. A
    person in the middle of the wide image is not meant: that would be the edge of the upright one.
    """
    width, height = size
    short, long = min(size), max(size)
    places = keypoints[..., :2][seen_keypoints(keypoints)]
    if long < _TELEPHONE * short or places.max() > short:
        return ()
    if not _INSIDE < np.median(places[:, 0 if width > height else 1]) / short < 1 - _INSIDE:
        return ()
    side = "right of" if width > height else "below"
    return (
        f"{path}: no keypoint is {side} {short} in images of {width} x {height} pixels; if the video is turned, give "
        f"--size {height} {width}",
    )
