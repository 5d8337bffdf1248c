"""Track ids of people as files have them: exact, of one field for a whole file, and none where they say nothing."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxpose.runtime.errors import InputError

ID_FIELDS = ("track_id", "instance_id", "attributes.track_id", "person_id", "idx")
"""Fields of a detection that may have its track id, the surest first: COCO and MMPose, MMTracking, CVAT, OpenPose and
PoseTrack, AlphaPose."""

_FEWEST_SINGLE = 5  # so many ids, each of one detection, are no coincidence


def person_id(path: Path, person: Any, label: str) -> str | None:
    """Convert a track id to text, exactly: 1234567.0, "1234567" and [[1234567]] are the same id.

    Args:
      path: of the file, for messages.
      person: a number or text, or these in lists: AlphaPose and OpenPose write [7.0], and AlphaPose [[7.0], [7.0]]
        where it made one person of two.
      label: of the detection, for messages.

    Returns:
      The id; None for a missing one: null, "", NaN, -1, an empty list, or a list of different ids.

    Raises:
      InputError: it is something else.
    """
    if isinstance(person, list):
        found = {person_id(path, one, label) for one in _flattened(person)} - {None}
        return found.pop() if len(found) == 1 else None
    if not isinstance(person, int | float | str | None) or isinstance(person, bool):
        raise InputError(f"{path}: {label} has the track id {person!r:.40}; it must be a number or text")
    if isinstance(person, float):
        if not math.isfinite(person):
            return None
        person = int(person) if person.is_integer() else repr(person)
    text = str(person).strip()
    if re.fullmatch(r"-?(?:0|[1-9][0-9]*)\.0+", text):  # tables of programs that know no whole numbers beside gaps
        text = text.partition(".")[0]
    return None if text in ("", "None", "nan", "NaN", "null", "-1") else text


def person_ids(path: Path, detections: Sequence[dict[str, Any]], labels: Sequence[str]) -> list[str | None]:
    """The track ids of all detections, from the one of `ID_FIELDS` that gives most of them an id.

    Fields are not mixed, as two of them number the same person differently. AlphaPose's `idx` 0 for everybody means
    that it did not track.

    Raises:
      InputError: a field has something else than ids.
    """
    best: list[str | None] = [None] * len(detections)
    for field in ID_FIELDS:
        values = [_field(detection, field) for detection in detections]
        found = [person_id(path, value, label) for value, label in zip(values, labels, strict=True)]
        if field == "idx" and set(found) <= {"0", None}:
            continue
        if found.count(None) < best.count(None):
            best = found
    return best


def meaningful_ids(frames: Sequence[int], ids: Sequence[str | None]) -> tuple[list[str | None], str]:
    """Leave out ids that cannot be those of tracks: one for everybody, or one for each detection.

    Args:
      frames: (N,) of the detections.
      ids: (N,) of the detections.

    Returns:
      The ids, or None for all; and why they were left out, or "".
    """
    named = [(frame, person) for frame, person in zip(frames, ids, strict=True) if person is not None]
    people = {person for _, person in named}
    if len(people) == 1 and max(Counter(named).values()) > 1:
        return [None] * len(ids), f"the track id {people.pop()} is that of several people in a frame: it is not used"
    if len(people) == len(named) >= _FEWEST_SINGLE and len({frame for frame, _ in named}) > 1:
        return [None] * len(ids), "every detection has a track id of its own: these are not used"
    return list(ids), ""


def _flattened(values: list[Any]) -> list[Any]:
    """The values in nested lists; without recursion, as a stranger's file may be nested deeply."""
    flat, rest = [], list(values)
    while rest:
        value = rest.pop()
        if isinstance(value, list):
            rest.extend(value)
        else:
            flat.append(value)
    return flat


def _field(detection: dict[str, Any], name: str) -> Any:
    """A field of a detection, or of an object in it; None if there is none."""
    *parents, last = name.split(".")
    node: Any = detection
    for parent in parents:
        node = node.get(parent)
        if not isinstance(node, dict):
            return None
    return node.get(last)
