"""The keypoint layouts of 2D detectors, by name, and what becomes of them before a lifter sees them.

A lifter that was trained on Human3.6M's joints takes other layouts through `skeleton.conversion`. Published recipes
differ; this is ours ("a+b" is the midpoint, "a+a+b" a third of the way from a to b):

| h36m_17 | coco_17 | coco_18 | halpe_26 | body_25 | mediapipe_33 |
|---|---|---|---|---|---|
| pelvis | left_hip+right_hip | left_hip+right_hip | hip | mid_hip | left_hip+right_hip |
| spine | left_hip+right_hip+left_shoulder+right_shoulder | left_hip+right_hip+neck+neck | hip+neck | mid_hip+neck | left_hip+right_hip+left_shoulder+right_shoulder |
| thorax | left_shoulder+right_shoulder | neck | neck | neck | left_shoulder+right_shoulder |
| neck | nose | nose | nose | nose | nose |
| head | left_eye+right_eye | left_eye+right_eye | head | left_eye+right_eye | left_eye+right_eye |

Hips, knees, ankles, shoulders, elbows and wrists are the detector's own. Human3.6M's "neck" is its joint between neck
and nose, for which the nose stands in; its "head" is the top of the head, which only Halpe has: the eyes lie some 12 cm
below. A lifter that was trained on COCO's keypoints takes the other layouts' keypoints of the same names.
"""  # noqa: E501

import re

from jaxpose.skeleton import COCO_17, H36M_17, Skeleton


def _detector(name: str, *joints: str) -> Skeleton:
    """Unconnected keypoints whose names say which are left and right."""
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
"""Every layout that keypoints can be in, by name."""

_ALSO = {"coco": COCO_17, "h36m": H36M_17, "halpe": HALPE_26, "openpose": BODY_25, "mediapipe": MEDIAPIPE_33}


def find_layout(name: str) -> Skeleton:
    """The layout of that name; case and punctuation do not matter, and "coco" or "h36m" will do.

    Raises:
      ValueError: there is none.
    """
    plain = {re.sub(r"\W|_", "", known): layout for known, layout in LAYOUTS.items()} | _ALSO
    try:
        return plain[re.sub(r"\W|_", "", name.lower())]
    except KeyError:
        raise ValueError(f"there is no layout {name!r}; known: {', '.join(LAYOUTS)}") from None
