"""Where nose, eyes and ears are on a head, for motion that was recorded or made without a face.

Typical adult measures: the tip of the nose is 11 to 12 cm in front of the ears, the eyes are 6.3 cm apart and some 3 cm
above it, the ears 15 cm apart at a height between the two; the eyes are at 0.936 of a person's stature (surveys of
adults such as ANSUR II; Drillis & Contini 1966 for the height). They are where annotators of COCO put its keypoints: on
the tip of the nose, on the visible eye, in the middle of the ear.
"""

import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.numerics import as_floating, safe_norm, safe_normalize
from jaxpose.shapes import require_poses
from jaxpose.skeleton import BODY_22, H36M_17

FACE = BODY_22.joints[H36M_17.num_joints :]
"""The joints of `BODY_22` that `H36M_17` has not."""

FACE_OFFSETS = np.float32(
    [[0.115, 0, -0.03], [0.085, 0.0315, 0], [0.085, -0.0315, 0], [0, 0.075, -0.015], [0, -0.075, -0.015]]
)
"""Metres (5, 3) ahead, to the left and up, of an adult of `STATURE_M` who looks straight ahead: in the order of `FACE`,
from the point in the middle of the head at the height of the eyes."""

STATURE_M = 1.75
"""Of the adult whose face has the sizes of `FACE_OFFSETS`."""

_TRUNK_M = 0.295 * STATURE_M  # from the pelvis over the spine to the thorax
_EYES = 0.43  # height of the eyes between the neck's upper end, at 0.89 of the stature, and the top of the head
_LEAN = np.deg2rad(8)  # of the line between the two, backwards, where the gaze is level


def add_face(positions: jax.Array) -> jax.Array:
    """Add nose, eyes and ears to poses that do not say where the head is turned.

    The head is upright along the line from neck to head, and looks where the shoulders face: ahead is at right angles
    to that line and to the shoulders, and nodded by 8°, as the line leans back where people look straight ahead. The
    size is that of the trunk. If the shoulders lie along the line or coincide, the face is on the line.

    Args:
      positions: (..., 17, 3) metres in any right-handed space; joints as in `H36M_17`, the head at its top.

    Returns:
      (..., 22, 3) metres; joints as in `BODY_22`, the first 17 as they were. Gradients are finite everywhere.
    """
    require_poses(positions, "positions", H36M_17)
    positions = as_floating(positions)
    neck, head, left, right, pelvis, spine, thorax = (
        positions[..., H36M_17.index(joint), :]
        for joint in ("neck", "head", "left_shoulder", "right_shoulder", "pelvis", "spine", "thorax")
    )
    line, across = safe_normalize(head - neck), safe_normalize(left - right)
    across = safe_normalize(across - jnp.sum(across * line, axis=-1, keepdims=True) * line)
    ahead = jnp.cross(across, line)
    up, forward = np.cos(_LEAN) * line + np.sin(_LEAN) * ahead, np.cos(_LEAN) * ahead - np.sin(_LEAN) * line
    size = (safe_norm(spine - pelvis) + safe_norm(thorax - spine)) / _TRUNK_M
    axes = jnp.stack([forward, across, up], axis=-2)
    offsets = size[..., None, None] * jnp.einsum("fa,...ac->...fc", FACE_OFFSETS, axes, precision="highest")
    face = (neck + _EYES * (head - neck))[..., None, :] + offsets
    return jnp.concatenate([positions, face.astype(positions.dtype)], axis=-2)
