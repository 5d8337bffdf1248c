"""Keypoints as CSV, a row for each: columns `frame`, `joint`, `x`, `y`, and perhaps `track` and `confidence`.

`joint` is a name as in `layouts` (`left_knee`); the layout is the smallest that has all the names. An empty `x`, `y` or
`confidence` is a keypoint that was not seen, as is a row that is not there; further columns are not read.
"""

import csv
import io
from pathlib import Path

import numpy as np

from jaxpose.keypoints.detections import Rows
from jaxpose.keypoints.layouts import LAYOUTS
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import Skeleton

COLUMNS = ("frame", "joint", "x", "y")


def holds_table(text: str) -> bool:
    """Whether a text begins with the columns of such a table."""
    return set(COLUMNS) <= set(text.partition("\n")[0].strip().replace('"', "").split(","))


def read(path: Path, text: str) -> Rows:
    """The detections of a table.

    Raises:
      InputError: a row is not as the module says.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
    except csv.Error as error:
        raise InputError(f"{path} is not a table of comma-separated values ({error})") from error
    layout = _layout(path, {row["joint"] for row in rows})
    place_of: dict[tuple[int, str | None], int] = {}
    values, places, joints = [], [], []
    for line, row in enumerate(rows, start=2):
        try:
            frame = int(row["frame"])
            value = [float(row[column].strip() or "nan") for column in ("x", "y")]
            value.append(float(row.get("confidence", "1").strip() or "nan"))
        except (AttributeError, TypeError, ValueError):  # a short row has None for its last cells
            raise InputError(
                f"{path}, line {line}: frame must be a whole number, x, y and confidence numbers"
            ) from None
        places.append(place_of.setdefault((frame, row.get("track") or None), len(place_of)))
        joints.append(layout.index(row["joint"]))
        values.append(value)
    keypoints = np.full((len(place_of), layout.num_joints, 3), np.nan)
    keypoints[places, joints] = np.asarray(values).reshape(-1, 3)
    if len(set(zip(places, joints, strict=True))) < len(joints):
        raise InputError(f"{path}: a joint is twice in a frame; give two people two tracks")
    frames, people = zip(*place_of, strict=True) if place_of else ((), ())
    return Rows(frames, people, keypoints, layout)


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
