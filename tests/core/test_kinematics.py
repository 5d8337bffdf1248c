"""Geometry of poses against loops in float64, invariances, and gradients at the singular points."""

import functools
import itertools

import chex
import jax
import numpy as np
import pytest
from helpers import oracles
from helpers.derivatives import assert_derivatives_agree
from hypothesis import given
from hypothesis import strategies as st

from jaxpose import kinematics
from jaxpose.skeleton import COCO_17, H36M_17, H36M_32, HUMANEVA_15, Skeleton

pytestmark = pytest.mark.usefixtures("compiled_soon")

seeds = st.integers(0, 2**31 - 1)
skeletons = pytest.mark.parametrize("skeleton", [H36M_17, H36M_32, COCO_17, HUMANEVA_15], ids=lambda s: s.name)
FORK = Skeleton("fork", ("a", "b", "c", "d", "e"), (-1, 0, 0, 1, 3))
NAMES = [angle.name for angle in H36M_17.angles]

static_skeleton = functools.partial(jax.jit, static_argnames="skeleton")
bone_vectors, bone_lengths = static_skeleton(kinematics.bone_vectors), static_skeleton(kinematics.bone_lengths)
joint_angles, mirror = static_skeleton(kinematics.joint_angles), static_skeleton(kinematics.mirror)
forward_kinematics = static_skeleton(kinematics.forward_kinematics)


def poses(seed, skeleton, *shape):
    return np.random.default_rng(seed).normal(size=(*shape, skeleton.num_joints, 3)).astype(np.float32)


def local_rotations(seed, skeleton, *shape):
    q = np.random.default_rng(seed).normal(size=(*shape, skeleton.num_joints, 4))
    return (q / np.linalg.norm(q, axis=-1, keepdims=True)).astype(np.float32)


@skeletons
def test_bones_agree_with_a_loop(skeleton):
    pose = poses(0, skeleton)
    vectors = [pose[child] - pose[parent] for child, parent in enumerate(skeleton.parents) if parent >= 0]
    vectors += [pose[6] - pose[5], pose[12] - pose[11]] if skeleton is COCO_17 else []  # shoulders, hips
    np.testing.assert_allclose(bone_vectors(pose, skeleton), vectors, rtol=1e-6)
    np.testing.assert_allclose(bone_lengths(pose, skeleton), np.linalg.norm(vectors, axis=1), rtol=1e-6)


@skeletons
def test_angles_agree_with_arccos_in_float64(skeleton):
    pose = poses(1, skeleton)
    expected = []
    for angle in skeleton.angles:
        a, b = (np.float64(pose[angle.joints[end]]) - pose[angle.joints[1]] for end in (0, 2))
        expected.append(np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b)))
    np.testing.assert_allclose(joint_angles(pose, skeleton), expected, atol=1e-5)


def test_a_straight_leg_is_pi():
    pose = np.zeros((17, 3), np.float32)
    pose[1:4] = [[0, 0, 0.9], [0, 0, 0.5], [0, 0, 0.1]]
    assert np.asarray(joint_angles(pose, H36M_17))[NAMES.index("right_knee")] == pytest.approx(np.pi)


@given(seed=seeds)
def test_angles_and_lengths_ignore_rigid_motion(seed):
    pose = poses(seed, H36M_17)
    rotation = oracles.quaternion_matrix(np.float64(local_rotations(seed, H36M_17)[0]))
    moved = (pose @ rotation.T + [1, -2, 3]).astype(np.float32)
    for quantity in (joint_angles, bone_lengths):
        np.testing.assert_allclose(quantity(moved, H36M_17), quantity(pose, H36M_17), atol=2e-5)


@skeletons
@pytest.mark.parametrize("channels", [2, 3])
def test_mirroring_twice_is_the_identity(skeleton, channels):
    points = poses(2, skeleton, 5)[..., :channels]
    mirrored = np.asarray(mirror(points, skeleton))
    np.testing.assert_array_equal(mirror(mirrored, skeleton), points)
    np.testing.assert_array_equal(mirrored[..., 0], -points[..., list(skeleton.mirrored), 0])
    np.testing.assert_array_equal(mirrored[..., 1:], points[..., list(skeleton.mirrored), 1:])


def test_mirroring_swaps_left_and_right_angles():
    pose = poses(3, H36M_17)
    angles = dict(zip(NAMES, np.asarray(joint_angles(pose, H36M_17)), strict=True))
    swapped = dict(zip(NAMES, np.asarray(joint_angles(mirror(pose, H36M_17), H36M_17)), strict=True))
    assert swapped["left_knee"] == pytest.approx(angles["right_knee"])
    assert swapped["spine"] == pytest.approx(angles["spine"])


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_differences_of_a_polynomial(order):
    track = np.broadcast_to(np.arange(8, dtype=np.float32)[:, None, None] ** order, (8, 17, 3))
    difference = jax.jit(kinematics.finite_difference, static_argnums=1)(track, order)
    assert difference.shape == (8 - order, 17, 3)
    np.testing.assert_allclose(difference, [1, 1, 2, 6][order])


@pytest.mark.parametrize(("shape", "axis"), [((2, 5, 17, 3), -3), ((2, 5, 10), -2), ((5, 10), -2), ((2, 5, 17, 2), -3)])
def test_differences_are_along_time_alone(shape, axis):
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    frames = np.moveaxis(np.float64(x), axis, 0)
    expected = np.moveaxis(np.array([b - a for a, b in itertools.pairwise(frames)]), 0, axis)
    np.testing.assert_allclose(kinematics.finite_difference(x, 1, axis=axis), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("shape", [(5, 10), (2, 5, 10), (51,), (5, 3, 17)])
def test_differences_of_what_cannot_be_poses_need_an_axis(shape):
    with pytest.raises(ValueError, match=r"with time on axis -3; for quantities per frame, .* give axis=-2"):
        kinematics.finite_difference(np.zeros(shape), 1)


@pytest.mark.parametrize("shape", [(5, 51), (5, 3, 17), (5, 16, 3), (3,)])
def test_what_cannot_be_poses_is_refused(shape):
    for function in (kinematics.bone_vectors, kinematics.joint_angles, kinematics.range_of_motion_violation):
        with pytest.raises(ValueError, match=r"`positions` has shape .*, but poses are \(..., J, 3\).* 17 for h36m_17"):
            jax.eval_shape(functools.partial(function, skeleton=H36M_17), jax.ShapeDtypeStruct(shape, np.float32))


@pytest.mark.parametrize("kind", ["bfloat16", "float16", "int32"])
def test_small_numbers_are_computed_in_float32(kind):
    pose, rotations, root = (jax.ShapeDtypeStruct(shape, kind) for shape in ((17, 3), (17, 4), (3,)))
    for name in ("bone_vectors", "bone_lengths", "joint_angles", "symmetry_differences", "range_of_motion_violation"):
        assert jax.eval_shape(functools.partial(getattr(kinematics, name), skeleton=H36M_17), pose).dtype == np.float32
    moved = functools.partial(kinematics.forward_kinematics, skeleton=H36M_17)
    assert jax.eval_shape(moved, rotations, pose, root).dtype == np.float32
    track = jax.ShapeDtypeStruct((4, 17, 3), kind)
    assert jax.eval_shape(lambda x: kinematics.finite_difference(x, 1), track).dtype == np.float32


@skeletons
def test_forward_kinematics_agrees_with_matrices(skeleton):
    offsets, rotations = poses(4, skeleton), local_rotations(5, skeleton)
    root = np.float32([0.5, 1, -2])
    expected = oracles.forward_kinematics(rotations, offsets, root, skeleton.parents)
    np.testing.assert_allclose(forward_kinematics(rotations, offsets, root, skeleton), expected, rtol=1e-4, atol=1e-4)


def test_forward_kinematics_keeps_bone_lengths_and_broadcasts():
    offsets, rotations = poses(6, H36M_17), local_rotations(7, H36M_17, 4)
    positions = forward_kinematics(rotations, offsets, np.zeros((4, 3), np.float32), H36M_17)
    assert positions.shape == (4, 17, 3)
    lengths = np.linalg.norm(offsets[1:], axis=-1)
    np.testing.assert_allclose(bone_lengths(positions, H36M_17), np.tile(lengths, (4, 1)), rtol=1e-4)


def test_identity_rotations_give_the_rest_pose():
    offsets, identity = poses(8, H36M_17), np.tile(np.float32([1, 0, 0, 0]), (4, 17, 1))
    rest = forward_kinematics(identity, offsets, np.zeros((4, 3), np.float32), H36M_17)
    np.testing.assert_allclose(bone_vectors(rest, H36M_17), np.tile(offsets[1:], (4, 1, 1)), atol=1e-5)


@functools.partial(jax.jit, static_argnames="skeleton")
def gradients(pose, skeleton):
    """Of the sum of squares of angles and of lengths."""
    quantities = (kinematics.joint_angles, kinematics.bone_lengths)
    return [jax.grad(lambda p, q=quantity: (q(p, skeleton) ** 2).sum())(pose) for quantity in quantities]


@skeletons
@pytest.mark.parametrize("case", ["collapsed", "straight", "random", "tiny"])
def test_gradients_are_finite_at_singular_points(skeleton, case):
    line = np.arange(skeleton.num_joints, dtype=np.float32)[:, None] * np.float32([1, 0, 0])
    tiny = np.float32(1e-15) * line
    pose = {"collapsed": np.ones_like(line), "straight": line, "random": poses(9, skeleton), "tiny": tiny}[case]
    chex.assert_tree_all_finite(gradients(pose, skeleton))


def test_gradients_agree_with_finite_differences(x64):
    pose = poses(10, H36M_17)
    assert_derivatives_agree(lambda p: kinematics.joint_angles(p, H36M_17), pose)
    assert_derivatives_agree(lambda p: kinematics.bone_lengths(p, H36M_17), pose)
    root, rotations, offsets = np.zeros(3), local_rotations(11, FORK), poses(12, FORK)
    assert_derivatives_agree(lambda r, o: kinematics.forward_kinematics(r, o, root, FORK), rotations, offsets)


def test_leading_axes_are_those_of_vmap():
    batch = poses(12, H36M_17, 2, 3)
    direct = joint_angles(batch, H36M_17)
    mapped = jax.jit(jax.vmap(jax.vmap(lambda pose: kinematics.joint_angles(pose, H36M_17))))(batch)
    assert direct.shape == (2, 3, 10)
    np.testing.assert_allclose(direct, mapped, atol=1e-6)


def test_root_relative_poses_have_their_root_at_zero():
    batch = poses(13, H36M_17, 5)
    relative = np.asarray(jax.jit(kinematics.root_relative)(batch))
    np.testing.assert_array_equal(relative[:, 0], 0)
    np.testing.assert_allclose(relative[:, 3] - relative[:, 2], batch[:, 3] - batch[:, 2], atol=1e-6)


@pytest.mark.parametrize("function", [kinematics.joint_angles, kinematics.bone_lengths, kinematics.mirror])
def test_a_pose_of_another_skeleton_is_refused(function):
    with pytest.raises(ValueError, match=r"`positions` has shape \(16, 3\), but .* 17"):
        function(np.zeros((16, 3)), H36M_17)
