"""Mirror images: reflect keypoints, poses, cameras and the world, left to right."""

import functools

import jax
import jax.numpy as jnp

from jaxpose import kinematics
from jaxpose.cameras import Camera
from jaxpose.data.augmentation.settings import Augmentation
from jaxpose.data.augmentation.transform import Transform, where_chosen
from jaxpose.data.track import Description
from jaxpose.data.windows import Windows
from jaxpose.skeleton import Skeleton


@functools.cache  # one function for equal descriptions, so that equal recipes share a compiled program
def mirror(description: Description, _: Augmentation) -> Transform:
    """Make the transform that reflects the windows of which `mirrored` is true; it needs no random numbers."""

    def transform(_: jax.Array, windows: Windows) -> Windows:
        return mirror_marked(windows, description.layout, description.skeleton)

    return transform


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
    return where_chosen(windows.mirrored, reflected, windows)


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
