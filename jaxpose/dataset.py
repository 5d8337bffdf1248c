"""Pose tracks in memory: all frames end to end on the device, windows of them by index."""

import difflib
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.errors import InputError
from jaxpose.kinematics import mirror, root_relative
from jaxpose.skeleton import Skeleton, plain


class Track(NamedTuple):
    """What one camera saw of one subject's action: an example of the data contract."""

    subject: str
    action: str
    camera: str
    fps: float
    positions_3d: np.ndarray  # (T, J, 3) float32 metres, camera space
    keypoints_2d: np.ndarray  # (T, K, 2 or 3) float32 pixels, and a confidence if there are three
    intrinsics: np.ndarray  # (9,) float32, as `cameras.Camera`
    orientation: np.ndarray  # (4,) float32 unit quaternion (w, x, y, z) of the camera in the world
    translation: np.ndarray  # (3,) float32 metres, of the camera in the world
    width: int  # pixels
    height: int  # pixels


class Description(NamedTuple):
    """What a data set says about itself."""

    title: str  # names the data in reports
    synthetic: bool  # made by a program: its numbers say nothing about real people
    skeleton: Skeleton  # of positions_3d
    layout: Skeleton  # of keypoints_2d
    channels: int  # per keypoint: 2, or 3 with a confidence
    splits: tuple[str, ...]  # the subjects
    fps: float | None = None  # of all tracks; None if they differ, or nobody looked
    extent: float | None = None  # of people in the image, see `extent`; None if nobody looked


class Frames(NamedTuple):
    """All frames of some tracks, end to end; a pytree of arrays, F frames of N tracks."""

    keypoints: jax.Array  # (F, K, D) screen coordinates
    poses: jax.Array  # (F, J, 3) metres, root-relative
    track: jax.Array  # (F,) int32, which track a frame belongs to
    first: jax.Array  # (N,) int32, the first frame of each track
    last: jax.Array  # (N,) int32, its last frame


def describe(data: Mapping[str, Any]) -> Description:
    """The description whose fields are in a mapping, as a JSON file holds them: skeletons as dicts, tuples as lists.

    Raises:
      ValueError: a field is missing, unknown, or of another kind; says which.
    """
    needed = set(Description._fields) - Description._field_defaults.keys()
    if not isinstance(data, Mapping) or not needed <= data.keys() <= set(Description._fields):
        raise ValueError(f"the fields must be {', '.join(Description._fields)}")
    for field, kind in (("title", str), ("synthetic", bool), ("skeleton", dict), ("layout", dict)):
        if not isinstance(data[field], kind):
            raise ValueError(f"{field} is {data[field]!r:.50}")
    if data["channels"] not in (2, 3):
        raise ValueError(f"channels is {data['channels']!r:.50}; it must be 2 or 3")
    for field in ("fps", "extent"):
        value = data.get(field)
        if value is not None and not (type(value) in (int, float) and 0 < value < math.inf):
            raise ValueError(f"{field} is {value!r:.50}; it must be above zero, or null")
    if not isinstance(data["splits"], list | tuple):
        raise ValueError(f"splits is {data['splits']!r:.50}")
    for text in (data["title"], *data["splits"]):
        if not isinstance(text, str) or not plain(text):
            raise ValueError(f"{text!r:.50} is no plain text")
    made = {field: Skeleton.from_dict(data[field]) for field in ("skeleton", "layout")}
    return Description(**{**data, **made, "splits": tuple(data["splits"])})


def join(tracks: Sequence[Track]) -> Frames:
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
        raise InputError(f"{name(tracks[int(np.argmin(lengths))])} has no frames; leave it out of the data set")
    for track in tracks:
        if not len(track.positions_3d):
            raise InputError(f"{name(track)} has keypoints but no poses; choose a split of subjects that have both")
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
    return jax.device_put(Frames(keypoints, poses, of_track, firsts, ends - 1))


def name(track: Track) -> str:
    """How messages call a track."""
    return f"{track.subject}/{track.action}/{track.camera}"


def find_track(tracks: Sequence[Track], wanted: str | None, source: str) -> Track:
    """The track of that name; its camera may be a number, counted from 0 among those of the subject's action.

    Args:
      tracks: to choose from.
      wanted: subject/action/camera; the first track if none.
      source: of the tracks, for the message.

    Raises:
      InputError: there is none of that name.
    """
    if wanted is None:
        return tracks[0]
    names = [name(track) for track in tracks]
    clip, _, camera = wanted.rpartition("/")
    views = [place for place, other in enumerate(names) if other.rpartition("/")[0] == clip]
    if wanted in names:
        return tracks[names.index(wanted)]
    if camera.isdecimal() and int(camera) < len(views):
        return tracks[views[int(camera)]]
    near = difflib.get_close_matches(wanted, names, n=4, cutoff=0)
    raise InputError(f"there is no track {wanted!r} in {source}; it has {len(names)}, such as {', '.join(near)}")


def extent(keypoints: np.ndarray) -> float:
    """How large a person is in the image: the larger side of the box around (T, K, 2 or more), the median of frames."""
    return float(np.median(np.ptp(keypoints[..., :2], axis=1).max(axis=-1)))


def track_lengths(tracks: Sequence[Track]) -> np.ndarray:
    """(N,) frames of each track."""
    return np.asarray([len(track.keypoints_2d) for track in tracks])


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


def take_windows(data: Frames, starts: jax.Array, frames: int, context: tuple[int, int]) -> tuple[jax.Array, jax.Array]:
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


def surround(data: Frames, starts: jax.Array, frames: int, longer: int) -> tuple[jax.Array, jax.Array]:
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


def mirror_some(
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
