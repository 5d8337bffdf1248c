"""Windows of four short tracks, what augmentations make of them, and the geometry to judge that by, in float64."""

import functools

import jax
import numpy as np
from helpers.oracles import quaternion_matrix
from helpers.samples import make_track

from jaxpose.data import windows
from jaxpose.data.augmentation.settings import Augmentation
from jaxpose.skeleton import H36M_17

LENGTHS = (9, 2, 12, 5)
VIEWS = ("54138969", "55011271", "58860488", "60457274")
RANGES = Augmentation()
KEY = jax.random.key(3)


def packed(noise=0.0, confidence=True):
    """Four short tracks of four cameras; keypoints are projections, and noise of that many pixels."""
    random, tracks = np.random.default_rng(0), []
    for frames, view in zip(LENGTHS, VIEWS, strict=True):
        track = make_track(frames=frames, seed=frames, camera=view, height=1002)
        keypoints = track.keypoints_2d + random.normal(size=track.keypoints_2d.shape) * noise
        if confidence:
            keypoints = np.concatenate([keypoints, random.uniform(size=(*keypoints.shape[:2], 1))], axis=-1)
        tracks.append(track._replace(keypoints_2d=keypoints.astype(np.float32)))
    return windows.pack(tracks)


def gather(data, starts, frames=3, context=(4, 2)):
    mirrored = jax.numpy.arange(len(starts)) % 2 == 0
    return windows.gather_windows(data, starts, frames, context, mirrored=mirrored)


@functools.partial(jax.jit, static_argnums=(0, 4))
def transformed(steps, key, data, starts, frames=3):
    """The windows before and after some transforms."""
    before = after = gather(data, starts, frames)
    for step in steps:
        after = step(key, after)
    return before, after


def apply(*steps, data=None, frames=3, key=KEY):
    starts = windows.window_starts(LENGTHS, frames)
    return jax.device_get(transformed(steps, key, packed() if data is None else data, starts, frames))


def projected(points, lens):
    """Points (..., 3) through a lens, as Brown and Conrady have it."""
    fx, fy, cx, cy, k1, k2, k3, p1, p2 = np.float64(lens)
    x, y, z = np.moveaxis(np.float64(points), -1, 0)
    x, y = x / z, y / z
    square = x**2 + y**2
    gain = 1 + k1 * square + k2 * square**2 + k3 * square**3 + p1 * x + p2 * y
    return np.stack([fx * (x * gain + p1 * square) + cx, fy * (y * gain + p2 * square) + cy], axis=-1)


def in_world(points, camera, row):
    """Points (..., 3) of a window's camera space in the world."""
    matrix = quaternion_matrix(np.float64(camera.orientation[row]))
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-6)
    assert np.linalg.det(matrix) > 0
    return np.float64(points) @ matrix.T + np.float64(camera.translation[row])


def assert_consistent(batch, context=4):
    """Keypoints are the positions' projections; poses and roots are of the same positions."""
    frames = batch.poses.shape[1]
    for row, positions in enumerate(batch.positions):
        lens = batch.camera.intrinsics[row]
        np.testing.assert_allclose(batch.keypoints[row, ..., :2], projected(positions, lens), atol=5e-6)
    outputs = batch.positions[:, context : context + frames]
    rows, columns = np.nonzero(batch.visible)
    absolute = batch.poses + batch.root[:, :, None]
    np.testing.assert_allclose(outputs[rows, columns], absolute[rows, columns], atol=3e-6)


def assert_mirrored_world(before, after):
    """The world of the windows that are marked is mirrored, that of the others as it was."""
    for row, mirrored in enumerate(before.mirrored):
        world = in_world(before.positions[row], before.camera, row)
        if mirrored:
            world = world[:, list(H36M_17.mirrored)] * [-1, 1, 1]
        np.testing.assert_allclose(in_world(after.positions[row], after.camera, row), world, atol=1e-5)
