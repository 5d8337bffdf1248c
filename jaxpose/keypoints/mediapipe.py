"""Read MediaPipe's pose landmarks from JSON.

MediaPipe has no file format of its own; programs dump its landmarks in these forms:

- the file is the list of frames; or `{"frames": …, "width": 1920, "height": 1080, "fps": 30}` with this list; or an
  object of frames by their numbers, `{"0": FRAME, "1": FRAME}`; or one FRAME;
- FRAME is the list of the 33 landmarks of one person, a list of such lists (one for each person), or null or [] where
  nobody was found; or an object with one of these as `pose_landmarks`, `poseLandmarks`, `landmarks` or `landmark`, and
  perhaps its number as `frame`;
- a landmark is `{"x": 0.5, "y": 0.5, "visibility": 0.9}` or the list `[x, y, z, visibility]`. Without `visibility` it
  counts as seen; other fields (`z`, `presence`) are ignored. Landmarks may have a `name`, or be an object by their
  names or numbers; names decide which is which.

x and y are divided by the image's width and height, as MediaPipe gives them; landmarks in pixels are read with a note,
and world landmarks, which are in metres about the hips and have no place in the image, are refused.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxpose.keypoints.coco import first_entry
from jaxpose.keypoints.detections import DetectionRows
from jaxpose.keypoints.fields import number_array, required_field, stated_size
from jaxpose.keypoints.layouts import MEDIAPIPE_33
from jaxpose.runtime.errors import InputError

_IMAGE_LANDMARKS = ("pose_landmarks", "poseLandmarks", "landmarks", "landmark")
_WORLD_LANDMARKS = ("pose_world_landmarks", "poseWorldLandmarks", "world_landmarks")
_NUMBERS = ("frame", "frame_id", "frame_index", "frame_number")


class _Person(NamedTuple):
    """A person's landmarks in one frame."""

    names: tuple[str, ...] | None
    landmarks: Sequence[Any]


def is_mediapipe(document: Any) -> bool:
    """Whether a JSON document has frames of landmarks."""
    if isinstance(document, dict):
        return "frames" in document or _is_frame(document) or _is_named(document) or _is_numbered(document)
    entry = first_entry(document)
    return isinstance(entry, list) or _is_frame(entry) or _is_named(entry)


def read_mediapipe(path: Path, document: dict[str, Any] | list[Any]) -> DetectionRows:
    """Read the landmarks of all frames.

    Raises:
      InputError: the file breaks the format described above, or has world landmarks alone.
    """
    header = document if isinstance(document, dict) and "frames" in document else {"frames": document}
    people, numbers = [], []
    for number, frame in _numbered_frames(path, header["frames"]):
        found = _people(path, frame, number)
        people += found
        numbers += [number] * len(found)
    if not people:
        return DetectionRows([], [], np.zeros((0, 0, 3)))
    names = people[0].names
    for person, number in zip(people, numbers, strict=True):
        if person.names != names:
            raise InputError(f"{path}: the landmarks of frame {number} have other names than those of the first frame")
        if names is None and len(person.landmarks) != MEDIAPIPE_33.num_joints:
            raise InputError(f"{path}: frame {number} does not have {MEDIAPIPE_33.num_joints} landmarks a person")
    poses = [
        [_landmark(path, landmark, number) for landmark in person.landmarks]
        for person, number in zip(people, numbers, strict=True)
    ]
    points = number_array(path, poses, [f"frame {number}" for number in numbers], "landmarks")
    size = stated_size(header.get("width"), header.get("height"))
    rows = DetectionRows(numbers, [None] * len(numbers), points, MEDIAPIPE_33, size, header.get("fps"), relative=True)
    return rows._replace(names=names)


def _is_frame(node: Any) -> bool:
    """Whether a node is an object with landmarks."""
    return isinstance(node, dict) and bool({*_IMAGE_LANDMARKS, *_WORLD_LANDMARKS} & node.keys())


def _is_numbered(node: Any) -> bool:
    """Whether a node is an object of frames by their numbers."""
    if (
        not isinstance(node, dict)
        or not node
        or not all(key.isascii() and key.isdigit() and len(key) < 19 for key in node)
    ):
        return False
    frame = first_entry(list(node.values()))
    return isinstance(frame, list) or _is_frame(frame) or _is_named(frame)


def _is_named(node: Any) -> bool:
    """Whether a node is an object of landmarks by their names."""
    return isinstance(node, dict) and bool(node) and all(isinstance(one, dict) and "x" in one for one in node.values())


def _numbered_frames(path: Path, frames: Any) -> list[tuple[int, Any]]:
    """Frames with their numbers, as they have them or counted from zero.

    Raises:
      InputError: there are no frames, or some have a number and others do not.
    """
    if _is_numbered(frames) and not _is_named(frames):
        return [(int(number), frame) for number, frame in frames.items()]
    frames = [frames] if _is_frame(frames) or _is_named(frames) else frames
    if not isinstance(frames, list):
        raise InputError(f"{path}: the file has a missing or invalid 'frames' ({frames!r:.40}); export the file again")
    fields = [next((name for name in _NUMBERS if _is_frame(frame) and name in frame), None) for frame in frames]
    stated = [(frame, field) for frame, field in zip(frames, fields, strict=True) if field is not None]
    if not stated:
        return list(enumerate(frames))
    if len(stated) < sum(bool(frame) for frame in frames):
        raise InputError(f"{path}: some frames have a {stated[0][1]!r} and others do not; give all of them one")
    return [(required_field(path, frame, field, int, "a frame"), frame) for frame, field in stated]


def _people(path: Path, node: Any, frame: int, depth: int = 4) -> list[_Person]:
    """The people in a frame, or in a part of it.

    Raises:
      InputError: the frame has something else than landmarks.
    """
    if not node and (node is None or isinstance(node, list | dict)):
        return []
    if _is_frame(node):
        name = next((name for name in _IMAGE_LANDMARKS if name in node), None)
        if name is None:
            raise InputError(
                f"{path}: frame {frame} has world landmarks alone, in metres about the hips; export the landmarks of "
                "the image (pose_landmarks)"
            )
        return _people(path, node[name], frame, depth - 1) if depth else _fail(path, node, frame)
    if _is_named(node):
        names = None if set(node) == {str(place) for place in range(len(node))} else tuple(node)
        return [_Person(names, [node[name] for name in (names or sorted(node, key=int))])]
    if not isinstance(node, list):
        return _fail(path, node, frame)
    first = node[0]
    if isinstance(first, dict) and not _is_frame(first) and not _is_named(first):
        names = [one.get("name") if isinstance(one, dict) else None for one in node]
        return [_Person(tuple(names) if all(isinstance(name, str) for name in names) else None, node)]
    if isinstance(first, list) and first and isinstance(first[0], int | float):
        return [_Person(None, node)]
    if not depth or not isinstance(first, list | dict):
        return _fail(path, first, frame)
    return [person for one in node for person in _people(path, one, frame, depth - 1)]


def _fail(path: Path, node: Any, frame: int) -> list[_Person]:
    """Refuse what is no landmark."""
    raise InputError(f"{path}: frame {frame} is {node!r:.40}; it must be a list of landmarks, or null")


def _landmark(path: Path, landmark: Any, frame: int) -> list[Any]:
    """The x, y and visibility of a landmark."""
    if isinstance(landmark, list) and len(landmark) == 4:
        x, y, _, visibility = landmark
        return [x, y, visibility]
    label = f"a landmark of frame {frame}"
    x, y = (required_field(path, landmark, axis, (int, float), label) for axis in ("x", "y"))
    return [x, y, landmark.get("visibility", 1.0)]
