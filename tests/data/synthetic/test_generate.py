"""The built-in data: human bodies, plausible motion, recognisable actions."""

import runpy

import jax
import numpy as np
import pytest
from helpers.places import ROOT

from jaxpose.data.synthetic.body import bone_offsets
from jaxpose.data.synthetic.generate import ACTIONS, SUBJECTS, motion
from jaxpose.kinematics import bone_lengths, joint_angles
from jaxpose.skeleton import H36M_17

pytestmark = pytest.mark.usefixtures("compiled_soon")
SEEDS, FRAMES, FPS = 3, 200, 50
WALKS = ("Walking", "WalkDog", "WalkTogether")
SEATED = ("Sitting", "Eating")
HANDS, HEAD = [H36M_17.index("left_wrist"), H36M_17.index("right_wrist")], H36M_17.index("head")


@pytest.fixture(scope="module")
def clips():
    """Action to (seeds × subjects, T, 17, 3)."""
    keys = list(jax.jit(lambda: jax.random.split(jax.random.key(0), len(ACTIONS) * SEEDS * len(SUBJECTS)))())
    made = [
        motion(keys.pop(0), action, subject, frames=FRAMES)
        for action in ACTIONS
        for _ in range(SEEDS)
        for subject in SUBJECTS
    ]
    by_action = np.asarray(made).reshape(len(ACTIONS), SEEDS * len(SUBJECTS), FRAMES, 17, 3)
    return dict(zip(ACTIONS, by_action, strict=True))


@pytest.fixture(scope="module")
def everything(clips):
    return np.stack(list(clips.values()))


def joint(positions, name):
    return positions[..., H36M_17.index(name), :]


def leftwards(positions):
    """Horizontal direction from the right to the left hip."""
    across = (joint(positions, "left_hip") - joint(positions, "right_hip")) * [1, 1, 0]
    return across / np.linalg.norm(across, axis=-1, keepdims=True)


def hand_to_head(positions):
    """Distances (..., 2) of the wrists from the middle of the head."""
    head = (positions[..., HEAD - 1, :] + positions[..., HEAD, :]) / 2
    return np.linalg.norm(positions[..., HANDS, :] - head[..., None, :], axis=-1)


def test_the_actions_and_subjects_of_human36m():
    known = "Directions Discussion Eating Greeting Phoning Posing Purchases Sitting SittingDown Smoking Photo Waiting"
    assert set(ACTIONS) == {*known.split(), *WALKS}
    assert SUBJECTS == ("S1", "S5", "S6", "S7", "S8", "S9", "S11")


def test_motion_is_finite_float32(clips):
    for clip in clips.values():
        assert clip.shape == (SEEDS * len(SUBJECTS), FRAMES, 17, 3)
        assert clip.dtype == np.float32
        assert np.isfinite(clip).all()
    assert np.isfinite(motion(jax.random.key(0), "Walking", "S1", frames=1)).all()


def test_bones_keep_their_length(everything):
    lengths = np.asarray(jax.jit(bone_lengths, static_argnums=1)(everything, H36M_17))
    expected = [np.linalg.norm(bone_offsets(subject)[1:], axis=-1) for subject in SUBJECTS]
    expected = np.tile(expected, (SEEDS, 1))[:, None]  # of every clip of an action
    np.testing.assert_allclose(lengths, np.broadcast_to(expected, lengths.shape), atol=1e-5)


def test_angles_stay_in_the_range_of_motion(everything):
    angles = np.rad2deg(jax.jit(joint_angles, static_argnums=1)(everything, H36M_17))
    low, high = np.asarray([angle.range_deg for angle in H36M_17.angles]).T
    assert (angles > low).all()
    assert (angles <= high).all()


@pytest.mark.parametrize("action", [*WALKS, "Directions", "Discussion", "Greeting", "Phoning", "Posing", "Waiting"])
def test_knees_bend_backwards(clips, action):
    left = leftwards(clips[action])
    for side in ("left", "right"):
        hip, knee, ankle = (joint(clips[action], f"{side}_{name}") for name in ("hip", "knee", "ankle"))
        bend = np.sum(np.cross(knee - hip, ankle - knee) * left, axis=-1)
        assert bend.min() > -0.01  # square metres: the shank is never in front of the thigh's line
        assert bend.max() > 0.01


def test_elbows_bend_forwards(clips):
    left = leftwards(clips["Walking"])
    for side in ("left", "right"):
        shoulder, elbow, wrist = (joint(clips["Walking"], f"{side}_{name}") for name in ("shoulder", "elbow", "wrist"))
        assert (np.sum(np.cross(elbow - shoulder, wrist - elbow) * left, axis=-1) < 0.005).all()


def test_nobody_sinks_or_floats(everything):
    lowest = everything[..., 2].min(axis=-1)
    assert (lowest > 0.02).all()
    assert (lowest < 0.14).all()  # an ankle over a raised heel


def test_left_is_left_of_where_one_walks(clips):
    clip = clips["Walking"]
    travel = clip[:, 10:, 0] - clip[:, :-10, 0]
    left_of_travel = np.cross([0, 0, 1], travel)
    aligned = np.sum(left_of_travel * leftwards(clip[:, 5:-5]), axis=-1) / np.linalg.norm(left_of_travel, axis=-1)
    assert (aligned > 0.5).all()


def test_left_is_left_of_where_one_sits(clips):
    clip = np.concatenate([clips[action] for action in SEATED])
    thighs = joint(clip, "left_knee") + joint(clip, "right_knee") - 2 * joint(clip, "pelvis")
    assert (np.sum(np.cross([0, 0, 1], thighs) * leftwards(clip), axis=-1) > 0.5).all()


def test_sides_are_not_mixed(everything):
    shoulders = joint(everything, "left_shoulder") - joint(everything, "right_shoulder")
    assert (np.sum(shoulders * leftwards(everything), axis=-1) > 0).all()


@pytest.mark.parametrize("action", WALKS)
def test_walkers_travel_and_their_standing_foot_does_not_slide(clips, action):
    clip = clips[action]
    walked = np.linalg.norm(np.diff(clip[:, :, 0, :2], axis=1), axis=-1)
    assert (walked.sum(axis=1) > 1).all()
    for ankle in (H36M_17.index("left_ankle"), H36M_17.index("right_ankle")):
        speed = np.linalg.norm(np.diff(clip[:, :, ankle, :2], axis=1), axis=-1)
        height = clip[:, 1:, ankle, 2]
        standing = height < height.min(axis=1, keepdims=True) + 0.01
        assert np.median(speed[standing]) < 0.15 * walked.mean()
        assert speed[standing].mean() < 0.25 * walked.mean()
        assert speed[~standing].mean() > walked.mean()


def test_who_sits_stays_low_and_in_place(clips):
    stand = clips["Directions"][..., 0, 2].mean()
    for action in SEATED:
        pelvis = clips[action][..., 0, :]
        assert (pelvis[..., 2] < 0.7 * stand).all()
        assert (np.ptp(pelvis[..., :2], axis=1) < 0.1).all()


def test_motion_is_smooth(everything):
    acceleration = np.linalg.norm(np.diff(everything, n=2, axis=2), axis=-1) * FPS**2
    assert np.median(acceleration) < 2  # metres per second squared
    assert acceleration.max() < 150  # a heel strikes, or a hand turns round


def test_phone_at_the_ear_and_camera_before_the_face(clips):
    assert np.median(hand_to_head(clips["Phoning"]).min(axis=-1)) < 0.27
    assert np.median(hand_to_head(clips["Photo"]).max(axis=-1)) < 0.4


@pytest.mark.parametrize("action", ["Eating", "Smoking"])
def test_hand_to_mouth_and_back(clips, action):
    distance = hand_to_head(clips[action])
    assert (np.median(np.ptp(distance, axis=1).max(axis=-1)) > 0.2).all()
    assert np.median(distance.min(axis=(1, 2))) < 0.3


def test_greeting_raises_a_hand(clips):
    above = clips["Greeting"][:, :, HANDS, 2].max(axis=(1, 2)) > clips["Greeting"][:, :, HEAD - 1, 2].max(axis=1)
    assert above.mean() > 0.5


def test_directions_stretch_an_arm_out(clips):
    clip = clips["Directions"]
    reach = np.linalg.norm((clip[..., HANDS, :] - clip[..., :1, :])[..., :2], axis=-1).max(axis=(1, 2))
    assert np.median(reach) > 0.5


def test_purchases_bend_down(clips):
    assert np.median(clips["Purchases"][..., HEAD, 2].min(axis=1)) < 1.2


def test_sitting_down_ends_on_the_floor(clips):
    pelvis = clips["SittingDown"][..., 0, 2]
    assert np.median(pelvis.min(axis=1)) < 0.25
    assert (np.ptp(pelvis, axis=1) > 0.2).mean() > 0.3


def test_the_dog_pulls_one_arm_forwards(clips):
    clip = clips["WalkDog"]
    ahead = np.cross(leftwards(clip), [0, 0, 1])
    hands = np.sum((clip[..., HANDS, :] - clip[..., :1, :]) * ahead[..., None, :], axis=-1)
    assert np.median(hands.max(axis=-1)) > 0.25


def test_a_key_decides_the_clip():
    a, b, c = (motion(jax.random.key(seed), "Posing", "S9", frames=FRAMES) for seed in (7, 7, 8))
    np.testing.assert_array_equal(a, b)
    assert np.abs((a - a[:, :1]) - (c - c[:, :1])).max() > 0.1


def test_no_two_clips_of_an_action_are_alike(clips):
    for clip in clips.values():
        relative = clip - clip[:, :, :1]
        apart = np.abs(relative[:, None] - relative[None]).max(axis=(2, 3, 4))
        assert (apart[~np.eye(len(clip), dtype=bool)] > 0.1).all()


def test_the_contact_sheet_is_drawn(tmp_path):
    command = runpy.run_path(str(ROOT / "experiments" / "contact_sheet.py"))
    command["main"](tmp_path / "sheet.png", frames=FRAMES)
    assert (tmp_path / "sheet.png").stat().st_size > 50_000
