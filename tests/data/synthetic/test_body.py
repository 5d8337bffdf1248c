"""The bodies, their poses by joint angles, and their contact with the floor."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxpose.data.synthetic.body import bone_offsets, ground_contact, pose_body
from jaxpose.data.synthetic.generate import SUBJECTS
from jaxpose.data.synthetic.scripts import ANGLES
from jaxpose.kinematics import bone_lengths
from jaxpose.skeleton import H36M_17

pytestmark = pytest.mark.usefixtures("compiled_soon")
pose = jax.jit(pose_body)


def test_bodies_are_upright_symmetric_and_differ():
    bodies = np.stack([bone_offsets(subject) for subject in SUBJECTS])
    assert bodies.dtype == np.float32
    assert (bodies[:, H36M_17.index("left_hip"), 1] > 0).all()
    np.testing.assert_allclose(bodies[:, H36M_17.left] * [1, -1, 1], bodies[:, H36M_17.right], atol=1e-6)
    lengths = np.linalg.norm(bodies, axis=-1)
    assert all((abs(a - b) > 0.01).any() for i, a in enumerate(lengths) for b in lengths[:i])


def test_positions_have_a_finite_gradient_in_the_body():
    angles = np.zeros((3, len(ANGLES)), np.float32)

    def height(offsets):
        return jnp.sum(ground_contact(pose(angles, offsets), jnp.ones(3), jnp.zeros_like)[..., 2])

    gradient = np.asarray(jax.jit(jax.grad(height))(bone_offsets("S1")))
    assert np.isfinite(gradient).all()
    assert gradient[H36M_17.index("head"), 2] == pytest.approx(3)  # a longer head, in three frames


def test_a_body_without_angles_is_the_body_at_rest():
    offsets = bone_offsets("S9")
    at_rest = np.asarray(pose(np.zeros((3, len(ANGLES)), np.float32), offsets))[0, : H36M_17.num_joints]
    expected = np.zeros_like(offsets)
    for joint, parent in enumerate(H36M_17.parents[1:], start=1):
        expected[joint] = expected[parent] + offsets[joint]
    np.testing.assert_allclose(at_rest, expected, atol=1e-6)


def test_any_angles_leave_the_bones_as_long_as_they_are():
    offsets = bone_offsets("S5")
    angles = np.random.default_rng(0).uniform(-90, 90, (50, len(ANGLES))).astype(np.float32)
    lengths = jax.jit(lambda: bone_lengths(pose(angles, offsets)[:, : H36M_17.num_joints], H36M_17))()
    expected = np.linalg.norm(offsets[1:], axis=-1)
    np.testing.assert_allclose(lengths, np.broadcast_to(expected, lengths.shape), atol=1e-5)


@pytest.mark.parametrize(("angle", "joint", "axis"), [
    ("left_hip_flexion", "left_knee", 0), ("right_hip_flexion", "right_knee", 0),
    ("left_hip_abduction", "left_knee", 1), ("left_shoulder_flexion", "left_wrist", 0),
    ("left_shoulder_abduction", "left_wrist", 1), ("spine_bend", "head", 0), ("spine_side", "head", 1),
])  # fmt: skip
def test_positive_angles_lead_where_the_tables_say(angle, joint, axis):
    angles = np.zeros((3, len(ANGLES)), np.float32)
    angles[1, ANGLES.index(angle)] = 20
    still, moved, _ = np.asarray(pose(angles, bone_offsets("S1")))[:, H36M_17.index(joint), axis]
    assert moved > still + 0.05


def test_a_body_is_carried_to_the_floor_from_any_height():
    points = np.asarray(pose(np.zeros((3, len(ANGLES)), np.float32), bone_offsets("S1")))
    stand = jax.jit(lambda points: ground_contact(points, jnp.zeros(3), jnp.zeros_like))
    low, high = (np.asarray(stand(points + np.float32([0, 0, lift]))) for lift in (0, 2))
    np.testing.assert_allclose(low, high, atol=1e-5)
    assert (low[..., 2] > 0).all()
