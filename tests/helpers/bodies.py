"""Bodies that move in one known way."""

import numpy as np

from helpers.samples import make_track
from jaxpose.skeleton import H36M_17

LEFT, RIGHT = list(H36M_17.left), list(H36M_17.right)
MIDDLE = [joint for joint in range(17) if joint not in LEFT + RIGHT]


def gliding(frames=40):
    """Poses (T, 17, 3) of a symmetric body that moves 1 cm a frame to the right and does not change."""
    pose = make_track(frames=1).positions_3d[0]
    pose[MIDDLE, 0] = 0
    pose[RIGHT] = pose[LEFT] * [-1, 1, 1]
    return pose + np.float32([0.01, 0, 0]) * np.arange(frames, dtype=np.float32)[:, None, None]
