"""Keypoints at another frame rate, of which none is made up, and gaps that are bridged by bones that turn."""

import numpy as np
import pytest
from helpers.standing import standing
from hypothesis import given
from hypothesis import strategies as st

from jaxpose.data.resampling import resample
from jaxpose.lifting.in_time import bridge_gaps, resample_keypoints
from jaxpose.skeleton import BODY_22, H36M_17


def keypoints_of(frames, seen=None):
    """Keypoints (T, 17, 3) that move slowly, with a confidence of 0.9 where they are seen."""
    phase = np.random.default_rng(0).uniform(0, 6, (1, 17, 2))
    pixels = 500 + 100 * np.sin(0.05 * np.arange(frames)[:, None, None] + phase)
    confidence = 0.9 * (np.ones((frames, 17)) if seen is None else seen)
    return np.float32(np.concatenate([pixels, confidence[..., None]], axis=-1))


@pytest.mark.parametrize(("source", "target"), [(120.0, 60.0), (15.0, 30.0), (29.97, 30.0), (25.0, 60.0)])
def test_pixels_are_resampled_and_confidences_never_made_up(source, target):
    """A new frame beside an old one in which a keypoint is not seen does not see it; all others have its confidence."""
    seen = np.ones((80, 17))
    seen[20:30, 3] = seen[50, 4] = seen[:, 5] = 0
    keypoints = keypoints_of(80, seen)
    found = resample_keypoints(keypoints, source, target)
    np.testing.assert_array_equal(found[..., :2], resample(keypoints[..., :2], source, target))
    place = np.arange(len(found)) * source / target
    for keypoint in (0, 3, 4, 5):
        near = [seen[np.abs(np.arange(80) - at) < 1 - 2e-3, keypoint].all() for at in place]
        np.testing.assert_array_equal(found[:, keypoint, 2], np.where(near, np.float32(0.9), 0))


def test_a_confidence_is_the_smaller_one_of_its_neighbours():
    keypoints = keypoints_of(9)
    keypoints[:, 0, 2] = np.arange(1, 10) / 10
    found = resample_keypoints(keypoints, 10.0, 20.0)[:, 0, 2]
    np.testing.assert_allclose(found[:-1], np.repeat(np.arange(1, 9) / 10, 2), atol=1e-6)
    assert found[-1] == np.float32(0.9)


def turning(frames, skeleton=H36M_17):
    """A standing body (T, J, 3) that turns by 2 degrees a frame about the vertical."""
    body = np.array([standing()[joint if joint != "neck" else "upper_neck"] for joint in skeleton.joints])
    angle = np.radians(2) * np.arange(frames)
    cos, sin, zero = np.cos(angle), np.sin(angle), np.zeros(frames)
    turn = np.stack([[cos, zero, sin], [zero, zero + 1, zero], [-sin, zero, cos]]).transpose(2, 0, 1)
    return np.float32(body @ turn.transpose(0, 2, 1))


def lengths(positions, skeleton):
    parents, children = np.transpose(skeleton.bones)
    return np.linalg.norm(positions[:, children] - positions[:, parents], axis=-1)


@pytest.mark.parametrize("skeleton", [H36M_17, BODY_22])
def test_in_a_long_gap_bones_turn_from_the_pose_before_to_the_pose_after(skeleton):
    true = turning(60, skeleton)
    lost, seen = true.copy(), np.ones(60, bool)
    seen[15:45] = False
    lost[15:45] = 7
    found = bridge_gaps(lost, seen, 20, skeleton)
    np.testing.assert_allclose(lengths(found, skeleton), lengths(true, skeleton), atol=1e-5)
    np.testing.assert_array_equal(found[seen], true[seen])
    np.testing.assert_allclose(found, true, atol=0.08)  # the turn is 60 degrees; straight lines would shrink the body
    np.testing.assert_allclose(found[15], found[14], atol=0.03)
    np.testing.assert_allclose(found[44], found[45], atol=0.03)
    assert (lost[15:45] == 7).all()  # what was given is left as it was


def test_gaps_that_are_no_longer_than_the_context_are_left_to_the_network():
    poses, seen = np.random.default_rng(0).normal(size=(50, 17, 3)).astype(np.float32), np.ones(50, bool)
    seen[10:20] = seen[30:41] = False
    found = bridge_gaps(poses, seen, 10, H36M_17)
    changed = (found != poses).any(axis=(1, 2))
    np.testing.assert_array_equal(np.flatnonzero(changed), np.arange(30, 41))
    np.testing.assert_array_equal(bridge_gaps(poses, seen, 11, H36M_17), poses)


def test_before_the_first_frame_and_after_the_last_the_pose_is_held():
    poses, seen = turning(40), np.zeros(40, bool)
    seen[12:20] = True
    found = bridge_gaps(poses, seen, 5, H36M_17)
    np.testing.assert_allclose(found[:12], np.repeat(poses[12:13], 12, axis=0), atol=1e-6)
    np.testing.assert_allclose(found[20:], np.repeat(poses[19:20], 20, axis=0), atol=1e-6)
    np.testing.assert_array_equal(found[12:20], poses[12:20])


def test_of_a_person_who_is_never_seen_nothing_is_changed():
    poses = turning(9)
    np.testing.assert_array_equal(bridge_gaps(poses, np.zeros(9, bool), 2, H36M_17), poses)


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.integers(0, 6))
def test_any_gaps_give_finite_poses_that_differ_in_gaps_alone(seen, longest):
    """Also of bones without length, and of bones that turn round by 180 degrees."""
    seen = np.array(seen)
    poses = np.float32(np.random.default_rng(0).choice([-1, 0, 1], (len(seen), 17, 3)))
    found = bridge_gaps(poses, seen, longest, H36M_17)
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found[seen], poses[seen])
