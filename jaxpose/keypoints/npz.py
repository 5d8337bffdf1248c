"""Read keypoints from npz archives: those of VideoPose3D and programs like it, and archives of one array.

VideoPose3D's archives have `positions_2d`, video -> action -> a list with the array of each camera or person, (frames,
K, 2 or 3) pixels; and `metadata`, a dict with `layout_name` and, for videos in the wild, `video_metadata`, video -> `w`
and `h`. An archive of one array has

- `keypoints`: (frames, K, 2 or 3) of one person or (people, frames, K, 2 or 3), pixels and perhaps a confidence; NaN
  where a keypoint was not seen;
- optionally `layout` (a name), `width`, `height` and `fps`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxpose.files.safe_npz import load_npz
from jaxpose.keypoints.detections import MAX_FRAMES, DetectionRows
from jaxpose.keypoints.layouts import find_layout
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import Skeleton


def read_keypoint_npz(path: Path) -> list[DetectionRows]:
    """Read the detections of each video.

    Raises:
      InputError: the archive breaks the formats described above.
    """
    members = load_npz(path)
    if "positions_2d" in members:
        return _videos(path, members)
    if "keypoints" in members:
        return [_one_video(path, members)]
    raise InputError(
        f"{path} has neither 'positions_2d' nor 'keypoints', only {', '.join(map(repr, members))}; name another file"
    )


def _videos(path: Path, members: Mapping[str, Any]) -> list[DetectionRows]:
    """Detections of every video and action; each view is a track."""
    metadata = members.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    videos = metadata.get("video_metadata")
    layout = _layout(path, metadata.get("layout_name"))
    all_rows = []
    for video, actions in _dict(path, members["positions_2d"], "'positions_2d'").items():
        for action, views in _dict(path, actions, f"'positions_2d' of {video!r}").items():
            views = [views] if isinstance(views, np.ndarray) and views.ndim == 3 else views
            if not isinstance(views, list | tuple | np.ndarray) or getattr(views, "shape", None) == ():
                raise InputError(f"{path}: {video!r} {action!r} is not a list of arrays")
            name = str(video) if action == "custom" else f"{video}/{action}"
            people = [_poses(path, view, f"{name}, array {number}") for number, view in enumerate(views)]
            rows = _rows(path, people)._replace(layout=layout, size=_size(path, videos, video), video=name)
            all_rows.append(rows._replace(people=[""] * len(rows.people)) if len(people) == 1 else rows)
    return all_rows


def _one_video(path: Path, members: Mapping[str, Any]) -> DetectionRows:
    """Detections of an archive of one array."""
    keypoints = members["keypoints"]
    has_people_axis = isinstance(keypoints, np.ndarray) and keypoints.ndim == 4
    rows = _rows(
        path, [_poses(path, track, "'keypoints'") for track in (keypoints if has_people_axis else [keypoints])]
    )
    width, height, fps = (_number(path, members, name) for name in ("width", "height", "fps"))
    size = None if width is None or height is None else (round(width), round(height))
    return rows._replace(layout=_layout(path, members.get("layout")), size=size, fps=fps)


def _number(path: Path, members: Mapping[str, Any], name: str) -> float | None:
    """A member that is one number; None if it is missing."""
    if name not in members:
        return None
    value = np.asarray(members[name])
    if value.size != 1 or value.dtype.kind not in "fiu" or not np.isfinite(value).all():
        raise InputError(f"{path}: {name!r} must be one number")
    return float(value.reshape(-1)[0])


def _rows(path: Path, people: list[np.ndarray]) -> DetectionRows:
    """Rows of several people's keypoints (T, K, 3); the people are called 1, 2, …"""
    if len({track.shape[1] for track in people}) != 1:
        raise InputError(f"{path}: a video has no arrays, or arrays of different numbers of keypoints")
    frames = np.concatenate([np.arange(len(track)) for track in people])
    names = np.repeat([str(number) for number in range(1, len(people) + 1)], [len(track) for track in people])
    return DetectionRows(frames.tolist(), names.tolist(), np.concatenate(people))


def _poses(path: Path, value: Any, label: str) -> np.ndarray:
    """Check an array of keypoints, and add a confidence of 1 if there is none: (T, K, 3)."""
    fits = isinstance(value, np.ndarray) and value.ndim == 3 and value.dtype.kind in "fiu" and value.shape[2] in (2, 3)
    if not fits or len(value) > MAX_FRAMES:
        kind = f"{value.dtype} of shape {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
        raise InputError(
            f"{path}: {label} is {kind}; it must be numbers, (at most {MAX_FRAMES:,} frames, keypoints, 2 or 3)"
        )
    return value if value.shape[2] == 3 else np.concatenate([value, np.ones_like(value[..., :1])], axis=-1)


def _dict(path: Path, value: Any, label: str) -> dict[Any, Any]:
    """Check that a value is a dict and not empty."""
    if not isinstance(value, dict) or not value:
        raise InputError(f"{path}: {label} is not a dict of video, then action")
    return value


def _layout(path: Path, name: Any) -> Skeleton | None:
    """The layout of a name; None for None."""
    if name is None:
        return None
    try:
        return find_layout(str(name))
    except ValueError as error:
        raise InputError(f"{path}: {error}; correct it, or convert the keypoints to one of these") from None


def _size(path: Path, videos: Any, video: Any) -> tuple[int, int] | None:
    """Width and height of a video in `video_metadata`; None if they are missing."""
    if not isinstance(videos, dict) or video not in videos:
        return None
    try:
        return int(videos[video]["w"]), int(videos[video]["h"])
    except (LookupError, TypeError, ValueError, OverflowError):
        raise InputError(
            f"{path}: 'video_metadata' of {video!r} has a missing or invalid 'w' or 'h'; correct it"
        ) from None
