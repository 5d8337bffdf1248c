"""Another body for every window: larger or smaller, with longer or shorter bones, and the same motion."""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.data.augmentation.settings import Augmentation
from jaxpose.data.augmentation.transform import Transform, joints_of_keypoints, project_moved, require_poses
from jaxpose.data.track import Description
from jaxpose.data.windows import Windows
from jaxpose.rotations import quaternion_inverse, rotate
from jaxpose.skeleton import Skeleton

EXTREME = 2.5
"""Most standard deviations by which a body differs from the recorded one."""


@functools.cache
def body(description: Description, ranges: Augmentation) -> Transform:
    """Make the transform that gives each window a body of its own; see `draw_stretches` and `stretch_bodies`.

    Raises:
      InputError: a keypoint of the layout is no joint of the skeleton, so that no new keypoints can be projected.
    """
    skeleton = description.skeleton
    joints = joints_of_keypoints(skeleton, description.layout)

    def transform(key: jax.Array, windows: Windows) -> Windows:
        factors = draw_stretches(key, windows.visible.shape[0], skeleton, ranges)
        return stretch_bodies(windows, factors, skeleton, joints)

    return transform


def draw_stretches(key: jax.Array, count: int, skeleton: Skeleton, ranges: Augmentation) -> jax.Array:
    """Draw by how much every bone of a body is longer.

    A bone's factor is the body's, 1 + `body_size` · x, times its own, 1 + `bone_length` · x, with x standard normal
    and within ± `EXTREME`. Left and right have the same, and so have the bones of one part (see `bone_groups`).

    Args:
      key: random key.
      count: bodies, B.
      skeleton: of the bodies.
      ranges: to draw from.

    Returns:
      (B, J) factors of the bone that ends at each joint; joint 0's, and that of any other root, is the body's.
    """
    groups = bone_groups(skeleton)
    of_body, of_bones = jax.random.split(key)

    def normal(key: jax.Array, *shape: int) -> jax.Array:
        return jax.random.truncated_normal(key, -EXTREME, EXTREME, (count, *shape))

    size = 1 + ranges.body_size * normal(of_body, 1)
    bones = 1 + ranges.bone_length * normal(of_bones, skeleton.num_joints)[:, np.asarray(groups)]
    return size * jnp.where(np.asarray(skeleton.parents) < 0, 1, bones)


def bone_groups(skeleton: Skeleton) -> tuple[int, ...]:
    """Of the bone that ends at each joint, the joint that stands for all bones that are stretched alike.

    These are a bone and its mirror image, and the bones from one joint to all joints at which the tree ends: the parts
    of a face, which hang at the neck, or of a hand. So a face is scaled as a whole.

    >>> from jaxpose.skeleton import Skeleton
    >>> bone_groups(Skeleton("bust", ["chest", "hand_l", "hand_r", "neck", "nose", "eye"], [-1, 0, 0, 0, 3, 3]))
    (0, 1, 1, 3, 4, 4)
    """
    ends = [
        next(
            (other for other in range(joint) if skeleton.parents[other] == parent and other not in skeleton.parents),
            joint,
        )
        if joint not in skeleton.parents and parent >= 0
        else joint
        for joint, parent in enumerate(skeleton.parents)
    ]
    return tuple(min(ends[joint], ends[mirror]) for joint, mirror in enumerate(skeleton.mirrored))


def stretch_bodies(windows: Windows, factors: jax.Array, skeleton: Skeleton, joints: Sequence[int]) -> Windows:
    """Scale the bones of each window's body; their directions stay.

    The root's path is stretched, too, so that feet neither slide much nor leave the floor: horizontally, about the root
    at the window's middle output frame, by the mean factor of thighs and shins (by joint 0's factor, where the skeleton
    has no angles at knees); vertically, so that the lowest joint of the body has the height above the floor that it
    had, frame by frame.

    Keypoints are projected anew by the window's camera, lens distortion included; what a detector had them wrong by is
    added, in proportion to the person's size in the image.

    Args:
      windows: a batch with positions and cameras.
      factors: (B, J) of the bone that ends at each joint; a joint without a parent hangs at joint 0.
      skeleton: the tree.
      joints: of every keypoint, the joint that it is of.

    Returns:
      The batch.

    Raises:
      InputError: the windows have no positions and cameras.
    """
    require_poses(windows, "body")
    matrix = _stretch_matrix(factors, skeleton)
    up = rotate(quaternion_inverse(windows.camera.orientation), jnp.asarray([0, 0, 1], jnp.float32))[:, None]
    centre = windows.root[:, windows.root.shape[1] // 2][:, None]
    path = jnp.mean(factors[:, np.asarray(_leg_bones(skeleton))], axis=-1)[:, None, None]

    def stretched(poses: jax.Array, root: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Poses (B, T, J, 3) relative to the root (B, T, 3), and the root."""
        new = jnp.einsum("bij,btjc->btic", matrix, poses, precision=jax.lax.Precision.HIGHEST)
        lowest, lowest_new = (jnp.min(_heights(p, up[:, None]), axis=-1) for p in (poses, new))
        moved = root - centre
        level = moved - _heights(moved, up)[..., None] * up
        return new, root + (path - 1) * level + (lowest - lowest_new)[..., None] * up

    old = windows.positions
    poses, root = stretched(windows.poses, windows.root)
    relative, path_of_all = stretched(old - old[..., :1, :], old[..., 0, :])
    positions = path_of_all[..., None, :] + relative
    keypoints = project_moved(windows, positions, joints)
    return windows.replace(keypoints=keypoints, poses=poses, root=root, positions=positions)


def _stretch_matrix(factors: jax.Array, skeleton: Skeleton) -> jax.Array:
    """The matrices (B, J, J) that take poses relative to joint 0 to those with stretched bones.

    The chain of bones to a joint is a sum of differences between joints: row i of the matrix is the row of its parent,
    and f_i at i, and -f_i at the parent.
    """
    chains = np.zeros((skeleton.num_joints, skeleton.num_joints), np.float32)  # which bones lead to each joint
    bones = np.zeros_like(chains)  # the bone that ends at each joint, as a difference of joints
    for joint, parent in list(enumerate(skeleton.parents))[1:]:
        chains[joint] = chains[max(parent, 0)]
        chains[joint, joint] = 1
        bones[joint, joint] = 1
        bones[joint, max(parent, 0)] -= 1
    # Constants of zeros and ones: products with them are exact also where a GPU rounds the factors of products.
    return jnp.einsum("ij,bj,jk->bik", chains, factors, bones, precision=jax.lax.Precision.HIGHEST)


def _heights(points: jax.Array, up: jax.Array) -> jax.Array:
    """Scalar products of points (..., 3) and directions (..., 3), written out: a CPU is slow to sum three numbers."""
    return points[..., 0] * up[..., 0] + points[..., 1] * up[..., 1] + points[..., 2] * up[..., 2]


def _leg_bones(skeleton: Skeleton) -> tuple[int, ...]:
    """The joints at which thighs and shins end, from the angles at the knees; joint 0 if there are no such angles."""
    knees = [angle.joints for angle in skeleton.angles if angle.name.endswith("knee")]
    return tuple(joint for _, knee, ankle in knees for joint in (knee, ankle)) or (0,)
