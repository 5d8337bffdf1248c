"""Geometry of poses against loops, invariances, and gradients at the singular points."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import oracles
from hypothesis import given
from hypothesis import strategies as st

from jaxpose import kinematics
from jaxpose.rotations import quaternion_from_axis_angle, rotate
from jaxpose.skeleton import COCO_17, H36M_17, H36M_32, HUMANEVA_15

pytestmark = pytest.mark.usefixtures("compiled_soon")

seeds = st.integers(0, 2**31 - 1)
skeletons = pytest.mark.parametrize("skeleton", [H36M_17, H36M_32, COCO_17, HUMANEVA_15], ids=lambda s: s.name)


def poses(seed, skeleton, *shape):
    return jnp.asarray(np.random.default_rng(seed).normal(size=(*shape, skeleton.num_joints, 3)), jnp.float32)


def local_rotations(seed, skeleton, *shape):
    vectors = np.random.default_rng(seed).normal(size=(*shape, skeleton.num_joints, 3))
    return quaternion_from_axis_angle(jnp.asarray(vectors, jnp.float32))


@skeletons
def test_bones_against_a_loop(skeleton):
    pose = np.asarray(poses(0, skeleton))
    vectors = [pose[child] - pose[parent] for child, parent in enumerate(skeleton.parents) if parent >= 0]
    np.testing.assert_allclose(kinematics.bone_vectors(pose, skeleton), vectors, rtol=1e-6)
    np.testing.assert_allclose(kinematics.bone_lengths(pose, skeleton), np.linalg.norm(vectors, axis=1), rtol=1e-6)


@skeletons
def test_angles_against_arccos_in_float64(skeleton):
    pose = np.asarray(poses(1, skeleton), np.float64)
    expected = []
    for angle in skeleton.angles:
        a, b = (pose[angle.joints[end]] - pose[angle.joints[1]] for end in (0, 2))
        expected.append(np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b)))
    np.testing.assert_allclose(kinematics.joint_angles(jnp.asarray(pose, jnp.float32), skeleton), expected, atol=1e-5)


def test_a_straight_leg_is_pi():
    pose = jnp.zeros((17, 3)).at[1:4].set(jnp.asarray([[0, 0, 0.9], [0, 0, 0.5], [0, 0, 0.1]]))
    names = [angle.name for angle in H36M_17.angles]
    assert kinematics.joint_angles(pose, H36M_17)[names.index("right_knee")] == pytest.approx(np.pi)


@given(seed=seeds)
def test_angles_and_lengths_ignore_rigid_motion(seed):
    pose = poses(seed, H36M_17)
    turn = quaternion_from_axis_angle(jnp.asarray(np.random.default_rng(seed).normal(size=3), jnp.float32))
    moved = rotate(turn, pose) + jnp.asarray([1.0, -2, 3])
    for quantity in (kinematics.joint_angles, kinematics.bone_lengths):
        np.testing.assert_allclose(quantity(moved, H36M_17), quantity(pose, H36M_17), atol=2e-5)


@skeletons
@pytest.mark.parametrize("channels", [2, 3])
def test_mirroring_twice_is_the_identity(skeleton, channels):
    points = poses(2, skeleton, 5)[..., :channels]
    mirrored = kinematics.mirror(points, skeleton)
    np.testing.assert_array_equal(kinematics.mirror(mirrored, skeleton), points)
    np.testing.assert_array_equal(mirrored[..., 0], -points[..., list(skeleton.mirrored), 0])
    np.testing.assert_array_equal(mirrored[..., 1:], points[..., list(skeleton.mirrored), 1:])


def test_mirroring_swaps_left_and_right_angles():
    pose = poses(3, H36M_17)
    angles = dict(zip([a.name for a in H36M_17.angles], kinematics.joint_angles(pose, H36M_17), strict=True))
    mirrored = kinematics.joint_angles(kinematics.mirror(pose, H36M_17), H36M_17)
    swapped = dict(zip([a.name for a in H36M_17.angles], mirrored, strict=True))
    assert swapped["left_knee"] == pytest.approx(angles["right_knee"])
    assert swapped["spine"] == pytest.approx(angles["spine"])


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_differences_of_a_polynomial(order):
    t = np.arange(8.0)
    track = jnp.asarray(np.broadcast_to((t**order)[:, None, None], (8, 17, 3)))
    difference = kinematics.finite_difference(track, order)
    assert difference.shape == (8 - order, 17, 3)
    np.testing.assert_allclose(difference, [1, 1, 2, 6][order])


@skeletons
def test_forward_kinematics_against_matrices(skeleton):
    offsets, rotations = poses(4, skeleton), local_rotations(5, skeleton)
    root = jnp.asarray([0.5, 1.0, -2.0])
    expected = oracles.forward_kinematics(rotations, offsets, root, skeleton.parents)
    np.testing.assert_allclose(
        kinematics.forward_kinematics(rotations, offsets, root, skeleton), expected, rtol=1e-4, atol=1e-4
    )


def test_forward_kinematics_keeps_bone_lengths_and_broadcasts():
    offsets, rotations = poses(6, H36M_17), local_rotations(7, H36M_17, 4)
    positions = kinematics.forward_kinematics(rotations, offsets, jnp.zeros((4, 3)), H36M_17)
    assert positions.shape == (4, 17, 3)
    lengths = np.linalg.norm(offsets[1:], axis=-1)
    np.testing.assert_allclose(kinematics.bone_lengths(positions, H36M_17), np.tile(lengths, (4, 1)), rtol=1e-4)


def test_identity_rotations_give_the_rest_pose():
    offsets = poses(8, H36M_17)
    identity = jnp.tile(jnp.asarray([1.0, 0, 0, 0]), (17, 1))
    rest = kinematics.forward_kinematics(identity, offsets, jnp.zeros(3), H36M_17)
    np.testing.assert_allclose(kinematics.bone_vectors(rest, H36M_17), offsets[1:], atol=1e-5)


@skeletons
@pytest.mark.parametrize("case", ["collapsed", "straight", "random", "tiny"])
def test_gradients_are_finite_at_singular_points(skeleton, case):
    line = jnp.arange(skeleton.num_joints)[:, None] * jnp.asarray([1.0, 0, 0])
    pose = {
        "collapsed": jnp.ones_like(line), "straight": line, "random": poses(9, skeleton), "tiny": 1e-15 * line
    }[case]  # fmt: skip
    for quantity in (kinematics.joint_angles, kinematics.bone_lengths):
        chex.assert_tree_all_finite(jax.jit(jax.grad(lambda p, q=quantity: jnp.sum(q(p, skeleton) ** 2)))(pose))


def test_gradients_agree_with_finite_differences(x64):
    pose = jnp.asarray(poses(10, H36M_17), jnp.float64)
    rotations = jnp.asarray(local_rotations(11, H36M_17), jnp.float64)
    for function, arguments in (
        (lambda p: kinematics.joint_angles(p, H36M_17), (pose,)),
        (lambda p: kinematics.bone_lengths(p, H36M_17), (pose,)),
        (lambda r, o: kinematics.forward_kinematics(r, o, jnp.zeros(3), H36M_17), (rotations, pose)),
    ):
        chex.assert_numerical_grads(jax.jit(function), arguments, order=1)


def test_works_under_jit_vmap_and_any_leading_axes():
    batch = poses(12, H36M_17, 2, 3)
    direct = kinematics.joint_angles(batch, H36M_17)
    mapped = jax.jit(jax.vmap(jax.vmap(lambda p: kinematics.joint_angles(p, H36M_17))))(batch)
    assert direct.shape == (2, 3, 10)
    np.testing.assert_allclose(direct, mapped, atol=1e-6)


def test_root_relative_poses_have_their_root_at_zero():
    batch = poses(13, H36M_17, 5)
    relative = kinematics.root_relative(batch)
    np.testing.assert_array_equal(relative[:, 0], 0)
    np.testing.assert_allclose(relative[:, 3] - relative[:, 2], batch[:, 3] - batch[:, 2], atol=1e-6)


@pytest.mark.parametrize("function", [kinematics.joint_angles, kinematics.bone_lengths, kinematics.mirror])
def test_a_pose_of_another_skeleton_is_refused(function):
    with pytest.raises(AssertionError):
        function(jnp.zeros((16, 3)), H36M_17)
