"""Read the JSON of DWPose and OpenPose in ControlNet's programs, as ComfyUI saves POSE_KEYPOINT.

A file is a list of frames, or one frame: `{"people": [{"pose_keypoints_2d": [x, y, confidence, …], …}, …],
"canvas_width": 1920, "canvas_height": 1080}`. A body has the 18 keypoints of OpenPose's COCO model; it is null where
only a face or hands were found, which are not read. Keypoints that were not found are 0, 0, 0. Older versions divide x
and y by the canvas, others write pixels, and no field says which: see `_is_relative`.
"""

from pathlib import Path
from typing import Any

import numpy as np

from jaxpose.keypoints.coco import first_entry
from jaxpose.keypoints.detections import DetectionRows, number_array, required_field, split_triples
from jaxpose.keypoints.layouts import COCO_18
from jaxpose.runtime.errors import InputError

_FARTHEST = 2.0
"""Largest coordinate that counts as divided by the canvas: DWPose also places joints somewhat outside of the image."""
_MIN_CANVAS = 16
"""Pixels; on a smaller canvas, a body within two pixels of the corner would not be absurd."""


def is_dwpose(document: Any) -> bool:
    """Whether a JSON document is a frame with people on a canvas, or a list of such frames."""
    frame = document if isinstance(document, dict) else first_entry(document)
    return isinstance(frame, dict) and "people" in frame and bool({"canvas_width", "canvas_height"} & set(frame))


def read_dwpose(path: Path, document: dict[str, Any] | list[Any]) -> DetectionRows:
    """Read the bodies of all frames; frames are counted from zero.

    Raises:
      InputError: the file breaks the format, has canvases of several sizes, or its coordinates can be pixels as well as
        divided by the canvas.
    """
    poses, frames, labels, sizes = [], [], [], set()
    for number, frame in enumerate(document if isinstance(document, list) else [document]):
        label = f"frame {number}"
        people = required_field(path, frame, "people", list, label)
        width, height = (required_field(path, frame, f"canvas_{side}", int, label) for side in ("width", "height"))
        sizes.add((width, height))
        for person in people:
            if isinstance(person, dict) and person.get("pose_keypoints_2d", ()) is None:
                continue
            if body := required_field(path, person, "pose_keypoints_2d", list, f"a person in {label}"):
                poses.append(body)
                frames.append(number)
                labels.append(label)
    if len(sizes) > 1:
        raise InputError(f"{path}: canvases of several sizes; make one file of each video")
    if not poses:
        return DetectionRows([], [], np.zeros((0, 0, 3)))
    points = split_triples(path, number_array(path, poses, labels, "pose_keypoints_2d"))
    (size,) = sizes
    layout = COCO_18 if points.shape[1] == COCO_18.num_joints else None
    relative = _is_relative(path, points, size)
    return DetectionRows(frames, [None] * len(frames), points, layout, size, relative=relative)


def _is_relative(path: Path, points: np.ndarray, size: tuple[int, int]) -> bool:
    """Whether x and y are divided by the canvas.

    They are if none is above 2: as pixels, all people would stand in a corner of two pixels. They are pixels if most
    are above 2: otherwise, most joints would lie far outside of the image.

    Args:
      path: of the file, for messages.
      points: (N, K, 3) x, y and a confidence; keypoints without confidence do not count.
      size: width and height of the canvas.

    Raises:
      InputError: neither is so; the file can be read in two ways.
    """
    seen = points[points[..., 2] > 0][:, :2]
    distances = np.abs(seen[~np.isnan(seen)])
    above = distances > _FARTHEST
    if not distances.size or 2 * above.sum() > above.size:
        return False
    if above.any() or min(size) < _MIN_CANVAS:
        raise InputError(
            f"{path}: {above.sum()} of {above.size} coordinates are above {_FARTHEST:g} on a canvas of "
            f"{size[0]} x {size[1]}: some can be pixels, some divided by the canvas; write all of them in pixels"
        )
    return True
