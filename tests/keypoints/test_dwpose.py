"""ControlNet's frames of people on a canvas: what is pixels and what is divided by the canvas."""

import numpy as np
import pytest
from helpers.detector_files import dwpose, people, write

from jaxpose.keypoints.detections import Overrides
from jaxpose.keypoints.dwpose import is_dwpose, read_dwpose
from jaxpose.keypoints.layouts import COCO_18
from jaxpose.keypoints.readers import read_keypoints
from jaxpose.runtime.errors import InputError

SIZE = {"canvas_width": 640, "canvas_height": 480}


def frame(*bodies, **fields):
    return {"people": [{"pose_keypoints_2d": body} for body in bodies], **SIZE, **fields}


def body(x, y, joints=18, confidence=1.0):
    return [x, y, confidence] * joints


def test_frames_bodies_and_what_has_none(tmp_path):
    hand = {"pose_keypoints_2d": None, "hand_left_keypoints_2d": body(5.0, 5.0, 21)}
    document = [
        frame(body(10, 20), body(30, 40)),
        frame(),
        frame([]),
        frame() | {"people": [hand, {}, None]},
        frame() | {"people": None},
    ]
    document.append(frame(body(1, 9)))
    rows = read_dwpose(tmp_path, document)
    assert (rows.frames, rows.people, rows.layout) == ([0, 0, 5], [None] * 3, COCO_18)
    assert (rows.size, rows.fps, rows.relative) == ((640, 480), None, None)
    np.testing.assert_array_equal(rows.keypoints[:, 0], [[10, 20, 1], [30, 40, 1], [1, 9, 1]])
    assert len(read_dwpose(tmp_path, document[1:5]).frames) == 0


def test_one_frame_alone(tmp_path):
    assert is_dwpose(frame(body(10, 20)))
    assert read_dwpose(tmp_path, frame(body(10, 20))).frames == [0]


@pytest.mark.parametrize("relative", [False, True])
def test_the_coordinates_decide_their_unit(tmp_path, relative):
    tracks = people(joints=18)
    path = dwpose(tmp_path / "d.json", tracks, relative=relative)
    found = read_keypoints(path, Overrides(fps=25.0))[1]
    assert not any("x and y are read" in note for track in found for note in track.notes)  # both are usual
    for track, expected in zip(sorted(found, key=lambda one: one.keypoints[0, 0, 0]), tracks, strict=True):
        np.testing.assert_allclose(track.keypoints[..., :2], expected[..., :2], rtol=1e-5)


@pytest.mark.parametrize("low", [-0.2, 0.0])
def test_joints_somewhat_outside_of_the_image_do_not_change_the_unit(tmp_path, low):
    relative = [*body(0.5, 0.5, 14), *(0.5, 2.5, 0.9), *(0.5, 1.11, 0.9), *(low, 0.3, 0.9), *(0.0, 0.0, 0.0)]
    pixels = [*body(300, 200, 15), *(0.0, 100.0, 1.0), *(-1.5, 90.0, 1.0), *(0.0, 0.0, 0.0)]
    for written, first in ((relative, (320, 240)), (pixels, (300, 200))):
        (track,) = read_keypoints(write(tmp_path / "d.json", [frame(written)]), Overrides(fps=25.0))[1]
        np.testing.assert_array_equal(track.keypoints[0, 0, :2], first)


def test_bodies_of_both_units_are_refused(tmp_path):
    path = write(tmp_path / "d.json", [frame(body(0.5, 0.5), body(300.0, 200.0), body(90.0, 1.0))])
    with pytest.raises(InputError, match=r"at most 2 in 1 of 3 poses, .* they can be pixels or divided by the image's"):
        read_keypoints(path, Overrides(fps=25.0))


def test_keypoints_that_were_not_seen_do_not_decide(tmp_path):
    path = write(tmp_path / "d.json", [frame(body(0.5, 0.5, 3) + body(900.0, 900.0, 15, confidence=0.0))])
    (track,) = read_keypoints(path, Overrides(fps=25.0))[1]
    np.testing.assert_array_equal(track.keypoints[0, 0, :2], (320, 240))


def test_a_canvas_without_a_size_is_no_size(tmp_path):
    frames = [frame(body(10, 20), canvas_width=0), frame(body(10, 20), canvas_height=None)]
    assert read_dwpose(tmp_path, frames).size is None
    assert read_dwpose(tmp_path, [*frames, frame(canvas_width=640.0)]).size == (640, 480)


def test_another_number_of_keypoints_has_no_layout(tmp_path):
    assert read_dwpose(tmp_path, [frame(body(10, 20, 20))]).layout is None


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ([frame(body(10, 20)), None], "frame 1 has a missing or invalid 'people'"),
        ([frame(people=3)], "frame 0 has a missing or invalid 'people'"),
        ([frame(people=[{"face_keypoints_2d": None}])], "a person in frame 0 has a missing"),
        ([frame(people=[3])], "a person in frame 0 has a missing or invalid 'pose_keypoints_2d'"),
        ([frame(), frame(canvas_width=641)], "canvases of several sizes; make one file of each video"),
        ([frame([[1, 2]] * 18)], "they must be flat lists: x, y, confidence"),
        ([frame(body(10, 20)[1:])], "they must be flat lists: x, y, confidence"),
        ([frame(body(10, 20), body(10, 20, 17))], "'pose_keypoints_2d' of frame 0 has shape"),
        ([frame(body("1", "x"))], "'pose_keypoints_2d' of frame 0 are not numbers"),
    ],
)
def test_faults_are_named(document, fault, tmp_path):
    with pytest.raises(InputError, match=fault):
        read_dwpose(tmp_path, document)


@pytest.mark.parametrize(
    "document",
    [
        {"people": []},
        {"version": 1.3, "people": [{"pose_keypoints_2d": []}]},
        {"instance_info": [], **SIZE},
        {"images": [], "annotations": [], **SIZE},
        {"frames": [], **SIZE},
        [{"frame_id": 1, "instances": []}],
        [{"image_id": 1, "keypoints": []}],
        [{"animals": [], **SIZE}],
        [[SIZE]],
        [],
        None,
        3,
    ],
)
def test_other_documents_are_not_recognised(document):
    assert not is_dwpose(document)


def test_a_folder_with_a_file_for_each_frame_is_read_by_the_numbers_of_its_files(tmp_path):
    """ControlNet saves one frame a file; OpenPose's reader would take coordinates of the canvas as pixels."""
    for number in (3, 5):
        write(tmp_path / f"pose_{number:05d}.json", frame(body(0.25, 0.5)))
    name, (track,) = read_keypoints(tmp_path, Overrides(fps=25.0))
    assert (name, track.layout, track.frames.tolist()) == ("DWPose", COCO_18, [3, 5])
    assert (track.width, track.height) == (SIZE["canvas_width"], SIZE["canvas_height"])
    np.testing.assert_allclose(track.keypoints[:, 0, :2], [[0.25 * track.width, 0.5 * track.height]] * 2)
