"""Faces on poses without one: against float64, turned and mirrored with the body, on bodies whose face is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import oracles
from hypothesis import given
from hypothesis import strategies as st

from jaxpose.data.faces import FACE, FACE_OFFSETS, STATURE_M, add_face
from jaxpose.data.synthetic.body import bone_offsets
from jaxpose.skeleton import BODY_22, H36M_17

with_face = jax.jit(add_face)
gradient_of = jax.jit(jax.grad(lambda pose: jnp.sum(jnp.sin(add_face(pose)))))
pytestmark = pytest.mark.usefixtures("compiled_soon")
JOINT = {name: index for index, name in enumerate(BODY_22.joints)}


def random_poses(seed, *shape):
    return np.random.default_rng(seed).normal(size=(*shape, 17, 3)).astype(np.float32)


def standing(subject="S6"):
    """A body at rest: x ahead, y to the left, z up."""
    positions = np.zeros((17, 3), np.float32)
    for joint, parent in enumerate(H36M_17.parents[1:], start=1):
        positions[joint] = positions[parent] + bone_offsets(subject)[joint]
    return positions


def face_of(pose):
    """Of one pose, in float64, from the words of the docstring."""
    pose = pose.astype(np.float64)
    line = pose[JOINT["head"]] - pose[JOINT["neck"]]
    eyes = pose[JOINT["neck"]] + 0.43 * line
    up = line / np.linalg.norm(line)
    shoulders = pose[JOINT["left_shoulder"]] - pose[JOINT["right_shoulder"]]
    ahead = np.cross(shoulders, up)
    ahead /= np.linalg.norm(ahead)
    left = np.cross(up, ahead)
    angle = np.deg2rad(8)
    ahead, up = np.cos(angle) * ahead - np.sin(angle) * up, np.cos(angle) * up + np.sin(angle) * ahead
    bones = (JOINT["pelvis"], JOINT["spine"]), (JOINT["spine"], JOINT["thorax"])
    size = sum(np.linalg.norm(pose[a] - pose[b]) for a, b in bones) / (0.295 * 1.75)
    return np.stack([eyes + size * (x * ahead + y * left + z * up) for x, y, z in FACE_OFFSETS.astype(np.float64)])


@given(st.integers(0, 2**32 - 1))
def test_the_face_against_float64(seed):
    poses = random_poses(seed, 3, 2)
    found = np.asarray(with_face(poses))
    assert (found.shape, found.dtype) == ((3, 2, 22, 3), np.float32)
    np.testing.assert_array_equal(found[..., :17, :], poses)
    for place in np.ndindex(3, 2):
        np.testing.assert_allclose(found[place][17:], face_of(poses[place]), atol=2e-4, rtol=1e-4)


def test_the_face_of_somebody_who_stands():
    """Level gaze ahead; eyes at 0.936 of the stature, the nose before and below them, the ears beside the head."""
    pose = np.asarray(with_face(standing()))
    face = {name: pose[JOINT[name]] for name in FACE}
    sole = pose[JOINT["left_ankle"], 2] - 0.039 * 1.80  # height of the ankle, Drillis & Contini
    eyes = (face["left_eye"] + face["right_eye"]) / 2
    ears = (face["left_ear"] + face["right_ear"]) / 2
    assert abs((eyes[2] - sole) / 1.80 - 0.936) < 0.01
    for part, distance in (("eye", 0.063), ("ear", 0.15)):
        gap = face[f"left_{part}"] - face[f"right_{part}"]
        np.testing.assert_allclose(gap, [0, distance * 1.80 / STATURE_M, 0], atol=3e-4)
    np.testing.assert_allclose(face["nose"] - ears, np.float32([0.115, 0, -0.015]) * 1.80 / 1.75, atol=1e-3)
    assert face["nose"][0] - pose[JOINT["head"], 0] > 0.1
    assert face["nose"][1] == pytest.approx(0, abs=1e-6)


@given(st.integers(0, 2**32 - 1))
def test_the_face_turns_and_moves_with_the_body(seed):
    pose, random = random_poses(seed), np.random.default_rng(seed)
    quaternion = random.normal(size=4)
    turn = oracles.quaternion_matrix(quaternion / np.linalg.norm(quaternion)).astype(np.float32)
    shift = random.normal(size=3).astype(np.float32)
    np.testing.assert_allclose(
        with_face(pose @ turn.T + shift), np.asarray(with_face(pose)) @ turn.T + shift, atol=1e-4
    )


def mirrored(pose, skeleton):
    return np.asarray(pose)[list(skeleton.mirrored)] * np.float32([-1, 1, 1])


@given(st.integers(0, 2**32 - 1))
def test_a_mirrored_body_has_the_mirrored_face(seed):
    pose = random_poses(seed)
    np.testing.assert_allclose(with_face(mirrored(pose, H36M_17)), mirrored(with_face(pose), BODY_22), atol=1e-5)


def degenerate():
    still = standing()
    side_on, headless = still.copy(), still.copy()
    side_on[JOINT["head"]] = side_on[JOINT["neck"]] + [0, 0.2, 0]  # the head along the shoulders
    headless[JOINT["head"]] = headless[JOINT["neck"]]
    shoulderless = still.copy()
    shoulderless[JOINT["left_shoulder"]] = shoulderless[JOINT["right_shoulder"]]
    return {"one point": 0 * still, "side on": side_on, "headless": headless, "shoulderless": shoulderless}


@pytest.mark.parametrize("name", [*degenerate()])
def test_values_and_gradients_are_finite(name):
    pose = degenerate()[name]
    assert np.isfinite(with_face(pose)).all()
    assert np.isfinite(gradient_of(pose)).all()


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match="17"):
        add_face(np.zeros((4, 22, 3), np.float32))
