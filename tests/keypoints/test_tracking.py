"""Detections of several people, shuffled, come back as the people they were."""

import numpy as np
from helpers.detector_files import people

from jaxpose.keypoints.tracking import adopt_unnamed, associate, frame_step


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
    assert associate(np.array([0, 1, 2, 32, 63]), np.stack([pose] * 5)) == [1, 1, 1, 1, 2]
    assert associate(np.array([0, 1]), np.stack([pose, pose + np.array([400, 0, 0])])) == [1, 2]


def test_what_was_not_seen_does_not_count():
    pose = people(count=1, frames=1)[0, 0]
    hidden = pose.copy()
    hidden[:9] = 0
    unseen = np.where(np.arange(17)[:, None] < 3, np.nan, pose)
    assert associate(np.arange(3), np.stack([pose, hidden, unseen])) == [1, 1, 1]
    assert associate(np.arange(2), np.stack([pose, pose * 0])) == [1, 2]


def test_every_sixtieth_frame_is_a_track_with_gaps():
    """People walk 2.4 of their sizes from one such frame to the next."""
    tracks = people(count=2, frames=6)
    tracks[..., 0] += np.arange(6)[:, None] * 700
    tracks[1, ..., 1] += 3000
    frames, keypoints, truth = shuffled(tracks)
    found = associate(frames * 60, keypoints)
    assert len(set(zip(found, truth, strict=True))) == 2


def test_a_step_is_that_of_most_frames():
    assert frame_step(np.array([5, 5])) == 1
    assert frame_step(np.array([120, 0, 60, 60, 300])) == 60
    assert frame_step(np.array([0, 1, 2, 3, 4, 5, 6, 40, 80])) == 1
    assert frame_step(np.array([0, 60, 97, 180])) == 1  # somebody who is seen now and then


def test_detections_without_an_id_join_the_tracks_before_or_after_them():
    tracks = people(count=3, frames=9)
    frames, keypoints, truth = shuffled(tracks)
    ids = np.array(["a", "b", "c"], object)[truth]
    missing = [(0, 0), (0, 1), (0, 5), (1, 8), (2, 4)]  # person and frame: first, last, in between
    gone = [(person, frame) in missing for person, frame in zip(truth, frames, strict=True)]
    found, joined = adopt_unnamed(frames, keypoints, [None if g else i for g, i in zip(gone, ids, strict=True)])
    assert found == ids.tolist()
    assert joined == 5


def test_people_of_whom_nobody_has_an_id_get_new_ones():
    tracks = people(count=3, frames=4)
    frames, keypoints, truth = shuffled(tracks)
    found, joined = adopt_unnamed(frames, keypoints, ["a" if person == 1 else None for person in truth])
    assert joined == 0
    assert {(i, t) for i, t in zip(found, truth, strict=True) if t == 1} == {("a", 1)}
    assert len(set(zip(found, truth, strict=True))) == len(set(found)) == 3
    assert set(found) == {"a", "new1", "new2"}


def test_a_person_who_is_there_already_is_not_joined():
    pose = people(count=1, frames=1)[0, 0]
    found, joined = adopt_unnamed(np.array([0, 1, 1]), np.stack([pose] * 3), ["a", "a", None])
    assert (found, joined) == (["a", "a", "new1"], 0)
    found, _ = adopt_unnamed(np.array([0, 1, 1]), np.stack([pose] * 3), ["new1", "new1", None])
    assert found == ["new1", "new1", "new_1"]
