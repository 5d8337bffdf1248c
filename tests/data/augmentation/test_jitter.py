"""Jitter of a detector by its size, its correlation in time, and its bursts."""

import jax
import numpy as np
from helpers.detected import RANGES, errors
from scipy import stats

from jaxpose.data.augmentation import detection, jitter
from jaxpose.skeleton import H36M_17


def test_autoregressive_noise_is_the_recursion_in_float64():
    random = np.random.default_rng(0)
    innovations, correlation = random.normal(size=(5, 30, 4)), np.linspace(0, 0.99, 5)
    expected = innovations.copy()
    for frame in range(1, 30):
        fresh = np.sqrt(1 - correlation[:, None] ** 2) * innovations[:, frame]
        expected[:, frame] = correlation[:, None] * expected[:, frame - 1] + fresh
    new = jax.jit(jitter.autoregressive)(np.float32(innovations), np.float32(correlation))
    np.testing.assert_allclose(new, expected, atol=1e-5)


def test_jitter_has_its_size_its_scales_and_its_correlation():
    error = errors("jitter")
    scales = detection.error_scales(H36M_17)
    np.testing.assert_allclose(np.sqrt(np.mean(np.float64(scales) ** 2)), 1, rtol=1e-6)
    assert scales[H36M_17.index("left_hip")] > scales[H36M_17.index("left_wrist")]
    lag_1 = (error[:, 1:] * error[:, :-1]).sum() / np.sqrt((error[:, 1:] ** 2).sum() * (error[:, :-1] ** 2).sum())
    assert abs(lag_1 - 0.8) < 0.03
    assert abs((error[..., 0] * error[..., 1]).sum() / (error**2).sum()) < 0.02
    of_keypoint = np.median(np.abs(error / scales[:, None]), axis=(1, 3))
    spread = np.median(of_keypoint, axis=1) / stats.norm.ppf(0.75)
    assert stats.kstest(spread, stats.loguniform(*RANGES.jitter).cdf).statistic < 0.1
    relative = of_keypoint / np.median(of_keypoint, axis=1, keepdims=True)
    np.testing.assert_allclose(np.median(relative, axis=0), 1, atol=0.08)
    assert 0.005 < np.mean(relative > 2.5) < 0.05  # bursts through most of a window
