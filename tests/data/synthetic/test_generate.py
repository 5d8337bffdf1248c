"""The built-in data: human bodies, plausible motion, recognisable actions, noise as stated."""

import runpy

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.places import ROOT

from jaxpose.cameras import project, world_to_camera
from jaxpose.data.human36m import H36M_CAMERAS
from jaxpose.data.synthetic.detector_noise import add_detector_noise
from jaxpose.data.synthetic.generate import ACTIONS, SUBJECTS, body, motion, tracks
from jaxpose.kinematics import bone_lengths, joint_angles
from jaxpose.skeleton import H36M_17, layout

SEEDS, FRAMES, FPS = 3, 200, 50
WALKS = ("Walking", "WalkDog", "WalkTogether")
SEATED = ("Sitting", "Eating")
HANDS, HEAD = [H36M_17.index("left_wrist"), H36M_17.index("right_wrist")], H36M_17.index("head")


@pytest.fixture(scope="module")
def clips():
    """Action to (seeds × subjects, T, 17, 3)."""
    keys = jax.random.split(jax.random.key(0), (len(ACTIONS), SEEDS, len(SUBJECTS)))
    return {
        action: np.stack(
            [
                motion(keys[a, i, s], action, subject, frames=FRAMES)
                for i in range(SEEDS)
                for s, subject in enumerate(SUBJECTS)
            ]
        )
        for a, action in enumerate(ACTIONS)
    }


@pytest.fixture(scope="module")
def everything(clips):
    return np.stack(list(clips.values()))


@pytest.fixture(scope="module")
def some_tracks():
    return tracks(0, ["S1", "S11"], frames=FRAMES)


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
    assert jnp.isfinite(motion(jax.random.key(0), "Walking", "S1", frames=1)).all()


def test_bones_keep_their_length(everything):
    lengths = np.asarray(bone_lengths(jnp.asarray(everything), H36M_17)).reshape(
        len(ACTIONS), SEEDS, len(SUBJECTS), FRAMES, -1
    )
    for index, subject in enumerate(SUBJECTS):
        expected = np.linalg.norm(body(subject)[1:], axis=-1)
        np.testing.assert_allclose(
            lengths[:, :, index], np.broadcast_to(expected, lengths[:, :, index].shape), atol=1e-5
        )


def test_angles_stay_in_the_range_of_motion(everything):
    angles = np.rad2deg(joint_angles(jnp.asarray(everything), H36M_17))
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


def test_tracks_do_not_depend_on_what_else_is_asked_for(some_tracks):
    alone = tracks(0, ["S11"], frames=FRAMES)
    beside = [track for track in some_tracks if track.subject == "S11"]
    assert len(alone) == len(beside) == len(ACTIONS) * 4
    for a, b in zip(alone, beside, strict=True):
        assert a[:4] == b[:4]
        np.testing.assert_array_equal(a.positions_3d, b.positions_3d)
        np.testing.assert_array_equal(a.keypoints_2d, b.keypoints_2d)


def test_seeds_give_other_tracks(some_tracks):
    other = tracks(1, ["S1"], frames=FRAMES)
    assert all(np.abs(a.positions_3d - b.positions_3d).max() > 0.05 for a, b in zip(some_tracks, other, strict=False))


def test_tracks_keep_the_contract(some_tracks):
    seen = {(track.subject, track.action, track.camera) for track in some_tracks}
    assert seen == {(s, action, camera) for s in ("S1", "S11") for action in ACTIONS for camera in H36M_CAMERAS[s]}
    for track in some_tracks:
        camera = H36M_CAMERAS[track.subject][track.camera]
        assert track.fps == FPS
        assert (track.width, track.height) == (camera.width, camera.height)
        for field in ("intrinsics", "orientation", "translation"):
            np.testing.assert_array_equal(getattr(track, field), getattr(camera, field))
        assert isinstance(track.positions_3d, np.ndarray)
        assert track.positions_3d.shape == (FRAMES, 17, 3)
        assert track.keypoints_2d.shape == (FRAMES, 17, 2)
        assert track.positions_3d.dtype == track.keypoints_2d.dtype == np.float32
        assert (track.positions_3d[..., 2] > 1).all()


def test_every_camera_sees_the_whole_body(some_tracks):
    for track in some_tracks:
        camera = jax.tree.map(jnp.asarray, H36M_CAMERAS[track.subject][track.camera])
        pixels = np.asarray(project(jnp.asarray(track.positions_3d), camera))
        assert (pixels > 0).all()
        assert (pixels < [track.width, track.height]).all()
        assert 2 < np.median(np.linalg.norm(track.keypoints_2d - pixels, axis=-1)) < 12


def test_the_four_cameras_see_the_same_clip(some_tracks):
    def world(track):
        camera = H36M_CAMERAS[track.subject][track.camera]
        rotation = np.asarray(world_to_camera(jnp.eye(3) + camera.translation, jax.tree.map(jnp.asarray, camera)))
        return track.positions_3d @ rotation.T + camera.translation

    first, *others = (world(track) for track in some_tracks[:4])
    for other in others:
        np.testing.assert_allclose(other, first, atol=1e-4)


@pytest.fixture(scope="module")
def noise():
    return np.asarray(add_detector_noise(jax.random.key(0), jnp.zeros((20_000, 17, 2))))


def test_jitter_is_smallest_at_the_trunk(noise):
    middle_half = np.percentile(noise, 75, axis=(0, 2)) - np.percentile(noise, 25, axis=(0, 2))
    spread = dict(zip(H36M_17.joints, middle_half / 1.349, strict=True))  # of a normal distribution
    assert spread["pelvis"] == pytest.approx(3, rel=0.07)
    assert spread["left_knee"] == pytest.approx(5, rel=0.07)
    assert spread["right_wrist"] == pytest.approx(8, rel=0.07)
    assert max(spread.values()) == pytest.approx(8, rel=0.1)
    assert min(spread.values()) == pytest.approx(3, rel=0.1)


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
    keypoints = jnp.zeros((2, 20_000, 2))
    noise = add_detector_noise(jax.random.key(1), keypoints, layout("many", 20_000, [], []))
    first, second = np.percentile(noise, 75, axis=(1, 2)) - np.percentile(noise, 25, axis=(1, 2))
    assert first == pytest.approx(second, rel=0.05)


def test_the_detector_asks_for_the_keypoints_of_its_skeleton():
    with pytest.raises(AssertionError):
        add_detector_noise(jax.random.key(0), jnp.zeros((5, 16, 2)))


def test_the_contact_sheet_is_drawn(tmp_path):
    command = runpy.run_path(str(ROOT / "experiments" / "contact_sheet.py"))
    command["main"](tmp_path / "sheet.png", frames=FRAMES)
    assert (tmp_path / "sheet.png").stat().st_size > 50_000
