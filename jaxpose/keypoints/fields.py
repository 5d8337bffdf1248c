"""Fields of the documents that detectors write, each checked: a fault names the file, the field and the remedy."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxpose.files import guarded_read
from jaxpose.runtime.errors import InputError

MAX_BYTES = 512 * 2**20
"""Longest text that is read: hours of one person's keypoints."""
MAX_COORDINATE = 1e5
"""Pixels; a file with a larger coordinate is refused."""


def read_keypoint_text(path: Path) -> str:
    """Read the text of a file.

    Raises:
      InputError: it cannot be read, is not UTF-8, or is longer than `MOST_BYTES`.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path} is longer than the {MAX_BYTES >> 20} MiB that are read; split the video")
        return guarded_read.read_bytes(path, most=MAX_BYTES).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as text ({error}); copy or export it again") from error


def parse_keypoint_json(path: Path, text: str) -> Any:
    """Parse the text of a JSON file.

    Raises:
      InputError: it is not JSON.
    """
    try:
        return guarded_read.parse_json(text)
    except ValueError as error:
        raise InputError(f"{path} is not JSON ({error}); export it again") from error


def required_field(path: Path, node: Any, name: str, kind: type | tuple[type, ...], label: str) -> Any:
    """Get `node[name]`, which must be there and of that type; a bool is not a number.

    Raises:
      InputError: it is not; the message calls the node by its label.
    """
    value = node.get(name) if isinstance(node, dict) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise InputError(f"{path}: {label} has a missing or invalid {name!r} ({value!r:.40}); export the file again")
    return value


def required_list(path: Path, node: Any, name: str, label: str) -> list[Any]:
    """Get the list `node[name]`; null is an empty one, as programs write where nothing was found.

    Raises:
      InputError: it is missing or something else; the message calls the node by its label.
    """
    is_null = isinstance(node, dict) and name in node and node[name] is None
    return [] if is_null else required_field(path, node, name, list, label)


def shows_nobody(keypoints: Any) -> bool:
    """Whether a person's keypoints, as a file has them, say that nobody was found: null, [] or {}."""
    return keypoints is None or (isinstance(keypoints, list | dict) and not keypoints)


def number_of(value: Any) -> float:
    """A number, also one that is written as text; NaN for all else."""
    try:
        return float(value) if isinstance(value, int | float | str | np.number) else float("nan")
    except (ValueError, OverflowError):
        return float("nan")


def stated_size(width: Any, height: Any) -> tuple[int, int] | None:
    """Width and height of images as a file has them, such as 1920, 1920.0 or "1920"; None if one says nothing, as 0."""
    sides = [number_of(width), number_of(height)]
    return (int(sides[0]), int(sides[1])) if all(0 < side < np.inf and side % 1 == 0 for side in sides) else None


def detector_scores(detections: Sequence[dict[str, Any]], name: str) -> list[float]:
    """The scores that a detector of people gave, a field of each detection; none if one of them has no number there."""
    scores = [detection.get(name) for detection in detections]
    scores = [score[0] if isinstance(score, list) and len(score) == 1 else score for score in scores]
    if not all(isinstance(score, int | float) and abs(score) < MAX_COORDINATE for score in scores):
        return []
    return [float(score) for score in scores]


def number_lists(path: Path, nodes: Sequence[Any], name: str, labels: Sequence[str]) -> np.ndarray:
    """The lists of numbers `node[name]` of all nodes as one array (N, …); null becomes NaN.

    Raises:
      InputError: a list is missing, has other contents or another length than the first.
    """
    lists = [required_field(path, node, name, list, label) for node, label in zip(nodes, labels, strict=True)]
    return number_array(path, lists, labels, name)


def number_array(path: Path, values: Sequence[Any], labels: Sequence[str], name: str) -> np.ndarray:
    """Lists of numbers of one length as one array (N, …); null becomes NaN.

    Raises:
      InputError: a list has other contents or another length than the first; the message has its label.
    """
    try:
        return np.asarray(values, np.float64)
    except (TypeError, ValueError, OverflowError):
        shape = None
        for value, label in zip(values, labels, strict=True):
            try:
                array = np.asarray(value, np.float64)
            except (TypeError, ValueError, OverflowError):
                raise InputError(f"{path}: {name!r} of {label} are not numbers; export the file again") from None
            shape = array.shape if shape is None else shape
            if array.shape != shape:
                raise InputError(
                    f"{path}: {name!r} of {label} has shape {array.shape}, the first {shape}; export the file again"
                ) from None
        raise


def split_triples(path: Path, flat: np.ndarray) -> np.ndarray:
    """Split flat lists x, y, confidence, x, … (N, 3K) into (N, K, 3); lists of triples are that already.

    Raises:
      InputError: they are neither, or their length is not a multiple of three.
    """
    if flat.ndim == 3 and flat.shape[1] and flat.shape[2] == 3:
        return flat
    if flat.ndim != 2 or flat.shape[1] == 0 or flat.shape[1] % 3:
        raise InputError(
            f"{path}: keypoints of shape {flat.shape[1:]}; they must be flat lists: x, y, confidence, x, y, …"
        )
    return flat.reshape(len(flat), -1, 3)
