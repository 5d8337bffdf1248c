"""The joints of Human3.6M, and faces, of motion in the files of the CMU database."""

import numpy as np

from data_prep.formats import asf
from jaxpose.keypoints.layouts import conversion
from jaxpose.skeleton import CMU_31, H36M_17

_WORLD_AXES = [2, 0, 1]
"""The files have y up, and in the rest pose z ahead."""

_EYES_BELOW_HEAD_M = 0.02
"""Height of the end of the head's bone above the eyes, of an adult of `faces.STATURE_M`."""

_LEG = 0.491
"""Thigh and shank together, as a share of the stature (Drillis & Contini, 1966)."""


def world_17(skeleton: asf.Skeleton, motion: np.ndarray) -> np.ndarray:
    """Positions (T, 17, 3) of `H36M_17`, metres, z up, of motion (T, D) from `amc.read`."""
    return _h36m_17(skeleton, asf.forward_kinematics(skeleton, motion))


def world_22(skeleton: asf.Skeleton, motion: np.ndarray) -> np.ndarray:
    """Positions (T, 22, 3) of `BODY_22`, metres, z up, of motion (T, D) from `amc.read`.

    The face turns with the bone of the head, which was captured with markers of its own, and looks along the z of the
    files in the rest pose. The bone ends in the middle of the head, a little above the eyes, at 0.945 of the stature in
    the rest poses of 38 subjects. The face has the size of the body, by the length of its legs.
    """
    from jaxpose.data.faces import FACE_OFFSETS, STATURE_M

    positions, rotations = asf.placed_bones(skeleton, motion)
    size = _stature(skeleton) / STATURE_M
    ahead, left, up = FACE_OFFSETS.astype(np.float64).T
    offsets = size * np.stack([left, up - _EYES_BELOW_HEAD_M, ahead], axis=-1)
    head = skeleton.joints.index("head")
    face = positions[:, head, None] + np.einsum("tac,fc->tfa", rotations[:, head], offsets)
    return np.concatenate([_h36m_17(skeleton, positions), face[..., _WORLD_AXES]], axis=1)


def _h36m_17(skeleton: asf.Skeleton, positions: np.ndarray) -> np.ndarray:
    """Positions (T, 17, 3) of `H36M_17`, z up, of the joints (T, J, 3) of a skeleton."""
    joints = [skeleton.joints.index(joint) for joint in CMU_31.joints]
    return (conversion(CMU_31, H36M_17) @ positions[:, joints])[..., _WORLD_AXES]


def _stature(skeleton: asf.Skeleton) -> float:
    """Stature in metres of a body with legs of this length."""
    lengths = {bone.name: float(np.linalg.norm(bone.offset)) for bone in skeleton.bones}
    return sum(lengths[bone] for bone in ("lfemur", "ltibia", "rfemur", "rtibia")) / 2 / _LEG
