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
from jaxpose.numerics import safe_divide
from jaxpose.rotations import quaternion_inverse, rotate, rotation_between

FORWARD = (0.0, 0.0, 1.0)
"""The optical axis in camera space."""

_LEAST_SIZE = 1e-4  # radians; a person at a distance of 100 m has 0.004
_NEAREST = 0.1  # least depth of a ray seen by the aimed camera: beyond that, 84° from its axis, an outlier


class AimedLifter(Lifter):
    """A network that takes rays of any camera, around one that takes keypoints of people of one size in the middle."""

    inner: Lifter
    box: int  # frames of the running box, odd

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
    def margin(self) -> tuple[int, int]:
        """Input frames of `aim` before and after each of its output frames; none after it if the network is causal."""
        before, after = self.inner.context
        return (self.box, 0) if before > after else (self.box // 2 + 1, self.box // 2)

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
        """
        aimed, orientation = aim(keypoints, self.margin)
        prediction = self.inner(aimed, train=train, progress=progress)
        before, after = self.inner.context
        orientation = orientation[:, before : orientation.shape[1] - after, None]
        return prediction.replace(poses=rotate(orientation, prediction.poses))


def aim(keypoints: jax.Array, margin: tuple[int, int]) -> tuple[jax.Array, jax.Array]:
    """Turn a camera towards a person, in every frame, and scale its picture to the person's size.

    The camera is aimed at the mean of the rays of all keypoints in the frames of a running box, by the smallest
    rotation; so what is level stays nearly so. The scale is the root of the mean square of their distance from the mean
    of their frame. Both weight keypoints by confidence, and both are finite where nothing is seen: the camera is then
    not turned.

    Args:
      keypoints: (..., N, K, 2 or 3) rays, and perhaps a confidence, at least 0.
      margin: input frames before and after each output frame: the box, and one more before it for the rate of turning.

    Returns:
      Keypoints (..., N - sum(margin), K + 1, 2 or 3), the last of each frame being the log of the size and the rate of
      turning; and the aimed cameras' orientation (..., N - sum(margin), 4), unit quaternions from the axes of the aimed
      to those of the real camera.
    """
    rays, confidence = keypoints[..., :2], keypoints[..., 2:]
    weight = confidence if confidence.shape[-1] else jnp.ones_like(keypoints[..., :1])
    before, after = margin
    inside = slice(before, keypoints.shape[-3] - after)
    frame_total, frame_sum = jnp.sum(weight, axis=-2), jnp.sum(weight * rays, axis=-2)
    # The spread of every frame is about its own mean, so that a person who moves is not larger.
    distance = rays - safe_divide(frame_sum, frame_total)[..., None, :]
    frame_square = jnp.sum(weight * distance * distance, axis=(-2, -1))[..., None]
    total, sums, squares = (_over_box(values, sum(margin)) for values in (frame_total, frame_sum, frame_square))
    centres = safe_divide(sums, total)
    turning, total, centre = jnp.diff(centres, axis=-2), total[..., 1:, :], centres[..., 1:, :]
    orientation = rotation_between(jnp.asarray(FORWARD), _directions(centre))

    turned = rotate(quaternion_inverse(orientation)[..., None, :], _directions(rays[..., inside, :, :]))
    seen = turned[..., :2] / jnp.maximum(turned[..., 2:], _NEAREST)
    # A flat person of a size at the angle a from the axis has 1 / cos(a) of it across the ray, 1 / cos²(a) along it.
    cosine = jax.lax.rsqrt(1 + jnp.sum(centre * centre, axis=-1, keepdims=True))
    size = jnp.sqrt(safe_divide(squares[..., 1:, :], total)) * cosine**1.5
    size = jnp.where(total > 0, jnp.maximum(size, _LEAST_SIZE), 1.0)

    picture = jnp.where(weight[..., inside, :, :] > 0, seen / size[..., None], 0.0)
    told = jnp.concatenate([jnp.log(size), jnp.clip(turning / size, -1, 1)], axis=-1)[..., None, : keypoints.shape[-1]]
    picture = jnp.concatenate([picture, confidence[..., inside, :, :]], axis=-1)
    return jnp.concatenate([picture, told], axis=-2), orientation


def _directions(rays: jax.Array) -> jax.Array:
    """Rays (..., 2) as vectors (..., 3) of depth 1."""
    return jnp.concatenate([rays, jnp.ones_like(rays[..., :1])], axis=-1)


def _over_box(values: jax.Array, box: int) -> jax.Array:
    """Sums of values (..., N, C) over a running box of frames: (..., N - box + 1, C), from sums over half of it."""
    if box == 1:
        return values
    half = _over_box(values, box // 2)
    count = values.shape[-2] - box + 1
    total = half[..., :count, :] + half[..., box // 2 : box // 2 + count, :]
    return total + values[..., box - 1 :, :] if box % 2 else total
