"""Read keypoints from CSV, a row for each: columns `frame`, `joint`, `x`, `y`, optional `track` and `confidence`.

`joint` is a name in a layout (`left_knee`); the layout is the smallest that has all the names. A keypoint was not seen
if its row is missing, or its `x`, `y` or `confidence` is empty. Other columns are ignored.
"""

import csv
import io
from pathlib import Path

import numpy as np

from jaxpose.keypoints.detections import DetectionRows
from jaxpose.keypoints.layouts import LAYOUTS
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import Skeleton

REQUIRED_COLUMNS = ("frame", "joint", "x", "y")


def is_keypoint_csv(text: str) -> bool:
    """Whether the first line of a text names the required columns."""
    return set(REQUIRED_COLUMNS) <= set(text.partition("\n")[0].strip().replace('"', "").split(","))


def read_keypoint_csv(path: Path, text: str) -> DetectionRows:
    """Read the detections of a table.

    Raises:
      InputError: a row breaks the format described above.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
    except csv.Error as error:
        raise InputError(f"{path} is not a table of comma-separated values ({error})") from error
    layout = _layout(path, {row["joint"] for row in rows})
    detection_of: dict[tuple[int, str | None], int] = {}  # by frame and track
    values, detections, joints = [], [], []
    for line, row in enumerate(rows, start=2):
        try:
            frame = int(row["frame"])
            value = [float(row[column].strip() or "nan") for column in ("x", "y")]
            value.append(float(row.get("confidence", "1").strip() or "nan"))
        except (AttributeError, TypeError, ValueError):  # a short row has None for its last cells
            raise InputError(
                f"{path}, line {line}: frame must be a whole number, x, y and confidence numbers"
            ) from None
        detections.append(detection_of.setdefault((frame, row.get("track") or None), len(detection_of)))
        joints.append(layout.index(row["joint"]))
        values.append(value)
    keypoints = np.full((len(detection_of), layout.num_joints, 3), np.nan)
    keypoints[detections, joints] = np.asarray(values).reshape(-1, 3)
    if len(set(zip(detections, joints, strict=True))) < len(joints):
        raise InputError(f"{path}: a joint is twice in a frame; give two people two tracks")
    frames, people = zip(*detection_of, strict=True) if detection_of else ((), ())
    return DetectionRows(frames, people, keypoints, layout)


def _layout(path: Path, names: set[str]) -> Skeleton:
    """The smallest layout that has all the names."""
    fitting = [layout for layout in LAYOUTS.values() if names <= set(layout.joints)]
    if not fitting:
        known = set().union(*(layout.joints for layout in LAYOUTS.values()))
        raise InputError(
            f"{path}: no layout has the joints {', '.join(sorted(map(str, names - known or names)))[:80]}; known are "
            f"{', '.join(LAYOUTS)}"
        )
    return min(fitting, key=lambda layout: layout.num_joints)
