"""Link detections of several people over time, for detectors without track ids."""

from collections.abc import Sequence

import numpy as np

_MAX_DISTANCE = 0.5  # from a track's last pose, relative to the person's size; a farther pose is another person's
_MAX_SPEED = 0.05  # sizes of the person a frame, where detections are many frames apart
_MAX_GAP = 30  # frames without the person, after which a track ends; in results of every n-th frame, such frames


def associate(frames: np.ndarray, keypoints: np.ndarray) -> list[int]:
    """Link detections to the nearest pose before them.

    In each frame, open tracks and detections are matched so that the sum of their distances is least (Hungarian
    method). The distance is the mean over the keypoints seen in both, divided by the person's size (the diagonal of the
    box around the track's last pose). At 0.5 or more, or after 30 frames without the person, a new track begins. Where
    the file has every n-th frame only (`least_step`), the end comes after 30 of these, and a pose may be 0.05 n sizes
    away.
    Motion and appearance are not modelled: people who cross each other can be exchanged. A detector's own track ids are
    better.

    Args:
      frames: (N,) integers, in any order.
      keypoints: (N, K, 3) x, y and a confidence; zero or NaN where nothing was seen.

    Returns:
      The number of the person of each detection, from 1 in order of appearance.
    """
    numbers = _linked(frames, keypoints, [None] * len(frames), start_tracks=True)
    return [int(number) for number in numbers if number is not None]


def adopt_unnamed(frames: np.ndarray, keypoints: np.ndarray, ids: Sequence[str | None]) -> tuple[list[str], int]:
    """Give ids to detections that have none, in a file where others have one.

    Such a detection joins the track whose pose is nearest before it, or else after it, by the limits of `associate`,
    if that track is not in its frame. What is left is linked to tracks of its own, "new1", "new2", ….

    Args:
      frames: (N,) integers, in any order.
      keypoints: (N, K, 3) x, y and a confidence; zero or NaN where nothing was seen.
      ids: (N,) track ids; None where a detection has none.

    Returns:
      The ids, and how many detections joined a track that has an id in the file.
    """
    named = list(ids)
    for times in (frames, -frames):
        named = _linked(times, keypoints, named, start_tracks=False)
    rest = [row for row, person in enumerate(named) if person is None]
    joined = ids.count(None) - len(rest)
    if rest:
        for row, number in zip(rest, associate(frames[rest], keypoints[rest]), strict=True):
            named[row] = f"new{number}"
    return [str(person) for person in named], joined


def least_step(frames: np.ndarray) -> int:
    """Frames from one that has detections to the next: nine of ten steps are this long or longer; 1 without steps."""
    steps = np.diff(np.unique(frames))
    return int(np.quantile(steps, 0.1, method="lower")) if steps.size else 1


def _linked(
    frames: np.ndarray, keypoints: np.ndarray, people: Sequence[str | None], *, start_tracks: bool
) -> list[str | None]:
    """Link detections without a name to tracks before them; the others of a frame stay as they are.

    With `start_tracks`, a detection that is near no track starts one, which is called by the next number.
    """
    from scipy.optimize import linear_sum_assignment  # here, as files with track ids do not need it

    named = list(people)
    step = least_step(frames)
    farthest = max(_MAX_DISTANCE, _MAX_SPEED * step)
    latest: dict[str, int] = {}  # the last detection of each person
    order = np.argsort(frames, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(frames[order])) + 1):
        frame = frames[rows[0]]
        present = {named[row] for row in rows}
        unnamed = [row for row in rows if named[row] is None]
        if unnamed:
            open_tracks = [
                person
                for person, row in latest.items()
                if frame - frames[row] <= _MAX_GAP * step and person not in present
            ]
            last = keypoints[[latest[person] for person in open_tracks]]
            distances = pose_distances(last, keypoints[unnamed])
            for line, column in zip(*linear_sum_assignment(distances), strict=True):
                if distances[line, column] < farthest:
                    named[unnamed[column]] = open_tracks[line]
        for row in rows:
            if named[row] is None and start_tracks:
                named[row] = str(len(latest) + 1)
            if named[row] is not None:
                latest[named[row]] = row
    return named


def pose_distances(last: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Mean distances (P, D) of poses (P, K, 3) and (D, K, 3), relative to the sizes of the first.

    Keypoints count that are seen in both: finite, with a confidence above 0. 1e9 if there are none.
    """
    seen_last, seen_new = (_seen(poses) for poses in (last, new))
    both = seen_last[:, None] & seen_new  # (P, D, K)
    xy_last, xy_new = (
        np.where(seen[..., None], poses[..., :2], 0) for seen, poses in ((seen_last, last), (seen_new, new))
    )
    distance = np.hypot(*np.moveaxis(xy_last[:, None] - xy_new, -1, 0))
    low, high = seen_boxes(last)
    size = np.maximum(np.hypot(*np.maximum(high - low, 0).T), 1)[:, None]
    count = both.sum(-1)
    return np.where(count > 0, (distance * both).sum(-1) / np.maximum(count, 1) / size, 1e9)


def seen_boxes(keypoints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Low and high corners (P, 2) of the boxes around what was seen of (P, K, 3); low above high if nothing was."""
    seen = _seen(keypoints)[..., None]
    low = np.where(seen, keypoints[..., :2], np.inf).min(axis=1, initial=np.inf)
    high = np.where(seen, keypoints[..., :2], -np.inf).max(axis=1, initial=-np.inf)
    return low, high


def _seen(keypoints: np.ndarray) -> np.ndarray:
    """Which keypoints (P, K) of (P, K, 3) were seen."""
    return np.isfinite(keypoints).all(-1) & (keypoints[..., 2] > 0)
