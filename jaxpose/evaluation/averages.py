"""Averages of track errors as the field reports them: over actions, frames, subjects or cameras."""

from collections.abc import Sequence
from typing import TypedDict

import jax
import numpy as np

from jaxpose.data.track import Track
from jaxpose.evaluation.metric_records import PUBLISHED, Metric
from jaxpose.evaluation.protocol import VIDEOPOSE3D, Protocol, describe_protocol
from jaxpose.evaluation.track_errors import TrackErrors, measure_tracks


def group_tracks(errors: TrackErrors, over: str) -> np.ndarray:
    """(N,) the group of each track, from 0; groups have equal weights in an average.

    Args:
      errors: of the tracks.
      over: "actions", a group for each; or "frames", one group of all.
    """
    groups = np.unique(errors.actions, return_inverse=True)[1]
    return groups if over == "actions" else np.zeros_like(groups)


def average(errors: TrackErrors, name: str, *, over: str) -> np.ndarray:
    """Average a value by track over all tracks: weighted by frames within a group, groups with equal weights.

    Args:
      errors: of the tracks.
      name: of the value, (N, ...).
      over: see `group_tracks`.

    Returns:
      (...) NaN where no track has the value.
    """
    groups, weights, values = group_tracks(errors, over), errors.weights[name], errors.means[name]
    columns = values.reshape(len(values), -1).T
    averages = [mean_of_finite(average_by_group(column, weights, groups), axis=-1) for column in columns]
    return np.asarray(averages).reshape(values.shape[1:])


def average_by_group(values: np.ndarray, weights: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Weighted mean of each group, of its finite values.

    Args:
      values: (N,).
      weights: (..., N).
      groups: (N,) the group of each value, from 0 to G - 1.

    Returns:
      (..., G); NaN for a group whose finite values have no weight.
    """
    members = (groups[:, None] == np.arange(groups.max() + 1)) & np.isfinite(values)[:, None]
    total = weights @ members
    with np.errstate(invalid="ignore"):
        return np.where(total > 0, weights @ (members * np.nan_to_num(values)[:, None]) / total, np.nan)


def mean_of_finite(values: np.ndarray, *, axis: int) -> np.ndarray:
    """The mean of the finite values along an axis; NaN if there is none."""
    finite = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.where(finite, values, 0).sum(axis) / np.where(finite.any(axis), finite.sum(axis), np.nan)


class Scores(TypedDict):
    """The metrics of some tracks, each in its unit; NaN where no track is long enough to have one."""

    average: dict[str, float]  # by metric
    actions: dict[str, dict[str, float]]  # by action and metric
    frames: int  # scored
    fps: float  # frames per second; NaN if the tracks differ
    protocol: str  # by which they were scored, in words


def score(
    predictions: jax.Array,
    targets: jax.Array,
    tracks: Sequence[Track],
    *,
    protocol: Protocol = VIDEOPOSE3D,
    metrics: Sequence[Metric] = PUBLISHED,
) -> Scores:
    """The metrics by action and on average, as the released evaluation of VideoPose3D computes them.

    Frames are averaged within a track, tracks within an action weighted by their frames, actions with equal weights.
    "Walking" and "Walking 1" are one action. A track too short for a time derivative, or an action of such tracks
    alone, does not count towards that metric.

    Args:
      predictions: (F, J, 3) metres, the tracks end to end.
      targets: (F, J, 3) metres.
      tracks: name the actions and say how long each track is.
      protocol: another one than VideoPose3D's.
      metrics: what to measure; none that is a body statistic.

    Returns:
      The scores.

    Raises:
      InputError: the protocol excludes every track.
    """
    return summarize(measure_tracks(predictions, targets, tracks, protocol=protocol, metrics=metrics), protocol)


def summarize(errors: TrackErrors, protocol: Protocol) -> Scores:
    """The scores of measured tracks: by action in the order of the tracks, and on average."""
    rates = set(errors.fps.tolist())
    return {
        "average": average_metrics(errors, protocol),
        "actions": {
            action: average_metrics(errors.take(errors.actions == action), protocol)
            for action in dict.fromkeys(errors.actions.tolist())
        },
        "frames": int(errors.frames.sum()),
        "fps": rates.pop() if len(rates) == 1 else float("nan"),
        "protocol": protocol_in_words(errors, protocol),
    }


def average_metrics(errors: TrackErrors, protocol: Protocol) -> dict[str, float]:
    """The average of each metric over all tracks, by its key."""
    return {metric.key: float(average(errors, metric.key, over=protocol.average)) for metric in errors.metrics}


def protocol_in_words(errors: TrackErrors, protocol: Protocol) -> str:
    """The protocol as a sentence; it names the recordings of Human3.6M that concern the scored subjects."""
    return describe_protocol(protocol, set(errors.subjects[errors.human36m].tolist()))
