"""Skeletons as immutable, hashable descriptions, and linear maps from one to another.

A `Skeleton` is plain static Python: jit treats it as a constant. Joint 0 is the root; parents come before their
children, so a forward pass over the joints is a walk down the tree. A layout of unconnected keypoints is a
skeleton whose joints are all roots.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any


@dataclasses.dataclass(frozen=True)
class Angle:
    """The interior angle at `joints[1]` between the limbs to `joints[0]` and `joints[2]`; straight is 180°."""

    name: str
    joints: tuple[int, int, int]
    range_deg: tuple[float, float] = (0.0, 180.0)  # range of motion, in degrees


@dataclasses.dataclass(frozen=True)
class Skeleton:
    """Joints, the tree that connects them, which are left and right, and the angles that anatomy limits.

    Raises `ValueError` when the description contradicts itself.
    """

    name: str
    joints: tuple[str, ...]
    parents: tuple[int, ...]  # -1 for a root; otherwise smaller than the joint's own index
    left: tuple[int, ...] = ()  # left[i] and right[i] are mirror images
    right: tuple[int, ...] = ()
    angles: tuple[Angle, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a description that contradicts itself."""
        count = len(self.joints)
        paired = self.left + self.right

        def require(truth: bool, fault: str) -> None:
            if not truth:
                raise ValueError(f"skeleton {self.name!r}: {fault}")

        def whole(*indices: object) -> bool:
            return all(type(index) is int for index in indices)

        require(count > 0, "no joints")
        for text in (self.name, *self.joints, *(angle.name for angle in self.angles)):
            require(isinstance(text, str) and is_printable_line(text), f"{text!r:.50} is no plain name")
        require(whole(*self.parents, *paired), "a parent, left or right is not the index of a joint")
        require(len(set(self.joints)) == count, "two joints share a name")
        require(len(self.parents) == count, f"{count} joints but {len(self.parents)} parents")
        for joint, parent in enumerate(self.parents):
            require(-1 <= parent < joint, f"the parent of {self.joints[joint]} does not come before it")
        require(len(self.left) == len(self.right), "left and right differ in number")
        require(len(set(paired)) == len(paired), "a joint is twice in left and right")
        require(all(0 <= joint < count for joint in paired), "left or right names a joint that is not there")
        for angle in self.angles:
            require(len(angle.joints) == 3 and whole(*angle.joints), f"angle {angle.name}: not three joints")
            require(all(0 <= joint < count for joint in angle.joints), f"angle {angle.name}: no such joint")
            low, high = angle.range_deg
            require(0 <= low < high <= 180, f"angle {angle.name}: range of motion {angle.range_deg}")

    @property
    def num_joints(self) -> int:
        """Number of joints, J."""
        return len(self.joints)

    @property
    def bones(self) -> tuple[tuple[int, int], ...]:
        """(parent, child) of every bone, in order of the child."""
        return tuple((parent, child) for child, parent in enumerate(self.parents) if parent >= 0)

    @property
    def bone_pairs(self) -> tuple[tuple[int, int], ...]:
        """(left, right) indices into `bones` of the limbs that mirror each other."""
        place = {child: index for index, (_, child) in enumerate(self.bones)}
        pairs = zip(self.left, self.right, strict=True)
        return tuple((place[a], place[b]) for a, b in pairs if a in place and b in place)

    @property
    def mirrored(self) -> tuple[int, ...]:
        """For each joint, the index of its mirror image (itself on the midline)."""
        order = list(range(self.num_joints))
        for a, b in zip(self.left, self.right, strict=True):
            order[a], order[b] = b, a
        return tuple(order)

    def index(self, joint: str) -> int:
        """Index of the joint of that name."""
        return self.joints.index(joint)

    def to_dict(self) -> dict[str, Any]:
        """The description as plain lists, for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, description: Mapping[str, Any]) -> "Skeleton":
        """The inverse of `to_dict`, also after a round trip through JSON; raises `ValueError` for anything else."""
        try:
            angles = tuple(Angle(a["name"], tuple(a["joints"]), tuple(a["range_deg"])) for a in description["angles"])
            sequences = {key: tuple(description[key]) for key in ("joints", "parents", "left", "right")}
            return cls(name=description["name"], angles=angles, **sequences)
        except (LookupError, TypeError) as error:
            raise ValueError(f"a skeleton has another structure ({type(error).__name__}: {error})") from error


def is_printable_line(text: str) -> bool:
    """Whether a text can stand in any table, file or title: one line of at most 500 characters, none a control."""
    return len(text) <= 500 and text.isprintable()


def layout(name: str, num_joints: int, left: Sequence[int], right: Sequence[int]) -> Skeleton:
    """Unconnected keypoints of which only the left/right pairs are known."""
    joints = tuple(f"keypoint_{index}" for index in range(num_joints))
    return Skeleton(name, joints, (-1,) * num_joints, tuple(left), tuple(right))


def _range_of_motion(names: Mapping[str, str], joints: Sequence[str]) -> tuple[Angle, ...]:
    """The ten angles whose range of motion the joint-aware paper limits, on joints called by `names`."""

    def angle(name: str, a: str, vertex: str, b: str, low: float, high: float) -> Angle:
        a, vertex, b = (joints.index(names.get(joint, joint)) for joint in (a, vertex, b))
        return Angle(name, (a, vertex, b), (low, high))

    sides = [
        angle(f"{side}_{name}", a.format(side), vertex.format(side), b.format(side), low, high)
        for side in ("right", "left")
        for name, a, vertex, b, low, high in (
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
"""The 32 joints of Human3.6M's motion capture files; several coincide, so some bones have no length."""

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
)  # fmt: skip
"""The 17 COCO keypoints, as most 2D detectors give them; it has no pelvis, so face and body are separate trees."""

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
"""The 15 joints of HumanEva-I as lifting papers use them."""

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
