"""A track and the description of a data set: the data contract in memory, and its checks."""

import difflib
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import Skeleton, is_printable_line

SYNTHETIC_NOTICE = "SYNTHETIC motion: these numbers say nothing about real people."
"""Printed with all numbers and pictures of synthetic data."""


class Track(NamedTuple):
    """One subject's action seen by one camera: an example of the data contract."""

    subject: str
    action: str
    camera: str
    fps: float
    positions_3d: np.ndarray  # (T, J, 3) float32 metres, camera space
    keypoints_2d: np.ndarray  # (T, K, 2 or 3) float32 pixels, and a confidence if there are three
    intrinsics: np.ndarray  # (9,) float32, as in `cameras.Camera`
    orientation: np.ndarray  # (4,) float32 unit quaternion (w, x, y, z) of the camera in the world
    translation: np.ndarray  # (3,) float32 metres, of the camera in the world
    width: int  # pixels
    height: int  # pixels


class Description(NamedTuple):
    """Title, joints, keypoints and subjects of a data set."""

    title: str  # of the data, in reports
    synthetic: bool  # made by a program: numbers from it say nothing about real people
    skeleton: Skeleton  # of positions_3d
    layout: Skeleton  # of keypoints_2d
    channels: int  # per keypoint: 2, or 3 with a confidence
    splits: tuple[str, ...]  # the subjects
    fps: float | None = None  # of all tracks; None if they differ or are not known
    extent: float | None = None  # size of people, relative to the image's width (`person_extent`); None if not known


def title_with_notice(description: Description) -> str:
    """The title of a data set, preceded by `SYNTHETIC_NOTICE` if it is synthetic."""
    return f"{SYNTHETIC_NOTICE} {description.title}" if description.synthetic else description.title


def description_from_dict(data: Mapping[str, Any]) -> Description:
    """Build a description from the fields of a JSON object: skeletons are dicts, tuples are lists.

    Raises:
      ValueError: a field is missing, unknown, or of another type; says which.
    """
    required = set(Description._fields) - Description._field_defaults.keys()
    if not isinstance(data, Mapping) or not required <= data.keys() <= set(Description._fields):
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
        if not isinstance(text, str) or not is_printable_line(text):
            raise ValueError(f"{text!r:.50} is not one printable line")
    skeletons = {field: Skeleton.from_dict(data[field]) for field in ("skeleton", "layout")}
    return Description(**{**data, **skeletons, "splits": tuple(data["splits"])})


def track_name(track: Track) -> str:
    """The name of a track: subject/action/camera."""
    return f"{track.subject}/{track.action}/{track.camera}"


def recording_name(track: Track) -> str:
    """The name of what a track is a camera view of: subject/action."""
    return f"{track.subject}/{track.action}"


def find_track(tracks: Sequence[Track], wanted: str | None, source: str) -> Track:
    """Find a track by name; the camera may be a number, counted from 0 among the cameras of the subject's action.

    Args:
      tracks: to choose from.
      wanted: subject/action/camera; None for the first track.
      source: of the tracks, for the message.

    Raises:
      InputError: there is no track of that name.
    """
    if wanted is None:
        return tracks[0]
    names = [track_name(track) for track in tracks]
    clip, _, camera = wanted.rpartition("/")
    views = [index for index, name in enumerate(names) if name.rpartition("/")[0] == clip]
    if wanted in names:
        return tracks[names.index(wanted)]
    if camera.isdecimal() and int(camera) < len(views):
        return tracks[views[int(camera)]]
    near = difflib.get_close_matches(wanted, names, n=4, cutoff=0)
    raise InputError(f"there is no track {wanted!r} in {source}; it has {len(names)}, such as {', '.join(near)}")


def person_extent(keypoints: np.ndarray) -> float:
    """Size of a person in the image: the larger side of the box around keypoints (T, K, 2 or 3), median of frames."""
    return float(np.median(np.ptp(keypoints[..., :2], axis=1).max(axis=-1)))


def track_lengths(tracks: Sequence[Track]) -> np.ndarray:
    """Number of frames of each track, (N,)."""
    return np.asarray([len(track.keypoints_2d) for track in tracks])


TEXT_FIELDS = ("subject", "action", "camera")


def contract_violation(track: Track, description: Description) -> str:
    """The first violation of the data contract in a track, as a message that begins with its name; empty if none.

    Checked: shapes, the joints of the skeleton and the layout, equal numbers of frames (or no poses at all), finite
    values, a unit quaternion, a frame rate and an image size above zero.
    """
    skeleton, layout, channels = description.skeleton, description.layout, description.channels
    positions, keypoints = track.positions_3d, track.keypoints_2d
    for field in TEXT_FIELDS:
        if not is_printable_line(getattr(track, field)):
            return f"{track_name(track)!r:.100}: {field} is not one line of at most 500 characters"
    if positions.ndim != 3 or positions.shape[1:] != (skeleton.num_joints, 3):
        wanted = f"(frames, {skeleton.num_joints}, 3) as in skeleton {skeleton.name!r}"
        return f"{track_name(track)}: positions_3d have shape {positions.shape}, not {wanted}"
    if keypoints.ndim != 3 or keypoints.shape[1:] != (layout.num_joints, channels):
        wanted = f"(frames, {layout.num_joints}, {channels}) as in layout {layout.name!r}"
        return f"{track_name(track)}: keypoints_2d have shape {keypoints.shape}, not {wanted}"
    if len(keypoints) == 0 or len(positions) not in (len(keypoints), 0):
        return f"{track_name(track)}: {len(positions)} frames of positions_3d and {len(keypoints)} of keypoints_2d"
    for field in ("positions_3d", "keypoints_2d"):
        if (frame := first_not_finite(getattr(track, field))) is not None:
            return f"{track_name(track)}: {field} are not finite at frame {frame}"
    for field, size in (("intrinsics", 9), ("orientation", 4), ("translation", 3)):
        numbers = getattr(track, field)
        if numbers.shape != (size,) or not np.isfinite(numbers).all():
            return f"{track_name(track)}: {field} is not {size} finite numbers"
    if abs(math.hypot(*track.orientation) - 1) > 1e-3:
        return f"{track_name(track)}: orientation is not a unit quaternion"
    if not (np.isfinite(track.fps) and min(track.fps, track.width, track.height) > 0):
        return f"{track_name(track)}: fps {track.fps}, width {track.width} and height {track.height} must be above zero"
    return ""


def first_not_finite(frames: np.ndarray) -> int | None:
    """The first frame of (T, ...) with NaN or infinity; None if there is none."""
    if np.isfinite(frames).all():
        return None
    return int(np.argmin(np.isfinite(frames).all(axis=tuple(range(1, frames.ndim)))))
