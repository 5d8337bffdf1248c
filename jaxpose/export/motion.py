"""The 3D motion of people, and the axes that it is given in.

Camera space has x right, y down, z forward; world space is right-handed with z up, as everywhere in jaxpose.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from jaxpose.rotations import quaternion_to_matrix
from jaxpose.skeleton import Skeleton

LEVEL_CAMERA = np.sqrt(np.float32([0.5, 0.5, 0, 0])) * np.float32([1, -1, 1, 1])
"""Orientation (w, x, y, z) of a camera that is held level and looks along the y axis of the world."""


class Motion(NamedTuple):
    """How one person moves: the frames from the first to the last in which there is a pose."""

    name: str  # of the person's track
    positions: np.ndarray  # (T, J, 3) float32 metres
    skeleton: Skeleton
    fps: float
    filled: np.ndarray | None = None  # (T, J) bool, joints that were interpolated, not seen; None: no joint was
    space: Literal["camera", "world"] = "camera"
    start: int = 0  # the frame of the video that positions[0] is of


def upright(motion: Motion, orientation: np.ndarray = LEVEL_CAMERA) -> Motion:
    """Turn a motion from camera space to the world, and put it on the floor.

    The person's lowest joint of all frames comes to height zero. Nothing else is moved: the camera stays above the
    origin.

    Args:
      motion: in camera space.
      orientation: (4,) unit quaternion (w, x, y, z) of the camera in the world, as `cameras.Camera` has it; without
        one, the camera is taken for level.

    Returns:
      The motion in the world.

    Raises:
      ValueError: the motion is in the world already.
    """
    if motion.space != "camera":
        raise ValueError(f"motion {motion.name!r} is in {motion.space} space")
    world = motion.positions @ np.asarray(quaternion_to_matrix(np.float32(orientation))).T
    floor = [0, 0, world[..., 2].min()] if world.size else 0
    return motion._replace(positions=np.float32(world - floor), space="world")


def z_up(motion: Motion) -> np.ndarray:
    """Positions (T, J, 3) float64 metres with z up: those in camera space as a level camera sees them."""
    positions = np.asarray(motion.positions, np.float64)
    return positions if motion.space == "world" else positions[..., [0, 2, 1]] * [1, 1, -1]


def y_up(motion: Motion) -> np.ndarray:
    """Positions (T, J, 3) float64 metres with y up, as animation and biomechanics have them.

    (x, y, z) of `z_up` is (x, z, -y) here: programs that have z up themselves, as Blender, turn it back when they
    are told that y is up and -z forward. Camera space becomes (x, -y, -z).
    """
    return z_up(motion)[..., [0, 2, 1]] * [1, 1, -1]


def filled(motion: Motion) -> np.ndarray:
    """(T, J) bool, which joints were interpolated."""
    return np.zeros(motion.positions.shape[:2], bool) if motion.filled is None else np.asarray(motion.filled, bool)


def safe_names(names: Sequence[str], longest: int = 40) -> list[str]:
    """Names that neither split in two nor lead out of a folder: of letters, digits, dots, dashes and underscores.

    Args:
      names: any.
      longest: in characters.

    Returns:
      One for each, in their order. What is not plain has become underscores; names that would then be the same, or
      be told apart by case alone, are numbered.
    """
    found: list[str] = []
    taken: set[str] = set()
    for name in names:
        label = stem = re.sub(r"[^\w.-]+", "_", unicodedata.normalize("NFC", name))[:longest] or "_"
        number = 1
        while label.casefold() in taken:
            number += 1
            label = f"{stem}-{number}"
        taken.add(label.casefold())
        found.append(label)
    return found
