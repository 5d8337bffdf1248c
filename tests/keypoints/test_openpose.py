"""OpenPose's folder: a file a frame, people in any order."""

import numpy as np
import pytest
from helpers.detector_files import openpose, people, write

from jaxpose.keypoints import openpose as reader
from jaxpose.keypoints.detections import Overrides
from jaxpose.keypoints.layouts import BODY_25, COCO_18, HALPE_26
from jaxpose.keypoints.readers import read_keypoints
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import COCO_17


def read(folder):
    return reader.read_openpose(folder, reader.read_folder(folder))


@pytest.mark.parametrize("layout", [COCO_17, COCO_18, BODY_25, HALPE_26], ids=lambda layout: layout.name)
def test_the_layout_is_that_of_the_number_of_keypoints(layout, tmp_path):
    rows = read(openpose(tmp_path / "json", people(joints=layout.num_joints, frames=3)))
    assert rows.layout == layout
    assert (rows.frames, rows.people) == ([0, 0, 1, 1, 2, 2], [None] * 6)


def test_fifteen_keypoints_have_no_layout(tmp_path):
    """MPI's 15 have neither eyes nor a nose."""
    assert read(openpose(tmp_path / "json", people(joints=15, frames=1))).layout is None


def test_frames_without_people_are_gaps(tmp_path):
    folder = openpose(tmp_path / "json", people(joints=25, frames=3))
    write(folder / "dance2_000000000001_keypoints.json", {"people": []})
    assert read(folder).frames == [0, 0, 2, 2]


@pytest.mark.parametrize(("count", "layout"), [(133, COCO_17), (136, HALPE_26)])
def test_whole_bodies_begin_with_the_body(count, layout, tmp_path):
    folder = openpose(tmp_path / "json", people(count=1, joints=count, frames=3))
    (track,) = read_keypoints(folder, Overrides(size=(1000, 800), fps=30.0))[1]
    assert track.layout == layout
    np.testing.assert_array_equal(track.keypoints, people(count=1, joints=count, frames=3)[0, :, : layout.num_joints])


NOBODY = [{"pose_keypoints_2d": []}, {"pose_keypoints_2d": None}, {"pose_keypoints_2d": [0.0] * 75}]
POSE = [float(number + 1) for number in range(75)]


def test_people_without_keypoints_are_nobody(tmp_path):
    for number in range(4):
        write(tmp_path / f"frame_{number}.json", {"people": [*NOBODY, {"pose_keypoints_2d": POSE}][: 2 + number]})
    write(tmp_path / "frame_4.json", {"people": None})
    (track,) = read_keypoints(tmp_path, Overrides(size=(1000, 800), fps=30.0))[1]
    assert track.frames.tolist() == [2, 3]


def test_the_place_in_the_list_is_the_id_where_absent_people_keep_it(tmp_path):
    """Pose2Sim's associated files: {} for a person who is not in the frame; the others keep their places."""
    here = {"person_id": [-1], "pose_keypoints_2d": POSE}
    for number, found in enumerate([[here, here], [{}, here], [{}, here], [here, {}]]):
        write(tmp_path / f"frame_{number}.json", {"people": found})
    rows = read(tmp_path)
    assert (rows.frames, rows.people) == ([0, 0, 1, 2, 3], ["0", "1", "1", "1", "0"])
    assert rows.notes[-1].endswith("some people are {}: the place in the list is read as the person's track id")


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ({}, r"frame_7.json: the file has a missing or invalid 'people'"),
        ({"people": [3]}, "a person has a missing or invalid 'pose_keypoints_2d'"),
        ({"people": [{"pose_keypoints_2d": [1, 2]}]}, "keypoints of shape .*; they must be flat lists"),
        ({"people": [{"pose_keypoints_2d": ["x"] * 75}]}, "of frame_7.json are not numbers"),
        (
            {"people": [{"pose_keypoints_2d": [1.0] * 75, "person_id": [[{}]]}]},
            "a person of frame_7.json has the track id",
        ),
    ],
)
def test_faults_are_named(document, fault, tmp_path):
    write(tmp_path / "frame_7.json", document)
    with pytest.raises(InputError, match=fault):
        read(tmp_path)


def test_folders_that_are_none_are_refused(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="holds no JSON files; name the folder that OpenPose wrote"):
        read(tmp_path)
    (tmp_path / "gone_1.json").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"gone_1\.json cannot be read"):
        read(tmp_path)
    monkeypatch.setattr(reader, "MAX_FRAMES", 0)
    with pytest.raises(InputError, match="holds more than 0 files or 512 MiB; split the video"):
        read(tmp_path)
