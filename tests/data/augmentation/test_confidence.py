"""Confidences of a detector against its errors."""

import numpy as np
from helpers.detected import BATCH, PEOPLE, apply, binomial_agrees, result, sizes
from scipy import stats

from jaxpose.skeleton import H36M_17


def test_confidences_fall_with_the_error_and_have_their_own_scale():
    noisy = PEOPLE.replace(keypoints=result("jitter"))
    exact, new = np.float64(PEOPLE.keypoints), apply("confidence", noisy)
    np.testing.assert_array_equal(new[..., :2], noisy.keypoints[..., :2])
    value, distance = new[..., 2], np.linalg.norm((noisy.keypoints - exact)[..., :2], axis=-1) / sizes()[:, None, None]
    assert value.min() > 0
    assert value.max() <= 1
    silent = (value == 1).all(axis=(1, 2))
    assert binomial_agrees(silent.sum(), BATCH, 0.1)
    bins = np.quantile(distance[~silent], np.linspace(0, 1, 9))
    which = np.clip(np.searchsorted(bins, distance) - 1, 0, 7)
    means = [value[~silent][which[~silent] == index].mean() for index in range(8)]
    assert (np.diff(means) < 0).all()
    assert means[0] - means[-1] > 0.15
    moderate = np.nonzero(~silent & (np.median(distance, axis=(1, 2)) > 0.01))[0]
    order = [stats.spearmanr(distance[row].ravel(), value[row].ravel()).statistic for row in moderate]
    assert np.mean(np.asarray(order) < 0) > 0.9
    assert np.std(np.mean(value[~silent], axis=(1, 2))) > 0.1


def test_half_of_the_detectors_are_sure_of_exchanged_keypoints():
    """Both sides exchanged, nothing else wrong: about as sure as of exact ones in half of the windows."""
    exchanged = PEOPLE.replace(keypoints=PEOPLE.keypoints[:, :, H36M_17.mirrored])
    value = np.median(apply("confidence", exchanged)[..., 2], axis=(1, 2)) / np.median(
        result("confidence")[..., 2], axis=(1, 2)
    )
    assert binomial_agrees((value > 0.9).sum(), BATCH, 0.55)
