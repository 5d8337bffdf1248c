"""Augmentations: functions of a random key and a batch of windows, which the compiled training step applies.

A `Transform` gives windows of the same shapes, in which all fields still belong together: keypoints are of the
positions as the camera sees them, poses are the positions relative to their root. `TRANSFORMS` has them by name.
"""

import functools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from jaxpose import kinematics
from jaxpose.cameras import Camera, camera_to_world, project
from jaxpose.data.track import Description
from jaxpose.data.windows import Windows
from jaxpose.numerics import safe_divide
from jaxpose.rotations import quaternion_from_axis_angle, quaternion_inverse, quaternion_multiply, rotate
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import H36M_17, H36M_32, H36M_32_TO_17, Skeleton

Transform = Callable[[jax.Array, Windows], Windows]
"""Random key and windows to windows of the same shapes; pure. A window's result depends on the key, on its own values
and on its place in the batch."""

NEAREST = 0.1
"""Least depth, in metres, of a joint for which the camera model holds."""


@functools.cache  # one function for equal descriptions, so that equal recipes share a compiled program
def mirror(description: Description) -> Transform:
    """Make the transform that reflects the windows of which `mirrored` is true; it needs no random numbers."""

    def transform(_: jax.Array, windows: Windows) -> Windows:
        return mirror_marked(windows, description.layout, description.skeleton)

    return transform


@functools.cache
def yaw(description: Description) -> Transform:
    """Make the transform that turns each window's camera round the person, by an angle uniform in [-π, π).

    See `turn_cameras`.

    Raises:
      InputError: a keypoint of the layout is no joint of the skeleton, so that no new keypoints can be projected.
    """
    joints = _joints_of_keypoints(description.skeleton, description.layout)

    def transform(key: jax.Array, windows: Windows) -> Windows:
        angle = jax.random.uniform(key, windows.keypoints.shape[:1], minval=-jnp.pi, maxval=jnp.pi)
        return turn_cameras(windows, angle, joints)

    return transform


TRANSFORMS: dict[str, Callable[[Description], Transform]] = {"mirror": mirror, "yaw": yaw}
"""What makes each transform for a data set, by the name that users give; raises `InputError` if the data do not allow
it."""


def mirror_marked(windows: Windows, layout: Skeleton, skeleton: Skeleton) -> Windows:
    """Reflect the windows of which `mirrored` is true, left to right.

    The image is reflected, and so is camera space: x is negated. A camera that sees the reflected body is a proper one
    only if the world is reflected as well: its x axis is, so that up and the ground stay.

    Args:
      windows: a batch.
      layout: of the keypoints; its `left` and `right` are swapped.
      skeleton: of the poses, likewise.

    Returns:
      The batch; windows that are not marked, and `mirrored` itself, are as they were.
    """
    across = jnp.asarray([-1, 1, 1], jnp.float32)
    mirror_body = functools.partial(kinematics.mirror, skeleton=skeleton)
    reflected = windows.replace(
        keypoints=kinematics.mirror(windows.keypoints, layout),
        poses=jax.tree.map(mirror_body, windows.poses),  # None is a tree without leaves, and stays None
        root=jax.tree.map(lambda root: root * across, windows.root),
        positions=jax.tree.map(mirror_body, windows.positions),
        camera=None if windows.camera is None else _mirrored_camera(windows.camera),
    )
    return _where(windows.mirrored, reflected, windows)


def _mirrored_camera(camera: Camera) -> Camera:
    """The camera in the world with x negated that sees points with x negated at the same y and the negated x.

    With S = diag(-1, 1, 1), the rotation R becomes S R S: its axis n turns to -S n, and its angle stays.
    """
    lens = jnp.asarray([1, 1, -1, 1, 1, 1, 1, -1, 1], jnp.float32)  # the centre's x, and p1, which acts along x
    return camera._replace(
        orientation=camera.orientation * jnp.asarray([1, 1, -1, -1], jnp.float32),
        translation=camera.translation * jnp.asarray([-1, 1, 1], jnp.float32),
        intrinsics=camera.intrinsics * lens,
    )


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
    if windows.positions is None or windows.camera is None:
        raise InputError("cameras can be turned only where poses and cameras are known; leave out the augmentation yaw")
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
    before, after = positions[..., jnp.asarray(joints), :], turned_positions[..., jnp.asarray(joints), :]
    error = windows.keypoints[..., :2] - jax.vmap(project)(before, camera)
    seen = jax.vmap(project)(after, camera) + error * safe_divide(before[..., 2:], after[..., 2:])
    orbit = quaternion_from_axis_angle(angle[:, None] * vertical)  # of the camera, in the world
    pivot = jax.vmap(camera_to_world)(centre, camera)
    turned = windows.replace(
        keypoints=jnp.concatenate([seen, windows.keypoints[..., 2:]], axis=-1),
        poses=about(windows.poses, jnp.zeros_like(centre)),
        root=about(windows.root, centre),
        positions=turned_positions,
        camera=camera._replace(
            orientation=quaternion_multiply(orbit, camera.orientation),
            translation=pivot + rotate(orbit, camera.translation - pivot),
        ),
    )
    holds = jax.vmap(_camera_model_holds)
    return _where(holds(before, camera) & holds(after, camera), turned, windows)


def _camera_model_holds(points: jax.Array, camera: Camera) -> jax.Array:
    """True if all points (..., 3) are in front of a camera, and near enough to its image (see `turn_cameras`)."""
    focal, centre, (k1, k2, k3) = camera.intrinsics[:2], camera.intrinsics[2:4], camera.intrinsics[4:7]
    ray = safe_divide(points[..., :2], points[..., 2:])
    undistorted = ray * focal + centre  # the lens model may fold points from far out back into the image
    square = jnp.sum(ray * ray, axis=-1)
    slope = 1 + square * (3 * k1 + square * (5 * k2 + square * 7 * k3))  # of the distorted radius
    near = (jnp.abs(undistorted) < jnp.stack([camera.width, camera.height])).all(axis=-1)
    return ((points[..., 2] > NEAREST) & near & (slope > 0)).all()


def _joints_of_keypoints(skeleton: Skeleton, layout: Skeleton) -> tuple[int, ...]:
    """Of every keypoint, the joint of the same name, or the one that Human3.6M's two skeletons share.

    Raises:
      InputError: a keypoint is not a joint.
    """
    names = H36M_32_TO_17 if (skeleton.name, layout.name) == (H36M_32.name, H36M_17.name) else layout.joints
    if missing := [name for name in names if name not in skeleton.joints]:
        raise InputError(
            f"the augmentation yaw projects joints to keypoints, and layout {layout.name!r} cannot be projected from "
            f"skeleton {skeleton.name!r}: it has no joint {missing[0]!r} ({len(missing)} of {layout.num_joints} are "
            "missing); leave yaw out, or choose data whose keypoints are joints of its skeleton"
        )
    return tuple(skeleton.index(name) for name in names)


def _where(chosen: jax.Array, new: Windows, old: Windows) -> Windows:
    """The windows of `new` where `chosen` (B,) is true, else those of `old`."""

    def select(a: jax.Array, b: jax.Array) -> jax.Array:
        return b if a is b else jnp.where(chosen.reshape(-1, *[1] * (a.ndim - 1)), a, b)

    return jax.tree.map(select, new, old)
