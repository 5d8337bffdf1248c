"""What the readers of keypoint files have in common: rows in, one track a person out, bounded and checked."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxpose.files import guarded_read
from jaxpose.keypoints.tracking import associate
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import Skeleton

MOST_BYTES = 512 * 2**20
"""The longest text that is read: hours of one person's keypoints."""
MOST_FRAMES = 1_000_000
"""The longest track, 5.5 hours at 50 frames a second: what a file says of its frames is not believed beyond."""
FARTHEST = 1e5
"""Pixels: a keypoint farther away is an error of the file."""


class Rows(NamedTuple):
    """What a file says: N detections of people, in any order."""

    frames: Sequence[int]  # (N,) of the video
    people: Sequence[str | None]  # (N,) by their track ids; None where the file has none
    keypoints: np.ndarray  # (N, K, 3): x, y and a confidence; NaN where there is none
    layout: Skeleton | None = None
    size: tuple[int, int] | None = None  # width and height, pixels
    fps: float | None = None
    relative: bool = False  # x and y are shares of width and height
    video: str = ""  # its name, where a file holds several


class Overrides(NamedTuple):
    """What the user says about a file; it precedes what the file says about itself."""

    layout: Skeleton | None = None
    size: tuple[int, int] | None = None
    fps: float | None = None


class Detections(NamedTuple):
    """A person's 2D track; frames in which the person was not found may be missing."""

    name: str
    frames: np.ndarray  # (T,) int64, increasing
    keypoints: np.ndarray  # (T, K, 3) float32 pixels and a confidence; NaN where there is none
    layout: Skeleton
    width: int
    height: int
    fps: float


def read_text(path: Path) -> str:
    """The text of a file.

    Raises:
      InputError: it cannot be read, is not UTF-8, or is longer than `MOST_BYTES`.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path} is longer than the {MOST_BYTES >> 20} MiB that are read; split the video")
        return guarded_read.read_bytes(path, most=MOST_BYTES).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as text ({error}); copy or export it again") from error


def parse_json(path: Path, text: str) -> Any:
    """The content of a JSON file.

    Raises:
      InputError: it is not JSON.
    """
    try:
        return guarded_read.parse_json(text)
    except ValueError as error:
        raise InputError(f"{path} is not JSON ({error}); export it again") from error


def field(path: Path, node: Any, name: str, kind: type | tuple[type, ...], where: str) -> Any:
    """`node[name]`, if it is there and of that kind; a bool is no number.

    Raises:
      InputError: it is not.
    """
    value = node.get(name) if isinstance(node, dict) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise InputError(f"{path}: {where} has no sound {name!r} ({value!r:.40}); export the file again")
    return value


def person_id(path: Path, person: Any, where: str) -> str | None:
    """A track id as a word; None for none, or for -1, which stands for none.

    Raises:
      InputError: it is neither a number nor a word, nor one of these in a list, as AlphaPose and OpenPose write it.
    """
    while isinstance(person, list) and len(person) == 1:
        person = person[0]
    if not isinstance(person, int | float | str | None) or isinstance(person, bool):
        raise InputError(f"{path}: {where} has the track id {person!r:.40}; it must be a number or a word")
    return None if person in (None, -1) else f"{person:g}" if isinstance(person, float) else str(person)


def numbers(path: Path, values: Sequence[Any], where: Sequence[str], name: str) -> np.ndarray:
    """Equally long lists of numbers as one array (N, …); null becomes NaN.

    Raises:
      InputError: one of them, called by its `where`, is something else or of another length than the first.
    """
    try:
        return np.asarray(values, np.float64)
    except (TypeError, ValueError, OverflowError):
        shape = None
        for value, place in zip(values, where, strict=True):
            try:
                one = np.asarray(value, np.float64)
            except (TypeError, ValueError, OverflowError):
                raise InputError(f"{path}: {name!r} of {place} are not numbers; export the file again") from None
            shape = one.shape if shape is None else shape
            if one.shape != shape:
                raise InputError(
                    f"{path}: {name!r} of {place} has shape {one.shape}, those before it {shape}; export the file again"
                ) from None
        raise


def triples(path: Path, flat: np.ndarray) -> np.ndarray:
    """Flat lists x, y, confidence, x, … (N, 3K) as (N, K, 3).

    Raises:
      InputError: they are not flat or their length is no multiple of three.
    """
    if flat.ndim != 2 or flat.shape[1] == 0 or flat.shape[1] % 3:
        raise InputError(
            f"{path}: keypoints of shape {flat.shape[1:]}; they must be flat lists: x, y, confidence, x, y, …"
        )
    return flat.reshape(len(flat), -1, 3)


def by_track(path: Path, rows: Rows, given: Overrides) -> list[Detections]:
    """One track for each person.

    Args:
      path: of the file, for messages.
      rows: what it says.
      given: what the user says.

    Returns:
      The tracks in order of their first rows: by the file's track ids, by `tracking.associate` if it has none.

    Raises:
      InputError: there are no rows, image size, frame rate or layout are unknown or not sound, a number is infinite
        or too large, or a person is twice in a frame.
    """
    if not len(rows.frames):
        raise InputError(f"{path} holds no detections; nothing was found in the video, or it is another kind of file")
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
    if last - first >= MOST_FRAMES or max(-first, last) >= 2**53:
        raise InputError(f"{path}: frames {first} to {last}; at most {MOST_FRAMES:,} frames are read: split the video")
    frames, people = np.asarray(rows.frames, np.int64), list(rows.people)
    unnamed = sum(person is None for person in people)
    if 0 < unnamed < len(people):
        raise InputError(f"{path}: some detections have a track id and {unnamed} have none; give all of them one")
    if unnamed:
        people = [str(person) for person in associate(frames, keypoints)]
    own: dict[str, list[int]] = {}
    for row, person in enumerate(people):
        own.setdefault(person, []).append(row)
    tracks = []
    for person, places in own.items():
        name = "/".join(part for part in (rows.video, person) if part)
        order = np.asarray(places)[np.argsort(frames[places], kind="stable")]
        twice = np.flatnonzero(np.diff(frames[order]) == 0)
        if twice.size:
            raise InputError(
                f"{path}: track {name} is twice in frame {frames[order][twice[0]]}; give two people two ids"
            )
        tracks.append(Detections(name, frames[order], keypoints[order].astype(np.float32), layout, width, height, fps))
    return tracks


def _completed(path: Path, rows: Rows, given: Overrides) -> tuple[Skeleton, tuple[int, int], float]:
    """Layout, image size and frame rate: as given, or else as the file says."""
    layout, size, fps = (
        mine if mine is not None else its for mine, its in zip(given, (rows.layout, rows.size, rows.fps), strict=True)
    )
    if layout is None:
        raise InputError(
            f"{path} does not say which of its {rows.keypoints.shape[1]} keypoints is which; name their --layout"
        )
    if size is None:
        raise InputError(
            f"{path} does not say how large the images are, without which pixels mean nothing; give --size WIDTH HEIGHT"
        )
    if fps is None:
        raise InputError(f"{path} does not say how many frames a second the video has; give --fps")
    if not all(0 < side < FARTHEST for side in size):
        raise InputError(f"{path}: an image of {size[0]} x {size[1]} pixels; give --size WIDTH HEIGHT")
    if not 1 <= fps <= 1000:
        raise InputError(f"{path}: {fps} frames a second; give --fps between 1 and 1000")
    return layout, size, fps


def _check_coordinates(path: Path, keypoints: np.ndarray) -> None:
    """Refuse infinities, and pixels that are none."""
    largest = np.nanmax(np.abs(keypoints[..., :2]), initial=0, where=~np.isnan(keypoints[..., :2]))
    if np.isinf(keypoints).any() or largest > FARTHEST or (np.abs(keypoints[..., 2]) > FARTHEST).any():
        raise InputError(f"{path}: coordinates up to {largest:g}; keypoints must be pixels and a confidence")
    if largest <= 2:
        raise InputError(
            f"{path}: no coordinate is greater than {largest:g}, as if divided by the image's size; keypoints must be "
            "in pixels"
        )
