"""How far an average would move with other tracks: the bootstrap over tracks (Efron, Ann. Statist. 1979).

Tracks are drawn again, with replacement, within each action: as many as there are. All numbers of one evaluation, and
of runs that are compared, see the same draws; the interval of a difference is therefore that of paired tracks.
"""

import numpy as np

from jaxpose.evaluation.averages import group_of, mean_of_known, pool
from jaxpose.evaluation.track_errors import TrackErrors

RESAMPLES, SEED, LEVEL = 2000, 0, 0.95

NOTE = (
    f"Intervals hold {100 * LEVEL:.0f} % of the averages over tracks drawn again within their action ({RESAMPLES} "
    "times). They say what other recordings of these people, actions and cameras would change, if views of one "
    "recording were independent, and nothing of what another seed of the training, another subject or another data set "
    "would."
)


def draws(actions: np.ndarray, *, resamples: int = RESAMPLES, seed: int = SEED) -> np.ndarray:
    """How often each track is drawn, (R, N): within each action as many tracks as it has.

    Args:
      actions: (N,) of each track.
      resamples: R.
      seed: of the draws; they are a function of it and of `actions`.
    """
    random, counts = np.random.default_rng(seed), np.zeros((resamples, len(actions)))
    for action in np.unique(actions):
        (own,) = np.nonzero(actions == action)
        counts[:, own] = random.multinomial(len(own), np.full(len(own), 1 / len(own)), size=resamples)
    return counts


def distribution(measures: TrackErrors, name: str, counts: np.ndarray, *, over: str) -> np.ndarray:
    """(R,) the average of a measure (N,) in each draw; see `averages.average`. NaN if no action has two tracks."""
    if len(np.unique(measures.actions)) == len(measures.actions):
        return np.full(len(counts), np.nan)
    weights = counts * measures.weights[name]
    return mean_of_known(pool(measures.means[name], weights, group_of(measures, over)), axis=-1)


def interval(values: np.ndarray) -> tuple[float, float]:
    """What lies between are the middle 95 % of the values; NaN where none is a number."""
    known = values[np.isfinite(values)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
