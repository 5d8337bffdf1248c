"""Bootstrap confidence intervals of averages over tracks (Efron, Ann. Statist. 1979).

Tracks are resampled with replacement within each action, as many as there are. All numbers of one evaluation, and of
runs that are compared, use the same resamples; the interval of a difference is therefore that of paired tracks.
"""

import numpy as np

from jaxpose.evaluation.averages import average_by_group, group_tracks, mean_of_finite
from jaxpose.evaluation.protocol import Protocol
from jaxpose.evaluation.track_errors import TrackErrors

RESAMPLES, SEED, LEVEL = 2000, 0, 0.95

NOTE = (
    f"Intervals are {100 * LEVEL:.0f} % bootstrap confidence intervals ({RESAMPLES:,} resamples of tracks within each "
    "action). They treat the camera views of one recording as independent, and do not cover other training seeds, "
    "subjects or data sets."
)


def resample_counts(actions: np.ndarray, *, resamples: int = RESAMPLES, seed: int = SEED) -> np.ndarray:
    """Resample the tracks of each action: (R, N) the number of times that each resample holds each track.

    Args:
      actions: (N,) of each track.
      resamples: R.
      seed: of the random numbers; one seed and the same actions give the same resamples.
    """
    random, counts = np.random.default_rng(seed), np.zeros((resamples, len(actions)))
    for action in np.unique(actions):
        (tracks,) = np.nonzero(actions == action)
        shares = np.full(len(tracks), 1 / len(tracks))
        counts[:, tracks] = random.multinomial(len(tracks), shares, size=resamples)
    return counts


def resampled_averages(errors: TrackErrors, name: str, counts: np.ndarray, *, over: str) -> np.ndarray:
    """(R,) the average of a value by track (N,) in each resample, see `averages.average`.

    NaN if every action has one track alone, since its spread is then unknown.
    """
    if len(np.unique(errors.actions)) == len(errors.actions):
        return np.full(len(counts), np.nan)
    weights = counts * errors.weights[name]
    return mean_of_finite(average_by_group(errors.means[name], weights, group_tracks(errors, over)), axis=-1)


def interval(values: np.ndarray) -> tuple[float, float]:
    """The ends of the middle 95 % of the finite values; NaN if there is none."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return float("nan"), float("nan")
    low, high = np.quantile(finite, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def metric_intervals(errors: TrackErrors, protocol: Protocol) -> dict[str, tuple[float, float]]:
    """The confidence interval of the average of each metric, by its key."""
    counts = resample_counts(errors.actions)
    return {
        metric.key: interval(resampled_averages(errors, metric.key, counts, over=protocol.average))
        for metric in errors.metrics
    }
