"""The skeletons are consistent and symmetric, survive JSON, and convert into each other."""

import dataclasses
import json

import numpy as np
import pytest

from jaxpose import skeleton
from jaxpose.keypoints import layouts
from jaxpose.skeleton import Angle, Skeleton

ALL = [
    skeleton.H36M_17, skeleton.BODY_22, skeleton.H36M_16, skeleton.H36M_32, skeleton.COCO_17, skeleton.HUMANEVA_15,
    skeleton.CMU_31,
]  # fmt: skip


@pytest.mark.parametrize("s", ALL, ids=lambda s: s.name)
def test_mirroring_keeps_the_tree(s):
    mirrored = s.mirrored
    assert [mirrored[mirrored[j]] for j in range(s.num_joints)] == list(range(s.num_joints))
    for joint, parent in enumerate(s.parents):
        if parent >= 0 and s.parents[mirrored[joint]] >= 0:
            assert s.parents[mirrored[joint]] == mirrored[parent]


@pytest.mark.parametrize("s", ALL, ids=lambda s: s.name)
def test_left_and_right_are_named_so(s):
    for left, right in zip(s.left, s.right, strict=True):
        a, b = s.joints[left].lower(), s.joints[right].lower()
        assert b in {f"right{a.removeprefix('left')}", f"r{a.removeprefix('l')}"}


@pytest.mark.parametrize("s", ALL, ids=lambda s: s.name)
def test_bone_pairs_mirror_each_other(s):
    for left, right in s.bone_pairs:
        assert s.mirrored[s.bones[left][1]] == s.bones[right][1]
    assert len(s.tree_bones) == sum(parent >= 0 for parent in s.parents)


@pytest.mark.parametrize("s", ALL, ids=lambda s: s.name)
def test_angles_come_in_mirrored_pairs_with_one_range(s):
    by_joints = {angle.joints: angle for angle in s.angles}
    for angle in s.angles:
        twin = by_joints[tuple(s.mirrored[joint] for joint in angle.joints)]
        assert twin.range_deg == angle.range_deg


@pytest.mark.parametrize("s", ALL, ids=lambda s: s.name)
def test_survives_json(s):
    assert Skeleton.from_dict(json.loads(json.dumps(s.to_dict()))) == s
    assert hash(s) == hash(Skeleton.from_dict(s.to_dict()))


def test_h36m_16_is_h36m_17_without_its_neck():
    whole, part = skeleton.H36M_17, skeleton.H36M_16
    assert part.joints == tuple(joint for joint in whole.joints if joint != "neck")

    def named(s, indices):
        return {s.joints[index] for index in indices}

    for parent, child in part.bones:
        expected = (
            "thorax" if part.joints[child] == "head" else whole.joints[whole.parents[whole.index(part.joints[child])]]
        )
        assert part.joints[parent] == expected
    assert (named(part, part.left), named(part, part.right)) == (named(whole, whole.left), named(whole, whole.right))
    limits = {angle.name: [whole.joints[joint] for joint in angle.joints] for angle in whole.angles}
    del limits["neck"]
    assert {angle.name: [part.joints[joint] for joint in angle.joints] for angle in part.angles} == limits


def test_body_22_is_h36m_17_with_the_face_of_coco():
    body, trunk = skeleton.BODY_22, skeleton.H36M_17
    assert (body.joints[:17], body.parents[:17], body.angles) == (trunk.joints, trunk.parents, trunk.angles)
    assert body.joints[17:] == skeleton.COCO_17.joints[:5]
    assert {body.joints[parent] for parent in body.parents[17:]} == {"neck"}
    assert set(skeleton.COCO_17.joints) < set(body.joints)
    left = {joint for joint in body.joints if joint.startswith("left_")}
    assert {body.joints[joint] for joint in body.left} == left


def test_h36m_17_is_the_published_one():
    s = skeleton.H36M_17
    assert s.parents == (-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 9, 8, 11, 12, 8, 14, 15)
    angles = {angle.name: (angle.joints, angle.range_deg) for angle in s.angles}
    assert len(angles) == 10
    assert angles["right_knee"] == ((1, 2, 3), (45, 180))
    assert angles["left_elbow"] == ((11, 12, 13), (0, 180))
    assert angles["left_shoulder"] == ((7, 8, 11), (0, 135))
    assert angles["neck"] == ((8, 9, 10), (90, 180))


def test_32_joints_become_the_published_17():
    kept = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]
    expected = np.eye(32, dtype=np.float32)[kept]
    np.testing.assert_array_equal(layouts.conversion(skeleton.H36M_32, skeleton.H36M_17), expected)


@pytest.mark.parametrize("source", [skeleton.H36M_32, skeleton.COCO_17, skeleton.CMU_31], ids=lambda s: s.name)
def test_conversions_keep_translations_and_sides(source):
    target = skeleton.H36M_17
    weights = layouts.conversion(source, target)
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-6)
    # Mirroring before converting is mirroring after it.
    np.testing.assert_array_equal(weights[:, source.mirrored], weights[list(target.mirrored)])


def test_coco_hips_and_shoulders_make_the_trunk():
    weights = layouts.conversion(skeleton.COCO_17, skeleton.H36M_17)
    positions = np.random.default_rng(0).normal(size=(17, 2))
    made = dict(zip(skeleton.H36M_17.joints, weights @ positions, strict=True))
    coco = dict(zip(skeleton.COCO_17.joints, positions, strict=True))
    np.testing.assert_allclose(made["pelvis"], (coco["left_hip"] + coco["right_hip"]) / 2, rtol=1e-5)
    np.testing.assert_allclose(made["thorax"], (coco["left_shoulder"] + coco["right_shoulder"]) / 2, rtol=1e-5)
    np.testing.assert_allclose(made["spine"], (made["pelvis"] + made["thorax"]) / 2, rtol=1e-5)
    np.testing.assert_allclose(made["right_wrist"], coco["right_wrist"], rtol=1e-6)


def test_an_unknown_conversion_names_what_is_missing():
    with pytest.raises(
        ValueError, match="no conversion from 'h36m_17' to 'coco_17' keypoints: h36m_17 has no nose, left_eye"
    ):
        layouts.conversion(skeleton.H36M_17, skeleton.COCO_17)


def test_a_layout_has_no_bones():
    points = skeleton.layout("markers", 4, [0], [2])
    assert points.bones == points.bone_pairs == ()
    assert points.mirrored == (2, 1, 0, 3)


def test_the_widths_of_shoulders_and_hips_are_bones_of_coco():
    coco = skeleton.COCO_17
    names = [(coco.joints[a], coco.joints[b]) for a, b in coco.bones]
    assert names[-2:] == [("left_shoulder", "right_shoulder"), ("left_hip", "right_hip")]
    assert coco.bones[:-2] == coco.tree_bones
    for s in ALL:
        assert (s.bones == s.tree_bones) == (s is not coco)
        assert ("links" in s.to_dict()) == (s is coco)
        mirrored = {frozenset((s.mirrored[a], s.mirrored[b])) for a, b in s.links}
        assert mirrored == {frozenset(link) for link in s.links}


def test_coco_from_before_it_had_widths_gets_them():
    old = skeleton.COCO_17.to_dict()
    del old["links"]
    assert Skeleton.from_dict(old) == skeleton.COCO_17
    assert Skeleton.from_dict(old | {"name": "other"}).links == ()


def test_lists_numbers_of_numpy_and_names_are_taken():
    expected = Skeleton("arm", ("a", "b", "c", "d"), (-1, 0, 1, 0), (1,), (3,), (Angle("elbow", (0, 1, 2), (5, 90)),))
    for given in (
        Skeleton("arm", list("abcd"), [-1, 0, 1, 0], [1], [3], [Angle("elbow", [0, 1, 2], [5, 90])]),
        Skeleton("arm", np.array(list("abcd")), np.array([-1, 0, 1, 0]), np.array([1]), np.int64([3]),
                 [Angle("elbow", np.array([0, 1, 2]), np.float64([5, 90]))]),
        Skeleton("arm", list("abcd"), [None, "a", "b", "a"], ["b"], ["d"], [Angle("elbow", ["a", "b", "c"], (5, 90))]),
    ):  # fmt: skip
        assert given == expected
        assert hash(given) == hash(expected)
        assert json.dumps(given.to_dict()) == json.dumps(Skeleton.from_dict(given.to_dict()).to_dict())
    linked = Skeleton("arm", list("abcd"), [-1, 0, 1, 0], links=[["b", 3]])
    assert linked.links == ((1, 3),)
    assert linked.bones[-1] == (1, 3)


def test_unknown_joints_are_refused_with_those_there_are():
    with pytest.raises(ValueError, match=r"skeleton 'h36m_17': no joint 'left_wirst'; did you mean 'left_wrist'\? Its"):
        skeleton.H36M_17.index("left_wirst")
    with pytest.raises(ValueError, match="skeleton 's': no joint 'x'; its joints: aa, bb"):
        Skeleton("s", ["aa", "bb"], [None, "x"])
    with pytest.raises(ValueError, match="joints 'ab' must be a sequence of names"):
        Skeleton("s", "ab", [-1, 0])


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"joints": ()}, "no joints"),
        ({"joints": ("a", "a", "c")}, "two joints have the same name"),
        ({"parents": (-1, 0)}, "3 joints but 2 parents"),
        ({"joints": ("a", "b\x1b", "c")}, "'b.x1b' is not a printable name"),
        ({"parents": (-1, 2, 0)}, "the parent of joint 'b' must come before it"),
        ({"parents": (-1, -2, 0)}, "the parent of joint 'b' must come before it"),
        ({"parents": (-1, 0.0, 0)}, "parents, left and right must be integers"),
        ({"left": (1,)}, "left and right have different lengths"),
        ({"left": (1,), "right": (1,)}, "a joint occurs twice in left and right"),
        ({"left": (1,), "right": (3,)}, "left or right has an index out of range"),
        ({"links": ((0, 3),)}, r"link \(0, 3\): index out of range"),
        ({"links": ((2, 2),)}, r"link \(2, 2\): not two joints"),
        ({"links": ((1, 0),)}, r"link \(1, 0\) is a bone already"),
        ({"parents": (-1, True, 0)}, "parents, left and right must be integers or names of joints"),
        ({"angles": (Angle("a", (0, 1)),)}, "angle a: not three joint indices"),
        ({"angles": (Angle("a", (0, 1, 3)),)}, "angle a: index out of range"),
        ({"angles": (Angle("a", (0, 1, 2), (90, 45)),)}, r"angle a: range \(90, 45\) must increase in \[0, 180\]"),
    ],
)
def test_contradictions_are_refused(changes, fault):
    valid = {"name": "s", "joints": ("a", "b", "c"), "parents": (-1, 0, 1)}
    with pytest.raises(ValueError, match=f"skeleton 's': {fault}"):
        Skeleton(**valid | changes)


def test_an_invalid_description_is_refused():
    with pytest.raises(ValueError, match=r"invalid description of a skeleton \(KeyError: 'angles'\)"):
        Skeleton.from_dict({"name": "s"})


def test_is_immutable():
    with pytest.raises(dataclasses.FrozenInstanceError):
        skeleton.H36M_17.name = "other"
