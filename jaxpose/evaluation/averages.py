"""Averages of track errors as the field reports them: over actions, frames, subjects or cameras."""

from collections.abc import Sequence
from typing import TypedDict

import jax
import numpy as np

from jaxpose.data.track import Track
from jaxpose.evaluation.protocol import VIDEOPOSE3D, Protocol
from jaxpose.evaluation.track_errors import METRICS, TrackErrors, measure_tracks


def group_of(measures: TrackErrors, over: str) -> np.ndarray:
    """(N,) which of the groups that count alike a track belongs to: its action; or all to one, over "frames"."""
    place = np.unique(measures.actions, return_inverse=True)[1]
    return place if over == "actions" else np.zeros_like(place)


def average(measures: TrackErrors, name: str, *, over: str) -> np.ndarray:
    """The average of a measure (N, ...) over its tracks: frames alike within an action, then actions or frames alike.

    Args:
      measures: of tracks.
      name: of the measure.
      over: "actions", or "frames".

    Returns:
      (...) NaN where no track has the measure.
    """
    place, weights, values = group_of(measures, over), measures.weights[name], measures.means[name]
    columns = values.reshape(len(values), -1).T
    averages = [mean_of_known(pool(column, weights, place), axis=-1) for column in columns]
    return np.asarray(averages).reshape(values.shape[1:])


def pool(values: np.ndarray, weights: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Weighted means by group; a value that is NaN does not count, a group without any other is NaN.

    Args:
      values: (N,).
      weights: (..., N).
      place: (N,) the group of each value, from 0 to G - 1.

    Returns:
      (..., G).
    """
    member = (place[:, None] == np.arange(place.max() + 1)) & np.isfinite(values)[:, None]
    total = weights @ member
    with np.errstate(invalid="ignore"):
        return np.where(total > 0, weights @ (member * np.nan_to_num(values)[:, None]) / total, np.nan)


def mean_of_known(values: np.ndarray, *, axis: int) -> np.ndarray:
    """The mean of the values that are numbers; NaN if none is."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.where(known, values, 0).sum(axis) / np.where(known.any(axis), known.sum(axis), np.nan)


class Scores(TypedDict):
    """The metrics of some tracks: each in mm, mm/frame or mm/frame²; NaN where no track is long enough to have one."""

    average: dict[str, float]  # by metric
    actions: dict[str, dict[str, float]]  # by action and metric
    frames: int  # scored
    fps: float  # frames a second; NaN if the tracks differ


def score(
    predictions: jax.Array, targets: jax.Array, tracks: Sequence[Track], *, protocol: Protocol = VIDEOPOSE3D
) -> Scores:
    """The five metrics by action and on average, as the released evaluation of the baseline computes them.

    Frames are averaged within a track, tracks within an action weighted by their frames, actions equally. "Walking"
    and "Walking 1" are one action. A track too short for a time derivative, or an action of such tracks alone, does
    not count towards that metric. S11/Directions is left out.

    Args:
      predictions: (F, J, 3) metres, the tracks end to end.
      targets: (F, J, 3) metres.
      tracks: name the actions and say how long each track is.
      protocol: another one than the baseline's.

    Returns:
      The scores.

    Raises:
      InputError: the protocol leaves out every track.
    """
    return summarize(measure_tracks(predictions, targets, tracks, protocol=protocol), protocol)


def summarize(measures: TrackErrors, protocol: Protocol) -> Scores:
    """The scores of tracks that have been measured: by action in the order of the tracks, and on average."""

    def row(some: TrackErrors) -> dict[str, float]:
        return {metric: float(average(some, metric, over=protocol.average)) for metric in METRICS}

    names = dict.fromkeys(measures.actions.tolist())
    rates = set(measures.fps.tolist())
    return {
        "average": row(measures),
        "actions": {action: row(measures.take(measures.actions == action)) for action in names},
        "frames": int(measures.frames.sum()),
        "fps": rates.pop() if len(rates) == 1 else float("nan"),
    }
