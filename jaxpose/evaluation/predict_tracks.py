"""Whole tracks lifted as the field evaluates them, and their errors averaged as the field reports them."""

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
windows repeat less context, but outgrow a CPU's cache; in coarser steps more would be padded."""

_IN_FLIGHT = 2  # batches: one is lifted while the next is made


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

    Tracks are cut into windows of the few lengths in `WINDOWS`, so that the same programs serve all data; a window
    sees its true context, hence the cuts change nothing, and what it predicts beyond its track is dropped. Edge frames
    are repeated beyond a track's ends. A device holds two batches of windows and nothing else of the data.

    Args:
      model: the lifter.
      variables: its parameters and statistics, on each of the devices.
      data: the joined frames.
      description: says what is left and right.
      mesh: the devices among which windows are divided.
      mirrored: whether to average with the prediction for the mirrored input.

    Returns:
      (F, J, 3) metres, in the order of `data`.
    """
    keypoints, first, last = (np.asarray(of) for of in (data.keypoints, data.first, data.last))
    predictions = np.empty((len(keypoints), *data.poses.shape[1:]), np.float32)
    pending: deque[tuple[np.ndarray, jax.Array]] = deque()

    def collect() -> None:
        starts, poses = pending.popleft()
        for start, window in zip(starts, np.asarray(poses), strict=False):  # without those that fill the batch
            stop = min(start + len(window), last[np.searchsorted(last, start)] + 1)
            predictions[start:stop] = window[: stop - start]

    for frames, starts in _batches(last - first + 1, mesh.size):
        full = np.pad(starts, (0, WINDOWS[frames] * mesh.size - len(starts)), mode="edge")
        windows = keypoints[_seen(full, frames, first, last, model.context)]
        shared = NamedSharding(mesh, PartitionSpec("data"))
        windows = jax.make_array_from_callback(windows.shape, shared, windows.__getitem__)
        pending.append((starts, _predict_windows(model, variables, windows, description, mesh, mirrored)))
        if len(pending) == _IN_FLIGHT:
            collect()
    while pending:
        collect()
    return predictions


def _batches(lengths: np.ndarray, devices: int) -> Iterator[tuple[int, np.ndarray]]:
    """The starts of windows that cover every track, a batch at a time, and how long these windows are.

    A track has as many of the longest windows as it fills, one more if it fills half of that, then as many of the next.
    """
    begin, left = np.cumsum(lengths) - lengths, lengths
    for frames, at_once in WINDOWS.items():
        most = -(-left // frames) if frames == min(WINDOWS) else (left + frames // 2) // frames
        starts = np.concatenate([b + frames * np.arange(n) for b, n in zip(begin, most, strict=True)])
        begin, left = begin + most * frames, np.maximum(left - most * frames, 0)
        for some in range(0, len(starts), at_once * devices):
            yield frames, starts[some : some + at_once * devices]


def _seen(starts: np.ndarray, frames: int, first: np.ndarray, last: np.ndarray, context: tuple[int, int]) -> np.ndarray:
    """The frames that windows see, (B, before + K + after): a track's edge frames stand for those beyond it."""
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
    """Windows of keypoints (B, before + K + after, K_2d, D) to poses (B, K, J, 3); a view at a time bounds memory."""
    keypoints = shard_in_jit(keypoints, mesh)
    if not mirrored:
        return replicate_in_jit(model.apply(variables, keypoints), mesh)
    views = jnp.stack([keypoints, mirror(keypoints, description.layout)])
    poses, reflected = jax.lax.map(lambda view: model.apply(variables, view), views)
    return replicate_in_jit((poses + mirror(reflected, description.skeleton)) / 2, mesh)
