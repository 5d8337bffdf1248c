"""MMPose's predictions: the names of the keypoints decide, not their number."""

import json

import numpy as np
import pytest
from helpers.detector_files import MMPOSE_H36M, mmpose, people, write

from jaxpose.keypoints.layouts import HALPE_26
from jaxpose.keypoints.mmpose import read_mmpose
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
        (tuple(f"paw_{n}" for n in range(17)), None),
    ],
)
def test_the_layout_is_that_of_the_names(names, layout, tmp_path):
    tracks = people(joints=len(names), frames=2)
    rows = read_mmpose(tmp_path, json.loads(mmpose(tmp_path / "m.json", tracks, names).read_text()))
    assert rows.layout == layout
    assert rows.keypoints.shape == (4, layout.num_joints if layout else 17, 3)
    assert (rows.frames, set(rows.people)) == ([1, 1, 2, 2], {"1", "2"})


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
        ([{"frame_id": 4, "instances": [{}]}], "an instance in frame 4 has a missing or invalid 'keypoints'"),
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
