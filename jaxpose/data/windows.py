"""All frames of some tracks packed end to end on the device, and windows of them by index."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.data.track import Track, track_lengths, track_name
from jaxpose.kinematics import mirror, root_relative
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import Skeleton


class PackedTracks(NamedTuple):
    """All frames of some tracks, end to end; a pytree of arrays, F frames of N tracks."""

    keypoints: jax.Array  # (F, K, D) screen coordinates
    poses: jax.Array  # (F, J, 3) metres, root-relative
    track: jax.Array  # (F,) int32, which track a frame belongs to
    first: jax.Array  # (N,) int32, the first frame of each track
    last: jax.Array  # (N,) int32, its last frame


def pack(tracks: Sequence[Track]) -> PackedTracks:
    """Put tracks end to end, as the model sees them: screen coordinates in, root-relative poses out.

    Args:
      tracks: at least one, each of at least one frame.

    Returns:
      The frames, on the default device.

    Raises:
      InputError: there is nothing to join, or a track has no frames or no poses.
    """
    if not tracks:
        raise InputError("the split holds no tracks; choose another split")
    lengths = track_lengths(tracks)
    if not lengths.all():
        raise InputError(f"{track_name(tracks[int(np.argmin(lengths))])} has no frames; leave it out of the data set")
    for track in tracks:
        if not len(track.positions_3d):
            raise InputError(
                f"{track_name(track)} has keypoints but no poses; choose a split of subjects that have both"
            )
    ends = np.cumsum(lengths, dtype=np.int32)
    firsts = ends - lengths.astype(np.int32)
    keypoints = _empty_aligned(int(ends[-1]), *tracks[0].keypoints_2d.shape[1:])
    poses = _empty_aligned(int(ends[-1]), *tracks[0].positions_3d.shape[1:])
    for track, first, end in zip(tracks, firsts, ends, strict=True):
        # As `cameras.normalize_screen`, but in NumPy: JAX would compile a program for every length of track.
        aspect = np.asarray([1, track.height / track.width], np.float32)
        keypoints[first:end] = track.keypoints_2d
        keypoints[first:end, :, :2] = track.keypoints_2d[..., :2] / np.float32(track.width) * 2 - aspect
        poses[first:end] = root_relative(track.positions_3d)
    of_track = np.repeat(np.arange(len(tracks), dtype=np.int32), lengths)
    return jax.device_put(PackedTracks(keypoints, poses, of_track, firsts, ends - 1))


def window_starts(lengths: Sequence[int], frames: int) -> np.ndarray:
    """Where windows of `frames` output frames start so that they cover every frame of every track.

    The windows of a track follow each other; the last one is moved back to end with the track, and so overlaps the
    one before. A track shorter than a window has one window, which starts with it.

    Args:
      lengths: (N,) frames of each track.
      frames: output frames of a window, K.

    Returns:
      (W,) int32 indices into the joined frames.
    """
    starts, begin = [], 0
    for length in lengths:
        starts.append(begin + np.minimum(np.arange(0, length, frames), max(length - frames, 0)))
        begin += length
    return np.concatenate(starts).astype(np.int32)


def take_windows(
    data: PackedTracks, starts: jax.Array, frames: int, context: tuple[int, int]
) -> tuple[jax.Array, jax.Array]:
    """Gather windows: each with its context, for which a track's edge frames are repeated.

    Args:
      data: the joined frames.
      starts: (B,) first output frame of each window.
      frames: output frames of a window, K; those beyond the end of a track repeat its last frame.
      context: input frames before and after the output frames.

    Returns:
      Keypoints (B, before + K + after, K_2d, D) and poses (B, K, J, 3).
    """
    before, after = context
    track = data.track[starts]
    first, last = data.first[track][:, None], data.last[track][:, None]
    seen = jnp.clip(starts[:, None] + jnp.arange(-before, frames + after), first, last)
    wanted = jnp.minimum(starts[:, None] + jnp.arange(frames), last)
    return data.keypoints[seen], data.poses[wanted]


def recentre(data: PackedTracks, starts: jax.Array, frames: int, longer: int) -> tuple[jax.Array, jax.Array]:
    """Windows of another length about the middle of given ones, moved so that they lie within the track.

    Args:
      data: the joined frames.
      starts: (B,) first output frame of each window.
      frames: output frames of these windows.
      longer: output frames of those wanted, L.

    Returns:
      Their starts (B,), and whether each of their frames is one of the track (B, L): a track may be shorter.
    """
    track = data.track[starts]
    first, last = data.first[track], data.last[track]
    moved = jnp.maximum(jnp.minimum(starts + (frames - longer) // 2, last - longer + 1), first)
    return moved, moved[:, None] + jnp.arange(longer) <= last[:, None]


def mirror_where(
    mirrored: jax.Array, keypoints: jax.Array, poses: jax.Array, layout: Skeleton, skeleton: Skeleton
) -> tuple[jax.Array, jax.Array]:
    """Reflect the windows of a batch for which `mirrored` (B,) is true, in 2D and in 3D alike."""
    choose = mirrored[:, None, None, None]
    return (
        jnp.where(choose, mirror(keypoints, layout), keypoints),
        jnp.where(choose, mirror(poses, skeleton), poses),
    )


def epoch_order(key: jax.Array, epoch: int, windows: int) -> jax.Array:
    """The samples of one epoch in random order: a function of (key, epoch) alone, so that a run can resume anywhere.

    Args:
      key: random key of the run.
      epoch: which epoch.
      windows: W, the number of windows.

    Returns:
      (2W,) int32: sample i < W is window i, sample W + i is its mirror image.
    """
    return jax.random.permutation(jax.random.fold_in(key, epoch), 2 * windows)


def _empty_aligned(*shape: int) -> np.ndarray:
    """A float32 array that begins at a multiple of 64 bytes: JAX takes such an array for the CPU without a copy."""
    size = math.prod(shape) * 4
    memory = np.empty(size + 64, np.uint8)
    begin = -memory.ctypes.data % 64
    return memory[begin : begin + size].view(np.float32).reshape(shape)
