"""A pose to draw."""

import numpy as np
import pytest

from jaxpose.data.synthetic.body import bone_offsets
from jaxpose.skeleton import H36M_17


@pytest.fixture
def pose():
    """A person who stands upright and faces +x."""
    positions = np.zeros((17, 3))
    for joint, parent in enumerate(H36M_17.parents):
        positions[joint] = (positions[parent] if parent >= 0 else [0, 0, 1]) + bone_offsets("S1")[joint]
    return positions
