"""Frame numbers from the names and ids of images: the run of digits that varies counts the frames.

A name may have several numbers, such as that of the camera, the date or the size. Those that are the same in all names
say nothing about the frame. Of two that vary, either may count, unless both count in the same steps: such names are
refused, as are names of two videos, because a motion would come out that nobody has made.
"""

import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxpose.runtime.errors import InputError

FIRST_TIME_STAMP = 10**9
"""Numbers from here on are times, not frames: seconds since 1970 have passed it in 2001, 19 digits are nanoseconds."""

_SUFFIXES = re.compile(r"(?:\.(?:[A-Za-z]{3,5}|jp2|mp4))+$")  # ".0031" of "cam01.0031" is no suffix
_ROBOFLOW_HASH = re.compile(r"\.rf\.[0-9A-Za-z]+")  # "walk_mp4-0001_jpg.rf.9c1d2e3f4a5b.jpg"
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_HEXADECIMAL = re.compile(r"[0-9a-fA-F]{8,}")
_DIGITS = re.compile(r"[0-9]+")
_MAX_DIGITS = 40
_MAX_LENGTH = 1000  # of a name with its folders
_JITTER = 0.3  # of a step, by which the time of a frame may be early or late
_REGULAR = 0.4  # share of the steps of a video that are usual; there are frames without people
_PER_SECOND = {10: 1, 13: 10**3, 16: 10**6, 19: 10**9}
"""Units of times since 1970 by their digits: seconds, milliseconds, microseconds, nanoseconds."""


class FrameNumbers(NamedTuple):
    """Frames of images, in the order of the images."""

    frames: list[int]
    notes: tuple[str, ...] = ()  # what was decided, one line each, with the name of the file


def frames_of_names(path: Path, names: Sequence[str]) -> FrameNumbers:
    """Find the frame number of each image by its name.

    Suffixes and hashes are left out (those of Roboflow, UUIDs, and a part of 8 or more hexadecimal digits). The names
    must then differ in their digits alone. Of the runs of digits, the one that varies is the frame. If two vary, they
    must rise by the same steps, or one is a time stamp. If there are only time stamps, their usual step is a frame.

    Args:
      path: of the file or folder with the names, for messages.
      names: of the images, perhaps with folders; a name that is there twice is one image.

    Returns:
      The frame of each name.

    Raises:
      InputError: there is no number; there are names of two videos, or two numbers that could be the frame; or two
        images have the same number.
    """
    distinct = list(dict.fromkeys(names))
    if any(len(name) > _MAX_LENGTH for name in distinct):
        raise InputError(f"{path}: the name of an image has more than {_MAX_LENGTH:,} characters; rename the images")
    stems = _without_hashes([_SUFFIXES.sub("", name.replace("\\", "/")) for name in distinct])
    _check_one_video(path, distinct, stems)
    if not _DIGITS.search(stems[0]):
        raise InputError(
            f"{path}: image {distinct[0]!r:.60} has no number in its name; rename the images so that each name ends in "
            "its frame number"
        )
    if len(distinct) == 1:
        number = int(_DIGITS.findall(stems[0])[-1][-_MAX_DIGITS:])
        return FrameNumbers([number if number < FIRST_TIME_STAMP else 0] * len(names))
    numbers, varying = _varying_numbers(path, stems)
    if not varying:
        raise InputError(f"{path}: {distinct[0]!r:.60} and {distinct[1]!r:.60} are the same frame; remove one of them")
    counted = _counting_number(path, distinct, stems, numbers, varying)
    frames = frames_of_numbers(path, counted, "the names of the images")
    frame_of = dict(zip(distinct, frames.frames, strict=True))
    first_of: dict[int, str] = {}
    for name, frame in frame_of.items():
        if first_of.setdefault(frame, name) != name:
            raise InputError(f"{path}: {first_of[frame]!r:.60} and {name!r:.60} are both frame {frame}; remove one")
    return FrameNumbers([frame_of[name] for name in names], frames.notes)


def frames_of_ids(path: Path, ids: Sequence[int | str]) -> FrameNumbers:
    """Find the frame of each image by its id: the id itself if it is a number, otherwise as of a name.

    Raises:
      InputError: see `frames_of_names`.
    """
    if all(isinstance(image, int) for image in ids):
        return frames_of_numbers(path, [int(image) for image in ids], "the ids of the images")
    return frames_of_names(path, [str(image) for image in ids])


def frames_of_numbers(path: Path, numbers: Sequence[int], what: str) -> FrameNumbers:
    """Frames by numbers, which are frames already unless they are time stamps: then their usual step is a frame.

    Args:
      path: of the file, for messages.
      numbers: of the images, in any order and perhaps several times.
      what: which numbers these are, for the note.

    Returns:
      The frames; those of time stamps are counted from 0.

    Raises:
      InputError: they are too large for frames, and their steps too irregular for times.
    """
    values = sorted(set(numbers))
    if not values or values[0] < FIRST_TIME_STAMP:
        return FrameNumbers(list(numbers))
    steps = [after - before for before, after in itertools.pairwise(values)]
    usual = sorted(steps)[(len(steps) - 1) // 2] if steps else 1
    alike = sum(abs(step - usual) <= _JITTER * usual for step in steps)
    if alike < _REGULAR * len(steps):
        raise InputError(
            f"{path}: {what} are numbers from {values[0]} on, too large for frames, and rise by irregular steps, "
            "unlike the times of a video; number the frames"
        )
    frame_of = {values[0]: 0}
    for before, after in itertools.pairwise(values):
        frame_of[after] = frame_of[before] + max(1, (2 * (after - before) + usual) // (2 * usual))
    unit = _PER_SECOND.get(len(str(values[0])))
    rate = f" ({unit / usual:.4g} a second)" if unit and steps else ""
    note = f"{path}: {what} are numbers from {values[0]} on, in steps of {usual}{rate}: counted as frames from 0 on"
    return FrameNumbers([frame_of[number] for number in numbers], (note,))


def posetrack_ids(ids: Sequence[Any]) -> tuple[list[str], list[int]] | None:
    """Sequences and frames of PoseTrack's image ids: 1, six digits of the sequence, four of the frame.

    Returns:
      The sequences and the frames, by image; None if any id is something else.
    """
    if not ids or not all(isinstance(image, int) and 10**10 <= image < 2 * 10**10 for image in ids):
        return None
    return [f"{image // 10**4 % 10**6:06}" for image in ids], [image % 10**4 for image in ids]


def whole_number(value: Any) -> int | None:
    """A whole number as files have it: 7, 7.0 or "7"; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return int(value) if re.fullmatch(r"\s*-?[0-9]{1,18}\s*", value) else None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value if isinstance(value, int) else None


def _without_hashes(stems: Sequence[str]) -> list[str]:
    """Names without hashes, which differ from image to image and count nothing."""
    stems = [_UUID.sub("", _ROBOFLOW_HASH.sub("", stem)) for stem in stems]
    parts = [re.split(r"([^0-9A-Za-z]+)", stem) for stem in stems]
    if len({len(part) for part in parts}) > 1:
        return stems
    kept = [column for column in zip(*parts, strict=True) if not _is_hash(column)]
    return ["".join(part) for part in zip(*kept, strict=True)] if kept else stems


def _is_hash(column: Sequence[str]) -> bool:
    """Whether parts of names are hexadecimal digits of one length whose letters vary, unlike those of "face0001"."""
    return (
        len({len(part) for part in column}) == 1
        and all(_HEXADECIMAL.fullmatch(part) for part in column)
        and len({_DIGITS.sub("#", part) for part in column}) > 1
    )


def _check_one_video(path: Path, names: Sequence[str], stems: Sequence[str]) -> None:
    """Refuse names that differ in more than digits."""
    example_of: dict[str, str] = {}
    for name, stem in zip(names, stems, strict=True):
        example_of.setdefault(_DIGITS.sub("#", stem), name)
    if len(example_of) > 1:
        first, second, *_ = example_of.values()
        raise InputError(
            f"{path}: names as {first!r:.60} and as {second!r:.60} are those of two videos, or of other files; give "
            "each video a file or folder of its own"
        )


def _varying_numbers(path: Path, stems: Sequence[str]) -> tuple[list[tuple[int, ...]], list[int]]:
    """The numbers of each name, and which of them vary; seconds and their fraction are one number."""
    runs = [_DIGITS.findall(stem) for stem in stems]
    if any(len(run) > _MAX_DIGITS for name in runs for run in name):
        raise InputError(f"{path}: a name has a number of more than {_MAX_DIGITS} digits; rename the images")
    columns = list(zip(*runs, strict=True))
    joined = []
    between = _DIGITS.split(stems[0])[1:-1]  # the text between the numbers, the same in all names
    for place, column in enumerate(columns):
        is_fraction = (
            place > 0
            and between[place - 1] == "."
            and len({len(run) for run in column}) == 1
            and min(int(run) for run in columns[place - 1]) >= FIRST_TIME_STAMP
        )
        if is_fraction:
            joined[-1] = tuple(before + run for before, run in zip(joined[-1], column, strict=True))
        else:
            joined.append(column)
    numbers = [tuple(int(run) for run in column) for column in joined]
    return numbers, [place for place, column in enumerate(numbers) if len(set(column)) > 1]


def _counting_number(
    path: Path, names: Sequence[str], stems: Sequence[str], numbers: Sequence[tuple[int, ...]], varying: Sequence[int]
) -> tuple[int, ...]:
    """The one number that counts the frames, of those that vary."""
    if len(varying) == 1:
        return numbers[varying[0]]
    candidates = [numbers[place] for place in varying]
    if len(names) > 2 and _rise_together(candidates):  # of two names, nothing can be told
        frames = [column for column in candidates if min(column) < FIRST_TIME_STAMP]
        offsets = {tuple(number - column[0] for number in column) for column in frames}
        if len(offsets) == 1:
            return frames[-1]
        if frames:
            ranges = " or ".join(f"{min(column)} to {max(column)}" for column in frames)
            raise InputError(
                f"{path}: the frames can be counted in two ways by names as {names[0]!r:.60}, {ranges}; rename the "
                "images so that one number varies"
            )
        return candidates[-1]
    fewest = min(varying, key=lambda place: len(set(numbers[place])))
    first = 0
    second = next(at for at, number in enumerate(numbers[fewest]) if number != numbers[fewest][first])
    raise InputError(
        f"{path}: two numbers vary in the names, as in {names[first]!r:.60} and {names[second]!r:.60}, as if these "
        "were two videos; give each video a file or folder of its own, or rename the images so that one number varies"
    )


def _rise_together(columns: Sequence[tuple[int, ...]]) -> bool:
    """Whether numbers are in the same order in all columns, each number once."""
    ordered = np.array(sorted(zip(*columns, strict=True)), dtype=object)
    return bool((ordered[1:] > ordered[:-1]).all())
