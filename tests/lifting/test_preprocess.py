"""Preprocessing: gaps, midpoints of which one end is missing, the window around a person, and what is warned of."""

import numpy as np
import pytest
from helpers.lifters import person
from helpers.real_detections import needs_detections, sports2d
from helpers.samples import make_track
from helpers.walking import detected, walk

from jaxpose.keypoints.layouts import HALPE_26, MEDIAPIPE_33
from jaxpose.lifting import preprocess
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import COCO_17, H36M_17, layout


def test_a_single_keypoint_marks_the_joints_that_it_makes():
    """It is filled between its places in the frames beside, in a body that moves on."""
    keypoints = detected(walk(30, turn=45))
    keypoints[..., 2] = 0.8
    keypoints[3, COCO_17.index("left_hip"), 2] = 0.2
    keypoints[5:, COCO_17.index("left_ear"), 2] = 0  # which Human3.6M's joints do not need
    prepared = preprocess.preprocess(person(keypoints, COCO_17), H36M_17, min_confidence=0.3)
    marked = {(int(t), H36M_17.joints[j]) for t, j in np.argwhere(prepared.filled)}
    assert marked == {(3, "left_hip"), (3, "pelvis"), (3, "spine")}
    hip = COCO_17.index("left_hip")
    np.testing.assert_allclose(prepared.keypoints[3, H36M_17.index("left_hip"), :2], keypoints[3, hip, :2], atol=0.5)
    np.testing.assert_allclose(prepared.keypoints[3, [4, 0, 1], 2], [0, 0, 0.8], atol=1e-6)
    assert prepared.notes[0].startswith("track ann: 0.2% of the keypoints were not seen")


def test_a_long_gap_is_called_a_guess():
    keypoints = make_track(frames=2).keypoints_2d
    (note,) = preprocess.preprocess(person(keypoints, frames=[0, 27]), H36M_17).notes
    assert note.endswith("the longest gap is 26 frames (0.5 s), of pelvis: longer than 0.5 s, a guess")


def coco(name):
    return COCO_17.index(name)


def h36m(name):
    return H36M_17.index(name)


def hidden(keypoints, names, frames=slice(None)):
    """Keypoints (T, 17, 3) with the confidence of some joints 0, and their pixels anywhere."""
    keypoints = keypoints.copy()
    for name in names:
        keypoints[frames, coco(name)] = 0
    return keypoints


FAR_SIDE = [f"right_{joint}" for joint in ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")]
FACE = ["nose", "left_eye", "right_eye", "left_ear", "right_ear"]


@pytest.mark.parametrize("frame", [0, 70, 199])
def test_in_profile_the_pelvis_stays_at_the_near_hip_if_the_far_one_is_seen_once(frame):
    """The person crosses 1000 pixels; a hip's width is 62 pixels."""
    walking = detected(walk(turn=80))
    keypoints = hidden(walking, ["right_hip"], np.arange(200) != frame)
    prepared = preprocess.preprocess(person(keypoints, COCO_17), H36M_17)
    apart = np.abs(prepared.keypoints[:, [h36m("pelvis"), h36m("right_hip")], :2] - walking[:, [coco("left_hip")], :2])
    assert apart.max() < 62
    assert prepared.filled[:, [h36m("pelvis"), h36m("right_hip")]].all()
    (note,) = [note for note in prepared.notes if "estimated" in note]
    assert note == (
        "track ann: right_hip (seen in 1 of 200 frames): estimated from the other keypoints by the proportions of a "
        "standing body, a guess"
    )


def test_a_far_hip_that_was_seen_once_in_a_wrong_place_does_not_matter():
    keypoints = hidden(detected(walk(turn=80)), ["right_hip"], np.arange(200) != 70)
    wrong = keypoints.copy()
    wrong[70, coco("right_hip"), :2] += 300
    right, found = (preprocess.preprocess(person(k, COCO_17), H36M_17).keypoints for k in (keypoints, wrong))
    np.testing.assert_array_equal(found, right)


def test_from_behind_the_face_moves_with_the_shoulders():
    """The face is seen in frame 0 alone; neck and head stay above the thorax while the person walks 1000 pixels."""
    walking = detected(walk(turn=180))
    prepared = preprocess.preprocess(person(hidden(walking, FACE, slice(1, None)), COCO_17), H36M_17).keypoints
    truth = preprocess.preprocess(person(walking, COCO_17), H36M_17).keypoints
    for joint in (h36m("neck"), h36m("head")):
        assert np.abs(prepared[:, joint, :2] - truth[:, joint, :2]).max() < 25  # of a person of 420 pixels
        np.testing.assert_array_equal(prepared[1:, joint, 2], 0)


def test_a_weak_nose_under_a_higher_limit_is_estimated_and_said():
    keypoints = detected(walk(turn=45))
    keypoints[:, coco("nose"), 2] = 0.19
    prepared = preprocess.preprocess(person(keypoints, COCO_17), H36M_17, min_confidence=0.3)
    assert np.abs(prepared.keypoints[:, h36m("neck"), :2] - keypoints[:, coco("nose"), :2]).max() < 12
    assert prepared.filled[:, h36m("neck")].all()
    assert prepared.filled.sum() == 200
    assert prepared.notes[0].startswith("track ann: nose (its confidence is at most 0.19, not above 0.3): estimated")


def test_keypoints_that_are_seen_in_some_frames_are_carried_along_and_not_estimated():
    walking = detected(walk(turn=80))
    prepared = preprocess.preprocess(person(hidden(walking, FAR_SIDE, slice(12, None)), COCO_17), H36M_17)
    np.testing.assert_allclose(prepared.keypoints[:12, h36m("right_knee")], walking[:12, coco("right_knee")], rtol=1e-6)
    off = np.abs(prepared.keypoints - preprocess.preprocess(person(walking, COCO_17), H36M_17).keypoints)[..., :2]
    assert off[:, h36m("pelvis")].max() < 30
    assert not any("estimated" in note for note in prepared.notes)
    assert "interpolated" in prepared.notes[0]


def test_the_far_side_may_never_be_seen():
    walking = detected(walk(turn=80))
    prepared = preprocess.preprocess(person(hidden(walking, FAR_SIDE), COCO_17), H36M_17)
    truth = preprocess.preprocess(person(walking, COCO_17), H36M_17).keypoints
    off = np.abs(prepared.keypoints - truth)[..., :2].max(axis=-1)
    for joint in ("pelvis", "spine", "thorax", "head", "right_hip", "right_shoulder"):
        assert off[:, h36m(joint)].max() < 60  # of a person of 420 pixels
    assert off.max() < 200  # a leg or an arm that is not seen hangs down
    assert prepared.filled[:, [h36m(f"right_{joint}") for joint in ("hip", "knee", "wrist")]].all()


def test_a_pose_is_not_made_of_a_face():
    body = [joint for joint in COCO_17.joints if joint not in [*FACE, "left_shoulder", "right_shoulder"]]
    keypoints = hidden(detected(walk(turn=0)), body)
    with pytest.raises(InputError, match="track ann: 5 of the 15 keypoints that the run needs are seen, too few for a"):
        preprocess.preprocess(person(keypoints, COCO_17), H36M_17)


def test_keypoints_whose_names_say_nothing_must_be_seen():
    own = layout("mine", 4, [0], [1])
    keypoints = np.random.default_rng(0).uniform(100, 900, (5, 4, 2))
    keypoints[:, 2] = np.nan
    with pytest.raises(InputError, match="track ann: keypoint_2 never seen; a pose cannot be lifted without it"):
        preprocess.preprocess(person(keypoints, own), own)


@pytest.mark.parametrize("first", [0, 1000])
def test_exchanged_sides_are_exchanged_back_and_counted(first):
    walking = detected(walk(turn=20) + np.random.default_rng(0).normal(size=(200, 17, 2)))
    exchanged = walking.copy()
    for run in (slice(40, 50), slice(190, 200)):
        exchanged[run] = walking[run][:, list(COCO_17.mirrored)]
    track = person(exchanged, COCO_17, frames=first + np.arange(200))
    prepared = preprocess.preprocess(track, H36M_17)
    truth = preprocess.preprocess(person(walking, COCO_17), H36M_17)
    np.testing.assert_array_equal(prepared.keypoints, truth.keypoints)
    assert not prepared.filled.any()
    assert prepared.notes[0] == (
        f"track ann: the detector exchanged left and right in 20 of 200 frames, 2 times, first in frame {first + 40}; "
        "they are exchanged back, for smooth motion (--keep-sides, keep_sides=True, leaves them)"
    )
    kept = preprocess.preprocess(track, H36M_17, keep_sides=True)
    np.testing.assert_allclose(kept.keypoints[45, h36m("left_knee")], exchanged[45, coco("left_knee")], rtol=1e-6)
    assert not any("exchanged" in note for note in kept.notes)


@needs_detections
def test_real_detections_without_the_weak_ones_are_near_to_those_with_them():
    """MediaPipe's far side, whose visibility is low for two seconds, is filled within 8 % of the person on average."""
    keypoints = sports2d()[:145]
    track = person(keypoints, MEDIAPIPE_33)
    full = preprocess.preprocess(track, H36M_17).keypoints
    prepared = preprocess.preprocess(track, H36M_17, min_confidence=0.5)
    off = np.linalg.norm(prepared.keypoints - full, axis=-1)[prepared.filled]
    assert prepared.filled.mean() > 0.05
    assert off.mean() < 0.08 * 400


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
    with pytest.raises(
        InputError, match=r"0 of the 17 keypoints .* are seen with a confidence above 0\.95, .* --min-confidence"
    ):
        preprocess.preprocess(dim, H36M_17, min_confidence=0.95)
