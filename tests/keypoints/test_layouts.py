"""Detectors' layouts: names in the published orders, and what they become as Human3.6M's joints."""

import jax
import numpy as np
import pytest
from helpers.readme import readme_table
from helpers.standing import standing

from jaxpose.cameras import project
from jaxpose.data.human36m import H36M_CAMERAS
from jaxpose.keypoints.layouts import (
    BODY_25,
    BODY_25B,
    COCO_18,
    HALPE_26,
    MEDIAPIPE_33,
    POSETRACK_17,
    canonical_name,
    conversion,
    find_layout,
    layout_of_names,
)
from jaxpose.skeleton import BODY_22, COCO_17, H36M_16, H36M_17

DETECTORS = (COCO_17, POSETRACK_17, COCO_18, HALPE_26, BODY_25, BODY_25B, MEDIAPIPE_33)


def documented():
    """The table of the room's README: by layout, the recipe of each of Human3.6M's joints."""
    head, *body = readme_table("jaxpose/keypoints/README.md", "h36m_17")
    return {name: {row[0]: row[column] for row in body} for column, name in enumerate(head) if column}


@pytest.mark.parametrize("layout", DETECTORS, ids=lambda layout: layout.name)
def test_the_map_is_the_documented_one(layout):
    recipe = documented()[layout.name]
    expected = np.zeros((17, layout.num_joints))
    for row, joint in enumerate(H36M_17.joints):
        parts = recipe.get(joint, joint).split("+")
        for part in parts:
            expected[row, layout.joints.index(part)] += 1 / len(parts)
    np.testing.assert_allclose(conversion(layout, H36M_17), expected, atol=1e-7)


@pytest.mark.parametrize("layout", DETECTORS, ids=lambda layout: layout.name)
@pytest.mark.parametrize("target", [H36M_17, H36M_16, COCO_17], ids=lambda target: target.name)
def test_maps_keep_translations_and_sides(layout, target):
    if (layout, target) == (POSETRACK_17, COCO_17):
        with pytest.raises(ValueError, match="posetrack_17 has no left_eye, right_eye"):
            conversion(layout, target)
        return
    weights = conversion(layout, target)
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(weights[:, layout.mirrored], weights[list(target.mirrored)])


@pytest.mark.parametrize("layout", [H36M_17, *DETECTORS], ids=lambda layout: layout.name)
def test_sixteen_joints_are_those_of_the_seventeen(layout):
    kept = [H36M_17.index(joint) for joint in H36M_16.joints]
    np.testing.assert_array_equal(conversion(layout, H36M_16), conversion(layout, H36M_17)[kept])


@pytest.mark.parametrize("target", [H36M_17, H36M_16, COCO_17], ids=lambda target: target.name)
def test_joints_of_body_22_are_selected_by_name(target):
    """Its neck, too, which of detectors' layouts would be the nose."""
    expected = np.asarray([[joint == other for other in BODY_22.joints] for joint in target.joints], np.float32)
    np.testing.assert_array_equal(conversion(BODY_22, target), expected)


def test_the_orders_are_the_published_ones():
    places = {
        COCO_18: {1: "neck", 2: "right_shoulder", 8: "right_hip", 11: "left_hip", 14: "right_eye", 17: "left_ear"},
        HALPE_26: {5: "left_shoulder", 16: "right_ankle", 17: "head", 18: "neck", 19: "hip", 20: "left_big_toe",
                   25: "right_heel"},
        BODY_25: {1: "neck", 4: "right_wrist", 8: "mid_hip", 9: "right_hip", 14: "left_ankle", 15: "right_eye",
                  19: "left_big_toe", 24: "right_heel"},
        MEDIAPIPE_33: {2: "left_eye", 5: "right_eye", 11: "left_shoulder", 16: "right_wrist", 23: "left_hip",
                       28: "right_ankle", 32: "right_foot_index"},
        BODY_25B: {1: "left_eye", 5: "left_shoulder", 16: "right_ankle", 17: "upper_neck", 18: "head_top",
                   19: "left_big_toe", 24: "right_heel"},
        POSETRACK_17: {0: "nose", 1: "head_bottom", 2: "head_top", 3: "left_ear", 16: "right_ankle"},
    }  # fmt: skip
    for layout, names in places.items():
        assert {place: layout.joints[place] for place in names} == names
        assert layout.num_joints == int(layout.name.rstrip("b")[-2:])
        for left, right in zip(layout.left, layout.right, strict=True):
            assert layout.joints[right] == layout.joints[left].replace("left_", "right_")
        assert sum("left" in joint for joint in layout.joints) == len(layout.left)


@pytest.mark.parametrize("layout", DETECTORS, ids=lambda layout: layout.name)
def test_a_projected_body_lands_on_its_joints(layout):
    """Midpoints of pixels are not pixels of midpoints, but nearly; only the head is known to lie elsewhere."""
    body, camera = standing(), H36M_CAMERAS["S1"]["55011271"]
    detected = {name: place for name, place in body.items() if name not in ("pelvis", "spine", "thorax")}
    detected["neck"] = body["thorax"]  # a detector's neck is between the shoulders; Human3.6M's is the nose
    truth = body | {"neck": body["nose"]}

    def pixels(places, names):
        turn = np.array([[0.8, 0, 0.6], [0, 1, 0], [-0.6, 0, 0.8]])
        before = np.stack([turn @ places[name] for name in names]) + np.array([0.3, 0.1, 4.0])
        return np.asarray(jax.jit(project)(np.float32(before), camera))

    mapped = conversion(layout, H36M_17) @ pixels(detected, layout.joints)
    apart = np.hypot(*(mapped - pixels(truth, H36M_17.joints)).T)
    head = H36M_17.index("head")
    assert np.delete(apart, head).max() < 3  # pixels of 0.35 cm
    assert apart[head] < (0.01 if layout in (HALPE_26, BODY_25B, POSETRACK_17) else 50)


def test_layouts_are_found_by_the_names_that_files_use():
    named = {
        "coco": COCO_17,
        "COCO-17": COCO_17,
        "h36m": H36M_17,
        "BODY_25": BODY_25,
        "halpe26": HALPE_26,
        "MediaPipe 33": MEDIAPIPE_33,
    }
    assert {name: find_layout(name) for name in named} == named
    assert (find_layout("body 25b"), find_layout("PoseTrack")) == (BODY_25B, POSETRACK_17)
    with pytest.raises(ValueError, match=r"there is no layout 'mpii'; known: h36m_17, coco_17, posetrack_17, coco_18"):
        find_layout("mpii")


def test_one_name_for_all_spellings():
    spellings = {
        "left_knee": (
            "left_knee",
            "LKnee",
            "LEFT_KNEE",
            "leftKnee",
            "Left Knee",
            "l_knee",
            "knee_L",
            "knee.l",
            "lknee",
        ),
        "left_big_toe": ("LBigToe", "left_big_toe", "L_Bigtoe"),
        "right_mouth": ("MOUTH_RIGHT", "right_mouth"),
        "left_eye_inner": ("LEFT_EYE_INNER", "left_eye_(inner)", "left inner eye"),
        "pelvis": ("MidHip", "hip", "root", "Pelvis", "Hips"),
        "head": ("HeadTop", "head_top", "top_head", "head"),
        "upper_neck": ("head_bottom", "UpperNeck"),
        None: ("snout", "7", "", "left", "left_paw", "lef", "rnose"),
    }
    assert {name: {canonical_name(one) for one in names} for name, names in spellings.items()} == {
        name: {name} for name in spellings
    }
    for layout in DETECTORS:
        assert None not in map(canonical_name, layout.joints)


OF_MOTIONBERT = (
    "root", "RHip", "RKnee", "RAnkle", "LHip", "LKnee", "LAnkle", "torso", "neck", "nose", "head",
    "LShoulder", "LElbow", "LWrist", "RShoulder", "RElbow", "RWrist",
)  # fmt: skip
OF_MPII = (
    "r_ankle", "r_knee", "r_hip", "l_hip", "l_knee", "l_ankle", "pelvis", "thorax", "upper_neck", "head_top",
    "r_wrist", "r_elbow", "r_shoulder", "l_shoulder", "l_elbow", "l_wrist",
)  # fmt: skip
HANDS = ("face-3", "left_hand_root", "left_thumb1", "right_forefinger2", "left_middle_finger1", "right_pinky_finger4")


@pytest.mark.parametrize("layout", [H36M_17, *DETECTORS], ids=lambda layout: layout.name)
def test_a_layout_is_found_by_its_names_in_any_order(layout):
    order = np.random.default_rng(0).permutation(layout.num_joints)
    names = [layout.joints[place].replace("left_", "L_").upper() for place in order]
    found, columns = layout_of_names([*HANDS, *names])
    assert found == layout
    assert [names[column - len(HANDS)] for column in columns] == [
        joint.replace("left_", "L_").upper() for joint in layout.joints
    ]


def test_the_smallest_detector_with_the_names_is_taken_and_missing_names_are_missing():
    limbs = COCO_17.joints[5:]
    assert layout_of_names(limbs) == (COCO_17, [-1] * 5 + [*range(12)])
    assert layout_of_names([*limbs, "neck"])[0] == COCO_18
    assert layout_of_names([*limbs, "pelvis"])[0] == BODY_25
    assert layout_of_names([*limbs, "pelvis", "neck", "head"])[0] == HALPE_26
    assert layout_of_names([*limbs, "spine"])[0] == H36M_17


@pytest.mark.parametrize(
    ("names", "thorax"), [(OF_MOTIONBERT, "neck"), (OF_MPII, "thorax")], ids=["motionbert", "mpii"]
)
def test_names_that_no_layout_has_together_are_converted_by_name(names, thorax):
    body = standing() | {"neck": standing()["thorax"]}
    layout, columns = layout_of_names(names)
    values = np.stack([body[canonical_name(name) if name != "head_top" else "head"] for name in names])
    seen = np.array(columns) >= 0
    laid_out = np.where(seen[:, None], values[columns], 0)
    mapped = dict(zip(H36M_17.joints, conversion(layout, H36M_17, seen) @ laid_out, strict=True))
    assert layout.name == f"named_{layout.num_joints}"
    for joint in ("pelvis", "spine", "thorax", "head", "left_knee", "right_wrist"):
        np.testing.assert_allclose(mapped[joint], body[joint], atol=1e-6)
    middle = (body["upper_neck"] + body["head"]) / 2
    np.testing.assert_allclose(mapped["neck"], body["nose"] if "nose" in names else middle, atol=1e-6)


def test_a_layout_that_the_user_names_must_have_the_names():
    found, columns = layout_of_names(COCO_18.joints, HALPE_26)
    assert found == HALPE_26
    assert {joint: column for joint, column in zip(HALPE_26.joints, columns, strict=True) if column >= 0} == {
        joint: COCO_18.joints.index(joint) for joint in COCO_18.joints
    }
    with pytest.raises(ValueError, match="the layout h36m_17 has no nose, right_eye, left_eye, right_ear, left_ear"):
        layout_of_names(COCO_18.joints, H36M_17)


def test_names_that_say_nothing_are_settled_by_the_layout_that_the_user_names():
    numbers = [str(number) for number in range(17)]
    assert layout_of_names(numbers, COCO_17) == (COCO_17, [*range(17)])
    assert layout_of_names(["nose", *numbers[1:]], COCO_17)[0] == COCO_17
    for names in (["left_eye", *numbers[1:]], numbers[1:], ["nose", "nose", *numbers[2:]]):
        with pytest.raises(ValueError, match="no layout has keypoints called"):
            layout_of_names(names, COCO_17)


@pytest.mark.parametrize(
    ("names", "fault"),
    [
        (["nose", "snout", "paw"], "no layout has keypoints called snout, paw"),
        (["MidHip", "pelvis"], "'MidHip' and 'pelvis' are the same keypoint"),
        (["face-0", "face-1"], "none of face-0, face-1 is a keypoint of the body"),
        (["left_foot", "nose"], "no layout has keypoints called left_foot"),
        (["left_hip", "left_hip"], "'left_hip' and 'left_hip' are the same keypoint"),
    ],
)
def test_names_that_are_not_known_are_refused(names, fault):
    with pytest.raises(ValueError, match=fault):
        layout_of_names(names)


def test_a_foot_is_human36ms_ankle_or_no_keypoint():
    assert layout_of_names(["left_foot", "spine"])[1][H36M_17.index("left_ankle")] == 0
    assert layout_of_names(["left_foot", "left_ankle"])[1][COCO_17.index("left_ankle")] == 1


def test_joints_are_made_of_keypoints_that_are_seen():
    """Halpe's hip and neck were never seen: the pelvis is the middle of the hips, the thorax of the shoulders."""
    seen = ~np.isin(HALPE_26.joints, ["hip", "neck"])
    by_name = dict(zip(H36M_17.joints, conversion(HALPE_26, H36M_17, seen), strict=True))
    for joint, ends in {"pelvis": "hip", "thorax": "shoulder"}.items():
        expected = np.isin(HALPE_26.joints, [f"left_{ends}", f"right_{ends}"]) / 2
        np.testing.assert_array_equal(by_name[joint], expected)
    np.testing.assert_array_equal(by_name["spine"], (by_name["pelvis"] + by_name["thorax"]) / 2)
    nothing = conversion(HALPE_26, H36M_17, np.zeros(26, bool))
    np.testing.assert_array_equal(nothing, conversion(HALPE_26, H36M_17))
    unseen = conversion(H36M_17, H36M_17, np.arange(17) > 0)
    assert unseen[0].nonzero()[0].tolist() == [1, 4]
    np.testing.assert_array_equal(unseen[1:], np.eye(17)[1:])
