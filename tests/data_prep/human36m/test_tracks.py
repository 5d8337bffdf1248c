"""Human3.6M as tracks: detected keypoints go with their poses, and what is incomplete is named."""

import jax
import numpy as np
import pytest
from helpers.h36m_files import CAMERAS, FRAMES, KEPT, camera_space, random_keypoints, random_poses, save_npz

from data_prep.human36m.mocap_files import Inventory, find_recordings
from data_prep.human36m.tracks import Options, check_complete, exclude, tracks
from jaxpose.cameras import project
from jaxpose.data.human36m import H36M_CAMERAS
from jaxpose.runtime.errors import InputError

WALKING = ("S1", "Walking 1")


def make(folder, poses=None, keypoints=None):
    """The inventory of poses and the options for their tracks."""
    save_npz(folder, poses, keypoints)
    inventory = find_recordings(folder / "poses.npz")
    return inventory, Options(inventory.files, folder / "keypoints.npz")


def test_keypoints_are_cut_to_the_frames_of_the_poses(tmp_path):
    keypoints = random_keypoints(frames=FRAMES | {WALKING: 9})
    _, options = make(tmp_path, None, keypoints)
    recordings = [(subject, action) for subject, action in FRAMES if subject == "S1" for _ in CAMERAS]
    for number, (track, recording) in enumerate(zip(tracks(options, "S1"), recordings, strict=True)):
        assert (track.subject, track.action, track.camera) == (*recording, CAMERAS[number % 4])
        points = keypoints[recording][number % 4]
        np.testing.assert_array_equal(track.keypoints_2d, points[: FRAMES[recording]])
        world = random_poses()[recording][:, KEPT]
        np.testing.assert_allclose(track.positions_3d, camera_space(world, track), atol=5e-6)


def test_projected_joints(tmp_path):
    _, options = make(tmp_path)
    track = list(tracks(options._replace(keypoints=None), "S9"))[2]
    pixels = jax.jit(project)(track.positions_3d, H36M_CAMERAS["S9"][track.camera])
    np.testing.assert_allclose(track.keypoints_2d, pixels, rtol=1e-4, atol=1e-3)


def test_subjects_without_poses_are_kept(tmp_path):
    keypoints = random_keypoints(frames=FRAMES | {("S2", "Walking"): 3})
    inventory, options = make(tmp_path, None, keypoints)
    assert check_complete(inventory, options.files, options.keypoints) == ("S1", "S9", "S11", "S2")
    found = list(tracks(options, "S2"))
    assert [(track.action, track.camera) for track in found] == [("Walking", camera) for camera in CAMERAS]
    for track, points in zip(found, keypoints["S2", "Walking"], strict=True):
        assert track.positions_3d.shape == (0, 17, 3)
        np.testing.assert_array_equal(track.keypoints_2d, points)
        np.testing.assert_array_equal(track.intrinsics, H36M_CAMERAS["S1"][track.camera].intrinsics)


def test_excluded_recordings_and_views(tmp_path):
    frames = FRAMES | {("S11", "Directions"): 2}
    inventory, options = make(tmp_path, random_poses(frames=frames), random_keypoints(frames=frames))
    files = exclude(inventory.files, [("S11", "Directions"), ("S9", "Directions")])
    assert {subject: list(actions) for subject, actions in files.items()} == {
        "S1": ["Directions", "Walking 1"],
        "S11": ["Sitting"],
    }
    views = tracks(options._replace(damaged_view=("S11", "Directions")), "S11")
    assert [t.camera for t in views if t.action == "Directions"] == ["55011271", "58860488", "60457274"]


@pytest.mark.parametrize(
    ("keypoints", "message"),
    [
        ({WALKING: random_keypoints()[WALKING]}, "S1 'Directions' is missing; add its keypoints, or remove its poses"),
        (random_keypoints() | {WALKING: random_keypoints()[WALKING][:3]}, "S1 'Walking 1' has 3 cameras, not 4; give"),
    ],
)
def test_incomplete_keypoints_are_named(tmp_path, keypoints, message):
    inventory, options = make(tmp_path, None, keypoints)
    with pytest.raises(InputError, match=f"keypoints.npz: {message}"):
        check_complete(inventory, options.files, options.keypoints)


def test_incomplete_poses_are_named(tmp_path):
    inventory, options = make(tmp_path)
    missing = inventory._replace(missing={"S1": (), "S9": ("Sitting 1", "Photo")})
    with pytest.raises(InputError, match="30 recordings per subject are expected, but S9 lacks Sitting 1, Photo: down"):
        check_complete(missing, options.files, None)
    unknown = {"S4": options.files["S1"]}
    with pytest.raises(InputError, match="there is no calibration of subject S4, only of S1, S5"):
        check_complete(Inventory(unknown, {}, ()), unknown, None)


def test_keypoints_shorter_than_the_poses_are_named(tmp_path):
    _, options = make(tmp_path, None, random_keypoints(frames=FRAMES | {WALKING: 2}))
    with pytest.raises(InputError, match="S1 'Walking 1' of camera 1 has 2 frames but 3 of poses; complete"):
        list(tracks(options, "S1"))
