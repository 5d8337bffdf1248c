"""Errors and plausibility of every track: the numbers that all tables are averages of.

An average is over an action, a subject, a camera, or tracks that the bootstrap resamples. The numbers are means over
frames, computed a fixed number of frames at a time: the same programs serve any data, and no array but the poses grows
with them.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxpose import metrics
from jaxpose.data.track import Track, track_lengths
from jaxpose.evaluation.protocol import VIDEOPOSE3D, Protocol
from jaxpose.evaluation.track_selection import is_human36m, is_scored, select_tracks
from jaxpose.evaluation.track_sums import LOOK_AHEAD, sum_by_track
from jaxpose.kinematics import bone_lengths, finite_difference, range_of_motion_violation, symmetry_differences
from jaxpose.numerics import safe_norm
from jaxpose.skeleton import Skeleton

METRICS = ("mpjpe", "p_mpjpe", "n_mpjpe", "mpjve", "mpjae")
"""What is reported: protocols 1, 2 and 3, then the errors of velocity and acceleration."""

JOINT_METRICS = {"mpjpe": "joint_error", "mpjve": "joint_velocity_error", "mpjae": "joint_acceleration_error"}
"""The name of the same metric by joint."""

BODY_STATISTICS = ("bone_length_std", "symmetry_error", "rom_violation_rate")
"""Measured of predictions, and under `ground_truth(name)` of the targets."""

_ORDERS = {"mpjve": 1, "mpjae": 2, "joint_velocity_error": 1, "joint_acceleration_error": 2}
"""Of the difference in time; 0 for the other errors."""


class TrackErrors(NamedTuple):
    """The means over frames of N tracks. A mean is NaN where the track is too short to have it."""

    subjects: np.ndarray  # (N,) of str
    actions: np.ndarray  # (N,) of str: "Walking" for the recordings "Walking" and "Walking 1"
    cameras: np.ndarray  # (N,) of str
    human36m: np.ndarray  # (N,) of bool, see `track_selection.is_human36m`
    fps: np.ndarray  # (N,) frames a second, of those that are scored
    frames: np.ndarray  # (N,) scored
    means: dict[str, np.ndarray]  # by name, (N, ...): `METRICS` in mm, mm/frame or mm/frame², (N, J) by joint
    weights: dict[str, np.ndarray]  # by the same names, (N,): of a track in an average

    def take(self, chosen: np.ndarray) -> "TrackErrors":
        """The tracks that a mask (N,) or indices choose."""
        return jax.tree.map(lambda values: values[chosen], self)


def measure_tracks(
    predictions: np.ndarray,
    targets: np.ndarray,
    tracks: Sequence[Track],
    *,
    protocol: Protocol = VIDEOPOSE3D,
    skeleton: Skeleton | None = None,
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

    Returns:
      The errors and their weights in averages.

    Raises:
      InputError: the protocol excludes every track.
    """
    scored, rows = _scored_frames(tracks, protocol)
    lengths = np.asarray([len(frames) for frames in rows])
    predictions, targets = (np.asarray(poses) for poses in (predictions, targets))
    if lengths.sum() < len(targets):
        predictions, targets = (poses[np.concatenate(rows)] for poses in (predictions, targets))

    means = _mean_errors(predictions, targets, lengths, protocol)
    if skeleton:  # by programs of its own: the errors are the same bits with a skeleton and without
        means |= _body_statistics(predictions, lengths, skeleton)
        means |= {ground_truth(name): of for name, of in _body_statistics(targets, lengths, skeleton).items()}
    differences = protocol.derivative_weights == "differences"
    return TrackErrors(
        subjects=np.asarray([track.subject for track in scored]),
        actions=np.asarray([base_action(track) for track in scored]),
        cameras=np.asarray([track.camera for track in scored]),
        human36m=np.asarray([is_human36m(track) for track in scored]),
        fps=np.asarray([track.fps / protocol.every for track in scored]),
        frames=lengths,
        means=means,
        weights={name: _entries(lengths, name) if differences else lengths for name in means},
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


def _entries(lengths: np.ndarray, name: str) -> np.ndarray:
    """(N,) values that a track has of a metric: one for each frame, or for each difference in time."""
    return np.maximum(lengths - _ORDERS.get(name, 0), 0)


def _mean_errors(
    predictions: np.ndarray, targets: np.ndarray, lengths: np.ndarray, protocol: Protocol
) -> dict[str, np.ndarray]:
    """The mean errors of each track, (N,) or (N, J) by name."""
    compute = functools.partial(_errors, subtract_root=protocol.root == "subtracted")
    sums, _ = sum_by_track(compute, [predictions, targets], lengths, orders=_ORDERS)
    means = {}
    for name, total in sums.items():
        entries = _entries(lengths, name)
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


@functools.partial(jax.jit, static_argnames="subtract_root")
def _errors(predictions: jax.Array, targets: jax.Array, subtract_root: bool) -> dict[str, jax.Array]:
    """The errors of poses (C + `LOOK_AHEAD`, J, 3), for the first C frames, in mm."""
    count = len(predictions) - LOOK_AHEAD
    if subtract_root:
        predictions = predictions - predictions[:, :1]
    errors = {
        "mpjpe": metrics.mpjpe(predictions, targets),
        "p_mpjpe": metrics.p_mpjpe(predictions, targets),
        "n_mpjpe": metrics.n_mpjpe(predictions, targets),
        "mpjve": metrics.time_derivative_error(predictions, targets, 1),
        "mpjae": metrics.time_derivative_error(predictions, targets, 2),
    }
    for metric, name in JOINT_METRICS.items():
        errors[name] = safe_norm(finite_difference(predictions - targets, _ORDERS.get(metric, 0)))
    return {name: 1000 * values[:count] for name, values in errors.items()}


@functools.partial(jax.jit, static_argnames="skeleton")
def _body_values(poses: jax.Array, skeleton: Skeleton) -> dict[str, jax.Array]:
    """Bone lengths and symmetry errors in mm, and angles out of range, of the first C of (C + `LOOK_AHEAD`) poses."""
    poses = poses[:-LOOK_AHEAD]
    return {
        "bone_length": 1000 * bone_lengths(poses, skeleton),
        "symmetry_error": 1000 * jnp.abs(symmetry_differences(poses, skeleton)),
        "rom_violation": (range_of_motion_violation(poses, skeleton) != 0).astype(jnp.float32),
    }
