"""What all readers share: ids, numbers, and the checks that every file goes through."""

from pathlib import Path

import numpy as np
import pytest
from helpers.detector_files import people
from helpers.standing import standing_pixels

from jaxpose.keypoints.detections import DetectionRows, Overrides, tracks_by_person
from jaxpose.keypoints.layouts import BODY_25, BODY_25B, COCO_18, HALPE_26, MEDIAPIPE_33
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import COCO_17, H36M_17

PATH = Path("dance.json")
SEEN = np.full((3, 17, 3), 200.0)
ROWS = DetectionRows([4, 2, 3], ["a", "a", "a"], SEEN * np.arange(1, 4)[:, None, None], COCO_17, (640, 480), 25.0)


def test_rows_are_put_in_order_and_named():
    (track,) = tracks_by_person(PATH, ROWS._replace(video="clip"), Overrides())
    assert track.name == "clip/a"
    np.testing.assert_array_equal(track.frames, [2, 3, 4])
    np.testing.assert_array_equal(track.keypoints[:, 0, 0], [400, 600, 200])
    assert track.keypoints.dtype == np.float32


def test_notes_of_a_reader_go_with_every_track():
    walk = ROWS._replace(keypoints=of_a_layout(COCO_17, 3))
    rows = walk._replace(people=["a", "b", "a"], notes=("dance.json: one box left out",))
    assert [track.notes for track in tracks_by_person(PATH, rows, Overrides())] == [rows.notes] * 2
    assert tracks_by_person(PATH, walk, Overrides())[0].notes == ()


def test_what_is_given_goes_before_what_the_file_says():
    (track,) = tracks_by_person(PATH, ROWS, Overrides(size=(1280, 720), fps=50.0))
    assert (track.width, track.height, track.fps) == (1280, 720, 50)


def test_frames_that_must_be_times_are_counted():
    rows = ROWS._replace(frames=[1700000000120, 1700000000000, 1700000000040])
    (track,) = tracks_by_person(PATH, rows, Overrides())
    assert track.frames.tolist() == [0, 1, 3]
    assert "the frames are numbers from 1700000000000 on, in steps of 40 (25 a second)" in "".join(track.notes)


def test_frames_that_can_be_times_in_milliseconds_are_doubted():
    rows = ROWS._replace(frames=[0, 33, 67, 100, 133], people=["a"] * 5, keypoints=np.repeat(ROWS.keypoints[:1], 5, 0))
    (track,) = tracks_by_person(PATH, rows, Overrides(fps=30.0))
    assert "frames are 33 apart, as many milliseconds as a frame lasts at 30 frames/s; if these are" in track.notes[-1]
    for frames, fps in (([0, 33, 67, 100, 133], 25.0), ([0, 1, 2, 3, 4], 999.0), ([0, 60, 120, 180, 240], 30.0)):
        (track,) = tracks_by_person(PATH, rows._replace(frames=frames), Overrides(fps=fps))
        assert not any("milliseconds" in note for note in track.notes)


def test_shares_of_the_image_become_pixels():
    (track,) = tracks_by_person(PATH, ROWS._replace(keypoints=np.full((3, 17, 3), 0.5), relative=True), Overrides())
    np.testing.assert_array_equal(track.keypoints[0, 0], [320, 240, 0.5])


def test_the_frame_rate_may_be_text():
    assert tracks_by_person(PATH, ROWS._replace(fps="29.97"), Overrides())[0].fps == 29.97
    assert tracks_by_person(PATH, ROWS._replace(fps=[]), Overrides(fps=25.0))[0].fps == 25


def test_keypoints_at_zero_were_not_seen():
    """Ultralytics writes 0, 0, 0.37 for a wrist that it did not see; others -1, -1."""
    keypoints = ROWS.keypoints.copy()
    keypoints[0, 9], keypoints[1, 9], keypoints[2, 9], keypoints[2, 10] = (
        (0, 0, 0.37),
        (-1, -1, 1),
        (0, 7, 1),
        (7, 0, 1),
    )
    (track,) = tracks_by_person(PATH, ROWS._replace(keypoints=keypoints, frames=[0, 1, 2]), Overrides())
    assert np.isnan(track.keypoints[:2, 9]).all()
    np.testing.assert_array_equal(track.keypoints[2, 9:11], [(0, 7, 1), (7, 0, 1)])


def test_zeros_do_not_split_a_person_in_two():
    walk = people(count=1, frames=20)[0].astype(np.float64)
    walk[8:14, [0, 3, 4, 9, 10, 16]] = (0, 0, 0.4)
    rows = DetectionRows(range(20), [None] * 20, walk, COCO_17, (1000, 800), 25.0)
    assert [len(track.frames) for track in tracks_by_person(PATH, rows, Overrides())] == [20]


@pytest.mark.parametrize("nobody", [(0, 0, 0), (0, 0, 0.9), (np.nan, np.nan, np.nan), (9, 9, 0)])
def test_detections_without_a_keypoint_are_nobody(nobody):
    keypoints = ROWS.keypoints.copy()
    keypoints[1] = nobody
    (track,) = tracks_by_person(PATH, ROWS._replace(keypoints=keypoints, scores=[0.5, 0.6, 0.7]), Overrides())
    assert track.frames.tolist() == [3, 4]


@pytest.mark.parametrize("far", [0.0, 2.1, 40.0])
def test_the_unit_is_that_of_nearly_all_keypoints(far):
    """One landmark far outside of the image changes nothing."""
    pose = people(count=1, frames=20, joints=33)[0].astype(np.float64) / (1000, 800, 1)
    pose[4, 7, :2] = far or pose[4, 7, :2]
    rows = DetectionRows(range(20), [""] * 20, pose, MEDIAPIPE_33, (1000, 800), 25.0, relative=True)
    (track,) = tracks_by_person(PATH, rows, Overrides())
    np.testing.assert_allclose(track.keypoints[..., :2], pose[..., :2] * (1000, 800), rtol=1e-6)
    assert not any("x and y are read" in note for note in track.notes)


@pytest.mark.parametrize(("relative", "said"), [(False, "shares of the image's width and height"), (True, "pixels")])
def test_a_unit_that_the_format_does_not_have_is_said(relative, said):
    pixels = people(count=1, frames=20)[0].astype(np.float64)
    written = pixels if relative else pixels / (1000, 800, 1)
    rows = DetectionRows(range(20), [""] * 20, written, COCO_17, (1000, 800), 25.0, relative=relative)
    (track,) = tracks_by_person(PATH, rows, Overrides())
    np.testing.assert_allclose(track.keypoints, pixels, rtol=1e-6)
    assert track.notes[0] == f"dance.json: x and y are read as {said}, which is not usual in this format"


def test_percentages_are_said():
    for confidence, said in ((93.0, True), (6.0, False), (2.0, False)):
        rows = ROWS._replace(keypoints=ROWS.keypoints * [1, 1, 0] + [0, 0, confidence])
        notes = tracks_by_person(PATH, rows, Overrides())[0].notes
        assert any("half of the confidences are above" in note for note in notes) == said


def test_an_upright_video_whose_size_is_given_as_lying_is_said():
    rows = ROWS._replace(keypoints=people(count=1, frames=3)[0] + np.float32([300, 0, 0]), size=None)
    (track,) = tracks_by_person(PATH, rows, Overrides(size=(1920, 1080)))
    assert track.notes[-1] == (
        "dance.json: no keypoint is right of 1080 in images of 1920 x 1080 pixels; if the video is turned, give --size "
        "1080 1920"
    )
    right = rows._replace(keypoints=rows.keypoints + np.float32([1000, 0, 0]))
    middle = rows._replace(keypoints=rows.keypoints * np.float32([0.1, 1, 1]) + np.float32([950, 0, 0]))
    wide = (1920, 1080)
    for others, given in ((right, wide), (middle, wide), (rows, (800, 640)), (rows._replace(size=wide), None)):
        notes = tracks_by_person(PATH, others, Overrides(size=given))[0].notes
        assert not any("turned" in note for note in notes)


def test_names_decide_and_the_layout_that_is_given_must_have_them():
    names = ["Nose", "LShoulder", "RShoulder", "LHip", "RHip", "Neck"]
    rows = ROWS._replace(keypoints=SEEN[:, :6] + np.arange(6)[:, None], names=names, layout=None)
    for layout in (None, COCO_18, HALPE_26):
        (track,) = tracks_by_person(PATH, rows, Overrides(layout))
        assert track.layout == (layout or COCO_18)
        for column, joint in enumerate(("nose", "left_shoulder", "right_shoulder", "left_hip", "right_hip", "neck")):
            np.testing.assert_array_equal(track.keypoints[:, track.layout.index(joint), 0], 200 + column)
        assert np.isnan(track.keypoints[:, track.layout.index("left_knee")]).all()
    with pytest.raises(InputError, match=r"dance\.json: the layout coco_17 has no Neck; correct the names"):
        tracks_by_person(PATH, rows, Overrides(COCO_17))
    with pytest.raises(InputError, match="no layout has keypoints called snout; correct the names"):
        tracks_by_person(PATH, rows._replace(names=[*names[:5], "snout"]), Overrides())
    with pytest.raises(InputError, match="names 5 keypoints and has 6 a person"):
        tracks_by_person(PATH, rows._replace(names=names[:5]), Overrides())


def of_a_layout(layout, frames=9):
    """A standing body, who walks, as a layout has it."""
    body = standing_pixels(layout.joints)
    steps = np.arange(frames)[:, None, None] * (5, 0)
    return np.concatenate([body + steps, np.ones((frames, layout.num_joints, 1))], axis=-1)


@pytest.mark.parametrize(
    ("written", "read_as", "right"),
    [(BODY_25B, BODY_25, "body_25b"), (BODY_25, BODY_25B, "body_25"), (H36M_17, COCO_17, "h36m_17")],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_body_that_cannot_be_one_is_said_with_the_layout_in_which_it_can(written, read_as, right):
    keypoints = of_a_layout(written)
    rows = DetectionRows(range(9), [""] * 9, keypoints, read_as, (1920, 1080), 30.0)
    (note,) = tracks_by_person(PATH, rows, Overrides())[0].notes
    assert note.startswith(f"dance.json: the keypoints are read as {read_as.name}, in which ")
    assert note.endswith(f"they can be {right}: give --layout {right}")
    assert tracks_by_person(PATH, rows, Overrides(written))[0].notes == ()


@pytest.mark.parametrize("layout", [COCO_17, COCO_18, BODY_25], ids=lambda layout: layout.name)
def test_keypoints_after_those_of_the_body_are_left_out_and_this_is_said(layout):
    """Whole bodies of other numbers of keypoints, such as 49 or 134: the body shows which layout begins them."""
    more = np.random.default_rng(0).uniform(0, 900, (9, 49 - layout.num_joints, 3))
    rows = DetectionRows(
        range(9), [""] * 9, np.concatenate([of_a_layout(layout), more], axis=1), None, (1920, 1080), 30.0
    )
    (track,) = tracks_by_person(PATH, rows, Overrides())
    assert track.layout == layout
    assert track.notes == (
        f"dance.json: of 49 keypoints the first {layout.num_joints} are read, as {layout.name}; --layout names another",
    )
    junk = rows._replace(keypoints=rows.keypoints[:, ::-1])
    with pytest.raises(InputError, match=r"does not say which of its 49 keypoints is which; give --layout$"):
        tracks_by_person(PATH, junk, Overrides())
    assert tracks_by_person(PATH, junk, Overrides(COCO_17))[0].layout == COCO_17


def test_layouts_that_can_be_right_are_named():
    rows = DetectionRows(range(9), [""] * 9, of_a_layout(COCO_17), None, (1920, 1080), 30.0)
    with pytest.raises(InputError, match=r"give --layout, of which coco_17 and posetrack_17 can be right"):
        tracks_by_person(PATH, rows, Overrides())


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"frames": [], "people": [], "keypoints": SEEN[:0]}, "dance.json holds no detections"),
        ({"layout": None}, "does not say which of its 17 keypoints is which; give --layout"),
        ({"size": None}, "does not say how large the images are; give --size"),
        ({"fps": None}, "does not say the frame rate of the video; give --fps"),
        ({"size": (640, 0)}, "an image of 640 x 0 pixels"),
        ({"fps": 10**400}, "0 frames per second; give --fps between 1 and 1000"),
        ({"fps": float("nan")}, "nan frames per second; give --fps between 1 and 1000"),
        ({"keypoints": SEEN[:, :16]}, "has 16 keypoints, but coco_17 17"),
        ({"keypoints": SEEN * 1e4}, r"coordinates up to 2e\+06; keypoints must be pixels and a confidence"),
        ({"keypoints": SEEN * np.inf}, "coordinates up to inf"),
        ({"keypoints": SEEN * [1, 1, 1e300]}, "keypoints must be pixels and a confidence"),
        ({"keypoints": SEEN * 1e305, "relative": True}, r"coordinates up to 2e\+307"),
        ({"keypoints": SEEN * [np.nan, 1, 1]}, "dance.json holds no detections"),
        (
            {"keypoints": SEEN * [1, 1, -0.01]},
            "third number of each keypoint is negative for 100% of them, as z is",
        ),
        ({"layout": None, "keypoints": SEEN[:, :15]}, "which of its 15 keypoints is which; .* none is known of so few"),
        ({"fps": "30/1"}, "'30/1' frames per second; give --fps"),
        ({"frames": [0, 1, 10**9]}, "frames 0 to 1000000000; at most 1,000,000 frames are read"),
        ({"frames": [-1, 0, 10**30]}, "at most 1,000,000 frames are read"),
        ({"frames": [1, 2, 2], "people": ["b", "a", "a"]}, "track a is twice in frame 2; give two people two ids"),
    ],
)
def test_faults_are_named(changes, fault):
    with pytest.raises(InputError, match=fault):
        tracks_by_person(PATH, ROWS._replace(**changes), Overrides())
