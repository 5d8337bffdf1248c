"""Cameras whose focal length is hidden: as many as asked for, and nothing else of the windows changes."""

import functools

import jax
import numpy as np
import pytest
from helpers.samples import DESCRIPTION, make_track

from jaxpose.data import windows
from jaxpose.data.augmentation.lens import lens
from jaxpose.data.augmentation.settings import Augmentation
from jaxpose.runtime.errors import InputError

pytestmark = pytest.mark.usefixtures("compiled_soon")
SIZES = ((1000, 1002), (1920, 1080), (720, 1280))


@functools.cache
def hidden(share, seed=0, count=1000):
    """Windows before and after."""
    data = windows.pack([make_track(frames=5, width=width, height=height) for width, height in SIZES])
    starts = np.resize(windows.window_starts([5] * 3, 1), count)
    transform = lens(DESCRIPTION, Augmentation(unknown_lens=share))

    @jax.jit
    def both(key, data, starts):
        batch = windows.gather_windows(data, starts, 1, (1, 1))
        return batch, transform(key, batch)

    return jax.device_get(both(jax.random.key(seed), data, starts))


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_share_of_cameras_with_the_usual_focal_length_is_that_which_is_asked_for(share):
    before, after = hidden(share)
    changed = (after.camera.intrinsics != before.camera.intrinsics).any(axis=1)
    assert abs(changed.mean() - share) < 4 * np.sqrt(share * (1 - share) / len(changed)) + 1e-9
    usual = np.array([2.0, 2.0, 2 * 1280 / 720])  # in screen units, the width is 2: the longer side
    ratios = np.array([1002 / 1000, 1080 / 1920, 1280 / 720])
    size = np.abs((before.camera.height / before.camera.width)[:, None] - ratios).argmin(axis=1)
    expected = np.where(size == 0, 2 * 1.002, usual[size])
    np.testing.assert_allclose(after.camera.intrinsics[changed, 0], expected[changed], rtol=1e-6)
    np.testing.assert_array_equal(after.camera.intrinsics[:, 0][changed], after.camera.intrinsics[:, 1][changed])


def test_nothing_but_the_focal_length_changes():
    before, after = hidden(0.5)
    np.testing.assert_array_equal(after.camera.intrinsics[:, 2:], before.camera.intrinsics[:, 2:])
    same = after.replace(camera=after.camera._replace(intrinsics=before.camera.intrinsics))
    jax.tree.map(np.testing.assert_array_equal, same, before)


def test_another_key_hides_others():
    one, same, other = (hidden(0.5, seed)[1].camera.intrinsics for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_windows_without_cameras_are_refused():
    batch = hidden(0.5)[0].replace(camera=None)
    with pytest.raises(InputError, match="augmentation lens needs poses and cameras"):
        lens(DESCRIPTION, Augmentation())(jax.random.key(0), batch)
