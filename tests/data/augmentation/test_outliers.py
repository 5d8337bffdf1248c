"""Outliers of a detector by their share, their runs and their places."""

import numpy as np
import pytest
from helpers.detected import PEOPLE, RANGES, errors, result
from scipy import stats

from jaxpose.data.augmentation import outliers


@pytest.mark.parametrize("share", [0.01, 0.2, 1.0])
def test_rate_of_starts_gives_the_share(share):
    random, frames = np.random.default_rng(0), 200_000
    wrong, left = np.zeros(frames, bool), 0
    rate = outliers.start_rate(share, outliers.LENGTHS)
    starts, lengths = random.uniform(size=frames) < rate, random.choice(outliers.LENGTHS, frames)
    for frame in range(frames):
        left = lengths[frame] if starts[frame] else left - 1
        wrong[frame] = left > 0
    np.testing.assert_allclose(wrong.mean(), share, rtol=0.1)


def test_outliers_have_their_share_their_runs_and_their_places():
    error = errors("outliers")
    wrong = (error != 0).any(axis=-1)
    np.testing.assert_allclose(wrong.mean(), RANGES.outliers, rtol=0.05)
    np.testing.assert_allclose(wrong.mean(axis=(0, 2)), RANGES.outliers, rtol=0.25)  # from the first frame on
    places, exact = np.float64(result("outliers")[..., :2]), np.float64(PEOPLE.keypoints[..., :2])
    b, n, k = np.nonzero(wrong)
    at_a_joint = (np.abs(places[b, n, k, None] - exact[b, n]).max(axis=-1) == 0).any(axis=-1)
    assert abs(at_a_joint.mean() - outliers.AT_A_JOINT) < 0.05
    step = error[b, n, k][~at_a_joint].ravel()
    assert stats.kstest(step, stats.uniform(-1, 2).cdf).statistic < 0.04
    padded = np.pad(wrong, [(0, 0), (1, 1), (0, 0)]).swapaxes(1, 2).reshape(-1).astype(int)
    lengths = np.nonzero(np.diff(padded) == -1)[0] - np.nonzero(np.diff(padded) == 1)[0]
    assert 0.4 < np.mean(lengths == 1) < 0.6
    assert 0.06 < np.mean(lengths >= 5) < 0.2
