"""Inverse kinematics: round trips, optimality, continuity, and poses that do not determine a rotation."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import oracles
from hypothesis import given
from hypothesis import strategies as st

from jaxpose import inverse_kinematics as ik
from jaxpose.skeleton import COCO_17, H36M_17, Skeleton

pytestmark = pytest.mark.usefixtures("compiled_soon")
seeds = st.integers(0, 2**31 - 1)
POINT = Skeleton("point", ("a",), (-1,))
CHAIN = Skeleton("chain", ("a", "b", "c"), (-1, 0, 1))
FORK = Skeleton("fork", ("a", "b", "c", "d", "e"), (-1, 0, 0, 0, 3))
solve = jax.jit(ik.inverse_kinematics, static_argnames="skeleton")
mean_lengths = jax.jit(ik.mean_lengths, static_argnames="skeleton")
symmetric_lengths = jax.jit(ik.symmetric_lengths, static_argnames="skeleton")
rest_offsets = jax.jit(ik.rest_offsets, static_argnames="skeleton")


def random_rotations(random, *shape):
    q = random.normal(size=(*shape, 4))
    return q / np.linalg.norm(q, axis=-1, keepdims=True)


def pose(rotations, offsets, skeleton, root=(0, 0, 0)):
    return np.array([oracles.forward_kinematics(frame, offsets, root, skeleton.parents) for frame in rotations])


def solved(positions, offsets, skeleton):
    """Rotations of up to 50 poses; all poses of a skeleton share one program."""
    poses = np.zeros((50, *positions.shape[1:]), np.float32)
    poses[: len(positions)] = positions
    return np.asarray(solve(poses, np.float32(offsets), skeleton=skeleton), np.float64)[: len(positions)]


def random_offsets(random, skeleton):
    offsets = random.normal(size=(skeleton.num_joints, 3)) * 0.4
    offsets[np.array(skeleton.parents) < 0] = 0
    return offsets


@given(seed=seeds, angle=st.sampled_from([0.0, 1e-4, 0.3, 3.0, np.pi]))
def test_rotations_give_the_positions_back(seed, angle):
    """Also for rotations by small angles and by 180°."""
    random = np.random.default_rng(seed)
    offsets = random_offsets(random, H36M_17)
    axes = random_rotations(random, 3, 17)
    if angle:
        axes = axes[..., 1:] / np.linalg.norm(axes[..., 1:], axis=-1, keepdims=True)
        axes = np.concatenate([np.full((3, 17, 1), np.cos(angle / 2)), np.sin(angle / 2) * axes], axis=-1)
    expected = pose(axes, offsets, H36M_17)
    rotations = solved(expected, offsets, H36M_17)
    np.testing.assert_allclose(np.linalg.norm(rotations, axis=-1), 1, atol=1e-6)
    np.testing.assert_allclose(pose(rotations, offsets, H36M_17), expected, atol=1e-5)


@given(seed=seeds)
def test_split_branches_point_every_bone_of_any_pose(seed):
    random = np.random.default_rng(seed)
    skeleton, sources = ik.split_branches(H36M_17)
    positions = random.normal(size=(3, 17, 3))
    offsets = random_offsets(random, H36M_17)[list(sources)]
    offsets[[sources[parent] == source for parent, source in zip(skeleton.parents, sources, strict=True)]] = 0
    posed = pose(solved(positions[:, sources], offsets, skeleton), offsets, skeleton)
    posed = posed[:, [sources.index(joint) for joint in range(17)]]
    for joint, parent in zip(range(1, 17), H36M_17.parents[1:], strict=True):
        bone, expected = (p[:, joint] - p[:, parent] for p in (posed, positions))
        expected *= np.linalg.norm(bone, axis=-1, keepdims=True) / np.linalg.norm(expected, axis=-1, keepdims=True)
        np.testing.assert_allclose(bone, expected, atol=1e-5)


def test_joints_that_coincide():
    random = np.random.default_rng(0)
    offsets = random_offsets(random, H36M_17)
    offsets[[7, 11, 14, 2]] = 0  # one of three bones, two of three, the only one
    expected = pose(random_rotations(random, 4, 17), offsets, H36M_17, root=(1, -2, 3))
    rotations = solved(expected, offsets, H36M_17)
    np.testing.assert_allclose(pose(rotations, offsets, H36M_17, root=(1, -2, 3)), expected, atol=1e-5)


def test_the_rotation_of_a_branch_is_the_best_of_all_rotations():
    random = np.random.default_rng(1)
    offsets, positions = random_offsets(random, FORK), random.normal(size=(1, 5, 3))
    positions -= positions[:, :1]

    def misfit(rotation):
        return ((positions[0, :4] - pose(rotation[None], offsets, FORK)[0, :4]) ** 2).sum()

    best = solved(positions, offsets, FORK)[0]
    others = [best + 0.1 * random.normal(size=best.shape) for _ in range(200)]
    others = [other / np.linalg.norm(other, axis=-1, keepdims=True) for other in others]
    assert misfit(best) < min(map(misfit, others))


def test_the_twist_is_the_least():
    """A straight limb has no twist about itself; a bone takes the twist of its parent."""
    identity, limb, hips = [1, 0, 0, 0], np.zeros((5, 3)), np.zeros((5, 3))
    limb[[3, 4]] = [0, 1, 0]  # only one branch of FORK has a length
    straight = np.zeros((1, 5, 3))
    straight[0, [3, 4], 0] = [1, 2]
    shoulder, *_, elbow, wrist = solved(straight, limb, FORK)[0]
    np.testing.assert_allclose(shoulder, np.sqrt(0.5) * np.array([1, 0, 0, -1]), atol=1e-6)  # about -z
    np.testing.assert_allclose([elbow, wrist], [identity, identity], atol=1e-6)
    hips[[1, 2], 0] = [1, -1]  # on a line: they do not determine the rotation about it
    np.testing.assert_allclose(solved(hips[None], hips, FORK)[0], [identity] * 5, atol=1e-6)
    pelvis = solved(hips[None][..., [1, 0, 2]], hips, FORK)[0, 0]
    np.testing.assert_allclose(pelvis, np.sqrt(0.5) * np.array([1, 0, 0, 1]), atol=1e-6)  # about z


def test_rotations_are_continuous_in_time():
    random = np.random.default_rng(2)
    offsets = random_offsets(random, H36M_17)
    time = np.linspace(0, 1, 50)[:, None, None]
    vectors = 0.8 * np.sin(2 * np.pi * (time + random.uniform(size=(1, 17, 3))))  # all angles below 90°
    angle = np.linalg.norm(vectors, axis=-1, keepdims=True)
    given = np.concatenate([np.cos(angle / 2), np.sin(angle / 2) * vectors / angle], axis=-1)
    rotations = solved(pose(given, offsets, H36M_17), offsets, H36M_17)
    leaves = [joint for joint in range(17) if joint not in H36M_17.parents]
    np.testing.assert_array_equal(rotations[:, leaves], np.tile([1, 0, 0, 0], (50, len(leaves), 1)))
    assert np.abs(np.diff(rotations, axis=0)).max() < 3 * np.abs(np.diff(given, axis=0)).max()


@pytest.mark.slow
def test_singular_poses_have_rotations_and_gradients(x64):
    random = np.random.default_rng(3)
    offsets = random_offsets(random, FORK)
    rest = oracles.forward_kinematics([[1, 0, 0, 0]] * len(offsets), offsets, 0, FORK.parents)
    line = np.arange(FORK.num_joints)[:, None] * np.array([1.0, 0, 0])
    weights = random.normal(size=(FORK.num_joints, 4))

    def total(positions, offsets):
        rotations = ik.inverse_kinematics(positions, offsets, FORK)
        return jnp.sum(weights * rotations), rotations

    gradients = jax.jit(jax.vmap(jax.value_and_grad(total, argnums=(0, 1), has_aux=True), in_axes=(0, None)))
    pose, step = random.normal(size=(2, *rest.shape))
    step *= 1e-6
    poses = np.array([pose, pose - step, pose + step, 0 * rest, line, -rest, rest])
    (totals, rotations), (slopes, _) = result = gradients(poses, offsets)
    chex.assert_tree_all_finite(result)
    np.testing.assert_allclose(np.linalg.norm(rotations, axis=-1), 1, atol=1e-9)
    np.testing.assert_allclose(np.vdot(slopes[0], 2 * step), totals[2] - totals[1], rtol=1e-4, atol=1e-15)


def test_lengths_of_the_mean_skeleton():
    random = np.random.default_rng(5)
    positions = random.normal(size=(9, 17, 3))
    positions[2, 3] = np.nan  # a missing ankle, and an outlier
    positions[4] *= 1e6
    expected = []
    for parent, child in H36M_17.bones:
        lengths = sorted(
            np.linalg.norm(frame[child] - frame[parent])
            for frame in positions
            if not np.isnan([frame[child], frame[parent]]).any()
        )
        expected.append((lengths[(len(lengths) - 1) // 2] + lengths[len(lengths) // 2]) / 2)
    lengths = mean_lengths(np.float32(positions), H36M_17)
    np.testing.assert_allclose(lengths, expected, rtol=1e-5)
    symmetric = np.asarray(symmetric_lengths(lengths, H36M_17))
    sides = {joint: length for (_, joint), length in zip(H36M_17.bones, symmetric, strict=True)}
    given = {joint: length for (_, joint), length in zip(H36M_17.bones, expected, strict=True)}
    for left, right in zip(H36M_17.left, H36M_17.right, strict=True):
        np.testing.assert_allclose([sides[left], sides[right]], (given[left] + given[right]) / 2, rtol=1e-5)
    np.testing.assert_allclose(sides[8], given[8], rtol=1e-5)
    directions = np.tile([0.0, 0.6, 0.8], (16, 1))
    offsets = np.asarray(rest_offsets(np.float32(directions), lengths, H36M_17))
    np.testing.assert_allclose(offsets[1:], np.outer(expected, [0, 0.6, 0.8]), rtol=1e-5)
    np.testing.assert_array_equal(offsets[0], 0)


def test_lengths_are_those_of_each_track():
    """Of a batch, too; the median is over time, never over the batch."""
    tracks = np.random.default_rng(0).normal(size=(2, 3, 5, 17, 3)).astype(np.float32)
    lengths = np.asarray(mean_lengths(tracks, H36M_17))
    assert lengths.shape == (2, 3, 16)
    np.testing.assert_allclose(lengths[1, 2], mean_lengths(tracks[1, 2], H36M_17), rtol=1e-6)
    with pytest.raises(ValueError, match=r"`positions` has shape \(17, 3\), but poses are \(..., T, J, 3\)"):
        ik.mean_lengths(tracks[0, 0, 0], H36M_17)


def test_links_have_a_length_but_no_offset():
    """COCO's widths of shoulders and hips are not parts of the tree that rotations move."""
    positions = np.random.default_rng(0).normal(size=(5, 17, 3)).astype(np.float32)
    lengths = np.asarray(mean_lengths(positions, COCO_17))
    hips = np.median(np.linalg.norm(positions[:, 11] - positions[:, 12], axis=-1))
    np.testing.assert_allclose(lengths[-1], hips, rtol=1e-6)
    directions = np.tile(np.float32([0, 0.6, 0.8]), (len(COCO_17.bones), 1))
    offsets = np.asarray(rest_offsets(directions, lengths, COCO_17))
    for (_, child), length in zip(COCO_17.tree_bones, lengths, strict=False):
        np.testing.assert_allclose(offsets[child], length * directions[0], rtol=1e-6)
    np.testing.assert_array_equal(offsets[[0, 5, 6]], 0)
    rotations = solve(positions, offsets, COCO_17)
    for frame, pose in zip(np.asarray(rotations), positions, strict=True):
        moved = oracles.forward_kinematics(frame, offsets, 0, COCO_17.parents)
        for parent, child in ((7, 9), (11, 13), (14, 16)):
            bone, wanted = moved[child] - moved[parent], pose[child] - pose[parent]
            np.testing.assert_allclose(bone / np.linalg.norm(bone), wanted / np.linalg.norm(wanted), atol=1e-4)


def test_split_branches():
    skeleton, sources = ik.split_branches(H36M_17)
    assert [name for name in skeleton.joints if "_to_" in name] == [
        "pelvis_to_right_hip", "pelvis_to_left_hip", "pelvis_to_spine",
        "thorax_to_neck", "thorax_to_left_shoulder", "thorax_to_right_shoulder",
    ]  # fmt: skip
    for joint, parent in enumerate(skeleton.parents):
        if "_to_" in skeleton.joints[joint]:
            assert sources[joint] == sources[parent]
            assert skeleton.parents.count(joint) == 1
        elif joint:
            assert skeleton.joints[joint] == H36M_17.joints[sources[joint]]
            assert H36M_17.parents[sources[joint]] == sources[parent]
    names = [[skeleton.joints[joint] for joint in side] for side in (skeleton.left, skeleton.right)]
    assert names == [[H36M_17.joints[joint] for joint in side] for side in (H36M_17.left, H36M_17.right)]
    for one in (POINT, CHAIN):
        same, sources = ik.split_branches(one)
        assert (same.joints, same.parents, sources) == (one.joints, one.parents, tuple(range(one.num_joints)))
