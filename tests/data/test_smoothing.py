"""Smoothing filters against polynomials fitted one by one and against sines; at any length and rate."""

import math

import numpy as np
import pytest
from helpers.samples import make_track
from hypothesis import given
from hypothesis import strategies as st

from jaxpose.data import smoothing
from jaxpose.data.smoothing import (
    SMOOTHERS,
    Smoothing,
    butterworth,
    choose_smoothing,
    choose_smoothings,
    savitzky_golay,
    savitzky_golay_window,
    smooth_tracks,
)
from jaxpose.runtime.errors import InputError

SYMMETRIC = [smoother for smoother in SMOOTHERS.values() if not smoother.causal]
ALL = [*SMOOTHERS.values()]
of_each = pytest.mark.parametrize("smoother", ALL, ids=SMOOTHERS)
of_each_symmetric = pytest.mark.parametrize("smoother", SYMMETRIC, ids=[smoother.name for smoother in SYMMETRIC])


def track(frames=60, joints=3, seed=0):
    """A random walk, metres."""
    return np.cumsum(np.random.default_rng(seed).normal(scale=0.02, size=(frames, joints, 3)), axis=0)


def sine(hertz, fps, seconds=8.0, phase=0.0):
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * fps)) / fps + phase)[:, None, None] * np.ones((1, 1, 3))


def amplitude_and_lag(found, hertz, fps):
    """Amplitude of a sine and by how many radians it is late, from a whole number of periods in the middle."""
    count = round(math.floor(4 * hertz) / hertz * fps)
    wave = np.exp(-2j * np.pi * hertz * np.arange(len(found)) / fps)
    middle = slice((len(found) - count) // 2, (len(found) - count) // 2 + count)
    value = 2 * np.mean(found[middle, 0, 0] * wave[middle]) / -1j
    return abs(value), -np.angle(value)


# Savitzky-Golay


def fitted(samples, window):
    """Each frame of the least-squares parabola of the window around it; at the ends, of the first and last window."""
    half, times = window // 2, np.arange(len(samples))
    result = np.empty_like(samples)
    for frame in times:
        start = min(max(frame - half, 0), len(samples) - window)
        near = times[start : start + window]
        for index in np.ndindex(samples.shape[1:]):
            result[(frame, *index)] = np.polyval(np.polyfit(near - frame, samples[(near, *index)], 2), 0)
    return result


@pytest.mark.parametrize(("frames", "window"), [(40, 15), (15, 15), (16, 15)])
def test_savitzky_golay_is_a_parabola_at_every_frame(frames, window):
    samples = track(frames, joints=2)
    assert savitzky_golay_window(frames, 50, 3.6) == window
    np.testing.assert_allclose(savitzky_golay(samples, 50, 3.6), fitted(samples, window), atol=1e-12)


@pytest.mark.parametrize(("frames", "window"), [(14, 13), (8, 7), (7, 7), (6, 5), (5, 5)])
def test_a_short_track_has_the_longest_window_that_fits(frames, window):
    samples = track(frames, joints=1)
    np.testing.assert_allclose(savitzky_golay(samples, 50, 3.6), fitted(samples, window), atol=1e-12)


def test_savitzky_golay_keeps_parabolas_to_the_ends():
    time = np.arange(60)[:, None, None] / 50
    samples = np.broadcast_to(1 + 2 * time - 3 * time**2, (60, 2, 3))
    np.testing.assert_allclose(savitzky_golay(samples, 50, 3.6), samples, atol=1e-12)


@given(st.floats(10, 240), st.floats(0.3, 12))
def test_no_other_window_has_a_gain_nearer_to_half_power(fps, cutoff):
    """The gain is the answer to a wave of a filter whose taps are those of fitted parabolas."""

    def gain(window):
        offsets = np.arange(window) - window // 2
        taps = np.linalg.pinv(np.vander(offsets.astype(float), 3))[-1]  # the constant of the parabola, at offset 0
        return abs(taps @ np.cos(2 * np.pi * cutoff / fps * offsets) - math.sqrt(0.5))

    window = savitzky_golay_window(10_000, fps, cutoff)
    if cutoff >= fps / 2:
        assert window == 1
    else:
        others = [other for other in (window - 2, window, window + 2, window + 4) if other >= 3]
        assert min(others, key=gain) == window


def test_a_cutoff_in_hertz_is_a_time_whatever_the_rate():
    windows = {fps: savitzky_golay_window(1000, fps, SMOOTHERS["savgol"].cutoff) for fps in (25, 30, 50, 60, 100)}
    assert windows[50] == 15
    assert all(0.25 < window / fps < 0.31 for fps, window in windows.items())


# Butterworth


@pytest.mark.parametrize("fps", [25, 30, 50, 120])
@pytest.mark.parametrize("hertz", [0.5, 2, 4, 5, 7, 10])
def test_butterworth_has_its_gain_and_no_lag_at_any_rate(fps, hertz):
    """The closed form of a pass of order 4, twice, with the cut-off where both together leave 1/√2."""
    found, lag = amplitude_and_lag(butterworth(sine(hertz, fps), fps, 4.0), hertz, fps)
    ratio = math.tan(math.pi * hertz / fps) / math.tan(math.pi * 4 / fps)
    expected = 1 / (1 + (math.sqrt(2) - 1) * ratio**8)
    assert found == pytest.approx(expected, abs=1e-4)
    assert hertz != 4 or expected == pytest.approx(math.sqrt(0.5))
    assert lag == pytest.approx(0, abs=1e-3) or found < 0.01


def test_butterworth_is_right_to_the_ends_of_slow_motion():
    for phase in np.linspace(0, 2, 5):
        samples = sine(0.5, 50, phase=phase)
        assert np.abs(butterworth(samples, 50, 4) - samples).max() < 0.004


@given(st.integers(1, 80), st.floats(0.01, 30), st.floats(-5, 5), st.floats(-5, 5))
def test_butterworth_keeps_straight_motion_of_any_length(frames, cutoff, start, speed):
    samples = (start + speed * np.arange(frames) / 50)[:, None, None] * np.ones((1, 2, 3))
    np.testing.assert_allclose(butterworth(samples, 50, cutoff), samples, atol=1e-9)


def test_butterworth_is_the_plain_recursion_forwards_and_backwards():
    """The difference equation of its transfer function, far from the ends, where what is around does not matter."""
    from scipy import signal

    samples = track(1000, joints=1)[:, 0, 0]
    pass_cutoff = math.atan(math.tan(math.pi * 4 / 50) / (math.sqrt(2) - 1) ** (1 / 8)) / math.pi * 50
    b, a = signal.butter(4, pass_cutoff, fs=50)

    def recursion(x):
        y = np.zeros(len(x))
        for n in range(4, len(x)):
            y[n] = b @ x[n - 4 : n + 1][::-1] - a[1:] @ y[n - 4 : n][::-1]
        return y

    expected = recursion(recursion(samples)[::-1])[::-1]
    found = butterworth(samples[:, None, None], 50, 4)[:, 0, 0]
    np.testing.assert_allclose(found[300:700], expected[300:700], atol=1e-8)


# All filters


@of_each_symmetric
@pytest.mark.parametrize("fps", [25, 50])
def test_slow_motion_stays_and_fast_motion_goes_at_any_rate(smoother, fps):
    slow, _ = amplitude_and_lag(smoother.smooth(sine(0.5, fps), fps, smoother.cutoff), 0.5, fps)
    edge, _ = amplitude_and_lag(smoother.smooth(sine(smoother.cutoff, fps), fps, smoother.cutoff), smoother.cutoff, fps)
    fast, _ = amplitude_and_lag(smoother.smooth(sine(10, fps), fps, smoother.cutoff), 10, fps)
    assert slow == pytest.approx(1, abs=0.002)
    assert edge == pytest.approx(math.sqrt(0.5), abs=0.1)  # windows are whole frames
    assert fast < 0.25


@of_each
@given(st.integers(1, 50), st.floats(-3, 3), st.floats(5, 200), st.floats(0.1, 50))
def test_constants_stay(smoother, frames, value, fps, cutoff):
    samples = np.full((frames, 2, 3), value)
    np.testing.assert_allclose(smoother.smooth(samples, fps, cutoff), samples, atol=1e-12)


@of_each
def test_very_short_tracks(smoother):
    for frames in range(6):
        samples = track(frames)
        found = smoother.smooth(samples, 50, 3.0)
        assert found.shape == samples.shape
        assert np.isfinite(found).all()
        assert frames > 1 or np.array_equal(found, samples)
        assert not found.size or np.abs(found - samples).max() < np.ptp(samples, axis=0).max() + 1e-12


@of_each
def test_half_the_frame_rate_and_more_changes_nothing(smoother):
    samples = track()
    for cutoff in (25, 26, 1e6):
        np.testing.assert_array_equal(smoother.smooth(samples, 50, cutoff), samples)


@of_each_symmetric
def test_linear_filters_turn_and_move_with_the_axes_and_run_backwards(smoother):
    samples, turn = track(), np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    found = smoother.smooth(samples, 50, smoother.cutoff)
    moved = smoother.smooth(samples @ turn.T + [3, -2, 5], 50, smoother.cutoff)
    np.testing.assert_allclose(moved, found @ turn.T + [3, -2, 5], atol=1e-12)
    # The wave that a Butterworth filter of one direction still has at a padded end is 1e-6 of the motion.
    np.testing.assert_allclose(smoother.smooth(samples[::-1], 50, smoother.cutoff)[::-1], found, atol=1e-5)
    both = smoother.smooth(samples + 2 * track(seed=1), 50, smoother.cutoff)
    np.testing.assert_allclose(both, found + 2 * smoother.smooth(track(seed=1), 50, smoother.cutoff), atol=1e-12)


@of_each
def test_every_joint_by_itself_in_the_type_that_came(smoother):
    samples = track(joints=5).astype(np.float32)
    found = smoother.smooth(samples, 50, smoother.cutoff)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[:, 3:4], smoother.smooth(samples[:, 3:4], 50, smoother.cutoff), atol=1e-6)
    exact = smoother.smooth(np.float64(samples), 50, smoother.cutoff)
    np.testing.assert_allclose(found, exact, atol=1e-6)


@of_each
def test_acceleration_of_noise_shrinks_most(smoother):
    """Which is what filters are for: differences in time shrink more than positions."""
    noise = np.random.default_rng(0).normal(size=(500, 2, 3))
    found = smoother.smooth(noise, 50, smoother.cutoff)
    left = [np.std(np.diff(found, order, axis=0)) / np.std(np.diff(noise, order, axis=0)) for order in range(3)]
    assert 1 > left[0] > left[1] > left[2]


@pytest.mark.parametrize(("name", "frames"), [("savgol", 15), ("butterworth", 60)])
def test_what_is_not_finite_spoils_its_coordinate(name, frames):
    samples = track()
    samples[30, 1, 2] = np.nan
    wrong = ~np.isfinite(SMOOTHERS[name].smooth(samples, 50, SMOOTHERS[name].cutoff))
    assert wrong[:, 1, 2].sum() == wrong.sum() == frames


@of_each
@pytest.mark.parametrize(("fps", "cutoff"), [(0, 1), (50, 0), (50, -1), (50, math.nan)])
def test_rates_that_are_none_are_refused(smoother, fps, cutoff):
    with pytest.raises(ValueError, match="frame rate and cut-off must be above 0"):
        smoother.smooth(track(), fps, cutoff)


# Tracks, and names


@of_each
def test_tracks_are_smoothed_one_by_one_at_their_own_rates(smoother):
    tracks = [make_track(frames=frames)._replace(fps=fps) for frames, fps in ((40, 50.0), (1, 50.0), (25, 25.0))]
    poses = np.concatenate([each.positions_3d for each in tracks])
    found = smooth_tracks(poses, tracks, Smoothing(smoother, 3.0))
    expected = [smoother.smooth(each.positions_3d, each.fps, 3.0) for each in tracks]
    np.testing.assert_array_equal(found, np.concatenate(expected))


def test_a_name_may_have_a_cutoff():
    assert [str(each) for each in choose_smoothings(("savgol", "butterworth:6", "one-euro:0.5"))] == [
        "savgol 3.6 Hz", "butterworth 6 Hz", "one-euro 0.5 Hz"
    ]  # fmt: skip
    assert choose_smoothing("butterworth") == Smoothing(SMOOTHERS["butterworth"], 4.0)


def test_the_help_names_every_filter_and_its_cutoff():
    text = smoothing.describe_smoothers()
    assert all(f"{name}, " in text and f"({smoother.cutoff:g} Hz)" in text for name, smoother in SMOOTHERS.items())


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["savgl"], "--smooth names 'savgl'; the filters are savgol, butterworth, one-euro; perhaps you meant savgol"),
        (["kalman:3"], "--smooth names 'kalman'; the filters are savgol, butterworth, one-euro$"),
        ([""], "--smooth names ''; the filters are"),
        (["savgol:"], "--smooth savgol:: the cut-off is ''; it must be a number above 0, in Hz"),
        (["savgol:0"], "the cut-off is '0'; it must be a number above 0, in Hz"),
        (["savgol:-1"], "the cut-off is '-1'"),
        (["savgol:nan"], "the cut-off is 'nan'"),
        (["savgol:inf"], "the cut-off is 'inf'"),
        (["savgol:15frames"], "the cut-off is '15frames'"),
        (["butterworth", "butterworth:4.0"], "--smooth names a filter with one cut-off twice; name each once"),
    ],
)
def test_filters_that_are_none_are_refused(texts, message):
    with pytest.raises(InputError, match=message):
        choose_smoothings(texts)
