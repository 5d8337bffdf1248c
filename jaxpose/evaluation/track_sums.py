"""Sums over the frames of each track, in chunks of a fixed number of frames, whatever the lengths of the tracks."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence

import jax
import numpy as np

CHUNK = 4096
"""Frames of a chunk."""
LOOK_AHEAD = 2
"""Frames after its own that the value of a frame may depend on: a second difference in time."""

_IN_FLIGHT = 2  # chunks: one is computed while the values of the one before it are added


def sum_by_track(
    compute: Callable[..., Mapping[str, jax.Array]],
    arrays: Sequence[np.ndarray],
    lengths: np.ndarray,
    *,
    orders: Mapping[str, int] | None = None,
    squared: Sequence[str] = (),
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Sum values over each track's frames.

    Args:
      compute: gives values (C, ...) by name for frames (C + `LOOK_AHEAD`, ...) of the `arrays`; it sees chunks of one
        shape.
      arrays: (F, ...) each, the tracks end to end.
      lengths: (N,) frames of each track.
      orders: by name, how many of the next frames a value depends on, 0 if not named; values that depend on the next
        track are not summed.
      squared: names of values whose squares are summed, too.

    Returns:
      The sums (N, ...) by name, and the sums of squares (N, ...) by name; all in float64.
    """
    last, track = np.cumsum(lengths) - 1, np.repeat(np.arange(len(lengths)), lengths)
    sums: dict[str, np.ndarray] = {}
    squares: dict[str, np.ndarray] = {}
    pending: deque[tuple[np.ndarray, Mapping[str, jax.Array]]] = deque()

    def add() -> None:
        frames, computed = pending.popleft()
        for name, values in jax.device_get(dict(computed)).items():
            inside = frames + (orders or {}).get(name, 0) <= last[track[frames]]
            of_track, kept = track[frames][inside], np.asarray(values[: len(frames)][inside], np.float64)
            _add_by_track(sums, name, kept, of_track, len(lengths))
            if name in squared:  # in float64: a variance is a small difference of large numbers
                _add_by_track(squares, name, kept**2, of_track, len(lengths))

    for begin in range(0, len(track), CHUNK):
        rows = np.minimum(np.arange(begin, begin + CHUNK + LOOK_AHEAD), len(track) - 1)
        pending.append((rows[:CHUNK][: len(track) - begin], compute(*(array[rows] for array in arrays))))
        if len(pending) == _IN_FLIGHT:
            add()
    while pending:
        add()
    return sums, squares


def _add_by_track(sums: dict[str, np.ndarray], name: str, values: np.ndarray, track: np.ndarray, number: int) -> None:
    """Add values (M, ...) to the sums (number, ...) of their tracks (M,), which are in ascending order."""
    total = sums.setdefault(name, np.zeros((number, *values.shape[1:])))
    begins = np.flatnonzero(np.diff(track, prepend=-1))  # where another track begins
    if len(begins):
        total[track[begins]] += np.add.reduceat(values, begins)
