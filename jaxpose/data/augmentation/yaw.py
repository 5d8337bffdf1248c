"""Turn each window's camera round the person, with its own lens and pitch."""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from jaxpose.cameras import Camera, camera_to_world
from jaxpose.data.augmentation.settings import Augmentation
from jaxpose.data.augmentation.transform import (
    NEAREST,
    Transform,
    joints_of_keypoints,
    project_moved,
    require_poses,
    where_chosen,
)
from jaxpose.data.track import Description
from jaxpose.data.windows import Windows
from jaxpose.numerics import safe_divide
from jaxpose.rotations import quaternion_from_axis_angle, quaternion_inverse, quaternion_multiply, rotate


@functools.cache
def yaw(description: Description, _: Augmentation) -> Transform:
    """Make the transform that turns each window's camera round the person, by an angle uniform in [-π, π).

    See `turn_cameras`.

    Raises:
      InputError: a keypoint of the layout is no joint of the skeleton, so that no new keypoints can be projected.
    """
    joints = joints_of_keypoints(description.skeleton, description.layout)

    def transform(key: jax.Array, windows: Windows) -> Windows:
        angle = jax.random.uniform(key, windows.keypoints.shape[:1], minval=-jnp.pi, maxval=jnp.pi)
        return turn_cameras(windows, angle, joints)

    return transform


def turn_cameras(windows: Windows, angle: jax.Array, joints: Sequence[int]) -> Windows:
    """Move each window's camera on a circle round the person, looking at the person as before.

    The axis is the vertical through the root at the window's middle output frame. In camera space the body turns by
    the opposite angle about that axis; the world, where the person is, stays. Keypoints are projected anew, lens
    distortion included; what a detector had them wrong by is added, in proportion to the person's size in the image.

    A window is left as it was if, before or after, the camera model does not hold for one of its joints in any input
    frame: it is behind the camera or nearer than `NEAREST`; it lies outside an image of twice the width and height; or
    so far out that the lens's radial distortion folds back. Keypoints outside the image within these limits are kept.

    Args:
      windows: a batch with positions and cameras.
      angle: (B,) radians by which cameras turn about the world's z axis, anticlockwise seen from above.
      joints: of every keypoint, the joint that it is of.

    Returns:
      The batch.

    Raises:
      InputError: the windows have no positions and cameras.
    """
    require_poses(windows, "yaw")
    camera, positions = windows.camera, windows.positions
    centre = windows.root[:, windows.root.shape[1] // 2]
    vertical = jnp.asarray([0, 0, 1], jnp.float32)
    up = rotate(quaternion_inverse(camera.orientation), vertical)
    turn = quaternion_from_axis_angle(-angle[:, None] * up)  # of the body, in camera space

    def about(points: jax.Array, centre: jax.Array) -> jax.Array:
        """Turn points (B, ..., 3) about the axis through centre (B, 3)."""
        q, centre = (jnp.expand_dims(array, tuple(range(1, points.ndim - 1))) for array in (turn, centre))
        return centre + rotate(q, points - centre)

    turned_positions = about(positions, centre)
    orbit = quaternion_from_axis_angle(angle[:, None] * vertical)  # of the camera, in the world
    pivot = jax.vmap(camera_to_world)(centre, camera)
    turned = windows.replace(
        keypoints=project_moved(windows, turned_positions, joints),
        poses=about(windows.poses, jnp.zeros_like(centre)),
        root=about(windows.root, centre),
        positions=turned_positions,
        camera=camera._replace(
            orientation=quaternion_multiply(orbit, camera.orientation),
            translation=pivot + rotate(orbit, camera.translation - pivot),
        ),
    )
    before, after = (
        jax.vmap(_camera_model_holds)(points[..., jnp.asarray(joints), :], camera)
        for points in (positions, turned_positions)
    )
    return where_chosen(before & after, turned, windows)


def _camera_model_holds(points: jax.Array, camera: Camera) -> jax.Array:
    """True if all points (..., 3) are in front of a camera, and near enough to its image (see `turn_cameras`)."""
    focal, centre, (k1, k2, k3) = camera.intrinsics[:2], camera.intrinsics[2:4], camera.intrinsics[4:7]
    ray = safe_divide(points[..., :2], points[..., 2:])
    undistorted = ray * focal + centre  # the lens model may fold points from far out back into the image
    square = jnp.sum(ray * ray, axis=-1)
    slope = 1 + square * (3 * k1 + square * (5 * k2 + square * 7 * k3))  # of the distorted radius
    near = (jnp.abs(undistorted) < jnp.stack([camera.width, camera.height])).all(axis=-1)
    return ((points[..., 2] > NEAREST) & near & (slope > 0)).all()
