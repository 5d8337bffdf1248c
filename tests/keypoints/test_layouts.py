"""Detectors' layouts: names in the published orders, and what they become as Human3.6M's joints."""

import jax
import numpy as np
import pytest
from helpers.readme import readme_table

from jaxpose.cameras import project
from jaxpose.data.human36m import H36M_CAMERAS
from jaxpose.keypoints.layouts import BODY_25, COCO_18, HALPE_26, MEDIAPIPE_33, conversion, find_layout
from jaxpose.skeleton import COCO_17, H36M_16, H36M_17

DETECTORS = (COCO_17, COCO_18, HALPE_26, BODY_25, MEDIAPIPE_33)


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
    weights = conversion(layout, target)
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(weights[:, layout.mirrored], weights[list(target.mirrored)])


@pytest.mark.parametrize("layout", [H36M_17, *DETECTORS], ids=lambda layout: layout.name)
def test_sixteen_joints_are_those_of_the_seventeen(layout):
    kept = [H36M_17.index(joint) for joint in H36M_16.joints]
    np.testing.assert_array_equal(conversion(layout, H36M_16), conversion(layout, H36M_17)[kept])


def test_the_orders_are_the_published_ones():
    places = {
        COCO_18: {1: "neck", 2: "right_shoulder", 8: "right_hip", 11: "left_hip", 14: "right_eye", 17: "left_ear"},
        HALPE_26: {5: "left_shoulder", 16: "right_ankle", 17: "head", 18: "neck", 19: "hip", 20: "left_big_toe",
                   25: "right_heel"},
        BODY_25: {1: "neck", 4: "right_wrist", 8: "mid_hip", 9: "right_hip", 14: "left_ankle", 15: "right_eye",
                  19: "left_big_toe", 24: "right_heel"},
        MEDIAPIPE_33: {2: "left_eye", 5: "right_eye", 11: "left_shoulder", 16: "right_wrist", 23: "left_hip",
                       28: "right_ankle", 32: "right_foot_index"},
    }  # fmt: skip
    for layout, names in places.items():
        assert {place: layout.joints[place] for place in names} == names
        assert layout.num_joints == int(layout.name[-2:])
        for left, right in zip(layout.left, layout.right, strict=True):
            assert layout.joints[right] == layout.joints[left].replace("left_", "right_")
        assert sum("left" in joint for joint in layout.joints) == len(layout.left)


def standing():
    """A body in camera space, metres, by every name that a layout has: x to the image's right, so the right side is at
    negative x of a person who faces the camera; y down."""
    side = {
        "hip": (0.13, 0.0, 0.0), "knee": (0.14, 0.45, 0.02), "ankle": (0.15, 0.88, 0.0), "heel": (0.15, 0.93, 0.05),
        "big_toe": (0.14, 0.95, -0.15), "small_toe": (0.19, 0.95, -0.12), "foot_index": (0.15, 0.95, -0.15),
        "shoulder": (0.18, -0.5, 0.0), "elbow": (0.25, -0.22, 0.0), "wrist": (0.3, 0.0, -0.1),
        "pinky": (0.31, 0.08, -0.1), "index": (0.3, 0.1, -0.12), "thumb": (0.28, 0.06, -0.13),
        "eye": (0.03, -0.68, -0.1), "eye_inner": (0.02, -0.68, -0.1), "eye_outer": (0.04, -0.68, -0.1),
        "ear": (0.08, -0.66, 0.0), "mouth": (0.02, -0.6, -0.1),
    }  # fmt: skip
    body = {f"left_{name}": np.array(place) for name, place in side.items()}
    body |= {f"right_{name}": np.array(place) * (-1, 1, 1) for name, place in side.items()}
    middle = {"hip": (0, 0, 0), "mid_hip": (0, 0, 0), "pelvis": (0, 0, 0), "spine": (0, -0.25, 0)}
    middle |= {"thorax": (0, -0.5, 0), "nose": (0, -0.65, -0.12), "head": (0, -0.8, 0)}
    return body | {name: np.array(place, float) for name, place in middle.items()}


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
    assert apart[head] < (0.01 if layout == HALPE_26 else 50)


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
    with pytest.raises(ValueError, match=r"there is no layout 'mpii'; known: h36m_17, coco_17, coco_18, halpe_26"):
        find_layout("mpii")
