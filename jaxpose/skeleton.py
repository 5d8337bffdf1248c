"""Skeletons as immutable, hashable descriptions: joints, parents, left/right pairs, limited angles.

A `Skeleton` is static Python: pass it to `jax.jit` as a static argument. Joint 0 is the root; parents come before
their children, so one loop over the joints walks the tree from the root to the leaves. A layout of unconnected
keypoints is a skeleton whose joints are all roots.

>>> from jaxpose.skeleton import H36M_17
>>> H36M_17.num_joints, H36M_17.bones[:3]
(17, ((0, 1), (1, 2), (2, 3)))
>>> H36M_17.joints[H36M_17.mirrored[H36M_17.index("left_knee")]]
'right_knee'
"""

import dataclasses
import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

# The public interface: some of it serves callers of the library alone.
__all__ = [
    "BODY_22", "CMU_31", "COCO_17", "H36M_16", "H36M_17", "H36M_32", "H36M_32_TO_17", "HUMANEVA_15",
    "Angle", "Skeleton", "is_printable_line", "layout",
]  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Angle:
    """The interior angle at `joints[1]` between the limbs to `joints[0]` and `joints[2]`; straight is 180°.

    Attributes:
      name: of the angle.
      joints: three indices or names; within a `Skeleton` they are indices.
      range_deg: range of motion, degrees. That of 0° to 180° admits every pose.
    """

    name: str
    joints: tuple[int, int, int]
    range_deg: tuple[float, float] = (0.0, 180.0)

    def __post_init__(self) -> None:
        """Make tuples of lists and arrays, so that an angle can be hashed."""
        for field in ("joints", "range_deg"):
            object.__setattr__(self, field, _plain(getattr(self, field)))


@dataclasses.dataclass(frozen=True)
class Skeleton:
    """The joints of a body: their names, their tree, their left/right pairs and the angles that anatomy limits.

    Sequences can be lists or arrays; joints are given by index or by name, and kept as tuples of indices.

    >>> arm = Skeleton("arm", ["shoulder", "elbow", "wrist"], [None, "shoulder", "elbow"])
    >>> arm.parents
    (-1, 0, 1)

    Attributes:
      name: of the skeleton.
      joints: J names.
      parents: of each joint; -1 for a root (or None), otherwise smaller than the joint's own index.
      left: joints whose mirror images are those of `right`, in the same order.
      right: likewise.
      angles: those that anatomy limits.
      links: pairs of joints at a constant distance that are not parent and child, such as both hips.

    Raises:
      ValueError: the description contradicts itself; the message names the skeleton and the contradiction.
    """

    name: str
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    left: tuple[int, ...] = ()
    right: tuple[int, ...] = ()
    angles: tuple[Angle, ...] = ()
    links: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        """Keep plain tuples of indices, and raise `ValueError` for a description that contradicts itself."""

        def require(condition: bool, fault: str) -> None:
            if not condition:
                raise ValueError(f"skeleton {self.name!r}: {fault}")

        def integers(*indices: object) -> bool:
            return all(type(index) is int for index in indices)

        require(not isinstance(self.joints, str), f"joints {self.joints!r:.50} must be a sequence of names")
        object.__setattr__(self, "joints", _plain(self.joints))
        count = len(self.joints)
        require(count > 0, "no joints")
        for text in (self.name, *self.joints, *(angle.name for angle in self.angles)):
            require(isinstance(text, str) and is_printable_line(text), f"{text!r:.50} is not a printable name")
        require(len(set(self.joints)) == count, "two joints have the same name")
        for field in ("parents", "left", "right"):
            object.__setattr__(self, field, self._indices(getattr(self, field)))
        object.__setattr__(self, "parents", tuple(-1 if parent is None else parent for parent in self.parents))
        object.__setattr__(self, "links", tuple(self._indices(link) for link in self.links))
        angles = (dataclasses.replace(angle, joints=self._indices(angle.joints)) for angle in self.angles)
        object.__setattr__(self, "angles", tuple(angles))

        paired = self.left + self.right
        require(integers(*self.parents, *paired), "parents, left and right must be integers or names of joints")
        require(len(self.parents) == count, f"{count} joints but {len(self.parents)} parents")
        for joint, parent in enumerate(self.parents):
            require(-1 <= parent < joint, f"the parent of joint {self.joints[joint]!r} must come before it")
        require(len(self.left) == len(self.right), "left and right have different lengths")
        require(len(set(paired)) == len(paired), "a joint occurs twice in left and right")
        require(all(0 <= joint < count for joint in paired), "left or right has an index out of range")
        for angle in self.angles:
            require(len(angle.joints) == 3 and integers(*angle.joints), f"angle {angle.name}: not three joint indices")
            require(all(0 <= joint < count for joint in angle.joints), f"angle {angle.name}: index out of range")
            low, high = angle.range_deg
            require(0 <= low < high <= 180, f"angle {angle.name}: range {angle.range_deg} must increase in [0, 180]")
        for link in self.links:
            require(len(link) == 2 and integers(*link) and link[0] != link[1], f"link {link}: not two joints")
            require(all(0 <= joint < count for joint in link), f"link {link}: index out of range")
            require(link not in self.tree_bones and link[::-1] not in self.tree_bones, f"link {link} is a bone already")

    def _indices(self, joints: Sequence[Any]) -> tuple[Any, ...]:
        """Joints as a tuple in which names are replaced by their indices."""
        return tuple(self.index(joint) if isinstance(joint, str) else joint for joint in _plain(joints))

    @property
    def num_joints(self) -> int:
        """Number of joints, J."""
        return len(self.joints)

    @property
    def tree_bones(self) -> tuple[tuple[int, int], ...]:
        """(parent, child) of every bone of the tree, in order of the child."""
        return tuple((parent, child) for child, parent in enumerate(self.parents) if parent >= 0)

    @property
    def bones(self) -> tuple[tuple[int, int], ...]:
        """The two joints of everything that has a length: `tree_bones`, then `links`."""
        return self.tree_bones + self.links

    @property
    def bone_pairs(self) -> tuple[tuple[int, int], ...]:
        """(left, right) indices into `bones` of the limbs that mirror each other."""
        bone_of = {child: index for index, (_, child) in enumerate(self.tree_bones)}
        pairs = zip(self.left, self.right, strict=True)
        return tuple((bone_of[a], bone_of[b]) for a, b in pairs if a in bone_of and b in bone_of)

    @property
    def mirrored(self) -> tuple[int, ...]:
        """Index of each joint's mirror image; a joint on the midline is its own."""
        order = list(range(self.num_joints))
        for a, b in zip(self.left, self.right, strict=True):
            order[a], order[b] = b, a
        return tuple(order)

    def index(self, joint: str) -> int:
        """Index of the joint with this name.

        Raises:
          ValueError: there is no such joint; the message lists those there are.
        """
        if joint not in self.joints:
            near = difflib.get_close_matches(str(joint), self.joints, n=1)
            guess = f"; did you mean {near[0]!r}? Its joints: " if near else "; its joints: "
            raise ValueError(f"skeleton {self.name!r}: no joint {joint!r:.50}{guess}{', '.join(self.joints)}")
        return self.joints.index(joint)

    def to_dict(self) -> dict[str, Any]:
        """Description as dicts and lists, for JSON; without `links` if there are none."""
        description = dataclasses.asdict(self)
        return description if self.links else {key: description[key] for key in description if key != "links"}

    @classmethod
    def from_dict(cls, description: Mapping[str, Any]) -> "Skeleton":
        """Skeleton from a `to_dict` description, also one that went through JSON.

        One of `COCO_17` from before skeletons had links gets them.

        Raises:
          ValueError: a field is missing or has another structure, or the skeleton contradicts itself.
        """
        try:
            angles = tuple(Angle(a["name"], tuple(a["joints"]), tuple(a["range_deg"])) for a in description["angles"])
            sequences = {key: tuple(description[key]) for key in ("joints", "parents", "left", "right")}
            links = tuple(map(tuple, description.get("links", ())))
            skeleton = cls(name=description["name"], angles=angles, links=links, **sequences)
            return COCO_17 if skeleton == dataclasses.replace(COCO_17, links=()) else skeleton
        except (LookupError, TypeError) as error:
            raise ValueError(f"invalid description of a skeleton ({type(error).__name__}: {error})") from error


def _plain(values: Sequence[Any]) -> tuple[Any, ...]:
    """A sequence or array as a tuple, its NumPy numbers as Python's."""
    return tuple(value.item() if isinstance(value, np.generic) else value for value in values)


def is_printable_line(text: str) -> bool:
    """True for one line of at most 500 printable characters, which is safe in any table, file or title."""
    return len(text) <= 500 and text.isprintable()


def layout(name: str, num_joints: int, left: Sequence[int], right: Sequence[int]) -> Skeleton:
    """Skeleton of unconnected keypoints with known left/right pairs."""
    joints = tuple(f"keypoint_{index}" for index in range(num_joints))
    return Skeleton(name, joints, (-1,) * num_joints, tuple(left), tuple(right))


def _range_of_motion(names: Mapping[str, str], joints: Sequence[str]) -> tuple[Angle, ...]:
    """The ten angles whose range of motion the joint-aware paper limits; `names` translates H36M_17's joint names."""

    def angle(name: str, first: str, vertex: str, second: str, low: float, high: float) -> Angle:
        first, vertex, second = (joints.index(names.get(joint, joint)) for joint in (first, vertex, second))
        return Angle(name, (first, vertex, second), (low, high))

    sides = [
        angle(f"{side}_{name}", first.format(side), vertex.format(side), second.format(side), low, high)
        for side in ("right", "left")
        for name, first, vertex, second, low, high in (
            ("hip", "pelvis", "{}_hip", "{}_knee", 45, 180),
            ("knee", "{}_hip", "{}_knee", "{}_ankle", 45, 180),
            ("shoulder", "spine", "thorax", "{}_shoulder", 0, 135),
            ("elbow", "{}_shoulder", "{}_elbow", "{}_wrist", 0, 180),
        )
    ]
    neck = angle("neck", "thorax", "neck", "head", 90, 180)
    spine = angle("spine", "pelvis", "spine", "thorax", 90, 180)
    return (neck, spine, *sides)


_H36M_17_JOINTS = (
    "pelvis", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
    "spine", "thorax", "neck", "head",
    "left_shoulder", "left_elbow", "left_wrist", "right_shoulder", "right_elbow", "right_wrist",
)  # fmt: skip

H36M_17 = Skeleton(
    name="h36m_17",
    joints=_H36M_17_JOINTS,
    parents=(-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 9, 8, 11, 12, 8, 14, 15),
    left=(4, 5, 6, 11, 12, 13),
    right=(1, 2, 3, 14, 15, 16),
    angles=_range_of_motion({}, _H36M_17_JOINTS),
)
"""The 17 joints that Human3.6M results are reported on; "neck" is the joint also called nose."""

BODY_22 = Skeleton(
    name="body_22",
    joints=(*_H36M_17_JOINTS, "nose", "left_eye", "right_eye", "left_ear", "right_ear"),
    parents=(*H36M_17.parents, 9, 9, 9, 9, 9),
    left=(*H36M_17.left, 18, 20),
    right=(*H36M_17.right, 19, 21),
    angles=H36M_17.angles,
)
"""The joints of `H36M_17`, then nose, eyes and ears, which hang on the upper end of the neck; every keypoint of
`COCO_17` is one of its joints."""

H36M_16 = Skeleton(
    name="h36m_16",
    joints=tuple(joint for joint in _H36M_17_JOINTS if joint != "neck"),
    parents=(-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 8, 10, 11, 8, 13, 14),
    left=(4, 5, 6, 10, 11, 12),
    right=(1, 2, 3, 13, 14, 15),
    angles=tuple(
        dataclasses.replace(angle, joints=tuple(joint - (joint > H36M_17.index("neck")) for joint in angle.joints))
        for angle in H36M_17.angles
        if H36M_17.index("neck") not in angle.joints
    ),
)
"""The joints of `H36M_17` without "neck", on which Martinez et al. and most networks of single frames are trained."""

_H36M_32_JOINTS = (
    "Hips", "RightUpLeg", "RightLeg", "RightFoot", "RightToeBase", "RightToeSite",
    "LeftUpLeg", "LeftLeg", "LeftFoot", "LeftToeBase", "LeftToeSite",
    "Spine", "Spine1", "Neck", "Head", "HeadSite",
    "LeftShoulder", "LeftArm", "LeftForeArm", "LeftHand", "LeftHandThumb", "LeftThumbSite",
    "L_Wrist_End", "LeftWristSite",
    "RightShoulder", "RightArm", "RightForeArm", "RightHand", "RightHandThumb", "RightThumbSite",
    "R_Wrist_End", "RightWristSite",
)  # fmt: skip

H36M_32_TO_17 = (
    "Hips", "RightUpLeg", "RightLeg", "RightFoot", "LeftUpLeg", "LeftLeg", "LeftFoot",
    "Spine1", "Neck", "Head", "HeadSite",
    "LeftArm", "LeftForeArm", "LeftHand", "RightArm", "RightForeArm", "RightHand",
)  # fmt: skip

H36M_32 = Skeleton(
    name="h36m_32",
    joints=_H36M_32_JOINTS,
    parents=(
        -1, 0, 1, 2, 3, 4, 0, 6, 7, 8, 9, 0, 11, 12, 13, 14,
        12, 16, 17, 18, 19, 20, 19, 22, 12, 24, 25, 26, 27, 28, 27, 30,
    ),
    left=(6, 7, 8, 9, 10, 16, 17, 18, 19, 20, 21, 22, 23),
    right=(1, 2, 3, 4, 5, 24, 25, 26, 27, 28, 29, 30, 31),
    angles=_range_of_motion(dict(zip(_H36M_17_JOINTS, H36M_32_TO_17, strict=True)), _H36M_32_JOINTS),
)  # fmt: skip
"""The 32 joints of Human3.6M's motion capture files; several coincide, so some bones have length zero."""

COCO_17 = Skeleton(
    name="coco_17",
    joints=(
        "nose", "left_eye", "right_eye", "left_ear", "right_ear",
        "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
        "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
    ),
    parents=(-1, 0, 0, 1, 2, -1, -1, 5, 6, 7, 8, 5, 6, 11, 12, 13, 14),
    left=(1, 3, 5, 7, 9, 11, 13, 15),
    right=(2, 4, 6, 8, 10, 12, 14, 16),
    angles=(
        Angle("right_hip", (6, 12, 14), (45, 180)),
        Angle("right_knee", (12, 14, 16), (45, 180)),
        Angle("right_elbow", (6, 8, 10), (0, 180)),
        Angle("left_hip", (5, 11, 13), (45, 180)),
        Angle("left_knee", (11, 13, 15), (45, 180)),
        Angle("left_elbow", (5, 7, 9), (0, 180)),
    ),
    links=((5, 6), (11, 12)),
)  # fmt: skip
"""The 17 COCO keypoints, the output of most 2D detectors; without a pelvis, the face and both sides of the body are
separate trees, and the widths of shoulders and hips are links."""

HUMANEVA_15 = Skeleton(
    name="humaneva_15",
    joints=(
        "pelvis", "thorax", "left_shoulder", "left_elbow", "left_wrist",
        "right_shoulder", "right_elbow", "right_wrist",
        "left_hip", "left_knee", "left_ankle", "right_hip", "right_knee", "right_ankle", "head",
    ),
    parents=(-1, 0, 1, 2, 3, 1, 5, 6, 0, 8, 9, 0, 11, 12, 1),
    left=(2, 3, 4, 8, 9, 10),
    right=(5, 6, 7, 11, 12, 13),
    angles=(
        Angle("right_hip", (0, 11, 12), (45, 180)),
        Angle("right_knee", (11, 12, 13), (45, 180)),
        Angle("right_shoulder", (0, 1, 5), (0, 135)),
        Angle("right_elbow", (5, 6, 7), (0, 180)),
        Angle("left_hip", (0, 8, 9), (45, 180)),
        Angle("left_knee", (8, 9, 10), (45, 180)),
        Angle("left_shoulder", (0, 1, 2), (0, 135)),
        Angle("left_elbow", (2, 3, 4), (0, 180)),
    ),
)  # fmt: skip
"""The 15 joints of HumanEva-I that lifting papers use."""

CMU_31 = Skeleton(
    name="cmu_31",
    joints=(
        "root", "lhipjoint", "lfemur", "ltibia", "lfoot", "ltoes",
        "rhipjoint", "rfemur", "rtibia", "rfoot", "rtoes",
        "lowerback", "upperback", "thorax", "lowerneck", "upperneck", "head",
        "lclavicle", "lhumerus", "lradius", "lwrist", "lhand", "lfingers", "lthumb",
        "rclavicle", "rhumerus", "rradius", "rwrist", "rhand", "rfingers", "rthumb",
    ),
    parents=(
        -1, 0, 1, 2, 3, 4, 0, 6, 7, 8, 9, 0, 11, 12, 13, 14, 15,
        13, 17, 18, 19, 20, 21, 20, 13, 24, 25, 26, 27, 28, 27,
    ),
    left=(1, 2, 3, 4, 5, 17, 18, 19, 20, 21, 22, 23),
    right=(6, 7, 8, 9, 10, 24, 25, 26, 27, 28, 29, 30),
)  # fmt: skip
"""The CMU motion capture skeleton; each joint is the far end of the ASF bone of that name."""
