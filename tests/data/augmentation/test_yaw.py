"""Turned cameras against geometry in NumPy and float64, and their angles against their distribution."""

import jax
import numpy as np
import pytest
from helpers.augmented import (
    KEY,
    LENGTHS,
    RANGES,
    apply,
    assert_consistent,
    gather,
    in_world,
    packed,
    projected,
    transformed,
)
from helpers.samples import DESCRIPTION, make_track
from scipy import stats

from jaxpose.data import windows
from jaxpose.data.augmentation.yaw import turn_cameras, yaw
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import CMU_31, COCO_17, H36M_17, H36M_32, H36M_32_TO_17, HUMANEVA_15, Skeleton

YAW = yaw(DESCRIPTION, RANGES)


@pytest.mark.parametrize("frames", [1, 3])
def test_turned_cameras_see_the_same_world_exactly(frames):
    """Rigid, heights kept, depth of the person kept, keypoints as a float64 projection has them."""
    before, after = apply(YAW, frames=frames)
    assert_consistent(after)
    centre = frames // 2
    np.testing.assert_allclose(after.root[:, centre], before.root[:, centre], atol=1e-6)
    np.testing.assert_array_equal(after.keypoints[..., 2], before.keypoints[..., 2])
    for field in ("intrinsics", "width", "height"):
        np.testing.assert_array_equal(getattr(after.camera, field), getattr(before.camera, field))
    for old, new in ((before.positions, after.positions), (before.poses, after.poses)):
        distances = [np.linalg.norm(np.float64(p[:, :, :, None] - p[:, :, None]), axis=-1) for p in (old, new)]
        np.testing.assert_allclose(*distances, atol=3e-6)
    for row in range(len(before.positions)):
        worlds = [in_world(batch.positions[row], batch.camera, row) for batch in (before, after)]
        np.testing.assert_allclose(*worlds, atol=1e-5)
        (x, y, z), moved = (np.float64(batch.camera.translation[row]) for batch in (before, after))
        axis = in_world(before.root[row, centre], before.camera, row)
        np.testing.assert_allclose(moved[2], z, atol=1e-6)
        np.testing.assert_allclose(np.hypot(*(moved - axis)[:2]), np.hypot(*((x, y) - axis[:2])), atol=1e-5)


def angles(before, after):
    """The angle of each window's camera about the vertical, radians, from its path round the person."""
    turned = []
    for row, root in enumerate(before.root[:, before.root.shape[1] // 2]):
        axis = in_world(root, before.camera, row)
        (x, y), (u, v) = ((batch.camera.translation[row] - axis)[:2] for batch in (before, after))
        turned.append(np.arctan2(x * v - y * u, x * u + y * v))
    return np.asarray(turned)


@pytest.mark.parametrize("angle", [0.0, np.pi / 2, -np.pi, 2.0])
def test_cameras_turn_by_the_angle_that_is_asked_for(angle):
    starts = windows.window_starts(LENGTHS, 3)

    @jax.jit
    def turn(data, angle):
        batch = gather(data, starts)
        return batch, turn_cameras(batch, angle, range(17))

    before, after = jax.device_get(turn(packed(noise=2), np.full(len(starts), angle, np.float32)))
    np.testing.assert_allclose(np.exp(1j * angles(before, after)), np.exp(1j * angle), atol=1e-5)
    if angle == 0:
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-6), before, after)


def test_angles_are_uniform_and_independent():
    data = packed()
    starts = np.resize(windows.window_starts(LENGTHS, 1), 4000)
    before, after = jax.device_get(transformed((YAW,), KEY, data, starts, 1))
    drawn = angles(before, after)
    assert stats.kstest(drawn, stats.uniform(-np.pi, 2 * np.pi).cdf).pvalue > 0.01
    assert abs(np.corrcoef(drawn[:-1], drawn[1:])[0, 1]) < 0.05


def test_a_detectors_error_keeps_its_proportion_to_the_person():
    """Its share of a metre at the joint's depth is what it was, joint by joint, so statistics are kept too."""
    before, after = apply(YAW, data=packed(noise=5))
    sizes = []
    for batch in (before, after):
        error = np.stack(
            [batch.keypoints[row, ..., :2] - projected(batch.positions[row], lens)
             for row, lens in enumerate(batch.camera.intrinsics)]
        )  # fmt: skip
        sizes.append(error * batch.positions[..., 2:])
    assert np.std(sizes[0]) > 0.02
    np.testing.assert_allclose(sizes[1], sizes[0], atol=5e-5)


OUT_OF_VIEW = [  # x, y and z of a joint, metres; the lens's k1; whether half a turn about x = 0, z = 4 is made
    ((0, 0, 0.15), -0.2, True),  # depth
    ((0, 0, 0.05), -0.2, False),
    ((0, 0, -8), -0.2, False),
    ((0, 0, 7.85), -0.2, True),  # depth afterwards
    ((0, 0, 7.95), -0.2, False),
    ((3.3, 0, 4), -0.2, True),  # x / z · 2.3 < 2: within twice the image
    ((3.6, 0, 4), -0.2, False),
    ((0, 3.3, 4), -0.2, True),
    ((0, 3.6, 4), -0.2, False),
    ((1.2, 0, 6.5), -0.2, True),  # afterwards
    ((1.5, 0, 6.5), -0.2, False),
    ((2.9, 0, 4), -0.6, True),  # r (1 - 0.6 r²) increases up to r = 0.745
    ((3.1, 0, 4), -0.6, False),
    ((np.nan, 0, 4), -0.2, False),
]


@pytest.mark.parametrize(("place", "k1", "turned"), OUT_OF_VIEW)
def test_windows_for_which_the_camera_model_does_not_hold_are_left_as_they_were(place, k1, turned):
    data, starts = jax.device_get(packed()), windows.window_starts(LENGTHS, 3)
    root, poses = np.zeros_like(data.root) + np.float32([0, 0, 4]), data.poses.copy()
    poses[data.first[2] + 1, 3] = np.subtract(place, [0, 0, 4])
    level = np.tile(np.float32([0.5**0.5, -(0.5**0.5), 0, 0]), (len(LENGTHS), 1))
    lens = data.camera.intrinsics.copy()
    lens[:, 4:] = (k1, 0, 0, 0, 0)
    data = data._replace(poses=poses, root=root, camera=data.camera._replace(orientation=level, intrinsics=lens))
    before, after = jax.device_get(half_turn(data, starts))
    chosen = np.isclose(before.positions[..., 3, :], place, atol=1e-5, equal_nan=True).all(axis=-1).any(axis=1)
    assert 0 < chosen.sum() < len(starts)
    moved = (before.camera.translation != after.camera.translation).any(axis=-1)
    np.testing.assert_array_equal(moved, ~chosen | turned)
    kept = jax.tree.map(lambda field: field[~moved], (before, after))
    jax.tree.map(np.testing.assert_array_equal, *kept)


@jax.jit
def half_turn(data, starts):
    batch = gather(data, starts)
    return batch, turn_cameras(batch, np.full(len(starts), np.pi, np.float32), range(17))


def test_a_windows_result_depends_on_the_key_and_on_itself_alone():
    data, starts = packed(), windows.window_starts(LENGTHS, 3)
    first, again, other = (apply(YAW, data=data, key=key)[1] for key in (KEY, KEY, jax.random.key(4)))
    jax.tree.map(np.testing.assert_array_equal, first, again)
    assert (first.camera.translation != other.camera.translation).any(axis=-1).all()
    elsewhere = starts[::-1].copy()
    elsewhere[2] = starts[2]
    _, changed = jax.device_get(transformed((YAW,), KEY, data, elsewhere, 3))
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a[2], b[2]), first, changed)


@pytest.mark.parametrize("layout", [COCO_17, CMU_31, H36M_32])
def test_yaw_needs_keypoints_that_are_joints(layout):
    with pytest.raises(InputError, match=rf"layout '{layout.name}' cannot be projected from skeleton 'h36m_17'"):
        yaw(DESCRIPTION._replace(layout=layout), RANGES)


def test_yaw_projects_the_joints_that_are_the_keypoints():
    """Other orders of joints, fewer keypoints, and Human3.6M's 17 joints among its 32."""
    order = (16, 3, 0)
    fewer = Skeleton("three", tuple(H36M_17.joints[joint] for joint in order), (-1, -1, -1))
    cases = [
        (H36M_17, fewer, order),
        (HUMANEVA_15, HUMANEVA_15, tuple(range(15))),
        (H36M_32, H36M_17, tuple(H36M_32.joints.index(joint) for joint in H36M_32_TO_17)),
    ]
    for skeleton, layout, joints in cases:
        random = np.random.default_rng(0)
        track = make_track(frames=6)
        body = (random.normal(size=(6, skeleton.num_joints, 3)) * 0.4 + [0, 0, 4]).astype(np.float32)
        pixels = projected(body[:, list(joints)], track.intrinsics).astype(np.float32)
        data = windows.pack([track._replace(positions_3d=body, keypoints_2d=pixels)])
        turn = yaw(DESCRIPTION._replace(skeleton=skeleton, layout=layout), RANGES)
        _, after = jax.device_get(transformed((turn,), KEY, data, np.int32([0, 3]), 3))
        for row in range(2):
            expected = projected(after.positions[row][:, list(joints)], after.camera.intrinsics[row])
            np.testing.assert_allclose(after.keypoints[row], expected, atol=5e-6)


def test_yaw_of_windows_without_poses_is_refused():
    data = windows.pack_keypoints([make_track(frames=6).keypoints_2d], [(1000, 1000)])
    with pytest.raises(InputError, match="augmentation yaw needs poses and cameras"):
        transformed((YAW,), KEY, data, np.int32([0, 3]), 3)
