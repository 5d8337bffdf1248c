"""Another camera for every window: all round, from above and below, tilted, near and far, of any image's shape."""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxpose.cameras import Camera, camera_to_world
from jaxpose.data.augmentation.settings import Augmentation
from jaxpose.data.augmentation.transform import Transform, joints_of_keypoints, log_uniform, require_poses
from jaxpose.data.track import Description
from jaxpose.data.windows import Windows
from jaxpose.numerics import safe_divide, safe_norm
from jaxpose.rotations import (
    quaternion_from_axis_angle,
    quaternion_inverse,
    quaternion_multiply,
    quaternion_to_matrix,
    rotate,
)

NEAREST = 0.3
"""Least depth, in metres, of a joint before a new camera."""

LOWEST = 0.1
"""Least height, in metres, of a new camera above the floor, the world's z = 0."""

STANDING = 1.7
"""Height, in metres, of the standing person whose size in the image `Augmentation.person_size` is."""

ASPECTS = (9 / 16, 3 / 4, 1.0, 4 / 3, 16 / 9)
"""Width of new images in heights: portrait, square and landscape, as phones and cameras take them."""

MIDDLE = (0.3, 0.8)
"""Share of the image, in its middle, in which the root lies: of large people and of small ones."""


@functools.cache
def camera(description: Description, ranges: Augmentation) -> Transform:
    """Make the transform that sees each window with a camera of its own; see `draw_cameras` and `seen_by`.

    Raises:
      InputError: a keypoint of the layout is no joint of the skeleton, so that no new keypoints can be projected.
    """
    joints = joints_of_keypoints(description.skeleton, description.layout)

    def transform(key: jax.Array, windows: Windows) -> Windows:
        return seen_by(windows, draw_cameras(key, windows, ranges), joints)

    return transform


class _Shot(NamedTuple):
    """What is drawn for each window, fields (B,): numbers that do not depend on the person."""

    yaw: jax.Array  # radians, of the camera about the world's vertical
    pitch: jax.Array  # by which the line from the camera to the person points down, from 0 (least) to 1 (most)
    roll: jax.Array  # radians, of the camera about its optical axis
    distance: jax.Array  # metres
    size: jax.Array  # of a standing person, in heights of the image
    aspect: jax.Array  # width of the image in heights
    place: jax.Array  # (B, 2) of the root in the image: 0 is its middle, -1 and 1 are the ends of where it may lie


def draw_cameras(key: jax.Array, windows: Windows, ranges: Augmentation) -> Camera:
    """Draw a camera for each window, fixed during the window and without lens distortion.

    Drawn independently: the camera's direction, all round; the pitch of the line from the camera to the person, uniform
    in `camera_pitch`; the roll, up to ± `camera_roll` with a triangular density, so that small tilts are likelier; the
    distance, log-uniform in `camera_distance`; the image's shape, one of `ASPECTS`; the size of a standing person in
    the image, log-uniform in `person_size`, which gives the focal length, clipped to `focal_length`; and the root's
    place in the image at the window's middle output frame, uniform in the middle of width and height: in the share in
    which a standing person, half as wide as high, is within the image, but within `MIDDLE`. The camera looks past the
    person accordingly: perspective is exact.

    Two limits keep cameras possible. The camera is at least `LOWEST` above the floor at the drawn distance: the pitch
    is drawn from what that leaves of `camera_pitch`. And a sphere round the root, in which the joints of all input
    frames are, lies at least `NEAREST` in front of the camera: where it would not, the camera steps back, and its focal
    length grows so that the person's size stays as drawn, within `focal_length`. So no window keeps the camera of the
    data: a share of recorded cameras, which are few and stand level, would be learnt by heart.

    Args:
      key: random key.
      windows: a batch with positions and cameras.
      ranges: to draw from.

    Returns:
      Cameras of the world of the windows, fields (B, ...), in screen units as in `Windows`.

    Raises:
      InputError: the windows have no positions and cameras.
    """
    require_poses(windows, "camera")
    shot = _draw(key, windows.visible.shape[0], ranges)
    centre = windows.root[:, windows.root.shape[1] // 2]
    apart = jnp.square(windows.positions - centre[:, None, None])
    radius = jnp.sqrt(jnp.max(apart[..., 0] + apart[..., 1] + apart[..., 2], axis=(1, 2)))
    height = 2 / shot.aspect
    shortest, longest = ranges.focal_length

    def focal_length(distance: jax.Array) -> jax.Array:
        """In screen units, (B,): 2 are a width of the image."""
        return 2 * jnp.clip(shot.size * distance / STANDING / shot.aspect, shortest, longest)

    distance, focal = shot.distance, focal_length(shot.distance)
    person = focal[:, None] / 2 * STANDING / distance[:, None] * jnp.stack([jnp.full_like(focal, 0.5), shot.aspect], -1)
    place = shot.place * jnp.clip(1 - person, *MIDDLE) * jnp.stack([jnp.ones_like(height), height / 2], axis=-1)
    # At another distance the ray of the root is no farther from the optical axis, since the focal length is no shorter.
    distance = jnp.maximum(distance, (NEAREST + radius) * safe_norm(_ray(place, focal)))
    focal = focal_length(distance)
    root = jax.vmap(camera_to_world)(centre, windows.camera)
    low, high = jnp.deg2rad(jnp.asarray(ranges.camera_pitch))
    lowest = jnp.maximum(low, jnp.arcsin(jnp.clip((LOWEST - root[:, 2]) / distance, -1, 1)))
    down = jnp.sin(lowest + shot.pitch * jnp.maximum(high - lowest, 0))
    orientation, line = _aim(shot.yaw, down, shot.roll, place / focal[:, None])
    none = jnp.zeros_like(focal)
    return Camera(
        orientation=orientation,
        translation=root - distance[:, None] * line,
        intrinsics=jnp.stack([focal, focal, *[none] * 7], axis=-1),
        width=none + 2,
        height=height,
    )


def seen_by(windows: Windows, new: Camera, joints: Sequence[int]) -> Windows:
    """The windows as other cameras see the same world.

    Args:
      windows: a batch with positions and cameras.
      new: camera of each window, fields (B, ...), in screen units; its lens has no distortion.
      joints: of every keypoint, the joint that it is of.

    Returns:
      The batch: positions, roots and poses in the new camera's space; keypoints are exact projections of their joints,
      with confidence one if they have a confidence. What a detector had them wrong by is gone.
    """
    old = windows.camera
    back = quaternion_inverse(new.orientation)
    turn = quaternion_to_matrix(quaternion_multiply(back, old.orientation))
    shift = rotate(back, old.translation - new.translation)

    def turned(points: jax.Array) -> jax.Array:
        """Points (B, ..., 3) by the window's rotation.

        Written out: a GPU would round the factors of a matrix product, and a CPU is slow to sum three numbers.
        """
        rows = jnp.moveaxis(turn, 0, -1).reshape(3, 3, -1, *[1] * (points.ndim - 2))
        x, y, z = jnp.unstack(points, axis=-1)
        return jnp.stack([a * x + b * y + c * z for a, b, c in rows], axis=-1)

    positions = turned(windows.positions) + shift[:, None, None]
    depth = positions[..., jnp.asarray(joints), 2:]
    place = positions[..., jnp.asarray(joints), :2] * new.intrinsics[:, None, None, :2]
    seen = safe_divide(place, depth) + new.intrinsics[:, None, None, 2:4]
    return windows.replace(
        keypoints=jnp.concatenate([seen, jnp.ones_like(windows.keypoints[..., 2:])], axis=-1),
        poses=turned(windows.poses),
        root=turned(windows.root) + shift[:, None],
        positions=positions,
        camera=new,
    )


def _draw(key: jax.Array, count: int, ranges: Augmentation) -> _Shot:
    """Draw the shots of `count` windows."""
    keys = iter(jax.random.split(key, 7))

    def uniform(low: float, high: float, *shape: int) -> jax.Array:
        return jax.random.uniform(next(keys), (count, *shape), minval=low, maxval=high)

    return _Shot(
        yaw=uniform(-jnp.pi, jnp.pi),
        pitch=uniform(0, 1),
        roll=jnp.deg2rad(ranges.camera_roll) * jnp.sum(uniform(-0.5, 0.5, 2), axis=-1),
        distance=log_uniform(next(keys), (count,), *ranges.camera_distance),
        size=log_uniform(next(keys), (count,), *ranges.person_size),
        aspect=jax.random.choice(next(keys), jnp.asarray(ASPECTS), (count,)),
        place=uniform(-1, 1, 2),
    )


def _ray(place: jax.Array, focal: jax.Array) -> jax.Array:
    """The ray (B, 3) of depth one of places (B, 2) on the screen."""
    return jnp.concatenate([place / focal[:, None], jnp.ones_like(focal)[:, None]], axis=-1)


def _aim(yaw: jax.Array, down: jax.Array, roll: jax.Array, place: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Turn a camera so that a place of its image, at depth one, is seen in a direction that points down by an angle.

    Args:
      yaw: (B,) radians, of the camera about the world's vertical.
      down: (B,) sine of the angle.
      roll: (B,) radians, of the camera about its optical axis: its x axis leaves the horizontal by it.
      place: (B, 2) x and y at depth one.

    Returns:
      The camera's orientation, (B, 4), and the direction in the world, (B, 3), of length one.
    """
    axis = jnp.eye(3)
    rolled = quaternion_from_axis_angle(roll[:, None] * axis[2])
    ray = rotate(rolled, jnp.concatenate([place, jnp.ones_like(roll)[:, None]], axis=-1))
    x, y, _ = jnp.unstack(ray, axis=-1)
    # A direction cannot point down by more than the angle between it and the camera's horizontal x axis. Where it
    # should (not within the default ranges), the place moves towards the middle of the image.
    level = 0.99 * (1 - down * down)  # most of the square of the cosine between the direction and the x axis
    excess = x * x - level * (x * x + y * y)
    nearer = jnp.where(excess > level, jnp.sqrt(level / jnp.where(excess > level, excess, 1)), 1)
    x, y = x * nearer, y * nearer
    length = jnp.sqrt(1 + x * x + y * y)
    upright = jnp.sqrt(1 + y * y)
    pitch = jnp.arcsin(jnp.clip(down * length / upright, -1, 1)) - jnp.arctan2(y, jnp.ones_like(y))
    level_camera = -(jnp.pi / 2 + pitch)  # about x: from a camera that looks down the world's z axis
    orientation = quaternion_multiply(
        quaternion_from_axis_angle(yaw[:, None] * axis[2]),
        quaternion_multiply(quaternion_from_axis_angle(level_camera[:, None] * axis[0]), rolled),
    )
    direction = jnp.concatenate([place * nearer[:, None], jnp.ones_like(roll)[:, None]], axis=-1) / length[:, None]
    return orientation, rotate(orientation, direction)
