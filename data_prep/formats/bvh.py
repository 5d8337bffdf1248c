"""Read BVH motion capture files, and compute the forward kinematics of their one skeleton.

Format: Biovision Hierarchy (University of Wisconsin, "Biovision BVH"), read as programs write it: a joint turns about
its own axes in the order of its channels. Programs disagree on three things, which `read` decides by the numbers, or
leaves to the user where they do not tell: whether position channels of a joint replace its OFFSET or are added to it,
the frame rate behind a rounded frame time, and the encoding of names.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from data_prep.formats.located_text import LARGEST, Token, errors_in_file, one_of, parse_number, unexpected
from jaxpose.runtime.errors import InputError

_CHANNELS = ("xposition", "yposition", "zposition", "xrotation", "yrotation", "zrotation")
_MAX_FPS = 1000.0
_MAX_JOINTS = 1000
_FRAME_TIME_PRECISION = 5e-4  # relative
_END = "the end"


class Joint(NamedTuple):
    """A joint, or the end site of one."""

    name: str
    parent: int  # index of the parent; -1: the root
    offset: np.ndarray  # (3,) from its parent, in the unit of the file
    channels: tuple[int, ...]  # in order; 0 to 2: position along x to z, 3 to 5: rotation about x to z


Positions = Literal["replace", "add"]
"""What position channels of joints other than the root do with their OFFSET."""


class Capture(NamedTuple):
    """The skeleton and the motion in a BVH file."""

    joints: tuple[Joint, ...]  # parents first; an end site has the name of its joint, with "_end"
    motion: np.ndarray  # (T, D) float64, the channels of all joints in order, in the unit of the file and degrees
    fps: float
    positions: Positions = "replace"
    notes: tuple[str, ...] = ()  # what was decided about the file, a sentence each


def read(
    content: bytes,
    name: str,
    *,
    encoding: str = "utf-8",
    fps: float | None = None,
    positions: Positions | None = None,
) -> Capture:
    """Read the skeleton and the motion in a BVH file.

    Args:
      content: bytes of the file.
      name: of the file, for messages.
      encoding: of the names.
      fps: frames per second; None for those that the frame time says.
      positions: what position channels do; None to decide by their values.

    Returns:
      The capture, of at least one frame.

    Raises:
      InputError: the content violates the format, has several skeletons or names in another encoding, or its position
        channels can be read in two ways; the message names the line or the remedy.
    """
    lines = _decode(content, name, encoding)
    start = next((index for index, line in enumerate(lines) if line.strip().upper() == "MOTION"), len(lines))
    header = next((index for index, line in enumerate(lines) if not _is_comment(line)), 0)
    with errors_in_file(name):
        joints = _joints(_tokens([re.sub("([{}])", r" \1 ", line) for line in lines[header:start]], 1 + header))
        width = sum(len(joint.channels) for joint in joints)
        motion, rate, notes = _motion(lines[start + 1 :], start + 2, width, fps)
    capture = Capture(joints, motion, rate)
    if positions is None:
        positions = _positions(capture, name)
        if positions == "add":
            notes.append("position channels are added to OFFSET, as their values are near zero (--positions replace)")
    return capture._replace(positions=positions, notes=tuple(f"{name}: {note}" for note in notes))


def _decode(content: bytes, name: str, encoding: str) -> list[str]:
    """The lines of a file.

    Raises:
      InputError: it is not in this encoding, or there is none of this name.
    """
    try:
        return content.decode("utf-8-sig" if encoding == "utf-8" else encoding).splitlines()
    except LookupError:
        raise InputError(f"--encoding is {encoding!r:.50}; it must be one that Python has, such as shift_jis") from None
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(
            f"{name}: line {line}: the names are not {encoding}; give --encoding, such as shift_jis, gbk or latin-1"
        ) from None


def _is_comment(line: str) -> bool:
    """True for a line before the hierarchy that programs write for people, or an empty one."""
    return not line.strip() or line.lstrip().startswith(("#", "//", ";"))


_ALIKE = 0.01
"""Share of the distances that OFFSET may make for both readings to be the same."""

_CLEAR = 4.0
"""How many times nearer to zero than to OFFSET position channels must be, or the reverse, to tell what they do."""


def _positions(capture: Capture, name: str) -> Positions:
    """Decide what position channels of joints other than the root do.

    Bones are rigid: positions that replace OFFSET stay near it, positions that are added stay near zero.

    Raises:
      InputError: they are near neither, and it matters: OFFSET is not zero.
    """
    columns = np.cumsum([0, *(len(joint.channels) for joint in capture.joints)])
    from_zero, from_offset, offsets = 0.0, 0.0, 0.0
    for joint, first in zip(capture.joints, columns[:-1], strict=True):
        moved = [(first + index, axis) for index, axis in enumerate(joint.channels) if axis < 3]
        if joint.parent >= 0 and moved:
            values = capture.motion[:, [column for column, _ in moved]]
            offset = joint.offset[[axis for _, axis in moved]]
            from_zero += float(np.median(np.linalg.norm(values, axis=1)))
            from_offset += float(np.median(np.linalg.norm(values - offset, axis=1)))
            offsets += float(np.linalg.norm(offset))
    if from_offset * _CLEAR <= from_zero or offsets <= _ALIKE * from_zero:
        return "replace"  # also where no joint has any
    if from_zero * _CLEAR <= from_offset:
        return "add"
    raise InputError(
        f"{name}: position channels of joints other than the root are {from_zero:.4g} from zero and {from_offset:.4g} "
        "from their OFFSET in sum: they can replace it or be added to it; give --positions replace or --positions add"
    )


def forward_kinematics(capture: Capture) -> np.ndarray:
    """Compute the positions of the joints.

    Args:
      capture: from `read`.

    Returns:
      (T, J, 3) float64, in the unit and the axes of the file.
    """
    frames, column = len(capture.motion), 0
    rotations: list[Rotation] = []
    positions: list[np.ndarray] = []
    for joint in capture.joints:
        offset, order, angles = np.tile(joint.offset, (frames, 1)), "", []
        for channel in joint.channels:
            values, column = capture.motion[:, column], column + 1
            if channel < 3:
                added = capture.positions == "add" and joint.parent >= 0
                offset[:, channel] = values + (joint.offset[channel] if added else 0)
            else:
                order, angles = order + "XYZ"[channel - 3], [*angles, values]  # capitals: intrinsic rotations
        rotation = Rotation.identity(frames)
        if order:
            rotation = Rotation.from_euler(order, np.stack(angles, axis=1), degrees=True)
        if joint.parent >= 0:
            offset = positions[joint.parent] + rotations[joint.parent].apply(offset)
            rotation = rotations[joint.parent] * rotation
        rotations.append(rotation)
        positions.append(offset)
    return np.stack(positions, axis=1)


def _tokens(lines: Sequence[str], first: int) -> Iterator[Token]:
    """Yield the tokens of lines, the first of which has the number `first`; then the end, again and again."""
    for line_number, line in enumerate(lines, start=first):
        yield from (Token(word, line_number) for word in line.split())
    yield from itertools.repeat(Token(_END, first + len(lines)))


def _joints(tokens: Iterator[Token]) -> tuple[Joint, ...]:
    """Read the joints of a hierarchy."""
    one_of(next(tokens), ["hierarchy"])
    keyword = one_of(next(tokens), ["root"])
    joints: list[Joint] = []
    ancestors: list[int] = []  # the joints whose braces are open
    while keyword != "}" or len(ancestors) > 1:
        if keyword == "}":
            ancestors.pop()
        else:
            ancestors.append(len(joints))
            joints.append(_joint(tokens, keyword, ancestors[-2] if joints else -1, joints))
        keyword = one_of(next(tokens), ["}"] if keyword == "end" else ["joint", "end", "}"])
    if (token := next(tokens)).text != _END:
        raise unexpected(token, "MOTION after one skeleton")
    return tuple(joints)


def _joint(tokens: Iterator[Token], keyword: str, parent: int, joints: Sequence[Joint]) -> Joint:
    """Read a joint, up to its first child."""
    *words, brace = _up_to(tokens, "{")
    name = " ".join(word.text for word in words)
    if keyword == "end":
        ends = sum(joint.parent == parent and not joint.channels for joint in joints)
        name = f"{joints[parent].name}_end{ends + 1 if ends else ''}"
    if not name or name in [joint.name for joint in joints] or len(joints) == _MAX_JOINTS:
        raise unexpected(brace._replace(text=name), f"a name that no other joint has (of at most {_MAX_JOINTS})")
    one_of(brace, ["{"])
    one_of(next(tokens), ["offset"])
    offset = np.array([parse_number(next(tokens)) for _ in range(3)])
    return Joint(name, parent, offset, () if keyword == "end" else _channels(tokens))


def _up_to(tokens: Iterator[Token], last: str) -> Iterator[Token]:
    """Yield the tokens up to and with the first `last`, or the end."""
    for token in tokens:
        yield token
        if token.text in (last, _END):
            return


def _channels(tokens: Iterator[Token]) -> tuple[int, ...]:
    """Read the channels of a joint."""
    one_of(next(tokens), ["channels"])
    count = int(one_of(next(tokens), tuple("0123456")))
    remaining = list(_CHANNELS)
    names = []
    for _ in range(count):
        names.append(one_of(next(tokens), remaining))
        remaining.remove(names[-1])
    return tuple(_CHANNELS.index(name) for name in names)


def _motion(lines: Sequence[str], first: int, width: int, fps: float | None) -> tuple[np.ndarray, float, list[str]]:
    """Read the numbers (T, width) and the frame rate in lines, the first of which has the number `first`; and notes."""
    head, body = [], 0
    for line in lines:  # "Frames:1" is written as well as "Frames: 1"
        head.append(line.replace(":", ": ") if line.lstrip()[:6].lower() in ("frames", "frame ") else line)
        body += 1
        if line.lstrip().lower().startswith("frame time"):
            break
    tokens = _tokens([*head, *lines[body:]], first)
    one_of(next(tokens), ["frames:"])
    count = next(tokens)
    for keyword in ("frame", "time:"):
        one_of(next(tokens), [keyword])
    step, notes = next(tokens), []
    if not 1 / _MAX_FPS <= parse_number(step) <= 1 and fps is None:
        raise unexpected(step, f"a frame time of {1 / _MAX_FPS} to 1 s")
    words = " ".join([*head, *lines[body:]]).split()[5:]
    frames, rest = divmod(len(words), width) if width else (0, 1)
    if not words or rest or frames - parse_number(count) not in (0, 1):
        raise unexpected(count, f"the number of frames in {len(words)} numbers, {width} a frame")
    if frames != parse_number(count):
        notes.append(f"line {count.line} says {count.text} frames; the {frames} that are there were read")
    try:
        values = np.fromiter(map(float, words), float, len(words))
    except ValueError:
        values = np.array([np.nan])
    if not np.abs(values).max() <= LARGEST or "_" in "".join(words):
        for token in itertools.islice(tokens, len(words)):
            parse_number(token)  # raises for the first that is not a number
    if fps is None:
        fps, note = _frame_rate(step.text)
        notes += [note] if note else []
    return values.reshape(-1, width), fps, notes


_USUAL_RATES = (24, 25, 30, 50, 60, 90, 100, 120, 144, 240)
"""Frames per second of cameras, games and captures."""


def _frame_rate(text: str) -> tuple[float, str]:
    """The frame rate behind a frame time, and a note if it was rounded to few digits; "" if it was not.

    0.033 is 1/30 and not 1/30.3, 0.008 is 1/120 and not 1/125. A frame time that is 1/rate of a usual rate is that.
    """
    seconds, decimals = float(text), len(text.partition(".")[2])
    exact = 1 / seconds
    usual = [rate for rate in _USUAL_RATES if abs(rate - exact) < _FRAME_TIME_PRECISION * exact]
    rounded = [rate for rate in _USUAL_RATES if round(1 / rate, decimals) == seconds]
    if not usual and len(rounded) == 1:
        return float(rounded[0]), f"Frame Time {text} was read as {rounded[0]} frames per second (--capture-fps)"
    whole = round(exact)
    return float(whole) if abs(whole - exact) < _FRAME_TIME_PRECISION * exact else round(exact, 3), ""
