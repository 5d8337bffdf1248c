"""Detections of several people, shuffled, come back as the people they were."""

import numpy as np
from helpers.detector_files import people

from jaxpose.keypoints.tracking import associate


def shuffled(tracks, seed=0):
    """Frames, keypoints and true persons of (P, T, K, 3) in random order."""
    count, length = tracks.shape[:2]
    order = np.random.default_rng(seed).permutation(count * length)
    person, frame = np.divmod(order, length)
    return frame, tracks.reshape(-1, *tracks.shape[2:])[order], person


def test_people_who_keep_apart_are_told_apart():
    frames, keypoints, truth = shuffled(people(count=3, frames=40))
    found = associate(frames, keypoints)
    assert len(set(zip(found, truth, strict=True))) == 3
    assert set(found) == {1, 2, 3}


def test_the_best_matching_as_a_whole_is_taken():
    """Greedy would give the second person the first one's nearest pose."""
    pose = np.zeros((2, 3, 3))
    pose[0, :, :2], pose[..., 2] = [[0, 0], [0, 100], [100, 100]], 1
    pose[1] = pose[0] + np.array([40, 0, 0])
    moved = pose + np.array([25, 0, 0])  # the first person now stands nearer to where the second one was
    found = associate(np.array([0, 0, 1, 1]), np.concatenate([pose, moved]))
    assert found == [1, 2, 1, 2]


def test_gone_too_long_or_too_far_is_somebody_else():
    pose = people(count=1, frames=1)[0, 0]
    assert associate(np.array([0, 30, 61]), np.stack([pose] * 3)) == [1, 1, 2]
    assert associate(np.array([0, 1]), np.stack([pose, pose + np.array([400, 0, 0])])) == [1, 2]


def test_what_was_not_seen_does_not_count():
    pose = people(count=1, frames=1)[0, 0]
    hidden = pose.copy()
    hidden[:9] = 0
    unseen = np.where(np.arange(17)[:, None] < 3, np.nan, pose)
    assert associate(np.arange(3), np.stack([pose, hidden, unseen])) == [1, 1, 1]
    assert associate(np.arange(2), np.stack([pose, pose * 0])) == [1, 2]
