"""MMPose's predictions: the names of the keypoints decide, not their number."""

import json

import numpy as np
import pytest
from helpers.detector_files import MMPOSE_H36M, mmpose, people, write

from jaxpose.keypoints.detections import Overrides
from jaxpose.keypoints.layouts import HALPE_26, layout_of_names
from jaxpose.keypoints.mmpose import read_mmpose
from jaxpose.keypoints.readers import read_keypoints
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import COCO_17, H36M_17

FRAME = {"frame_id": 1, "instances": [{"keypoints": [[1, 2], [3, 4]], "keypoint_scores": [0.5, 0.6]}]}


@pytest.mark.parametrize(
    ("names", "layout"),
    [
        (COCO_17.joints, COCO_17),
        (MMPOSE_H36M, H36M_17),
        (HALPE_26.joints, HALPE_26),
        (COCO_17.joints + tuple(f"face-{n}" for n in range(116)), COCO_17),
        (HALPE_26.joints + tuple(f"face-{n}" for n in range(110)), HALPE_26),
        (COCO_17.joints[::-1], COCO_17),
    ],
)
def test_the_layout_is_that_of_the_names(names, layout, tmp_path):
    tracks = people(joints=len(names), frames=2)
    path = mmpose(tmp_path / "m.json", tracks, names)
    rows = read_mmpose(path, json.loads(path.read_text()))
    assert tuple(rows.names) == names
    assert (rows.frames, set(rows.people)) == ([1, 1, 2, 2], {"1", "2"})
    found = read_keypoints(path, Overrides(size=(1000, 800), fps=30.0))[1]
    for person, track in zip(found, tracks, strict=True):
        assert person.layout == layout
        np.testing.assert_allclose(person.keypoints, track[:, [*layout_of_names(names)[1]]])


def test_names_that_are_not_known_are_refused(tmp_path):
    path = mmpose(tmp_path / "m.json", people(), [f"paw_{n}" for n in range(17)])
    with pytest.raises(InputError, match=r"m\.json: no layout has keypoints called paw_0, paw_1"):
        read_keypoints(path, Overrides(size=(1000, 800), fps=30.0))
    people_found = read_keypoints(path, Overrides(COCO_17, (1000, 800), 30.0))[1]
    assert people_found[0].layout == COCO_17  # names that say nothing are settled by the user


@pytest.mark.parametrize("names", [{"0": "nose", "2": "tail"}, 3, {"0": 5}, ["nose", None]])
def test_names_are_a_name_for_each_keypoint(names, tmp_path):
    with pytest.raises(InputError, match="'keypoint_id2name' in 'meta_info' must have a name for each keypoint"):
        read_mmpose(tmp_path, {"meta_info": {"keypoint_id2name": names}, "instance_info": [FRAME]})


def test_frames_are_numbered_once(tmp_path):
    frames = [FRAME | {"frame_id": number} for number in (7, "8", 9.0)]
    assert read_mmpose(tmp_path, frames).frames == [7, 8, 9]
    for number, fault in ((8, "is there twice, as if of two videos"), (0.5, "is no whole number")):
        with pytest.raises(InputError, match=f"'frame_id' of entry 3, {number}, {fault}; correct it"):
            read_mmpose(tmp_path, [*frames, FRAME | {"frame_id": number}])


def test_instances_of_nobody_are_left_out(tmp_path):
    nobody = [{}, None, {"keypoints": [], "keypoint_scores": []}, {"keypoints": None}]
    frames = [{"frame_id": 3, "instances": nobody}, {"frame_id": 4, "instances": None}, FRAME]
    assert read_mmpose(tmp_path, frames).frames == [1]


def test_seventeen_keypoints_without_names_could_be_either(tmp_path):
    rows = read_mmpose(tmp_path, json.loads(mmpose(tmp_path / "m.json", people(frames=2), ()).read_text()))
    assert rows.layout is None


def test_no_instances_are_no_rows(tmp_path):
    assert not read_mmpose(tmp_path, [{"frame_id": 1, "instances": []}]).frames


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ({"instance_info": 3}, "the file has a missing or invalid 'instance_info'"),
        ([{"instances": []}], "entry 0 has a missing or invalid 'frame_id'"),
        ([{"frame_id": 4}], "frame 4 has a missing or invalid 'instances'"),
        ([{"frame_id": 4, "instances": [{"bbox": []}]}], "an instance in frame 4 has a missing or invalid 'keypoints'"),
        ([{"frame_id": 4, "instances": [{"keypoints": [[1, 2]], "keypoint_scores": [1, 2]}]}], "with a score each"),
        ([FRAME, {"frame_id": 2, "instances": [FRAME["instances"][0] | {"track_id": {}}]}], "frame 2 has the track id"),
        ([FRAME, {"frame_id": 2, "instances": [{"keypoints": [[1, 2]], "keypoint_scores": [1]}]}], "frame 2 has shape"),
    ],
)  # fmt: skip
def test_faults_are_named(document, fault, tmp_path):
    with pytest.raises(InputError, match=fault):
        read_mmpose(write(tmp_path / "m.json", document), document)


def test_scores_are_the_confidence(tmp_path):
    np.testing.assert_array_equal(read_mmpose(tmp_path, [FRAME]).keypoints, [[[1, 2, 0.5], [3, 4, 0.6]]])
