"""COCO's JSON files, and the lists of results that detectors write in its manner: COCO results, AlphaPose.

Annotations are an object with `images` and `annotations`; the order of the images, or the `frame_id` that each of them
has, gives the frames. Results are a list of objects with `image_id` (a number, or a file's name that ends in one) and
`keypoints`. People are told apart by `track_id` or AlphaPose's `idx`.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxpose.keypoints.detections import Rows, field, numbers, person_id, triples
from jaxpose.keypoints.layouts import HALPE_26
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import COCO_17, Skeleton

BODIES = {17: COCO_17, 26: HALPE_26, 133: COCO_17, 136: HALPE_26}
"""The layout of the body by the number of all keypoints: whole bodies begin with it (COCO-WholeBody, Halpe-136)."""


def read_annotations(path: Path, document: dict[str, Any]) -> Rows:
    """An object with `images` and `annotations`.

    Raises:
      InputError: it is not as the format says, or shows several videos.
    """
    images = field(path, document, "images", list, "the file")
    places = [f"image {number}" for number in range(len(images))]
    sizes = {tuple(field(path, image, side, int, where) for side in ("width", "height"))
             for image, where in zip(images, places, strict=True)}  # fmt: skip
    if len(sizes) > 1 or len({image.get("video_id") for image in images if image.get("video_id") is not None}) > 1:
        raise InputError(f"{path}: images of several sizes or videos; make one file of each video")
    ids = [field(path, image, "id", int | str, where) for image, where in zip(images, places, strict=True)]
    numbered = bool(images) and all(isinstance(image.get("frame_id"), int) for image in images)
    frame_of = {image_id: images[n]["frame_id"] if numbered else n for n, image_id in enumerate(ids)}
    annotations = [note for note in field(path, document, "annotations", list, "the file") if _posed(note)]
    places = [f"annotation {number}" for number in range(len(annotations))]
    frames = []
    for note, where in zip(annotations, places, strict=True):
        image_id = field(path, note, "image_id", int | str, where)
        if image_id not in frame_of:
            raise InputError(f"{path}: {where} is of image {image_id!r}, which is not among 'images'")
        frames.append(frame_of[image_id])
    return _rows(path, annotations, places, frames)._replace(size=next(iter(sizes), None))


def read_results(path: Path, document: list[Any]) -> Rows:
    """A list of detections.

    Raises:
      InputError: it is not as the format says.
    """
    places = [f"detection {number}" for number in range(len(document))]
    ids = [field(path, found, "image_id", int | str, where) for found, where in zip(document, places, strict=True)]
    return _rows(path, document, places, [frame_number(path, image_id) for image_id in ids])


def frame_number(path: Path, image: int | str) -> int:
    """The frame that an image is: its number, or the last number in its file's name ("frame_0012.jpg").

    Raises:
      InputError: the name has no number.
    """
    if isinstance(image, int):
        return image
    digits = re.findall(r"\d{1,15}", Path(image).stem)
    if not digits:
        raise InputError(f"{path}: image {image!r:.60} has no number in its name that says which frame it is")
    return int(digits[-1])


def body(points: np.ndarray) -> tuple[np.ndarray, Skeleton | None]:
    """The body's keypoints of (N, K, 3), and their layout; all of them and None if their number is not known."""
    layout = BODIES.get(points.shape[1])
    return points[:, : layout.num_joints if layout else None], layout


def _posed(note: Any) -> bool:
    """Whether an annotation has keypoints: COCO also annotates boxes."""
    return isinstance(note, dict) and "keypoints" in note


def _rows(path: Path, found: Sequence[dict[str, Any]], places: Sequence[str], frames: Sequence[int]) -> Rows:
    """Rows of objects with `keypoints` and perhaps an id of the person."""
    if not found:
        return Rows([], [], np.zeros((0, 0, 3)))
    flat = numbers(path, [field(path, one, "keypoints", list, where) for one, where in zip(found, places, strict=True)],
                   places, "keypoints")  # fmt: skip
    points, layout = body(triples(path, flat))
    people = [person_id(path, one.get("track_id", one.get("idx")), w) for one, w in zip(found, places, strict=True)]
    return Rows(frames, people, points, layout)
