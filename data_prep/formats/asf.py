"""Read Acclaim skeleton files (ASF), and compute forward kinematics of their motion (`data_prep.formats.amc`).

Format: "Acclaim Skeleton File Definition V1.10", M. Schafer, 1995, as VICON writes it ("ACCLAIM Format - ASF line
Details"). A bone turns about axes of its own, given by `axis` in the rest pose; rotations are about fixed axes, in the
order in which they are listed. One unit of length is 1 / `length` inches, as in the CMU database.
"""

import itertools
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from data_prep.formats.located_text import Token, errors_in_file, one_of, parse_number, unexpected
from jaxpose.runtime.errors import InputError

INCH_M = 0.0254


class Bone(NamedTuple):
    """A rigid segment, from the far end of its parent to its own."""

    name: str
    parent: int  # the joint at its near end
    offset: np.ndarray  # (3,) metres from its near to its far end, in the rest pose
    axes: np.ndarray  # (3, 3), the columns are the axes of rotation, in the rest pose
    dof: tuple[int, ...]  # the axes about which the bone can turn, in order; 0 is x
    limits: np.ndarray  # (len(dof), 2) radians, smallest and greatest angle; infinite if the file has none


class Skeleton(NamedTuple):
    """A skeleton from an ASF file. Joint 0 is the root, joint i + 1 the far end of bone i; parents come first."""

    order: tuple[str, ...]  # of the root's six channels: tx, ty, tz, rx, ry, rz
    position: np.ndarray  # (3,) metres, of the root in the rest pose
    orientation: np.ndarray  # (3, 3), the columns are the axes of the root in the rest pose
    unit: float  # of length in motion, metres
    radian: float  # unit of angles in the file, radians; of motion, too, where that does not say another
    bones: tuple[Bone, ...]

    @property
    def joints(self) -> tuple[str, ...]:
        """Names of the J joints."""
        return ("root", *(bone.name for bone in self.bones))

    @property
    def channels(self) -> dict[str, int]:
        """Numbers of a frame of motion by the part that moves; their sum is D."""
        return {"root": 6} | {bone.name: len(bone.dof) for bone in self.bones if bone.dof}


def read(content: bytes, name: str) -> Skeleton:
    """Read the skeleton in an ASF file.

    Args:
      content: bytes of the file.
      name: of the file, for messages.

    Returns:
      The skeleton, in metres and radians.

    Raises:
      InputError: the content violates the format, or uses a part of it that is not supported: bones that stretch or
        shift.
    """
    with errors_in_file(name):
        sections = _sections(content.decode("latin-1"))
        units, root = _fields(sections[":units"], _UNITS), _fields(sections[":root"], _ROOT)
        unit, radian = INCH_M / _length(*units["length"]), _RADIANS[one_of(*units["angle"], _RADIANS)]
        blocks = [_fields(block, _BONE) for block in _blocks(sections[":bonedata"])]
        parents = _parents(sections[":hierarchy"], [name for block in blocks for name in block["name"]])
        joints = {joint: index for index, joint in enumerate(["root", *parents])}
        by_name = {block["name"][0].text: block for block in blocks}
        bones = tuple(_bone(bone, by_name[bone], joints[parent], unit, radian) for bone, parent in parents.items())
        position = np.asarray([parse_number(token) for token in root["position"]]) * unit
        return Skeleton(_order(root), position, _axes(root["orientation"], *root["axis"], radian), unit, radian, bones)


def forward_kinematics(skeleton: Skeleton, motion: np.ndarray) -> np.ndarray:
    """Compute the positions of the joints.

    Position and orientation of the root in the rest pose offset all motion by the same amount: the skeleton is turned
    and placed as in the rest pose first, and then as the motion says, about the fixed axes.

    Args:
      skeleton: from `read`.
      motion: (T, D), from `amc.read`.

    Returns:
      (T, J, 3) float64 metres, in the axes of the file (CMU: y up), in the order of `skeleton.joints`.
    """
    return placed_bones(skeleton, motion)[0]


def placed_bones(skeleton: Skeleton, motion: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute the positions of the joints as `forward_kinematics` does, and the rotations of the bones.

    Args:
      skeleton: from `read`.
      motion: (T, D), from `amc.read`.

    Returns:
      Positions (T, J, 3), and matrices (T, J, 3, 3): of each joint, the rotation of the bone that ends in it (of the
      root, of the body) from the rest pose to the motion, in the axes of the file.
    """
    ends = np.cumsum([6, *(len(bone.dof) for bone in skeleton.bones)])
    root, *angles = np.split(motion.T, ends[:-1])
    shifts = [skeleton.order.index(channel) for channel in ("tx", "ty", "tz")]
    turns = [index for index in range(6) if index not in shifts]
    axes = [_ROTATIONS.index(skeleton.order[index]) for index in turns]
    positions = [skeleton.position[:, None] + root[shifts]]
    turned = _rotated_axes(np.repeat(np.eye(3)[..., None], len(motion), axis=-1), axes, root[turns])
    orientations = [np.einsum("ibt,ba->iat", turned, skeleton.orientation)]
    for bone, angle in zip(skeleton.bones, angles, strict=True):
        orientation = bone.axes @ _rotated_axes(bone.axes.T @ orientations[bone.parent], bone.dof, angle)
        positions.append(positions[bone.parent] + bone.offset @ orientation)
        orientations.append(orientation)
    return np.stack(positions).transpose(2, 0, 1), np.stack(orientations).transpose(3, 0, 1, 2)


def _rotated_axes(frames: np.ndarray, axes: Sequence[int], angles: np.ndarray) -> np.ndarray:
    """Rotate coordinate frames about N of their own axes, in order, each axis as it is before the rotations.

    `scipy.spatial.transform.Rotation` gives the same to 1e-15 in 24 times the time (62 channels, 20,000 frames).

    Args:
      frames: (3, 3, T): component, axis, time.
      axes: N indices of axes; 0 is x.
      angles: (N, T) radians.

    Returns:
      (3, 3, T).
    """
    for axis, angle in reversed(list(zip(axes, angles, strict=True))):
        a, b = (axis + 1) % 3, (axis + 2) % 3
        cos, sin = np.cos(angle), np.sin(angle)
        rotated = frames.copy()
        rotated[:, a] = cos * frames[:, a] + sin * frames[:, b]
        rotated[:, b] = cos * frames[:, b] - sin * frames[:, a]
        frames = rotated
    return frames


# Number of tokens after each field; None: all up to the next field.

_SECTIONS = (
    ":version", ":name", ":units", ":documentation", ":root", ":bonedata", ":hierarchy",
    ":skin", ":namespace", ":skeleton",  # for programs that draw; not read
)  # fmt: skip
_UNITS = {"mass": 1, "length": 1, "angle": 1}
_ROOT = {"order": 6, "axis": 1, "position": 3, "orientation": 3}
_BONE = {"id": 1, "name": 1, "direction": 3, "length": 1, "axis": 4, "dof": None, "limits": None}
_OPTIONAL = ("mass", "id", "dof", "limits")
_RADIANS = {"deg": np.pi / 180, "rad": 1.0}
_ROTATIONS = ("rx", "ry", "rz")
_CHANNELS = ("tx", "ty", "tz", *_ROTATIONS)


def _remaining(choices: Iterable[str], taken: Collection[str]) -> list[str]:
    return [choice for choice in choices if choice not in taken]


def _sections(text: str) -> dict[str, list[Token]]:
    """Return the tokens of each section, its keyword first."""
    sections: dict[str, list[Token]] = {}
    for line_number, line in enumerate(text.split("\n"), start=1):
        tokens = [Token(word, line_number) for word in re.sub("#.*|[(),]", " ", line).split()]
        if tokens and (tokens[0].text.startswith(":") or not sections):
            section = sections[one_of(tokens[0], _remaining(_SECTIONS, sections))] = []
        if tokens:
            section += tokens
    for needed in (":units", ":root", ":bonedata", ":hierarchy"):
        if needed not in sections:
            raise InputError(f"the section {needed} is missing")
    return sections


def _fields(tokens: Sequence[Token], counts: Mapping[str, int | None]) -> dict[str, Sequence[Token]]:
    """Return the tokens after each field of a section or block, whose first token is its keyword."""
    fields: dict[str, Sequence[Token]] = {}
    keyword, rest = tokens[0], tokens[1:]
    while rest:
        field = one_of(rest[0], _remaining(counts, fields))
        ends = (index for index, token in enumerate(rest[1:]) if token.text.lower() in counts)
        available = next(ends, len(rest) - 1)
        count = available if counts[field] is None else counts[field]
        if available < count:
            raise InputError(f"line {rest[0].line}: expected {count} values after {rest[0].text!r}, found {available}")
        fields[field], rest = rest[1 : 1 + count], rest[1 + count :]
    for needed in _remaining(counts, (*fields, *_OPTIONAL)):
        raise InputError(f"line {keyword.line}: {keyword.text!r} without {needed!r}")
    return fields


def _blocks(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """Yield the tokens of a section from each `begin` to before its `end`."""
    block: list[Token] = []
    for token in tokens[1:]:
        if block and token.text.lower() == "end":
            yield block
            block = []
        elif block or one_of(token, ["begin"]):
            block.append(token)
    if block:
        raise InputError(f"line {block[0].line}: {block[0].text!r} without 'end'")


def _length(token: Token) -> float:
    """Return the value of `length`: units per inch."""
    if not 1e-3 <= parse_number(token) <= 1e3:
        raise unexpected(token, "a number between 0.001 and 1000")
    return parse_number(token)


def _order(root: Mapping[str, Sequence[Token]]) -> tuple[str, ...]:
    """Return the root's six channels in the order of a frame."""
    order: list[str] = []
    for token in root["order"]:
        order.append(one_of(token, _remaining(_CHANNELS, order)))
    return tuple(order)


def _parents(tokens: Sequence[Token], names: Sequence[Token]) -> dict[str, str]:
    """Return the parent of every bone, parents first."""
    children: dict[str, list[str]] = {"root": []}
    for name in names:
        if name.text in children:
            raise unexpected(name, "a name that no other bone has")
        children[name.text] = []
    parents: dict[str, str] = {}
    for block in _blocks(tokens):
        for _, (parent, *line) in itertools.groupby(block[1:], key=lambda token: token.line):
            if parent.text not in children:
                raise unexpected(parent, "'root' or the name of a bone")
            for child in line:
                if child.text not in children or child.text == "root" or child.text in parents:
                    raise unexpected(child, "the name of a bone that has no parent yet")
                parents[child.text] = parent.text
                children[parent.text].append(child.text)
    reached = ["root"]
    for joint in reached:  # the list grows during the loop
        reached += children[joint]
    ordered = {joint: parents[joint] for joint in reached[1:]}
    for name in names:
        if name.text not in ordered:
            raise InputError(f"line {name.line}: {name.text!r:.50} is not connected to the root in :hierarchy")
    return ordered


def _axes(angles: Sequence[Token], order: Token, radian: float) -> np.ndarray:
    """Return the axes (3, 3), as columns, that three rotations about the fixed axes give, in an order such as XYZ."""
    sequence = ["xyz".index(axis) for axis in one_of(order, [*map("".join, itertools.permutations("xyz"))])]
    turns = np.asarray([[parse_number(angle)] for angle in angles]) * radian
    return _rotated_axes(np.eye(3)[..., None], sequence, turns)[..., 0]


def _bone(name: str, block: Mapping[str, Sequence[Token]], parent: int, unit: float, radian: float) -> Bone:
    """Return the bone that the fields of its block describe."""
    *angles, order = block["axis"]
    axes = _axes(angles, order, radian)
    offset = np.asarray([parse_number(token) for token in block["direction"]]) * parse_number(*block["length"]) * unit
    dof: list[str] = []
    for token in block.get("dof", ()):  # the format has tx, ty, tz and l, too, for bones that shift or stretch
        dof.append(one_of(token, _remaining(_ROTATIONS, dof)))
    limits = [parse_number(token, largest=np.inf) for token in block.get("limits", ())]
    limits = limits or [-np.inf, np.inf] * len(dof)
    if len(limits) != 2 * len(dof):
        raise unexpected(block["limits"][-1], f"the last of {2 * len(dof)} limits, two for each of the dof")
    turns = tuple(_ROTATIONS.index(turn) for turn in dof)
    return Bone(name, parent, offset, axes, turns, np.reshape(limits, (-1, 2)) * radian)
