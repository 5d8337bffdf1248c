"""BVH motion capture files: one skeleton, its motion, and the forward kinematics that joins them.

Format: Biovision Hierarchy (University of Wisconsin, "Biovision BVH"), read as programs write it: a joint turns about
its own axes in the order of its channels, and position channels stand in the place of its OFFSET, as Blender has it.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from data_prep.formats.located_text import LARGEST, Word, choice, faults_in, number, refused

_CHANNELS = ("xposition", "yposition", "zposition", "xrotation", "yrotation", "zrotation")
_FASTEST_FPS = 1000.0
_MOST_JOINTS = 1000
_DIGITS = 5e-4  # relative precision of frame times
_END = "the end"


class Joint(NamedTuple):
    """A joint, or the end site of one."""

    name: str
    parent: int  # index of the joint that carries it; -1: the root
    offset: np.ndarray  # (3,) from its parent, in the unit of the file
    channels: tuple[int, ...]  # what moves it, in order, 0 to 2 shift along x to z, 3 to 5 turn about x to z


class Capture(NamedTuple):
    """What a BVH file holds."""

    joints: tuple[Joint, ...]  # parents first; an end site is called as its joint, with "_end"
    motion: np.ndarray  # (T, D) float64, the channels of all joints in order, in the unit of the file and degrees
    fps: float


def read(content: bytes, name: str) -> Capture:
    """The skeleton and the motion in a BVH file.

    Args:
      content: of the file.
      name: of the file, for messages.

    Returns:
      The capture, of at least one frame.

    Raises:
      InputError: the content is not as the format demands, or holds several skeletons; the message says where.
    """
    lines = content.decode("utf-8-sig", "replace").splitlines()
    start = next((index for index, line in enumerate(lines) if line.strip().upper() == "MOTION"), len(lines))
    with faults_in(name):
        joints = _joints(_located([re.sub("([{}])", r" \1 ", line) for line in lines[:start]], 1))
        return Capture(joints, *_motion(lines[start + 1 :], start + 2, sum(len(joint.channels) for joint in joints)))


def forward_kinematics(capture: Capture) -> np.ndarray:
    """Where the joints are.

    Args:
      capture: of `read`.

    Returns:
      (T, J, 3) float64, in the unit and the axes of the file.
    """
    frames, used = len(capture.motion), 0
    turns: list[Rotation] = []
    positions: list[np.ndarray] = []
    for joint in capture.joints:
        offset, order, angles = np.tile(joint.offset, (frames, 1)), "", []
        for channel in joint.channels:
            column, used = capture.motion[:, used], used + 1
            if channel < 3:
                offset[:, channel] = column
            else:
                order, angles = order + "XYZ"[channel - 3], [*angles, column]  # capitals: about axes that turn along
        turn = Rotation.identity(frames)
        if order:
            turn = Rotation.from_euler(order, np.stack(angles, axis=1), degrees=True)
        if joint.parent >= 0:
            offset = positions[joint.parent] + turns[joint.parent].apply(offset)
            turn = turns[joint.parent] * turn
        turns.append(turn)
        positions.append(offset)
    return np.stack(positions, axis=1)


def _located(lines: Sequence[str], first: int) -> Iterator[Word]:
    """The words of lines that are counted from `first`, and their end, again and again."""
    for line_number, line in enumerate(lines, start=first):
        yield from (Word(word, line_number) for word in line.split())
    yield from itertools.repeat(Word(_END, first + len(lines)))


def _joints(words: Iterator[Word]) -> tuple[Joint, ...]:
    """The joints of a hierarchy."""
    choice(next(words), ["hierarchy"])
    kind = choice(next(words), ["root"])
    joints: list[Joint] = []
    opened: list[int] = []  # the joints whose braces are open
    while kind != "}" or len(opened) > 1:
        if kind == "}":
            opened.pop()
        else:
            opened.append(len(joints))
            joints.append(_joint(words, kind, opened[-2] if joints else -1, joints))
        kind = choice(next(words), ["}"] if kind == "end" else ["joint", "end", "}"])
    if (word := next(words)).text != _END:
        raise refused(word, "MOTION, after one skeleton,")
    return tuple(joints)


def _joint(words: Iterator[Word], kind: str, parent: int, joints: Sequence[Joint]) -> Joint:
    """A joint, up to what it carries."""
    *named, last = _up_to(words, "{")
    name = " ".join(word.text for word in named) if kind != "end" else f"{joints[parent].name}_end"
    if not name or name in [joint.name for joint in joints] or len(joints) == _MOST_JOINTS:
        raise refused(last._replace(text=name), f"a name of its own, of at most {_MOST_JOINTS},")
    choice(last, ["{"])
    choice(next(words), ["offset"])
    offset = np.array([number(next(words)) for _ in range(3)])
    return Joint(name, parent, offset, () if kind == "end" else _channels(words))


def _up_to(words: Iterator[Word], last: str) -> Iterator[Word]:
    """The words up to and with the first one that is `last`, or the end."""
    for word in words:
        yield word
        if word.text in (last, _END):
            return


def _channels(words: Iterator[Word]) -> tuple[int, ...]:
    """The channels of a joint."""
    choice(next(words), ["channels"])
    count = int(choice(next(words), tuple("0123456")))
    left = list(_CHANNELS)
    found = []
    for _ in range(count):
        found.append(choice(next(words), left))
        left.remove(found[-1])
    return tuple(_CHANNELS.index(name) for name in found)


def _motion(lines: Sequence[str], first: int, width: int) -> tuple[np.ndarray, float]:
    """The numbers (T, width) and the frame rate in lines that are counted from `first`."""
    words = _located(lines, first)
    choice(next(words), ["frames:"])
    count = next(words)
    for keyword in ("frame", "time:"):
        choice(next(words), [keyword])
    step = next(words)
    if not 1 / _FASTEST_FPS <= number(step) <= 1:
        raise refused(step, f"a frame time of {1 / _FASTEST_FPS} to 1 s")
    texts = " ".join(lines).split()[5:]
    if not texts or len(texts) != number(count) * width or len(texts) % width:
        raise refused(count, f"the number of frames of {width} numbers each in {len(texts)} numbers")
    try:
        values = np.fromiter(map(float, texts), float, len(texts))
    except ValueError:
        values = np.array([np.nan])
    if not np.abs(values).max() <= LARGEST or "_" in "".join(texts):
        for word in itertools.islice(words, len(texts)):
            number(word)  # refuses the first that is none
    fps = 1 / number(step)
    return values.reshape(-1, width), float(round(fps)) if abs(round(fps) - fps) < _DIGITS * fps else round(fps, 3)
