"""The keypoint layouts of 2D detectors, by name; which layout keypoints of given names have; and conversions.

Programs write the same keypoint as `left_knee`, `LKnee`, `knee.L` or `LEFT_KNEE`: `canonical_name` makes one name of
them, and `layout_of_names` finds the layout that holds the names of a file.

A lifter that was trained on Human3.6M's joints reads other layouts through `conversion`, which goes by these names.
Published recipes differ; the table of ours is in this room's README. Hips, knees, ankles, shoulders, elbows and wrists
are the detector's own; the trunk is made of midpoints. Human3.6M's "neck" is its joint between neck and nose, for which
the nose is taken; its "head" is the top of the head: where a detector has none, the eyes are taken, some 12 cm below. A
lifter that was trained on COCO's keypoints takes the keypoints of the same names from other layouts.
"""

import functools
import re
from collections.abc import Mapping, Sequence

import numpy as np

from jaxpose.skeleton import COCO_17, H36M_16, H36M_17, H36M_32_TO_17, Skeleton


def _detector(name: str, *joints: str) -> Skeleton:
    """A layout of unconnected keypoints, whose names say which are left and right."""
    left = [joint for joint in joints if joint.startswith("left_") and joint.replace("left_", "right_") in joints]
    pairs = [(joints.index(joint), joints.index(joint.replace("left_", "right_"))) for joint in left]
    return Skeleton(name, joints, (-1,) * len(joints), *(tuple(side) for side in zip(*pairs, strict=True)))


HALPE_26 = _detector(
    "halpe_26", *COCO_17.joints, "head", "neck", "hip",
    "left_big_toe", "right_big_toe", "left_small_toe", "right_small_toe", "left_heel", "right_heel",
)  # fmt: skip
"""The 26 body keypoints of Halpe, as AlphaPose and RTMPose give them."""

BODY_25 = _detector(
    "body_25", "nose", "neck",
    "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist", "mid_hip",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
    "right_eye", "left_eye", "right_ear", "left_ear",
    "left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel",
)  # fmt: skip
"""OpenPose's BODY_25."""

COCO_18 = _detector(
    "coco_18", "nose", "neck",
    "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
    "right_eye", "left_eye", "right_ear", "left_ear",
)  # fmt: skip
"""OpenPose's COCO model: COCO's 17 keypoints and a neck, in another order."""

BODY_25B = _detector(
    "body_25b", *COCO_17.joints, "upper_neck", "head_top",
    "left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel",
)  # fmt: skip
"""OpenPose's BODY_25B: as many keypoints as BODY_25, in another order; "upper_neck" is the upper end of the neck.

Source: OpenPose's experimental models (github.com/CMU-Perceptual-Computing-Lab/openpose_train, poseParameters.cpp).
"""

POSETRACK_17 = _detector("posetrack_17", "nose", "head_bottom", "head_top", *COCO_17.joints[3:])
"""PoseTrack's keypoints: as many as COCO's, but both ends of the head in place of the eyes."""

MEDIAPIPE_33 = _detector(
    "mediapipe_33", "nose", "left_eye_inner", "left_eye", "left_eye_outer",
    "right_eye_inner", "right_eye", "right_eye_outer", "left_ear", "right_ear", "left_mouth", "right_mouth",
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
    "left_pinky", "right_pinky", "left_index", "right_index", "left_thumb", "right_thumb",
    "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
    "left_heel", "right_heel", "left_foot_index", "right_foot_index",
)  # fmt: skip
"""MediaPipe's 33 pose landmarks (BlazePose)."""

_DETECTORS = (COCO_17, POSETRACK_17, COCO_18, BODY_25, BODY_25B, HALPE_26, MEDIAPIPE_33)  # by number of keypoints

LAYOUTS = {layout.name: layout for layout in (H36M_17, *_DETECTORS)}
"""Every layout of keypoints, by name."""

_SHORT_NAMES = {
    "coco": COCO_17,
    "posetrack": POSETRACK_17,
    "h36m": H36M_17,
    "halpe": HALPE_26,
    "openpose": BODY_25,
    "mediapipe": MEDIAPIPE_33,
}


def find_layout(name: str) -> Skeleton:
    """Find a layout by name; case and punctuation are ignored, and "coco" or "h36m" are enough.

    Raises:
      ValueError: there is no layout of that name.
    """
    by_name = {re.sub(r"\W|_", "", known): layout for known, layout in LAYOUTS.items()} | _SHORT_NAMES
    try:
        return by_name[re.sub(r"\W|_", "", name.lower())]
    except KeyError:
        raise ValueError(f"there is no layout {name!r}; known: {', '.join(LAYOUTS)}") from None


_SIDED = {
    **{
        part: part
        for part in (
            "eye", "ear", "eye_inner", "eye_outer", "mouth", "shoulder", "elbow", "wrist", "pinky", "index", "thumb",
            "hip", "knee", "ankle", "heel", "big_toe", "small_toe", "foot_index", "foot",
        )
    },
    "inner_eye": "eye_inner", "outer_eye": "eye_outer", "bigtoe": "big_toe", "smalltoe": "small_toe",
    "little_toe": "small_toe", "littletoe": "small_toe",
}  # fmt: skip
"""Parts of the body that have two sides, by the names that programs give them."""

_MIDDLE = {
    "nose": "nose", "neck": "neck", "thorax": "thorax", "spine": "spine",
    **dict.fromkeys(("head", "head_top", "headtop", "top_head", "top_of_head"), "head"),
    **dict.fromkeys(("upper_neck", "upperneck", "head_bottom", "headbottom"), "upper_neck"),
    **dict.fromkeys(("neck_base", "neck_nose"), "neck"),  # Human3.6M's, of MMPose and of papers
    **dict.fromkeys(("shoulder_center", "center_shoulder", "mid_shoulder", "shoulder_mid"), "thorax"),
    **dict.fromkeys(("torso", "mid_spine", "spine_mid"), "spine"),
    **dict.fromkeys(
        ("pelvis", "root", "hip", "hips", "mid_hip", "midhip", "middle_hip", "hip_mid", "hip_center", "center_hip"),
        "pelvis",
    ),
}  # fmt: skip
"""Parts of the body's middle, by the names that programs give them."""

_HANDS_AND_FACES = re.compile(
    r"((left|right|l|r)[\W_]*)?"
    r"(face|hand|palm|fore_?finger|(middle|ring|pinky|index)_?finger|(thumb|index|middle|ring|pinky|mouth|jaw|eyebrow)_?\d)"
)
"""Names of keypoints of hands and faces, which whole-body detectors add to the body's."""


def canonical_name(name: str) -> str | None:
    """The one name of a body's keypoint for all spellings of it; None for a name that is not known.

    >>> canonical_name("LKnee"), canonical_name("knee.L"), canonical_name("MidHip"), canonical_name("tail")
    ('left_knee', 'left_knee', 'pelvis', None)
    """
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
    words = [word for word in re.split(r"[\W_]+", words) if word]
    if "_".join(words) in _MIDDLE:
        return _MIDDLE["_".join(words)]
    sides = {"l": "left", "left": "left", "r": "right", "right": "right"}
    for side, part in (words[:1], words[1:]), (words[-1:], words[:-1]):
        if side and side[0] in sides and "_".join(part) in _SIDED:
            return f"{sides[side[0]]}_{_SIDED['_'.join(part)]}"
    joined = re.fullmatch(r"(left|right|l|r)(.+)", "_".join(words))
    return f"{sides[joined[1]]}_{_SIDED[joined[2]]}" if joined and joined[2] in _SIDED else None


@functools.cache
def _columns(layout: Skeleton) -> Mapping[str, int]:
    """The place of each keypoint of a layout by its meaning (`meanings`); those without one are left out."""
    return {meaning: place for place, meaning in enumerate(meanings(layout.joints)) if meaning}


def meanings(names: Sequence[str]) -> list[str | None]:
    """The canonical names, with regard to the other names; "" for keypoints of hands and faces, None if not known.

    "neck" is between the shoulders, and called "thorax" here, unless Human3.6M's thorax is among the names: its neck is
    higher. "foot" is the ankle where Human3.6M's spine is among the names, and no keypoint of ours beside an ankle.
    """
    known = [canonical_name(name) for name in names]
    found: list[str | None] = []
    for name, canonical in zip(names, known, strict=True):
        if canonical == "neck" and "thorax" not in known:
            found.append("thorax")
        elif canonical in ("left_foot", "right_foot"):
            ankle = canonical.replace("foot", "ankle")
            found.append("" if ankle in known else ankle if "spine" in known else None)
        else:
            found.append("" if canonical is None and _HANDS_AND_FACES.match(name.lower()) else canonical)
    return found


def layout_of_names(names: Sequence[str], given: Skeleton | None = None) -> tuple[Skeleton, list[int]]:
    """Find the layout of keypoints that have names, in any order and spelling.

    Args:
      names: of the keypoints. Those of hands and faces are left out.
      given: the layout that the user named, if any, which must have all the names. If some names are not known, as
        numbers are not, it settles which keypoint is which, provided that the known names stand where it has them.

    Returns:
      The layout: the given one; or the smallest of a detector, or Human3.6M's, that has all the names; or, if none has,
      COCO's keypoints and the others that are named. And for each of its joints, the index of its name, -1 without one.

    Raises:
      ValueError: names are not known, are not in the given layout, or two mean the same keypoint.
    """
    if given is not None and set(names) <= set(given.joints) and len(set(names)) == len(names):
        return given, [names.index(joint) if joint in names else -1 for joint in given.joints]
    found = meanings(names)
    unknown = [name for name, meaning in zip(names, found, strict=True) if meaning is None]
    if unknown and given is not None and len(names) == given.num_joints:
        places = _columns(given)
        if all(places.get(meaning) == place for place, meaning in enumerate(found) if meaning):
            return given, list(range(len(names)))
    if unknown:
        raise ValueError(f"no layout has keypoints called {', '.join(unknown)[:200]}")
    columns: dict[str, int] = {}
    for column, meaning in enumerate(found):
        if meaning and columns.setdefault(meaning, column) != column:
            raise ValueError(f"{names[columns[meaning]]!r} and {names[column]!r} are the same keypoint")
    if not columns:
        raise ValueError(f"none of {', '.join(names)[:200]} is a keypoint of the body")
    layouts = (*_DETECTORS, H36M_17) if given is None else (given,)
    layout = next((layout for layout in layouts if columns.keys() <= _columns(layout).keys()), None)
    if layout is None and given is not None:
        absent = [names[column] for meaning, column in columns.items() if meaning not in _columns(given)]
        raise ValueError(f"the layout {given.name} has no {', '.join(absent)[:200]}")
    layout = layout or _with_coco(columns)
    meaning_of = {place: meaning for meaning, place in _columns(layout).items()}
    return layout, [columns.get(meaning_of.get(place, ""), -1) for place in range(layout.num_joints)]


def _with_coco(names: Mapping[str, int]) -> Skeleton:
    """A layout of COCO's keypoints and the other ones of these names."""
    joints = (*COCO_17.joints, *sorted(names.keys() - set(COCO_17.joints)))
    return _detector(f"named_{len(joints)}", *joints)


def conversion(source: Skeleton, target: Skeleton, seen: Sequence[bool] | np.ndarray | None = None) -> np.ndarray:
    """Weights that convert joints of `source` to joints of `target`: target = weights @ source.

    Args:
      source: the layout or skeleton to convert from.
      target: the layout or skeleton to convert to.
      seen: (J_source,) which joints of the source are ever seen; by default all. A joint of Human3.6M that can be made
        in several ways is made of joints that are seen, such as the pelvis of the hips where Halpe's pelvis is missing.

    Returns:
      (J_target, J_source) float32; every row sums to one, so translations are kept.

    Raises:
      ValueError: no conversion between the two is known.
    """
    seen = np.ones(source.num_joints, bool) if seen is None else np.asarray(seen, bool)
    unit = np.eye(source.num_joints, dtype=np.float32)
    if source == target and (target != H36M_17 or seen.all()):
        return unit
    if target == H36M_16:  # the 17 without one, whatever they are made of
        return np.delete(conversion(source, H36M_17, seen), H36M_17.index("neck"), axis=0)
    if captured := _MOTION_CAPTURE.get((source.name, target.name)):
        return unit[[source.index(joint) for joint in captured]]
    columns = _columns(source)
    mixtures = _H36M_17_MIXTURES if target == H36M_17 else {}
    rows: dict[str, np.ndarray] = {}
    for joint, meaning in zip(target.joints, meanings(target.joints), strict=True):
        if mixture := _most_seen(mixtures.get(joint, ((meaning,),)), columns, seen):
            rows[joint] = unit[[columns[name] for name in mixture]].mean(axis=0)
    if target == H36M_17 and {"pelvis", "thorax"} <= rows.keys():
        between = (rows["pelvis"] + rows["thorax"]) / 2
        if "spine" not in columns or (not seen[columns["spine"]] and seen[between > 0].all()):
            rows["spine"] = between
    if missing := [joint for joint in target.joints if joint not in rows]:
        raise ValueError(
            f"no conversion from {source.name!r} to {target.name!r} keypoints: {source.name} has no "
            f"{', '.join(missing)[:200]}"
        )
    return np.stack([rows[joint] for joint in target.joints])


def _most_seen(
    mixtures: Sequence[Sequence[str | None]], columns: Mapping[str, int], seen: np.ndarray
) -> Sequence[str] | None:
    """The first mixture whose keypoints are all seen; else the first with one that is seen; else the first there is."""
    there = [mixture for mixture in mixtures if all(name in columns for name in mixture)]
    shares = [seen[[columns[name] for name in mixture]].mean() for mixture in there]
    ranks = [(share == 1, share > 0) for share in shares]
    return there[ranks.index(max(ranks))] if there else None


_H36M_17_MIXTURES = {
    "pelvis": (("pelvis",), ("left_hip", "right_hip")),
    "thorax": (("thorax",), ("neck",), ("left_shoulder", "right_shoulder")),
    "neck": (("nose",), ("neck",), ("upper_neck", "head")),
    "head": (("head",), ("left_eye", "right_eye")),
}
"""Keypoints whose mean is each of Human3.6M's joints, the best first; the spine is between pelvis and thorax."""

_MOTION_CAPTURE = {
    ("h36m_32", "h36m_17"): H36M_32_TO_17,
    ("body_22", "h36m_17"): H36M_17.joints,  # its neck is not the nose
    ("cmu_31", "h36m_17"): (
        "root", "rhipjoint", "rfemur", "rtibia", "lhipjoint", "lfemur", "ltibia",
        "lowerback", "thorax", "upperneck", "head",
        "lclavicle", "lhumerus", "lradius", "rclavicle", "rhumerus", "rradius",
    ),
}  # fmt: skip
"""The joints of other skeletons that are Human3.6M's."""
