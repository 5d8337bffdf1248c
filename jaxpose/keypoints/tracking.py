"""Link detections of several people over time, for detectors without track ids."""

from collections.abc import Sequence

import numpy as np

_MAX_DISTANCE = 0.5  # from a track's last pose, relative to the person's size; a farther pose is another person's
_MAX_SPEED = 0.05  # sizes of the person a frame, where detections are many frames apart
_MAX_GAP = 30  # frames without the person, after which a track ends; in results of every n-th frame, such frames
_REGULAR = 0.9  # share of the steps that are as in results of every n-th frame


def associate(frames: np.ndarray, keypoints: np.ndarray) -> list[int]:
    """Link detections to the nearest pose before them.

    In each frame, open tracks and detections are matched so that the sum of their distances is least (Hungarian
    method). The distance is the mean over the keypoints seen in both, divided by the person's size (the diagonal of the
    box around the track's last pose). At 0.5 or more, or after 30 frames without the person, a new track begins. Where
    the file has every n-th frame only (`frame_step`), the end comes after 30 of these, and a pose may be 0.05 n sizes
    away.
    Motion and appearance are not modelled: people who cross each other can be exchanged. A detector's own track ids are
    better.

    Args:
      frames: (N,) integers, in any order.
      keypoints: (N, K, 3) x, y and a confidence; zero or NaN where nothing was seen.

    Returns:
      The number of the person of each detection, from 1 in order of appearance.
    """
    numbers = _linked(frames, keypoints, [None] * len(frames), frame_step(frames), start_tracks=True)
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
    named, step = list(ids), frame_step(frames)
    for times in (frames, -frames):
        named = _linked(times, keypoints, named, step, start_tracks=False)
    rest = [row for row, person in enumerate(named) if person is None]
    joined = list(ids).count(None) - len(rest)
    prefix = "new"
    while any(person.startswith(prefix) for person in named if person is not None):
        prefix += "_"
    if rest:
        numbers = _linked(frames[rest], keypoints[rest], [None] * len(rest), step, start_tracks=True)
        for row, number in zip(rest, numbers, strict=True):
            named[row] = f"{prefix}{number}"
    return [str(person) for person in named], joined


def frame_step(frames: np.ndarray) -> int:
    """How many frames lie from one that has detections to the next, in a file of every n-th frame; otherwise 1.

    Nine of ten steps are n or longer, and as many are a multiple of n.
    """
    steps = np.diff(np.unique(frames))
    if not steps.size:
        return 1
    step = int(np.quantile(steps, 0.1, method="lower"))
    return step if (steps % step == 0).mean() >= _REGULAR else 1


def jumps(frames: np.ndarray, keypoints: np.ndarray, people: Sequence[str]) -> tuple[int, int]:
    """Count how often people are farther from their last pose than `associate` would link, from frame to frame.

    Args:
      frames: (N,) integers, in any order.
      keypoints: (N, K, 3) x, y and a confidence; zero or NaN where nothing was seen.
      people: (N,) track ids.

    Returns:
      The number of such steps, and of all steps from a frame of the file to the next.
    """
    step = frame_step(frames)
    names = np.unique(np.asarray(people), return_inverse=True)[1]
    order = np.lexsort((frames, names))
    before, after = order[:-1], order[1:]
    follows = (names[before] == names[after]) & (frames[after] - frames[before] == step)
    before, after = before[follows], after[follows]
    distances = pose_distance(keypoints[before], keypoints[after])
    return int((distances >= _farthest(step)).sum()), len(distances)


def _linked(
    frames: np.ndarray, keypoints: np.ndarray, people: Sequence[str | None], step: int, *, start_tracks: bool
) -> list[str | None]:
    """Link detections without a name to tracks before them; the others of a frame stay as they are.

    With `start_tracks`, a detection that is near no track starts one, which is called by the next number.
    """
    from scipy.optimize import linear_sum_assignment  # here, as files with track ids do not need it

    named = list(people)
    farthest = _farthest(step)
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
            distances = pose_distance(last[:, None], keypoints[unnamed])
            for line, column in zip(*linear_sum_assignment(distances), strict=True):
                if distances[line, column] < farthest:
                    named[unnamed[column]] = open_tracks[line]
        for row in rows:
            if named[row] is None and start_tracks:
                named[row] = str(len(latest) + 1)
            if named[row] is not None:
                latest[named[row]] = row
    return named


def _farthest(step: int) -> float:
    """From which distance on a pose is that of another person, in sizes of the person."""
    return max(_MAX_DISTANCE, _MAX_SPEED * step)


def pose_distance(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Mean distance (...) of the keypoints of poses (..., K, 3) and (..., K, 3), relative to the first person's size.

    Keypoints count that are seen in both: finite, with a confidence above 0. 1e9 if there are none. The size is the
    diagonal of the box around what was seen, at least a pixel.
    """
    both = _seen(first) & _seen(second)
    moves = np.where(both[..., None], first[..., :2], 0) - np.where(both[..., None], second[..., :2], 0)
    count = both.sum(-1)
    mean = np.hypot(moves[..., 0], moves[..., 1]).sum(-1) / np.maximum(count, 1)
    low, high = seen_boxes(first)
    sides = np.maximum(high - low, 0)
    return np.where(count > 0, mean / np.maximum(np.hypot(sides[..., 0], sides[..., 1]), 1), 1e9)


def seen_boxes(keypoints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Corners (..., 2) of the boxes around what was seen of (..., K, 3): low, high; low above high if nothing was."""
    seen = _seen(keypoints)[..., None]
    low = np.where(seen, keypoints[..., :2], np.inf).min(axis=-2, initial=np.inf)
    high = np.where(seen, keypoints[..., :2], -np.inf).max(axis=-2, initial=-np.inf)
    return low, high


def _seen(keypoints: np.ndarray) -> np.ndarray:
    """Which keypoints (..., K) of (..., K, 3) were seen."""
    return np.isfinite(keypoints).all(-1) & (keypoints[..., 2] > 0)
