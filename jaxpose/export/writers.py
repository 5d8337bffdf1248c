"""Write 3D motion in the format that a file's suffix names: `formats.FORMATS` lists them, README.md their schemas.

BVH, TRC and C3D cannot say that positions are in camera space: such a motion is written as if the camera were level.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxpose.export.bvh import describe_differences, encode_bvh
from jaxpose.export.c3d import encode_c3d, require_package
from jaxpose.export.formats import FORMATS, SUFFIXES, Unit, in_words
from jaxpose.export.motion import Motion, filled_mask, safe_names
from jaxpose.export.openpose import encode_openpose
from jaxpose.export.tables import encode_csv, encode_filled_csv, encode_json, encode_npz, encode_starts_csv
from jaxpose.export.trc import encode_trc
from jaxpose.files.atomic import atomic_write_all
from jaxpose.runtime.errors import InputError


class Writer(NamedTuple):
    """What makes the files of a format; `formats.FORMATS` describes it."""

    encode: Callable[..., bytes]  # of all people's motions, or of one; and of the unit if the format has several
    require: Callable[[], object] | None = None  # raises `InputError` if a package is not installed
    says_name: bool = False  # whether the file says its own name, so that `encode` takes `file_name` too


WRITERS: Mapping[str, Writer] = {
    ".npz": Writer(encode_npz),
    ".json": Writer(encode_json),
    ".csv": Writer(encode_csv),
    ".zip": Writer(encode_openpose),
    ".bvh": Writer(encode_bvh),
    ".trc": Writer(encode_trc, says_name=True),
    ".c3d": Writer(encode_c3d, require=require_package),
}
"""The writers, by suffix."""


def check_output_path(path: Path, unit: Unit | None = None) -> None:
    """Check before the work that `write_motions` can make the file.

    Raises:
      InputError: the suffix names no format, the format has another unit, the folder does not exist, or a package for
        the format is not installed.
    """
    if path.suffix.lower() not in WRITERS:
        raise InputError(f"{path}: motion is not written as {path.suffix or 'a file without suffix'}; use {SUFFIXES}")
    units = FORMATS[path.suffix.lower()].units
    if unit not in (None, *units):
        raise InputError(f"{path}: {path.suffix} files are in {in_words(units)}, not {unit}; choose another format")
    if not path.parent.is_dir():
        raise InputError(f"{path}: there is no folder {path.parent}; make it, or choose another folder")
    if require := WRITERS[path.suffix.lower()].require:
        require()


def write_motions(path: Path, motions: Sequence[Motion], unit: Unit | None = None) -> list[Path]:
    """Write motions in the format that the suffix of the path names: all files whole, or none.

    Args:
      path: the file to make or replace. If its format holds one person, several people become several files, with the
        name of the track added: walk.bvh becomes walk_1.bvh and walk_2.bvh. What a format cannot say is in a CSV file
        beside it: walk.filled.csv lists the filled joints, if there are any, and walk.starts.csv when each person
        appears, if somebody appears after the first frame of the video.
      motions: of one skeleton, frame rate and space, each with a name of its own.
      unit: of lengths; None for the format's usual one.

    Returns:
      The files.

    Raises:
      InputError: the path or a motion cannot be used (it is empty, not finite, or two have one name), or a file cannot
        be written.
      ValueError: the motions differ in skeleton, frame rate or space, or the shapes of one do not fit.
    """
    check_output_path(path, unit)
    _check_motions(path, motions)
    suffix = path.suffix.lower()
    writer, file_format = WRITERS[suffix], FORMATS[suffix]
    files = _by_file(path, motions) if file_format.people == "one" else {path: motions}
    in_unit = {"unit": unit or file_format.units[0]} if file_format.units[1:] else {}
    contents = {
        file: writer.encode(content, **in_unit, **({"file_name": file.name} if writer.says_name else {}))
        for file, content in files.items()
    }
    if not file_format.marks_filled and any(filled_mask(motion).any() for motion in motions):
        contents[path.with_name(f"{path.stem}.filled.csv")] = encode_filled_csv(motions)
    if not file_format.has_start and any(motion.start for motion in motions):
        starts = encode_starts_csv({file.name: motion for file, motion in _by_file(path, motions).items()})
        contents[path.with_name(f"{path.stem}.starts.csv")] = starts
    atomic_write_all(contents)
    return list(contents)


def describe_losses(path: Path, motions: Sequence[Motion]) -> list[str]:
    """What the files that `write_motions` makes do not hold, in sentences: exact positions, and when a person appears.

    Args:
      path: the file; its suffix names the format.
      motions: at least one.
    """
    file_format, sentences = FORMATS[path.suffix.lower()], []
    if file_format.constant_bones:
        sentences.append(describe_differences(motions))
    if not file_format.has_start:
        sentences += [
            f"{file.name} begins at frame {motion.start} of the video, {motion.start / motion.fps:.2f} s, which the "
            "file itself cannot say"
            for file, motion in _by_file(path, motions).items()
            if motion.start
        ]
    return sentences


def _by_file(path: Path, motions: Sequence[Motion]) -> dict[Path, Motion]:
    """The motions by the file that holds each, in a format of one person."""
    endings = [f"_{name}" for name in safe_names([motion.name for motion in motions])] if motions[1:] else [""]
    files = [path.with_name(f"{path.stem}{ending}{path.suffix}") for ending in endings]
    return dict(zip(files, motions, strict=True))


def _check_motions(path: Path, motions: Sequence[Motion]) -> None:
    """Refuse motions that no format can hold; raises as `write_motions`."""
    if not motions:
        raise InputError(f"{path}: there is no motion to write; the tracks are empty")
    if len({(motion.skeleton, motion.fps, motion.space) for motion in motions}) > 1:
        raise ValueError("motions in one file must have one skeleton, frame rate and space")
    names = [motion.name for motion in motions]
    for motion in motions:
        if names.count(motion.name) > 1:
            raise InputError(f"{path}: two tracks are called {motion.name!r:.50}; give each a name of its own")
        shape = (len(motion.positions), motion.skeleton.num_joints, 3)
        if motion.positions.shape != shape or filled_mask(motion).shape != shape[:2] or motion.start < 0:
            raise ValueError(
                f"track {motion.name!r}: positions must be (T, J, 3), filled (T, J), and start not negative"
            )
        if not len(motion.positions):
            raise InputError(f"{path}: track {motion.name!r:.50} has no frames; remove it")
        if not (np.isfinite(motion.fps) and motion.fps > 0):
            raise InputError(f"{path}: the frame rate is {motion.fps}; it must be above zero")
        if not np.isfinite(motion.positions).all():
            frame, joint, _ = np.argwhere(~np.isfinite(motion.positions))[0]
            where = f"frame {motion.start + frame}, joint {motion.skeleton.joints[joint]}"
            raise InputError(f"{path}: track {motion.name!r:.50} is not finite at {where}; remove the track")
