"""Landmarks of MediaPipe in the forms that the module's text accepts."""

import numpy as np
import pytest

from jaxpose.keypoints.layouts import MEDIAPIPE_33
from jaxpose.keypoints.mediapipe import read_mediapipe
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


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ([POSE[:32]], "frame 0 does not have 33 landmarks a person"),
        ([POSE, [POSE, None]], "frame 1 does not have 33 landmarks a person"),
        ([POSE, 3], "frame 1 is 3; it must be a list of landmarks, or null"),
        ([[*POSE[:32], None]], "a landmark of frame 0 has a missing or invalid 'x'"),
        ([[*POSE[:32], {"x": 1, "y": "2"}]], "a landmark of frame 0 has a missing or invalid 'y'"),
        ([[*POSE[:32], {"x": 1, "y": 2, "visibility": "much"}]], "'landmarks' of frame 0 are not numbers"),
        ({"frames": 3}, "the file has a missing or invalid 'frames'"),
        ({"frames": [POSE], "width": 1920}, "the file has a missing or invalid 'height'"),
        ({"frames": [POSE], "fps": "30"}, "the file has a missing or invalid 'fps'"),
    ],
)
def test_faults_are_named(document, fault, tmp_path):
    with pytest.raises(InputError, match=fault):
        read_mediapipe(tmp_path, document)
