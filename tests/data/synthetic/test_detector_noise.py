"""The detector's noise: jitter by kind of joint, its correlation in time, the share of outliers."""

import jax
import numpy as np
import pytest

from jaxpose.data.synthetic.detector_noise import add_detector_noise, jitter_spread
from jaxpose.skeleton import H36M_17, Skeleton, layout

pytestmark = pytest.mark.usefixtures("compiled_soon")
add_noise = jax.jit(add_detector_noise, static_argnums=2)


@pytest.fixture(scope="module")
def noise():
    return np.asarray(add_noise(jax.random.key(0), np.zeros((20_000, 17, 2), np.float32)))


def test_jitter_is_smallest_at_the_trunk(noise):
    middle_half = np.percentile(noise, 75, axis=(0, 2)) - np.percentile(noise, 25, axis=(0, 2))
    spread = dict(zip(H36M_17.joints, middle_half / 1.349, strict=True))  # of a normal distribution
    assert spread["pelvis"] == pytest.approx(3, rel=0.07)
    assert spread["left_knee"] == pytest.approx(5, rel=0.07)
    assert spread["right_wrist"] == pytest.approx(8, rel=0.07)
    assert max(spread.values()) == pytest.approx(8, rel=0.1)
    assert min(spread.values()) == pytest.approx(3, rel=0.1)


def test_the_spread_goes_by_the_last_word_of_a_name():
    spread = jitter_spread(Skeleton("some", ("left_hip", "right_hip", "tail"), (-1, -1, -1), (0,), (1,)))
    np.testing.assert_array_equal(spread, np.float32([3.5, 3.5, 5]))


def test_jitter_lasts_a_few_frames(noise):
    calm = np.clip(noise, -20, 20)  # without outliers

    def correlation(lag):
        return np.mean(calm[lag:] * calm[:-lag]) / np.mean(calm**2)

    assert correlation(1) == pytest.approx(0.8, abs=0.05)
    assert correlation(5) == pytest.approx(0.8**5, abs=0.08)
    assert correlation(40) == pytest.approx(0, abs=0.05)


def test_one_percent_are_outliers(noise):
    far = np.linalg.norm(noise[:, H36M_17.index("pelvis")], axis=-1) > 15
    assert 0.006 < far.mean() < 0.014
    assert far[1:][far[:-1]].mean() > 0.5  # they last


def test_the_first_frame_is_as_noisy_as_the_rest():
    keypoints = np.zeros((2, 20_000, 2), np.float32)
    noise = np.asarray(add_noise(jax.random.key(1), keypoints, layout("many", 20_000, [], [])))
    first, second = np.percentile(noise, 75, axis=(1, 2)) - np.percentile(noise, 25, axis=(1, 2))
    assert first == pytest.approx(second, rel=0.05)


def test_the_detector_asks_for_the_keypoints_of_its_skeleton():
    with pytest.raises(ValueError, match=r"`keypoints` has shape \(5, 16, 2\), but axis -2 must have size 17"):
        add_detector_noise(jax.random.key(0), np.zeros((5, 16, 2), np.float32))
