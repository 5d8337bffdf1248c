"""The keypoint layouts of 2D detectors, by name, and the conversions between layouts.

A lifter that was trained on Human3.6M's joints reads other layouts through `conversion`. Published recipes differ; the
table of ours is in this room's README. Hips, knees, ankles, shoulders, elbows and wrists are the detector's own; the
trunk is made of midpoints. Human3.6M's "neck" is its joint between neck and nose, for which the nose is taken; its
"head" is the top of the head, which only Halpe has: the eyes lie some 12 cm below. A lifter that was trained on COCO's
keypoints takes the keypoints of the same names from other layouts.
"""

import re

import numpy as np

from jaxpose.skeleton import COCO_17, H36M_16, H36M_17, H36M_32_TO_17, Skeleton


def _detector(name: str, *joints: str) -> Skeleton:
    """A layout of unconnected keypoints, whose names say which are left and right."""
    left = [joint for joint in joints if joint.startswith("left_")]
    pairs = [(joints.index(joint), joints.index(f"right_{joint.removeprefix('left_')}")) for joint in left]
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

MEDIAPIPE_33 = _detector(
    "mediapipe_33", "nose", "left_eye_inner", "left_eye", "left_eye_outer",
    "right_eye_inner", "right_eye", "right_eye_outer", "left_ear", "right_ear", "left_mouth", "right_mouth",
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
    "left_pinky", "right_pinky", "left_index", "right_index", "left_thumb", "right_thumb",
    "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
    "left_heel", "right_heel", "left_foot_index", "right_foot_index",
)  # fmt: skip
"""MediaPipe's 33 pose landmarks (BlazePose)."""

LAYOUTS = {layout.name: layout for layout in (H36M_17, COCO_17, COCO_18, HALPE_26, BODY_25, MEDIAPIPE_33)}
"""Every layout of keypoints, by name."""

_SHORT_NAMES = {"coco": COCO_17, "h36m": H36M_17, "halpe": HALPE_26, "openpose": BODY_25, "mediapipe": MEDIAPIPE_33}


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


def conversion(source: Skeleton, target: Skeleton) -> np.ndarray:
    """Weights that convert joints of `source` to joints of `target`: target = weights @ source.

    Args:
      source: the layout or skeleton to convert from.
      target: the layout or skeleton to convert to.

    Returns:
      (J_target, J_source) float32; every row sums to one, so translations are kept.

    Raises:
      ValueError: no conversion between the two is known.
    """
    weights = np.zeros((target.num_joints, source.num_joints), np.float32)
    if source == target:
        return np.eye(source.num_joints, dtype=np.float32)
    if (source.name, target.name) not in _CONVERSIONS:
        known = ", ".join(f"{a} -> {b}" for a, b in _CONVERSIONS)
        raise ValueError(f"no conversion from {source.name!r} to {target.name!r} keypoints; known: {known}")
    for row, mixture in enumerate(_CONVERSIONS[source.name, target.name]):
        names = mixture.split("+")  # "a+b" is the midpoint of a and b, "a+a+b" a third of the way from a to b
        for joint in names:
            weights[row, source.index(joint)] += 1 / len(names)
    return weights


# Detectors have no spine, and not all have a pelvis, thorax or head: midpoints are taken for them.
_MIDPOINTS = {
    "pelvis": "left_hip+right_hip",
    "spine": "left_hip+right_hip+left_shoulder+right_shoulder",
    "thorax": "left_shoulder+right_shoulder",
    "head": "left_eye+right_eye",
}

_DETECTED_TRUNKS = {
    "coco_17": _MIDPOINTS,
    "coco_18": _MIDPOINTS | {"spine": "left_hip+right_hip+neck+neck", "thorax": "neck"},
    "halpe_26": {"pelvis": "hip", "spine": "hip+neck", "thorax": "neck", "head": "head"},
    "body_25": _MIDPOINTS | {"pelvis": "mid_hip", "spine": "mid_hip+neck", "thorax": "neck"},
    "mediapipe_33": _MIDPOINTS,
}


def _h36m_17(pelvis: str, spine: str, thorax: str, head: str) -> tuple[str, ...]:
    """A detector's keypoints for each of Human3.6M's joints: its own limbs, and midpoints for the trunk."""
    trunk = {"pelvis": pelvis, "spine": spine, "thorax": thorax, "neck": "nose", "head": head}
    return tuple(trunk.get(joint, joint) for joint in H36M_17.joints)


_CONVERSIONS: dict[tuple[str, str], tuple[str, ...]] = {
    ("h36m_32", "h36m_17"): H36M_32_TO_17,
    ("cmu_31", "h36m_17"): (
        "root", "rhipjoint", "rfemur", "rtibia", "lhipjoint", "lfemur", "ltibia",
        "lowerback", "thorax", "upperneck", "head",
        "lclavicle", "lhumerus", "lradius", "rclavicle", "rhumerus", "rradius",
    ),
    **{(name, "h36m_17"): _h36m_17(**trunk) for name, trunk in _DETECTED_TRUNKS.items()},
    **{(name, "coco_17"): COCO_17.joints for name in ("coco_18", "halpe_26", "body_25", "mediapipe_33")},
}  # fmt: skip

# The 16 joints are the 17 without one, whatever they are converted from.
_CONVERSIONS |= {
    (source, "h36m_16"): tuple(
        mixture for mixture, joint in zip(mixtures, H36M_17.joints, strict=True) if joint != "neck"
    )
    for (source, target), mixtures in _CONVERSIONS.items()
    if target == "h36m_17"
} | {("h36m_17", "h36m_16"): H36M_16.joints}
