"""The folder of JSON files that OpenPose writes, one a frame (`--write_json`); rtmlib and Sports2D write the same.

The frame is the last number in a file's name. `people[].pose_keypoints_2d` are BODY_25, COCO's 18, or of others who
write this format COCO's 17 or Halpe's 26; BODY_25B is as long as BODY_25 and cannot be told from it. OpenPose gives
`person_id` only when it tracks one person; it is -1 otherwise.
"""

from pathlib import Path

import numpy as np

from jaxpose.keypoints.coco import frame_number
from jaxpose.keypoints.detections import (
    MOST_BYTES,
    MOST_FRAMES,
    Rows,
    field,
    numbers,
    parse_json,
    person_id,
    read_text,
    triples,
)
from jaxpose.keypoints.layouts import BODY_25, COCO_18, HALPE_26
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import COCO_17

_LAYOUTS = {layout.num_joints: layout for layout in (COCO_17, COCO_18, BODY_25, HALPE_26)}


def read(folder: Path) -> Rows:
    """The people of all frames.

    Raises:
      InputError: the folder holds no such files, too many, or one is not as the format says.
    """
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise InputError(f"{folder} holds no JSON files; name the folder that OpenPose wrote with --write_json")
    if len(paths) > MOST_FRAMES or sum(path.lstat().st_size for path in paths) > MOST_BYTES:
        raise InputError(f"{folder} holds more than {MOST_FRAMES:,} files or {MOST_BYTES >> 20} MiB; split the video")
    flat, frames, people, places = [], [], [], []
    for path in paths:
        number = frame_number(path, path.name)
        for person in field(path, parse_json(path, read_text(path)), "people", list, "the file"):
            flat.append(field(path, person, "pose_keypoints_2d", list, "a person"))
            frames.append(number)
            people.append(person_id(path, person.get("person_id"), "a person"))
            places.append(path.name)
    if not flat:
        return Rows([], [], np.zeros((0, 0, 3)))
    points = triples(folder, numbers(folder, flat, places, "pose_keypoints_2d"))
    return Rows(frames, people, points, _LAYOUTS.get(points.shape[1]))
