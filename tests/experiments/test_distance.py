"""People who are moved away from the camera become smaller, and keep their noise in proportion."""

import numpy as np
import pytest
from helpers.samples import make_track

from experiments.distance import moved_away
from jaxpose.data.track import person_extent


def test_far_people_are_small():
    track = make_track(frames=5)
    noise = np.random.default_rng(0).normal(size=(5, 17, 2)).astype(np.float32) * 4
    noisy = track._replace(keypoints_2d=track.keypoints_2d + noise)
    np.testing.assert_allclose(moved_away(noisy, 0), noisy.keypoints_2d, atol=1e-3)
    far = moved_away(track, 12)  # from 4 m to 16 m
    shrunk = person_extent(far) / person_extent(track.keypoints_2d)
    assert shrunk == pytest.approx(1 / 4, rel=0.1)
    np.testing.assert_allclose(moved_away(noisy, 12) - far, noise * shrunk, atol=1e-3)
