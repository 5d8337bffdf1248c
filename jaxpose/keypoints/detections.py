"""Turn the detections of a keypoint file into one track for each person, with limits and checks for all formats."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxpose.files import guarded_read
from jaxpose.keypoints.tracking import associate
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import Skeleton

MAX_BYTES = 512 * 2**20
"""Longest text that is read: hours of one person's keypoints."""
MAX_FRAMES = 1_000_000
"""Longest track, 5.5 hours at 50 frames a second: a file that declares more frames is refused."""
MAX_COORDINATE = 1e5
"""Pixels; a file with a larger coordinate is refused."""


class DetectionRows(NamedTuple):
    """N detections of people in any order, and what their file says about them."""

    frames: Sequence[int]  # (N,) of the video
    people: Sequence[str | None]  # (N,) track ids; None where the file has none
    keypoints: np.ndarray  # (N, K, 3): x, y and a confidence; NaN where a keypoint was not seen
    layout: Skeleton | None = None
    size: tuple[int, int] | None = None  # width and height, pixels
    fps: float | None = None
    relative: bool = False  # x and y are divided by width and height
    video: str = ""  # name of the video, if a file holds several
    notes: tuple[str, ...] = ()  # what the reader decided or left out, one line each, with the file's name


class Overrides(NamedTuple):
    """Facts about a file given by the user, which take precedence over those in the file."""

    layout: Skeleton | None = None
    size: tuple[int, int] | None = None
    fps: float | None = None


class Detections(NamedTuple):
    """A person's 2D track; frames without the person may be missing."""

    name: str
    frames: np.ndarray  # (T,) int64, increasing
    keypoints: np.ndarray  # (T, K, 3) float32 pixels and a confidence; NaN where a keypoint was not seen
    layout: Skeleton
    width: int
    height: int
    fps: float
    notes: tuple[str, ...] = ()  # what was decided or left out when the file was read, one line each


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


def person_id(path: Path, person: Any, label: str) -> str | None:
    """Convert a track id to text; None for a missing id and for -1, which means the same.

    Raises:
      InputError: it is neither a number nor text, nor one of these in a list, as AlphaPose and OpenPose write it.
    """
    while isinstance(person, list) and len(person) == 1:
        person = person[0]
    if not isinstance(person, int | float | str | None) or isinstance(person, bool):
        raise InputError(f"{path}: {label} has the track id {person!r:.40}; it must be a number or text")
    return None if person in (None, -1) else f"{person:g}" if isinstance(person, float) else str(person)


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
    """Split flat lists x, y, confidence, x, … (N, 3K) into (N, K, 3).

    Raises:
      InputError: they are not flat, or their length is not a multiple of three.
    """
    if flat.ndim != 2 or flat.shape[1] == 0 or flat.shape[1] % 3:
        raise InputError(
            f"{path}: keypoints of shape {flat.shape[1:]}; they must be flat lists: x, y, confidence, x, y, …"
        )
    return flat.reshape(len(flat), -1, 3)


def tracks_by_person(path: Path, rows: DetectionRows, given: Overrides) -> list[Detections]:
    """Collect detections into one track for each person.

    Args:
      path: of the file, for messages.
      rows: the detections.
      given: facts given by the user.

    Returns:
      The tracks in order of their first rows, by the file's track ids, or by `tracking.associate` if it has none.

    Raises:
      InputError: there are no rows; image size, frame rate or layout are missing or invalid; a number is infinite or
        too large; or a person is twice in a frame.
    """
    if not len(rows.frames):
        raise InputError(f"{path} holds no detections; run the detector again, on a video with people")
    layout, (width, height), fps = _completed(path, rows, given)
    keypoints = rows.keypoints.astype(np.float64)
    if keypoints.shape[1] != layout.num_joints:
        raise InputError(
            f"{path} has {keypoints.shape[1]} keypoints, but {layout.name} {layout.num_joints}; name another layout"
        )
    if rows.relative:
        with np.errstate(over="ignore"):
            keypoints[..., :2] *= (width, height)
    _check_coordinates(path, keypoints)
    first, last = min(rows.frames), max(rows.frames)
    if last - first >= MAX_FRAMES or max(-first, last) >= 2**53:
        raise InputError(f"{path}: frames {first} to {last}; at most {MAX_FRAMES:,} frames are read: split the video")
    frames, people = np.asarray(rows.frames, np.int64), list(rows.people)
    unnamed = sum(person is None for person in people)
    if 0 < unnamed < len(people):
        raise InputError(f"{path}: some detections have a track id and {unnamed} have none; give all of them one")
    if unnamed:
        people = [str(person) for person in associate(frames, keypoints)]
    rows_of: dict[str, list[int]] = {}
    for row, person in enumerate(people):
        rows_of.setdefault(person, []).append(row)
    tracks = []
    for person, indices in rows_of.items():
        name = "/".join(part for part in (rows.video, person) if part)
        order = np.asarray(indices)[np.argsort(frames[indices], kind="stable")]
        twice = np.flatnonzero(np.diff(frames[order]) == 0)
        if twice.size:
            raise InputError(
                f"{path}: track {name} is twice in frame {frames[order][twice[0]]}; give two people two ids"
            )
        poses = keypoints[order].astype(np.float32)
        tracks.append(Detections(name, frames[order], poses, layout, width, height, fps, rows.notes))
    return tracks


def _completed(path: Path, rows: DetectionRows, given: Overrides) -> tuple[Skeleton, tuple[int, int], float]:
    """Layout, image size and frame rate, as given or as in the file."""
    layout = rows.layout if given.layout is None else given.layout
    size = rows.size if given.size is None else given.size
    fps = rows.fps if given.fps is None else given.fps
    if layout is None:
        raise InputError(
            f"{path} does not say which of its {rows.keypoints.shape[1]} keypoints is which; give --layout"
        )
    if size is None:
        raise InputError(f"{path} does not say how large the images are; give --size WIDTH HEIGHT in pixels")
    if fps is None:
        raise InputError(f"{path} does not say the frame rate of the video; give --fps")
    if not all(0 < side < MAX_COORDINATE for side in size):
        raise InputError(f"{path}: an image of {size[0]} x {size[1]} pixels; give --size WIDTH HEIGHT")
    if not 1 <= fps <= 1000:
        raise InputError(f"{path}: {fps} frames a second; give --fps between 1 and 1000")
    return layout, size, fps


def _check_coordinates(path: Path, keypoints: np.ndarray) -> None:
    """Refuse infinities, and coordinates that cannot be pixels."""
    largest = np.nanmax(np.abs(keypoints[..., :2]), initial=0, where=~np.isnan(keypoints[..., :2]))
    if np.isinf(keypoints).any() or largest > MAX_COORDINATE or (np.abs(keypoints[..., 2]) > MAX_COORDINATE).any():
        raise InputError(f"{path}: coordinates up to {largest:g}; keypoints must be pixels and a confidence")
    if largest <= 2:
        raise InputError(
            f"{path}: no coordinate is greater than {largest:g}, as if divided by the image's size; keypoints must be "
            "in pixels"
        )
