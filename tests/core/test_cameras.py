"""Cameras: round trips, and the projection against float64 formulas."""

import chex
import jax
import numpy as np
import pytest
from helpers import oracles
from helpers.derivatives import assert_derivatives_agree
from hypothesis import given
from hypothesis import strategies as st

from jaxpose import cameras
from jaxpose.data.human36m import H36M_CAMERAS

CAMERA = H36M_CAMERAS["S9"]["55011271"]
seeds = st.integers(0, 2**31 - 1)
world_to_camera, camera_to_world = jax.jit(cameras.world_to_camera), jax.jit(cameras.camera_to_world)
project, unproject = jax.jit(cameras.project), jax.jit(cameras.unproject)
normalize, denormalize = jax.jit(cameras.normalize_screen), jax.jit(cameras.denormalize_screen)


def visible_points(seed, count=50):
    """Camera-space points that fall into the image."""
    random = np.random.default_rng(seed)
    depth = random.uniform(2, 8, (count, 1))
    return np.concatenate([random.uniform(-0.42, 0.42, (count, 2)) * depth, depth], axis=1).astype(np.float32)


@given(seeds)
def test_world_to_camera_agrees_with_matrices(seed):
    points = np.random.default_rng(seed).normal(size=(6, 3)).astype(np.float32) * 2
    matrix = oracles.quaternion_matrix(CAMERA.orientation.astype(np.float64))
    expected = (points - CAMERA.translation.astype(np.float64)) @ matrix  # the inverse rotation, transposed
    np.testing.assert_allclose(world_to_camera(points, CAMERA), expected, atol=1e-5)
    np.testing.assert_allclose(camera_to_world(expected.astype(np.float32), CAMERA), points, atol=1e-5)


@given(seeds)
def test_projection_agrees_with_a_float64_formula(seed):
    points = visible_points(seed)
    fx, fy, cx, cy, k1, k2, k3, p1, p2 = CAMERA.intrinsics.astype(np.float64)
    expected = []
    for x, y, z in points.astype(np.float64):
        x, y = x / z, y / z
        r2 = x * x + y * y
        gain = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3 + p1 * x + p2 * y
        expected.append([fx * (x * gain + p1 * r2) + cx, fy * (y * gain + p2 * r2) + cy])
    np.testing.assert_allclose(project(points, CAMERA), expected, rtol=1e-5)


def opencv_pixels(points, k, r, t, distortion):
    """The formulas of cv2.projectPoints (OpenCV, "Camera Calibration and 3D Reconstruction"), written out."""
    k1, k2, p1, p2, k3 = (*distortion, *[0.0] * (5 - len(distortion)))
    pixels = []
    for point in points:
        x, y, z = r @ point + t
        x, y = x / z, y / z
        r2 = x * x + y * y
        radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
        u = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
        v = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
        pixels.append([k[0, 0] * u + k[0, 2], k[1, 1] * v + k[1, 2]])
    return np.array(pixels)


def opencv_camera(seed=0):
    random = np.random.default_rng(seed)
    turn = random.normal(size=4)
    r = oracles.quaternion_matrix(turn / np.linalg.norm(turn))
    k = np.array([[1100.0, 0, 480], [0, 1150, 530], [0, 0, 1]])
    t = random.normal(size=3)
    return k, r, t, visible_points(seed).astype(np.float64) @ r - t @ r  # world points that are seen


@pytest.mark.parametrize("count", [0, 2, 4, 5])
def test_a_camera_from_opencv_projects_as_opencv_does(count):
    k, r, t, points = opencv_camera()
    distortion = [-0.2, 0.24, 0.011, -0.007, -0.05][:count]
    expected = opencv_pixels(points, k, r, t, distortion)
    for column in (t, t[:, None]):
        camera = cameras.camera_from_matrices(k, r, column, distortion=np.reshape(distortion, (1, -1)))
        seen = world_to_camera(np.float32(points), camera)
        np.testing.assert_allclose(seen, points @ r.T + t, atol=1e-5)
        np.testing.assert_allclose(project(seen, camera), expected, rtol=2e-5)
        np.testing.assert_allclose(unproject(np.float32(expected), seen[:, 2], camera), seen, atol=1e-3)
    np.testing.assert_allclose(camera.translation, -np.linalg.inv(r) @ t, atol=1e-5)
    assert (camera.width, camera.height) == (960, 1060)


def test_a_camera_can_be_made_within_a_program():
    k, r, t, _ = opencv_camera(1)
    arguments = [np.float32(x) for x in (k, r, t)]
    inside = jax.jit(lambda k, r, t: cameras.camera_from_matrices(k, r, t, width=9, height=8))(*arguments)
    outside = cameras.camera_from_matrices(*arguments, width=9, height=8)
    chex.assert_trees_all_close(inside, jax.tree.map(np.asarray, outside), rtol=1e-5)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"intrinsic_matrix": np.eye(4)}, r"`intrinsic_matrix` has shape \(4, 4\), not \(3, 3\)"),
        ({"intrinsic_matrix": [[9.0, 1, 5], [0, 9, 5], [0, 0, 1]]}, r"is not \[\[fx, 0, cx\]"),
        ({"rotation": np.float32([0, 0, 1])}, r"`rotation` has shape \(3,\), not \(3, 3\)"),
        ({"rotation": np.diag([1.0, 1, -1])}, "is not a rotation"),
        ({"rotation": 2 * np.eye(3)}, "is not a rotation"),
        ({"translation": np.zeros(2)}, r"`translation` has shape \(2,\), not \(3,\)"),
        ({"distortion": np.zeros(8)}, "`distortion` has 8 numbers; k1, k2.* are supported, other models not"),
    ],
)
def test_matrices_of_another_form_are_refused(changes, fault):
    valid = {"intrinsic_matrix": [[9.0, 0, 5], [0, 9, 5], [0, 0, 1]], "rotation": np.eye(3), "translation": np.zeros(3)}
    with pytest.raises(ValueError, match=fault):
        cameras.camera_from_matrices(**valid | changes)


def test_intrinsics_of_several_cameras_are_refused():
    several = CAMERA._replace(intrinsics=np.tile(CAMERA.intrinsics, (2, 1)))
    with pytest.raises(ValueError, match=r"`intrinsics` has shape \(2, 9\), not \(9,\) or \(11,\)"):
        cameras.project(np.ones((2, 3), np.float32), several)


@given(seeds)
def test_unproject_inverts_project(seed):
    points = visible_points(seed)
    np.testing.assert_allclose(unproject(project(points, CAMERA), points[:, 2], CAMERA), points, atol=2e-5)


@given(seeds)
def test_screen_coordinates_round_trip(seed):
    pixels = np.random.default_rng(seed).uniform(0, 1000, (7, 17, 3)).astype(np.float32)
    screen = normalize(pixels, 1000, 1002)
    np.testing.assert_allclose(denormalize(screen, 1000, 1002), pixels, atol=1e-3)
    np.testing.assert_array_equal(np.asarray(screen)[..., 2], pixels[..., 2])  # a confidence is kept


def test_screen_coordinates_of_corners():
    corners = np.float32([[0, 0], [1920, 1080], [960, 540]])
    np.testing.assert_allclose(normalize(corners, 1920, 1080), [[-1, -0.5625], [1, 0.5625], [0, 0]], atol=1e-6)


def test_sizes_may_differ_by_frame():
    pixels = np.full((2, 17, 2), 100, np.float32)
    both = normalize(pixels, np.float32([[1000], [500]]), np.float32([[1000], [400]]))
    np.testing.assert_allclose(both[0], normalize(pixels[0], 1000, 1000), atol=1e-6)
    np.testing.assert_allclose(both[1], normalize(pixels[1], 500, 400), atol=1e-6)


def test_gradients_are_finite_in_the_camera_plane():
    points = np.float32([[0, 0, 0], [1, 1, 0], [0, 0, 5], [1, 0, -2]])
    derivatives = jax.jit(jax.vmap(jax.value_and_grad(lambda point: cameras.project(point, CAMERA).sum())))
    chex.assert_tree_all_finite(derivatives(points))


def test_gradients_agree_with_finite_differences(x64):
    camera = CAMERA._replace(intrinsics=CAMERA.intrinsics.astype(np.float64))
    assert_derivatives_agree(lambda points: cameras.project(points, camera), visible_points(0, 3))


def test_vmap_adds_cameras():
    views = list(H36M_CAMERAS["S1"].values())
    stacked = cameras.Camera(*(np.stack(values) for values in zip(*views, strict=True)))
    points = np.float32([[0.1, 0.2, 1.0], [0, 0, 0.5]])
    together = jax.jit(jax.vmap(cameras.world_to_camera, in_axes=(None, 0)))(points, stacked)
    for camera, transformed in zip(views, np.asarray(together), strict=True):
        np.testing.assert_allclose(transformed, world_to_camera(points, camera), atol=1e-5)
