"""Read motion from the npz files that `jaxpose predict` writes, to look at it; `tables.py` has their keys."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxpose.export.formats import UNITS
from jaxpose.export.motion import Keypoints, Motion
from jaxpose.files.safe_npz import load_npz
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import Skeleton


def is_motion_file(path: Path) -> bool:
    """True if a path that may be a run's folder names a file that `read_motions` reads."""
    return path.suffix.lower() == ".npz" and not path.is_dir()


def read_motions(path: Path) -> list[Motion]:
    """Read the people of an npz file, with the 2D keypoints from which they were lifted if the file has them.

    Args:
      path: a file that `writers.write_motions` wrote.

    Returns:
      At least one motion; all have keypoints, or none.

    Raises:
      InputError: there is no such file, or it is another one or damaged.
    """
    members = load_npz(path)
    if "names" not in members or "positions_0" not in members:
        raise InputError(f"{path} is not a file of jaxpose predict; lift the keypoints with --out {path.stem}.npz")
    try:
        skeleton, layout = _skeleton(members, "", "skeleton", "joints"), _layout(members)
        if not len(members["names"]):
            raise ValueError("no names")
        motions = [_motion(members, number, skeleton, layout) for number in range(len(members["names"]))]
    except (KeyError, ValueError, TypeError, AttributeError, IndexError, OverflowError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise InputError(f"{path} is damaged ({reason:.200}); lift the keypoints again") from error
    return motions


def choose_motion(motions: Sequence[Motion], name: str | None) -> Motion:
    """The motion of a name; None for the longest.

    Raises:
      InputError: no motion has that name.
    """
    longest_first = sorted(motions, key=lambda motion: -len(motion.positions))
    if name is None:
        return longest_first[0]
    for motion in motions:
        if motion.name == name:
            return motion
    names = ", ".join(motion.name for motion in longest_first[:8])
    raise InputError(f"--track {name}: there is no such track; there are {len(motions)}, the longest are {names}")


def _layout(members: Mapping[str, Any]) -> Skeleton | None:
    """The layout of the keypoints; None if a file has none."""
    return _skeleton(members, "keypoint_", "keypoint_layout", "keypoint_names") if "keypoints_0" in members else None


def _skeleton(members: Mapping[str, Any], prefix: str, name: str, joints: str) -> Skeleton:
    """The joints or keypoints that the members of a file describe; raises `ValueError` as `Skeleton`."""
    parents = tuple(members[f"{prefix}parents"].tolist())
    left, right = (  # files of version 0.1.0 without keypoints do not have them
        tuple(members.get(f"{prefix}{side}", np.zeros(0, int)).tolist()) for side in ("left", "right")
    )
    return Skeleton(str(members[name]), tuple(members[joints].tolist()), parents, left, right)


def _motion(members: Mapping[str, Any], number: int, skeleton: Skeleton, layout: Skeleton | None) -> Motion:
    """One person of a file; raises `ValueError` for arrays that do not fit each other."""
    positions = np.float32(members[f"positions_{number}"] / UNITS[str(members["units"])])
    filled, frames = members[f"filled_{number}"], len(positions)
    fps, space, start = float(members["fps"]), str(members["space"]), int(members["starts"][number])
    wanted = (frames, skeleton.num_joints, 3), (frames, skeleton.num_joints)
    if not frames or (positions.shape, filled.shape) != wanted:
        raise ValueError(f"person {number} has arrays of shapes {positions.shape} and {filled.shape}")
    if not np.isfinite(positions).all():
        raise ValueError(f"person {number} is not finite")
    if not (np.isfinite(fps) and fps > 0 <= start) or space not in ("camera", "world"):
        raise ValueError(f"fps {fps}, start {start} or space {space:.20}")
    keypoints = _keypoints(members, number, layout, frames) if layout else None
    name = str(members["names"][number])
    trained_on = str(members.get("trained_on", ""))
    return Motion(name, positions, skeleton, fps, np.asarray(filled, bool), space, start, keypoints, trained_on)


def _keypoints(members: Mapping[str, Any], number: int, layout: Skeleton, frames: int) -> Keypoints:
    """The keypoints of one person of a file; raises `ValueError` for arrays that do not fit."""
    pixels, (width, height) = np.float32(members[f"keypoints_{number}"]), members[f"image_{number}"].tolist()
    if pixels.shape != (frames, layout.num_joints, 2) or not np.isfinite(pixels).all():
        raise ValueError(f"person {number} has keypoints of shape {pixels.shape}, or some that are not finite")
    if min(width, height) <= 0:
        raise ValueError(f"image {width} x {height}")
    return Keypoints(pixels, layout, int(width), int(height))
