"""Acclaim motion files (AMC): how a skeleton (`data_prep.formats.asf`) moves, frame by frame.

All frames have the words of the first, but for their numbers. So a file is read column by column, and word by word,
which takes longer, only to say where it is at fault.
"""

import io
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from data_prep.formats.asf import Skeleton
from data_prep.formats.located_text import LARGEST, Word, faults_in, number, refused
from jaxpose.runtime.errors import InputError

_UNITS = {":degrees": np.pi / 180, ":radians": 1.0}
_END = "the end of the file"


def read(content: bytes, name: str, skeleton: Skeleton) -> np.ndarray:
    """The motion in an AMC file.

    Args:
      content: of the file.
      name: of the file, for messages.
      skeleton: that moves.

    Returns:
      (T, D) float64 metres and radians: the root's channels in `skeleton.order`, then the angles of every bone in the
      order of `skeleton.bones` and their `dof`. T is at least 1.

    Raises:
      InputError: the content is not as the format demands, or is not motion of this skeleton in every frame.
    """
    with faults_in(name):
        text = re.sub("#.*", "", content.decode("latin-1"))
        words = text.split()
        start = next((index for index, word in enumerate(words) if not word.startswith(":")), len(words))
        radian = _radian(itertools.islice(_located(text), start + 1))
        layout = _layout(itertools.islice(_located(text), start, None), skeleton)
        places = [layout.index(part) + i for part, count in skeleton.channels.items() for i in range(1, count + 1)]
        numbers = _numbers(words[start:], layout, places)
        if numbers is None or "_" in text:  # Python reads 1_0 as a number
            _check(itertools.islice(_located(text), start, None), layout)
        assert numbers is not None
        units = [skeleton.unit if channel[0] == "t" else radian for channel in skeleton.order]
        return numbers.T * np.asarray(units + [radian] * (len(places) - len(units)))


def _located(text: str) -> Iterator[Word]:
    """The words of a text, and its end."""
    line_number = 1
    for line_number, line in enumerate(io.StringIO(text), start=1):
        yield from (Word(word, line_number) for word in line.split())
    yield Word(_END, line_number)


def _radian(words: Iterable[Word]) -> float:
    """The unit of angles in radians, by the keywords before the first frame; the last of `words` begins that."""
    *header, first = words
    keywords = [word.text.lower() for word in header]
    for unit, radian in _UNITS.items():
        if {*keywords} == {":fully-specified", unit}:
            return radian
    found = " ".join(keywords) or "nothing"
    raise InputError(f"line {first.line}: before the first frame is {found:.50}, not :FULLY-SPECIFIED and :DEGREES")


def _layout(words: Iterator[Word], skeleton: Skeleton) -> list[str]:
    """What is at every place of a frame, by the first: the name of what moves next, or "" for a number."""
    first = next(words)
    if not re.fullmatch("[0-9]{1,9}", first.text):
        raise refused(first, "the number of a frame")
    layout, missing = [""], skeleton.channels
    while missing:
        part = next(words)
        if part.text not in missing:
            raise refused(part, " or ".join(missing))
        count = missing.pop(part.text)
        layout += [part.text] + [""] * count
        for word in itertools.islice(words, count):
            number(word)
    return layout


def _numbers(words: Sequence[str], layout: Sequence[str], places: Sequence[int]) -> np.ndarray | None:
    """The numbers (D, T) at D places of every frame; None if any word is not as it should be."""
    columns = [words[place :: len(layout)] for place in range(len(layout))]
    frames, first = len(columns[0]), int(words[0])
    if len(words) != frames * len(layout) or columns[0] != [str(first + frame) for frame in range(frames)]:
        return None
    if any(column.count(name) != frames for name, column in zip(layout, columns, strict=True) if name):
        return None
    try:
        numbers = np.asarray([np.fromiter(map(float, columns[place]), float, frames) for place in places])
    except ValueError:
        return None
    return numbers if np.abs(numbers).max() <= LARGEST else None


def _check(words: Iterable[Word], layout: Sequence[str]) -> None:
    """Raise an `InputError` for the first word that is not as it should be."""
    first, *_ = words = list(words)
    for index, word in enumerate(words):
        frame, place = divmod(index, len(layout))
        wanted = layout[place] if place else str(int(first.text) + frame)
        if place and not wanted:
            number(word)
        elif word.text != wanted and (place or word.text != _END):
            raise refused(word, repr(wanted))
