"""Boxes over a person who has one already are not people; people near each other are."""

import numpy as np
import pytest
from helpers.detector_files import people

from jaxpose.keypoints.duplicates import person_scores, without_duplicates

POSE = people(count=1, frames=1)[0, 0].astype(np.float64)
SIZE = np.hypot(*np.ptp(POSE[:, :2], axis=0))


def kept(poses, scores, ids=None, frames=None, *, by_score=True):
    frames = np.zeros(len(poses), int) if frames is None else np.array(frames)
    ids = [None] * len(poses) if ids is None else ids
    return without_duplicates(frames, np.stack(poses), np.array(scores), ids, by_score=by_score).tolist()


def moved(share):
    """The pose elsewhere, by a share of its size."""
    return POSE + np.array([share * SIZE, 0, 0])


@pytest.mark.parametrize("by_score", [True, False])
def test_the_same_pose_again_is_the_same_person(by_score):
    assert kept([moved(0.02), POSE, moved(0.035)], [0.3, 0.9, 0.8], by_score=by_score) == [False, True, False]
    assert kept([POSE, moved(0.06)], [0.9, 0.8], by_score=by_score) == [True, True]


def test_other_frames_and_other_ids_are_other_people():
    assert kept([POSE, POSE], [0.9, 0.1], frames=[3, 4]) == [True, True]
    assert kept([POSE, POSE], [0.9, 0.1], ids=["a", "b"]) == [True, True]
    assert kept([POSE, POSE], [0.9, 0.1], ids=["a", "a"]) == [True, False]
    assert kept([POSE, POSE], [0.9, 0.1], ids=["a", None]) == [True, False]


def part_of_the_person():
    """The pose pressed into the lower half of the person's box, as of a box over the legs."""
    low, high = POSE[:, 1].min(), POSE[:, 1].max()
    return np.stack([POSE[:, 0], (POSE[:, 1] + high) / 2 + (high - low) * 0.01, POSE[:, 2]], axis=-1)


def test_a_part_of_a_person_with_a_low_score_is_none():
    part = part_of_the_person()
    assert kept([part, POSE], [0.2, 0.9]) == [False, True]
    assert kept([part, POSE], [0.6, 0.9]) == [True, True]  # a child before an adult
    assert kept([part, POSE], [0.2, 0.9], by_score=False) == [True, True]
    assert kept([moved(0.9), POSE], [0.1, 0.9]) == [True, True]  # unsure, and somewhere else


def test_what_was_not_seen_covers_nothing():
    unseen, nobody = POSE.copy(), np.full_like(POSE, np.nan)
    unseen[3:, 2] = 0
    assert kept([POSE, unseen], [0.9, 0.2]) == [True, False]
    assert kept([POSE, nobody, nobody * 0], [0.9, 0.1, 0.1]) == [True, True, True]


def test_scores_are_the_mean_confidence_of_what_was_seen():
    pose = POSE.copy()
    pose[:, 2] = 0.5
    pose[0] = np.nan
    pose[1, 2] = 0
    np.testing.assert_allclose(person_scores(np.stack([pose, pose * [1, 1, 0], POSE])), [0.5, 0, POSE[:, 2].mean()])
