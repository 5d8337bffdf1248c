"""Keypoints in npz archives: those that lifting programs exchange, and plain ones.

The exchanged ones hold `positions_2d`, video -> action -> a list with the array of each camera or person, (frames, K, 2
or 3) pixels; and `metadata`, a dict with `layout_name` and, for videos in the wild, `video_metadata`, video -> `w` and
`h`. A plain one holds

- `keypoints`: (frames, K, 2 or 3) of one person or (people, frames, K, 2 or 3), pixels and perhaps a confidence; NaN
  where nothing was seen;
- if you like, `layout` (a name), `width`, `height` and `fps`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxpose.files.safe_npz import load_npz
from jaxpose.keypoints.detections import MOST_FRAMES, Rows
from jaxpose.keypoints.layouts import find_layout
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import Skeleton


def read(path: Path) -> list[Rows]:
    """Each video's detections.

    Raises:
      InputError: the archive is not as the module says.
    """
    members = load_npz(path)
    if "positions_2d" in members:
        return _exchanged(path, members)
    if "keypoints" in members:
        return [_plain(path, members)]
    raise InputError(f"{path} holds neither 'positions_2d' nor 'keypoints', only {', '.join(map(repr, members))}")


def _exchanged(path: Path, members: Mapping[str, Any]) -> list[Rows]:
    """The views of every video and action, each a track."""
    metadata = members.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    videos = metadata.get("video_metadata")
    layout = _layout(path, metadata.get("layout_name"))
    found = []
    for video, actions in _dict(path, members["positions_2d"], "'positions_2d'").items():
        for action, views in _dict(path, actions, f"'positions_2d' of {video!r}").items():
            views = [views] if isinstance(views, np.ndarray) and views.ndim == 3 else views
            if not isinstance(views, list | tuple | np.ndarray) or getattr(views, "shape", None) == ():
                raise InputError(f"{path}: {video!r} {action!r} is no list of arrays")
            name = str(video) if action == "custom" else f"{video}/{action}"
            people = [_poses(path, view, f"{name}, array {number}") for number, view in enumerate(views)]
            rows = _rows(path, people)._replace(layout=layout, size=_size(path, videos, video), video=name)
            found.append(rows._replace(people=[""] * len(rows.people)) if len(people) == 1 else rows)
    return found


def _plain(path: Path, members: Mapping[str, Any]) -> Rows:
    """The people of a plain archive."""
    keypoints = members["keypoints"]
    several = isinstance(keypoints, np.ndarray) and keypoints.ndim == 4
    rows = _rows(path, [_poses(path, one, "'keypoints'") for one in (keypoints if several else [keypoints])])
    width, height, fps = (_number(path, members, name) for name in ("width", "height", "fps"))
    size = None if width is None or height is None else (round(width), round(height))
    return rows._replace(layout=_layout(path, members.get("layout")), size=size, fps=fps)


def _number(path: Path, members: Mapping[str, Any], name: str) -> float | None:
    """A member that is one number; None if it is not there."""
    if name not in members:
        return None
    value = np.asarray(members[name])
    if value.size != 1 or value.dtype.kind not in "fiu" or not np.isfinite(value).all():
        raise InputError(f"{path}: {name!r} must be one number")
    return float(value.reshape(-1)[0])


def _rows(path: Path, people: list[np.ndarray]) -> Rows:
    """Rows of several people's (T, K, 3), called 1, 2, …"""
    if len({one.shape[1] for one in people}) != 1:
        raise InputError(f"{path}: there are no arrays, or arrays of different numbers of keypoints, in one video")
    frames = np.concatenate([np.arange(len(one)) for one in people])
    names = np.repeat([str(number) for number in range(1, len(people) + 1)], [len(one) for one in people])
    return Rows(frames.tolist(), names.tolist(), np.concatenate(people))


def _poses(path: Path, value: Any, where: str) -> np.ndarray:
    """(T, K, 3) with a confidence of 1 where there is none."""
    fits = isinstance(value, np.ndarray) and value.ndim == 3 and value.dtype.kind in "fiu" and value.shape[2] in (2, 3)
    if not fits or len(value) > MOST_FRAMES:
        what = f"{value.dtype} of shape {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
        raise InputError(
            f"{path}: {where} is {what}; it must be numbers, (at most {MOST_FRAMES:,} frames, keypoints, 2 or 3)"
        )
    return value if value.shape[2] == 3 else np.concatenate([value, np.ones_like(value[..., :1])], axis=-1)


def _dict(path: Path, value: Any, where: str) -> dict[Any, Any]:
    """`value`, if it is a dict with something in it."""
    if not isinstance(value, dict) or not value:
        raise InputError(f"{path}: {where} is not a dict of video, then action")
    return value


def _layout(path: Path, name: Any) -> Skeleton | None:
    """The layout of that name; None if there is no name."""
    if name is None:
        return None
    try:
        return find_layout(str(name))
    except ValueError as error:
        raise InputError(f"{path}: {error}; correct it, or convert the keypoints to one of these") from None


def _size(path: Path, videos: Any, video: Any) -> tuple[int, int] | None:
    """Width and height of a video by `video_metadata`; None if it is not there."""
    if not isinstance(videos, dict) or video not in videos:
        return None
    try:
        return int(videos[video]["w"]), int(videos[video]["h"])
    except (LookupError, TypeError, ValueError, OverflowError):
        raise InputError(f"{path}: 'video_metadata' of {video!r} has no sound 'w' and 'h'") from None
