"""Which detection is whose, where a detector has no track ids."""

import numpy as np
from scipy.optimize import linear_sum_assignment

_NEAR = 0.5  # of a person's size: a pose farther from the last one is somebody else's
_FORGET = 30  # frames without the person, after which a track ends


def associate(frames: np.ndarray, keypoints: np.ndarray) -> list[int]:
    """Link detections to the nearest pose before them.

    Frame by frame, open tracks and detections are matched so that the sum of their distances is least (Hungarian
    method). The distance is that of the keypoints seen in both, on average, divided by the person's size (the
    diagonal of the box around the track's last pose); at 0.5 or more, and after 30 frames without the person, a new
    track begins. There is no model of motion or looks: people who cross each other can be exchanged, and a detector's
    own track ids are better.

    Args:
      frames: (N,) integers, in any order.
      keypoints: (N, K, 3) x, y and a confidence; zero or NaN where nothing was seen.

    Returns:
      N numbers of people, from 1 in order of appearance.
    """
    people = [0] * len(frames)
    latest: dict[int, int] = {}  # the last detection of each person
    order = np.argsort(frames, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(frames[order])) + 1):
        frame = frames[rows[0]]
        open_tracks = [person for person, row in latest.items() if frame - frames[row] <= _FORGET]
        last = keypoints[[latest[person] for person in open_tracks]]
        distances = _distances(last, keypoints[rows])
        matched = {
            rows[column]: open_tracks[line]
            for line, column in zip(*linear_sum_assignment(distances), strict=True)
            if distances[line, column] < _NEAR
        }
        for row in rows:
            people[row] = matched.get(row, len(latest) + 1)
            latest[people[row]] = row
    return people


def _distances(last: np.ndarray, found: np.ndarray) -> np.ndarray:
    """(P, K, 3) and (D, K, 3) to (P, D), in sizes of the P people; 1 where nothing was seen in both."""
    seen_last, seen_found = (np.isfinite(poses).all(-1) & (poses[..., 2] > 0) for poses in (last, found))
    both = seen_last[:, None] & seen_found  # (P, D, K)
    xy_last, xy_found = (
        np.where(seen[..., None], poses[..., :2], 0) for seen, poses in ((seen_last, last), (seen_found, found))
    )
    apart = np.hypot(*np.moveaxis(xy_last[:, None] - xy_found, -1, 0))
    low = np.where(seen_last[..., None], last[..., :2], np.inf).min(axis=1, initial=np.inf)
    high = np.where(seen_last[..., None], last[..., :2], -np.inf).max(axis=1, initial=-np.inf)
    size = np.maximum(np.hypot(*np.maximum(high - low, 0).T), 1)[:, None]
    count = both.sum(-1)
    return np.where(count > 0, (apart * both).sum(-1) / np.maximum(count, 1) / size, 1.0)
