"""A network that looks at a person as if the camera were aimed at them: for any camera, distance and shape of image.

Keypoints come in as rays, the directions in which the camera sees them: (pixel - centre) / focal length. In every frame
a camera is aimed at the person, and the picture that it takes is scaled to a person of unit size; the poses that
another network lifts from that are turned back from the axes of the aimed camera to those of the real one. Where the
camera is aimed, and the scale, follow the person slowly: they are means over a running box of frames, of which
keypoints count by their confidence. Those that are not seen (confidence 0) are given to the network as zeros.

The inner network sees one keypoint more than there are, which tells what aiming takes away: the logarithm of the
person's size in radians, and how fast the camera turns, to the right and down, in sizes a frame.
"""

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxpose.models.lifter import Lifter, Prediction, Progress
from jaxpose.numerics import as_floating, safe_divide, safe_normalize
from jaxpose.rotations import quaternion_inverse, rotate, rotation_between

FORWARD = (0.0, 0.0, 1.0)
"""The optical axis in camera space."""

LEAST_SIZE = 1e-4
"""Of a person, in radians; one at a distance of 100 m has 0.004."""

NEAREST = 0.1
"""Least cosine of the angle between a ray and the aimed camera's axis: beyond 84°, it is an outlier."""


class AimedLifter(Lifter):
    """A network that takes rays of any camera, around one that takes keypoints of people of one size in the middle."""

    inner: Lifter
    margin: tuple[int, int]  # of `aim`, see `box_margin`

    @property
    def rays(self) -> bool:
        """True: keypoints are rays."""
        return True

    @property
    def context(self) -> tuple[int, int]:
        """Input frames before and after each output frame: those of the inner network, and the box's."""
        (before, after), (earlier, later) = self.inner.context, self.margin
        return before + earlier, after + later

    @property
    def frames(self) -> int | None:
        """As the inner network."""
        return self.inner.frames

    def schedules(self, progress: Progress) -> dict[str, chex.Numeric]:
        """As the inner network."""
        return self.inner.schedules(progress)

    @nn.compact
    def __call__(self, keypoints: jax.Array, *, train: bool = False, progress: Progress | None = None) -> Prediction:
        """Predict the poses of the frames with their whole context in the input.

        Args:
          keypoints: (B, N, K_2d, 2 or 3) rays of N consecutive frames, and perhaps a confidence.
          train: as for the inner network.
          progress: likewise.

        Returns:
          Poses (B, K, J, 3) metres, relative to the root, in the axes of the real camera.

        Raises:
          ValueError: N is less than the context and one frame.
        """
        if keypoints.shape[1] <= sum(self.context):
            raise ValueError(f"{keypoints.shape[1]} input frames are fewer than the {sum(self.context) + 1} needed")
        aimed, orientation = aim(keypoints, self.margin)
        prediction = self.inner(aimed, train=train, progress=progress)
        before, after = self.inner.context
        orientation = orientation[:, before : orientation.shape[1] - after, None]
        return prediction.replace(poses=rotate(orientation, prediction.poses))


def box_margin(frames: int, *, causal: bool) -> tuple[int, int]:
    """Input frames that `aim` needs before and after each of its output frames.

    Args:
      frames: of the running box, odd; a causal one ends with the output frame, others have it in the middle.
      causal: whether no later frame may be used.
    """
    return (frames, 0) if causal else (frames // 2 + 1, frames // 2)


def aim(keypoints: jax.Array, margin: tuple[int, int]) -> tuple[jax.Array, jax.Array]:
    """Turn a camera towards a person, in every frame, and scale its picture to the person's size.

    The camera is aimed at the mean of the directions (unit vectors) of all keypoints in the frames of a running box, by
    the smallest rotation; so what is level stays nearly so. The person's size is the root of the mean square of the
    directions' distances from the mean of their frame, so that a person who moves is not larger. Both weight keypoints
    by confidence. Where nothing is seen in the box, the camera is not turned and the size is 1.

    Args:
      keypoints: (..., N, K, 2 or 3) rays, and perhaps a confidence, at least 0; where it is 0, the ray may be anything.
      margin: input frames before and after each output frame: the box, and one more before it for the rate of turning.

    Returns:
      Keypoints (..., N - sum(margin), K + 1, 2 or 3), the last of each frame being the log of the size and the rate of
      turning, of which the part to the right alone if there are two numbers; and the aimed cameras' orientation
      (..., N - sum(margin), 4), unit quaternions from the axes of the aimed to those of the real camera.

    Raises:
      ValueError: N is not more than the margin.
    """
    if keypoints.shape[-3] <= sum(margin):
        raise ValueError(f"{keypoints.shape[-3]} frames are fewer than the {sum(margin) + 1} that aiming needs")
    keypoints = as_floating(keypoints)
    confidence = keypoints[..., 2:]
    weight = confidence if confidence.shape[-1] else jnp.ones_like(keypoints[..., :1])
    rays = jnp.where(weight > 0, keypoints[..., :2], 0)
    directions = safe_normalize(jnp.concatenate([rays, jnp.ones_like(weight)], axis=-1))
    total, sums = jnp.sum(weight, axis=-2), jnp.sum(weight * directions, axis=-2)
    distance = directions - safe_divide(sums, total)[..., None, :]
    squares = jnp.sum(weight * distance * distance, axis=(-2, -1))[..., None]

    total, sums, squares = (_over_box(values, sum(margin)) for values in (total, sums, squares))
    known = total > 0
    centre = jnp.where(known, safe_normalize(sums), jnp.asarray(FORWARD))
    turning = jnp.where(known[..., 1:, :] & known[..., :-1, :], jnp.diff(centre, axis=-2), 0)
    size = jnp.sqrt(jnp.maximum(safe_divide(squares, total), LEAST_SIZE**2))
    size = jnp.where(known, size, 1)[..., 1:, :]
    orientation = rotation_between(jnp.asarray(FORWARD), centre[..., 1:, :])

    before, after = margin
    inside, back = slice(before, keypoints.shape[-3] - after), quaternion_inverse(orientation)
    turned = rotate(back[..., None, :], directions[..., inside, :, :])
    picture = turned[..., :2] / jnp.maximum(turned[..., 2:], NEAREST) / size[..., None]
    picture = jnp.where(weight[..., inside, :, :] > 0, picture, 0)
    picture = jnp.concatenate([picture, confidence[..., inside, :, :]], axis=-1)
    turning = jnp.clip(rotate(back, turning)[..., :2] / size, -1, 1)
    told = jnp.concatenate([jnp.log(size), turning], axis=-1)[..., None, : keypoints.shape[-1]]
    return jnp.concatenate([picture, told], axis=-2), orientation


def _over_box(values: jax.Array, box: int) -> jax.Array:
    """Sums of values (..., N, C) over a running box of frames: (..., N - box + 1, C), from sums over half of it."""
    if box == 1:
        return values
    half = _over_box(values, box // 2)
    count = values.shape[-2] - box + 1
    total = half[..., :count, :] + half[..., box // 2 : box // 2 + count, :]
    return total + values[..., box - 1 :, :] if box % 2 else total
