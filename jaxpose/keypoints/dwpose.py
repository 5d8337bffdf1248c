"""Read the JSON of DWPose and OpenPose in ControlNet's programs, as ComfyUI saves POSE_KEYPOINT.

A file is a list of frames, or one frame of a folder with a file for each: `{"people": [{"pose_keypoints_2d":
[x, y, confidence, …], …}, …], "canvas_width": 1920, "canvas_height": 1080}`. A body has the 18 keypoints of OpenPose's
COCO model; those that were not found are 0, 0, 0. Where only a face or hands were found, the body is null or all zeros,
and is not read. Some versions divide x and y by the canvas, others write pixels, and no field says which: the
coordinates decide (`units`).

Source of the format: comfyui_controlnet_aux, `encode_poses_as_dict` and the node "Save Pose Keypoints".
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxpose.keypoints.coco import first_entry
from jaxpose.keypoints.detections import DetectionRows
from jaxpose.keypoints.fields import number_array, required_list, shows_nobody, split_triples, stated_size
from jaxpose.keypoints.layouts import COCO_18
from jaxpose.runtime.errors import InputError


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
      InputError: the file breaks the format, or has canvases of several sizes.
    """
    poses, frames, labels, sizes = [], [], [], set()
    documents = document if isinstance(document, list) else [document]
    for number, frame in zip(numbers or range(len(documents)), documents, strict=True):
        label = f"frame {number}"
        people = required_list(path, frame, "people", label)
        sizes.add(stated_size(frame.get("canvas_width"), frame.get("canvas_height")))
        for person in people:
            if shows_nobody(person):
                continue
            if body := required_list(path, person, "pose_keypoints_2d", f"a person in {label}"):
                poses.append(body)
                frames.append(number)
                labels.append(label)
    sizes = sizes - {None} or {None}
    if len(sizes) > 1:
        raise InputError(f"{path}: canvases of several sizes; make one file of each video")
    if not poses:
        return DetectionRows([], [], np.zeros((0, 0, 3)))
    points = split_triples(path, number_array(path, poses, labels, "pose_keypoints_2d"))
    layout = COCO_18 if points.shape[1] == COCO_18.num_joints else None
    return DetectionRows(frames, [None] * len(frames), points, layout, sizes.pop(), relative=None)
