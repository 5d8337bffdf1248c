"""Read keypoints from CSV, a row for each: columns `frame`, `joint`, `x`, `y`, perhaps a track and a confidence.

`joint` is the name of a keypoint (`left_knee`, `LKnee`), and the names decide which is which. The track is a column
`track`, `track_id`, `person_id` or `person`, the confidence a column `confidence`, `score`, `likelihood` or
`visibility`. A keypoint was not seen if its row is missing, or its `x`, `y` or confidence is empty. Other columns are
ignored.
"""

import csv
import io
from pathlib import Path

import numpy as np

from jaxpose.keypoints.detections import DetectionRows
from jaxpose.keypoints.track_ids import person_id
from jaxpose.runtime.errors import InputError

REQUIRED_COLUMNS = ("frame", "joint", "x", "y")
TRACKS = ("track", "track_id", "person_id", "person")
CONFIDENCES = ("confidence", "score", "likelihood", "visibility")


def is_keypoint_csv(text: str) -> bool:
    """Whether the first line of a text names the required columns."""
    return set(REQUIRED_COLUMNS) <= set(_columns(text.partition("\n")[0].replace('"', "").split(",")))


def read_keypoint_csv(path: Path, text: str) -> DetectionRows:
    """Read the detections of a table.

    Raises:
      InputError: a row breaks the format described above.
    """
    try:
        header, *lines = csv.reader(io.StringIO(text, newline=""))
    except csv.Error as error:
        raise InputError(f"{path} is not a table of comma-separated values ({error})") from error
    columns = _columns(header)
    if len(set(columns)) < len(columns):
        raise InputError(f"{path}: two columns have the same name; rename one")
    track, confidence = (next((name for name in names if name in columns), None) for names in (TRACKS, CONFIDENCES))
    detection_of: dict[tuple[int, str | None], int] = {}  # by frame and track
    place_of: dict[str, int] = {}  # by name
    values, detections, places = [], [], []
    for number, cells in enumerate(lines, start=2):
        if not cells:
            continue
        row = dict(zip(columns, map(str.strip, cells), strict=False))
        try:
            frame = float(row["frame"])
            value = [float(row[column] or "nan") for column in ("x", "y")]
            value.append(float(row[confidence] or "nan") if confidence else 1.0)
            if frame % 1:
                raise ValueError
        except (KeyError, ValueError):  # a short row lacks its last cells
            raise InputError(
                f"{path}, line {number}: frame must be a whole number, x, y and confidence numbers"
            ) from None
        person = person_id(path, row.get(track) if track else None, f"line {number}")
        detections.append(detection_of.setdefault((int(frame), person), len(detection_of)))
        places.append(place_of.setdefault(row["joint"], len(place_of)))
        values.append(value)
    keypoints = np.full((len(detection_of), len(place_of), 3), np.nan)
    keypoints[detections, places] = np.asarray(values).reshape(-1, 3)
    if len(set(zip(detections, places, strict=True))) < len(places):
        raise InputError(f"{path}: a joint is twice in a frame; give two people two tracks")
    frames, people = zip(*detection_of, strict=True) if detection_of else ((), ())
    return DetectionRows(frames, people, keypoints, names=tuple(place_of))


def _columns(header: list[str]) -> list[str]:
    """The names of the columns, without blanks and in small letters."""
    return [name.strip().lower() for name in header]
