"""Tables of keypoints: joints by name, what is missing is missing."""

import numpy as np
import pytest

from jaxpose.keypoints.csv_table import is_keypoint_csv, read_keypoint_csv
from jaxpose.keypoints.detections import Overrides
from jaxpose.keypoints.layouts import BODY_25, COCO_18, HALPE_26
from jaxpose.keypoints.readers import read_keypoints
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import COCO_17, H36M_17


def read_table(folder, text, **given):
    (folder / "t.csv").write_text(text)
    return read_keypoints(folder / "t.csv", Overrides(**{"size": (640, 480), "fps": 30.0} | given))[1]


@pytest.mark.parametrize(
    ("joints", "layout"),
    [
        (("nose", "left_eye"), COCO_17),
        (("nose", "left_eye", "left_hip"), COCO_17),
        (("LShoulder", "RWrist", "Nose"), COCO_17),
        (("pelvis", "spine"), H36M_17),
        (("nose", "mid_hip"), BODY_25),
        (("hip", "neck", "head"), HALPE_26),
    ],
)
def test_the_layout_is_the_smallest_with_these_joints(joints, layout, tmp_path):
    text = "frame,joint,x,y\n" + "".join(f"0,{joint},10,20\n" for joint in joints)
    assert read_keypoint_csv(tmp_path, text).names == joints
    assert read_table(tmp_path, text)[0].layout == layout


@pytest.mark.parametrize("layout", [None, COCO_18, HALPE_26], ids=["", "coco_18", "halpe_26"])
def test_joints_keep_their_names_whatever_layout_is_given(layout, tmp_path):
    """A table of limbs alone fits Human3.6M's joints too, where a left shoulder stands in a left knee's place."""
    limbs = [*COCO_17.joints[5:], "neck"]
    text = "frame,joint,x,y\n" + "".join(f"0,{joint},{10 + place},20\n" for place, joint in enumerate(limbs))
    (track,) = read_table(tmp_path, text, layout=layout)
    assert track.layout == (layout or COCO_18)
    for place, joint in enumerate(limbs):
        assert track.keypoints[0, track.layout.index(joint), 0] == 10 + place
    assert np.isfinite(track.keypoints[0, :, 0]).sum() == len(limbs)


def test_a_layout_without_the_joints_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"t\.csv: the layout h36m_17 has no nose; correct the names"):
        read_table(tmp_path, "frame,joint,x,y\n0,nose,10,20\n", layout=H36M_17)


@pytest.mark.parametrize("column", ["confidence", "score", "likelihood", "Visibility"])
def test_a_column_of_confidences_has_several_names(column, tmp_path):
    rows = read_keypoint_csv(tmp_path, f"frame, joint ,x,y,{column}\n0,nose,10,20,0.5\n")
    np.testing.assert_array_equal(rows.keypoints, [[[10, 20, 0.5]]])


@pytest.mark.parametrize("column", ["track", "track_id", "person_id", "Person"])
def test_a_column_of_tracks_has_several_names(column, tmp_path):
    rows = read_keypoint_csv(tmp_path, f"frame,joint,x,y,{column}\n0,nose,10,20,7.0\n0,nose,30,20,-1\n1.0,nose,9,9,7\n")
    assert (rows.frames, rows.people) == ((0, 0, 1), ("7", None, "7"))


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
        ("0,snout,1,2\n0,nose,1,2\n0,tail,1,2\n", "no layout has keypoints called snout, tail; correct the names"),
        ("0,mid_hip,1,2\n0,pelvis,1,2\n", "'mid_hip' and 'pelvis' are the same keypoint"),
        ("0\n", "line 2: frame must be a whole number"),
        ("inf,nose,1,2\n", "line 2: frame must be a whole number"),
        ("0,nose,1,2\n0,nose,1,2\n", "a joint is twice in a frame"),
        ('0,"' + "n" * 200_000 + '",1,2\n', "is not a table of comma-separated values"),
    ],
)
def test_faults_are_named(rows, fault, tmp_path):
    with pytest.raises(InputError, match=fault):
        read_table(tmp_path, "frame,joint,x,y\n" + rows)


def test_two_columns_of_a_name_are_refused(tmp_path):
    with pytest.raises(InputError, match="two columns have the same name"):
        read_keypoint_csv(tmp_path, "frame,joint,x,y,X\n0,nose,1,2,3\n")


def test_an_empty_table_has_no_rows(tmp_path):
    assert not read_keypoint_csv(tmp_path, "frame,joint,x,y\n").frames
