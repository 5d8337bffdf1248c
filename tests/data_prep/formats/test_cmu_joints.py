"""Faces on bodies of the CMU database: measures of an adult, turned with the head and with the body.

`tests/data_prep/test_cmu.py` has the 17 joints, of made-up and of real motion.
"""

import numpy as np
from helpers.cmu_files import UNIT, asf_text

from data_prep.formats import asf, cmu_joints
from jaxpose.skeleton import H36M_17


def face(skeleton, motion):
    """Positions (T, 5, 3) of nose, eyes and ears, from the end of the head's bone, z up."""
    positions = cmu_joints.world_22(skeleton, motion)
    np.testing.assert_array_equal(positions[:, :17], cmu_joints.world_17(skeleton, motion))
    return positions[:, 17:] - positions[:, [H36M_17.index("head")]]


def test_the_face_turns_with_the_head():
    """Ahead, left and up at rest; with a head turned to the left, with one that looks down, with a body turned left."""
    skeleton = asf.read(asf_text(dofs={"head": "rx ry"}).encode(), "body")
    motion = np.zeros((4, 6 + 1 + 2))
    assert list(skeleton.channels) == ["root", "lfemur", "head"]
    motion[1, 8] = motion[2, 7] = motion[3, 4] = np.pi / 2
    found = face(skeleton, motion)
    size = UNIT * 14 / 0.491 / 1.75  # legs are 0.491 of the stature; the measures are of an adult of 1.75 m
    ahead, left, up = np.eye(3)
    expected = [
        0.115 * ahead - 0.05 * up,
        0.085 * ahead + 0.0315 * left - 0.02 * up,
        0.085 * ahead - 0.0315 * left - 0.02 * up,
        0.075 * left - 0.035 * up,
        -0.075 * left - 0.035 * up,
    ]
    rest = size * np.float64(expected)
    np.testing.assert_allclose(found[0], rest, atol=1e-6)
    for frame in (1, 3):  # ahead is to the left, left is backwards
        np.testing.assert_allclose(found[frame], rest[:, [1, 0, 2]] * [-1, 1, 1], atol=1e-6)
    # the head's bone has turned as well: its end is where the head was ahead
    np.testing.assert_allclose(found[2], rest[:, [2, 1, 0]] * [1, 1, -1], atol=1e-6)
