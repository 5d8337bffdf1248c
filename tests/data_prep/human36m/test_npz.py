"""The two npz files that lifting programs exchange: layouts are recognised, and what is wrong is named."""

import numpy as np
import pytest
from helpers.h36m_files import (
    FRAMES,
    KEPT,
    METADATA,
    nested,
    random_keypoints,
    random_poses,
    save_npz,
)

from data_prep.human36m import npz
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import COCO_17, H36M_17, layout

COCO = {
    "layout_name": "coco",
    "num_joints": 17,
    "keypoints_symmetry": [[1, 3, 5, 7, 9, 11, 13, 15], [2, 4, 6, 8, 10, 12, 14, 16]],
}
HOURGLASS = {
    "layout_name": "mpii",
    "num_joints": 16,
    "keypoints_symmetry": [[4, 5, 6, 10, 11, 12], [1, 2, 3, 13, 14, 15]],
}


@pytest.mark.parametrize("joints", [32, 17])
def test_poses_have_17_joints(tmp_path, joints):
    save_npz(tmp_path, random_poses(joints))
    assert npz.holds_poses(tmp_path / "poses.npz")
    assert not npz.holds_poses(tmp_path / "keypoints.npz")
    poses = npz.read_poses(tmp_path / "poses.npz")
    assert poses.keys() == FRAMES.keys()
    for recording, world in random_poses(joints).items():
        np.testing.assert_allclose(poses[recording], world[:, KEPT] if joints == 32 else world, rtol=1e-6)


@pytest.mark.parametrize(
    ("metadata", "joints", "channels", "expected"),
    [
        (METADATA, 17, 3, H36M_17),
        (COCO, 17, 2, COCO_17),
        (COCO | {"keypoints_symmetry": np.array(COCO["keypoints_symmetry"])}, 17, 3, COCO_17),
        (HOURGLASS, 16, 2, layout("mpii", 16, *HOURGLASS["keypoints_symmetry"])),
        ({"num_joints": 2, "keypoints_symmetry": [[0], [1]]}, 2, 3, layout("custom", 2, [0], [1])),
    ],
)
def test_layouts_are_recognised_by_number_and_symmetry(tmp_path, metadata, joints, channels, expected):
    save_npz(tmp_path, None, random_keypoints(joints, channels), metadata)
    keypoints = npz.read_keypoints(tmp_path / "keypoints.npz")
    assert (keypoints.layout, keypoints.channels) == (expected, channels)
    for recording, views in random_keypoints(joints, channels).items():
        np.testing.assert_array_equal(keypoints.views[recording], views)


def test_joints_that_are_not_used_may_be_nan(tmp_path):
    poses = random_poses()
    for world in poses.values():
        world[:, [joint for joint in range(32) if joint not in KEPT]] = np.nan
    save_npz(tmp_path, poses)
    assert all(np.isfinite(world).all() for world in npz.read_poses(tmp_path / "poses.npz").values())


WALKING = ("S1", "Walking 1")


def with_value(recordings, value, at):
    """The recordings with one number of S1 'Walking 1' changed."""
    recordings[WALKING] = np.array(recordings[WALKING])
    recordings[WALKING][at] = value
    return recordings


def test_wrong_poses(tmp_path):
    poses = random_poses()[WALKING]
    cases = [
        (with_value(random_poses(), np.nan, at=(2, 6, 0)), "S1 'Walking 1' is not finite at frame 2; fill the gap or"),
        ({WALKING: 1000 * poses}, "S1 'Walking 1' has coordinates up to 1"),
        ({WALKING: poses[:, :25]}, r"float32 of shape \(3, 25, 3\); it must be numbers, \(frames, 32 or 17, 3\)"),
        ({WALKING: poses[:0]}, r"of shape \(0, 32, 3\)"),
        ({WALKING: poses[..., :2]}, r"of shape \(3, 32, 2\)"),
        ({WALKING: "text"}, r"S1 'Walking 1' is object of shape \(\)"),
        ({WALKING: None}, r"S1 'Walking 1' is object of shape \(\)"),
        ({("S2", "Walking"): poses}, "no calibration of subject 'S2', only of S1, S5"),
        ({}, "'positions_3d' is empty"),
    ]
    for content, message in cases:
        save_npz(tmp_path, content)
        with pytest.raises(InputError, match=f"poses.npz: .*{message}"):
            npz.read_poses(tmp_path / "poses.npz")


def test_wrong_keypoints(tmp_path):
    keypoints = random_keypoints()
    not_finite = with_value(random_keypoints(), np.inf, at=(2, 1, 0, 0))
    cases = [
        (not_finite, "S1 'Walking 1' of camera 3 is not finite at frame 1"),
        (keypoints | {WALKING: 7}, "S1 'Walking 1' is int, not a list of cameras"),
        (keypoints | {WALKING: random_keypoints(17, 3)[WALKING]}, "all keypoints must have a confidence, or none"),
        (random_keypoints(16), r"of shape \(5, 16, 2\); it must be numbers, \(frames, 17, 2 or 3\)"),
        (random_keypoints(17, 4), r"of shape \(5, 17, 4\)"),
    ]
    for content, message in cases:
        save_npz(tmp_path, None, content)
        with pytest.raises(InputError, match=f"keypoints.npz: .*{message}"):
            npz.read_keypoints(tmp_path / "keypoints.npz")


def test_wrong_metadata(tmp_path):
    expected = "keypoints.npz: 'metadata' must be a dict of 'num_joints' and 'keypoints_symmetry', a list of left and"
    for metadata in (
        {"num_joints": 17},
        METADATA | {"keypoints_symmetry": [[1, 2], [3]]},
        METADATA | {"keypoints_symmetry": [[1], [17]]},
        METADATA | {"keypoints_symmetry": METADATA["keypoints_symmetry"][::-1]},  # right before left
        COCO | {"keypoints_symmetry": COCO["keypoints_symmetry"][::-1]},
        METADATA | {"num_joints": "many"},
        METADATA | {"num_joints": 10**12},
        ["h36m"],
    ):
        save_npz(tmp_path, None, None, metadata)
        with pytest.raises(InputError, match=expected):
            npz.read_keypoints(tmp_path / "keypoints.npz")


def test_wrong_files(tmp_path):
    path = tmp_path / "keypoints.npz"

    def assert_refused(message):
        with pytest.raises(InputError, match=message):
            npz.read_keypoints(path)

    assert_refused("keypoints.npz: no such file")
    save_npz(tmp_path)
    (tmp_path / "poses.npz").rename(path)
    assert_refused("has no 'positions_2d', only 'positions_3d'; give poses with --archives, keypoints with --keypoints")
    np.savez(path, positions_2d=np.zeros((4, 3, 17, 2)), metadata=METADATA)
    assert_refused("'positions_2d' is not a dict of subjects of dicts of actions")
    np.savez(path, positions_2d=nested(random_keypoints()))
    assert_refused("'metadata' must be a dict")
    path.write_bytes(b"PK")
    assert_refused("keypoints.npz: not a readable npz archive")
    assert not npz.holds_poses(path)


def test_a_file_is_read_again_when_it_has_changed(tmp_path):
    save_npz(tmp_path)
    path = tmp_path / "keypoints.npz"
    first = npz.read_keypoints(path)
    assert npz.read_keypoints(path) is first
    save_npz(tmp_path, None, random_keypoints(17, 3))
    assert npz.read_keypoints(path).channels == 3
