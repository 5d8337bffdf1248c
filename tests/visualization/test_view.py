"""Clips are the track turned upright, or some of its frames."""

import functools

import jax
import numpy as np
import pytest
from helpers.motions import lifted
from helpers.samples import make_track

from jaxpose.cameras import camera_to_world
from jaxpose.data.human36m import H36M_CAMERAS
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import H36M_17
from jaxpose.visualization.view import (
    around,
    clip_of_motion,
    crop,
    cut,
    joint_errors,
    make_clip,
    title_of_motion,
    typical_pose,
)


@functools.cache
def to_world():
    return jax.jit(camera_to_world)


@pytest.fixture(scope="module")
def track():
    return make_track(frames=30, seed=1)


@pytest.fixture(scope="module")
def clip(track):
    return make_clip(track, track.positions_3d - track.positions_3d[:, :1] + np.float32([0.03, 0, 0.04]))


@pytest.mark.parametrize("camera", H36M_CAMERAS["S1"])
def test_the_truth_is_the_world_turned_about_the_vertical(camera):
    track = make_track(frames=5, camera=camera)
    truth = make_clip(track, track.positions_3d).truth
    world = np.asarray(to_world()(track.positions_3d, H36M_CAMERAS["S1"][camera]))
    world, truth = (poses - poses[:, :1] for poses in (world, truth))
    np.testing.assert_allclose(truth[..., 2], world[..., 2], atol=1e-5)
    before, after = (poses[:, 1:, 0] + 1j * poses[:, 1:, 1] for poses in (world, truth))
    turn = (after / before)[0, 0]
    assert abs(turn) == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(after / before, turn, atol=1e-3)


@pytest.mark.parametrize("camera", H36M_CAMERAS["S1"])
def test_x_is_right_and_y_away_as_the_camera_sees_them(camera):
    track = make_track(frames=5, camera=camera)
    truth = make_clip(track, track.positions_3d).truth
    seen = track.positions_3d - track.positions_3d[:, :1]
    for axis, as_seen in ((0, 0), (1, 2)):  # but for the camera's roll and tilt
        assert np.corrcoef(truth[..., axis].ravel(), seen[..., as_seen].ravel())[0, 1] > 0.9


def test_feet_are_on_the_floor_and_the_error_is_kept(clip):
    assert abs(np.quantile(clip.truth[..., 2].min(axis=1), 0.01)) < 1e-6
    np.testing.assert_allclose(joint_errors(clip.prediction, clip.truth), np.full((30, 17), 0.05), atol=1e-6)


def test_a_track_without_truth(track, clip):
    bare = make_clip(track._replace(positions_3d=track.positions_3d[:0]), track.positions_3d)
    assert bare.truth is None
    assert cut(bare, 3, 5).truth is None
    assert abs(np.quantile(bare.prediction[..., 2].min(axis=1), 0.01)) < 1e-6


def test_cuts_know_where_they_are(clip):
    piece = cut(cut(clip, 5, 20), 2, 4)
    assert (piece.first, piece.total, len(piece.prediction)) == (7, 30, 3)
    for field in ("keypoints", "prediction", "truth"):
        np.testing.assert_array_equal(getattr(piece, field), getattr(clip, field)[7:10])
    with pytest.raises(InputError, match=r"--frames is 3 30; S1/Walking/55011271 has frames 0 to 29"):
        cut(clip, 3, 30)
    for frames in ((5, 4), (-1, 3)):
        with pytest.raises(InputError):
            cut(clip, *frames)


@pytest.mark.parametrize(
    ("frame", "frames", "first", "length"),
    [(0, 10, 0, 10), (15, 10, 10, 10), (29, 10, 20, 10), (15, 30, 0, 30), (3, 99, 0, 30)],
)
def test_a_piece_around_a_frame(clip, frame, frames, first, length):
    piece = around(clip, frame, frames)
    assert (piece.first, len(piece.truth)) == (first, length)


def test_the_crop_is_a_square_that_holds_every_keypoint(clip):
    (left, right), (top, bottom) = crop(clip)
    x, y = clip.keypoints[..., 0], clip.keypoints[..., 1]
    assert left < x.min() < x.max() < right
    assert top < y.min() < y.max() < bottom
    assert right - left == pytest.approx(bottom - top)


def test_the_typical_pose_is_one_of_them_that_faces_the_viewer(clip):
    random = np.random.default_rng(0)
    turns = random.uniform(-np.pi, np.pi, 30)
    (x, y, z), cos, sin = np.moveaxis(clip.truth, -1, 0), np.cos(turns)[:, None], np.sin(turns)[:, None]
    turned = np.stack([cos * x - sin * y, sin * x + cos * y, z], axis=-1)
    pose = typical_pose(turned, H36M_17)
    np.testing.assert_allclose(pose, typical_pose(clip.truth, H36M_17), atol=1e-5)
    to_left = sum(pose[left] - pose[right] for left, right in zip(H36M_17.left, H36M_17.right, strict=True))
    assert to_left[0] > 0
    assert abs(to_left[1]) < 1e-5
    between = [np.linalg.norm(poses[..., None, :] - poses[..., None, :, :], axis=-1) for poses in (pose, clip.truth)]
    assert np.abs(between[0] - between[1]).max(axis=(1, 2)).min() < 1e-5


def test_a_lifted_person_stands_upright_on_the_floor_at_their_time_in_the_video():
    _, motion = lifted(("1", "a\x1b$"))
    clip = clip_of_motion(motion)
    assert (clip.name, clip.first, clip.total, clip.fps) == ("track a\N{REPLACEMENT CHARACTER}$", 4, 29, 25)
    assert clip.truth is None
    np.testing.assert_array_equal(clip.keypoints, motion.keypoints.pixels)
    between = clip.prediction - clip.prediction[:, :1]
    seen = motion.positions - motion.positions[:, :1]
    np.testing.assert_allclose(between, seen[..., [0, 2, 1]] * [1, 1, -1], atol=1e-6)
    assert abs(np.quantile(clip.prediction[..., 2].min(axis=1), 0.01)) < 1e-6
    upright = clip_of_motion(motion._replace(space="world")).prediction
    np.testing.assert_allclose(upright - upright[:, :1], seen, atol=1e-6)
    assert (
        title_of_motion("b.npz", motion) == "b.npz, track a\N{REPLACEMENT CHARACTER}$. Lifter trained on: sample motion"
    )
    bare = clip_of_motion(motion._replace(keypoints=None))
    np.testing.assert_array_equal(bare.prediction, clip.prediction)
    assert cut(bare, 2, 3).keypoints is None
