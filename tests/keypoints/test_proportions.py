"""Estimates by proportions against a body of other proportions, and against the formula written in another way."""

import numpy as np
import pytest
from helpers.standing import standing
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jaxpose.keypoints import proportions
from jaxpose.keypoints.layouts import BODY_25, LAYOUTS, meanings
from jaxpose.skeleton import COCO_17, H36M_17, layout

LAYOUT = st.sampled_from(list(LAYOUTS.values()))


def test_all_keypoints_of_all_layouts_have_a_place():
    for known in LAYOUTS.values():
        assert proportions.can_be_estimated(known).all(), known.name
    mine = layout("mine", 3, [0], [1])
    assert not proportions.can_be_estimated(mine).any()


@given(LAYOUT, st.data())
def test_weights_sum_to_one_and_leave_what_is_seen(known, data):
    seen = data.draw(hnp.arrays(bool, known.num_joints))
    assume(seen.any())
    weights = proportions.estimation_weights(known, seen)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-9)
    np.testing.assert_array_equal(weights[seen], np.eye(known.num_joints)[seen])
    np.testing.assert_array_equal(weights[:, ~seen], 0)
    mirrored = list(known.mirrored)
    np.testing.assert_allclose(
        proportions.estimation_weights(known, seen[mirrored]), weights[np.ix_(mirrored, mirrored)], atol=1e-9
    )


@given(hnp.arrays(bool, 17), st.integers(0, 99))
def test_estimates_are_the_expectation_of_a_body_of_random_bones(seen, seed):
    """E[unseen | seen] of the same Gaussian, bone by bone, whose place is unknown: of a variance without bounds."""
    assume(seen.any())
    body = proportions._standing_body()
    names = meanings(H36M_17.joints)
    factors = [
        [(axis**0.5) * place for axis, place in zip((0.3, 0.3, 0.5), body[name][1], strict=True)] for name in names
    ]
    bones = sorted({bone for name in names for bone in proportions._bones(name)})
    turns = [[proportions._bones(name).get(bone, 0) ** 0.5 for bone in bones] for name in names]
    causes = np.concatenate([np.float64(factors), turns, 0.02 * np.eye(17), np.full((17, 1), 1e4)], axis=1)
    covariance = causes @ causes.T
    weights = covariance[~seen][:, seen] @ np.linalg.inv(covariance[seen][:, seen])
    places = np.random.default_rng(seed).normal(size=(17, 2))
    estimated = proportions.estimation_weights(H36M_17, seen) @ places
    np.testing.assert_allclose(estimated[~seen], weights @ places[seen], atol=2e-3)


@pytest.mark.parametrize("turn", [0, 40, 90, 200])
@pytest.mark.parametrize(
    ("hidden", "within"),
    [(["right_hip"], 0.04), (["nose"], 0.02), (["left_eye", "left_ear"], 0.04), (["left_knee"], 0.03),
     (["left_ankle", "right_ankle"], 0.05), (["right_shoulder"], 0.05), (["left_wrist", "left_elbow"], 0.12),
     (["nose", "left_eye", "right_eye", "left_ear", "right_ear"], 0.08)],
    ids=str,
)  # fmt: skip
def test_joints_of_another_standing_body_are_found(hidden, within, turn):
    """The error relative to the stature, which is 1.75 m; from any side."""
    angle, body = np.radians(turn), standing()
    pose = np.stack([body[joint] for joint in COCO_17.joints]) @ [[np.cos(angle), 0], [0, 1], [np.sin(angle), 0]]
    unseen = [COCO_17.index(joint) for joint in hidden]
    estimated = proportions.estimation_weights(COCO_17, ~np.isin(np.arange(17), unseen)) @ pose
    assert np.abs(estimated - pose)[unseen].max() < within * 1.75


def test_a_middle_is_between_its_ends():
    seen = np.arange(25) != BODY_25.index("mid_hip")
    weights = proportions.estimation_weights(BODY_25, seen)[BODY_25.index("mid_hip")]
    assert weights[BODY_25.index("left_hip")] == pytest.approx(weights[BODY_25.index("right_hip")])
    assert weights[BODY_25.index("left_hip")] > 0.35


def test_keypoints_without_a_known_name_are_neither_used_nor_estimated():
    known = COCO_17
    strange = type(known)("strange", ("tail", *known.joints[1:]), known.parents, known.left, known.right)
    seen = np.arange(17) != 5
    weights = proportions.estimation_weights(strange, seen)
    assert weights[5, 0] == 0
    assert weights[5].sum() == pytest.approx(1)
    np.testing.assert_array_equal(proportions.estimation_weights(strange, np.arange(17) > 0)[0], 0)
