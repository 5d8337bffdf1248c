"""Stretched bodies against a walk over the tree in NumPy and float64, and their factors against their distribution."""

import functools

import jax
import numpy as np
import pytest
from helpers.augmented import KEY, LENGTHS, RANGES, apply, gather, in_world, packed, projected, transformed
from helpers.samples import DESCRIPTION, make_track
from scipy import stats

from jaxpose.data import windows
from jaxpose.data.augmentation.bodies import body, bone_groups, draw_stretches, stretch_bodies
from jaxpose.data.augmentation.settings import Augmentation
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import CMU_31, COCO_17, H36M_16, H36M_17, H36M_32, HUMANEVA_15, Skeleton

BODY = body(DESCRIPTION, RANGES)
LEGS = [2, 3, 5, 6]  # where thighs and shins end
FACE = Skeleton(
    "face",
    (*H36M_17.joints, "nose", "left_eye", "right_eye", "left_ear", "right_ear"),
    (*H36M_17.parents, 9, 9, 9, 9, 9),
    (*H36M_17.left, 18, 20),
    (*H36M_17.right, 19, 21),
)


def walked(world, factors, parents, centre, path):
    """World positions (T, J, 3) of the stretched body, joint by joint and frame by frame."""
    new = np.zeros_like(world)
    for frame, pose in enumerate(world):
        x, y, z = pose[0]
        new[frame, 0] = centre[0] + path * (x - centre[0]), centre[1] + path * (y - centre[1]), z
        for joint in range(1, len(parents)):
            parent = max(parents[joint], 0)
            new[frame, joint] = new[frame, parent] + factors[joint] * (pose[joint] - pose[parent])
        new[frame, :, 2] += pose[:, 2].min() - new[frame, :, 2].min()
    return new


@functools.partial(jax.jit, static_argnums=(2, 3))
def stretched(data, factors, skeleton=H36M_17, frames=3):
    starts = windows.window_starts(LENGTHS, frames)
    before = gather(data, starts, frames)
    return before, stretch_bodies(before, factors, skeleton, range(17))


def random_factors(count, joints=17):
    return np.random.default_rng(1).uniform(0.8, 1.2, (count, joints)).astype(np.float32)


@pytest.mark.parametrize("frames", [1, 3])
def test_bodies_are_stretched_along_their_bones_in_the_world(frames):
    count = len(windows.window_starts(LENGTHS, frames))
    factors = random_factors(count)
    before, after = jax.device_get(stretched(packed(), factors, H36M_17, frames))
    for row in range(count):
        world, new = (in_world(batch.positions[row], batch.camera, row) for batch in (before, after))
        centre = in_world(before.root[row, frames // 2], before.camera, row)
        expected = walked(
            world, np.float64(factors[row]), H36M_17.parents, centre, np.float64(factors[row, LEGS]).mean()
        )
        np.testing.assert_allclose(new, expected, atol=1e-5)
    rows, columns = np.nonzero(before.visible)
    outputs = after.positions[:, 4 : 4 + frames]
    absolute = after.poses + after.root[:, :, None]
    np.testing.assert_allclose(outputs[rows, columns], absolute[rows, columns], atol=3e-6)
    np.testing.assert_array_equal(after.poses[:, :, 0], 0)
    jax.tree.map(np.testing.assert_array_equal, after.camera, before.camera)


def test_a_detectors_error_keeps_its_proportion_to_the_person():
    count = len(windows.window_starts(LENGTHS, 3))
    before, after = jax.device_get(stretched(packed(noise=5), random_factors(count)))
    sizes = []
    for batch in (before, after):
        seen = [projected(batch.positions[row], lens) for row, lens in enumerate(batch.camera.intrinsics)]
        sizes.append((batch.keypoints[..., :2] - seen) * batch.positions[..., 2:])
    assert np.std(sizes[0]) > 0.02
    np.testing.assert_allclose(sizes[1], sizes[0], atol=5e-5)
    np.testing.assert_array_equal(after.keypoints[..., 2], before.keypoints[..., 2])


def test_a_keypoint_whose_joint_comes_too_near_loses_its_error():
    """There it could grow without limit."""
    data = jax.device_get(packed(noise=5))
    poses = data.poses.copy()
    poses[:, 3] = [0, 0, -4]
    root = np.zeros_like(data.root) + np.float32([0, 0, 4.11])
    count = len(windows.window_starts(LENGTHS, 3))
    data = data._replace(poses=poses, root=root)
    before, after = jax.device_get(stretched(data, np.full((count, 17), 1.02, np.float32)))
    seen = np.stack([projected(after.positions[row], lens) for row, lens in enumerate(after.camera.intrinsics)])
    error = np.abs(after.keypoints[..., :2] - seen)
    near = after.positions[..., 2] < 0.1
    assert near[..., 3].any()
    np.testing.assert_allclose(error[near] * after.positions[near][:, 2:] ** 2, 0, atol=1e-5)
    assert np.median(error[~near]) > 1e-3
    assert before.positions[..., 2].min() > 0.1


def test_feet_stay_near_the_floor_and_do_not_slide():
    """A body that is larger as a whole steps as much wider, and its lowest joint is as high as before."""
    count = len(windows.window_starts(LENGTHS, 3))
    before, after = jax.device_get(stretched(packed(), np.full((count, 17), 1.1, np.float32)))
    for row in range(count):
        world, new = (in_world(batch.positions[row], batch.camera, row) for batch in (before, after))
        np.testing.assert_allclose(new[..., 2].min(axis=-1), world[..., 2].min(axis=-1), atol=1e-5)
        steps = [np.diff(positions[..., :2], axis=0) for positions in (world, new)]
        np.testing.assert_allclose(steps[1], 1.1 * steps[0], atol=1e-5)


def test_without_knees_the_path_is_scaled_as_the_body_and_other_roots_hang_at_the_first():
    parents = (-1, *range(7), -1, *range(8, 16))
    tree = Skeleton("chains", tuple(f"joint {number}" for number in range(17)), parents)
    count = len(windows.window_starts(LENGTHS, 3))
    factors = random_factors(count)
    before, after = jax.device_get(stretched(packed(), factors, tree))
    for row in range(count):
        world, new = (in_world(batch.positions[row], batch.camera, row) for batch in (before, after))
        centre = in_world(before.root[row, 1], before.camera, row)
        expected = walked(world, np.float64(factors[row]), parents, centre, np.float64(factors[row, 0]))
        np.testing.assert_allclose(new, expected, atol=1e-5)


def test_a_persons_bones_are_alike_in_all_frames_and_on_both_sides():
    before, after = apply(BODY)
    parents, children = np.transpose(H36M_17.tree_bones)
    old, new = (batch.positions[:, :, children] - batch.positions[:, :, parents] for batch in (before, after))
    lengths = [np.linalg.norm(np.float64(bones), axis=-1) for bones in (old, new)]
    np.testing.assert_allclose(np.sum(old * new, axis=-1), lengths[0] * lengths[1], rtol=1e-5)  # parallel
    factors = lengths[1] / lengths[0]
    np.testing.assert_allclose(factors, np.broadcast_to(factors[:, :1], factors.shape), rtol=3e-5)
    left, right = np.transpose(H36M_17.bone_pairs)
    np.testing.assert_allclose(factors[..., left], factors[..., right], rtol=3e-5)
    assert np.std(factors[:, 0], axis=0).min() > 0.02


@functools.partial(jax.jit, static_argnums=(0, 1))
def drawn(ranges, skeleton=H36M_17):
    return draw_stretches(KEY, 4000, skeleton, ranges)


def test_factors_have_the_documented_distribution():
    """Each of the two at a time, then both."""
    normal = stats.truncnorm(-2.5, 2.5)
    sizes = np.asarray(drawn(Augmentation(body_size=0.05, bone_length=0.0)), np.float64)
    np.testing.assert_array_equal(sizes, np.broadcast_to(sizes[:, :1], sizes.shape))
    assert stats.kstest((sizes[:, 0] - 1) / 0.05, normal.cdf).pvalue > 0.01
    bones = np.asarray(drawn(Augmentation(body_size=0.0, bone_length=0.1)), np.float64)
    np.testing.assert_array_equal(bones[:, 0], 1)
    groups = sorted({*bone_groups(H36M_17)} - {0})
    laws = [stats.kstest((bones[:, joint] - 1) / 0.1, normal.cdf).pvalue for joint in groups]
    assert min(laws) > 0.001
    assert np.abs(np.corrcoef(bones[:, groups].T) - np.eye(len(groups))).max() < 0.06
    both = np.asarray(drawn(Augmentation(body_size=0.05, bone_length=0.1)), np.float64)
    np.testing.assert_allclose(both, sizes * bones, rtol=1e-5)


@pytest.mark.parametrize(
    "skeleton", [H36M_16, H36M_17, H36M_32, HUMANEVA_15, COCO_17, CMU_31, FACE], ids=lambda s: s.name
)
def test_sides_are_alike_and_so_are_the_ends_of_one_joint(skeleton):
    groups, parents = bone_groups(skeleton), skeleton.parents
    for joint, mirrored in enumerate(skeleton.mirrored):
        assert groups[joint] == groups[mirrored]
        assert groups[groups[joint]] == groups[joint]
    for joint, parent in enumerate(parents):
        ends = [other for other in range(joint) if parents[other] == parent >= 0 and other not in parents]
        if joint not in parents:
            assert {groups[other] for other in ends} <= {groups[joint]}
    assert groups[0] == 0


def test_a_face_is_scaled_as_a_whole_and_other_bones_by_themselves():
    groups = bone_groups(FACE)
    assert {groups[joint] for joint in (10, 17, 18, 19, 20, 21)} == {10}
    assert groups[:17] == bone_groups(H36M_17) == (0, 1, 2, 3, 1, 2, 3, 7, 8, 9, 10, 11, 12, 13, 11, 12, 13)


def test_ranges_of_zero_leave_bodies_as_they_are():
    before, after = apply(body(DESCRIPTION, Augmentation(body_size=0.0, bone_length=0.0)), data=packed(noise=5))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=5e-6), before, after)


def test_a_windows_result_depends_on_the_key_and_on_itself_alone():
    data, starts = packed(), windows.window_starts(LENGTHS, 3)
    first, again, other = (apply(BODY, data=data, key=key)[1] for key in (KEY, KEY, jax.random.key(4)))
    jax.tree.map(np.testing.assert_array_equal, first, again)
    assert (first.poses != other.poses).any(axis=(1, 2, 3)).all()
    elsewhere = starts[::-1].copy()
    elsewhere[2] = starts[2]
    _, changed = jax.device_get(transformed((BODY,), KEY, data, elsewhere, 3))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a[2], b[2], atol=1e-6), first, changed)


@pytest.mark.parametrize("layout", [COCO_17, CMU_31, H36M_32])
def test_keypoints_that_are_no_joints_are_refused(layout):
    with pytest.raises(InputError, match=rf"layout '{layout.name}' cannot be projected from skeleton 'h36m_17'"):
        body(DESCRIPTION._replace(layout=layout), RANGES)


def test_windows_without_poses_are_refused():
    data = windows.pack_keypoints([make_track(frames=6).keypoints_2d], [(1000, 1000)])
    with pytest.raises(InputError, match="augmentation body needs poses and cameras"):
        stretch_bodies(gather(data, np.int32([0, 3])), np.ones((2, 17), np.float32), H36M_17, range(17))
