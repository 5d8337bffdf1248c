"""Camera resection recovers the cameras that made the projections."""

import jax
import numpy as np
import pytest
from helpers import oracles

from data_prep.cameras.resection import resect
from jaxpose.cameras import project, world_to_camera
from jaxpose.data.human36m import H36M_CAMERAS

CAMERAS = H36M_CAMERAS["S1"]
LENS = np.float32([1, 1, 1, 1, 1, 1, 0, 1, 1])  # without k3


@jax.jit
def to_pixels(points, camera):
    return project(world_to_camera(points, camera), camera)


def projections(camera, count=200, seed=0):
    """Points in the middle of the room, and their pixels."""
    points = np.random.default_rng(seed).uniform([-1.5, -1.5, 0], [1.5, 1.5, 1.8], (count, 3)).astype(np.float32)
    return points, np.asarray(to_pixels(points, camera))


@pytest.mark.parametrize("name", CAMERAS)
def test_a_camera_is_recovered(name):
    camera = CAMERAS[name]._replace(intrinsics=CAMERAS[name].intrinsics * LENS)
    found, misfit = resect(*projections(camera), camera.width, camera.height)
    assert misfit < 1e-3
    np.testing.assert_allclose(found.translation, camera.translation, atol=1e-5)
    np.testing.assert_allclose(
        oracles.quaternion_matrix(found.orientation), oracles.quaternion_matrix(camera.orientation), atol=1e-6
    )
    np.testing.assert_allclose(found.intrinsics[:4], camera.intrinsics[:4], atol=0.01)
    np.testing.assert_allclose(found.intrinsics[4:], camera.intrinsics[4:], atol=1e-4)
    assert (found.width, found.height) == (camera.width, camera.height)
    assert {array.dtype for array in found[:3]} == {np.dtype(np.float32)}


def test_the_misfit_is_that_of_the_noise():
    camera = CAMERAS["55011271"]
    points, pixels = projections(camera, 3000)
    noise = np.random.default_rng(1).normal(scale=3, size=pixels.shape)
    _, misfit = resect(points, pixels + noise, 1000, 1000)
    assert misfit == pytest.approx(3 * np.sqrt(2), rel=0.03)


@pytest.mark.parametrize(("p1", "p2"), [(0.003, -0.002), (-0.001, 0.003)])
def test_the_tangential_distortion_of_opencv_is_fitted(p1, p2):
    """It differs from that of the contract, by little: the misfit is small. MATLAB's camera toolbox has it, too."""
    camera = CAMERAS["55011271"]
    points, _ = projections(camera)
    turn = oracles.quaternion_matrix(camera.orientation.astype(np.float64))
    x, y, z = ((points - camera.translation) @ turn).T
    x, y = x / z, y / z
    r2 = x * x + y * y
    distorted = np.stack(
        [
            x * (1 - 0.2 * r2) + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
            y * (1 - 0.2 * r2) + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
        ],
        axis=1,
    )
    _, misfit = resect(points, 1145 * distorted + 500, 1000, 1000)
    assert misfit < 0.1


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda points, pixels: (points[:5], pixels[:5]), "5 points"),
        (lambda points, pixels: (points[:0], pixels[:0]), "0 points"),
        (lambda points, pixels: (points * [1, 1, 0], pixels), "points in one plane"),
        (lambda points, pixels: (points * 0, pixels), "one point"),
        (lambda points, pixels: (points, pixels * 0), "one point"),
        (lambda points, pixels: (points * np.nan, pixels), "one point"),
    ],
)
def test_points_that_fit_many_cameras(change, fault):
    with pytest.raises(ValueError, match=fault):
        resect(*change(*projections(CAMERAS["55011271"])), 1000, 1000)


def test_pixels_that_no_camera_fits():
    points, pixels = projections(CAMERAS["55011271"])
    try:
        _, misfit = resect(points, np.random.default_rng(0).permutation(pixels), 1000, 1000)
    except ValueError:
        return
    assert misfit > 20
