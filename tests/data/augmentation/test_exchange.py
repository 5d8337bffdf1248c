"""Exchanges of left and right by their share, their groups and their runs."""

import numpy as np
from helpers.detected import BATCH, PEOPLE, RANGES, binomial_agrees, result
from scipy import stats

from jaxpose.data.augmentation.exchange import pairs_exchanged
from jaxpose.skeleton import H36M_17


def test_exchanges_are_of_groups_and_runs():
    new, old = result("exchange"), PEOPLE.keypoints
    swapped = (new != old).any(axis=-1)
    np.testing.assert_array_equal(new, np.where(swapped[..., None], old[:, :, H36M_17.mirrored], old))
    chosen = swapped.any(axis=(1, 2))
    assert binomial_agrees(chosen.sum(), BATCH, RANGES.exchange)
    groups, shares = pairs_exchanged(H36M_17)
    np.testing.assert_allclose(shares.sum(), 1, rtol=1e-6)
    found = np.zeros(len(groups))
    for window in swapped[chosen]:
        frames = np.nonzero(window.any(axis=1))[0]
        assert (np.diff(frames) == 1).all()
        assert (window[frames] == window[frames[0]]).all()
        found += (groups == window[frames[0]]).all(axis=1)
    assert found.sum() == chosen.sum()
    assert stats.chisquare(found, np.float64(shares) / np.float64(shares).sum() * found.sum()).pvalue > 1e-3
    everywhere = swapped.any(axis=2).all(axis=1)[chosen].mean()
    assert 0.2 < everywhere < 0.5
