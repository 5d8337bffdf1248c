"""Captures in BVH files as tracks: maps from joints of any skeleton to those of Human3.6M."""

import json

import numpy as np
import pytest

from data_prep.formats.bvh import read
from data_prep.sources import bvh
from jaxpose.skeleton import H36M_17


def test_a_map_from_a_file(tmp_path):
    own = dict.fromkeys(H36M_17.joints, "a") | {"spine": ["a", "b", "b_end"], "head": "b_end"}
    (tmp_path / "map.json").write_text(json.dumps(own))
    text = "HIERARCHY\nROOT x:a { OFFSET 0 0 0 CHANNELS 1 Yrotation\nJOINT x:b { OFFSET 3 0 0 CHANNELS 0\n"
    text += "End Site { OFFSET 0 6 0 } } }\nMOTION\nFrames: 1\nFrame Time: 0.02\n90\n"
    found = bvh.world_17(read(text.encode(), "arm.bvh"), bvh.read_map(str(tmp_path / "map.json")), 0.5, "y", "arm.bvh")
    assert found.shape == (1, 17, 3)
    # b is at (0, 0, -3) and its end at (0, 6, -3), in the world of the file with y up; its z, x, y are x, y, z.
    np.testing.assert_allclose(found[0, H36M_17.index("head")], [-1.5, 0, 3], atol=1e-12)
    np.testing.assert_allclose(found[0, H36M_17.index("spine")], [-1, 0, 1], atol=1e-12)
    np.testing.assert_allclose(found[0, H36M_17.index("pelvis")], 0, atol=1e-12)


@pytest.mark.parametrize("name", bvh.MAPS)
def test_built_in_maps_are_symmetric(name):
    joints = bvh.read_map(name)
    for left, right in zip(H36M_17.left, H36M_17.right, strict=True):
        (a,), (b,) = joints[H36M_17.joints[left]], joints[H36M_17.joints[right]]
        assert b == a.replace("Left", "Right")
