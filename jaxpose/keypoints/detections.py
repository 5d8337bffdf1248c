"""Turn the detections of a keypoint file into one track for each person, with limits and checks for all formats."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxpose.files import guarded_read
from jaxpose.keypoints.duplicates import person_scores, without_duplicates
from jaxpose.keypoints.track_ids import meaningful_ids
from jaxpose.keypoints.tracking import adopt_unnamed, associate, least_step
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import Skeleton

MAX_BYTES = 512 * 2**20
"""Longest text that is read: hours of one person's keypoints."""
MAX_FRAMES = 1_000_000
"""Longest track, 5.5 hours at 50 frames a second: a file that declares more frames is refused."""
MAX_COORDINATE = 1e5
"""Pixels; a file with a larger coordinate is refused."""


_SPARSE = 15  # frames from one detection to the next, in which people can exchange their places


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
    scores: Sequence[float] = ()  # (N,) of the detector of people; empty where the file has none


class Overrides(NamedTuple):
    """Facts about a file given by the user, which take precedence over those in the file."""

    layout: Skeleton | None = None
    size: tuple[int, int] | None = None
    fps: float | None = None
    min_score: float | None = None  # people with a lower score are left out; None leaves out parts of other people


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
      The tracks in order of their first rows, by the file's track ids, or by `tracking.associate` if it has none. A
      person who was detected several times in a frame is there once (`duplicates.without_duplicates`).

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
    frames, keypoints, people, notes = _people(path, np.asarray(rows.frames, np.int64), keypoints, rows, given)
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
        tracks.append(Detections(name, frames[order], poses, layout, width, height, fps, rows.notes + notes))
    return tracks


def _people(
    path: Path, frames: np.ndarray, keypoints: np.ndarray, rows: DetectionRows, given: Overrides
) -> tuple[np.ndarray, np.ndarray, list[str], tuple[str, ...]]:
    """Choose the detections that are people, each once a frame, and give all of them an id.

    Returns:
      Frames, keypoints and ids of these detections, and notes on what was left out or decided.
    """
    scores = np.asarray(rows.scores, np.float64) if len(rows.scores) else person_scores(keypoints)
    scores = np.nan_to_num(scores, posinf=0, neginf=0)
    notes, kept = [], np.ones(len(frames), bool)
    if given.min_score is not None:
        kept = scores >= given.min_score
        if not kept.any():
            raise InputError(
                f"{path}: no person has a score of {given.min_score:g} or more, the highest is {scores.max():.3g}; "
                "give a lower --min-score"
            )
        if not kept.all():
            notes.append(
                f"{(~kept).sum()} of {len(kept)} detections with a score below {given.min_score:g} are left out"
            )
    frames, keypoints, scores = frames[kept], keypoints[kept], scores[kept]
    ids, reason = meaningful_ids(frames.tolist(), [rows.people[row] for row in np.flatnonzero(kept)])
    notes += [reason] * bool(reason)
    by_score = bool(len(rows.scores)) and given.min_score is None
    kept = without_duplicates(frames, keypoints, scores, ids, by_score=by_score)
    if not kept.all():
        notes.append(
            f"{(~kept).sum()} of {len(kept)} detections are left out, as they show a person again, with a lower score; "
            "--min-score sets the lowest score of a person instead"
        )
    frames, keypoints, ids = frames[kept], keypoints[kept], [ids[row] for row in np.flatnonzero(kept)]
    unnamed = ids.count(None)
    if not unnamed:
        return frames, keypoints, [str(person) for person in ids], tuple(f"{path}: {note}" for note in notes)
    if unnamed == len(ids):
        people = [str(person) for person in associate(frames, keypoints)]
        step = least_step(frames)
        if step >= _SPARSE and len(set(people)) > 1:
            notes.append(
                f"detections are {step} frames apart and have no track ids: who is who is told by the place alone"
            )
    else:
        people, joined = adopt_unnamed(frames, keypoints, ids)
        rest = f", {unnamed - joined} are further tracks, new1 and on" if joined < unnamed else ""
        notes.append(f"{unnamed} of {len(ids)} detections have no track id: {joined} joined the nearest track{rest}")
    return frames, keypoints, people, tuple(f"{path}: {note}" for note in notes)


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
        of_video = f" of video {rows.video}" if rows.video else ""
        raise InputError(f"{path} does not say how large the images{of_video} are; give --size WIDTH HEIGHT in pixels")
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
