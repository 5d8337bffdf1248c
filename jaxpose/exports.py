"""Write 3D motion for other programs: npz, JSON and CSV, and what animation and biomechanics read.

| suffix | people | axes | unit | for |
|---|---|---|---|---|
| `.npz` | all in one file | the motion's own, named in it | m | NumPy |
| `.json` | all in one file | the motion's own, named in it | m | anything |
| `.csv` | all in one file | the motion's own, named in it | m | spreadsheets, R, pandas |

In an npz file, person i of N (counted from 0) is `positions_i` (T, J, 3) float32 and `filled_i` (T, J) bool; `names`
(N,) and `starts` (N,) say whose track that is and at which frame of the video it begins. `joints` (J,), `parents`
(J,), `skeleton`, `fps`, `space`, `axes` and `units` hold for all. Nothing in it is pickled.
"""

import csv
import io
import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from jaxpose.errors import InputError
from jaxpose.files import write_whole
from jaxpose.motion import Motion

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
        arrays |= {f"positions_{number}": np.float32(motion.positions), f"filled_{number}": _filled(motion)}
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
            "filled": _filled(motion).tolist(),
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
    buffer = io.StringIO()
    table = csv.writer(buffer)
    table.writerow(COLUMNS)
    for motion in motions:
        frames, joints, _ = motion.positions.shape
        numbers = motion.start + np.repeat(np.arange(frames), joints)
        columns = (
            numbers.tolist(),
            [f"{time:.4f}" for time in numbers / motion.fps],
            [motion.name] * numbers.size,
            motion.skeleton.joints * frames,
            *([f"{value:.4f}" for value in axis.ravel()] for axis in np.moveaxis(motion.positions, -1, 0)),
            np.int8(_filled(motion)).ravel().tolist(),
            [motion.space] * numbers.size,
        )
        table.writerows(zip(*columns, strict=True))
    return buffer.getvalue().encode("utf-8", "replace")


TOGETHER: Mapping[str, Callable[[Sequence[Motion]], bytes]] = {".npz": npz, ".json": json_text, ".csv": csv_text}
"""Formats that hold all people, by suffix."""
APART: Mapping[str, Callable[[Motion], bytes]] = {}
"""Formats that hold one person, by suffix."""


def check_path(path: Path) -> None:
    """Find out before the work whether `write` knows the format and the folder is there.

    Raises:
      InputError: it does not, or it is not.
    """
    if path.suffix.lower() not in {**TOGETHER, **APART}:
        known = ", ".join({**TOGETHER, **APART})
        raise InputError(f"{path}: motion is not written as {path.suffix or 'a file without suffix'}; use {known}")
    if not path.parent.is_dir():
        raise InputError(f"{path}: there is no folder {path.parent}; make it, or choose another place")


def write(path: Path, motions: Sequence[Motion]) -> list[Path]:
    """Write motion in the format that the suffix of the path names; whole or not at all.

    Args:
      path: the file to make or replace. Of a format that holds one person, several people become files beside it,
        called as it with the name of the track added: walk.bvh becomes walk_1.bvh, walk_2.bvh.
      motions: of one skeleton, frame rate and space, a name each.

    Returns:
      The files.

    Raises:
      InputError: the format is unknown, the motion is empty or not finite, two people share a name, or a file
        cannot be written.
    """
    check_path(path)
    _check(path, motions)
    suffix = path.suffix.lower()
    if suffix in TOGETHER:
        contents = {path: TOGETHER[suffix](motions)}
    else:
        files = [path] if len(motions) == 1 else _files(path, [motion.name for motion in motions])
        contents = {file: APART[suffix](motion) for file, motion in zip(files, motions, strict=True)}
    for file, content in contents.items():
        write_whole(file, lambda temporary, content=content: temporary.write_bytes(content))
    return list(contents)


def _check(path: Path, motions: Sequence[Motion]) -> None:
    """Refuse what no format can hold."""
    if not motions:
        raise InputError(f"{path}: there is no motion to write")
    if len({(motion.skeleton, motion.fps, motion.space) for motion in motions}) > 1:
        raise ValueError("motions of several skeletons, frame rates or spaces do not belong in one file")
    names = [motion.name for motion in motions]
    for motion in motions:
        if names.count(motion.name) > 1:
            raise InputError(f"{path}: two tracks are called {motion.name!r}; give each a name of its own")
        if motion.positions.ndim != 3 or motion.positions.shape[1:] != (motion.skeleton.num_joints, 3):
            raise ValueError(f"track {motion.name!r}: positions have shape {motion.positions.shape}")
        if not len(motion.positions):
            raise InputError(f"{path}: track {motion.name!r} has no frames; leave it out")
        if not (np.isfinite(motion.fps) and motion.fps > 0):
            raise InputError(f"{path}: the frame rate is {motion.fps}; it must be above zero")
        if not np.isfinite(motion.positions).all():
            frame, joint, _ = np.argwhere(~np.isfinite(motion.positions))[0]
            where = f"frame {motion.start + frame}, joint {motion.skeleton.joints[joint]}"
            raise InputError(f"{path}: track {motion.name!r}, {where}: the position is not finite; leave the track out")


def _files(path: Path, names: Sequence[str]) -> list[Path]:
    """A file beside `path` for each name: letters, digits, dots and dashes are kept, none escapes the folder."""
    files: list[Path] = []
    taken: set[str] = set()  # in lower case: some file systems do not tell cases apart
    for name in names:
        plain = re.sub(r"[^\w.-]+", "_", unicodedata.normalize("NFC", name))[:40]
        label, number = plain, 1
        while label.casefold() in taken:
            number += 1
            label = f"{plain}-{number}"
        taken.add(label.casefold())
        files.append(path.with_name(f"{path.stem}_{label}{path.suffix}"))
    return files


def _filled(motion: Motion) -> np.ndarray:
    """(T, J) bool, also where the motion has none."""
    return np.zeros(motion.positions.shape[:2], bool) if motion.filled is None else np.asarray(motion.filled, bool)
