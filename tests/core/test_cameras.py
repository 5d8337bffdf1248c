"""Round trips, and the projection written out in float64."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import oracles
from hypothesis import given
from hypothesis import strategies as st

from jaxpose import cameras
from jaxpose.data.human36m import H36M_CAMERAS

CAMERA = H36M_CAMERAS["S9"]["55011271"]
seeds = st.integers(0, 2**31 - 1)


def visible(seed, count=50):
    """Camera-space points that fall into the image."""
    random = np.random.default_rng(seed)
    depth = random.uniform(2, 8, (count, 1))
    return jnp.asarray(np.concatenate([random.uniform(-0.42, 0.42, (count, 2)) * depth, depth], axis=1), jnp.float32)


@given(seeds)
def test_world_to_camera_against_matrices(seed):
    points = np.random.default_rng(seed).normal(size=(6, 3)).astype(np.float32) * 2
    matrix = oracles.quaternion_matrix(CAMERA.orientation.astype(np.float64))
    expected = (points - CAMERA.translation.astype(np.float64)) @ matrix  # the inverse rotation, transposed
    np.testing.assert_allclose(cameras.world_to_camera(points, CAMERA), expected, atol=1e-5)
    np.testing.assert_allclose(cameras.camera_to_world(expected.astype(np.float32), CAMERA), points, atol=1e-5)


@given(seeds)
def test_projection_against_the_formula_written_out(seed):
    points = np.asarray(visible(seed, 5), np.float64)
    fx, fy, cx, cy, k1, k2, k3, p1, p2 = CAMERA.intrinsics.astype(np.float64)
    expected = []
    for x, y, z in points:
        x, y = x / z, y / z
        r2 = x * x + y * y
        gain = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3 + p1 * x + p2 * y
        expected.append([fx * (x * gain + p1 * r2) + cx, fy * (y * gain + p2 * r2) + cy])
    np.testing.assert_allclose(cameras.project(jnp.asarray(points, jnp.float32), CAMERA), expected, rtol=1e-5)


@given(seeds)
def test_unproject_inverts_project(seed):
    points = visible(seed)
    pixels = cameras.project(points, CAMERA)
    np.testing.assert_allclose(cameras.unproject(pixels, points[:, 2], CAMERA), points, atol=2e-5)


@given(seeds)
def test_screen_normalisation_round_trip(seed):
    pixels = jnp.asarray(np.random.default_rng(seed).uniform(0, 1000, (7, 17, 3)), jnp.float32)
    screen = cameras.normalize_screen(pixels, 1000, 1002)
    np.testing.assert_allclose(cameras.denormalize_screen(screen, 1000, 1002), pixels, atol=1e-3)
    np.testing.assert_array_equal(screen[..., 2], pixels[..., 2])  # a confidence passes through


def test_screen_corners():
    corners = jnp.asarray([[0.0, 0], [1920, 1080], [960, 540]])
    np.testing.assert_allclose(
        cameras.normalize_screen(corners, 1920, 1080), [[-1, -0.5625], [1, 0.5625], [0, 0]], atol=1e-6
    )


def test_sizes_may_differ_by_frame():
    pixels = jnp.ones((2, 17, 2)) * 100
    both = cameras.normalize_screen(pixels, jnp.asarray([[1000.0], [500.0]]), jnp.asarray([[1000.0], [400.0]]))
    np.testing.assert_allclose(both[0], cameras.normalize_screen(pixels[0], 1000, 1000), atol=1e-6)
    np.testing.assert_allclose(both[1], cameras.normalize_screen(pixels[1], 500, 400), atol=1e-6)


@pytest.mark.parametrize("point", [[0.0, 0, 0], [1.0, 1, 0], [0.0, 0, 5], [1.0, 0, -2]])
def test_gradients_are_finite_in_the_camera_plane(point):
    value, gradient = jax.value_and_grad(lambda p: cameras.project(p, CAMERA).sum())(jnp.asarray(point))
    chex.assert_tree_all_finite((value, gradient))


def test_gradients_agree_with_finite_differences(x64):
    points = jnp.asarray(visible(0, 3), jnp.float64)
    camera = CAMERA._replace(intrinsics=jnp.asarray(CAMERA.intrinsics, jnp.float64))
    chex.assert_numerical_grads(jax.jit(lambda p: cameras.project(p, camera)), (points,), order=1)


def test_vmap_over_cameras():
    rig = list(H36M_CAMERAS["S1"].values())
    stacked = cameras.Camera(*(np.stack(values) for values in zip(*rig, strict=True)))
    points = jnp.asarray([[0.1, 0.2, 1.0], [0, 0, 0.5]])
    together = jax.vmap(cameras.world_to_camera, in_axes=(None, 0))(points, stacked)
    for camera, view in zip(rig, together, strict=True):
        np.testing.assert_allclose(view, cameras.world_to_camera(points, camera), atol=1e-5)
