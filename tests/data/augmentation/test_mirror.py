"""Mirror images against geometry in NumPy and float64."""

import itertools

import jax
import numpy as np
import pytest
from helpers.augmented import KEY, LENGTHS, RANGES, apply, assert_consistent, assert_mirrored_world, gather, packed
from helpers.samples import DESCRIPTION, make_track

from jaxpose.data import windows
from jaxpose.data.augmentation.mirror import mirror
from jaxpose.data.transforms import TRANSFORMS
from jaxpose.skeleton import COCO_17, H36M_17

MIRROR = mirror(DESCRIPTION, RANGES)


@pytest.mark.parametrize("frames", [1, 3])
def test_mirrored_windows_are_what_a_proper_camera_sees_of_the_mirrored_world(frames):
    before, after = apply(MIRROR, frames=frames)
    assert_consistent(after)
    assert before.mirrored.any()
    assert not before.mirrored.all()
    assert_mirrored_world(before, after)


def test_mirroring_negates_x_swaps_sides_and_leaves_the_other_windows():
    """Keypoints and poses each by a skeleton of their own; to the bit."""
    starts = windows.window_starts(LENGTHS, 3)
    transform = mirror(DESCRIPTION._replace(layout=COCO_17), RANGES)

    @jax.jit
    def both(data):
        batch = gather(data, starts)
        return batch, transform(KEY, batch)

    batch, new = jax.device_get(both(packed(noise=2)))
    chosen = batch.mirrored
    seen, wanted = batch.keypoints[chosen][:, :, COCO_17.mirrored], batch.poses[chosen][:, :, H36M_17.mirrored]
    np.testing.assert_array_equal(new.keypoints[chosen, ..., 0], -seen[..., 0])
    np.testing.assert_array_equal(new.keypoints[chosen, ..., 1:], seen[..., 1:])
    np.testing.assert_array_equal(new.poses[chosen], wanted * np.float32([-1, 1, 1]))
    kept = jax.tree.map(lambda field: field[~chosen], (batch, new))
    jax.tree.map(np.testing.assert_array_equal, *kept)


def test_windows_without_poses_are_mirrored():
    tracks = [make_track(frames=n, seed=n) for n in LENGTHS]
    data = windows.pack_keypoints([track.keypoints_2d for track in tracks], [(1000, 1000)] * len(LENGTHS))
    data = data._replace(camera=None)
    before, after = apply(MIRROR, data=data)
    np.testing.assert_array_equal(after.keypoints[::2, ..., 0], -before.keypoints[::2][..., H36M_17.mirrored, 0])
    np.testing.assert_array_equal(after.keypoints[1::2], before.keypoints[1::2])
    assert after.poses is after.root is after.positions is after.camera is None


ORDERS = [("mirror", "yaw"), ("yaw", "mirror"), ("mirror", "camera"), ("camera", "mirror")]


@pytest.mark.parametrize("order", ORDERS, ids=" then ".join)
def test_mirror_and_cameras_follow_each_other_in_either_order(order):
    before, after = apply(*(TRANSFORMS[name](DESCRIPTION, RANGES) for name in order))
    assert_consistent(after)
    assert_mirrored_world(before, after)


ORDERS_OF_BODIES = list(itertools.permutations(("mirror", "body", "camera")))


@pytest.mark.parametrize("order", ORDERS_OF_BODIES, ids=" then ".join)
def test_mirror_bodies_and_cameras_follow_each_other_in_any_order(order):
    """Bodies have the same factors left and right, and so commute with mirrors, and with cameras."""
    steps = {name: TRANSFORMS[name](DESCRIPTION, RANGES) for name in order}
    _, after = apply(*(steps[name] for name in order))
    _, stretched = apply(steps["body"])
    assert_consistent(after)
    assert_mirrored_world(stretched, after)
