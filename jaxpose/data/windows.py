"""Pack tracks end to end on the device, and gather windows of them by index."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.data.track import Track, track_name
from jaxpose.kinematics import mirror, root_relative
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import Skeleton


class PackedTracks(NamedTuple):
    """All frames of N tracks, end to end: F frames, a pytree of arrays."""

    keypoints: jax.Array  # (F, K, D) screen coordinates
    poses: jax.Array | None  # (F, J, 3) metres, root-relative; None if only keypoints are known
    track: jax.Array  # (F,) int32, the track of each frame
    first: jax.Array  # (N,) int32, the first frame of each track
    last: jax.Array  # (N,) int32, its last frame


def pack(tracks: Sequence[Track]) -> PackedTracks:
    """Pack tracks as the model sees them: screen coordinates in, root-relative poses out.

    Args:
      tracks: at least one, each of at least one frame.

    Returns:
      The frames, on the default device.

    Raises:
      InputError: there are no tracks, or a track has no frames or no poses.
    """
    if not tracks:
        raise InputError("the split holds no tracks; choose another split")
    for track in tracks:
        if not len(track.keypoints_2d):
            raise InputError(f"{track_name(track)} has no frames; remove it from the data set")
        if not len(track.positions_3d):
            raise InputError(
                f"{track_name(track)} has keypoints but no poses; choose a split of subjects that have both"
            )
    packed = _on_screen([track.keypoints_2d for track in tracks], [(track.width, track.height) for track in tracks])
    poses = _empty_aligned(len(packed.keypoints), *tracks[0].positions_3d.shape[1:])
    for track, first, last in zip(tracks, packed.first, packed.last, strict=True):
        poses[first : last + 1] = root_relative(track.positions_3d)
    return _on_device(packed._replace(poses=poses))


def pack_keypoints(keypoints: Sequence[np.ndarray], sizes: Sequence[tuple[float, float]]) -> PackedTracks:
    """Pack keypoints whose poses are not known, as the model sees them: in screen coordinates.

    Args:
      keypoints: of each track, (T, K, 2 or 3) pixels, and perhaps a confidence; at least one track of one frame.
      sizes: width and height of each track's images, pixels.

    Returns:
      The frames, without poses, on the default device.
    """
    return _on_device(_on_screen(keypoints, sizes))


def _on_screen(keypoints: Sequence[np.ndarray], sizes: Sequence[tuple[float, float]]) -> PackedTracks:
    """Keypoints end to end as NumPy arrays, in screen coordinates; without poses."""
    lengths = np.asarray([len(frames) for frames in keypoints])
    ends = np.cumsum(lengths, dtype=np.int32)
    firsts = ends - lengths.astype(np.int32)
    packed = _empty_aligned(int(ends[-1]), *keypoints[0].shape[1:])
    for frames, (width, height), first, end in zip(keypoints, sizes, firsts, ends, strict=True):
        # As `cameras.normalize_screen`, but in NumPy: JAX would compile a program for every length of track.
        aspect = np.asarray([1, height / width], np.float32)
        packed[first:end] = frames
        packed[first:end, :, :2] = frames[..., :2] / np.float32(width) * 2 - aspect
    track = np.repeat(np.arange(len(keypoints), dtype=np.int32), lengths)
    return PackedTracks(packed, None, track, firsts, ends - 1)


def _on_device(packed: PackedTracks) -> PackedTracks:
    """Put packed NumPy arrays on the default device.

    A CPU takes aligned arrays without a copy, and so shares their memory: nothing may write to it from now on.
    """
    for array in jax.tree.leaves(packed):
        array.setflags(write=False)
    return jax.device_put(packed)


def window_starts(lengths: Sequence[int], frames: int) -> np.ndarray:
    """First frames of windows that cover every frame of every track.

    The windows of a track follow each other; the last one is moved back to end with the track, and so overlaps the
    one before. A track shorter than a window has one window, which starts with the track.

    Args:
      lengths: (N,) frames of each track.
      frames: output frames of a window, K.

    Returns:
      (W,) int32 indices into the packed frames.
    """
    starts, begin = [], 0
    for length in lengths:
        starts.append(begin + np.minimum(np.arange(0, length, frames), max(length - frames, 0)))
        begin += length
    return np.concatenate(starts).astype(np.int32)


def take_windows(
    data: PackedTracks, starts: jax.Array, frames: int, context: tuple[int, int]
) -> tuple[jax.Array, jax.Array]:
    """Gather windows and their context; a track's edge frames are repeated beyond its ends.

    Args:
      data: the packed frames.
      starts: (B,) first output frame of each window.
      frames: output frames of a window, K; those beyond the end of a track repeat its last frame.
      context: input frames before and after the output frames.

    Returns:
      Keypoints (B, before + K + after, K_2d, D) and poses (B, K, J, 3).
    """
    before, after = context
    track = data.track[starts]
    first, last = data.first[track][:, None], data.last[track][:, None]
    inputs = jnp.clip(starts[:, None] + jnp.arange(-before, frames + after), first, last)
    outputs = jnp.minimum(starts[:, None] + jnp.arange(frames), last)
    return data.keypoints[inputs], data.poses[outputs]


def recentre(data: PackedTracks, starts: jax.Array, frames: int, longer: int) -> tuple[jax.Array, jax.Array]:
    """Windows of another length with the same centres, moved so that they lie within their tracks.

    Args:
      data: the packed frames.
      starts: (B,) first output frame of each window.
      frames: output frames of the given windows.
      longer: output frames of the new windows, L.

    Returns:
      The starts (B,) of the new windows, and which of their frames are in the track (B, L): it may be shorter than L.
    """
    track = data.track[starts]
    first, last = data.first[track], data.last[track]
    moved = jnp.maximum(jnp.minimum(starts + (frames - longer) // 2, last - longer + 1), first)
    return moved, moved[:, None] + jnp.arange(longer) <= last[:, None]


def mirror_where(
    mirrored: jax.Array, keypoints: jax.Array, poses: jax.Array, layout: Skeleton, skeleton: Skeleton
) -> tuple[jax.Array, jax.Array]:
    """Reflect the windows of a batch for which `mirrored` (B,) is true, both keypoints and poses."""
    choose = mirrored[:, None, None, None]
    return (
        jnp.where(choose, mirror(keypoints, layout), keypoints),
        jnp.where(choose, mirror(poses, skeleton), poses),
    )


def epoch_order(key: jax.Array, epoch: int, windows: int) -> jax.Array:
    """Random order of the samples of an epoch, a function of (key, epoch) alone: a run can resume anywhere.

    Args:
      key: random key of the run.
      epoch: which epoch.
      windows: W, the number of windows.

    Returns:
      (2W,) int32: sample i < W is window i, sample W + i is its mirror image.
    """
    return jax.random.permutation(jax.random.fold_in(key, epoch), 2 * windows)


def _empty_aligned(*shape: int) -> np.ndarray:
    """An uninitialised float32 array that begins at a multiple of 64 bytes: JAX on a CPU uses it without a copy."""
    size = math.prod(shape) * 4
    memory = np.empty(size + 64, np.uint8)
    begin = -memory.ctypes.data % 64
    return memory[begin : begin + size].view(np.float32).reshape(shape)
