"""Pose tracks in memory."""

from typing import NamedTuple

import numpy as np


class Track(NamedTuple):
    """What one camera saw of one subject's action: an example of the data contract."""

    subject: str
    action: str
    camera: str
    fps: float
    positions_3d: np.ndarray  # (T, J, 3) float32 metres, camera space
    keypoints_2d: np.ndarray  # (T, K, 2 or 3) float32 pixels, and a confidence if there are three
    intrinsics: np.ndarray  # (9,) float32, as `cameras.Camera`
    orientation: np.ndarray  # (4,) float32 unit quaternion (w, x, y, z) of the camera in the world
    translation: np.ndarray  # (3,) float32 metres, of the camera in the world
    width: int  # pixels
    height: int  # pixels
