"""Predictions for every frame of whole tracks, in a few compiled programs whatever the lengths of the tracks."""

import functools
from collections import deque
from collections.abc import Iterator, Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxpose.data.track import Description
from jaxpose.data.windows import PackedTracks
from jaxpose.kinematics import mirror
from jaxpose.runtime.devices import replicate_in_jit, shard_in_jit

WINDOWS: Mapping[int, int] = {2048: 1, 512: 2, 128: 4, 32: 8}
"""Output frames of a window, and how many windows a device lifts at once: the shapes of all compiled programs. Longer
windows repeat less context, but exceed a CPU's cache; fewer lengths would mean more padding."""

_IN_FLIGHT = 2  # batches: one is lifted while the next is prepared


def predict_tracks(
    model: nn.Module,
    variables: optax.Params,
    data: PackedTracks,
    description: Description,
    mesh: Mesh,
    *,
    mirrored: bool = True,
) -> np.ndarray:
    """Predict every frame of every track, averaged with the prediction for the mirrored input.

    Tracks are cut into windows of the few lengths in `WINDOWS`, so that the same programs serve all data. A window
    sees its true context, hence the cuts change nothing; what it predicts beyond its track is dropped. Edge frames
    are repeated beyond a track's ends. A device holds two batches of windows and no other data.

    Args:
      model: the lifter.
      variables: its parameters and statistics, on each of the devices.
      data: the packed tracks.
      description: says which joints are left and right.
      mesh: the devices among which windows are divided.
      mirrored: whether to average with the prediction for the mirrored input.

    Returns:
      (F, J, 3) metres, in the order of `data`.
    """
    keypoints, first, last = (np.asarray(array) for array in (data.keypoints, data.first, data.last))
    predictions = np.empty((len(keypoints), description.skeleton.num_joints, 3), np.float32)
    sharding = NamedSharding(mesh, PartitionSpec("data"))
    pending: deque[tuple[np.ndarray, jax.Array]] = deque()

    def collect() -> None:
        starts, poses = pending.popleft()
        for start, window in zip(starts, np.asarray(poses), strict=False):  # the batch may be padded
            stop = min(start + len(window), last[np.searchsorted(last, start)] + 1)
            predictions[start:stop] = window[: stop - start]

    for frames, starts in window_batches(last - first + 1, mesh.size):
        padded = np.pad(starts, (0, WINDOWS[frames] * mesh.size - len(starts)), mode="edge")
        windows = keypoints[_input_frames(padded, frames, first, last, model.context)]
        windows = jax.make_array_from_callback(windows.shape, sharding, windows.__getitem__)
        pending.append((starts, _predict_windows(model, variables, windows, description, mesh, mirrored)))
        if len(pending) == _IN_FLIGHT:
            collect()
    while pending:
        collect()
    return predictions


def window_batches(lengths: np.ndarray, devices: int) -> Iterator[tuple[int, np.ndarray]]:
    """Batches of windows that cover every frame of every track once.

    Args:
      lengths: (N,) frames of each track; the tracks lie end to end.
      devices: among which a batch is divided.

    Yields:
      The length of a batch's windows, one of `WINDOWS`, longest first, and their first frames.
    """
    begin, left = np.cumsum(lengths) - lengths, lengths
    for frames, per_device in WINDOWS.items():
        counts = count_windows(left, frames, is_shortest=frames == min(WINDOWS))
        starts = np.concatenate([b + frames * np.arange(n) for b, n in zip(begin, counts, strict=True)])
        begin, left = begin + counts * frames, np.maximum(left - counts * frames, 0)
        for offset in range(0, len(starts), per_device * devices):
            yield frames, starts[offset : offset + per_device * devices]


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
    model: nn.Module,
    variables: optax.Params,
    keypoints: jax.Array,
    description: Description,
    mesh: Mesh,
    mirrored: bool,
) -> jax.Array:
    """Lift windows of keypoints (B, before + K + after, K_2d, D) to poses (B, K, J, 3).

    The input and its mirror image are lifted one after the other, which halves the memory.
    """
    keypoints = shard_in_jit(keypoints, mesh)
    if not mirrored:
        return replicate_in_jit(model.apply(variables, keypoints), mesh)
    views = jnp.stack([keypoints, mirror(keypoints, description.layout)])
    poses, reflected = jax.lax.map(lambda view: model.apply(variables, view), views)
    return replicate_in_jit((poses + mirror(reflected, description.skeleton)) / 2, mesh)
