"""Whole tracks lifted as the field evaluates them, and their errors averaged as the field reports them."""

import functools
from collections.abc import Sequence
from typing import TypedDict

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh

from jaxpose import metrics
from jaxpose.dataset import Description, Frames, Track, take_windows, track_lengths, window_starts
from jaxpose.devices import divide, gather
from jaxpose.kinematics import mirror

METRICS = ("mpjpe", "p_mpjpe", "n_mpjpe", "mpjve", "mpjae")
"""What is reported: protocols 1, 2 and 3, then the errors of velocity and acceleration."""

_ORDER = {"mpjve": 1, "mpjae": 2}  # of the difference in time


class Scores(TypedDict):
    """The metrics of some tracks: each in mm, mm/frame or mm/frame²; NaN where no track is long enough to have one."""

    average: dict[str, float]  # by metric
    actions: dict[str, dict[str, float]]  # by action and metric
    frames: int  # scored
    fps: float  # frames a second; NaN if the tracks differ


_LONGEST_WINDOW = 2048  # output frames; longer ones repeat less context, but outgrow a CPU's cache


def lift_tracks(
    model: nn.Module, variables: optax.Params, data: Frames, description: Description, mesh: Mesh
) -> np.ndarray:
    """Predict every frame of every track, averaged with the prediction for the mirrored input.

    Tracks are cut into windows of one length, so that one program serves tracks of any length; a window sees its
    true context, hence the cuts change nothing. Edge frames are repeated beyond a track's ends.

    Args:
      model: the lifter.
      variables: its parameters and statistics.
      data: the joined frames.
      description: says what is left and right.
      mesh: the devices among which windows are divided; variables and data are on each of them.

    Returns:
      (F, J, 3) metres, in the order of `data`.
    """
    first, last = np.asarray(data.first), np.asarray(data.last)
    lengths = last - first + 1
    frames = int(min(lengths.max(), _LONGEST_WINDOW))
    starts = window_starts(lengths, frames)
    at_once = mesh.size * min(-(-len(starts) // mesh.size), max(1, _LONGEST_WINDOW // 2 // frames))
    rounds = np.pad(starts, (0, -len(starts) % at_once), mode="edge").reshape(-1, at_once)
    windows = np.asarray(_lift_windows(model, variables, data, rounds, frames, description, mesh))
    predictions = np.empty((lengths.sum(), *data.poses.shape[1:]), np.float32)
    for start, window in zip(starts, windows.reshape(-1, *windows.shape[2:]), strict=False):
        stop = min(start + frames, last[np.searchsorted(last, start)] + 1)
        predictions[start:stop] = window[: stop - start]
    return predictions


@functools.partial(jax.jit, static_argnames=("model", "frames", "description", "mesh"))
def _lift_windows(
    model: nn.Module,
    variables: optax.Params,
    data: Frames,
    starts: jax.Array,
    frames: int,
    description: Description,
    mesh: Mesh,
) -> jax.Array:
    """Window starts (rounds, B) to poses (rounds, B, K, J, 3); a round and a view at a time bound the memory."""

    def lift(starts: jax.Array) -> jax.Array:
        keypoints, _ = take_windows(data, divide(starts, mesh), frames, model.context)
        views = jnp.stack([keypoints, mirror(keypoints, description.layout)])
        poses, mirrored = jax.lax.map(lambda view: model.apply(variables, view), views)
        return gather((poses + mirror(mirrored, description.skeleton)) / 2, mesh)

    return jax.lax.map(lift, starts)


def score(predictions: jax.Array, targets: jax.Array, tracks: Sequence[Track]) -> Scores:
    """The five metrics by action and on average, as the released evaluation of the baseline computes them.

    Frames are averaged within a track, tracks within an action weighted by their frames, actions equally. "Walking"
    and "Walking 1" are one action. A track too short for a time derivative, or an action of such tracks alone, does
    not count towards that metric.

    Args:
      predictions: (F, J, 3) metres, the tracks end to end.
      targets: (F, J, 3) metres.
      tracks: name the actions and say how long each track is.

    Returns:
      The scores.
    """
    lengths = track_lengths(tracks)
    actions = [track.action.split(" ")[0] for track in tracks]
    by_track = {
        metric: _mean_by_track(np.asarray(errors, np.float64) * 1000, lengths, _ORDER.get(metric, 0))
        for metric, errors in _errors(predictions, targets).items()
    }
    table = {}
    for action in dict.fromkeys(actions):
        chosen = np.asarray([a == action for a in actions])
        table[action] = {metric: _weighted_mean(by_track[metric][chosen], lengths[chosen]) for metric in METRICS}
    rows = {metric: np.asarray([values[metric] for values in table.values()]) for metric in METRICS}
    average = {metric: _weighted_mean(values, np.ones(len(values))) for metric, values in rows.items()}
    rates = {track.fps for track in tracks}
    fps = rates.pop() if len(rates) == 1 else float("nan")
    return {"average": average, "actions": table, "frames": int(lengths.sum()), "fps": fps}


@jax.jit
def _errors(predictions: jax.Array, targets: jax.Array) -> dict[str, jax.Array]:
    """Each metric for every frame; differences in time also across the seams of tracks."""
    return {
        "mpjpe": metrics.mpjpe(predictions, targets),
        "p_mpjpe": metrics.p_mpjpe(predictions, targets),
        "n_mpjpe": metrics.n_mpjpe(predictions, targets),
        "mpjve": metrics.time_derivative_error(predictions, targets, 1),
        "mpjae": metrics.time_derivative_error(predictions, targets, 2),
    }


def _mean_by_track(errors: np.ndarray, lengths: np.ndarray, order: int) -> np.ndarray:
    """(N,) means over each track's own entries; its last `order` ones reach into the next track and are left out."""
    ends = np.cumsum(lengths)
    total = np.concatenate([[0], np.cumsum(errors), np.full(order, np.nan)])
    counts = np.maximum(lengths - order, 0)
    with np.errstate(invalid="ignore"):
        return np.where(counts > 0, (total[ends - lengths + counts] - total[ends - lengths]) / counts, np.nan)


def _weighted_mean(values: np.ndarray, weights: np.ndarray) -> float:
    """The mean of the values that are numbers; NaN if none is."""
    defined = np.isfinite(values)
    return float(np.average(values[defined], weights=weights[defined])) if defined.any() else float("nan")
