"""95 % bootstrap confidence intervals of averages over recordings (Efron, Ann. Statist. 1979).

Camera views of one recording are alike, so a resample takes all of them or none (the cluster bootstrap: Davison &
Hinkley, Bootstrap Methods, 1997, section 3.8). Within each action, n - 1 of its n recordings are drawn with
replacement: the variance of the averages is then that of independent recordings, which n draws would make too small by
(n - 1) / n (Rao & Wu, JASA 1988; Human3.6M's test set has four recordings of most actions). An action with one
recording says nothing about the spread of its recordings; an average that includes it has no interval.

All numbers of one evaluation, and of runs that are compared, use the same resamples; the interval of a difference is
therefore that of paired recordings.
"""

from collections.abc import Sequence

import numpy as np

from jaxpose.evaluation.averages import average_by_group, group_tracks, mean_of_finite
from jaxpose.evaluation.protocol import Protocol
from jaxpose.evaluation.track_errors import TrackErrors

RESAMPLES, SEED, LEVEL = 2000, 0, 0.95

NAME = f"{100 * LEVEL:.0f} % bootstrap confidence interval"
"""What tables and JSON files call the intervals."""

NOTE = (
    f"{NAME}s: {RESAMPLES:,} resamples of the recordings within each action, all camera views of a recording together. "
    "They do not cover other training seeds, subjects or data sets."
)


def resample_weights(
    actions: np.ndarray, recordings: np.ndarray, *, resamples: int = RESAMPLES, seed: int = SEED
) -> np.ndarray:
    """Resample the recordings of each action: (R, N) the weight of each track in each resample, 1 on average.

    Args:
      actions: (N,) of each track.
      recordings: (N,) of each track; all tracks of a recording have one weight.
      resamples: R.
      seed: of the random numbers; one seed and the same recordings give the same resamples.
    """
    random, weights = np.random.default_rng(seed), np.ones((resamples, len(actions)))
    for action in np.unique(actions):
        (tracks,) = np.nonzero(actions == action)
        names, recording = np.unique(recordings[tracks], return_inverse=True)
        count = len(names)
        if count > 1:
            drawn = random.multinomial(count - 1, np.full(count, 1 / count), size=resamples)
            weights[:, tracks] = drawn[:, recording] * count / (count - 1)
    return weights


def single_recordings(errors: TrackErrors, name: str) -> list[str]:
    """The actions in which one recording alone has a value, in the order of the tracks."""
    known = np.isfinite(errors.means[name]) & (errors.weights[name] > 0)
    actions, recordings = errors.actions[known], errors.recordings[known]
    return [action for action in dict.fromkeys(actions.tolist()) if len(np.unique(recordings[actions == action])) == 1]


def resampled_averages(errors: TrackErrors, name: str, weights: np.ndarray, *, over: str) -> np.ndarray:
    """The average of a value by track in each resample, see `averages.average`.

    Args:
      errors: of N tracks.
      name: of the value, (N,).
      weights: (R, N) from `resample_weights`.
      over: as in `averages.group_tracks`.

    Returns:
      (R,) NaN if an action has one recording alone, since the spread is then unknown.
    """
    if single_recordings(errors, name):
        return np.full(len(weights), np.nan)
    weights = weights * errors.weights[name]
    return mean_of_finite(average_by_group(errors.means[name], weights, group_tracks(errors, over)), axis=-1)


def interval(values: np.ndarray) -> tuple[float, float]:
    """The ends of the middle 95 % of the finite values; NaN if there is none."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return float("nan"), float("nan")
    low, high = np.quantile(finite, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def metric_intervals(errors: TrackErrors, protocol: Protocol) -> dict[str, tuple[float, float]]:
    """The 95 % bootstrap confidence interval of the average of each metric, by its key."""
    weights = resample_weights(errors.actions, errors.recordings)
    return {
        metric.key: interval(resampled_averages(errors, metric.key, weights, over=protocol.average))
        for metric in errors.metrics
    }


def why_no_interval(errors: TrackErrors) -> Sequence[str]:
    """A sentence that names the actions for which averages have no interval; none if all have one."""
    single = dict.fromkeys(action for metric in errors.metrics for action in single_recordings(errors, metric.key))
    if not single:
        return ()
    return (
        f"No {NAME} where an action has one recording, whatever the number of its camera views: {', '.join(single)}.",
    )
