"""Read MediaPipe's pose landmarks from JSON.

MediaPipe has no file format of its own. A file has the landmarks of each frame, as a program can dump them:

- `{"frames": [FRAME, …], "width": 1920, "height": 1080, "fps": 30}`, or the list of frames alone;
- FRAME is the list of the 33 landmarks of one person, a list of such lists (one for each person), or null or [] where
  nobody was found;
- a landmark is `{"x": 0.5, "y": 0.5, "visibility": 0.9}`; x and y are divided by the image's width and height, as
  MediaPipe gives them. Without `visibility` it counts as seen; other fields (`z`, `presence`) are ignored.
"""

from pathlib import Path
from typing import Any

import numpy as np

from jaxpose.keypoints.coco import first_entry
from jaxpose.keypoints.detections import DetectionRows, number_array, required_field
from jaxpose.keypoints.layouts import MEDIAPIPE_33
from jaxpose.runtime.errors import InputError


def is_mediapipe(document: Any) -> bool:
    """Whether a JSON document is a list of frames of landmarks, or an object with such a list."""
    if isinstance(document, dict):
        return "frames" in document
    return isinstance(document, list) and isinstance(first_entry(document), list)


def read_mediapipe(path: Path, document: dict[str, Any] | list[Any]) -> DetectionRows:
    """Read the landmarks of all frames.

    Raises:
      InputError: the file breaks the format described above.
    """
    header = document if isinstance(document, dict) else {"frames": document}
    poses, frames, labels = [], [], []
    for number, frame in enumerate(required_field(path, header, "frames", list, "the file")):
        if frame is not None and not isinstance(frame, list):
            raise InputError(f"{path}: frame {number} is {frame!r:.40}; it must be a list of landmarks, or null")
        several = bool(frame) and isinstance(frame[0], list)
        for person in frame if several else [frame] if frame else []:
            if not isinstance(person, list) or len(person) != MEDIAPIPE_33.num_joints:
                raise InputError(f"{path}: frame {number} does not have {MEDIAPIPE_33.num_joints} landmarks a person")
            poses.append([_landmark(path, landmark, number) for landmark in person])
            frames.append(number)
            labels.append(f"frame {number}")
    if not poses:
        return DetectionRows([], [], np.zeros((0, 0, 3)))
    sides = [header.get(side) for side in ("width", "height")]
    if sides != [None, None]:
        sides = [required_field(path, header, side, int, "the file") for side in ("width", "height")]
    fps = None if header.get("fps") is None else required_field(path, header, "fps", (int, float), "the file")
    size = None if None in sides else (sides[0], sides[1])
    points = number_array(path, poses, labels, "landmarks")
    return DetectionRows(frames, [None] * len(frames), points, MEDIAPIPE_33, size, fps, relative=True)


def _landmark(path: Path, landmark: Any, frame: int) -> list[Any]:
    """The x, y and visibility of a landmark."""
    x, y = (required_field(path, landmark, axis, (int, float), f"a landmark of frame {frame}") for axis in ("x", "y"))
    return [x, y, landmark.get("visibility", 1.0)]
