"""What all readers share: ids, numbers, and the checks that every file goes through."""

from pathlib import Path

import numpy as np
import pytest

from jaxpose.keypoints import detections
from jaxpose.keypoints.detections import DetectionRows, Overrides, tracks_by_person
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import COCO_17

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
    rows = ROWS._replace(people=["a", "b", "a"], notes=("dance.json: one box left out",))
    assert [track.notes for track in tracks_by_person(PATH, rows, Overrides())] == [rows.notes] * 2
    assert tracks_by_person(PATH, ROWS, Overrides())[0].notes == ()


def test_what_is_given_goes_before_what_the_file_says():
    (track,) = tracks_by_person(PATH, ROWS, Overrides(size=(1280, 720), fps=50.0))
    assert (track.width, track.height, track.fps) == (1280, 720, 50)


def test_shares_of_the_image_become_pixels():
    (track,) = tracks_by_person(PATH, ROWS._replace(keypoints=np.full((3, 17, 3), 0.5), relative=True), Overrides())
    np.testing.assert_array_equal(track.keypoints[0, 0], [320, 240, 0.5])


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"frames": [], "people": [], "keypoints": SEEN[:0]}, "dance.json holds no detections"),
        ({"layout": None}, "does not say which of its 17 keypoints is which; give --layout"),
        ({"size": None}, "does not say how large the images are; give --size"),
        ({"fps": None}, "does not say the frame rate of the video; give --fps"),
        ({"size": (640, 0)}, "an image of 640 x 0 pixels"),
        ({"fps": 10**400}, "0 frames a second; give --fps between 1 and 1000"),
        ({"fps": float("nan")}, "nan frames a second; give --fps between 1 and 1000"),
        ({"keypoints": SEEN[:, :16]}, "has 16 keypoints, but coco_17 17"),
        ({"keypoints": SEEN / 300}, "no coordinate is greater than 0.66.*, as if divided by the image's size"),
        ({"keypoints": SEEN * 1e4}, r"coordinates up to 2e\+06; keypoints must be pixels and a confidence"),
        ({"keypoints": SEEN * np.inf}, "coordinates up to inf"),
        ({"keypoints": SEEN * [1, 1, 1e300]}, "keypoints must be pixels and a confidence"),
        ({"keypoints": SEEN * 1e305, "relative": True}, "coordinates up to inf"),
        ({"frames": [0, 1, 10**9]}, "frames 0 to 1000000000; at most 1,000,000 frames are read"),
        ({"frames": [10**30] * 3}, "at most 1,000,000 frames are read"),
        ({"frames": [1, 2, 2], "people": ["b", "a", "a"]}, "track a is twice in frame 2; give two people two ids"),
    ],
)
def test_faults_are_named(changes, fault):
    with pytest.raises(InputError, match=fault):
        tracks_by_person(PATH, ROWS._replace(**changes), Overrides())


def test_numbers_name_the_row_that_is_none():
    places = ["row 0", "row 1"]
    np.testing.assert_array_equal(
        detections.number_array(PATH, [[1, 2], [3, None]], places, "xy"), [[1, 2], [3, np.nan]]
    )
    with pytest.raises(InputError, match=r"'xy' of row 1 has shape \(1,\), the first \(2,\)"):
        detections.number_array(PATH, [[1, 2], [3]], places, "xy")
    for wrong in ("a", {}, 10**400):
        with pytest.raises(InputError, match="'xy' of row 1 are not numbers"):
            detections.number_array(PATH, [[1, 2], [3, wrong]], places, "xy")


def test_fields_are_there_and_of_their_kind():
    assert detections.required_field(PATH, {"fps": 25}, "fps", int, "the file") == 25
    for node in ({}, [], None, {"fps": True}, {"fps": "25"}):
        with pytest.raises(InputError, match="the file has a missing or invalid 'fps'"):
            detections.required_field(PATH, node, "fps", int, "the file")


def test_flat_lists_are_triples():
    np.testing.assert_array_equal(detections.split_triples(PATH, np.arange(6).reshape(1, 6)), [[[0, 1, 2], [3, 4, 5]]])
    for flat in (np.zeros((1, 4)), np.zeros((2, 0)), np.zeros((1, 3, 3)), np.zeros(3)):
        with pytest.raises(InputError, match="must be flat lists"):
            detections.split_triples(PATH, flat)


def test_long_files_are_not_read(tmp_path, monkeypatch):
    (tmp_path / "long.json").write_text("[" + " " * 2**20)
    monkeypatch.setattr(detections, "MAX_BYTES", 2**20)
    with pytest.raises(InputError, match=r"long\.json is longer than the 1 MiB that are read; split the video"):
        detections.read_keypoint_text(tmp_path / "long.json")
