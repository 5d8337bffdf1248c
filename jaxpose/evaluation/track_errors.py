"""What is measured of every track: its mean errors, and how far its motion is from what a body can do.

Everything that a report says of accuracy is an average of these numbers by track: over an action, a subject, a camera,
or tracks drawn again by chance. They are sums over frames, taken a fixed number of frames at a time: the same
programs serve any data, and no array but the poses grows with them.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxpose import metrics
from jaxpose.data.track import Track, track_lengths
from jaxpose.evaluation.protocol import VIDEOPOSE3D, Protocol, choose, counts
from jaxpose.kinematics import bone_lengths, finite_difference, range_of_motion_violation, symmetry_differences
from jaxpose.numerics import safe_norm
from jaxpose.skeleton import Skeleton

METRICS = ("mpjpe", "p_mpjpe", "n_mpjpe", "mpjve", "mpjae")
"""What is reported: protocols 1, 2 and 3, then the errors of velocity and acceleration."""

JOINTS = {"mpjpe": "joints", "mpjve": "joint_velocity", "mpjae": "joint_acceleration"}
"""The measure that has a metric by joint."""

_ORDERS = {"mpjve": 1, "mpjae": 2, "joint_velocity": 1, "joint_acceleration": 2}  # of the difference in time

_SQUARE = "_square"

_AT_ONCE = 4096  # frames

_AHEAD = max(_ORDERS.values())  # frames that a difference in time looks ahead


class TrackErrors(NamedTuple):
    """Of N tracks. A mean is NaN where the track is too short to have it."""

    subjects: np.ndarray  # (N,) of str
    actions: np.ndarray  # (N,) of str: "Walking" for the recordings "Walking" and "Walking 1"
    cameras: np.ndarray  # (N,) of str
    fps: np.ndarray  # (N,) frames a second, of those that are scored
    frames: np.ndarray  # (N,) scored
    means: Mapping[str, np.ndarray]  # by measure (N, ...): `METRICS` in mm, mm/frame or mm/frame², (N, J) by joint
    weights: Mapping[str, np.ndarray]  # (N,) by measure, of a track in an average

    def take(self, chosen: np.ndarray) -> "TrackErrors":
        """Those of some tracks."""
        labels = (values[chosen] for values in self[:5])
        return TrackErrors(*labels, *({name: of[chosen] for name, of in group.items()} for group in self[5:]))


def measure_tracks(
    predictions: np.ndarray,
    targets: np.ndarray,
    tracks: Sequence[Track],
    *,
    protocol: Protocol = VIDEOPOSE3D,
    skeleton: Skeleton | None = None,
) -> TrackErrors:
    """Measure every track that counts.

    Args:
      predictions: (F, J, 3) metres, the tracks end to end.
      targets: (F, J, 3) metres.
      tracks: name the actions and say how long each track is.
      protocol: which tracks and frames count, and how.
      skeleton: with it the measures `spread` (N, B), standard deviation in time of each bone's length, `gap` (N, P),
        left less right limb length, both in mm, and `outside` (N, A), the share of frames in which an angle is out of
        its range of motion; and the same of the targets, `true_spread`, `true_gap`, `true_outside`.

    Returns:
      The measures.

    Raises:
      InputError: the protocol leaves out every track.
    """
    kept, taken, begin = choose(tracks, protocol), [], 0
    for track, length in zip(tracks, track_lengths(tracks), strict=True):
        if counts(track, protocol):
            taken.append(np.arange(begin, begin + length, protocol.every))
        begin += length
    lengths, rows = np.asarray([len(frames) for frames in taken]), np.concatenate(taken)
    arrays = [np.asarray(poses) for poses in (predictions, targets)]
    if len(rows) < begin:
        arrays = [poses[rows] for poses in arrays]

    def compute(predictions: np.ndarray, targets: np.ndarray) -> dict[str, np.ndarray]:
        # Two programs: the errors are the same bits with a skeleton and without.
        found = _errors(predictions, targets, protocol.root == "subtracted")
        for motion, poses in (("", predictions), ("true_", targets)) if skeleton else ():
            found |= {f"{motion}{name}": of for name, of in _body(poses[:-_AHEAD], skeleton).items()}
        return _squared(found)

    sums = sum_by_track(compute, arrays, lengths, _ORDERS)
    means, weights = {}, {}
    for measure, total in sums.items():
        entries = np.maximum(lengths - _ORDERS.get(measure, 0), 0)
        share = np.where(entries > 0, entries, np.nan).reshape(-1, *[1] * (total.ndim - 1))
        means[measure] = total / share
        weights[measure] = entries if protocol.derivative_weights == "differences" else lengths
    for measure in [name for name in means if name.endswith(_SQUARE)]:
        length, spread = measure.removesuffix(_SQUARE), measure.replace(f"length{_SQUARE}", "spread")
        means[spread] = np.sqrt(np.maximum(means.pop(measure) - means[length] ** 2, 0))
        weights[spread] = lengths
    labels = ([track.subject for track in kept], [base_action(track) for track in kept], [t.camera for t in kept])
    fps = np.asarray([track.fps / protocol.every for track in kept])
    return TrackErrors(*map(np.asarray, labels), fps, lengths, means, weights)


def base_action(track: Track) -> str:
    """What a report calls the action: "Walking" for the recordings "Walking" and "Walking 1"."""
    return track.action.split(" ")[0]


def sum_by_track(
    compute: Callable[..., Mapping[str, np.ndarray]],
    arrays: Sequence[np.ndarray],
    lengths: np.ndarray,
    orders: Mapping[str, int],
) -> dict[str, np.ndarray]:
    """Sums over each track's frames, a fixed number of frames at a time.

    Args:
      compute: gives arrays (C, ...) by measure for frames (C + 2, ...) of the `arrays`; the entry of a frame may depend
        on the two frames after it.
      arrays: (F, ...) the tracks end to end.
      lengths: (N,) frames of each track.
      orders: by measure, on how many frames after it an entry depends; those that depend on the next track are left
        out of the sum. 0 if not named.

    Returns:
      (N, ...) float64 by measure.
    """
    last, track = np.cumsum(lengths) - 1, np.repeat(np.arange(len(lengths)), lengths)
    sums: dict[str, np.ndarray] = {}
    for begin in range(0, len(track), _AT_ONCE):
        rows = np.minimum(np.arange(begin, begin + _AT_ONCE + _AHEAD), len(track) - 1)
        frames = np.arange(begin, min(begin + _AT_ONCE, len(track)))
        for measure, values in compute(*(array[rows] for array in arrays)).items():
            own = frames + orders.get(measure, 0) <= last[track[frames]]
            total = sums.setdefault(measure, np.zeros((len(lengths), *values.shape[1:])))
            begins = np.flatnonzero(np.diff(track[frames[own]], prepend=-1))  # where another track begins
            if len(begins):
                total[track[frames[own]][begins]] += np.add.reduceat(values[: len(frames)][own], begins)
    return sums


@functools.partial(jax.jit, static_argnames="subtract")
def _errors(predictions: jax.Array, targets: jax.Array, subtract: bool) -> dict[str, jax.Array]:
    """The errors of (C + 2, J, 3) poses, for the first C frames, in mm."""
    count = len(predictions) - _AHEAD
    if subtract:
        predictions = predictions - predictions[:, :1]
    differences = {order: safe_norm(finite_difference(predictions - targets, order)) for order in range(_AHEAD + 1)}
    joints = {"joints": 0, "joint_velocity": 1, "joint_acceleration": 2}
    found = {
        "mpjpe": metrics.mpjpe(predictions, targets),
        "p_mpjpe": metrics.p_mpjpe(predictions, targets),
        "n_mpjpe": metrics.n_mpjpe(predictions, targets),
        "mpjve": metrics.time_derivative_error(predictions, targets, 1),
        "mpjae": metrics.time_derivative_error(predictions, targets, 2),
        **{name: differences[order] for name, order in joints.items()},
    }
    return {name: 1000 * values[:count] for name, values in found.items()}


@functools.partial(jax.jit, static_argnames="skeleton")
def _body(poses: jax.Array, skeleton: Skeleton) -> dict[str, jax.Array]:
    """What is measured of (C, J, 3) poses by themselves; in mm, or a share."""
    return {
        "length": 1000 * bone_lengths(poses, skeleton),
        "gap": 1000 * jnp.abs(symmetry_differences(poses, skeleton)),
        "outside": (range_of_motion_violation(poses, skeleton) != 0).astype(jnp.float32),
    }


def _squared(found: Mapping[str, jax.Array]) -> dict[str, np.ndarray]:
    """Add the squares of lengths, in float64: their mean less the squared mean of lengths is a small difference."""
    arrays = {name: np.asarray(values, np.float64) for name, values in jax.device_get(dict(found)).items()}
    return arrays | {name + _SQUARE: values**2 for name, values in arrays.items() if name.endswith("length")}
