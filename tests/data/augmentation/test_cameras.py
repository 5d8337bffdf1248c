"""New cameras against geometry in NumPy and float64, and what is drawn against its distribution."""

import dataclasses
import functools

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
from helpers.oracles import quaternion_matrix
from helpers.samples import DESCRIPTION, make_track
from scipy import stats

from jaxpose.data import windows
from jaxpose.data.augmentation.cameras import ASPECTS, camera, draw_cameras
from jaxpose.data.augmentation.settings import Augmentation
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import CMU_31, COCO_17, H36M_17, H36M_32, Skeleton

CAMERA = camera(DESCRIPTION, RANGES)
UNLIMITED = Augmentation(camera_distance=(6.0, 12.0), person_size=(0.3, 1.2), focal_length=(1e-3, 1e3))
"""Ranges within which nothing depends on the person, if small and high above the floor, or on other settings."""


def people(height=10.0, size=0.2, count=4000):
    """Windows of one output frame of a body whose joints are within `size` of its root, that high above the floor."""
    data, starts = jax.device_get(packed()), np.resize(windows.window_starts(LENGTHS, 1), count)
    poses = data.poses * (size / np.linalg.norm(data.poses, axis=-1).max())
    level = np.tile(np.float32([0.5**0.5, -(0.5**0.5), 0, 0]), (len(LENGTHS), 1))  # looks along the world's y axis
    places = np.float32([[1, 2, height]] * len(LENGTHS))
    root = np.zeros_like(data.root) + np.float32([0, 0, 4])
    return data._replace(
        poses=poses, root=root, camera=data.camera._replace(orientation=level, translation=places)
    ), starts


@functools.partial(jax.jit, static_argnums=2)
def seen(data, starts, ranges):
    before = gather(data, starts, 1)
    return before, camera(DESCRIPTION, ranges)(KEY, before)


def measured(batch):
    """What a photographer would measure, float64, each (B,): of the camera, the lens, the image and the root."""
    matrices = np.moveaxis(quaternion_matrix(np.float64(batch.camera.orientation).T), -1, 0)
    root = np.float64(batch.root[:, batch.root.shape[1] // 2])
    line = np.einsum("bij,bj->bi", matrices, root)  # from the camera to the person, in the world
    distance = np.linalg.norm(line, axis=-1)
    focal = np.float64(batch.camera.intrinsics[:, 0]) / 2
    aspect = np.float64(batch.camera.width) / batch.camera.height
    place = root[:, :2] / root[:, 2:] * focal[:, None] * 2
    return {
        "direction": np.arctan2(line[:, 1], line[:, 0]),
        "pitch": np.rad2deg(np.arcsin(-line[:, 2] / distance)),
        "roll": np.rad2deg(np.arctan2(-matrices[:, 2, 0], -matrices[:, 2, 1])),  # of the axes x and y against up
        "distance": distance,
        "size": focal * aspect * 1.7 / distance,  # in heights of the image
        "x": place[:, 0],
        "y": place[:, 1] * aspect,  # from -1 to 1 between the edges of the image
        "aspect": aspect,
        "focal": focal,
        "height": np.float64(batch.camera.translation[:, 2]),
    }


@pytest.mark.parametrize("frames", [1, 3])
def test_new_cameras_see_the_same_world_exactly(frames):
    """Proper cameras without distortion; keypoints as a float64 projection has them, and confident."""
    before, after = apply(CAMERA, data=packed(noise=5), frames=frames)
    assert_consistent(after)
    np.testing.assert_array_equal(after.keypoints[..., 2], 1)
    np.testing.assert_array_equal(after.camera.intrinsics[:, 2:], 0)
    np.testing.assert_array_equal(after.camera.intrinsics[:, 0], after.camera.intrinsics[:, 1])
    np.testing.assert_array_equal(after.camera.width, 2)
    for row in range(len(before.positions)):
        worlds = [in_world(batch.positions[row], batch.camera, row) for batch in (before, after)]
        np.testing.assert_allclose(*worlds, atol=2e-5)
    for field in ("visible", "sample", "mirrored"):
        np.testing.assert_array_equal(getattr(after, field), getattr(before, field))
    shapes = [jax.tree.map(lambda field: (field.shape, field.dtype), batch) for batch in (before, after)]
    assert jax.tree.all(jax.tree.map(lambda a, b: a == b, *shapes))


def test_no_window_keeps_its_camera():
    before, after = apply(CAMERA)
    assert (np.linalg.norm(before.camera.translation - after.camera.translation, axis=-1) > 0.05).all()


def test_what_is_drawn_has_the_documented_distributions():
    found = measured(jax.device_get(seen(*people(), UNLIMITED)[1]))
    distributions = {
        "direction": stats.uniform(-np.pi, 2 * np.pi),
        "pitch": stats.uniform(-20, 65),
        "roll": stats.triang(0.5, -25, 50),
        "distance": stats.loguniform(6, 12),
        "size": stats.loguniform(0.3, 1.2),
        "x": stats.uniform(-1, 2),
        "y": stats.uniform(-1, 2),
    }
    found["x"] /= np.clip(1 - found["size"] / found["aspect"] / 2, 0.3, 0.8)  # people are half as wide as high
    found["y"] /= np.clip(1 - found["size"], 0.3, 0.8)
    values = {name: stats.kstest(found[name], law.cdf).pvalue for name, law in distributions.items()}
    assert min(values.values()) > 0.002, values  # of seven tests
    nearest = np.abs(found["aspect"][:, None] - ASPECTS)
    np.testing.assert_allclose(nearest.min(axis=-1), 0, atol=1e-6)
    assert stats.chisquare(np.bincount(nearest.argmin(axis=-1), minlength=len(ASPECTS))).pvalue > 0.01
    together = np.corrcoef([found[name] for name in (*distributions, "aspect")])
    assert np.abs(together - np.eye(len(together))).max() < 0.06


def test_the_focal_length_keeps_its_range():
    """Where it is within, the person has the size that was drawn; the ends of the range are reached."""
    free, limited = (
        measured(jax.device_get(seen(*people(), dataclasses.replace(UNLIMITED, focal_length=range_))[1]))
        for range_ in ((1e-3, 1e3), (1.0, 3.0))
    )
    np.testing.assert_allclose(limited["focal"], np.clip(free["focal"], 1, 3), rtol=1e-5)
    assert (limited["focal"] < 1 + 1e-5).any()
    assert (limited["focal"] > 3 - 1e-5).any()
    for name in ("distance", "pitch", "roll"):
        np.testing.assert_allclose(limited[name], free[name], rtol=2e-4, atol=2e-4)


def test_cameras_from_below_stand_above_the_floor():
    """The pitch is drawn from what the height leaves of its range at the drawn distance, without a heap at its end."""
    low = dataclasses.replace(UNLIMITED, camera_pitch=(-45.0, 10.0))
    free, found = (measured(jax.device_get(seen(*people(height=z), low)[1])) for z in (50.0, 1.0))
    limit = np.rad2deg(np.maximum(-np.pi / 4, -np.arcsin((1 - 0.1) / free["distance"])))
    share = (free["pitch"] + 45) / 55
    np.testing.assert_allclose(found["pitch"], limit + share * (10 - limit), atol=2e-3)
    assert found["height"].min() > 0.1 - 1e-4
    assert (found["pitch"] > free["pitch"] + 5).mean() > 0.5
    np.testing.assert_allclose(found["distance"], free["distance"], rtol=1e-5)
    np.testing.assert_allclose(found["roll"], free["roll"], atol=2e-3)


def test_cameras_step_back_from_people_who_come_near():
    """Until a sphere round the root that holds all joints is 0.3 m in front; size and place in the image stay."""
    near = dataclasses.replace(UNLIMITED, camera_distance=(2.0, 6.0), camera_pitch=(0.0, 20.0))
    _, free = jax.device_get(seen(*people(size=0.01), near))
    before, after = jax.device_get(seen(*people(size=2.0), near))
    was, found = measured(free), measured(after)
    radius = np.linalg.norm(np.float64(before.positions - before.root[:, :, None]), axis=-1).max(axis=(1, 2))
    x, y, focal = was["x"], was["y"] / was["aspect"], 2 * was["focal"]
    rays = np.sqrt(1 + (x**2 + y**2) / focal**2)
    np.testing.assert_allclose(found["distance"], np.maximum(was["distance"], (0.3 + radius) * rays), rtol=1e-4)
    assert 0.03 < np.mean(found["distance"] > was["distance"] * 1.01) < 0.9
    assert after.positions[..., 2].min() > 0.3 - 1e-4
    for name in ("size", "x", "y", "roll", "pitch"):
        np.testing.assert_allclose(found[name], was[name], rtol=2e-4, atol=3e-3)


@pytest.mark.parametrize("pitch", [(80.0, 89.0), (-89.0, -80.0)])
def test_steep_cameras_point_down_as_drawn(pitch):
    """Where the image is too wide for that, the person is nearer to its middle."""
    steep = Augmentation(camera_pitch=pitch, focal_length=(0.3, 0.4), camera_roll=180.0)
    found = measured(jax.device_get(seen(*people(height=30.0), steep)[1]))
    assert stats.kstest(found["pitch"], stats.uniform(pitch[0], 9).cdf).pvalue > 0.01
    assert np.abs(found["x"]).max() < 0.8 + 1e-5
    assert np.abs(found["y"]).max() < 0.8 + 1e-5


def test_ranges_of_one_value_are_met():
    fixed = Augmentation(
        camera_pitch=(30.0, 30.0), camera_roll=0.0, camera_distance=(5.0, 5.0), person_size=(0.5, 0.5),
        focal_length=(0.01, 100.0),
    )  # fmt: skip
    found = measured(jax.device_get(seen(*people(count=50), fixed)[1]))
    for name, value in {"pitch": 30, "roll": 0, "distance": 5, "size": 0.5}.items():
        np.testing.assert_allclose(found[name], value, atol=1e-4)


def test_a_windows_result_depends_on_the_key_and_on_itself_alone():
    data, starts = packed(), windows.window_starts(LENGTHS, 3)
    first, again, other = (apply(CAMERA, data=data, key=key)[1] for key in (KEY, KEY, jax.random.key(4)))
    jax.tree.map(np.testing.assert_array_equal, first, again)
    assert (first.camera.translation != other.camera.translation).any(axis=-1).all()
    elsewhere = starts[::-1].copy()
    elsewhere[2] = starts[2]
    _, changed = jax.device_get(transformed((CAMERA,), KEY, data, elsewhere, 3))
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a[2], b[2]), first, changed)


def test_keypoints_without_confidence_are_projected_from_the_joints_that_they_are():
    order = (16, 3, 0)
    fewer = Skeleton("three", tuple(H36M_17.joints[joint] for joint in order), (-1, -1, -1))
    track = make_track(frames=6)
    data = windows.pack([track._replace(keypoints_2d=track.keypoints_2d[:, list(order)])])
    step = camera(DESCRIPTION._replace(layout=fewer), RANGES)
    _, after = jax.device_get(transformed((step,), KEY, data, np.int32([0, 3]), 3))
    for row in range(2):
        expected = projected(after.positions[row][:, list(order)], after.camera.intrinsics[row])
        np.testing.assert_allclose(after.keypoints[row], expected, atol=5e-6)


@pytest.mark.parametrize("layout", [COCO_17, CMU_31, H36M_32])
def test_keypoints_that_are_no_joints_are_refused(layout):
    with pytest.raises(InputError, match=rf"layout '{layout.name}' cannot be projected from skeleton 'h36m_17'"):
        camera(DESCRIPTION._replace(layout=layout), RANGES)


def test_windows_without_poses_are_refused():
    data = windows.pack_keypoints([make_track(frames=6).keypoints_2d], [(1000, 1000)])
    with pytest.raises(InputError, match="augmentation camera needs poses and cameras"):
        draw_cameras(KEY, gather(data, np.int32([0, 3])), RANGES)
