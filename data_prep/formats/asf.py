"""Acclaim skeleton files (ASF), and the forward kinematics of motion (`data_prep.formats.amc`).

Format: "Acclaim Skeleton File Definition V1.10", M. Schafer, 1995, as VICON writes it ("ACCLAIM Format - ASF line
Details"). A bone turns about axes of its own, which `axis` gives in the rest pose; rotations are about fixed axes, in
the order in which they are listed. One unit of length is 1 / `length` inches, as in the CMU database.
"""

import itertools
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from data_prep.formats.located_text import Word, choice, faults_in, number, refused
from jaxpose.runtime.errors import InputError

INCH_M = 0.0254


class Bone(NamedTuple):
    """A rigid segment, from the far end of its parent to its own."""

    name: str
    parent: int  # the joint that it begins at
    offset: np.ndarray  # (3,) metres from its near to its far end, in the rest pose
    axes: np.ndarray  # (3, 3), its columns are the axes that the bone turns about, in the rest pose
    dof: tuple[int, ...]  # which of them it turns about, in order; 0 is x
    limits: np.ndarray  # (len(dof), 2) radians, smallest and greatest angle; infinite if the file has none


class Skeleton(NamedTuple):
    """What an ASF file holds. Joint 0 is the root, joint i + 1 the far end of bone i; parents come first."""

    order: tuple[str, ...]  # of the root's six channels: tx, ty, tz, rx, ry, rz
    position: np.ndarray  # (3,) metres, where the root is before it moves
    unit: float  # of length in motion, metres
    bones: tuple[Bone, ...]

    @property
    def joints(self) -> tuple[str, ...]:
        """The names of the J joints."""
        return ("root", *(bone.name for bone in self.bones))

    @property
    def channels(self) -> dict[str, int]:
        """How many numbers a frame of motion has for each of those that move; D together."""
        return {"root": 6} | {bone.name: len(bone.dof) for bone in self.bones if bone.dof}


def read(content: bytes, name: str) -> Skeleton:
    """The skeleton in an ASF file.

    Args:
      content: of the file.
      name: of the file, for messages.

    Returns:
      The skeleton, in metres and radians.

    Raises:
      InputError: the content is not as the format demands; or it has what is not supported: bones that stretch or
        shift, a root that is turned from the start.
    """
    with faults_in(name):
        sections = _sections(content.decode("latin-1"))
        units, root = _fields(sections[":units"], _UNITS), _fields(sections[":root"], _ROOT)
        unit, radian = INCH_M / _length(*units["length"]), _RADIANS[choice(*units["angle"], _RADIANS)]
        blocks = [_fields(block, _BONE) for block in _blocks(sections[":bonedata"])]
        parents = _parents(sections[":hierarchy"], [word for block in blocks for word in block["name"]])
        joints = {joint: index for index, joint in enumerate(["root", *parents])}
        block_of = {block["name"][0].text: block for block in blocks}
        bones = tuple(_bone(bone, block_of[bone], joints[parent], unit, radian) for bone, parent in parents.items())
        return Skeleton(_order(root), _position(root) * unit, unit, bones)


def forward_kinematics(skeleton: Skeleton, motion: np.ndarray) -> np.ndarray:
    """Where the joints are.

    Args:
      skeleton: of `read`.
      motion: (T, D) of `amc.read`.

    Returns:
      (T, J, 3) float64 metres, in the axes of the file (CMU: y up), in the order of `skeleton.joints`.
    """
    ends = np.cumsum([6, *(len(bone.dof) for bone in skeleton.bones)])
    root, *angles = np.split(motion.T, ends[:-1])
    moves = [skeleton.order.index(channel) for channel in ("tx", "ty", "tz")]
    turns = [index for index in range(6) if index not in moves]
    axes = [_TURNS.index(skeleton.order[index]) for index in turns]
    positions = [skeleton.position[:, None] + root[moves]]
    orientations = [_turned(np.repeat(np.eye(3)[..., None], len(motion), axis=-1), axes, root[turns])]
    for bone, angle in zip(skeleton.bones, angles, strict=True):
        orientation = bone.axes @ _turned(bone.axes.T @ orientations[bone.parent], bone.dof, angle)
        positions.append(positions[bone.parent] + bone.offset @ orientation)
        orientations.append(orientation)
    return np.stack(positions).transpose(2, 0, 1)


def _turned(frames: np.ndarray, axes: Sequence[int], angles: np.ndarray) -> np.ndarray:
    """Frames after turns by angles (N, T) about N of their axes, in order, each about the axis as it is in `frames`.

    Frames are (3, 3, T), component, axis, time: a tenth of the time that T products of 3 × 3 matrices take.
    """
    for axis, angle in reversed(list(zip(axes, angles, strict=True))):
        a, b = (axis + 1) % 3, (axis + 2) % 3
        cos, sin = np.cos(angle), np.sin(angle)
        turned = frames.copy()
        turned[:, a] = cos * frames[:, a] + sin * frames[:, b]
        turned[:, b] = cos * frames[:, b] - sin * frames[:, a]
        frames = turned
    return frames


# Of a field: how many words come after it; None: all up to the next field.

_SECTIONS = (":version", ":name", ":units", ":documentation", ":root", ":bonedata", ":hierarchy")
_UNITS = {"mass": 1, "length": 1, "angle": 1}
_ROOT = {"order": 6, "axis": 1, "position": 3, "orientation": 3}
_BONE = {"id": 1, "name": 1, "direction": 3, "length": 1, "axis": 4, "dof": None, "limits": None}
_OPTIONAL = ("mass", "id", "dof", "limits")
_RADIANS = {"deg": np.pi / 180, "rad": 1.0}
_TURNS = ("rx", "ry", "rz")
_CHANNELS = ("tx", "ty", "tz", *_TURNS)


def _without(choices: Iterable[str], taken: Collection[str]) -> list[str]:
    return [choice for choice in choices if choice not in taken]


def _sections(text: str) -> dict[str, list[Word]]:
    """The words of each section, its keyword first."""
    sections: dict[str, list[Word]] = {}
    for line_number, line in enumerate(text.split("\n"), start=1):
        words = [Word(word, line_number) for word in re.sub("#.*|[(),]", " ", line).split()]
        if words and (words[0].text.startswith(":") or not sections):
            section = sections[choice(words[0], _without(_SECTIONS, sections))] = []
        if words:
            section += words
    for needed in (":units", ":root", ":bonedata", ":hierarchy"):
        if needed not in sections:
            raise InputError(f"there is no {needed}")
    return sections


def _fields(words: Sequence[Word], counts: Mapping[str, int | None]) -> dict[str, Sequence[Word]]:
    """The words after each field of a section or block, which begins with a word of its own."""
    fields: dict[str, Sequence[Word]] = {}
    head, rest = words[0], words[1:]
    while rest:
        field = choice(rest[0], _without(counts, fields))
        to_next = (index for index, word in enumerate(rest[1:]) if word.text.lower() in counts)
        found = next(to_next, len(rest) - 1)
        count = found if counts[field] is None else counts[field]
        if found < count:
            raise InputError(f"line {rest[0].line}: {rest[0].text!r} with {found} words after it, not {count}")
        fields[field], rest = rest[1 : 1 + count], rest[1 + count :]
    for needed in _without(counts, (*fields, *_OPTIONAL)):
        raise InputError(f"line {head.line}: {head.text!r} without {needed!r}")
    return fields


def _blocks(words: Sequence[Word]) -> Iterator[list[Word]]:
    """The words of a section from each `begin` to before its `end`."""
    block: list[Word] = []
    for word in words[1:]:
        if block and word.text.lower() == "end":
            yield block
            block = []
        elif block or choice(word, ["begin"]):
            block.append(word)
    if block:
        raise InputError(f"line {block[0].line}: {block[0].text!r} without 'end'")


def _length(word: Word) -> float:
    """What `length` says: how many units are an inch."""
    if not 1e-3 <= number(word) <= 1e3:
        raise refused(word, "a number between 0.001 and 1000")
    return number(word)


def _order(root: Mapping[str, Sequence[Word]]) -> tuple[str, ...]:
    """The root's six channels."""
    order: list[str] = []
    for word in root["order"]:
        order.append(choice(word, _without(_CHANNELS, order)))
    return tuple(order)


def _position(root: Mapping[str, Sequence[Word]]) -> np.ndarray:
    """Where the root is before it moves, (3,) in units of length."""
    for word in root["orientation"]:
        if number(word) != 0:
            raise refused(word, "0 (a root that is turned from the start is not supported)")
    return np.asarray([number(word) for word in root["position"]])


def _parents(words: Sequence[Word], names: Sequence[Word]) -> dict[str, str]:
    """The parent of every bone, parents first."""
    children: dict[str, list[str]] = {"root": []}
    for name in names:
        if name.text in children:
            raise refused(name, "a name that no other bone has")
        children[name.text] = []
    parents: dict[str, str] = {}
    for block in _blocks(words):
        for _, (parent, *line) in itertools.groupby(block[1:], key=lambda word: word.line):
            if parent.text not in children:
                raise refused(parent, "'root' or the name of a bone")
            for child in line:
                if child.text not in children or child.text == "root" or child.text in parents:
                    raise refused(child, "the name of a bone that has no parent yet")
                parents[child.text] = parent.text
                children[parent.text].append(child.text)
    reached = ["root"]
    for joint in reached:  # which grows meanwhile
        reached += children[joint]
    ordered = {joint: parents[joint] for joint in reached[1:]}
    for name in names:
        if name.text not in ordered:
            raise InputError(f"line {name.line}: {name.text!r:.50} does not hang on the root in :hierarchy")
    return ordered


def _bone(name: str, block: Mapping[str, Sequence[Word]], parent: int, unit: float, radian: float) -> Bone:
    """A bone by the fields of its block."""
    *angles, order = block["axis"]
    sequence = ["xyz".index(axis) for axis in choice(order, [*map("".join, itertools.permutations("xyz"))])]
    axes = _turned(np.eye(3)[..., None], sequence, np.asarray([[number(angle)] for angle in angles]) * radian)[..., 0]
    offset = np.asarray([number(word) for word in block["direction"]]) * number(*block["length"]) * unit
    dof: list[str] = []
    for word in block.get("dof", ()):  # the format has tx, ty, tz and l, too, for bones that shift or stretch
        dof.append(choice(word, _without(_TURNS, dof)))
    limits = [number(word, largest=np.inf) for word in block.get("limits", ())] or [-np.inf, np.inf] * len(dof)
    if len(limits) != 2 * len(dof):
        raise refused(block["limits"][-1], f"the last of {2 * len(dof)} limits, two for each of the dof,")
    turns = tuple(_TURNS.index(turn) for turn in dof)
    return Bone(name, parent, offset, axes, turns, np.reshape(limits, (-1, 2)) * radian)
