"""Cameras: round trips, and the projection against float64 formulas."""

import chex
import jax
import numpy as np
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
