"""Predictions for every frame of whole tracks, in a few compiled programs whatever the lengths of the tracks."""

import functools
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxpose.data.track import Description
from jaxpose.data.windows import PackedTracks, to_rays
from jaxpose.kinematics import mirror
from jaxpose.models.lifter import Lifter
from jaxpose.runtime.devices import replicate_in_jit, shard_in_jit

WINDOWS: Mapping[int, int] = {2048: 1, 1024: 2, 512: 2, 128: 4, 32: 8}
"""Output frames of a window, and how many windows a device lifts at once: the shapes of all compiled programs. Longer
windows repeat less context, but exceed a CPU's cache; fewer lengths would mean more padding."""

_IN_FLIGHT = 2  # batches: one is lifted while the next is prepared


def predict_tracks(
    model: Lifter,
    variables: dict[str, chex.ArrayTree],
    data: PackedTracks,
    description: Description,
    mesh: Mesh,
    *,
    mirrored: bool = True,
    before_batch: Callable[[], None] = lambda: None,
) -> np.ndarray:
    """Predict every frame of every track, averaged with the prediction for the mirrored input.

    Tracks are cut into windows of the few lengths in `WINDOWS`, so that the same programs serve all data. A window
    sees its true context, hence the cuts change nothing; what it predicts beyond its track is dropped. A network of a
    fixed number of frames is given overlapping windows, of which the middle is kept (`tile`). Edge frames are repeated
    beyond a track's ends. A device holds two batches of windows and no other data.

    Args:
      model: the lifter.
      variables: its parameters and statistics, on each of the devices.
      data: the packed tracks.
      description: says which joints are left and right.
      mesh: the devices among which windows are divided.
      mirrored: whether to average with the prediction for the mirrored input.
      before_batch: called before each batch of windows; what it raises ends the prediction.

    Returns:
      (F, J, 3) metres, in the order of `data`.
    """
    keypoints, first, last = (np.asarray(array) for array in (data.keypoints, data.first, data.last))
    if model.rays:
        keypoints = to_rays(keypoints, np.asarray(data.camera.intrinsics)[np.asarray(data.track)])
    predictions = np.empty((len(keypoints), description.skeleton.num_joints, 3), np.float32)
    sharding = NamedSharding(mesh, PartitionSpec("data"))
    pending: deque[tuple[Tiles, jax.Array]] = deque()

    def collect() -> None:
        tiles, poses = pending.popleft()
        for start, begin, end, window in zip(*tiles, np.asarray(poses), strict=False):  # the batch may be padded
            predictions[begin:end] = window[begin - start : end - start]

    lengths = last - first + 1
    batches = window_batches(lengths, mesh.size) if model.frames is None else tile(lengths, model.frames, mesh.size)
    for frames, windows_at_once, tiles in batches:
        before_batch()
        padded = np.pad(tiles.start, (0, windows_at_once - len(tiles.start)), mode="edge")
        windows = keypoints[_input_frames(padded, frames, first, last, model.context)]
        windows = jax.make_array_from_callback(windows.shape, sharding, windows.__getitem__)
        pending.append((tiles, _predict_windows(model, variables, windows, description, mesh, mirrored)))
        if len(pending) == _IN_FLIGHT:
            collect()
    while pending:
        collect()
    return predictions


class Tiles(NamedTuple):
    """Windows of one batch, each with the frames for which its prediction is kept; indices of packed frames."""

    start: np.ndarray  # (B,) first output frame
    begin: np.ndarray  # (B,) first frame kept
    end: np.ndarray  # (B,) the frame after the last one kept


def window_batches(lengths: np.ndarray, devices: int) -> Iterator[tuple[int, int, Tiles]]:
    """Batches of windows that cover every frame of every track once, for a network of any number of frames.

    Args:
      lengths: (N,) frames of each track; the tracks lie end to end.
      devices: among which a batch is divided.

    Yields:
      The length of a batch's windows, one of `WINDOWS`, longest first; how many a batch has, unless it is the last of
      their length; and the windows.
    """
    ends, left = np.cumsum(lengths), lengths
    begin = ends - lengths
    for frames, per_device in WINDOWS.items():
        counts = count_windows(left, frames, is_shortest=frames == min(WINDOWS))
        starts = np.concatenate([b + frames * np.arange(n) for b, n in zip(begin, counts, strict=True)])
        begin, left = begin + counts * frames, np.maximum(left - counts * frames, 0)
        tiles = Tiles(starts, starts, np.minimum(starts + frames, np.repeat(ends, counts)))
        yield from _batches(frames, per_device * devices, tiles)


FRAMES_AT_ONCE = 2048
"""Output frames that a device computes at once with a network of a fixed number of frames, about."""


def tile(lengths: np.ndarray, frames: int, devices: int) -> Iterator[tuple[int, int, Tiles]]:
    """Batches of overlapping windows of a fixed number of frames, T, of which the middle is kept.

    The windows of a track begin T / 2 frames apart, the last one ends with the track. Each frame is kept from the
    window whose middle is nearest: networks are less sure at the ends of their windows. A track shorter than T has
    one window, in which its last frame is repeated.

    Args:
      lengths: (N,) frames of each track; the tracks lie end to end.
      frames: output frames of a window, T.
      devices: among which a batch is divided.

    Yields:
      As `window_batches`.
    """
    tiles, first = [], 0
    for length in lengths:
        stride = max(frames // 2, 1)
        starts = np.minimum(np.arange(0, max(length - frames, 0) + stride, stride), max(length - frames, 0))
        starts = np.unique(starts)
        between = (starts[:-1] + starts[1:] + frames + 1) // 2
        tiles.append(first + np.stack([starts, np.append(0, between), np.append(between, length)]))
        first += length
    per_device = max(FRAMES_AT_ONCE // frames, 1)
    yield from _batches(frames, per_device * devices, Tiles(*np.concatenate(tiles, axis=1)))


def _batches(frames: int, size: int, tiles: Tiles) -> Iterator[tuple[int, int, Tiles]]:
    """Cut windows into batches of a size."""
    for offset in range(0, len(tiles.start), size):
        yield frames, size, Tiles(*(array[offset : offset + size] for array in tiles))


def count_windows(left: np.ndarray, frames: int, *, is_shortest: bool) -> np.ndarray:
    """Count the windows of one length of each track: those that it fills, and one more if it fills at least half of it.

    Windows of the shortest length cover whatever is left. So at most half of a longer window is padding.

    Args:
      left: (N,) frames of each track that longer windows do not cover.
      frames: of a window.
      is_shortest: no shorter windows follow.

    Returns:
      (N,) windows.
    """
    return -(-left // frames) if is_shortest else (left + frames // 2) // frames


def _input_frames(
    starts: np.ndarray, frames: int, first: np.ndarray, last: np.ndarray, context: tuple[int, int]
) -> np.ndarray:
    """The frames that windows see, (B, before + K + after); beyond a track's ends its edge frame is repeated."""
    before, after = context
    track = np.searchsorted(last, starts)
    frame = starts[:, None] + np.arange(-before, frames + after)
    return np.clip(frame, first[track][:, None], last[track][:, None])


@functools.partial(jax.jit, static_argnames=("model", "description", "mesh", "mirrored"))
def _predict_windows(
    model: Lifter,
    variables: dict[str, chex.ArrayTree],
    keypoints: jax.Array,
    description: Description,
    mesh: Mesh,
    mirrored: bool,
) -> jax.Array:
    """Lift windows of keypoints (B, before + K + after, K_2d, D) to poses (B, K, J, 3)."""
    keypoints = shard_in_jit(keypoints, mesh)
    if not mirrored:
        return replicate_in_jit(model.apply(variables, keypoints).poses, mesh)
    return replicate_in_jit(lift_mirrored(model, variables, keypoints, description), mesh)


def lift_mirrored(
    model: Lifter, variables: dict[str, chex.ArrayTree], keypoints: jax.Array, description: Description
) -> jax.Array:
    """Lift windows, and average with what the mirrored windows give, mirrored back.

    The input and its mirror image are lifted one after the other, which halves the memory.

    Args:
      model: the lifter.
      variables: its parameters and statistics.
      keypoints: (B, before + K + after, K_2d, D) as the network takes them: screen coordinates, or rays.
      description: says which joints are left and right.

    Returns:
      Poses (B, K, J, 3) metres.
    """
    views = jnp.stack([keypoints, mirror(keypoints, description.layout)])
    poses, reflected = jax.lax.map(lambda view: model.apply(variables, view).poses, views)
    return (poses + mirror(reflected, description.skeleton)) / 2
