"""Write 3D motion for other programs: npz, JSON and CSV, and what animation and biomechanics read.

| suffix | people | axes | unit | for |
|---|---|---|---|---|
| `.npz` | all in one file | the motion's own, named in it | m | NumPy |
| `.json` | all in one file | the motion's own, named in it | m | anything |
| `.csv` | all in one file | the motion's own, named in it | m | spreadsheets, R, pandas |
| `.bvh` | one a file | y up | m | animation: Blender, MotionBuilder; joint rotations, with made-up twist |
| `.trc` | one a file | y up | mm | OpenSim |
| `.c3d` | one a file | z up | mm | biomechanics; takes the package c3d |

The last three have no word for camera space: what is in it is written as a level camera sees it.

In an npz file, person i of N (counted from 0) is `positions_i` (T, J, 3) float32 and `filled_i` (T, J) bool; `names`
(N,) and `starts` (N,) say whose track that is and at which frame of the video it begins. `joints` (J,), `parents`
(J,), `skeleton`, `fps`, `space`, `axes` and `units` hold for all. Nothing in it is pickled.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from jaxpose.export.bvh import bvh
from jaxpose.export.c3d import c3d, require_package
from jaxpose.export.motion import Motion, filled, safe_names
from jaxpose.export.tables import csv_text, filled_csv, json_text, npz
from jaxpose.export.trc import trc
from jaxpose.files.atomic import atomic_write_all
from jaxpose.runtime.errors import InputError

TOGETHER: Mapping[str, Callable[[Sequence[Motion]], bytes]] = {".npz": npz, ".json": json_text, ".csv": csv_text}
"""Formats that hold all people, by suffix."""

APART: Mapping[str, Callable[[Motion], bytes]] = {".bvh": bvh, ".trc": trc, ".c3d": c3d}
"""Formats that hold one person, by suffix."""

UNFLAGGED = (".bvh", ".trc")
"""Formats that have no place for which joints were filled."""


def check_path(path: Path) -> None:
    """Find out before the work whether `write` can make the file.

    Raises:
      InputError: the suffix names no format, the folder is not there, or the package for C3D is not installed.
    """
    suffixes = [*TOGETHER, *APART]
    if path.suffix.lower() not in suffixes:
        known = ", ".join(suffixes)
        raise InputError(f"{path}: motion is not written as {path.suffix or 'a file without suffix'}; use {known}")
    if not path.parent.is_dir():
        raise InputError(f"{path}: there is no folder {path.parent}; make it, or choose another place")
    if path.suffix.lower() == ".c3d":
        require_package()


def write(path: Path, motions: Sequence[Motion]) -> list[Path]:
    """Write motion in the format that the suffix of the path names; all files whole, or none.

    Args:
      path: the file to make or replace. Of a format that holds one person, several people become files beside it,
        called as it with the name of the track added: walk.bvh becomes walk_1.bvh and walk_2.bvh. Where the format
        cannot say which joints were filled, a CSV file beside it, walk.filled.csv, lists them, if there are any.
      motions: of one skeleton, frame rate and space, a name each.

    Returns:
      The files.

    Raises:
      InputError: the path or the motion cannot be used, such as an empty one, one that is not finite, or two of one
        name; or a file cannot be written.
    """
    check_path(path)
    _check(path, motions)
    suffix = path.suffix.lower()
    if suffix in TOGETHER:
        contents = {path: TOGETHER[suffix](motions)}
    else:
        added = [""] if len(motions) == 1 else [f"_{name}" for name in safe_names([motion.name for motion in motions])]
        files = [path.with_name(f"{path.stem}{name}{path.suffix}") for name in added]
        contents = {file: APART[suffix](motion) for file, motion in zip(files, motions, strict=True)}
    if suffix in UNFLAGGED and any(filled(motion).any() for motion in motions):
        contents[path.with_name(f"{path.stem}.filled.csv")] = filled_csv(motions)
    atomic_write_all(contents)
    return list(contents)


def _check(path: Path, motions: Sequence[Motion]) -> None:
    """Refuse what no format can hold."""
    if not motions:
        raise InputError(f"{path}: there is no motion to write; the tracks are empty")
    if len({(motion.skeleton, motion.fps, motion.space) for motion in motions}) > 1:
        raise ValueError("motions of several skeletons, frame rates or spaces do not belong in one file")
    names = [motion.name for motion in motions]
    for motion in motions:
        if names.count(motion.name) > 1:
            raise InputError(f"{path}: two tracks are called {motion.name!r:.50}; give each a name of its own")
        shape = (len(motion.positions), motion.skeleton.num_joints, 3)
        if motion.positions.shape != shape or filled(motion).shape != shape[:2] or motion.start < 0:
            raise ValueError(f"track {motion.name!r}: a motion's shapes are (T, J, 3) and (T, J), from frame 0 on")
        if not len(motion.positions):
            raise InputError(f"{path}: track {motion.name!r:.50} has no frames; leave it out")
        if not (np.isfinite(motion.fps) and motion.fps > 0):
            raise InputError(f"{path}: the frame rate is {motion.fps}; it must be above zero")
        if not np.isfinite(motion.positions).all():
            frame, joint, _ = np.argwhere(~np.isfinite(motion.positions))[0]
            where = f"frame {motion.start + frame}, joint {motion.skeleton.joints[joint]}"
            raise InputError(f"{path}: track {motion.name!r:.50} is not finite at {where}; leave the track out")
