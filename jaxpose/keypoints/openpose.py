"""Read the folder of JSON files, one a frame, that OpenPose writes (`--write_json`); also of rtmlib and Sports2D.

The frame is the number in a file's name that varies (`frame_numbers`). `people[].pose_keypoints_2d` has the keypoints
of BODY_25 or COCO's 18, or in files of other programs COCO's 17 or Halpe's 26. BODY_25B has as many keypoints as
BODY_25 and is read as it. OpenPose gives `person_id` only when it tracks one person; otherwise it is -1.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxpose.keypoints.detections import (
    MAX_BYTES,
    MAX_FRAMES,
    DetectionRows,
    number_array,
    parse_keypoint_json,
    read_keypoint_text,
    required_field,
    split_triples,
)
from jaxpose.keypoints.frame_numbers import frames_of_names
from jaxpose.keypoints.layouts import BODY_25, COCO_18, HALPE_26
from jaxpose.keypoints.track_ids import person_ids
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import COCO_17

_LAYOUTS = {layout.num_joints: layout for layout in (COCO_17, COCO_18, BODY_25, HALPE_26)}


def is_openpose_frame(document: Any) -> bool:
    """Whether a JSON document is one frame of OpenPose."""
    return isinstance(document, dict) and "people" in document


class Frame(NamedTuple):
    """The JSON file of one frame."""

    name: str  # of the file
    number: int  # of the frame
    document: Any


class Folder(NamedTuple):
    """The JSON files of a folder, and how their frames were numbered."""

    files: list[Frame]
    notes: tuple[str, ...] = ()


def read_folder(folder: Path) -> Folder:
    """Read the JSON files of a folder, in the order of their names.

    Raises:
      InputError: the folder holds no such files or too many, one is not JSON, or the names do not give the frames.
    """
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise InputError(f"{folder} holds no JSON files; name the folder that OpenPose wrote with --write_json")
    if len(paths) > MAX_FRAMES or sum(path.lstat().st_size for path in paths) > MAX_BYTES:
        raise InputError(f"{folder} holds more than {MAX_FRAMES:,} files or {MAX_BYTES >> 20} MiB; split the video")
    numbers = frames_of_names(folder, [path.name for path in paths])
    files = [
        Frame(path.name, number, parse_keypoint_json(path, read_keypoint_text(path)))
        for path, number in zip(paths, numbers.frames, strict=True)
    ]
    return Folder(files, numbers.notes)


def read_openpose(folder: Path, found: Folder) -> DetectionRows:
    """Read the people of all frames of a folder.

    Raises:
      InputError: a file breaks the format.
    """
    coordinates, frames, people, file_names = [], [], [], []
    for name, number, document in found.files:
        path = folder / name
        for person in required_field(path, document, "people", list, "the file"):
            coordinates.append(required_field(path, person, "pose_keypoints_2d", list, "a person"))
            frames.append(number)
            people.append(person)
            file_names.append(name)
    if not coordinates:
        return DetectionRows([], [], np.zeros((0, 0, 3)))
    points = split_triples(folder, number_array(folder, coordinates, file_names, "pose_keypoints_2d"))
    ids = person_ids(folder, people, [f"a person of {name}" for name in file_names])
    return DetectionRows(frames, ids, points, _LAYOUTS.get(points.shape[1]), notes=found.notes)
