"""Read COCO's JSON files, and the lists of results that detectors write in its format: COCO results, AlphaPose.

Annotations are an object with `images` and `annotations`. The frame of an image is its `frame_id`, or else the number
in its `file_name` that varies, or else its place in the list. `video_id`, or PoseTrack's `vid_id`, tells videos apart.
The names of the keypoints in the `categories` of the annotations decide which keypoint is which. Results are a list of
objects with `image_id`, a number or the name of a file, and `keypoints`; their number decides. `track_ids.ID_FIELDS`
are the fields that may have people's track ids; `score` is that of a person.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxpose.keypoints.detections import DetectionRows
from jaxpose.keypoints.fields import detector_scores, number_lists, required_field, shows_nobody, split_triples
from jaxpose.keypoints.frame_numbers import (
    FrameNumbers,
    frames_of_ids,
    frames_of_names,
    frames_of_numbers,
    posetrack_ids,
    whole_number,
)
from jaxpose.keypoints.layouts import HALPE_26
from jaxpose.keypoints.track_ids import person_ids
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import COCO_17

BODY_LAYOUTS = {17: COCO_17, 26: HALPE_26, 133: COCO_17, 136: HALPE_26}
"""Layout of the body by the number of all keypoints: whole bodies begin with it (COCO-WholeBody, Halpe-136)."""


def first_entry(document: Any) -> Any:
    """The first entry of a list that is not empty or zero; None if there is none, or the document is no list."""
    return next((entry for entry in document if entry), None) if isinstance(document, list) else None


def is_coco_annotations(document: Any) -> bool:
    """Whether a JSON document is an object with `annotations`."""
    return isinstance(document, dict) and "annotations" in document


def is_coco_results(document: Any) -> bool:
    """Whether a JSON document is a list of objects with `image_id` and `keypoints`."""
    entry = first_entry(document)
    return isinstance(entry, dict) and {"image_id", "keypoints"} <= set(entry)


def is_alphapose(document: Any) -> bool:
    """Whether a JSON document is COCO results with the additions of AlphaPose."""
    return is_coco_results(document) and bool({"idx", "box"} & set(first_entry(document)))


def read_coco_annotations(path: Path, document: dict[str, Any]) -> list[DetectionRows]:
    """Read the detections of each video of an object with `images` and `annotations`.

    Raises:
      InputError: it breaks the format, the images of a video have several sizes, or their frames are not known.
    """
    images = required_field(path, document, "images", list, "the file")
    labels = [f"image {index}" for index in range(len(images))]
    ids = [
        required_field(path, image, "id", (int, float, str), label) for image, label in zip(images, labels, strict=True)
    ]
    places = dict(zip(ids, range(len(ids)), strict=True))
    if len(places) < len(ids):
        again = next(image_id for place, image_id in enumerate(ids) if places[image_id] != place)
        raise InputError(f"{path}: two images have the id {again!r:.40}; export the file again, or one for each video")
    annotations = [note for note in required_field(path, document, "annotations", list, "the file") if _has_pose(note)]
    labels = [f"annotation {index}" for index in range(len(annotations))]
    keypoint_names = _keypoint_names(path, document, annotations)
    image_of = []
    for annotation, label in zip(annotations, labels, strict=True):
        image_id = required_field(path, annotation, "image_id", (int, float, str), label)
        if image_id not in places:
            raise InputError(f"{path}: {label} is of image {image_id!r}, which is not among 'images'")
        image_of.append(places[image_id])
    video_of = _videos(document, images)
    names = list(dict.fromkeys(video_of[place] for place in image_of)) or [""]
    return [
        _one_video(path, images, video_of, name, annotations, labels, image_of)._replace(
            video=name if len(names) > 1 else "", names=keypoint_names
        )
        for name in names
    ]


def read_coco_results(path: Path, document: list[Any]) -> list[DetectionRows]:
    """Read a list of detections; PoseTrack's ids of images tell videos apart.

    Raises:
      InputError: it breaks the format, or the frames of the images are not known.
    """
    found = [index for index, row in enumerate(document) if not _found_nobody(row)]
    document, labels = [document[index] for index in found], [f"detection {index}" for index in found]
    images = [
        required_field(path, row, "image_id", (int, float, str), label)
        for row, label in zip(document, labels, strict=True)
    ]
    images = [image if isinstance(image, str) else _whole_id(path, image) for image in images]
    if posetrack := posetrack_ids(images):
        videos, numbers = posetrack
        names = list(dict.fromkeys(videos))
        note = f"{path}: the images are PoseTrack's; if the keypoints are too, give --layout posetrack_17"
        return [
            _rows(
                path,
                [document[row] for row in rows],
                [labels[row] for row in rows],
                FrameNumbers([numbers[row] for row in rows]),
            )._replace(video=name if len(names) > 1 else "", notes=(note,))
            for name in names
            for rows in [[row for row, video in enumerate(videos) if video == name]]
        ]
    return [_rows(path, document, labels, frames_of_ids(path, images))]


def _has_pose(annotation: Any) -> bool:
    """Whether an annotation has keypoints: COCO also annotates boxes."""
    return isinstance(annotation, dict) and not shows_nobody(annotation.get("keypoints"))


def _found_nobody(detection: Any) -> bool:
    """Whether a detection has an empty list of keypoints."""
    return isinstance(detection, dict) and "keypoints" in detection and shows_nobody(detection["keypoints"])


def _keypoint_names(
    path: Path, document: dict[str, Any], annotations: Sequence[dict[str, Any]]
) -> tuple[str, ...] | None:
    """The names of the keypoints that the `categories` of the annotations have; None if they have none.

    Raises:
      InputError: a category has something else than names, or the annotations have keypoints of several kinds.
    """
    table = document.get("categories")
    names_of = {}
    for category in table if isinstance(table, list) else []:
        names = category.get("keypoints") if isinstance(category, dict) else None
        if shows_nobody(names):
            continue
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise InputError(f"{path}: 'keypoints' of a category are {names!r:.60}; they must be the keypoints' names")
        names_of[str(category.get("id"))] = tuple(names)
    kinds = {names_of.get(str(annotation.get("category_id"))) for annotation in annotations} or {None}
    if len(kinds) > 1:
        raise InputError(f"{path}: the annotations have keypoints of several categories; make one file of each")
    return kinds.pop()


def _whole_id(path: Path, image: int | float) -> int:
    """The number of an image; raises `InputError` if it is a fraction."""
    number = whole_number(image)
    if number is None:
        raise InputError(f"{path}: image_id {image!r} is not a whole number; export the file again")
    return number


def _videos(document: dict[str, Any], images: Sequence[dict[str, Any]]) -> list[str]:
    """The name of each image's video; "" for all if they do not say."""
    table = document.get("videos")
    names = {
        str(video.get("id")): video["name"]
        for video in (table if isinstance(table, list) else [])
        if isinstance(video, dict) and isinstance(video.get("name"), str)
    }
    if len(set(names.values())) < len(names):
        names = {}
    for field in ("video_id", "vid_id"):
        values = [image.get(field) for image in images]
        if any(value is not None for value in values):
            return ["" if value is None else names.get(str(value), f"{value!s:.60}") for value in values]
    posetrack = posetrack_ids([image["id"] for image in images])
    return posetrack[0] if posetrack else [""] * len(images)


def _one_video(
    path: Path,
    all_images: Sequence[dict[str, Any]],
    video_of: Sequence[str],
    video: str,
    annotations: Sequence[dict[str, Any]],
    labels: Sequence[str],
    image_of: Sequence[int],
) -> DetectionRows:
    """The detections in the images of one video; images and videos are given for all of the file."""
    places = [place for place, name in enumerate(video_of) if name == video]
    images = [all_images[place] for place in places]
    sizes = {(whole_number(image.get("width")), whole_number(image.get("height"))) for image in images}
    sizes = {(width, height) for width, height in sizes if width and height}
    if len(sizes) > 1:
        first, second = sorted(sizes)[:2]
        raise InputError(
            f"{path}: images of several sizes ({first[0]} x {first[1]} and {second[0]} x {second[1]}); make one "
            "file of each video, or give the images of each video a video_id"
        )
    numbers = _image_frames(path, images)
    frame_of = dict(zip(places, numbers.frames, strict=True))
    rows = [row for row, place in enumerate(image_of) if place in frame_of]
    frames = FrameNumbers([frame_of[image_of[row]] for row in rows], numbers.notes)
    detections = _rows(path, [annotations[row] for row in rows], [labels[row] for row in rows], frames)
    return detections._replace(size=next(iter(sizes), None))


def _image_frames(path: Path, images: Sequence[dict[str, Any]]) -> FrameNumbers:
    """The frames of a video's images, by `frame_id`, `file_name` or their order."""
    ids = [number for image in images if (number := whole_number(image.get("frame_id"))) is not None]
    names = [image.get("file_name") for image in images]
    are_named = all(isinstance(name, str) and any(digit in name for digit in "0123456789") for name in names)
    if len(set(ids)) == len(images):
        posetrack = posetrack_ids(ids)
        by_id = FrameNumbers(posetrack[1]) if posetrack else frames_of_numbers(path, ids, "the frame_id of the images")
        return _compared_with_names(path, by_id, names) if are_named else by_id
    if are_named:
        try:
            return frames_of_names(path, names)
        except InputError as error:
            raise InputError(
                f"{error}; or give the images a frame_id, and those of several videos a video_id"
            ) from None
    if posetrack := posetrack_ids([image["id"] for image in images]):
        return FrameNumbers(posetrack[1])
    note = f"{path}: the images have neither frame_id nor a number in file_name; their order counts the frames"
    return FrameNumbers(list(range(len(images))), (note,))


def _compared_with_names(path: Path, by_id: FrameNumbers, names: Sequence[str]) -> FrameNumbers:
    """Frames by `frame_id`, with a note if the names of the images count otherwise."""
    try:
        by_name = frames_of_names(path, names)
    except InputError:  # names that say nothing do not matter beside a frame_id
        return by_id
    apart = {name - frame for name, frame in zip(by_name.frames, by_id.frames, strict=True)}
    if len(apart) <= 1:
        return by_id
    note = (
        f"{path}: frames are counted by frame_id, {min(by_id.frames)} to {max(by_id.frames)}; the names of the images "
        f"count {min(by_name.frames)} to {max(by_name.frames)}: remove frame_id from the file if the names are right"
    )
    return FrameNumbers(by_id.frames, (*by_id.notes, note))


def _rows(
    path: Path, detections: Sequence[dict[str, Any]], labels: Sequence[str], frames: FrameNumbers
) -> DetectionRows:
    """Rows of objects with `keypoints` and perhaps a person's id; messages call them by their labels."""
    if not detections:
        return DetectionRows([], [], np.zeros((0, 0, 3)))
    points = split_triples(path, number_lists(path, detections, "keypoints", labels))
    layout = BODY_LAYOUTS.get(points.shape[1])
    people = person_ids(path, detections, labels)
    scores = detector_scores(detections, "score")
    return DetectionRows(frames.frames, people, points, layout, notes=frames.notes, scores=scores)
