"""Link detections of several people over time, for detectors without track ids."""

import numpy as np

_MAX_DISTANCE = 0.5  # from a track's last pose, relative to the person's size; a farther pose is another person's
_MAX_GAP = 30  # frames without the person, after which a track ends


def associate(frames: np.ndarray, keypoints: np.ndarray) -> list[int]:
    """Link detections to the nearest pose before them.

    In each frame, open tracks and detections are matched so that the sum of their distances is least (Hungarian
    method). The distance is the mean over the keypoints seen in both, divided by the person's size (the diagonal of the
    box around the track's last pose). At 0.5 or more, or after 30 frames without the person, a new track begins. Motion
    and appearance are not modelled: people who cross each other can be exchanged. A detector's own track ids are
    better.

    Args:
      frames: (N,) integers, in any order.
      keypoints: (N, K, 3) x, y and a confidence; zero or NaN where nothing was seen.

    Returns:
      The number of the person of each detection, from 1 in order of appearance.
    """
    from scipy.optimize import linear_sum_assignment  # here, as files with track ids do not need it

    people = [0] * len(frames)
    latest: dict[int, int] = {}  # the last detection of each person
    order = np.argsort(frames, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(frames[order])) + 1):
        frame = frames[rows[0]]
        open_tracks = [person for person, row in latest.items() if frame - frames[row] <= _MAX_GAP]
        last = keypoints[[latest[person] for person in open_tracks]]
        distances = _distances(last, keypoints[rows])
        matched = {
            rows[column]: open_tracks[line]
            for line, column in zip(*linear_sum_assignment(distances), strict=True)
            if distances[line, column] < _MAX_DISTANCE
        }
        for row in rows:
            people[row] = matched.get(row, len(latest) + 1)
            latest[people[row]] = row
    return people


def _distances(last: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Distances (P, D) of poses (P, K, 3) and (D, K, 3), relative to the people's sizes; 1 if none is in both."""
    seen_last, seen_new = (np.isfinite(poses).all(-1) & (poses[..., 2] > 0) for poses in (last, new))
    both = seen_last[:, None] & seen_new  # (P, D, K)
    xy_last, xy_new = (
        np.where(seen[..., None], poses[..., :2], 0) for seen, poses in ((seen_last, last), (seen_new, new))
    )
    distance = np.hypot(*np.moveaxis(xy_last[:, None] - xy_new, -1, 0))
    low = np.where(seen_last[..., None], last[..., :2], np.inf).min(axis=1, initial=np.inf)
    high = np.where(seen_last[..., None], last[..., :2], -np.inf).max(axis=1, initial=-np.inf)
    size = np.maximum(np.hypot(*np.maximum(high - low, 0).T), 1)[:, None]
    count = both.sum(-1)
    return np.where(count > 0, (distance * both).sum(-1) / np.maximum(count, 1) / size, 1.0)
