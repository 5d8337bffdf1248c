"""Read keypoints from npz archives: those of VideoPose3D and programs like it, and archives of one array.

VideoPose3D's archives have `positions_2d`, video -> action -> a list with the array of each camera or person, (frames,
K, 2 or 3) pixels; and `metadata`, a dict with `layout_name` and, for videos in the wild, `video_metadata`, video -> `w`
and `h`. An archive of one array has

- `keypoints`: (frames, K, 2 or 3) of one person or (people, frames, K, 2 or 3), pixels and perhaps a confidence; NaN
  where a keypoint was not seen;
- optionally `scores`, the confidences, if `keypoints` has none; `layout` (a name), `width`, `height` and `fps`.

Both may have `keypoint_names`, `joint_names` or `joints`, the name of each keypoint (VideoPose3D's in `metadata`).

(frames, people, …) is turned where only this can be: the poses along the first axis move on a little, and those along
the second do not. The scripts of VideoPose3D that run Detectron write `boxes`, `segments`, `keypoints` and `metadata`
(`w`, `h`): for each frame and class, of which the second is people, boxes (people, 5), the last number a score, and
keypoints (people, 4, 17), x, y, a logit and a probability; both are empty where nobody was found.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxpose.files.safe_npz import load_npz
from jaxpose.keypoints.detections import MAX_FRAMES, DetectionRows
from jaxpose.keypoints.fields import stated_size
from jaxpose.keypoints.tracking import pose_distance
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import COCO_17

_LITTLE = 0.1  # of a person's size: as far a person moves from frame to frame
_LOOKED_AT = 256  # poses along each axis
_CLEARLY = 3  # times: by so much the steps along one axis must be smaller than along the other
_CONFIDENCES = ("scores", "keypoint_scores", "confidences", "confidence")
_FACTS = ("width", "height", "fps", "layout")
_NAMES = ("keypoint_names", "joint_names", "joints")


def read_keypoint_npz(path: Path) -> list[DetectionRows]:
    """Read the detections of each video.

    Raises:
      InputError: the archive breaks the formats described above.
    """
    members = load_npz(path)
    if "positions_2d" in members:
        return _videos(path, members)
    if "keypoints" in members:
        is_detectron = "boxes" in members and _is_by_frame(members["keypoints"])
        return [_detectron(path, members) if is_detectron else _one_video(path, members)]
    raise InputError(
        f"{path} has neither 'positions_2d' nor 'keypoints', only {', '.join(map(repr, members))}; name another file"
    )


def _videos(path: Path, members: Mapping[str, Any]) -> list[DetectionRows]:
    """Detections of every video and action; each view is a track."""
    metadata = members.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    videos = metadata.get("video_metadata")
    layout, names = _layout_name(metadata.get("layout_name")), _names(path, metadata)
    all_rows = []
    for video, actions in _dict(path, members["positions_2d"], "'positions_2d'").items():
        for action, views in _dict(path, actions, f"'positions_2d' of {video!r}").items():
            views = [views] if isinstance(views, np.ndarray) and views.ndim == 3 else views
            if not isinstance(views, list | tuple | np.ndarray) or getattr(views, "shape", None) == ():
                raise InputError(f"{path}: {video!r} {action!r} is not a list of arrays")
            name = str(video) if action == "custom" else f"{video}/{action}"
            people = [_poses(path, view, f"{name}, array {number}") for number, view in enumerate(views)]
            rows = _rows(path, people, name)
            rows = rows._replace(layout=layout, names=names, size=_size(videos, video), video=name)
            all_rows.append(rows._replace(people=[""] * len(rows.people)) if len(set(rows.people)) == 1 else rows)
    return all_rows


def _one_video(path: Path, members: Mapping[str, Any]) -> DetectionRows:
    """Detections of an archive of one array."""
    keypoints = _with_confidence(path, members)
    has_people_axis = isinstance(keypoints, np.ndarray) and keypoints.ndim == 4
    rows = _rows(
        path,
        [_poses(path, track, "'keypoints'") for track in (keypoints if has_people_axis else [keypoints])],
        "'keypoints'",
    )
    width, height, fps, layout = (_value(members.get(name)) for name in _FACTS)
    size = stated_size(width, height)
    ignored = [name for name in members if name not in ("keypoints", *_FACTS, *_NAMES, *_CONFIDENCES)]
    notes = (f"{path}: {', '.join(map(repr, ignored))[:80]} in the archive is not read",) if ignored else ()
    return rows._replace(
        layout=_layout_name(layout), names=_names(path, members), size=size, fps=fps, notes=rows.notes + notes
    )


def _with_confidence(path: Path, members: Mapping[str, Any]) -> Any:
    """The array of keypoints, with the confidences that an array of their own has."""
    keypoints = members["keypoints"]
    name = next((name for name in _CONFIDENCES if name in members), None)
    if name is None or not isinstance(keypoints, np.ndarray) or keypoints.shape[-1:] != (2,):
        return keypoints
    confidence = np.asarray(members[name])
    if confidence.shape != keypoints.shape[:-1] or confidence.dtype.kind not in "fiu":
        raise InputError(
            f"{path}: {name!r} has shape {confidence.shape}, 'keypoints' {keypoints.shape}; it must have a number "
            "for each keypoint"
        )
    return np.concatenate([keypoints, confidence[..., None]], axis=-1)


def _is_by_frame(keypoints: Any) -> bool:
    """Whether an archive has people of (4, 17) for each frame, in lists or, if all have one person, in one array."""
    return not isinstance(keypoints, np.ndarray) or keypoints.dtype.hasobject or keypoints.shape[-2:-1] == (4,)


def _detectron(path: Path, members: Mapping[str, Any]) -> DetectionRows:
    """Detections of Detectron in VideoPose3D's scripts: the person of the best box in each frame."""
    boxes, keypoints = members["boxes"], members["keypoints"]
    if not (_is_sequence(boxes) and _is_sequence(keypoints)) or len(boxes) != len(keypoints) or len(boxes) > MAX_FRAMES:
        raise InputError(
            f"{path}: 'boxes' and 'keypoints' must be lists of at most {MAX_FRAMES:,} frames, both as long"
        )
    frames, poses, several = [], [], 0
    for frame, (boxes_found, people_found) in enumerate(zip(boxes, keypoints, strict=True)):
        people = _people_of_class(path, people_found, 3, f"'keypoints' of frame {frame}")
        found = _people_of_class(path, boxes_found, 2, f"'boxes' of frame {frame}")
        if len(people) != len(found) or (len(people) and (people.shape[1] != 4 or found.shape[1] != 5)):
            raise InputError(
                f"{path}: frame {frame} has boxes of shape {found.shape} and keypoints of shape {people.shape}; they "
                "must be (people, 5) and (people, 4, keypoints)"
            )
        if len(people):
            frames.append(frame)
            poses.append(people[np.nan_to_num(found[:, 4]).argmax()][[0, 1, 3]].T)
            several += len(people) > 1
    if len({pose.shape for pose in poses}) > 1:
        raise InputError(f"{path}: people of different numbers of keypoints")
    metadata = members.get("metadata")
    size = _size({path.name: metadata}, path.name) if isinstance(metadata, dict) and metadata else None
    points = np.stack(poses) if poses else np.zeros((0, 0, 3))
    note = f"{path}: {several} of {len(frames)} frames have several boxes: the person of the best box is read"
    return DetectionRows(
        frames,
        [""] * len(frames),
        points,
        COCO_17 if points.shape[1] == COCO_17.num_joints else None,
        size,
        notes=(note,) if several else (),
    )


def _people_of_class(path: Path, found: Any, dimensions: int, label: str) -> np.ndarray:
    """What was found of people in a frame as one array; (0, …) for nothing."""
    if _is_sequence(found) and len(found) == 2 and _is_empty(found[0]):
        found = found[1]  # by class: background, people
    if found is None or _is_empty(found):
        return np.zeros((0,) * dimensions)
    try:
        array = np.asarray(found, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{path}: {label} are not numbers; run the detector again") from None
    if array.ndim != dimensions:
        raise InputError(f"{path}: {label} have shape {array.shape}; they must have {dimensions} axes, people first")
    return array


def _is_empty(value: Any) -> bool:
    """Whether a value is an empty list or array."""
    return _is_sequence(value) and len(value) == 0


def _is_sequence(value: Any) -> bool:
    """Whether a value is a list, or an array with axes."""
    return isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim > 0)


def _rows(path: Path, people: list[np.ndarray], label: str) -> DetectionRows:
    """Rows of several people's keypoints (T, K, 3); the people are called 1, 2, …"""
    if len({track.shape[1] for track in people}) != 1:
        raise InputError(f"{path}: a video has no arrays, or arrays of different numbers of keypoints")
    notes: tuple[str, ...] = ()
    if len(people) > 1 and len({len(track) for track in people}) == 1 and _is_frames_first(path, people, label):
        shape = f"({len(people)}, {len(people[0])}, …)"
        people = list(np.stack(people, axis=1))
        notes = (f"{path}: {label} of shape {shape} is read as (frames, people, …), as the poses move on so",)
    frames = np.concatenate([np.arange(len(track)) for track in people])
    names = np.repeat([str(number) for number in range(1, len(people) + 1)], [len(track) for track in people])
    return DetectionRows(frames.tolist(), names.tolist(), np.concatenate(people), notes=notes)


def _is_frames_first(path: Path, people: list[np.ndarray], label: str) -> bool:
    """Whether arrays of people's keypoints (T, K, 3) must be those of frames, (people, K, 3).

    They are if poses move on little from one array to the next, and not within an array. If neither can be told, there
    must not be more people than frames.

    Raises:
      InputError: there are, and both could be.
    """
    stacked = np.stack([track[:_LOOKED_AT] for track in people[:_LOOKED_AT]]).astype(np.float64)
    along_arrays, along_frames = _usual_step(stacked), _usual_step(stacked.swapaxes(0, 1))
    if along_arrays < _LITTLE and along_arrays * _CLEARLY < along_frames:
        return True
    count, length = len(people), len(people[0])
    if count > length and not (along_frames < _LITTLE and along_frames * _CLEARLY < along_arrays):
        raise InputError(
            f"{path}: {label} would be {count} people in {length} frames; the order is (people, frames, keypoints, 2 "
            "or 3): exchange the first two axes if frames are first, or save (frames, keypoints, 2 or 3) of one person"
        )
    return False


def _usual_step(poses: np.ndarray) -> float:
    """Median distance of poses from one to the next along the first axis of (A, B, K, 3), in people's sizes.

    Infinite if there are no two in which a keypoint is seen.
    """
    steps = pose_distance(poses[:-1], poses[1:])
    steps = steps[steps < 1e9]
    return float(np.median(steps)) if steps.size else np.inf


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


def _layout_name(name: Any) -> str | None:
    """The name of a layout; None for None."""
    name = _value(name)
    return None if name is None else str(name)


def _names(path: Path, facts: Mapping[str, Any]) -> list[str] | None:
    """The names of the keypoints; None if there are none.

    Raises:
      InputError: they are no list of names.
    """
    field = next((field for field in _NAMES if field in facts), None)
    if field is None:
        return None
    names = np.asarray(facts[field])
    if names.ndim != 1 or not all(isinstance(name, str) for name in names.tolist()):
        raise InputError(f"{path}: {field!r} must be the names of the keypoints")
    return names.tolist()


def _value(member: Any) -> Any:
    """A number or text of a member, which archives hold as arrays of one; what is none of these as it is."""
    return member.item() if isinstance(member, np.ndarray) and member.size == 1 else member


def _size(videos: Any, video: Any) -> tuple[int, int] | None:
    """Width and height of a video in `video_metadata`; None if they are missing."""
    sides = videos.get(video) if isinstance(videos, dict) else None
    return stated_size(_value(sides.get("w")), _value(sides.get("h"))) if isinstance(sides, dict) else None
