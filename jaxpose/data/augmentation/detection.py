"""What the augmentations of a 2D detector's errors share: sizes in the image, kinds of keypoints, runs, noise."""

import math
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.cameras import project
from jaxpose.data.augmentation.transform import require_poses
from jaxpose.data.windows import Windows
from jaxpose.skeleton import Skeleton

HEIGHT_IN_SPREADS = 3.3
"""Height of a standing person, in root mean square distances of the keypoints from their mean."""

_OKS = {
    "eye": 0.025, "nose": 0.026, "ear": 0.035, "wrist": 0.062, "elbow": 0.072, "shoulder": 0.079, "knee": 0.087,
    "ankle": 0.089, "hip": 0.107,
    "pelvis": 0.107, "spine": 0.107, "thorax": 0.079, "neck": 0.062, "head": 0.062,
}  # fmt: skip


def identity(_: jax.Array, windows: Windows) -> Windows:
    """The windows as they are: the transform of a range that is zero."""
    return windows


def keypoint_kind(name: str) -> str:
    """The kind of a keypoint: the last word of its name, as "hip" of "left_hip"."""
    return name.rpartition("_")[2]


def by_kind(layout: Skeleton, values: Mapping[str, float], other: float) -> np.ndarray:
    """A number for every keypoint of a layout, by its kind: (K,) float32."""
    return np.asarray([values.get(keypoint_kind(name), other) for name in layout.joints], np.float32)


def error_scales(layout: Skeleton) -> np.ndarray:
    """Relative size of a detector's errors for every keypoint, (K,) float32, of root mean square 1.

    The square roots of the constants of COCO's object keypoint similarity, which are the annotators' disagreement: the
    errors of detectors differ less between an eye and a hip. COCO has none for the keypoints on the midline of
    `H36M_17`, which here have those of the keypoints beside them.
    """
    scales = np.sqrt(by_kind(layout, _OKS, 0.079))
    return scales / np.sqrt(np.mean(scales**2))


def exact_keypoints(windows: Windows, joints: Sequence[int], name: str) -> jax.Array:
    """Projection of the joint of every keypoint, (B, N, K, 2) screen coordinates.

    Raises:
      InputError: the windows have no positions and cameras; it names the augmentation `name`.
    """
    require_poses(windows, name)
    return jax.vmap(project)(windows.positions[..., jnp.asarray(joints), :], windows.camera)


def person_size(keypoints: jax.Array) -> jax.Array:
    """Size of the person in the image: about the height of the same person standing upright at the same distance.

    It is `HEIGHT_IN_SPREADS` times the root mean square distance of the keypoints from their mean in the frame, over
    the frames of the window. Someone who sits, or is seen from above, is smaller, as is the box that a detector works
    on.

    Args:
      keypoints: (B, N, K, 2 or more) screen coordinates.

    Returns:
      (B,) screen units.
    """
    x, y = (along - along.mean(axis=2, keepdims=True) for along in (keypoints[..., 0], keypoints[..., 1]))
    return HEIGHT_IN_SPREADS * jnp.sqrt((x * x + y * y).mean(axis=(1, 2)))


def noise(key: jax.Array, shape: Sequence[int]) -> jax.Array:
    """Nearly normal random numbers of mean 0 and standard deviation 1, a third as dear as `jax.random.normal`.

    Each is the sum of the four bytes of a random word: of kurtosis 2.7 instead of 3, and at most 3.45.
    """
    words = jax.random.bits(key, tuple(shape), jnp.uint32)
    pairs = (words & 0x00FF00FF) + ((words >> 8) & 0x00FF00FF)
    total = (pairs & 0xFFFF) + (pairs >> 16)
    return (total.astype(jnp.float32) - 510) * np.float32(1 / math.sqrt((256**2 - 1) / 12 * 4))


def runs(
    key: jax.Array, shape: Sequence[int], frames: int, *, whole: float, edge: float, longest: int | None = None
) -> jax.Array:
    """One random run of consecutive frames in each of many windows.

    Args:
      key: random key.
      shape: of the windows.
      frames: N, of a window.
      whole: probability that a run is the whole window.
      edge: probability that it begins in the window and lasts to its end, or the other way round; uniform.
      longest: frames of the other runs at most, by default N; their lengths are log-uniform, their places uniform.

    Returns:
      (*shape, N) bool: true in the run.
    """
    kind, side, size, place = jax.random.uniform(key, (4, *shape, 1))
    most = min(longest or frames, frames)
    length = jnp.minimum(jnp.power(1.0 + most, size).astype(jnp.int32), most)
    begin = jnp.floor(place * (frames + 1 - length)).astype(jnp.int32)
    cut = jnp.floor(place * frames).astype(jnp.int32)
    time = jnp.arange(frames)
    to_edge = jnp.where(side < 0.5, time >= cut, time < frames - cut)
    within = (time >= begin) & (time < begin + length)
    return (kind < whole) | jnp.where(kind < whole + edge, to_edge, within)


def moved(windows: Windows, places: jax.Array) -> Windows:
    """The windows with keypoints at other places (B, N, K, 2); a confidence stays."""
    return windows.replace(keypoints=jnp.concatenate([places, windows.keypoints[..., 2:]], axis=-1))
