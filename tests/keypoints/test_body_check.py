"""Poses that cannot be a body's: layouts of as many keypoints are told apart, real motion is never doubted."""

import numpy as np
import pytest
from helpers.places import SHARED
from helpers.standing import standing_pixels

from jaxpose.files.safe_npz import load_npz
from jaxpose.keypoints.body_check import body_faults, fitting_layouts
from jaxpose.keypoints.layouts import BODY_25, BODY_25B, COCO_18, HALPE_26, LAYOUTS, MEDIAPIPE_33, POSETRACK_17
from jaxpose.skeleton import COCO_17, H36M_17, Skeleton


def poses(layout, count=3):
    """(count, K, 3): a standing person as a layout has it, with a confidence of 1."""
    xy = np.repeat(standing_pixels(layout.joints)[None], count, axis=0)
    return np.concatenate([xy, np.ones_like(xy[..., :1])], axis=-1)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=lambda layout: layout.name)
def test_a_body_has_no_faults_in_its_own_layout_standing_or_lying(layout):
    standing = poses(layout)
    assert body_faults(layout, standing) == []
    lying = standing[..., [1, 0, 2]] * (-1, 1, 1) + (1000, 0, 0)  # the head to the right
    assert body_faults(layout, lying) == []


@pytest.mark.parametrize(
    ("written", "read_as", "fault"),
    [
        (BODY_25B, BODY_25, "the face is 0.9 of the body's size"),
        (BODY_25, BODY_25B, "a limb is 0.9 of the body's size"),
        (H36M_17, COCO_17, "the face is below the hips in 100% of the poses"),
        (COCO_17, H36M_17, "the face is below the hips in 100% of the poses"),
        (H36M_17, POSETRACK_17, "the face is below the hips in 100% of the poses"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_another_layout_of_as_many_keypoints_shows_itself(written, read_as, fault):
    assert fault in body_faults(read_as, poses(written))
    assert written in fitting_layouts(poses(written))
    assert read_as not in fitting_layouts(poses(written))


@pytest.mark.parametrize("written", [COCO_17, COCO_18, BODY_25, HALPE_26], ids=lambda layout: layout.name)
def test_the_first_keypoints_show_which_body_they_are(written):
    for read_as in (COCO_17, COCO_18, BODY_25):
        if read_as.num_joints <= written.num_joints:
            begins_so = read_as.joints == written.joints[: read_as.num_joints]
            assert (body_faults(read_as, poses(written)[:, : read_as.num_joints]) == []) == begins_so


def test_upside_down_is_said():
    upside_down = poses(COCO_17) * (1, -1, 1) + (0, 1080, 0)
    assert body_faults(COCO_17, upside_down) == ["the face is below the hips in 100% of the poses"]


def test_y_that_points_up_is_no_other_layout():
    upside_down = poses(COCO_17) * (1, -1, 1) + (0, 1080, 0)
    assert body_faults(H36M_17, upside_down) == ["a leg is 0.10 of the body's size"]
    assert fitting_layouts(upside_down) == []


def test_layouts_without_limbs_are_judged_by_what_they_have():
    trunk = [joint for joint in COCO_17.joints[:13] if not joint.endswith(("elbow", "wrist"))]
    layout = Skeleton("trunk", tuple(trunk), (-1,) * len(trunk))
    assert body_faults(layout, poses(layout)) == []
    assert body_faults(layout, poses(layout) * (1, -1, 1)) == ["the face is below the hips in 100% of the poses"]


def test_most_poses_decide():
    mixed = np.concatenate([poses(BODY_25, 6), poses(BODY_25B, 4)])
    assert body_faults(BODY_25, mixed) == []
    assert body_faults(BODY_25B, mixed) != []


def test_nothing_is_said_of_poses_without_face_or_trunk():
    hidden = poses(BODY_25B)
    hidden[:, BODY_25.index("left_hip")] = np.nan
    assert body_faults(BODY_25, hidden) is None
    assert body_faults(COCO_17, poses(COCO_17) * (1, 1, 0)) is None
    assert body_faults(COCO_17, poses(COCO_17)[:0]) is None


def test_real_motion_is_a_body_and_no_other_layouts():
    """112 clips of motion capture with a detector's noise: walks, climbs, jumps, sword play."""
    path = SHARED / "data" / "cmu_as_h36m" / "data_2d_h36m_noisy.npz"
    if not path.exists():
        pytest.skip(f"{path} is not on this machine")
    clips = [
        view for actions in load_npz(path)["positions_2d"].values() for views in actions.values() for view in views
    ]
    for clip in clips:
        seen = np.concatenate([clip[::10], np.ones_like(clip[::10, :, :1])], axis=-1)
        assert body_faults(H36M_17, seen) == []
        assert body_faults(COCO_17, seen)
        assert body_faults(POSETRACK_17, seen)
    assert len(clips) == 112


def test_as_many_keypoints_as_mediapipes_are_mediapipes():
    assert fitting_layouts(poses(MEDIAPIPE_33)) == [MEDIAPIPE_33]
    assert fitting_layouts(poses(MEDIAPIPE_33)[:, ::-1]) == []
