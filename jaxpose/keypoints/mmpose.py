"""Read predictions of MMPose and RTMPose: JSON with `instance_info`, or the list in it.

`instance_info` is a list of frames `{"frame_id": 1, "instances": [{"keypoints": [[x, y], …], "keypoint_scores": […]},
…]}`; an instance may have a `track_id`. `meta_info` names the keypoints (`keypoint_id2name`).
"""

from pathlib import Path
from typing import Any

import numpy as np

from jaxpose.keypoints.coco import body_keypoints, first_entry
from jaxpose.keypoints.detections import DetectionRows, detector_scores, number_lists, required_field
from jaxpose.keypoints.layouts import HALPE_26
from jaxpose.keypoints.track_ids import person_ids
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import COCO_17, H36M_17, Skeleton


def is_mmpose(document: Any) -> bool:
    """Whether a JSON document is MMPose's predictions, or the list of frames in them."""
    if isinstance(document, dict):
        return "instance_info" in document
    entry = first_entry(document)
    return isinstance(entry, dict) and "instances" in entry


def read_mmpose(path: Path, document: dict[str, Any] | list[Any]) -> DetectionRows:
    """Read the instances of all frames.

    Raises:
      InputError: the file breaks the format.
    """
    header = {"instance_info": document} if isinstance(document, list) else document
    frames = required_field(path, header, "instance_info", list, "the file")
    instances, frame_numbers, labels = [], [], []
    for index, frame in enumerate(frames):
        number = required_field(path, frame, "frame_id", int, f"entry {index}")
        for instance in required_field(path, frame, "instances", list, f"frame {number}"):
            instances.append(instance)
            frame_numbers.append(number)
            labels.append(f"an instance in frame {number}")
    if not instances:
        return DetectionRows([], [], np.zeros((0, 0, 3)))
    xy, scores = (number_lists(path, instances, name, labels) for name in ("keypoints", "keypoint_scores"))
    if xy.ndim != 3 or xy.shape[2] != 2 or scores.shape != xy.shape[:2]:
        raise InputError(
            f"{path}: 'keypoints' must be pairs x, y with a score each; here {xy.shape[1:]}, {scores.shape[1:]}"
        )
    points = np.concatenate([xy, scores[..., None]], axis=-1)
    meta = document.get("meta_info") if isinstance(document, dict) else None
    points, layout = _named(points, meta)
    people = person_ids(path, instances, labels)
    scores = detector_scores(instances, "bbox_score")
    return DetectionRows(frame_numbers, people, points, layout, scores=scores)


def _named(points: np.ndarray, meta: Any) -> tuple[np.ndarray, Skeleton | None]:
    """The body's keypoints and their layout by the names in `meta_info`; without names by the number of keypoints."""
    if isinstance(meta, dict) and isinstance(meta.get("keypoint_id2name"), dict):
        names = tuple(meta["keypoint_id2name"].get(str(number)) for number in range(points.shape[1]))
        for layout in (HALPE_26, COCO_17):  # in this order: Halpe's begin with COCO's, and whole bodies with either
            if names[: layout.num_joints] == layout.joints:
                return points[:, : layout.num_joints], layout
        return points, H36M_17 if names == _H36M_NAMES else None
    if points.shape[1] == H36M_17.num_joints:  # Human3.6M's or COCO's
        return points, None
    return body_keypoints(points)


_H36M_NAMES = (
    "root", "right_hip", "right_knee", "right_foot", "left_hip", "left_knee", "left_foot",
    "spine", "thorax", "neck_base", "head",
    "left_shoulder", "left_elbow", "left_wrist", "right_shoulder", "right_elbow", "right_wrist",
)  # fmt: skip
