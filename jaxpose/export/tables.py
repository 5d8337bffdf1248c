"""Motion as npz archive, JSON and CSV table: all people in one file, in the motion's own axes, in metres."""

import csv
import io
import itertools
import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from jaxpose.export.motion import Motion, filled

AXES = {"camera": "x right, y down, z forward", "world": "right-handed, z up"}

COLUMNS = ("frame", "time_s", "track", "joint", "x_m", "y_m", "z_m", "filled", "space")


def npz(motions: Sequence[Motion]) -> bytes:
    """All people as an npz archive; its keys are in the module's text."""
    first = motions[0]
    arrays = {
        "names": np.array([motion.name for motion in motions], str),
        "starts": np.array([motion.start for motion in motions], np.int64),
        "joints": np.array(first.skeleton.joints, str),
        "parents": np.array(first.skeleton.parents, np.int32),
        "skeleton": np.array(first.skeleton.name, str),
        "fps": np.array(first.fps, np.float64),
        "space": np.array(first.space, str),
        "axes": np.array(AXES[first.space], str),
        "units": np.array("m", str),
    }
    for number, motion in enumerate(motions):
        arrays |= {f"positions_{number}": np.float32(motion.positions), f"filled_{number}": filled(motion)}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def json_text(motions: Sequence[Motion]) -> bytes:
    """All people as JSON: positions to 0.1 mm, by frame and joint."""
    first = motions[0]
    people = [
        {
            "name": motion.name,
            "start": motion.start,
            "positions": np.round(np.float64(motion.positions), 4).tolist(),
            "filled": filled(motion).tolist(),
        }
        for motion in motions
    ]
    facts = {
        "units": "m",
        "space": first.space,
        "axes": AXES[first.space],
        "fps": first.fps,
        "skeleton": first.skeleton.name,
        "joints": first.skeleton.joints,
        "parents": first.skeleton.parents,
    }
    return json.dumps(facts | {"people": people}, allow_nan=False).encode()


def csv_text(motions: Sequence[Motion]) -> bytes:
    """All people as CSV: a row per frame of the video and joint, positions to 0.1 mm, filled as 0 or 1."""
    rows: list[Iterable[Sequence[Any]]] = [[COLUMNS]]
    for motion in motions:
        frames, joints, _ = motion.positions.shape
        numbers = motion.start + np.repeat(np.arange(frames), joints)
        columns = (
            numbers.tolist(),
            [f"{time:.4f}" for time in (numbers / motion.fps).tolist()],
            itertools.repeat(motion.name),
            itertools.cycle(motion.skeleton.joints),
            *([f"{value:.4f}" for value in axis.ravel().tolist()] for axis in np.moveaxis(motion.positions, -1, 0)),
            np.int8(filled(motion)).ravel().tolist(),
            itertools.repeat(motion.space),
        )
        rows.append(zip(*columns, strict=False))  # two of them have no end
    return _table(itertools.chain(*rows))


def filled_csv(motions: Sequence[Motion]) -> bytes:
    """The joints that were filled, as the first columns of `csv_text`."""
    rows = [
        (motion.start + frame, f"{(motion.start + frame) / motion.fps:.4f}", motion.name, motion.skeleton.joints[joint])
        for motion in motions
        for frame, joint in np.argwhere(filled(motion)).tolist()
    ]
    return _table([COLUMNS[:4], *rows])


def _table(rows: Iterable[Sequence[Any]]) -> bytes:
    """Rows as CSV; a name may hold what separates cells and lines."""
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue().encode("utf-8", "replace")
