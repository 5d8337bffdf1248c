"""Keypoints alone are lifted as evaluation lifts them; what is missing, mapped or resampled does what it says."""

import functools
import subprocess
import sys
import warnings
from pathlib import Path

import jax
import numpy as np
import pytest
from helpers.lifters import IMAGE, aiming_lifter, person, untrained_lifter
from helpers.samples import DESCRIPTION, make_track
from helpers.walking import detected, walk

import jaxpose
from jaxpose import weights
from jaxpose.data.smoothing import butterworth, savitzky_golay
from jaxpose.data.windows import pack, pack_keypoints
from jaxpose.keypoints.layouts import HALPE_26, conversion
from jaxpose.kinematics import mirror
from jaxpose.lifting import lift
from jaxpose.lifting.in_time import bridge_gaps
from jaxpose.runs.lifter_file import SavedLifter, write_lifter_file
from jaxpose.runs.trained import TrainedModel, open_run
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import BODY_22, COCO_17, H36M_17, layout

pytestmark = [
    pytest.mark.usefixtures("compiled_soon"),
    pytest.mark.filterwarnings("ignore:.* are read as"),  # bodies made of random numbers are none
]


@pytest.fixture(scope="module")
def lifter():
    """An untrained network of Human3.6M's joints, 50 frames per second."""
    return untrained_lifter()


@pytest.mark.parametrize("frames", [1, 2, 40])
def test_tracks_of_any_length_are_lifted_as_in_evaluation(lifter, frames):
    track = make_track(frames=frames)
    expected = lifter.lift(pack([track]))
    lifted = jaxpose.lift(track.keypoints_2d, lifter, layout="h36m_17", smooth=None, **IMAGE)
    np.testing.assert_allclose(lifted, expected, atol=1e-6)
    assert lifted.dtype == np.float32


@pytest.mark.filterwarnings("ignore:.* were not seen")
def test_several_people_are_lifted_each_as_if_alone(lifter):
    keypoints = np.stack([make_track(frames=12, seed=seed).keypoints_2d for seed in range(3)])
    keypoints = np.concatenate([keypoints, np.full((3, 12, 17, 1), 0.9, np.float32)], axis=-1)
    keypoints[1, 8:] = np.nan  # the second is there for eight frames
    options = {"layout": "h36m_17", **IMAGE}
    with pytest.warns(UserWarning, match=r"keypoints\[1\]: 33\.3% of the keypoints were not seen") as told:
        lifted = jaxpose.lift(keypoints, lifter, **options)
    with pytest.warns(UserWarning, match=r"keypoints: 33\.3% of the keypoints were not seen"):
        alone = [jaxpose.lift(person, lifter, **options) for person in keypoints]
    assert lifted.shape == (3, 12, 17, 3)
    np.testing.assert_array_equal(lifted, np.stack(alone))
    assert sum("not seen" in str(each.message) for each in told) == 1
    np.testing.assert_array_equal(jaxpose.lift(keypoints[:1], lifter, **options), lifted[:1])  # one keeps the axis
    keypoints[2, ..., 2] = 0.1
    with pytest.raises(InputError, match=r"keypoints\[2\]: no frame has a score of 0\.5 or more"):
        jaxpose.lift(keypoints, lifter, min_score=0.5, **options)
    keypoints[0] = np.nan
    with pytest.raises(InputError, match=r"keypoints\[0\]"):
        jaxpose.lift(keypoints, lifter, **options)


def test_a_mirrored_video_gives_mirrored_poses(lifter):
    keypoints = make_track().keypoints_2d
    turned = np.asarray(mirror(keypoints - np.float32([500, 0]), H36M_17)) + np.float32([500, 0])
    lifted, other = (jaxpose.lift(k, lifter, layout="h36m_17", **IMAGE) for k in (keypoints, turned))
    np.testing.assert_allclose(mirror(lifted, H36M_17), other, atol=1e-5)


def test_constant_bones_keep_the_directions(lifter):
    keypoints = make_track(frames=20).keypoints_2d
    plain = jaxpose.lift(keypoints, lifter, layout="h36m_17", **IMAGE)
    found = jaxpose.lift(keypoints, lifter, layout="h36m_17", constant_bones=True, **IMAGE)
    parents, children = np.transpose(H36M_17.bones)
    before, after = (poses[:, children] - poses[:, parents] for poses in (plain, found))
    lengths = np.linalg.norm(after, axis=-1)
    np.testing.assert_allclose(lengths, np.broadcast_to(lengths[:1], lengths.shape), rtol=1e-4)
    left, right = np.transpose(H36M_17.bone_pairs)
    np.testing.assert_allclose(lengths[:, left], lengths[:, right], rtol=1e-4)
    np.testing.assert_allclose(
        before / np.linalg.norm(before, axis=-1, keepdims=True), after / lengths[..., None], atol=1e-4
    )


def test_poses_are_smoothed_at_the_rate_of_the_video_before_bones_become_constant(lifter):
    keypoints = make_track(frames=30).keypoints_2d
    options = {"layout": "h36m_17", "fps": 25, **IMAGE}
    plain = jaxpose.lift(keypoints, lifter, smooth=None, **options)
    np.testing.assert_array_equal(jaxpose.lift(keypoints, lifter, **options), savitzky_golay(plain, 25, 3.6))
    found = jaxpose.lift(keypoints, lifter, smooth="butterworth:3", **options)
    np.testing.assert_array_equal(found, butterworth(plain, 25, 3))
    assert np.abs(found - plain).max() > 1e-4
    rigid = jaxpose.lift(keypoints, lifter, smooth="butterworth:3", constant_bones=True, **options)
    lengths = np.linalg.norm(np.diff(rigid[:, [1, 2]], axis=1), axis=-1)
    np.testing.assert_allclose(lengths, np.broadcast_to(lengths[:1], lengths.shape), rtol=1e-4)
    with pytest.raises(InputError, match=r"--smooth \(smooth\) names 'kalman'; the filters are savgol"):
        jaxpose.lift(keypoints, lifter, smooth="kalman", **options)


def test_other_layouts_are_mapped(lifter):
    keypoints = np.random.default_rng(0).uniform(100, 900, (5, 26, 2)).astype(np.float32)
    lifted = jaxpose.lift(keypoints, lifter, layout="Halpe 26", **IMAGE)
    mapped = jaxpose.lift(conversion(HALPE_26, H36M_17) @ keypoints, lifter, layout=H36M_17, **IMAGE)
    np.testing.assert_allclose(lifted, mapped, atol=1e-6)


def test_gaps_are_interpolated_flagged_and_told(lifter):
    keypoints = make_track(frames=10).keypoints_2d
    line = keypoints[2:3] + (keypoints[8:9] - keypoints[2:3]) * np.arange(7)[:, None, None] / 6
    straight = np.concatenate([keypoints[:2], line, keypoints[9:]])
    frames = [10, 11, 12, 18, 19]
    found, (note,) = lift.lift_person(person(straight[np.array(frames) - 10], frames=frames), lifter)
    whole, notes = lift.lift_person(person(straight), lifter)
    np.testing.assert_allclose(found.positions, whole.positions, atol=1e-5)
    np.testing.assert_array_equal(
        found.filled, np.repeat((np.arange(10) > 2) & (np.arange(10) < 8), 17).reshape(10, 17)
    )
    assert (found.start, found.fps, found.name, found.space) == (10, 50.0, "ann", "camera")
    assert note == ("track ann: 50.0% of the keypoints were not seen and are interpolated; the longest gap is 5 frames "
                    "(0.1 s), of pelvis")  # fmt: skip
    assert not notes
    assert not whole.filled.any()


def test_frames_with_a_low_score_are_gaps_and_are_lifted_as_such(lifter):
    keypoints = np.concatenate([make_track(frames=8).keypoints_2d, np.full((8, 17, 1), 0.9)], axis=-1)
    keypoints[[0, 3, 7], :, 2] = 0.2
    with pytest.warns(UserWarning, match="37.5% of the keypoints were not seen"):
        lifted = jaxpose.lift(keypoints, lifter, layout="h36m_17", min_score=0.5, **IMAGE)
    keypoints[[0, 3, 7]] = np.nan  # the first and the last frames as well: the motion keeps its length
    with pytest.warns(UserWarning, match="37.5% of the keypoints were not seen"):
        expected = jaxpose.lift(keypoints, lifter, layout="h36m_17", **IMAGE)
    assert lifted.shape == (8, 17, 3)
    np.testing.assert_array_equal(lifted, expected)
    with pytest.raises(InputError, match=r"no frame has a score of 0\.95 or more, the highest is 0\.9"):
        jaxpose.lift(keypoints, lifter, layout="h36m_17", min_score=0.95, **IMAGE)


def test_joints_that_are_never_seen_are_estimated_and_named(lifter):
    keypoints = make_track(frames=4).keypoints_2d.copy()
    keypoints[:, H36M_17.index("left_knee")] = np.nan
    with pytest.warns(UserWarning, match=r"keypoints: left_knee \(never seen\): estimated from the other"):
        assert np.isfinite(jaxpose.lift(keypoints, lifter, layout="h36m_17", **IMAGE)).all()


def test_exchanged_sides_are_exchanged_back_unless_they_are_to_be_kept(lifter):
    track = detected(walk(60, turn=30, joints=H36M_17.joints, speed=2, pixels_per_metre=350))
    exchanged = track.copy()
    exchanged[20:30] = track[20:30][:, list(H36M_17.mirrored)]
    image = {"layout": "h36m_17", "width": 1000, "height": 1000, "fps": 50}
    with pytest.warns(UserWarning, match="exchanged left and right in 10 of 60 frames"):
        back = jaxpose.lift(exchanged, lifter, **image)
    np.testing.assert_array_equal(back, jaxpose.lift(track, lifter, **image))
    kept = jaxpose.lift(exchanged, lifter, keep_sides=True, **image)
    assert np.abs(kept - back).max() > 0.01


def test_models_with_a_confidence_are_given_it():
    lifter = untrained_lifter(DESCRIPTION._replace(channels=3))
    keypoints = person(make_track(frames=5).keypoints_2d).keypoints
    brighter = keypoints * np.float32([1, 1, 6])
    lifted = jaxpose.lift(keypoints, lifter, layout="h36m_17", **IMAGE)
    full = jaxpose.lift(np.minimum(brighter, [10_000, 10_000, 1]), lifter, layout="h36m_17", **IMAGE)
    assert np.abs(lifted - full).max() > 1e-4
    np.testing.assert_array_equal(full, jaxpose.lift(brighter, lifter, layout="h36m_17", **IMAGE))


@pytest.mark.parametrize("fps", [25.0, 29.97, 60.0, 240.0])
def test_other_frame_rates_are_resampled_and_back(lifter, fps, monkeypatch):
    """The network sees the motion at its own rate, and the poses are those of the video's frames."""
    random = np.random.default_rng(0)
    middle, phase = random.uniform(300, 700, (17, 2)), random.uniform(0, 6, (17, 2))

    def keypoints(fps, seconds):
        time = np.arange(round(fps * seconds))[:, None, None] / fps
        return np.float32(middle + 30 * np.sin(2 * np.pi * 0.7 * time + phase))

    def flat_poses(self, data):  # a network whose poses are its input
        seen = keypoints(50, 2) / 500 - 1
        np.testing.assert_allclose(data.keypoints[25:75], seen[25:75], atol=2e-4)
        return np.pad(data.keypoints, [(0, 0), (0, 0), (0, 1)])

    monkeypatch.setattr(TrainedModel, "lift", flat_poses)
    lifted = jaxpose.lift(keypoints(fps, 2), lifter, layout="h36m_17", fps=fps, **IMAGE)
    expected = keypoints(fps, 2) / 500 - 1
    inside = slice(round(fps / 2), -round(fps / 2))
    assert lifted.shape == (round(fps * 2), 17, 3)
    np.testing.assert_allclose(lifted[inside, :, :2], expected[inside], atol=4e-4)
    np.testing.assert_allclose(lifted[..., :2], expected, atol=0.02)  # at the ends, what is beyond them is guessed


@pytest.mark.parametrize("frames", [1, 2, 3])
@pytest.mark.parametrize("fps", [7.0, 23.976, 120.0])
def test_short_tracks_keep_their_length_at_any_rate(lifter, frames, fps, monkeypatch):
    monkeypatch.setattr(TrainedModel, "lift", lambda self, data: np.zeros((len(data.keypoints), 17, 3), np.float32))
    motion, _ = lift.lift_person(person(make_track(frames=frames).keypoints_2d, fps=fps), lifter)
    assert motion.positions.shape == (frames, 17, 3)


def test_joints_of_an_unknown_layout_are_marked_together():
    own = layout("mine", 4, [0], [1])
    filled = np.zeros((3, 4), bool)
    filled[1, 2] = True
    marked = lift._joints_filled(filled, own, H36M_17)
    np.testing.assert_array_equal(marked, np.repeat([[False], [True], [False]], 17, axis=1))


def test_a_run_may_have_a_layout_of_its_own():
    own = layout("mine", 4, [0], [1])
    lifter = untrained_lifter(DESCRIPTION._replace(layout=own))
    keypoints = np.tile([[[100.0, 100], [700, 100], [100, 700], [700, 700]]], (3, 1, 1))
    assert jaxpose.lift(keypoints, lifter, layout="mine", **IMAGE).shape == (3, 17, 3)
    with pytest.raises(InputError, match="the run takes mine keypoints: no conversion from 'coco_17' to 'mine'"):
        jaxpose.lift(np.full((3, 17, 2), 300.0), lifter, layout="coco", **IMAGE)


def test_an_older_run_is_taken_for_fifty_frames_a_second(lifter):
    assert lift.lifting_fps(lifter._replace(description=DESCRIPTION), 30) == 50
    assert lift.lifting_fps(lifter._replace(description=DESCRIPTION._replace(fps=60.0)), 30) == 60


@pytest.mark.parametrize(
    ("keypoints", "named", "fault"),
    [
        (
            np.zeros((5, 34)),
            "coco",
            r"keypoints are float64 of shape \(5, 34\); they must be numbers, \(T, K, 2 or 3\) of one person or",
        ),
        (np.zeros((0, 5, 17, 2)), "coco", "of several, not empty"),
        (np.zeros((1, 1, 5, 17, 2)), "coco", "keypoints are float64 of shape"),
        (np.zeros((0, 17, 2)), "coco", "keypoints are float64 of shape"),
        (np.full((5, 17, 2), "a"), "coco", "keypoints are <U1 of shape"),
        (np.full((5, 16, 2), 300), "coco", "keypoints has 16 keypoints, but coco_17 17"),
        (np.full((5, 17, 2), np.inf), "coco", "coordinates up to inf"),
        (np.full((5, 17, 2), 300), "mpii", "there is no layout 'mpii'; known: h36m_17"),
    ],
)
def test_bad_input_is_named(lifter, keypoints, named, fault):
    with pytest.raises(InputError, match=fault):
        jaxpose.lift(keypoints, lifter, layout=named, **IMAGE)


@pytest.mark.filterwarnings("ignore:.* lie outside the image")
def test_people_of_another_size_are_told_of_and_cropped_to_the_usual_one(lifter):
    """Cropped, the same person anywhere in any image gives the same poses."""
    keypoints = make_track(frames=20).keypoints_2d
    away = keypoints * np.float32(0.2) + np.float32([1500, 40])
    size = {"width": 1920, "height": 1080}
    with pytest.warns(UserWarning, match=r"takes up 0\.\d\d .* training 0\.60; try .*--crop.* compare"):
        plain = jaxpose.lift(away, lifter, layout="h36m_17", **size)
    close = keypoints * np.float32(2.5) - np.float32([750, 750])
    with pytest.warns(UserWarning, match=r"training 0\.60; lift as if .* \(--crop, crop=True\): larger people"):
        jaxpose.lift(close, lifter, layout="h36m_17", **IMAGE)
    near, far = (
        jaxpose.lift(k, lifter, layout="h36m_17", crop=True, **image) for k, image in ((keypoints, IMAGE), (away, size))
    )
    np.testing.assert_allclose(far, near, atol=1e-4)
    assert np.abs(plain - near).max() > 0.01


def test_importing_jaxpose_stays_light():
    """`lift` is there without the trainer's libraries, until it is asked for."""
    code = "import sys, jaxpose; assert 'lift' in dir(jaxpose) + jaxpose.__all__; assert 'orbax' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert jaxpose.lift is lift.lift
    with pytest.raises(AttributeError, match="module 'jaxpose' has no attribute 'lower'"):
        _ = jaxpose.lower


def test_without_a_run_the_lifter_that_comes_with_jaxpose_is_opened_once(lifter, tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    keypoints = make_track(frames=5).keypoints_2d
    with pytest.raises(InputError, match="jaxpose comes without trained weights in this version"):
        jaxpose.lift(keypoints, layout="h36m_17", **IMAGE)
    saved = SavedLifter(Path("run"), lifter.config, lifter.description, 7, jax.device_get(lifter.variables))
    write_lifter_file(tmp_path / "anywhere.npz", saved, "float32")
    opened = []
    monkeypatch.setattr(lift, "_open_once", functools.cache(lambda run: opened.append(run) or open_run(run)))
    expected = jaxpose.lift(keypoints, lifter, layout="h36m_17", **IMAGE)
    for _ in range(2):
        np.testing.assert_array_equal(jaxpose.lift(keypoints, layout="h36m_17", **IMAGE), expected)
    assert opened == [tmp_path / "anywhere.npz"]
    np.testing.assert_array_equal(jaxpose.lift(keypoints, str(opened[0]), layout="h36m_17", **IMAGE), expected)


# A network that aims the camera, and takes rays.


def scene(frames=60, at=(0.0, 0.0, 5.0), focal=1000.0, middle=(500.0, 500.0), fps=30):
    """COCO's keypoints (T, 17, 3) of a person who walks, seen by a camera; at a place in metres."""
    flat = walk(frames, turn=40, joints=COCO_17.joints, fps=fps, speed=0, pixels_per_metre=1, at=(0, 0))
    points = np.concatenate([flat, np.zeros_like(flat[..., :1])], axis=-1) + at
    return detected(points[..., :2] / points[..., 2:] * focal + middle)


def quietly(*arguments, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return jaxpose.lift(*arguments, **options)


COCO = {"layout": "coco_17", "fps": 30}


def test_any_video_of_the_same_rays_gives_the_same_poses():
    """Of another size and focal length; with the person's usual one where it is that."""
    lifter = aiming_lifter()
    one = quietly(scene(), lifter, width=1000, height=1000, **COCO)
    usual = quietly(scene(focal=1920, middle=(960, 540)), lifter, width=1920, height=1080, **COCO)
    np.testing.assert_allclose(usual, one, atol=1e-4)
    tele = scene(focal=3000, middle=(960, 540))
    known = quietly(tele, lifter, width=1920, height=1080, focal_length=3000, **COCO)
    np.testing.assert_allclose(known, one, atol=1e-4)
    assert np.abs(quietly(tele, lifter, width=1920, height=1080, **COCO) - one).max() > 1e-3
    assert one.shape == (60, 22, 3)


def test_it_is_lifted_as_evaluation_lifts_it():
    lifter = aiming_lifter()
    keypoints = scene()
    data = pack_keypoints([np.float32(keypoints)], [(1000, 1000)])
    lifted = quietly(keypoints, lifter, smooth=None, **IMAGE, **COCO)
    np.testing.assert_allclose(lifted, lifter.lift(data), atol=1e-5)


@pytest.mark.parametrize(("fps", "rate"), [(10.0, 20.0), (20.0, 20.0), (25.0, 25.0), (60.0, 60.0), (120.0, 60.0)])
def test_a_frame_rate_in_the_range_is_kept_and_others_become_the_nearest(fps, rate, monkeypatch):
    lifter, seen = aiming_lifter(), []
    assert lift.lifting_fps(lifter, fps) == rate

    def poses(self, data):
        seen.append(len(data.keypoints))
        return np.zeros((len(data.keypoints), 22, 3), np.float32)

    monkeypatch.setattr(TrainedModel, "lift", poses)
    motion, _ = lift.lift_person(person(scene(), COCO_17, fps=fps), lifter)
    assert motion.positions.shape == (60, 22, 3)
    assert motion.fps == fps
    assert abs(seen[0] - 60 * rate / fps) <= 2 * max(rate / fps, 1) * (fps != rate)


@pytest.mark.parametrize(("rates", "assumed"), [((20.0, 60.0), 30), ((50.0, 60.0), 50), ((10.0, 25.0), 25)])
def test_a_frame_rate_that_is_not_given_is_a_video_s_usual_one_and_said(rates, assumed):
    lifter = aiming_lifter(rates)
    with pytest.warns(UserWarning, match=f"the frame rate is not given: {assumed} frames/s are assumed"):
        lifted = jaxpose.lift(scene(), lifter, layout="coco_17", **IMAGE)
    np.testing.assert_array_equal(lifted, quietly(scene(), lifter, layout="coco_17", fps=assumed, **IMAGE))


@pytest.mark.parametrize("fps", [30.0, 100.0, 14.0])
def test_no_keypoint_with_a_made_up_place_is_given_a_confidence(fps, monkeypatch):
    """At any frame rate: what the network sees changes with nothing that was written where nothing was seen."""
    keypoints = scene(80)
    hidden = np.random.default_rng(0).uniform(size=(80, 17)) < 0.1
    hidden[20:50, 13:] = hidden[60:70] = True
    keypoints[hidden, 2] = 0
    given = []

    def lifted(keypoints, *_):
        given.append(keypoints)
        return np.zeros((len(keypoints), 22, 3), np.float32)

    monkeypatch.setattr(lift, "_lift_frames", lifted)
    lifter = aiming_lifter()
    lift.lift_person(person(keypoints, COCO_17, fps=fps), lifter)
    (shown,), rate = given, lift.lifting_fps(lifter, fps)
    place = np.minimum(np.arange(len(shown)) * fps / rate, 79)
    for before_or_after in (np.floor(place + 1e-3), np.ceil(place - 1e-3)):
        assert not shown[..., 2][hidden[np.clip(before_or_after, 0, 79).astype(int)]].any()
    assert (shown[..., 2] > 0).mean() > 0.3
    assert set(np.unique(shown[..., 2])) <= {0, np.float32(0.9)}


def test_what_the_detector_writes_where_nothing_is_seen_has_no_influence():
    lifter = aiming_lifter()
    keypoints, other = scene(), scene()
    keypoints[10:20, 13:] = 0
    other[10:20, 13:] = [300, 20, 0]
    np.testing.assert_array_equal(quietly(keypoints, lifter, **IMAGE, **COCO), quietly(other, lifter, **IMAGE, **COCO))


def test_frames_without_the_person_are_bridged_and_marked_and_not_looked_across():
    """Before and after a gap, poses are those of two tracks."""
    lifter = aiming_lifter()
    keypoints = scene(140)
    keypoints[50:90, :, 2] = keypoints[110:115, :, 2] = keypoints[:3, :, 2] = 0
    motion, notes = lift.lift_person(person(keypoints, COCO_17, fps=30.0), lifter)
    seen = keypoints[..., 2].any(axis=1)
    np.testing.assert_array_equal(motion.filled, np.repeat(~seen[:, None], 22, axis=1))
    shown = np.float32(np.where(keypoints[..., 2:] > 0, keypoints, 0))
    parts = [lifter.lift(pack_keypoints([part], [(1000, 1000)])) for part in (shown[3:50], shown[90:110], shown[115:])]
    apart = np.zeros((140, 22, 3), np.float32)
    apart[seen] = np.concatenate(parts)
    np.testing.assert_allclose(motion.positions, bridge_gaps(apart, seen, BODY_22), atol=1e-5)
    assert "keypoints were not seen and are left out; the longest gap is 40 frames (1.3 s)" in notes[0]


def test_a_half_body_is_lifted_and_the_legs_are_called_a_guess():
    """Of which there are the face and the shoulders alone; a run that takes the image as it is refuses it."""
    keypoints = scene()
    keypoints[:, 7:, 2] = 0
    motion, notes = lift.lift_person(person(keypoints, COCO_17, fps=30.0), aiming_lifter())
    (note,) = [note for note in notes if "never seen" in note]
    assert "left_hip (never seen)" in note
    assert note.endswith("left out; where the network puts them, such as the legs of a half body, is a guess")
    marked = {joint for joint, filled in zip(BODY_22.joints, motion.filled.T, strict=True) if filled.all()}
    assert {"pelvis", "left_hip", "left_knee", "right_ankle", "left_wrist"} <= marked
    assert not marked & {"nose", "left_ear", "right_eye", "left_shoulder", "thorax", "neck", "head"}
    with pytest.raises(InputError, match="7 of the 17 keypoints that the run needs are seen, too few"):
        lift.lift_person(person(keypoints, COCO_17), untrained_lifter(DESCRIPTION._replace(layout=COCO_17, channels=3)))
    keypoints[:, 5:, 2] = 0
    with pytest.raises(InputError, match="5 of the 17 keypoints that the run needs are seen, too few for a pose"):
        lift.lift_person(person(keypoints, COCO_17), aiming_lifter())


def test_options_that_mean_nothing_are_named_and_change_nothing(lifter):
    aiming = aiming_lifter()
    with pytest.warns(
        UserWarning, match=r"--crop \(crop\) is not used: the run aims the camera at each person by itself"
    ):
        cropped = jaxpose.lift(scene(), aiming, crop=True, **IMAGE, **COCO)
    np.testing.assert_array_equal(cropped, quietly(scene(), aiming, **IMAGE, **COCO))
    keypoints = make_track().keypoints_2d
    with pytest.warns(UserWarning, match=r"--focal-length \(focal_length\) is not used: the run lifts the image as it"):
        lifted = jaxpose.lift(keypoints, lifter, layout="h36m_17", focal_length=1500, **IMAGE)
    np.testing.assert_array_equal(lifted, jaxpose.lift(keypoints, lifter, layout="h36m_17", **IMAGE))


@pytest.mark.parametrize("focal_length", [0, -5, float("nan"), float("inf")])
def test_a_focal_length_that_is_none_is_refused(lifter, focal_length):
    for model in (lifter, aiming_lifter()):
        with pytest.raises(InputError, match=r"--focal-length .* \(focal_length\): it must be above 0, in pixels"):
            jaxpose.lift(scene(), model, focal_length=focal_length, **IMAGE, **COCO)


def test_people_of_any_size_in_the_image_are_lifted_without_a_note():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for distance in (2.5, 40.0):
            keypoints = scene(at=(0, 0, distance))
            assert np.isfinite(jaxpose.lift(keypoints, aiming_lifter(), keep_sides=True, **IMAGE, **COCO)).all()
