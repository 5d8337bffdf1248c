"""The 3D motion of a person, its axes, and names that are safe in files.

Camera space has x right, y down, z forward; world space is right-handed with z up, as everywhere in jaxpose.
"""

import math
import re
import unicodedata
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from jaxpose.rotations import quaternion_from_axis_angle, quaternion_multiply, quaternion_to_matrix
from jaxpose.skeleton import Skeleton

LEVEL_CAMERA = np.sqrt(np.float32([0.5, 0.5, 0, 0])) * np.float32([1, -1, 1, 1])
"""Orientation (w, x, y, z) of a camera that is held level and looks along the y axis of the world."""


class Keypoints(NamedTuple):
    """The 2D keypoints from which a motion was lifted, gaps filled.

    Attributes:
      pixels: (T, K, 2) of every frame of the motion.
      layout: which keypoint is which.
      width: of the image, pixels.
      height: of the image, pixels.
    """

    pixels: np.ndarray
    layout: Skeleton
    width: int
    height: int


class Motion(NamedTuple):
    """3D positions of one person, from the first frame with a pose to the last.

    Attributes:
      name: of the person's track.
      positions: (T, J, 3) float32 metres.
      skeleton: of the positions.
      fps: frames per second.
      filled: (T, J) bool, joints that were not seen but filled in; None if no joint was.
      space: camera space, or world space.
      start: frame number of `positions[0]` in the video.
      keypoints: from which it was lifted, if they are known.
      trained_on: data of the network that lifted it, see `data.track.title_with_notice`; empty if not known.
    """

    name: str
    positions: np.ndarray
    skeleton: Skeleton
    fps: float
    filled: np.ndarray | None = None
    space: Literal["camera", "world"] = "camera"
    start: int = 0
    keypoints: Keypoints | None = None
    trained_on: str = ""


def upright(motion: Motion, orientation: np.ndarray = LEVEL_CAMERA) -> Motion:
    """Turn a motion from camera space to world space, z up, with the lowest joint of all frames at height zero.

    The camera stays above the origin.

    Args:
      motion: in camera space.
      orientation: (4,) unit quaternion (w, x, y, z) of the camera in the world, as in `cameras.Camera`; by default
        that of a level camera.

    Returns:
      The motion in world space.

    Raises:
      ValueError: the motion is in world space already.
    """
    if motion.space != "camera":
        raise ValueError(f"motion {motion.name!r} is in {motion.space} space")
    world = motion.positions @ np.asarray(quaternion_to_matrix(np.float32(orientation))).T
    floor = [0, 0, world[..., 2].min()] if world.size else 0
    return motion._replace(positions=np.float32(world - floor), space="world")


def camera_orientation(pitch: float, roll: float = 0.0) -> np.ndarray:
    """Orientation (4,) in the world, as in `cameras.Camera`, of a camera by how it is held.

    Args:
      pitch: degrees by which it looks down.
      roll: degrees by which it is turned about its optical axis, clockwise as seen from behind it.
    """
    tilt = quaternion_from_axis_angle(np.float32([-math.radians(pitch), 0, 0]))
    turn = quaternion_from_axis_angle(np.float32([0, 0, math.radians(roll)]))
    return np.asarray(quaternion_multiply(quaternion_multiply(tilt, LEVEL_CAMERA), turn))


def z_up(motion: Motion) -> np.ndarray:
    """Positions (T, J, 3) float64 metres with z up; camera space is turned as if the camera were level."""
    positions = np.asarray(motion.positions, np.float64)
    return positions if motion.space == "world" else positions[..., [0, 2, 1]] * [1, 1, -1]


def y_up(motion: Motion) -> np.ndarray:
    """Positions (T, J, 3) float64 metres with y up, as in animation and biomechanics.

    (x, y, z) of `z_up` becomes (x, z, -y). Programs with z up, such as Blender, turn it back when they import with y up
    and -z forward. Camera space becomes (x, -y, -z).
    """
    return z_up(motion)[..., [0, 2, 1]] * [1, 1, -1]


def filled_mask(motion: Motion) -> np.ndarray:
    """Which joints were interpolated, (T, J) bool."""
    return np.zeros(motion.positions.shape[:2], bool) if motion.filled is None else np.asarray(motion.filled, bool)


def safe_names(names: Sequence[str], longest: int = 40) -> list[str]:
    """Make distinct names of letters, digits, dots, dashes and underscores: they cannot leave a folder or split a cell.

    Args:
      names: any.
      longest: in characters.

    Returns:
      A name for each, in their order. Other characters become underscores; names that would then be equal, apart from
      case, are numbered.
    """
    labels: list[str] = []
    taken: set[str] = set()
    for name in names:
        label = stem = re.sub(r"[^\w.-]+", "_", unicodedata.normalize("NFC", name))[:longest] or "_"
        number = 1
        while label.casefold() in taken:
            number += 1
            label = f"{stem}-{number}"
        taken.add(label.casefold())
        labels.append(label)
    return labels
