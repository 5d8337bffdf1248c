"""npz archives: several videos with sizes of their own, plain arrays, and what is neither."""

import numpy as np
import pytest
from helpers.detector_files import exchanged, people

from jaxpose.keypoints import npz
from jaxpose.keypoints.detections import Overrides
from jaxpose.keypoints.readers import read_keypoints
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import COCO_17

ONE, TWO = people(frames=5)
PERSON = np.moveaxis(ONE[:1, :, [0, 1, 2, 2]], 1, 2)  # (1, 4, 17) as Detectron has it
BOX = np.array([[0, 0, 9, 9, 0.5]])


def ragged(frames):
    """An array of objects, one a frame."""
    array = np.empty(len(frames), object)
    array[:] = frames
    return array


def test_videos_keep_their_names_and_sizes(tmp_path):
    path = exchanged(tmp_path / "k.npz", {"a.mp4": [ONE], "b.mp4": [ONE[:3], TWO[:2]], "c.mp4": TWO[..., :2]})
    a, b, c = npz.read_keypoint_npz(path)
    assert [rows.video for rows in (a, b, c)] == ["a.mp4", "b.mp4", "c.mp4"]
    assert (set(a.people), b.people, a.size, a.layout) == ({""}, ["1", "1", "1", "2", "2"], (1000, 800), "coco")
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
    assert npz.read_keypoint_npz(tmp_path / "k.npz")[0].layout == "h36m"


def test_plain_arrays_say_what_they_are(tmp_path):
    facts = {"layout": "body_25", "width": 640, "height": np.array([480]), "fps": 29.97}
    np.savez(tmp_path / "p.npz", keypoints=people(joints=25), **facts)
    (rows,) = npz.read_keypoint_npz(tmp_path / "p.npz")
    assert (rows.layout, rows.size, rows.fps) == ("body_25", (640, 480), 29.97)
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
        ({"keypoints": ONE[..., :2], "scores": ONE[..., :2]}, r"'scores' has shape \(5, 17, 2\), 'keypoints' \(5, 17"),
        ({"keypoints": np.stack([ONE, TWO] * 4)[:, :1]}, "'keypoints' would be 8 people in 1 frames; the order is"),
        ({"keypoints": np.stack([[ONE[0], TWO[0]], [TWO[0], ONE[0]]] * 4)}, "would be 8 people in 2 frames"),
        ({"keypoints": ragged([]), "boxes": 3}, "'boxes' and 'keypoints' must be lists of at most"),
        ({"keypoints": ragged([[]]), "boxes": ragged([])}, "'boxes' and 'keypoints' must be lists of at most"),
        ({"keypoints": ragged([[[], PERSON]]), "boxes": ragged([[[], []]])}, r"frame 0 has boxes of shape \(0, 0\)"),
        ({"keypoints": ragged([[[], PERSON[:, :3]]]), "boxes": ragged([[[], BOX]])}, r"of shape \(1, 3, 17\); they"),
        ({"keypoints": ragged([[[], PERSON]]), "boxes": ragged([[[], BOX[:, :4]]])}, r"has boxes of shape \(1, 4\)"),
        ({"keypoints": ragged([[[], ["x"]]]), "boxes": ragged([[[], BOX]])}, "'keypoints' of frame 0 are not numbers"),
        ({"keypoints": ragged([[[], PERSON[0]]]), "boxes": ragged([[[], BOX]])}, "must have 3 axes, people first"),
        (
            {"keypoints": ragged([[[], PERSON], [[], PERSON[..., :9]]]), "boxes": ragged([[[], BOX]] * 2)},
            "people of different numbers of keypoints",
        ),
        ({"positions_2d": ONE}, "'positions_2d' is not a dict of video, then action"),
        ({"positions_2d": {"v": {}}}, "'positions_2d' of 'v' is not a dict of video, then action"),
        ({"positions_2d": {"v": {"custom": 3}}}, "'v' 'custom' is not a list of arrays"),
        ({"positions_2d": {"v": {"custom": []}}}, "a video has no arrays"),
        ({"positions_2d": {"v": {"custom": np.array(3)}}}, "'v' 'custom' is not a list of arrays"),
        ({"positions_2d": {"v": {"custom": [ONE, ONE[:, :9]]}}}, "arrays of different numbers of keypoints"),
        ({"positions_2d": {"v": {"custom": [ONE[0]]}}}, "v, array 0 is float32 of shape"),
    ],
)  # fmt: skip
def test_faults_are_named(members, fault, tmp_path):
    np.savez(tmp_path / "k.npz", **members)
    with pytest.raises(InputError, match=fault):
        npz.read_keypoint_npz(tmp_path / "k.npz")


@pytest.mark.parametrize("side", ["x", [640, 480], np.inf, 0, 640.5])
def test_a_size_that_says_nothing_is_none(side, tmp_path):
    np.savez(tmp_path / "k.npz", keypoints=ONE, width=side, height=480)
    assert npz.read_keypoint_npz(tmp_path / "k.npz")[0].size is None
    metadata = {"video_metadata": {"v": {"w": side, "h": 480}}}
    np.savez(tmp_path / "v.npz", positions_2d={"v": {"custom": [ONE]}}, metadata=metadata)
    assert npz.read_keypoint_npz(tmp_path / "v.npz")[0].size is None


def test_a_size_may_be_any_whole_number(tmp_path):
    np.savez(tmp_path / "k.npz", keypoints=ONE, width=1920.0, height=np.array(["1080"]))
    assert npz.read_keypoint_npz(tmp_path / "k.npz")[0].size == (1920, 1080)


def test_a_layout_that_is_not_known_is_refused_unless_the_user_names_one(tmp_path):
    np.savez(tmp_path / "k.npz", keypoints=ONE, layout="mpii", width=1000, height=800, fps=30)
    with pytest.raises(InputError, match=r"there is no layout 'mpii'; known: .*; correct it, or name the layout"):
        read_keypoints(tmp_path / "k.npz", Overrides())
    assert read_keypoints(tmp_path / "k.npz", Overrides(COCO_17))[1][0].layout == COCO_17


@pytest.mark.parametrize("field", ["keypoint_names", "joint_names", "joints"])
def test_names_of_the_keypoints_decide(field, tmp_path):
    names = list(COCO_17.joints[::-1])
    np.savez(tmp_path / "k.npz", keypoints=ONE, **{field: names})
    metadata = {field: names, "layout_name": "h36m"}
    np.savez(tmp_path / "v.npz", positions_2d={"v": {"custom": [ONE]}}, metadata=metadata)
    for file in ("k.npz", "v.npz"):
        (track,) = read_keypoints(tmp_path / file, Overrides(size=(1000, 800), fps=30.0))[1]
        assert track.layout == COCO_17
        np.testing.assert_array_equal(track.keypoints, ONE[:, ::-1])
    for wrong in (3, [1, 2], "nose"):
        np.savez(tmp_path / "k.npz", keypoints=ONE, **{field: wrong})
        with pytest.raises(InputError, match="must be the names of the keypoints"):
            npz.read_keypoint_npz(tmp_path / "k.npz")


def test_videos_without_people_are_left_out(tmp_path):
    nobody = np.zeros_like(ONE[..., :2])
    path = exchanged(tmp_path / "k.npz", {"a": [ONE], "b": [nobody], "c": [nobody * np.nan]})
    (track,) = read_keypoints(path, Overrides(fps=30.0))[1]
    assert track.name == "a"
    assert f"{path}: nobody is seen in the videos b, c, which are left out" in track.notes
    with pytest.raises(InputError, match="holds no detections"):
        read_keypoints(exchanged(path, {"b": [nobody]}), Overrides(fps=30.0))


def test_long_arrays_are_not_read(tmp_path, monkeypatch):
    np.savez(tmp_path / "k.npz", keypoints=ONE)
    monkeypatch.setattr(npz, "MAX_FRAMES", 4)
    with pytest.raises(InputError, match="at most 4 frames"):
        npz.read_keypoint_npz(tmp_path / "k.npz")


def smooth(frames, count=1):
    """People who move a little from frame to frame, (people, frames, 17, 3)."""
    return people(count=count, frames=frames)


@pytest.mark.parametrize("count", [1, 2])
def test_frames_before_people_are_turned_where_only_this_can_be(count, tmp_path):
    tracks = smooth(9, count)
    np.savez(tmp_path / "k.npz", keypoints=tracks.swapaxes(0, 1))
    (rows,) = npz.read_keypoint_npz(tmp_path / "k.npz")
    np.testing.assert_array_equal(rows.keypoints, tracks.reshape(-1, 17, 3))
    assert rows.frames == [*range(9)] * count
    assert "is read as (frames, people, …), as the poses move on so" in rows.notes[0]


@pytest.mark.parametrize("shape", [(3, 9), (4, 4), (5, 3)])
def test_people_before_frames_are_not_turned(shape, tmp_path):
    tracks = smooth(shape[1], shape[0])
    np.savez(tmp_path / "k.npz", keypoints=tracks)
    (rows,) = npz.read_keypoint_npz(tmp_path / "k.npz")
    np.testing.assert_array_equal(rows.keypoints, tracks.reshape(-1, 17, 3))
    assert (rows.frames, rows.notes) == ([*range(shape[1])] * shape[0], ())


def test_a_list_with_an_array_for_each_frame_is_turned(tmp_path):
    path = exchanged(tmp_path / "k.npz", {"a": list(ONE[:, None])})
    (rows,) = npz.read_keypoint_npz(path)
    assert (rows.frames, rows.people) == ([0, 1, 2, 3, 4], [""] * 5)
    np.testing.assert_array_equal(rows.keypoints, ONE)


def test_confidences_may_have_an_array_of_their_own(tmp_path):
    np.savez(tmp_path / "k.npz", keypoints=ONE[..., :2], keypoint_scores=ONE[..., 2], boxes=BOX)
    (rows,) = npz.read_keypoint_npz(tmp_path / "k.npz")
    np.testing.assert_array_equal(rows.keypoints, ONE)
    assert rows.notes == (f"{tmp_path / 'k.npz'}: 'boxes' in the archive is not read",)


def detectron(path, by_class):
    """What VideoPose3D's script writes of a video of 4 frames: nobody in frame 1, in frame 2 a second, better box."""

    def found(*poses, scores):
        if not poses:
            return [], []
        logits = np.zeros(17)
        kept = np.stack([np.stack([pose[:, 0], pose[:, 1], logits, pose[:, 2]]) for pose in poses])
        return np.array([[0, 0, 9, 9, score] for score in scores]), kept

    frames = [found(ONE[0], scores=[0.9]), found(scores=[]), found(TWO[2], ONE[2], scores=[0.4, 0.8])]
    frames.append(found(ONE[3], scores=[0.9]))
    boxes, keypoints = ([[[], part] if by_class else part for part in parts] for parts in zip(*frames, strict=True))
    np.savez_compressed(
        path,
        boxes=ragged(boxes),
        segments=ragged([None] * 4),
        keypoints=ragged(keypoints),
        metadata={"w": 1920, "h": 1080},
    )


@pytest.mark.parametrize("by_class", [True, False])
def test_what_the_detector_script_of_videopose3d_writes(by_class, tmp_path):
    detectron(tmp_path / "v.mp4.npz", by_class)
    (rows,) = npz.read_keypoint_npz(tmp_path / "v.mp4.npz")
    assert (rows.frames, rows.size, rows.layout, set(rows.people)) == ([0, 2, 3], (1920, 1080), COCO_17, {""})
    np.testing.assert_array_equal(rows.keypoints, ONE[[0, 2, 3]])
    assert rows.notes == (
        f"{tmp_path / 'v.mp4.npz'}: 1 of 3 frames have several boxes: the person of the best box is read",
    )


def test_a_person_in_every_frame_of_the_script_is_one_array(tmp_path):
    keypoints = np.stack([ONE[..., 0], ONE[..., 1], ONE[..., 2] * 9, ONE[..., 2]], axis=1)[:, None]
    np.savez(tmp_path / "v.npz", boxes=np.repeat(BOX[None], 5, axis=0), keypoints=keypoints, metadata={})
    (rows,) = npz.read_keypoint_npz(tmp_path / "v.npz")
    np.testing.assert_array_equal(rows.keypoints, ONE)
    assert (rows.size, rows.notes) == (None, ())


def test_a_script_that_found_nobody(tmp_path):
    np.savez(tmp_path / "v.npz", boxes=ragged([[[], []]]), keypoints=ragged([[[], []]]))
    (rows,) = npz.read_keypoint_npz(tmp_path / "v.npz")
    assert rows.frames == []


def test_twenty_videos_have_twenty_sizes(tmp_path):
    videos = {f"v{n}.mp4": {"custom": [ONE]} for n in range(20)}
    sizes = {name: {"w": 600 + n, "h": 800 - n} for n, name in enumerate(videos)}
    metadata = {"layout_name": "coco", "video_metadata": sizes}
    np.savez(tmp_path / "k.npz", positions_2d=videos, metadata=metadata)
    given = Overrides(fps=25.0)
    for chosen in (given, given._replace(size=(1, 1))):
        _, tracks = read_keypoints(tmp_path / "k.npz", chosen)
        assert [(track.width, track.height) for track in tracks] == [(600 + n, 800 - n) for n in range(20)]
    assert "20 videos of 20 sizes; --size 1 1 is used for those whose size is not in the file" in tracks[7].notes[0]
    del sizes["v7.mp4"]
    np.savez(tmp_path / "k.npz", positions_2d=videos, metadata=metadata)
    _, tracks = read_keypoints(tmp_path / "k.npz", given._replace(size=(640, 480)))
    assert [(tracks[n].width, tracks[n].height) for n in (7, 8)] == [(640, 480), (608, 792)]
    with pytest.raises(InputError, match=r"how large the images of video v7\.mp4 are; give --size"):
        read_keypoints(tmp_path / "k.npz", given)
