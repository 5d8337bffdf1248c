"""Keypoints of any origin: a file's format is recognised by what is in it, not by its name."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jaxpose.keypoints import coco, csv_table, mediapipe, mmpose, npz, openpose
from jaxpose.keypoints.detections import Detections, Overrides, Rows, by_track, parse_json, read_text
from jaxpose.runtime.errors import InputError

FORMATS = (
    "an npz archive of keypoints, COCO annotations or results, AlphaPose, MMPose or RTMPose, MediaPipe landmarks, a "
    "CSV table, or the folder of OpenPose"
)


def read(path: Path, given: Overrides) -> tuple[str, list[Detections]]:
    """The 2D tracks of a file or of OpenPose's folder.

    Args:
      path: any of `FORMATS`.
      given: layout, image size and frame rate, where the file does not say them or the user knows better.

    Returns:
      What was recognised, and at least one track.

    Raises:
      InputError: the file is none of these, is damaged, or does not say all that is needed (see `detections.by_track`).
    """
    if not (path.is_dir() or path.is_file()):  # a pipe or a device has no size that one could bound
        raise InputError(f"there is no file or folder {path}; name {FORMATS}")
    kind, found = _recognised(path)
    return kind, [track for rows in found for track in by_track(path, rows, given)]


def _recognised(path: Path) -> tuple[str, list[Rows]]:
    """The format, and what the file says."""
    if path.is_dir():
        return "OpenPose", [openpose.read(path)]
    if path.suffix == ".npz" or zipfile.is_zipfile(path):
        return "npz", npz.read(path)
    text = read_text(path)
    if csv_table.holds_table(text):
        return "CSV", [csv_table.read(path, text)]
    if not text.lstrip().startswith(("{", "[")):
        raise InputError(f"{path} is in no format that is known; name {FORMATS}")
    document = parse_json(path, text)
    kind, read_document = _json_format(path, document)
    return kind, [read_document(path, document)]


def _json_format(path: Path, document: Any) -> tuple[str, Callable[[Path, Any], Rows]]:
    """The format of a JSON document, and what reads it."""
    if isinstance(document, dict):
        if "instance_info" in document:
            return "MMPose", mmpose.read
        if "annotations" in document:
            return "COCO annotations", coco.read_annotations
        if "frames" in document:
            return "MediaPipe", mediapipe.read
        if "people" in document:
            raise InputError(f"{path} is one frame of OpenPose; name the folder with the files of all frames")
        raise InputError(f"{path} is JSON with {', '.join(map(repr, document))[:80]}; name {FORMATS}")
    first = next((entry for entry in document if entry), None)
    if isinstance(first, list):
        return "MediaPipe", mediapipe.read
    if isinstance(first, dict) and "instances" in first:
        return "MMPose", mmpose.read
    if isinstance(first, dict) and {"image_id", "keypoints"} <= set(first):
        return "AlphaPose" if {"idx", "box"} & set(first) else "COCO results", coco.read_results
    raise InputError(f"{path} is a JSON list of {type(first).__name__}; name {FORMATS}")
