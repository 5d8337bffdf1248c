"""Turn the detections of a keypoint file into one track for each person, with limits and checks for all formats."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxpose.keypoints import units
from jaxpose.keypoints.body_check import body_faults, body_notes, fitting_layouts
from jaxpose.keypoints.fields import MAX_COORDINATE, number_of
from jaxpose.keypoints.frame_numbers import frames_of_numbers
from jaxpose.keypoints.identities import identify
from jaxpose.keypoints.layouts import BODY_25, COCO_18, LAYOUTS, find_layout, layout_of_names
from jaxpose.keypoints.units import seen_keypoints
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import COCO_17, Skeleton

MAX_FRAMES = 1_000_000
"""Longest track, 5.5 hours at 50 frames per second: a file that declares more frames is refused."""


class DetectionRows(NamedTuple):
    """N detections of people in any order, and what their file says about them."""

    frames: Sequence[int]  # (N,) of the video
    people: Sequence[str | None]  # (N,) track ids; None where the file has none
    keypoints: np.ndarray  # (N, K, 3): x, y and a confidence; NaN where a keypoint was not seen
    layout: Skeleton | str | None = None  # of the K keypoints, or its name; of the first of them, if it has fewer
    size: tuple[int, int] | None = None  # width and height, pixels
    fps: Any = None  # as the file has it
    relative: bool | None = False  # the format has x and y divided by width and height; None if programs differ
    video: str = ""  # name of the video, if a file holds several
    notes: tuple[str, ...] = ()  # what the reader decided or left out, one line each, with the file's name
    scores: Sequence[float] = ()  # (N,) of the detector of people; empty where the file has none
    names: Sequence[str] | None = None  # of the K keypoints, if the file has them; they go before `layout`


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


def tracks_by_person(path: Path, rows: DetectionRows, given: Overrides) -> list[Detections]:
    """Collect detections into one track for each person.

    Args:
      path: of the file, for messages.
      rows: the detections.
      given: facts given by the user.

    Returns:
      The tracks in order of their first rows, by the file's track ids, or by `tracking.associate` if it has none; see
      `identities.identify`.

    Raises:
      InputError: there are no rows; image size, frame rate or layout are missing or invalid; a number is infinite or
        too large; or a person is twice in a frame.
    """
    rows = _people_seen(path, rows)
    layout, rows = _laid_out(path, rows, given.layout)
    size, fps = _size_and_fps(path, rows, given)
    keypoints, notes = units.in_pixels(path, rows.keypoints, rows.relative, size)
    _check_coordinates(path, keypoints[seen_keypoints(keypoints)])
    notes = rows.notes + notes
    if rows.names is None:
        notes += body_notes(path, layout, keypoints)
    if given.size is not None:
        notes += units.turned_notes(path, keypoints, given.size)
    notes += _confidence_notes(path, keypoints)
    numbers = frames_of_numbers(path, rows.frames, "the frames")
    notes += numbers.notes
    first, last = min(numbers.frames), max(numbers.frames)
    if last - first >= MAX_FRAMES or max(-first, last) >= 2**53:
        raise InputError(f"{path}: frames {first} to {last}; at most {MAX_FRAMES:,} frames are read: split the video")
    frames = np.asarray(numbers.frames, np.int64)
    identities = identify(path, frames, keypoints, rows.people, scores=rows.scores, min_score=given.min_score)
    notes += identities.notes + _time_notes(path, frames, fps)
    rows_of: dict[str, list[int]] = {}
    for row, person in zip(identities.rows, identities.people, strict=True):
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
        tracks.append(Detections(name, frames[order], poses, layout, *size, fps, notes))
    return tracks


def shows_somebody(rows: DetectionRows) -> bool:
    """Whether a keypoint was seen in any of the detections."""
    return bool(len(rows.frames)) and bool(seen_keypoints(_with_unseen_as_nan(rows.keypoints)).any())


def _with_unseen_as_nan(keypoints: np.ndarray) -> np.ndarray:
    """A copy of keypoints (N, K, 3) with NaN for those at exactly (0, 0) or (-1, -1), as detectors mark unseen ones.

    They do so with any confidence: Ultralytics writes (0, 0, 0.37).
    """
    marked = np.array(keypoints, np.float64)
    xy = marked[..., :2]
    marked[(xy == 0).all(axis=-1) | (xy == -1).all(axis=-1)] = np.nan
    return marked


def _people_seen(path: Path, rows: DetectionRows) -> DetectionRows:
    """The detections that show a keypoint, with NaN for keypoints that were not seen.

    Raises:
      InputError: nobody is seen, or a number is infinite or too large.
    """
    _check_coordinates(path, rows.keypoints)
    _check_confidences(path, rows.keypoints[..., 2])
    keypoints = _with_unseen_as_nan(rows.keypoints)
    kept = np.flatnonzero(seen_keypoints(keypoints).any(axis=1)) if len(rows.frames) else []
    if not len(kept):
        raise InputError(f"{path} holds no detections; run the detector again, on a video with people")
    frames, people = ([values[row] for row in kept] for values in (rows.frames, rows.people))
    scores = [rows.scores[row] for row in kept] if len(rows.scores) else ()
    return rows._replace(frames=frames, people=people, keypoints=keypoints[kept], scores=scores)


_WHOLE_BODIES = (COCO_17, COCO_18, BODY_25)
"""The first keypoints of detectors that add hands, faces or others to a body's."""


def _laid_out(path: Path, rows: DetectionRows, given: Skeleton | None) -> tuple[Skeleton, DetectionRows]:
    """The layout by the names of the keypoints, as given or as in the file; and the rows with its keypoints.

    Raises:
      InputError: the layout is not known, or has other keypoints than the file.
    """
    keypoints = rows.keypoints
    count = keypoints.shape[1]
    if rows.names is not None:
        if len(rows.names) != count:
            raise InputError(f"{path} names {len(rows.names)} keypoints and has {count} a person; export it again")
        try:
            layout, columns = layout_of_names(rows.names, given)
        except ValueError as error:
            raise InputError(f"{path}: {error}; correct the names, or name the right layout with --layout") from None
        missing = np.full_like(keypoints[:, :1], np.nan)
        return layout, rows._replace(keypoints=np.concatenate([keypoints, missing], axis=1)[:, columns])
    stated = _named_layout(path, rows.layout) if given is None else None
    layout = given or stated
    if layout is None and count not in {known.num_joints for known in LAYOUTS.values()}:
        bodies = [body for body in _WHOLE_BODIES if body.num_joints < count]
        fitting = [body for body in bodies if body_faults(body, keypoints[:, : body.num_joints]) == []]
        layout = fitting[0] if len(fitting) == 1 else None
    if layout is None:
        fitting = fitting_layouts(keypoints)
        hint = f", of which {' and '.join(body.name for body in fitting)} can be right" if fitting else ""
        if count < min(known.num_joints for known in LAYOUTS.values()):
            hint = ": none is known of so few; write them by name, as in a table of frame, joint, x and y"
        raise InputError(f"{path} does not say which of its {count} keypoints is which; give --layout{hint}")
    if count == layout.num_joints:
        return layout, rows
    if layout == stated and count > layout.num_joints:
        return layout, rows._replace(keypoints=keypoints[:, : layout.num_joints])
    if count < layout.num_joints or count in {known.num_joints for known in LAYOUTS.values()}:
        raise InputError(f"{path} has {count} keypoints, but {layout.name} {layout.num_joints}; name another layout")
    note = (
        f"{path}: of {count} keypoints the first {layout.num_joints} are read, as {layout.name}; --layout names another"
    )
    return layout, rows._replace(keypoints=keypoints[:, : layout.num_joints], notes=(*rows.notes, note))


def _named_layout(path: Path, layout: Skeleton | str | None) -> Skeleton | None:
    """The layout of a name; raises `InputError` if there is none."""
    if not isinstance(layout, str):
        return layout
    try:
        return find_layout(layout)
    except ValueError as error:
        raise InputError(f"{path}: {error}; correct it, or name the layout with --layout") from None


def _size_and_fps(path: Path, rows: DetectionRows, given: Overrides) -> tuple[tuple[int, int], float]:
    """Image size and frame rate, as given or as in the file.

    Raises:
      InputError: one is missing or cannot be right.
    """
    size = rows.size if given.size is None else given.size
    fps = rows.fps if given.fps is None else given.fps
    if size is None:
        of_video = f" of video {rows.video}" if rows.video else ""
        raise InputError(f"{path} does not say how large the images{of_video} are; give --size WIDTH HEIGHT in pixels")
    if not all(0 < side < MAX_COORDINATE for side in size):
        raise InputError(f"{path}: an image of {size[0]} x {size[1]} pixels; give --size WIDTH HEIGHT")
    if fps is None:
        raise InputError(f"{path} does not say the frame rate of the video; give --fps")
    if not 1 <= number_of(fps) <= 1000:
        raise InputError(f"{path}: {fps!r:.20} frames per second; give --fps between 1 and 1000")
    return size, number_of(fps)


def _time_notes(path: Path, frames: np.ndarray, fps: float) -> tuple[str, ...]:
    """A note if the frames are as far apart as a frame lasts in milliseconds: these can be times."""
    steps = np.diff(np.unique(frames))
    if len(steps) < 3 or (step := np.median(steps)) < 5 or abs(step * fps / 1000 - 1) > 0.05:
        return ()
    return (
        f"{path}: frames are {step:g} apart, as many milliseconds as a frame lasts at {fps:g} frames/s; if these are "
        "times, number the frames in the file instead",
    )


_LARGE_CONFIDENCE = 10  # networks give up to 6, annotations 2


def _confidence_notes(path: Path, keypoints: np.ndarray) -> tuple[str, ...]:
    """A note if most confidences cannot be shares, such as percentages."""
    usual = np.median(keypoints[..., 2][seen_keypoints(keypoints)])
    if usual <= _LARGE_CONFIDENCE:
        return ()
    return (f"{path}: half of the confidences are above {usual:.3g} and count as 1; divide percentages by 100",)


_NEGATIVE, _MANY = -0.05, 0.2
"""Third numbers below this are no confidences, and a file with a larger share of them is refused."""


def _check_confidences(path: Path, confidences: np.ndarray) -> None:
    """Refuse a third number of each keypoint that is negative for many, as z is."""
    known = confidences[np.isfinite(confidences) & (confidences != 0) & (confidences != -1)]
    if known.size and (share := (known < _NEGATIVE).mean()) > _MANY:
        raise InputError(
            f"{path}: the third number of each keypoint is negative for {share:.0%} of them, as z is; it must be a "
            "confidence from 0 to 1: write one, or leave it out"
        )


def _check_coordinates(path: Path, keypoints: np.ndarray) -> None:
    """Refuse infinities, and coordinates that cannot be pixels."""
    largest = np.nanmax(np.abs(keypoints[..., :2]), initial=0, where=~np.isnan(keypoints[..., :2]))
    if np.isinf(keypoints).any() or largest > MAX_COORDINATE or (np.abs(keypoints[..., 2]) > MAX_COORDINATE).any():
        raise InputError(f"{path}: coordinates up to {largest:g}; keypoints must be pixels and a confidence")
