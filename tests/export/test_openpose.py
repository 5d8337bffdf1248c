"""Archives of OpenPose's JSON files, read back with zipfile and json alone."""

import io
import json
import zipfile

import numpy as np
import pytest
from helpers.motions import HOSTILE_NAMES, people

from jaxpose.export.motion import Motion
from jaxpose.export.openpose import BODY_25, encode_openpose
from jaxpose.keypoints import layouts
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import COCO_17, H36M_17, HUMANEVA_15


def motions(skeleton, names=("1", "2"), frames=3, gap=5, **fields):
    """A motion for each name, `gap` frames after the one before."""
    random = np.random.default_rng(0)
    shape = (frames, skeleton.num_joints, 3)
    return [
        Motion(name, random.normal(size=shape).astype(np.float32), skeleton, 50.0, start=2 + gap * number, **fields)
        for number, name in enumerate(names)
    ]


def read_back(content):
    """The document of each frame, by the name of its file."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {name: json.loads(archive.read(name)) for name in archive.namelist()}


def keypoints(person):
    return dict(zip(BODY_25, np.reshape(person["pose_keypoints_3d"], (25, 4)), strict=True))


def test_the_order_is_that_of_openpose():
    assert layouts.BODY_25.joints == BODY_25


@pytest.mark.parametrize("space", ["camera", "world"])
def test_a_file_for_every_frame(space):
    first, second = motions(H36M_17, space=space)
    files = read_back(encode_openpose([first, second]))
    assert list(files) == [f"motion_{frame:012d}_keypoints.json" for frame in range(2, 10)]
    assert [[person["name"] for person in file["people"]] for file in files.values()] == [
        *[["1"]] * 3, [], [], *[["2"]] * 3,
    ]  # fmt: skip
    axes = "x right, y down, z forward" if space == "camera" else "right-handed, z up"
    for file in files.values():
        assert {name: file[name] for name in ("version", "units", "space", "axes", "fps")} == {
            "version": 1.3, "units": "m", "space": space, "axes": axes, "fps": 50,
        }  # fmt: skip
    person = files["motion_000000000008_keypoints.json"]["people"][0]
    assert person["person_id"] == [1]
    assert [name for name, value in person.items() if value == []] == [
        "pose_keypoints_2d", "face_keypoints_2d", "hand_left_keypoints_2d", "hand_right_keypoints_2d",
        "face_keypoints_3d", "hand_left_keypoints_3d", "hand_right_keypoints_3d",
    ]  # fmt: skip
    found = keypoints(person)
    for name in ("left_wrist", "right_knee"):
        expected = second.positions[1, H36M_17.index(name)]
        np.testing.assert_allclose(found[name], [*expected, 1], atol=5.1e-5)


@pytest.mark.parametrize(
    ("skeleton", "trunk", "absent"),
    [
        (H36M_17, {"nose": ["neck"], "neck": ["thorax"], "mid_hip": ["pelvis"]}, 10),
        (HUMANEVA_15, {"neck": ["thorax"], "mid_hip": ["pelvis"]}, 11),
        (
            COCO_17,
            {
                "nose": ["nose"],
                "left_ear": ["left_ear"],
                "neck": ["left_shoulder", "right_shoulder"],
                "mid_hip": ["left_hip", "right_hip"],
            },
            6,
        ),
        (layouts.HALPE_26, {"neck": ["neck"], "mid_hip": ["hip"], "left_heel": ["left_heel"]}, 0),
        (layouts.BODY_25, {name: [name] for name in BODY_25}, 0),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_the_keypoints_are_joints_or_midpoints(skeleton, trunk, absent):
    (motion,) = motions(skeleton, ["a"], frames=1)
    found = keypoints(read_back(encode_openpose([motion]))["motion_000000000002_keypoints.json"]["people"][0])
    limbs = {f"{side}_{joint}" for side in ("left", "right") for joint in ("shoulder", "elbow", "hip", "knee", "ankle")}
    for name, joints in (trunk | {name: [name] for name in limbs}).items():
        expected = motion.positions[0, [skeleton.index(joint) for joint in joints]].mean(axis=0)
        np.testing.assert_allclose(found[name], [*expected, 1], atol=5.1e-5)
    assert sum(not point.any() for point in found.values()) == absent


def test_filled_joints_have_no_confidence():
    filled = np.zeros((3, 17), bool)
    filled[1, [COCO_17.index("left_hip"), COCO_17.index("nose")]] = True
    (motion,) = motions(COCO_17, ["a"], filled=filled)
    unsure = [
        [name for name, point in keypoints(file["people"][0]).items() if point[:3].any() and point[3] == 0]
        for file in read_back(encode_openpose([motion])).values()
    ]
    assert unsure == [[], ["nose", "mid_hip", "left_hip"], []]


def test_names_stay_inside_and_the_same_motion_is_the_same_bytes():
    content = encode_openpose(motions(H36M_17, HOSTILE_NAMES, gap=0))
    files = read_back(content)
    assert list(files) == [f"motion_{frame:012d}_keypoints.json" for frame in (2, 3, 4)]
    for file in files.values():
        assert [person["name"] for person in file["people"]] == HOSTILE_NAMES
        assert [person["person_id"] for person in file["people"]] == [[n] for n in range(len(HOSTILE_NAMES))]
    assert encode_openpose(motions(H36M_17, HOSTILE_NAMES, gap=0)) == content


def test_a_skeleton_without_arms_and_legs_is_refused():
    with pytest.raises(InputError, match="but arm has no right_shoulder; choose another format"):
        encode_openpose(people())
