"""Significance of differences between runs: tests on paired recordings, and a correction for the number of comparisons.

A bootstrap interval of three or four recordings excludes zero too often to be a test; the randomisation test is exact
for any number of them.
"""

from collections.abc import Sequence

import numpy as np

from jaxpose.evaluation.averages import group_tracks
from jaxpose.evaluation.bootstrap import RESAMPLES, SEED
from jaxpose.evaluation.track_errors import TrackErrors

ALPHA = 0.05
"""A corrected p-value below this is called significant."""


def paired_p_value(run: TrackErrors, other: TrackErrors, name: str, *, over: str) -> float:
    """The p-value of the difference of two runs in an average (Fisher, The Design of Experiments, 1935, section 21).

    If the runs were equally good, the difference in each recording could as well have the other sign. The signs are
    drawn at random, one for all camera views of a recording; the p-value is the share of draws, the observed one among
    them, whose average difference is as large as the observed one, in either direction.

    Args:
      run: errors of N tracks.
      other: errors of the other run for the same tracks.
      name: of the value, (N,).
      over: as in `averages.group_tracks`.

    Returns:
      From 1 / 2001 to 1; NaN if no track has the value.
    """
    differences = run.means[name] - other.means[name]
    known = np.isfinite(differences) & (run.weights[name] > 0)
    if not known.any():
        return float("nan")
    groups = np.unique(group_tracks(run, over)[known], return_inverse=True)[1]
    weights = run.weights[name][known].astype(float)
    shares = weights / np.bincount(groups, weights)[groups] / (groups.max() + 1)
    recording = np.unique(run.recordings[known], return_inverse=True)[1]
    by_recording = np.bincount(recording, shares * differences[known])
    signs = np.random.default_rng(SEED).choice([-1.0, 1.0], size=(RESAMPLES, len(by_recording)))
    observed = abs(by_recording.sum())
    as_large = np.abs(signs @ by_recording) >= observed * (1 - 1e-9)  # the same sum in another order counts
    return float((1 + as_large.sum()) / (1 + RESAMPLES))


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values for their number: the step-down method of Holm (Scand. J. Statist. 1979).

    Calling significant what is below 0.05 afterwards has a probability of at most 5 % to err even once, whatever the
    dependence between the tests.

    Args:
      p_values: of all comparisons; NaN where there was no test, which is not counted.

    Returns:
      The corrected p-values in the same order; NaN where there was no test.
    """
    values = np.asarray(p_values, float)
    tested = np.flatnonzero(np.isfinite(values))
    order = tested[np.argsort(values[tested], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    corrected = np.full(len(values), np.nan)
    corrected[order] = np.minimum(np.maximum.accumulate(values[order] * factors), 1)
    return corrected.tolist()
