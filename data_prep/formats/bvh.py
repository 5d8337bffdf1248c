"""Read BVH motion capture files, and compute the forward kinematics of their one skeleton.

Format: Biovision Hierarchy (University of Wisconsin, "Biovision BVH"), read as programs write it: a joint turns about
its own axes in the order of its channels, and position channels replace its OFFSET, as in Blender.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from data_prep.formats.located_text import LARGEST, Token, errors_in_file, one_of, parse_number, unexpected

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


class Capture(NamedTuple):
    """The skeleton and the motion in a BVH file."""

    joints: tuple[Joint, ...]  # parents first; an end site has the name of its joint, with "_end"
    motion: np.ndarray  # (T, D) float64, the channels of all joints in order, in the unit of the file and degrees
    fps: float


def read(content: bytes, name: str) -> Capture:
    """Read the skeleton and the motion in a BVH file.

    Args:
      content: bytes of the file.
      name: of the file, for messages.

    Returns:
      The capture, of at least one frame.

    Raises:
      InputError: the content violates the format, or has several skeletons; the message names the line.
    """
    lines = content.decode("utf-8-sig", "replace").splitlines()
    start = next((index for index, line in enumerate(lines) if line.strip().upper() == "MOTION"), len(lines))
    with errors_in_file(name):
        joints = _joints(_tokens([re.sub("([{}])", r" \1 ", line) for line in lines[:start]], 1))
        return Capture(joints, *_motion(lines[start + 1 :], start + 2, sum(len(joint.channels) for joint in joints)))


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
                offset[:, channel] = values
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
    name = " ".join(word.text for word in words) if keyword != "end" else f"{joints[parent].name}_end"
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


def _motion(lines: Sequence[str], first: int, width: int) -> tuple[np.ndarray, float]:
    """Read the numbers (T, width) and the frame rate in lines, the first of which has the number `first`."""
    tokens = _tokens(lines, first)
    one_of(next(tokens), ["frames:"])
    count = next(tokens)
    for keyword in ("frame", "time:"):
        one_of(next(tokens), [keyword])
    step = next(tokens)
    if not 1 / _MAX_FPS <= parse_number(step) <= 1:
        raise unexpected(step, f"a frame time of {1 / _MAX_FPS} to 1 s")
    words = " ".join(lines).split()[5:]
    if not words or len(words) != parse_number(count) * width or len(words) % width:
        raise unexpected(count, f"the number of frames in {len(words)} numbers, {width} a frame")
    try:
        values = np.fromiter(map(float, words), float, len(words))
    except ValueError:
        values = np.array([np.nan])
    if not np.abs(values).max() <= LARGEST or "_" in "".join(words):
        for token in itertools.islice(tokens, len(words)):
            parse_number(token)  # raises for the first that is not a number
    fps, whole = 1 / parse_number(step), round(1 / parse_number(step))
    return values.reshape(-1, width), float(whole) if abs(whole - fps) < _FRAME_TIME_PRECISION * fps else round(fps, 3)
