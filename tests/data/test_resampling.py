"""Resampling against sines that are known at any rate."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxpose.data.resampling import resample

RATES = [(120, 50), (120, 60), (60, 50), (50, 120), (29.97, 50), (50, 23.976)]


def sine(hertz, fps, seconds=10.0):
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * fps)) / fps + 0.3)


def inside(samples, fps):
    """Without a second at either end, where what comes before and after is not known."""
    return samples[round(fps) : -round(fps)]


@pytest.mark.parametrize(("source", "target"), RATES)
@pytest.mark.parametrize("share", [0.05, 0.3, 0.8])
def test_what_both_rates_hold_is_kept(source, target, share):
    hertz = share * min(source, target) / 2
    found = resample(sine(hertz, source), source, target)
    expected = sine(hertz, target, 11)[: len(found)]
    assert np.abs(inside(found - expected, target)).max() < 0.001


@pytest.mark.parametrize(("source", "target"), [(120, 50), (120, 60), (50, 23.976)])
@pytest.mark.parametrize("share", [1.2, 1.7, 2.05])
def test_what_the_lower_rate_cannot_hold_is_suppressed(source, target, share):
    found = resample(sine(share * target / 2, source), source, target)
    assert np.abs(inside(found, target)).max() < 0.001


@pytest.mark.parametrize(("source", "target"), RATES)
def test_slow_motion_is_right_to_its_ends(source, target):
    hertz = 0.05 * min(source, target) / 2
    found = resample(sine(hertz, source), source, target)
    assert np.abs(found - sine(hertz, target, 11)[: len(found)]).max() < 0.001


@given(st.integers(1, 60), st.sampled_from(RATES), st.floats(-100, 100), st.floats(-10, 10))
def test_constants_and_straight_lines_are_kept_to_the_ends(frames, rates, start, slope):
    source, target = rates
    found = resample(start + slope * np.arange(frames) / source, source, target)
    expected = start + slope * np.arange(len(found)) / target
    np.testing.assert_allclose(found, expected, atol=1e-9 * abs(start) + 1e-4 * abs(slope) / source * 10)


@given(st.integers(1, 400), st.sampled_from(RATES))
def test_samples_last_as_long_as_before(frames, rates):
    source, target = rates
    count = len(resample(np.zeros(frames), source, target))
    assert (count - 1) / target <= (frames - 1) / source + 1e-6 < count / target + 2e-6


def test_every_column_by_itself():
    samples = np.random.default_rng(0).normal(size=(50, 17, 3)).astype(np.float32)
    found = resample(samples, 120, 50)
    assert (found.shape, found.dtype) == ((21, 17, 3), np.float32)
    for joint, axis in ((0, 0), (16, 2)):
        np.testing.assert_allclose(found[:, joint, axis], resample(samples[:, joint, axis], 120, 50), atol=1e-6)


@pytest.mark.parametrize("fps", [50, 29.97])
def test_equal_rates_change_nothing(fps):
    samples = np.random.default_rng(0).normal(size=(9, 2))
    np.testing.assert_array_equal(resample(samples, fps, fps), samples)
