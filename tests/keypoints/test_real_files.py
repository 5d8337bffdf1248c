"""Files of real detectors: how many frames, people and joints each has, and where a joint is."""

import csv

import numpy as np
import pytest
from helpers.places import SHARED

from jaxpose.keypoints.detections import Overrides
from jaxpose.keypoints.layouts import MEDIAPIPE_33
from jaxpose.keypoints.readers import read_keypoints

DETECTIONS = SHARED / "data" / "detections"


def real_file(name):
    if not (DETECTIONS / name).exists():
        pytest.skip(f"{DETECTIONS / name} is not on this machine")
    return DETECTIONS / name


def test_mediapipes_landmarks_of_two_people():
    """Sports2D's demo: one person walks through, and then another, who is lost for a moment."""
    name, people = read_keypoints(real_file("sports2d_demo/mediapipe_landmarks_demo.json"), Overrides())
    assert name == "MediaPipe"
    assert [(track.name, len(track.frames), *track.frames[[0, -1]]) for track in people] == [
        ("1", 166, 3, 169),
        ("2", 30, 171, 200),
        ("3", 25, 202, 226),
    ]
    assert {(track.layout, track.width, track.height, track.fps, track.notes) for track in people} == {
        (MEDIAPIPE_33, 1768, 994, 30.0, ())
    }
    np.testing.assert_allclose(people[0].keypoints[0, 0], (646.94, 187.57, 0.9785), atol=0.01)
    assert np.isfinite(people[0].keypoints).all()


@pytest.mark.parametrize(
    ("port", "frames", "hips"), [("0", 267, 0.0), ("1", 262, 1.0), ("2", 267, 1.0), ("3", 266, 0.0)]
)
def test_a_table_of_one_camera(port, frames, hips, tmp_path):
    """Caliscope's tables number MediaPipe's points; a table by names is read as the same body."""
    with real_file("caliscope_4cam/xy_HOLISTIC.csv").open() as file:
        points = [row for row in csv.DictReader(file) if row["port"] == port and int(row["point_id"]) < 33]
    lines = [
        f"{row['sync_index']},{MEDIAPIPE_33.joints[int(row['point_id'])]},{row['img_loc_x']},{row['img_loc_y']}"
        for row in points
    ]
    (tmp_path / "camera.csv").write_text("\n".join(["frame,joint,x,y", *lines]))
    name, (track,) = read_keypoints(tmp_path / "camera.csv", Overrides(size=(1280, 720), fps=30.0))
    assert (name, track.layout, len(track.frames), *track.frames[[0, -1]]) == ("CSV", MEDIAPIPE_33, frames, 0, 266)
    seen = np.isfinite(track.keypoints).all(axis=-1).mean(axis=0)
    assert (seen[0], seen[MEDIAPIPE_33.index("left_shoulder")], seen[MEDIAPIPE_33.index("left_hip")]) == (1, 1, hips)
    first = track.keypoints[0, MEDIAPIPE_33.index("nose"), :2]
    assert first.tolist() == [float(points[0][axis]) for axis in ("img_loc_x", "img_loc_y")]
    assert track.notes == ()
