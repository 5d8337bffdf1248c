"""Tables of keypoints: joints by name, what is missing is missing."""

import numpy as np
import pytest

from jaxpose.keypoints.csv_table import is_keypoint_csv, read_keypoint_csv
from jaxpose.keypoints.layouts import BODY_25, HALPE_26
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import COCO_17, H36M_17


@pytest.mark.parametrize(
    ("joints", "layout"),
    [
        (("nose", "left_eye"), COCO_17),
        (("nose", "left_eye", "left_hip"), COCO_17),
        (("pelvis", "spine"), H36M_17),
        (("nose", "mid_hip"), BODY_25),
        (("hip", "neck"), HALPE_26),
    ],
)
def test_the_layout_is_the_smallest_with_these_joints(joints, layout, tmp_path):
    text = "frame,joint,x,y\n" + "".join(f"0,{joint},10,20\n" for joint in joints)
    assert read_keypoint_csv(tmp_path, text).layout == layout


def test_rows_and_cells_may_be_missing(tmp_path):
    text = "y,x,joint,frame,confidence,note\n20,10,nose,3,0.5,a\n,,left_eye,3,,b\n21,11,nose,5,1,c\n"
    rows = read_keypoint_csv(tmp_path, text)
    assert (list(rows.frames), list(rows.people)) == ([3, 5], [None, None])
    np.testing.assert_array_equal(rows.keypoints[:, 0], [[10, 20, 0.5], [11, 21, 1]])
    assert np.isnan(rows.keypoints[:, 1:]).all()


def test_tracks_are_read_and_the_confidence_is_one_without_a_column(tmp_path):
    rows = read_keypoint_csv(tmp_path, "track,frame,joint,x,y\nann,0,nose,1,2\nbob,0,nose,3,4\n")
    assert list(rows.people) == ["ann", "bob"]
    np.testing.assert_array_equal(rows.keypoints[:, 0], [[1, 2, 1], [3, 4, 1]])


def test_a_table_is_known_by_its_columns():
    assert is_keypoint_csv('"frame","track","joint","x","y"\r\n1,2')
    assert not is_keypoint_csv("frame,joint,x\n")
    assert not is_keypoint_csv("[{}]")


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ("0,nose,1\n", "line 2: frame must be a whole number, x, y and confidence numbers"),
        ("0,nose,1,2\n0.5,nose,1,2\n", "line 3: frame must be a whole number"),
        ("0,nose,1,far\n", "line 2: frame must be"),
        ("0,snout,1,2\n", "no layout has the joints snout; known are h36m_17, coco_17"),
        ("0,mid_hip,1,2\n0,pelvis,1,2\n", "no layout has the joints mid_hip, pelvis"),
        ("0\n", "no layout has the joints None"),
        ("0,nose,1,2\n0,nose,1,2\n", "a joint is twice in a frame"),
        ('0,"' + "n" * 200_000 + '",1,2\n', "is not a table of comma-separated values"),
    ],
)
def test_faults_are_named(rows, fault, tmp_path):
    with pytest.raises(InputError, match=fault):
        read_keypoint_csv(tmp_path, "frame,joint,x,y\n" + rows)


def test_an_empty_table_has_no_rows(tmp_path):
    assert not read_keypoint_csv(tmp_path, "frame,joint,x,y\n").frames
