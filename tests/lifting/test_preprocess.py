"""Preprocessing: gaps, midpoints of which one end is missing, the window around a person, and what is warned of."""

import numpy as np
import pytest
from helpers.lifters import person
from helpers.samples import make_track

from jaxpose.keypoints.layouts import HALPE_26
from jaxpose.lifting import preprocess
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import COCO_17, H36M_17


def test_a_single_keypoint_marks_the_joints_that_it_makes():
    keypoints = np.random.default_rng(0).uniform(100, 900, (30, 17, 3))
    keypoints[..., 2] = 0.8
    keypoints[3, COCO_17.index("left_hip"), 2] = 0.2
    keypoints[5:, COCO_17.index("left_ear"), 2] = 0  # which Human3.6M's joints do not need
    prepared = preprocess.preprocess(person(keypoints, COCO_17), H36M_17, min_confidence=0.3)
    marked = {(int(t), H36M_17.joints[j]) for t, j in np.argwhere(prepared.filled)}
    assert marked == {(3, "left_hip"), (3, "pelvis"), (3, "spine")}
    hip = COCO_17.index("left_hip")
    np.testing.assert_allclose(prepared.keypoints[3, H36M_17.index("left_hip"), :2],
                               (keypoints[2, hip, :2] + keypoints[4, hip, :2]) / 2, rtol=1e-5)  # fmt: skip
    np.testing.assert_allclose(prepared.keypoints[3, [4, 0, 1], 2], [0, 0.4, 0.8], atol=1e-6)
    assert prepared.notes[0].startswith("track ann: 0.2% of the keypoints were not seen")


def test_a_long_gap_is_called_a_guess():
    keypoints = make_track(frames=2).keypoints_2d
    (note,) = preprocess.preprocess(person(keypoints, frames=[0, 27]), H36M_17).notes
    assert note.endswith("the longest gap is 26 frames (0.5 s), of pelvis: longer than 0.5 s, a guess")


def test_in_profile_the_near_eye_stands_for_both():
    keypoints = np.random.default_rng(0).uniform(100, 900, (4, 17, 3))
    keypoints[:, COCO_17.index("right_eye"), 2] = 0
    prepared = preprocess.preprocess(person(keypoints, COCO_17), H36M_17)
    head = H36M_17.index("head")
    np.testing.assert_allclose(prepared.keypoints[:, head], keypoints[:, COCO_17.index("left_eye")], rtol=1e-5)
    assert prepared.filled[:, head].all()
    assert not np.delete(prepared.filled, head, axis=1).any()


def test_a_middle_that_is_never_seen_is_that_of_its_two_sides():
    """A table of COCO's 17 names and a neck that is read as Halpe's has no hip: nothing has to be estimated for it."""
    keypoints = np.random.default_rng(0).uniform(100, 900, (4, 26, 3))
    keypoints[:, [HALPE_26.index("hip"), HALPE_26.index("head")]] = np.nan
    prepared = preprocess.preprocess(person(keypoints, HALPE_26), H36M_17, keep_sides=True)
    for joint, ends in {"pelvis": "hip", "head": "eye"}.items():
        left, right = (keypoints[:, HALPE_26.index(f"{side}_{ends}")] for side in ("left", "right"))
        np.testing.assert_allclose(prepared.keypoints[:, H36M_17.index(joint)], (left + right) / 2, rtol=1e-5)
    assert prepared.notes == ()
    assert not prepared.filled.any()


def test_a_wrong_size_of_the_image_is_suspected():
    found = person(make_track(frames=3).keypoints_2d)._replace(width=300, height=200)
    (note,) = preprocess.preprocess(found, H36M_17).notes
    assert note.endswith("of the keypoints lie outside the image of 300 x 200 pixels; check the image size")


def test_the_window_is_about_the_person_as_large_as_usual():
    random = np.random.default_rng(0)
    keypoints = random.uniform(200, 300, (9, 17, 3))
    keypoints[4] += 5000  # a detector's blunder does not move the window
    moved, side = preprocess.crop_to_person(keypoints, 0.4)
    box = np.sort(np.delete(moved, 4, axis=0)[..., :2], axis=1)
    assert np.median((box[:, -1] - box[:, 0]).max(axis=-1)) / side == pytest.approx(0.4, abs=0.01)
    np.testing.assert_allclose((box[:, 0] + box[:, -1]).mean(axis=0) / 2, side / 2, atol=5)
    np.testing.assert_array_equal(moved[..., 2], keypoints[..., 2])
    assert preprocess.crop_to_person(np.zeros((1, 17, 2)), 0.5)[1] == 2  # all keypoints in one place


def test_joints_that_are_never_seen_at_a_confidence_are_named():
    dim = person(make_track(frames=4).keypoints_2d)
    with pytest.raises(InputError, match=r"pelvis, .* never seen with a confidence above 0\.95"):
        preprocess.preprocess(dim, H36M_17, min_confidence=0.95)
