"""Captured motion in virtual cameras: geometry against float64, noise that depends on names and seed alone."""

import numpy as np
import pytest
from helpers import oracles

from data_prep.cameras import virtual
from jaxpose.data.human36m import H36M_CAMERAS
from jaxpose.data.synthetic.generate import CENTRE
from jaxpose.skeleton import BODY_22, COCO_17, H36M_17

CAMERAS = H36M_CAMERAS["S9"]
pytestmark = pytest.mark.usefixtures("compiled_soon")


def clip(frames=40, seed=0, joints=17):
    """A random body that wanders over the floor in the middle of the room."""
    random = np.random.default_rng(seed)
    joints = random.uniform([-0.4, -0.4, 0], [0.4, 0.4, 1.7], (joints, 3))
    path = np.cumsum(random.normal(size=(frames, 1, 3)) * [0.01, 0.01, 0.001], axis=0)
    return virtual.move_to_centre((joints + path).astype(np.float32))


def film(world, *, subject="S9", action="Walking", seed=None):
    return list(virtual.virtual_tracks(subject, action, world, 50.0, CAMERAS, seed))


def noise(world, **options):
    """What the detector adds before each camera: (cameras, T, 17, 2)."""
    exact = film(world)
    noisy = film(world, **options)
    return np.stack([a.keypoints_2d - b.keypoints_2d for a, b in zip(noisy, exact, strict=True)])


def projected(points, intrinsics):
    """Points (N, 3) in camera space as pixels (N, 2), the lens written out."""
    fx, fy, cx, cy, k1, k2, k3, p1, p2 = intrinsics.astype(np.float64)
    x, y = points[:, 0] / points[:, 2], points[:, 1] / points[:, 2]
    r2 = x * x + y * y
    gain = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3 + p1 * x + p2 * y
    return np.stack([fx * (x * gain + p1 * r2) + cx, fy * (y * gain + p2 * r2) + cy], axis=1)


@pytest.mark.parametrize("frames", [1, 40, 1025])
def test_views_against_float64(frames):
    world = clip(frames)
    tracks = film(world)
    assert [track.camera for track in tracks] == list(CAMERAS)
    for track in tracks:
        camera = CAMERAS[track.camera]
        assert (track.subject, track.action, track.fps) == ("S9", "Walking", 50.0)
        assert (track.width, track.height) == (camera.width, camera.height)
        for field in ("intrinsics", "orientation", "translation"):
            np.testing.assert_array_equal(getattr(track, field), getattr(camera, field))
        turn = oracles.quaternion_matrix(camera.orientation.astype(np.float64))
        expected = (world - camera.translation.astype(np.float64)) @ turn
        np.testing.assert_allclose(track.positions_3d, expected, atol=5e-6)
        pixels = projected(expected.reshape(-1, 3), camera.intrinsics)
        np.testing.assert_allclose(track.keypoints_2d.reshape(-1, 2), pixels, atol=0.01)
        assert track.positions_3d.dtype == track.keypoints_2d.dtype == np.float32


def test_coco_keypoints_are_joints_of_the_same_names():
    """And those in both forms are the same; the confidence is 1, with noise and without."""
    world = clip(30, joints=22)
    coco = virtual.FORMS["coco_17"]
    assert (coco.skeleton, coco.layout) == (BODY_22, COCO_17)
    shared = [joint for joint in COCO_17.joints if joint in H36M_17.joints]
    for seed in (None, 0):
        views = list(virtual.virtual_tracks("S9", "Walking", world, 50.0, CAMERAS, seed, form=coco))
        assert len(views) == len(CAMERAS)
        for track, human36m in zip(views, film(world[:, :17]), strict=True):
            assert (track.positions_3d.shape, track.keypoints_2d.shape) == ((30, 22, 3), (30, 17, 3))
            np.testing.assert_array_equal(track.keypoints_2d[..., 2], 1)
            np.testing.assert_allclose(track.positions_3d[:, :17], human36m.positions_3d, atol=1e-6)
            joints = [BODY_22.joints.index(joint) for joint in COCO_17.joints]
            pixels = projected(track.positions_3d[:, joints].reshape(-1, 3).astype(np.float64), track.intrinsics)
            error = np.linalg.norm(track.keypoints_2d[..., :2].reshape(-1, 2) - pixels, axis=-1)
            if seed is None:
                assert error.max() < 0.01
                found = track.keypoints_2d[:, [COCO_17.index(joint) for joint in shared], :2]
                exact = human36m.keypoints_2d[:, [H36M_17.index(joint) for joint in shared]]
                np.testing.assert_allclose(found, exact, atol=1e-3)
            else:
                assert 4 < np.median(error) < 9


def test_noise_is_that_of_a_detector():
    added = noise(clip(400), seed=0)
    assert 3 < np.median(np.abs(added)) / 0.6745 < 8  # the median of the normal distribution's magnitude
    beside = np.sum(added[:, 1:] * added[:, :-1], axis=(1, 2, 3)) / np.sum(added**2, axis=(1, 2, 3))
    assert (beside > 0.5).all()
    for a in range(len(CAMERAS)):
        for b in range(a):
            assert abs(np.corrcoef(added[a].ravel(), added[b].ravel())[0, 1]) < 0.1


def test_noise_depends_on_seed_and_names_alone():
    one, other_clip = clip(30, seed=1), clip(30, seed=2)
    same = noise(one, seed=0)
    np.testing.assert_allclose(noise(other_clip, seed=0), same, atol=0.01)
    for other in ({"seed": 1}, {"seed": 0, "subject": "S1"}, {"seed": 0, "action": "Sitting"}):
        assert np.median(np.abs(noise(one, **other) - same)) > 1


def test_noise_is_the_same_whatever_follows():
    """And so it does not depend on the number of frames that clips are filled up to."""
    long = clip(1100)
    np.testing.assert_allclose(noise(long[:100], seed=0), noise(long, seed=0)[:, :100], atol=0.01)


def test_a_view_with_a_joint_too_near_or_behind_is_left_out():
    near = next(iter(CAMERAS))
    camera = CAMERAS[near]
    forward = oracles.quaternion_matrix(camera.orientation.astype(np.float64))[:, 2]
    for depth, seen in ((virtual.MIN_DEPTH_M + 0.01, True), (virtual.MIN_DEPTH_M - 0.01, False), (-1.0, False)):
        world = clip(20)
        world[7, 16] = camera.translation + depth * forward
        assert (near in {track.camera for track in film(world)}) == seen


def test_a_view_with_a_joint_far_outside_the_image_is_left_out():
    name = next(iter(CAMERAS))
    camera = CAMERAS[name]
    right, _, forward = oracles.quaternion_matrix(camera.orientation.astype(np.float64)).T
    for share, seen in ((0.9, True), (1.2, False)):  # of the image's width, from its middle
        world = clip(20)
        world[7, 16] = camera.translation + 4 * forward - share * 4 * camera.width / camera.intrinsics[0] * right
        assert (name in {track.camera for track in film(world)}) == seen


def test_clips_of_many_lengths_share_a_program():
    def compiled():
        programs = virtual._jit(virtual._project), virtual._jit(virtual._add_noise, "layout")
        return [program._cache_size() for program in programs]

    film(clip(3), seed=0)
    before = compiled()
    for frames in (1, 2, 17, 200, 1024):
        film(clip(frames), seed=0)
    assert compiled() == before


def test_placing_moves_the_middle_of_the_path_and_nothing_else():
    world = np.random.default_rng(0).normal(size=(50, 17, 3)).astype(np.float32)
    placed = virtual.move_to_centre(world)
    path = placed[:, 0, :2]
    np.testing.assert_allclose((path.min(axis=0) + path.max(axis=0)) / 2, CENTRE, atol=1e-6)
    np.testing.assert_array_equal(placed[..., 2], world[..., 2])
    np.testing.assert_allclose(placed - placed[0, 0], world - world[0, 0], atol=2e-6)
    assert placed.dtype == np.float32
