"""Read predictions of MMPose and RTMPose: JSON with `instance_info`, or the list in it.

`instance_info` is a list of frames `{"frame_id": 1, "instances": [{"keypoints": [[x, y], …], "keypoint_scores": […]},
…]}`; an instance may have a `track_id`. `meta_info` names the keypoints (`keypoint_id2name`), and these names decide;
without them, 17 keypoints can be COCO's or Human3.6M's.
"""

from pathlib import Path
from typing import Any

import numpy as np

from jaxpose.keypoints.coco import BODY_LAYOUTS, first_entry
from jaxpose.keypoints.detections import DetectionRows
from jaxpose.keypoints.fields import detector_scores, number_lists, required_field, required_list, shows_nobody
from jaxpose.keypoints.frame_numbers import whole_number
from jaxpose.keypoints.track_ids import person_ids
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import H36M_17


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
    seen: set[int] = set()
    for index, frame in enumerate(frames):
        number = whole_number(required_field(path, frame, "frame_id", (int, float, str), f"entry {index}"))
        if number is None or number in seen:
            fault = "is no whole number" if number is None else "is there twice, as if of two videos"
            raise InputError(f"{path}: 'frame_id' of entry {index}, {frame['frame_id']!r:.40}, {fault}; correct it")
        seen.add(number)
        label = f"an instance in frame {number}"
        for instance in required_list(path, frame, "instances", f"frame {number}"):
            if shows_nobody(instance) or not required_list(path, instance, "keypoints", label):
                continue
            instances.append(instance)
            frame_numbers.append(number)
            labels.append(label)
    if not instances:
        return DetectionRows([], [], np.zeros((0, 0, 3)))
    xy, scores = (number_lists(path, instances, name, labels) for name in ("keypoints", "keypoint_scores"))
    if xy.ndim != 3 or xy.shape[2] != 2 or scores.shape != xy.shape[:2]:
        raise InputError(
            f"{path}: 'keypoints' must be pairs x, y with a score each; here {xy.shape[1:]}, {scores.shape[1:]}"
        )
    points = np.concatenate([xy, scores[..., None]], axis=-1)
    names = _names(path, document.get("meta_info")) if isinstance(document, dict) else None
    count = points.shape[1]
    layout = None if count == H36M_17.num_joints else BODY_LAYOUTS.get(count)  # 17 can be Human3.6M's or COCO's
    people = person_ids(path, instances, labels)
    scores = detector_scores(instances, "bbox_score")
    return DetectionRows(frame_numbers, people, points, layout, scores=scores, names=names)


def _names(path: Path, meta: Any) -> list[str] | None:
    """The names of the keypoints in `meta_info`, in their order; None if it has none.

    Raises:
      InputError: they are no names.
    """
    names = meta.get("keypoint_id2name") if isinstance(meta, dict) else None
    if isinstance(names, dict):
        names = [names.get(str(number)) for number in range(len(names))]
    if not names:
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(f"{path}: 'keypoint_id2name' in 'meta_info' must have a name for each keypoint, from 0")
    return names
