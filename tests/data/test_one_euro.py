"""The One-Euro filter against a loop over single numbers, its symmetries, and a stream against a whole track."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxpose.data import one_euro


def track(frames=40, joints=3, seed=0):
    """A random walk, metres."""
    return np.cumsum(np.random.default_rng(seed).normal(scale=0.02, size=(frames, joints, 3)), axis=0)


def rotation(seed=0):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]


def number_by_number(samples, fps, cutoff, beta, speed_cutoff):
    """As the paper's algorithm 1 has it, with time constants, but for the speed: that of a joint."""
    period, result = 1 / fps, [list(samples[0])]
    velocity = [0.0, 0.0, 0.0]

    def weight(hertz):
        return 1 / (1 + 1 / (2 * math.pi * hertz) / period)

    for sample in samples[1:]:
        before = result[-1]
        share = weight(speed_cutoff)
        velocity = [
            share * (x - b) / period + (1 - share) * v for x, b, v in zip(sample, before, velocity, strict=True)
        ]
        share = weight(cutoff + beta * math.hypot(*velocity))
        result.append([share * x + (1 - share) * b for x, b in zip(sample, before, strict=True)])
    return np.asarray(result)


@given(st.integers(1, 30), st.floats(5, 200), st.floats(0.1, 2), st.floats(0, 50), st.floats(0.1, 20))
def test_every_joint_is_that_of_the_loop(frames, fps, cutoff, beta, speed_cutoff):
    samples = track(frames)
    found = one_euro.one_euro(samples, fps, cutoff, beta=beta, speed_cutoff=speed_cutoff)
    for joint in range(3):
        expected = number_by_number(samples[:, joint].tolist(), fps, cutoff, beta, speed_cutoff)
        np.testing.assert_allclose(found[:, joint], expected, rtol=1e-9, atol=1e-12)


def test_without_beta_it_is_the_recursion_of_a_first_order_filter():
    """Its answer to a step of one metre rises as 1 - (1 - share)^n."""
    samples = np.ones((20, 1, 3))
    samples[0] = 0
    found = one_euro.one_euro(samples, 50, 2.0, beta=0)
    share = 1 / (1 + 50 / (2 * math.pi * 2))
    np.testing.assert_allclose(found[:, 0, 1], 1 - (1 - share) ** np.arange(20))


def test_a_stream_gives_what_the_whole_track_gives():
    samples = track()
    state, poses = one_euro.init(samples[0]), []
    for frame in samples:
        state, smoothed = one_euro.step(state, frame, 30, 1.5)
        poses.append(smoothed)
    np.testing.assert_array_equal(np.stack(poses), one_euro.one_euro(samples, 30, 1.5))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_stream_keeps_the_precision_of_its_poses(dtype):
    samples = track().astype(dtype)
    state = one_euro.init(samples[0])
    for frame in samples:
        state, smoothed = one_euro.step(state, frame, 50.0)
    assert {smoothed.dtype, state.poses.dtype, state.velocities.dtype} == {np.dtype(dtype)}
    np.testing.assert_allclose(smoothed, one_euro.one_euro(np.float64(samples), 50.0)[-1], rtol=1e-4)


def test_people_of_one_stream_do_not_know_each_other():
    samples = track(joints=6).reshape(40, 2, 3, 3)
    np.testing.assert_array_equal(one_euro.one_euro(samples, 50)[:, 1], one_euro.one_euro(samples[:, 1], 50))


def test_later_frames_do_not_change_earlier_ones():
    samples, changed = track(), track()
    changed[25:] += 1
    first, second = (one_euro.one_euro(each, 50) for each in (samples, changed))
    np.testing.assert_array_equal(first[:25], second[:25])
    assert np.abs(first[25] - second[25]).min() > 0.1


def test_axes_and_origin_do_not_matter():
    samples, turn = track(), rotation()
    moved = one_euro.one_euro(samples @ turn.T + [3, -2, 5], 50)
    np.testing.assert_allclose(moved, one_euro.one_euro(samples, 50) @ turn.T + [3, -2, 5], atol=1e-12)


def test_fast_joints_lag_less_than_slow_ones():
    """Two joints that move evenly: the lag in frames of the fast one is a fraction of that of the slow one."""
    speeds = np.array([0.02, 2.0])  # m/s
    samples = np.arange(500)[:, None, None] / 50 * speeds[:, None] * [1, 0, 0]
    lag = (samples - one_euro.one_euro(samples, 50))[-1, :, 0] / speeds
    assert lag[1] < 0.2 * lag[0] < 0.2 * 1 / (2 * math.pi * one_euro.CUTOFF)


def test_what_is_still_jitters_less():
    noise = np.random.default_rng(0).normal(scale=0.002, size=(500, 5, 3))
    assert np.std(one_euro.one_euro(noise, 50)[100:]) < 0.5 * np.std(noise)


def test_from_half_the_frame_rate_on_nothing_is_smoothed():
    samples = track()
    np.testing.assert_array_equal(one_euro.one_euro(samples, 50, 25), samples)
    state, poses = one_euro.step(one_euro.init(samples[0]), samples[1], 50, 30)
    np.testing.assert_array_equal([poses, state.poses], [samples[1], samples[1]])


def test_what_is_not_finite_spoils_its_joint_from_there_on():
    samples = track()
    samples[7, 1, 2] = np.nan
    found = one_euro.one_euro(samples, 50)
    wrong = ~np.isfinite(found)
    assert wrong[7:, 1].all()
    assert wrong.sum() == wrong[7:, 1].size


@pytest.mark.parametrize(("fps", "cutoff"), [(0, 1), (-5, 1), (50, 0), (50, -1), (math.nan, 1), (50, math.nan)])
def test_rates_that_are_none_are_refused(fps, cutoff):
    with pytest.raises(ValueError, match="frame rate and cut-off must be above 0"):
        one_euro.step(one_euro.init(track()[0]), track()[1], fps, cutoff)


def test_another_number_of_people_is_refused():
    with pytest.raises(ValueError, match=r"the state is of poses \(3, 3\), these are \(2, 3\); init makes a state"):
        one_euro.step(one_euro.init(track()[0]), track()[0, :2], 50)
