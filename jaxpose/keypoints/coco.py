"""Read COCO's JSON files, and the lists of results that detectors write in its format: COCO results, AlphaPose.

Annotations are an object with `images` and `annotations`; the order of the images, or the `frame_id` that each of them
has, gives the frames. Results are a list of objects with `image_id` (a number, or a file's name that ends in one) and
`keypoints`. People are told apart by `track_id` or AlphaPose's `idx`.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxpose.keypoints.detections import DetectionRows, number_lists, person_id, required_field, split_triples
from jaxpose.keypoints.layouts import HALPE_26
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import COCO_17, Skeleton

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


def read_coco_annotations(path: Path, document: dict[str, Any]) -> DetectionRows:
    """Read an object with `images` and `annotations`.

    Raises:
      InputError: it breaks the format, or shows several videos.
    """
    images = required_field(path, document, "images", list, "the file")
    labels = [f"image {index}" for index in range(len(images))]
    sizes = {
        tuple(required_field(path, image, side, int, label) for side in ("width", "height"))
        for image, label in zip(images, labels, strict=True)
    }
    if len(sizes) > 1 or len({image.get("video_id") for image in images if image.get("video_id") is not None}) > 1:
        raise InputError(f"{path}: images of several sizes or videos; make one file of each video")
    ids = [required_field(path, image, "id", int | str, label) for image, label in zip(images, labels, strict=True)]
    numbered = bool(images) and all(isinstance(image.get("frame_id"), int) for image in images)
    frame_of = {image_id: images[n]["frame_id"] if numbered else n for n, image_id in enumerate(ids)}
    annotations = [note for note in required_field(path, document, "annotations", list, "the file") if _has_pose(note)]
    labels = [f"annotation {index}" for index in range(len(annotations))]
    frames = []
    for annotation, label in zip(annotations, labels, strict=True):
        image_id = required_field(path, annotation, "image_id", int | str, label)
        if image_id not in frame_of:
            raise InputError(f"{path}: {label} is of image {image_id!r}, which is not among 'images'")
        frames.append(frame_of[image_id])
    return _rows(path, annotations, labels, frames)._replace(size=next(iter(sizes), None))


def read_coco_results(path: Path, document: list[Any]) -> DetectionRows:
    """Read a list of detections.

    Raises:
      InputError: it breaks the format.
    """
    labels = [f"detection {index}" for index in range(len(document))]
    images = [
        required_field(path, row, "image_id", int | str, label) for row, label in zip(document, labels, strict=True)
    ]
    return _rows(path, document, labels, [frame_number(path, image) for image in images])


def frame_number(path: Path, image: int | str) -> int:
    """Frame number of an image: its number, or the last number in its file's name ("frame_0012.jpg").

    Raises:
      InputError: the name has no number.
    """
    if isinstance(image, int):
        return image
    digits = re.findall(r"\d{1,15}", Path(image).stem)
    if not digits:
        raise InputError(f"{path}: image {image!r:.60} has no number in its name; rename it to end in its frame number")
    return int(digits[-1])


def body_keypoints(points: np.ndarray) -> tuple[np.ndarray, Skeleton | None]:
    """The body's keypoints among (N, K, 3), and their layout; all of them and None if no layout has K keypoints."""
    layout = BODY_LAYOUTS.get(points.shape[1])
    return points[:, : layout.num_joints if layout else None], layout


def _has_pose(annotation: Any) -> bool:
    """Whether an annotation has keypoints: COCO also annotates boxes."""
    return isinstance(annotation, dict) and "keypoints" in annotation


def _rows(
    path: Path, detections: Sequence[dict[str, Any]], labels: Sequence[str], frames: Sequence[int]
) -> DetectionRows:
    """Rows of objects with `keypoints` and perhaps a person's id; messages call them by their labels."""
    if not detections:
        return DetectionRows([], [], np.zeros((0, 0, 3)))
    points, layout = body_keypoints(split_triples(path, number_lists(path, detections, "keypoints", labels)))
    people = [
        person_id(path, detection.get("track_id", detection.get("idx")), label)
        for detection, label in zip(detections, labels, strict=True)
    ]
    return DetectionRows(frames, people, points, layout)
