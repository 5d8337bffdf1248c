"""Read Acclaim motion files (AMC): the motion of a skeleton (`data_prep.formats.asf`), frame by frame.

All frames have the same tokens except for their numbers. So a file is read column by column; only where that fails is
it read token by token, which is slower and finds the line with the error.
"""

import io
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from data_prep.formats.asf import Skeleton
from data_prep.formats.located_text import LARGEST, Token, errors_in_file, parse_number, unexpected

_UNITS = {":degrees": np.pi / 180, ":radians": 1.0}
_RATE, _MAX_RATE = ":samples-per-second", 1000
_FLAGS = (*_UNITS, ":fully-specified")
_END = "the end of the file"


def read(content: bytes, name: str, skeleton: Skeleton) -> np.ndarray:
    """Read the motion in an AMC file.

    Args:
      content: bytes of the file.
      name: of the file, for messages.
      skeleton: that moves.

    Returns:
      (T, D) float64 metres and radians: the root's channels in `skeleton.order`, then the angles of every bone in the
      order of `skeleton.bones` and their `dof`. T is at least 1.

    Raises:
      InputError: the content violates the format, or is not motion of this skeleton in every frame.
    """
    with errors_in_file(name):
        text = re.sub("#.*", "", content.decode("latin-1"))
        words = text.split()
        start, unit, _ = _header(text)
        radian = _UNITS.get(unit, skeleton.radian)
        layout = _layout(itertools.islice(_tokens(text), start, None), skeleton)
        columns = [layout.index(part) + i for part, count in skeleton.channels.items() for i in range(1, count + 1)]
        numbers = _numbers(words[start:], layout, columns)
        if numbers is None or "_" in text:  # Python reads 1_0 as a number
            _check(itertools.islice(_tokens(text), start, None), layout)
        assert numbers is not None
        units = [skeleton.unit if channel[0] == "t" else radian for channel in skeleton.order]
        return numbers.T * np.asarray(units + [radian] * (len(columns) - len(units)))


def _tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of a text, and its end."""
    line_number = 1
    for line_number, line in enumerate(io.StringIO(text), start=1):
        yield from (Token(word, line_number) for word in line.split())
    yield Token(_END, line_number)


def _header(text: str) -> tuple[int, str, float | None]:
    """Read the keywords before the first frame.

    Returns:
      The number of their tokens; that of the unit of angles, "" if there is none; and the frames per second, if they
      are there.
    """
    unit, rate, count = "", None, 0
    tokens = _tokens(text)
    for token in tokens:
        keyword = token.text.lower()
        if not keyword.startswith(":"):
            break
        count += 1
        if keyword == _RATE:
            rate, count = parse_number(value := next(tokens)), count + 1
            if not 1 <= rate <= _MAX_RATE:
                raise unexpected(value, f"1 to {_MAX_RATE} samples per second")
        elif keyword not in _FLAGS:
            raise unexpected(token, f"one of {', '.join((*_FLAGS, _RATE)).upper()}, or the first frame")
        elif keyword in _UNITS and unit not in ("", keyword):
            raise unexpected(token, f"one unit of angles, {unit.upper()}")
        unit = keyword if keyword in _UNITS else unit
    return count, unit, rate


def capture_rate(content: bytes, name: str) -> float | None:
    """Read the frames per second in an AMC file, from `:SAMPLES-PER-SECOND`; None if it is not there.

    Raises:
      InputError: as `read`, for what is before the first frame.
    """
    with errors_in_file(name):
        return _header(re.sub("#.*", "", content.decode("latin-1")))[2]


def _layout(tokens: Iterator[Token], skeleton: Skeleton) -> list[str]:
    """Return the columns of a frame, from the first: the name of the part that moves, or "" for a number."""
    first = next(tokens)
    if not re.fullmatch("[0-9]{1,9}", first.text):
        raise unexpected(first, "the number of a frame")
    layout, missing = [""], skeleton.channels
    while missing:
        part = next(tokens)
        if part.text not in missing:
            raise unexpected(part, " or ".join(missing))
        count = missing.pop(part.text)
        layout += [part.text] + [""] * count
        for token in itertools.islice(tokens, count):
            parse_number(token)
    return layout


def _numbers(words: Sequence[str], layout: Sequence[str], columns: Sequence[int]) -> np.ndarray | None:
    """Return the numbers (D, T) in D columns of every frame; None if any token is not the expected one."""
    tokens = [words[column :: len(layout)] for column in range(len(layout))]
    frames, first = len(tokens[0]), int(words[0])
    if len(words) != frames * len(layout) or tokens[0] != [str(first + frame) for frame in range(frames)]:
        return None
    if any(column.count(name) != frames for name, column in zip(layout, tokens, strict=True) if name):
        return None
    try:
        numbers = np.asarray([np.fromiter(map(float, tokens[column]), float, frames) for column in columns])
    except ValueError:
        return None
    return numbers if np.abs(numbers).max() <= LARGEST else None


def _check(tokens: Iterable[Token], layout: Sequence[str]) -> None:
    """Raise an `InputError` for the first token that is not the expected one."""
    first, *_ = tokens = list(tokens)
    for index, token in enumerate(tokens):
        frame, column = divmod(index, len(layout))
        expected = layout[column] if column else str(int(first.text) + frame)
        if column and not expected:
            parse_number(token)
        elif token.text != expected and (column or token.text != _END):
            raise unexpected(token, repr(expected))
