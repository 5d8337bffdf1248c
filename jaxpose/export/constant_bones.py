"""Give every bone of a motion one length in all frames, and measure how far that moves the joints."""

import functools

import jax
import numpy as np

from jaxpose.export.motion import Motion
from jaxpose.inverse_kinematics import mean_lengths, symmetric_lengths
from jaxpose.runtime.devices import bucket_length
from jaxpose.skeleton import Skeleton

_SHORTEST = 1e-6  # metres; a shorter bone has no direction


def constant_bones(motion: Motion) -> Motion:
    """Set every bone to its length of `constant_lengths`; roots keep their positions, bones their directions.

    Args:
      motion: of at least one frame. A bone without length in a frame points where it did in the frame before.

    Returns:
      The motion; its joints move with the bones between them and their root.
    """
    before = np.float64(motion.positions)
    after = before.copy()
    lengths = constant_lengths(before, motion.skeleton)
    for (parent, child), length in zip(motion.skeleton.tree_bones, lengths, strict=False):  # links come after
        after[:, child] = after[:, parent] + length * _directions(before[:, child] - before[:, parent])
    return motion._replace(positions=np.float32(after))


def constant_lengths(positions: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """Length of every bone, metres: the median over the frames, averaged over left and right.

    Args:
      positions: (T, J, 3) metres, T at least 1.
      skeleton: the tree.

    Returns:
      (B,) float32, in the order of `skeleton.bones`.
    """
    return np.asarray(_lengths(padded(positions, np.nan), skeleton=skeleton))


def distances_from_constant_bones(motion: Motion) -> np.ndarray:
    """Distance (T, J), metres, of every joint from where it is with constant bones."""
    return _lengths_of(np.float64(constant_bones(motion).positions) - motion.positions)


def padded(positions: np.ndarray, filler: np.ndarray | float) -> np.ndarray:
    """Float32 positions, with frames of `filler` added at the end up to a length that few programs are compiled for."""
    frames = len(positions)
    longer = np.empty((bucket_length(frames, fewest=64), *positions.shape[1:]), np.float32)
    longer[:frames], longer[frames:] = positions, filler
    return longer


@functools.partial(jax.jit, static_argnames="skeleton")
def _lengths(positions: jax.Array, skeleton: Skeleton) -> jax.Array:
    return symmetric_lengths(mean_lengths(positions, skeleton), skeleton)


def _lengths_of(vectors: np.ndarray) -> np.ndarray:
    return np.sqrt(np.sum(vectors**2, axis=-1))


def _directions(bones: np.ndarray) -> np.ndarray:
    """Unit vectors (T, 3) of a bone; without length, those of the frame before, or of the first frame with a length."""
    lengths = _lengths_of(bones)
    has_length = ~(lengths <= _SHORTEST)  # what is not known stays so
    frames = np.where(has_length, np.arange(len(bones)), np.argmax(has_length))
    source = np.maximum.accumulate(frames) if has_length.any() else frames
    return bones[source] / np.maximum(lengths[source], _SHORTEST)[:, None]
