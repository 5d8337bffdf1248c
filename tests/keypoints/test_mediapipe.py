"""Landmarks of MediaPipe in the forms that the module's text accepts."""

import numpy as np
import pytest
from helpers.detector_files import write
from helpers.standing import standing

from jaxpose.keypoints.detections import Overrides
from jaxpose.keypoints.layouts import MEDIAPIPE_33
from jaxpose.keypoints.mediapipe import read_mediapipe
from jaxpose.keypoints.readers import read_keypoints
from jaxpose.runtime.errors import InputError

POSE = [{"x": 0.1 + n / 100, "y": 0.5, "z": 9.0, "visibility": 0.9, "presence": 1.0} for n in range(33)]
EXPECTED = np.array([[0.1 + n / 100, 0.5, 0.9] for n in range(33)])


def test_one_person_several_people_and_nobody(tmp_path):
    rows = read_mediapipe(tmp_path, [POSE, None, [], [POSE, POSE], [POSE]])
    assert rows.frames == [0, 3, 3, 4]
    assert (rows.people, rows.layout, rows.size, rows.relative) == ([None] * 4, MEDIAPIPE_33, None, True)
    np.testing.assert_array_equal(rows.keypoints, [EXPECTED] * 4)


def test_the_header_is_read(tmp_path):
    rows = read_mediapipe(tmp_path, {"frames": [POSE], "width": 1920, "height": 1080, "fps": 29.97})
    assert (rows.size, rows.fps) == ((1920, 1080), 29.97)


def test_without_visibility_a_landmark_counts_as_seen(tmp_path):
    rows = read_mediapipe(tmp_path, [[{"x": 0.5, "y": 0.5} for _ in range(33)]])
    assert (rows.keypoints[..., 2] == 1).all()


NAMED = [{**one, "name": name.upper()} for one, name in zip(POSE, MEDIAPIPE_33.joints, strict=True)]
SHAPES = {
    "lists of numbers": [[[one["x"], one["y"], 9.0, 0.9] for one in POSE]] * 2,
    "protobuf's": [{"landmark": POSE}] * 2,
    "protobuf's in a list of people": [[{"landmark": POSE}]] * 2,
    "tasks'": [{"pose_landmarks": [POSE], "pose_world_landmarks": [POSE[::-1]]}] * 2,
    "holistic's": [{"poseLandmarks": POSE, "leftHandLandmarks": POSE[:21]}] * 2,
    "solutions'": [{"pose_landmarks": {"landmark": POSE}}] * 2,
    "by number": {"0": POSE, "1": {"landmarks": POSE}},
    "by number, in frames": {"frames": {"0": [POSE], "1": POSE}},
    "by number, landmarks too": {"0": dict(zip(map(str, range(33)), POSE, strict=True)), "1": POSE},
    "with numbers": [{"frame": 0, "pose_landmarks": POSE}, {"frame": 1, "pose_landmarks": POSE}],
    "with numbers, backwards": [{"frame_id": 1, "landmarks": POSE}, {"frame_id": 0, "landmarks": POSE}],
}


@pytest.mark.parametrize("shape", SHAPES)
def test_landmarks_as_programs_dump_them(shape, tmp_path):
    path = write(tmp_path / "m.json", SHAPES[shape])
    name, (track,) = read_keypoints(path, Overrides(size=(1000, 500), fps=30.0))
    assert (name, track.frames.tolist(), track.layout, track.notes) == ("MediaPipe", [0, 1], MEDIAPIPE_33, track.notes)
    np.testing.assert_allclose(track.keypoints, [EXPECTED * (1000, 500, 1)] * 2, rtol=1e-6)


def test_frames_keep_their_numbers_and_nobody_is_nobody(tmp_path):
    numbered = [
        {"frame": 7, "pose_landmarks": POSE},
        {"frame": 8, "pose_landmarks": None},
        {"frame": 9, "landmarks": []},
    ]
    assert read_mediapipe(tmp_path, [*numbered, {"frame": 12, "pose_landmarks": [POSE, POSE]}]).frames == [7, 12, 12]
    assert read_mediapipe(tmp_path, {"3": POSE, "4": None, "5": {}, "10": POSE}).frames == [3, 10]
    assert read_mediapipe(tmp_path, {"landmark": POSE}).frames == [0]


def test_names_of_landmarks_decide(tmp_path):
    backwards = NAMED[::-1]
    by_name = {one["name"]: {"x": one["x"], "y": one["y"]} for one in backwards}
    for frame in (backwards, by_name, {"pose_landmarks": by_name}):
        path = write(tmp_path / "m.json", [frame])
        (track,) = read_keypoints(path, Overrides(size=(1000, 500), fps=30.0))[1]
        assert track.layout == MEDIAPIPE_33
        np.testing.assert_allclose(track.keypoints[0, :, :2], EXPECTED[:, :2] * (1000, 500), rtol=1e-6)


def test_landmarks_in_pixels_are_read_and_said(tmp_path):
    pixels = [{"x": 3.2 * n + 20, "y": 7 * n + 3, "visibility": 1} for n in range(33)]
    (track,) = read_keypoints(write(tmp_path / "m.json", [pixels] * 3), Overrides(size=(320, 240), fps=30.0))[1]
    np.testing.assert_allclose(track.keypoints[0, :, 0], 3.2 * np.arange(33) + 20, rtol=1e-6)
    assert track.notes[0].endswith("x and y are read as pixels, which is not usual in this format")


def test_world_landmarks_are_refused(tmp_path):
    """Their hips are the origin; as shares of the image, half of the person would lie outside."""
    body = standing()
    metres = [dict(zip("xyz", body[joint], strict=True)) | {"visibility": 1.0} for joint in MEDIAPIPE_33.joints]
    with pytest.raises(InputError, match=r"x and y lie about zero \(\d\d% are negative\), as landmarks in metres"):
        read_keypoints(write(tmp_path / "m.json", [metres] * 3), Overrides(size=(320, 240), fps=30.0))


@pytest.mark.parametrize("header", [{}, {"width": 0, "height": 0}, {"width": 1920}, {"width": "?", "height": 1080}])
def test_a_size_that_says_nothing_is_none(header, tmp_path):
    assert read_mediapipe(tmp_path, {"frames": [POSE], **header}).size is None


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ([POSE[:32]], "frame 0 does not have 33 landmarks a person"),
        ([POSE, [POSE, POSE[:5]]], "frame 1 does not have 33 landmarks a person"),
        ([POSE, 3], "frame 1 is 3; it must be a list of landmarks, or null"),
        ([[*POSE[:32], None]], "a landmark of frame 0 has a missing or invalid 'x'"),
        ([[*POSE[:32], {"x": 1, "y": "2"}]], "a landmark of frame 0 has a missing or invalid 'y'"),
        ([[*POSE[:32], {"x": 1, "y": 2, "visibility": "much"}]], "'landmarks' of frame 0 are not numbers"),
        ({"frames": 3}, "the file has a missing or invalid 'frames'"),
        ({"frames": {"1" * 19: POSE}}, "the file has a missing or invalid 'frames'"),
        ({"frames": {"nose": POSE}}, "the file has a missing or invalid 'frames'"),
        ([{"pose_landmarks": 3}], "frame 0 is 3; it must be a list of landmarks, or null"),
        ([[[[[[POSE]]]]]], "it must be a list of landmarks, or null"),
        ([POSE, ["x"]], "frame 1 is 'x'; it must be a list of landmarks"),
        ([{"frame": 1, "landmarks": POSE}, {"landmarks": POSE}], "some frames have a 'frame' and others do not"),
        ([{"frame": 0.5, "landmarks": POSE}], "a frame has a missing or invalid 'frame'"),
        ([[[0.1, 0.2, 0.3]] * 33], "a landmark of frame 0 has a missing or invalid 'x'"),
        ([{"pose_world_landmarks": POSE}], "frame 0 has world landmarks alone, in metres about the hips; export"),
        ([NAMED, [{**one, "name": "nose"} for one in POSE]], "frame 1 have other names than those of the first frame"),
    ],
)
def test_faults_are_named(document, fault, tmp_path):
    with pytest.raises(InputError, match=fault):
        read_mediapipe(tmp_path, document)
