"""Errors and plausibility of every track: the numbers that all tables are averages of.

An average is over an action, a subject, a camera, or recordings that the bootstrap resamples. The numbers are means
over frames, computed a fixed number of frames at a time: the same programs serve any data, and no array but the poses
grows with them.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.data.track import Track, recording_name, track_lengths
from jaxpose.evaluation.metric_records import PUBLISHED, Metric, by_joint
from jaxpose.evaluation.protocol import VIDEOPOSE3D, Protocol
from jaxpose.evaluation.track_selection import is_human36m, is_scored, select_tracks
from jaxpose.evaluation.track_sums import LOOK_AHEAD, sum_by_track
from jaxpose.kinematics import bone_lengths, range_of_motion_violation, symmetry_differences
from jaxpose.skeleton import Skeleton

BODY_STATISTICS = ("bone_length_std", "symmetry_error", "rom_violation_rate")
"""Measured of predictions, and under `ground_truth(name)` of the targets."""


class TrackErrors(NamedTuple):
    """The means over frames of N tracks. A mean is NaN where the track is too short to have it."""

    subjects: np.ndarray  # (N,) of str
    actions: np.ndarray  # (N,) of str: "Walking" for the recordings "Walking" and "Walking 1"
    recordings: np.ndarray  # (N,) of str: "S9/Walking 1", the same for all camera views of a recording
    cameras: np.ndarray  # (N,) of str
    human36m: np.ndarray  # (N,) of bool, see `track_selection.is_human36m`
    fps: np.ndarray  # (N,) frames per second, of those that are scored
    frames: np.ndarray  # (N,) scored
    means: dict[str, np.ndarray]  # by key of a metric (N,), by `by_joint(key)` (N, J), by body statistic (N, ...)
    weights: dict[str, np.ndarray]  # by the same names, (N,): of a track in an average
    metrics: tuple[Metric, ...]  # that were measured, in the order of reports

    def take(self, chosen: np.ndarray) -> "TrackErrors":
        """The tracks that a mask (N,) or indices choose."""
        arrays = jax.tree.map(lambda values: values[chosen], self._replace(metrics=()))
        return arrays._replace(metrics=self.metrics)


def measure_tracks(
    predictions: np.ndarray,
    targets: np.ndarray,
    tracks: Sequence[Track],
    *,
    protocol: Protocol = VIDEOPOSE3D,
    skeleton: Skeleton | None = None,
    metrics: Sequence[Metric] = PUBLISHED,
) -> TrackErrors:
    """Measure every track that the protocol scores.

    Args:
      predictions: (F, J, 3) metres, the tracks end to end.
      targets: (F, J, 3) metres.
      tracks: name the actions and say how long each track is.
      protocol: which tracks and frames are scored, and how.
      skeleton: with it the body statistics are measured of predictions and targets: `bone_length_std` (N, B), standard
        deviation in time of each bone's length, and `symmetry_error` (N, P), mean absolute difference of left and right
        limb length, both in mm, and `rom_violation_rate` (N, A), share of frames in which an angle is out of its range.
      metrics: what to measure.

    Returns:
      The errors and their weights in averages.

    Raises:
      InputError: the protocol excludes every track.
      ValueError: a metric is a body statistic and there is no skeleton; or its record contradicts itself, or has an
        order above `LOOK_AHEAD`.
    """
    _check_metrics(metrics, skeleton)
    scored, rows = _scored_frames(tracks, protocol)
    lengths = np.asarray([len(frames) for frames in rows])
    predictions, targets = (np.asarray(poses) for poses in (predictions, targets))
    if lengths.sum() < len(targets):
        predictions, targets = (poses[np.concatenate(rows)] for poses in (predictions, targets))

    orders = _orders(metrics)
    means = _mean_errors(predictions, targets, lengths, protocol, tuple(metrics))
    if skeleton:  # by programs of its own: the errors are the same bits with a skeleton and without
        means |= _body_statistics(predictions, lengths, skeleton)
        means |= {ground_truth(name): of for name, of in _body_statistics(targets, lengths, skeleton).items()}
        means |= {metric.key: _mean_of_columns(means[metric.statistic]) for metric in metrics if metric.statistic}
    differences = protocol.derivative_weights == "differences"
    return TrackErrors(
        subjects=np.asarray([track.subject for track in scored]),
        actions=np.asarray([base_action(track) for track in scored]),
        recordings=np.asarray([recording_name(track) for track in scored]),
        cameras=np.asarray([track.camera for track in scored]),
        human36m=np.asarray([is_human36m(track) for track in scored]),
        fps=np.asarray([track.fps / protocol.every for track in scored]),
        frames=lengths,
        means=means,
        weights={name: _entries(lengths, orders.get(name, 0)) if differences else lengths for name in means},
        metrics=tuple(metrics),
    )


def ground_truth(name: str) -> str:
    """The name of a body statistic when it is measured of the targets."""
    return f"ground_truth_{name}"


def base_action(track: Track) -> str:
    """The action that a recording counts towards: "Walking" for the recordings "Walking" and "Walking 1"."""
    return track.action.split(" ")[0]


def _scored_frames(tracks: Sequence[Track], protocol: Protocol) -> tuple[list[Track], list[np.ndarray]]:
    """The tracks that are scored, and of each the frames that are, counted from the first frame of the first track."""
    ends = np.cumsum(track_lengths(tracks))
    rows = [
        np.arange(end - len(track.keypoints_2d), end, protocol.every)
        for track, end in zip(tracks, ends, strict=True)
        if is_scored(track, protocol)
    ]
    return select_tracks(tracks, protocol), rows


def _check_metrics(metrics: Sequence[Metric], skeleton: Skeleton | None) -> None:
    """Raise `ValueError` for a metric that cannot be measured."""
    for metric in metrics:
        if bool(metric.per_frame) == bool(metric.statistic):
            raise ValueError(f"{metric.key} must have either per_frame or a statistic")
        if metric.statistic and not skeleton:
            raise ValueError(f"{metric.key} is a statistic of bones; give the skeleton")
        if metric.order > LOOK_AHEAD:
            raise ValueError(f"{metric.key} has order {metric.order}; the highest is {LOOK_AHEAD}")


def _orders(metrics: Sequence[Metric]) -> dict[str, int]:
    """The order in time of each value that is averaged over frames, by its name among the means."""
    return {name: metric.order for metric in metrics for name in (metric.key, by_joint(metric.key))}


def _entries(lengths: np.ndarray, order: int) -> np.ndarray:
    """(N,) values that a track has of a metric: one for each frame, or for each difference in time."""
    return np.maximum(lengths - order, 0)


def _mean_of_columns(values: np.ndarray) -> np.ndarray:
    """(N,) means of (N, B) values; NaN without columns, as of a skeleton without bones."""
    return values.mean(-1) if values.shape[-1] else np.full(len(values), np.nan)


def _mean_errors(
    predictions: np.ndarray, targets: np.ndarray, lengths: np.ndarray, protocol: Protocol, metrics: tuple[Metric, ...]
) -> dict[str, np.ndarray]:
    """The mean errors of each track, (N,) or (N, J) by name."""
    orders = _orders(metrics)
    compute = functools.partial(_errors, metrics=metrics, subtract_root=protocol.root == "subtracted")
    sums, _ = sum_by_track(compute, [predictions, targets], lengths, orders=orders)
    means = {}
    for name, total in sums.items():
        entries = _entries(lengths, orders[name])
        entries = np.where(entries > 0, entries, np.nan).reshape(-1, *[1] * (total.ndim - 1))
        means[name] = total / entries
    return means


def _body_statistics(poses: np.ndarray, lengths: np.ndarray, skeleton: Skeleton) -> dict[str, np.ndarray]:
    """`BODY_STATISTICS` of each track, by name."""
    compute = functools.partial(_body_values, skeleton=skeleton)
    sums, squares = sum_by_track(compute, [poses], lengths, squared=["bone_length"])
    frames = lengths[:, None]
    mean = sums["bone_length"] / frames
    return {
        "bone_length_std": np.sqrt(np.maximum(squares["bone_length"] / frames - mean**2, 0)),
        "symmetry_error": sums["symmetry_error"] / frames,
        "rom_violation_rate": sums["rom_violation"] / frames,
    }


@functools.partial(jax.jit, static_argnames=("metrics", "subtract_root"))
def _errors(
    predictions: jax.Array, targets: jax.Array, metrics: tuple[Metric, ...], subtract_root: bool
) -> dict[str, jax.Array]:
    """The metrics of poses (C + `LOOK_AHEAD`, J, 3), for the first C frames, by frame and by joint, in their units."""
    count = len(predictions) - LOOK_AHEAD
    if subtract_root:
        predictions = predictions - predictions[:, :1]
    values = {}
    for metric in metrics:
        for name, compute in ((metric.key, metric.per_frame), (by_joint(metric.key), metric.per_joint)):
            if compute:
                values[name] = metric.scale * compute(predictions, targets)[:count]
    return values


@functools.partial(jax.jit, static_argnames="skeleton")
def _body_values(poses: jax.Array, skeleton: Skeleton) -> dict[str, jax.Array]:
    """Bone lengths and symmetry errors in mm, and angles out of range, of the first C of (C + `LOOK_AHEAD`) poses."""
    poses = poses[:-LOOK_AHEAD]
    return {
        "bone_length": 1000 * bone_lengths(poses, skeleton),
        "symmetry_error": 1000 * jnp.abs(symmetry_differences(poses, skeleton)),
        "rom_violation": (range_of_motion_violation(poses, skeleton) != 0).astype(jnp.float32),
    }
