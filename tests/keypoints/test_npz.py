"""npz archives: several videos with sizes of their own, plain arrays, and what is neither."""

import numpy as np
import pytest
from helpers.detector_files import exchanged, people

from jaxpose.keypoints import npz
from jaxpose.keypoints.layouts import BODY_25
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import COCO_17, H36M_17

ONE, TWO = people(frames=5)


def test_videos_keep_their_names_and_sizes(tmp_path):
    path = exchanged(tmp_path / "k.npz", {"a.mp4": [ONE], "b.mp4": [ONE[:3], TWO[:2]], "c.mp4": TWO[..., :2]})
    a, b, c = npz.read_keypoint_npz(path)
    assert [rows.video for rows in (a, b, c)] == ["a.mp4", "b.mp4", "c.mp4"]
    assert (set(a.people), b.people, a.size, a.layout) == ({""}, ["1", "1", "1", "2", "2"], (1000, 800), COCO_17)
    np.testing.assert_array_equal(b.keypoints, np.concatenate([ONE[:3], TWO[:2]]))
    np.testing.assert_array_equal(c.keypoints[..., :2], TWO[..., :2])
    np.testing.assert_array_equal(c.keypoints[..., 2], 1)


def test_stacked_cameras_are_a_list_of_them(tmp_path):
    (rows,) = npz.read_keypoint_npz(exchanged(tmp_path / "k.npz", {"a": np.stack([ONE, TWO])}))
    assert set(rows.people) == {"1", "2"}


def test_actions_are_told_apart(tmp_path):
    np.savez(
        tmp_path / "k.npz", positions_2d={"S9": {"Walking": [ONE], "Eating 1": [TWO]}}, metadata={"layout_name": "h36m"}
    )
    assert [rows.video for rows in npz.read_keypoint_npz(tmp_path / "k.npz")] == ["S9/Walking", "S9/Eating 1"]
    assert npz.read_keypoint_npz(tmp_path / "k.npz")[0].layout == H36M_17


def test_plain_arrays_say_what_they_are(tmp_path):
    facts = {"layout": "body_25", "width": 640, "height": np.array([480]), "fps": 29.97}
    np.savez(tmp_path / "p.npz", keypoints=people(joints=25), **facts)
    (rows,) = npz.read_keypoint_npz(tmp_path / "p.npz")
    assert (rows.layout, rows.size, rows.fps) == (BODY_25, (640, 480), 29.97)
    assert set(rows.people) == {"1", "2"}
    np.savez(tmp_path / "bare.npz", keypoints=ONE[..., :2])
    (rows,) = npz.read_keypoint_npz(tmp_path / "bare.npz")
    assert (rows.layout, rows.size, rows.fps) == (None, None, None)


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        ({"poses": ONE}, "has neither 'positions_2d' nor 'keypoints', only 'poses'"),
        ({"keypoints": ONE[0]}, r"'keypoints' is float32 of shape \(17, 3\); it must be numbers"),
        ({"keypoints": ONE.astype(str)}, "'keypoints' is <U.* it must be numbers"),
        ({"keypoints": {"a": 1}}, "'keypoints' is dict; it must be numbers"),
        ({"keypoints": np.zeros((2, 3, 17, 4))}, r"shape \(3, 17, 4\)"),
        ({"keypoints": np.zeros((0, 3, 17, 2))}, "a video has no arrays"),
        ({"keypoints": ONE, "fps": "x"}, "'fps' must be one number"),
        ({"keypoints": ONE, "width": [640, 480]}, "'width' must be one number"),
        ({"keypoints": ONE, "height": np.inf}, "'height' must be one number"),
        ({"keypoints": ONE, "layout": "mpii"}, "there is no layout 'mpii'; known: .*; correct it"),
        ({"positions_2d": ONE}, "'positions_2d' is not a dict of video, then action"),
        ({"positions_2d": {"v": {}}}, "'positions_2d' of 'v' is not a dict of video, then action"),
        ({"positions_2d": {"v": {"custom": 3}}}, "'v' 'custom' is not a list of arrays"),
        ({"positions_2d": {"v": {"custom": []}}}, "a video has no arrays"),
        ({"positions_2d": {"v": {"custom": np.array(3)}}}, "'v' 'custom' is not a list of arrays"),
        ({"positions_2d": {"v": {"custom": [ONE, ONE[:, :9]]}}}, "arrays of different numbers of keypoints"),
        ({"positions_2d": {"v": {"custom": [ONE[0]]}}}, "v, array 0 is float32 of shape"),
        ({"positions_2d": {"v": {"custom": [ONE]}}, "metadata": {"video_metadata": {"v": {"w": 9}}}}, "invalid 'w'"),
    ],
)  # fmt: skip
def test_faults_are_named(members, fault, tmp_path):
    np.savez(tmp_path / "k.npz", **members)
    with pytest.raises(InputError, match=fault):
        npz.read_keypoint_npz(tmp_path / "k.npz")


def test_long_arrays_are_not_read(tmp_path, monkeypatch):
    np.savez(tmp_path / "k.npz", keypoints=ONE)
    monkeypatch.setattr(npz, "MAX_FRAMES", 4)
    with pytest.raises(InputError, match="at most 4 frames"):
        npz.read_keypoint_npz(tmp_path / "k.npz")
