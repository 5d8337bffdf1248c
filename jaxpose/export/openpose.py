"""Write motion as the JSON files, one a frame, that OpenPose writes with `--3d --write_json`, in one zip archive.

Unpacked, it is the folder that programs for OpenPose read: `motion_000000000012_keypoints.json` has frame 12 of the
video. Each of its `people` has `pose_keypoints_3d`, a flat list x, y, z, c, x, … of the 25 keypoints of BODY_25, and
empty lists for what is not known; `person_id` numbers the tracks from zero, and `name` is the track's own. c is 1, or
0 for a joint that was filled; keypoints that the skeleton does not have are 0, 0, 0, 0. OpenPose's unit and axes are
those of its calibration; here they are metres, or what was asked for, and the motion's own axes, and each file names
them (`units`, `axes`).

Source of the format: OpenPose, doc/02_output.md.
"""

import io
import json
import zipfile
from collections.abc import Sequence

import numpy as np

from jaxpose.export.formats import UNITS, Unit
from jaxpose.export.motion import Motion, filled_mask
from jaxpose.export.tables import AXES
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import Skeleton

BODY_25 = (
    "nose", "neck",
    "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist", "mid_hip",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
    "right_eye", "left_eye", "right_ear", "left_ear",
    "left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel",
)  # fmt: skip
"""The keypoints, in OpenPose's order."""
_LIMBS = (*BODY_25[2:8], *BODY_25[9:15])
_MIDPOINTS = {"neck": ("left_shoulder", "right_shoulder"), "mid_hip": ("left_hip", "right_hip")}
_UNKNOWN = ("pose_keypoints_2d", "face_keypoints_2d", "hand_left_keypoints_2d", "hand_right_keypoints_2d",
            "face_keypoints_3d", "hand_left_keypoints_3d", "hand_right_keypoints_3d")  # fmt: skip


def encode_openpose(motions: Sequence[Motion], unit: Unit = "m") -> bytes:
    """Encode all people as a zip archive of JSON files, positions to 0.1 mm.

    Args:
      motions: of one skeleton, frame rate and space. There is a file for every frame from the first that shows somebody
        to the last; `people` is empty where nobody is shown.
      unit: of the positions.

    Raises:
      InputError: the skeleton lacks a joint of the arms or legs of BODY_25.
    """
    first = motions[0]
    if missing := [name for name in _LIMBS if name not in first.skeleton.joints]:
        raise InputError(
            f"OpenPose's files have arms and legs, but {first.skeleton.name} has no {missing[0]}; choose another format"
        )
    sources = [_sources(keypoint, first.skeleton) for keypoint in BODY_25]
    header = {"version": 1.3, "units": unit, "space": first.space, "axes": AXES[first.space], "fps": first.fps}
    keypoints = [_keypoints(motion, sources, unit) for motion in motions]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        begin = min(motion.start for motion in motions)
        for frame in range(begin, max(motion.start + len(motion.positions) for motion in motions)):
            people = [
                {"person_id": [number], "name": motion.name, "pose_keypoints_3d": rows[frame - motion.start].tolist()}
                | {key: [] for key in _UNKNOWN}
                for number, (motion, rows) in enumerate(zip(motions, keypoints, strict=True))
                if 0 <= frame - motion.start < len(rows)
            ]
            member = zipfile.ZipInfo(f"motion_{frame:012d}_keypoints.json")  # its date is 1980: same motion, same bytes
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, json.dumps(header | {"people": people}, allow_nan=False))
    return buffer.getvalue()


def _sources(keypoint: str, skeleton: Skeleton) -> list[int]:
    """The joints whose mean is a keypoint of BODY_25; none if the skeleton does not have it.

    Human3.6M's thorax is OpenPose's neck, and its neck lies near the nose.
    """
    named = {"thorax": "neck", "neck": "nose"} if "thorax" in skeleton.joints else {}
    index = {
        (named | {"pelvis": "mid_hip", "hip": "mid_hip"}).get(name, name): j for j, name in enumerate(skeleton.joints)
    }
    if keypoint in index:
        return [index[keypoint]]
    pair = _MIDPOINTS.get(keypoint, ())
    return [index[name] for name in pair if name in index]


def _keypoints(motion: Motion, sources: Sequence[Sequence[int]], unit: Unit) -> np.ndarray:
    """Rows (T, 100) of x, y, z, c of each keypoint."""
    keypoints = np.zeros((len(motion.positions), len(sources), 4))
    filled = filled_mask(motion)
    for number, joints in enumerate(sources):
        if joints:
            keypoints[:, number, :3] = UNITS[unit] * np.float64(motion.positions)[:, joints].mean(axis=1)
            keypoints[:, number, 3] = ~filled[:, joints].any(axis=1)
    return np.round(keypoints, 4).reshape(len(keypoints), -1)
