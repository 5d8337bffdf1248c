"""Read the folder of JSON files, one a frame, that OpenPose writes (`--write_json`); also of rtmlib and Sports2D.

The frame is the number in a file's name that varies (`frame_numbers`). `people[].pose_keypoints_2d` has the keypoints
of BODY_25 or COCO's 18, or in files of other programs COCO's 17 or Halpe's 26, perhaps with those of face and hands
after them (133 and 136). BODY_25B has as many keypoints as BODY_25 and is read as it, unless `--layout` says so; a note
says when the poses can only be the other's.

OpenPose gives `person_id` only when it tracks one person; otherwise it is -1. Pose2Sim's associated files have `{}` in
the place of a person who is not in the frame: there, the place in the list is the person's id.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxpose.keypoints.coco import BODY_LAYOUTS
from jaxpose.keypoints.detections import MAX_FRAMES, DetectionRows
from jaxpose.keypoints.fields import (
    MAX_BYTES,
    number_array,
    parse_keypoint_json,
    read_keypoint_text,
    required_list,
    shows_nobody,
    split_triples,
)
from jaxpose.keypoints.frame_numbers import frames_of_names
from jaxpose.keypoints.layouts import BODY_25, COCO_18
from jaxpose.keypoints.track_ids import person_ids
from jaxpose.runtime.errors import InputError

_LAYOUTS = BODY_LAYOUTS | {layout.num_joints: layout for layout in (COCO_18, BODY_25)}


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
    coordinates, frames, people, places, file_names = [], [], [], [], []
    absent = False  # somebody's place is kept in a list
    for name, number, document in found.files:
        path = folder / name
        for place, person in enumerate(required_list(path, document, "people", "the file")):
            absent |= shows_nobody(person)
            pose = [] if shows_nobody(person) else required_list(path, person, "pose_keypoints_2d", "a person")
            if not pose:
                continue
            coordinates.append(pose)
            frames.append(number)
            people.append(person)
            places.append(str(place))
            file_names.append(name)
    if not coordinates:
        return DetectionRows([], [], np.zeros((0, 0, 3)))
    points = split_triples(folder, number_array(folder, coordinates, file_names, "pose_keypoints_2d"))
    ids = person_ids(folder, people, [f"a person of {name}" for name in file_names])
    notes = found.notes
    if absent and ids.count(None) == len(ids):
        ids = places
        notes += (f"{folder}: some people are {{}}: the place in the list is read as the person's track id",)
    return DetectionRows(frames, ids, points, _LAYOUTS.get(points.shape[1]), notes=notes)
