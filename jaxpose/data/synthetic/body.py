"""The bodies of the synthetic people: bone offsets, forward kinematics from joint angles, contact with the floor.

Angles are the columns of `jaxpose.data.synthetic.scripts.ANGLES`, in degrees; positions are metric with z up.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.data.synthetic.scripts import ANGLES
from jaxpose.kinematics import forward_kinematics
from jaxpose.numerics import safe_norm
from jaxpose.rotations import quaternion_from_axis_angle, quaternion_multiply, rotate
from jaxpose.skeleton import H36M_17, Skeleton


class _Build(NamedTuple):
    """Stature in metres, and proportions relative to the averages of Drillis & Contini."""

    stature: float
    legs: float
    arms: float
    shoulders: float
    hips: float


_BUILDS = {
    "S1": _Build(1.66, 0.99, 0.98, 0.95, 1.05),
    "S5": _Build(1.62, 1.01, 0.97, 0.94, 1.08),
    "S6": _Build(1.80, 1.01, 1.02, 1.05, 0.97),
    "S7": _Build(1.71, 0.98, 1.00, 0.97, 1.04),
    "S8": _Build(1.86, 1.02, 1.01, 1.04, 0.98),
    "S9": _Build(1.75, 0.98, 1.03, 1.03, 0.98),
    "S11": _Build(1.78, 1.03, 0.99, 1.00, 1.00),
}

_REST = {  # child from parent in statures: x ahead, y to the left, z up
    "hip": (0, 0.075, 0),
    "knee": (0, 0, -0.245),
    "ankle": (0, 0, -0.246),
    "spine": (-0.008, 0, 0.135),
    "thorax": (-0.004, 0, 0.160),
    "neck": (0.028, 0, 0.066),
    "head": (-0.014, 0, 0.105),
    "shoulder": (0, 0.100, -0.010),
    "elbow": (0, 0, -0.186),
    "wrist": (0, 0, -0.146),
}
"""Limbs and stature after Drillis & Contini (1966), as in Winter, Biomechanics and Motor Control of Human Movement;
the trunk's joints, and the widths between joint centres, estimated to fit."""


def bone_offsets(subject: str) -> np.ndarray:
    """Bone offsets of one person in the rest pose, from each joint's parent to the joint.

    Args:
      subject: one of `SUBJECTS`.

    Returns:
      (17, 3) float32 metres. The rest pose stands upright with hanging arms and faces +x: left is +y, up is +z.
    """
    build = _BUILDS[subject]
    scale = {
        "hip": build.hips, "knee": build.legs, "ankle": build.legs,
        "shoulder": build.shoulders, "elbow": build.arms, "wrist": build.arms,
    }  # fmt: skip
    offsets = np.zeros((H36M_17.num_joints, 3))
    for joint, name in enumerate(H36M_17.joints[1:], start=1):
        side, _, part = name.rpartition("_")
        mirrored = (1, -1, 1) if side == "right" else (1, 1, 1)
        offsets[joint] = build.stature * scale.get(part, 1) * np.multiply(_REST[part], mirrored)
    return offsets.astype(np.float32)


# Trunk, arms and legs are a chain each. Neck and shoulders leave the thorax each on its own: throat and clavicle are
# turning points without length.
_SIDES = ("right", "left")
_TRUNK = Skeleton("trunk", ("pelvis", "spine", "thorax", "throat", "neck", "head"), (-1, 0, 1, 2, 3, 4))
_ARM = Skeleton("arm", ("clavicle", "shoulder", "elbow", "wrist"), (-1, 0, 1, 2))
_LEG = Skeleton("leg", ("hip", "knee", "ankle"), (-1, 0, 1))
_JOINTS = (*_TRUNK.joints, *(f"{side}_{joint}" for limb in (_ARM, _LEG) for side in _SIDES for joint in limb.joints))
_AS_H36M = np.asarray([_JOINTS.index(joint) for joint in H36M_17.joints])


def _rows(*joints: str) -> np.ndarray:
    """Rows of these joints in `bone_offsets`; joints without length share the pelvis's row, which is zero."""
    return np.asarray([H36M_17.index(joint) if joint in H36M_17.joints else 0 for joint in joints])


_TRUNK_ROWS = _rows(*_TRUNK.joints)
_ARM_ROWS = np.stack([_rows(*(f"{side}_{joint}" for joint in _ARM.joints)) for side in _SIDES])
_LEG_ROWS = np.stack([_rows(*(f"{side}_{joint}" for joint in _LEG.joints)) for side in _SIDES])
_SOLE = np.asarray([(-0.12, 0, -0.159), (0.31, 0, -0.159)], np.float32)  # heel and ball from the ankle, in shanks

_X, _Y, _Z = 0, 1, 2
_TURNS = {  # joints that each angle turns: (joint, axis, factor), of the left side if there are two
    "pelvis_tilt": (("pelvis", _Y, 1),),
    "pelvis_list": (("pelvis", _X, 1),),
    "pelvis_turn": (("pelvis", _Z, 1),),
    "spine_bend": (("spine", _Y, 1),),
    "spine_side": (("spine", _X, -1),),
    "spine_twist": (("spine", _Z, 1),),
    "head_nod": (("throat", _Y, 0.5), ("neck", _Y, 0.5)),
    "head_tilt": (("throat", _X, -0.5), ("neck", _X, -0.5)),
    "head_turn": (("throat", _Z, 1),),
    "shoulder_flexion": (("shoulder", _Y, -1), ("clavicle", _X, 0.08), ("clavicle", _Z, -0.12)),
    "shoulder_abduction": (("shoulder", _X, 1), ("clavicle", _X, 0.12)),  # the shoulder girdle follows the arm
    "shoulder_rotation": (("shoulder", _Z, -1),),
    "elbow_flexion": (("elbow", _Y, -1),),
    "hip_flexion": (("hip", _Y, -1),),
    "hip_abduction": (("hip", _X, 1),),
    "hip_rotation": (("hip", _Z, -1), ("ankle", _Z, -1)),
    "knee_flexion": (("knee", _Y, 1),),
    "foot_pitch": (("ankle", _Y, -1),),
    "lean": (("right_hip", _Y, 1), ("left_hip", _Y, 1)),
    "shift": (("right_hip", _X, -1), ("left_hip", _X, -1)),
}


def _turn_table() -> np.ndarray:
    """Radians (D, J, 3) that a degree in each column turns each joint of the posed body about x, y and z."""
    table = np.zeros((len(ANGLES), len(_JOINTS), 3), np.float32)
    for column, name in enumerate(ANGLES):
        side, _, angle = name.partition("_")
        paired = side in _SIDES and angle in _TURNS
        for joint, axis, factor in _TURNS.get(angle if paired else name, ()):
            mirrored = -1 if paired and side == "right" and axis != _Y else 1
            table[column, _JOINTS.index(f"{side}_{joint}" if paired else joint), axis] += factor * mirrored
    return np.deg2rad(table)


_TURN_TABLE = _turn_table()


def pose_body(angles: jax.Array, offsets: jax.Array) -> jax.Array:
    """Forward kinematics of a body that faces +x, its pelvis at the origin.

    Every joint turns about its z, then x, then y axis: joints of the trunk relative to the joint below, arms to the
    trunk, knees to the thigh; pelvis, thighs and feet relative to the world, as gait laboratories measure them.

    Args:
      angles: (T, D) degrees, the columns `ANGLES`.
      offsets: (17, 3) metres, as `bone_offsets` gives them.

    Returns:
      (T, 21, 3) metres: the joints of `H36M_17`, then heel and ball of the right foot, then of the left.
    """
    offsets = jnp.asarray(offsets)
    turns = jnp.einsum("td,dja->tja", angles, _TURN_TABLE, precision="highest")
    x, y, z = jnp.unstack(quaternion_from_axis_angle(turns[..., None] * np.eye(3, dtype=np.float32)), axis=-2)
    rotations = quaternion_multiply(y, quaternion_multiply(x, z))
    trunk, arms, legs = jnp.split(rotations, (_TRUNK.num_joints, _TRUNK.num_joints + 2 * _ARM.num_joints), axis=1)
    arms, legs = (limb.reshape(len(angles), len(_SIDES), limb.shape[1] // len(_SIDES), 4) for limb in (arms, legs))
    chest = quaternion_multiply(trunk[:, 0], trunk[:, 1])
    arms = arms.at[:, :, 0].set(quaternion_multiply(chest[:, None], arms[:, :, 0]))

    midline = forward_kinematics(trunk, offsets[_TRUNK_ROWS], jnp.zeros_like(offsets[0]), _TRUNK)
    arms = forward_kinematics(arms, offsets[_ARM_ROWS], midline[:, None, _TRUNK.index("thorax")], _ARM)
    hips = rotate(trunk[:, :1], offsets[_LEG_ROWS[:, 0]])
    feet = legs[:, :, 2:]
    legs = forward_kinematics(legs, offsets[_LEG_ROWS].at[:, 0].set(0), hips, _LEG)
    soles = legs[:, :, 2:] + rotate(feet, safe_norm(offsets[_LEG_ROWS[0, 2]]) * _SOLE)
    midline, arms, legs, soles = (
        part.reshape(len(angles), math.prod(part.shape[1:-1]), 3) for part in (midline, arms, legs, soles)
    )
    return jnp.concatenate([jnp.concatenate([midline, arms, legs], axis=1)[:, _AS_H36M], soles], axis=1)


_SUPPORTS = {  # parts that can touch the floor: metres from the joint to the skin below it, and resistance to sliding
    "heel": (0.0, 1.0), "ball": (0.0, 1.0), "ankle": (0.045, 1.0), "knee": (0.05, 1.0), "hip": (0.10, 20.0),
    "elbow": (0.04, 0.1), "wrist": (0.03, 0.1),
}  # fmt: skip
_POSED_JOINTS = (*H36M_17.joints, "right_heel", "right_ball", "left_heel", "left_ball")
_SUPPORT_JOINTS = np.asarray([_POSED_JOINTS.index(f"{side}_{part}") for part in _SUPPORTS for side in _SIDES])
_SKIN, _FIRMNESS = np.repeat(np.asarray(list(_SUPPORTS.values()), np.float32), len(_SIDES), axis=0).T
_CONTACT = 0.003  # metres over which contact fades


def ground_contact(points: jax.Array, walking: jax.Array, path: Callable[[jax.Array], jax.Array]) -> jax.Array:
    """Put a posed body on the floor, and move it as its contact with the floor demands.

    Args:
      points: (T, 21, 3) metres, as `pose_body` gives them.
      walking: (T,) 1 where the body walks and its path turns it, 0 where it stays on the spot.
      path: heading (T,) in radians from +x to +y, after the distances (T,) walked in metres.

    Returns:
      (T, 17, 3) metres, up to a shift along the floor. Parts that touch the floor do not slide.
    """
    height = points[:, _SUPPORT_JOINTS, 2] - _SKIN
    lift = _CONTACT * jax.nn.logsumexp(-height / _CONTACT, axis=-1)  # at least -min(height): nothing sinks in
    grip = jax.nn.softmax(np.log(_FIRMNESS) - height / _CONTACT, axis=-1)
    grip = (grip[1:] + grip[:-1]) / 2

    def steps(points: jax.Array) -> jax.Array:
        """Movement (T, 2) of the body relative to the points that stand, from frame to frame, metres."""
        slide = jnp.sum(grip[..., None] * jnp.diff(points[:, _SUPPORT_JOINTS, :2], axis=0), axis=1)
        return -jnp.pad(slide, ((1, 0), (0, 0)))

    heading = path(jnp.cumsum(walking * steps(points)[:, 0]))
    upright = jnp.stack([jnp.zeros_like(heading), jnp.zeros_like(heading), heading], axis=-1)
    turned = rotate(quaternion_from_axis_angle(upright)[:, None], points)
    positions = turned + jnp.concatenate([jnp.cumsum(steps(turned), axis=0), lift[:, None]], axis=-1)[:, None]
    return positions[:, : H36M_17.num_joints]
