"""Averages of errors in which every subject counts alike, and their intervals."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from experiments.anywhere.lifting import target_poses
from jaxpose.data.track import Track
from jaxpose.evaluation.averages import average_by_group, mean_of_finite
from jaxpose.evaluation.bootstrap import NAME, RESAMPLES, interval, resample_weights
from jaxpose.evaluation.metric_records import PUBLISHED, PUBLISHED_KEYS
from jaxpose.evaluation.track_errors import TrackErrors, measure_tracks

PROTOCOL = (
    "17 joints (h36m_17), by name; the predicted root is kept. Frames are averaged within recordings, recordings "
    f"within subjects, subjects with equal weights. {NAME}s: {RESAMPLES:,} resamples of the recordings within each "
    "subject; a subject with one recording does not vary."
)


class Score(NamedTuple):
    """An average, and the ends of its 95 % interval."""

    mean: float
    low: float
    high: float


def measure(predictions: np.ndarray, tracks: Sequence[Track]) -> TrackErrors:
    """Measure predictions (F, 17, 3) of tracks by `PUBLISHED` metrics."""
    return measure_tracks(predictions, target_poses(tracks), tracks, metrics=PUBLISHED)


def summarize(errors: TrackErrors) -> dict[str, Score]:
    """The averages of the metrics over subjects, by key; see `PROTOCOL`."""
    _, first, members = np.unique(errors.recordings, return_index=True, return_inverse=True)
    subjects = errors.subjects[first]
    groups = np.unique(subjects, return_inverse=True)[1]
    weights = np.concatenate([np.ones((1, len(first))), resample_weights(subjects, errors.recordings[first])])
    scores = {}
    for key in PUBLISHED_KEYS:
        values = average_by_group(errors.means[key], errors.weights[key], members)
        averages = mean_of_finite(average_by_group(values, weights, groups), axis=-1)
        scores[key] = Score(float(averages[0]), *interval(averages[1:]))
    return scores


def means(scores: Mapping[str, Score]) -> dict[str, float]:
    """The averages alone."""
    return {key: score.mean for key, score in scores.items()}
