"""Read the JSON of DWPose and OpenPose in ControlNet's programs, as ComfyUI saves POSE_KEYPOINT.

A file is a list of frames, or one frame of a folder with a file for each: `{"people": [{"pose_keypoints_2d":
[x, y, confidence, …], …}, …], "canvas_width": 1920, "canvas_height": 1080}`. A body has the 18 keypoints of OpenPose's
COCO model; those that were not found are 0, 0, 0. Where only a face or hands were found, the body is null or all zeros,
and is not read. Some versions divide x and y by the canvas, others write pixels, and no field says which: see
`_is_relative`.

Source of the format: comfyui_controlnet_aux, `encode_poses_as_dict` and the node "Save Pose Keypoints".
"""

from collections.abc import Sequence
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


def read_dwpose(
    path: Path, document: dict[str, Any] | list[Any], numbers: Sequence[int] | None = None
) -> DetectionRows:
    """Read the bodies of all frames.

    Args:
      path: of the file, or of the folder with a file a frame.
      document: one frame, or a list of them.
      numbers: of the frames; by default, they are counted from zero.

    Raises:
      InputError: the file breaks the format, has canvases of several sizes, or its coordinates can be pixels as well as
        divided by the canvas.
    """
    poses, frames, labels, sizes = [], [], [], set()
    documents = document if isinstance(document, list) else [document]
    for number, frame in zip(numbers or range(len(documents)), documents, strict=True):
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
    bodies = np.flatnonzero(_seen(points).any(axis=1))
    points, frames = points[bodies], [frames[body] for body in bodies]
    (size,) = sizes
    layout = COCO_18 if points.shape[1] == COCO_18.num_joints else None
    relative = _is_relative(path, points, size)
    return DetectionRows(frames, [None] * len(frames), points, layout, size, relative=relative)


def _seen(points: np.ndarray) -> np.ndarray:
    """Which keypoints (N, K) of (N, K, 3) were found."""
    return (points[..., 2] > 0) & ~np.isnan(points).any(axis=-1)


def _is_relative(path: Path, points: np.ndarray, size: tuple[int, int]) -> bool:
    """Whether x and y are divided by the canvas.

    They are if neither is ever above 2: as pixels, all people would stand in a corner of two pixels. They are pixels if
    most keypoints of every body are farther away: otherwise, these would lie outside of the image by its whole size.

    Args:
      path: of the file, for messages.
      points: (N, K, 3) x, y and a confidence; of each body, a keypoint was found.
      size: width and height of the canvas.

    Raises:
      InputError: neither is so; the file can be read in two ways.
    """
    seen = _seen(points)
    far = (np.abs(points[..., :2]) > _FARTHEST).any(axis=-1) & seen
    if (2 * far.sum(axis=1) > seen.sum(axis=1)).all():
        return False
    if far.any() or min(size) < _MIN_CANVAS:
        raise InputError(
            f"{path}: {far.sum()} of {seen.sum()} keypoints have a coordinate above {_FARTHEST:g}, on a canvas of "
            f"{size[0]} x {size[1]}: they can be pixels or divided by the canvas; write all of them in pixels"
        )
    return True
