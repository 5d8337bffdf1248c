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
    """Read the people of an npz file, with the 2D keypoints from which they were lifted.

    Args:
      path: a file that `writers.write_motions` wrote.

    Returns:
      At least one motion; all have keypoints.

    Raises:
      InputError: there is no such file, it is another one or damaged, or it has no keypoints.
    """
    members = load_npz(path)
    if "names" not in members or "positions_0" not in members:
        raise InputError(f"{path} is not a file of jaxpose predict; lift the keypoints with --out {path.stem}.npz")
    if "keypoints_0" not in members:
        raise InputError(f"{path} has no 2D keypoints to show; lift them again with jaxpose predict … --out FILE.npz")
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


def _layout(members: Mapping[str, Any]) -> Skeleton:
    return _skeleton(members, "keypoint_", "keypoint_layout", "keypoint_names")


def _skeleton(members: Mapping[str, Any], prefix: str, name: str, joints: str) -> Skeleton:
    """The joints or keypoints that the members of a file describe; raises `ValueError` as `Skeleton`."""
    parents, left, right = (tuple(members[f"{prefix}{field}"].tolist()) for field in ("parents", "left", "right"))
    return Skeleton(str(members[name]), tuple(members[joints].tolist()), parents, left, right)


def _motion(members: Mapping[str, Any], number: int, skeleton: Skeleton, layout: Skeleton) -> Motion:
    """One person of a file; raises `ValueError` for arrays that do not fit each other."""
    positions = np.float32(members[f"positions_{number}"] / UNITS[str(members["units"])])
    filled, pixels = members[f"filled_{number}"], np.float32(members[f"keypoints_{number}"])
    width, height = members[f"image_{number}"].tolist()
    fps, space, start = float(members["fps"]), str(members["space"]), int(members["starts"][number])
    frames = len(positions)
    wanted = (frames, skeleton.num_joints, 3), (frames, skeleton.num_joints), (frames, layout.num_joints, 2)
    if not frames or (positions.shape, filled.shape, pixels.shape) != wanted:
        raise ValueError(f"person {number} has arrays of shapes {positions.shape}, {filled.shape}, {pixels.shape}")
    if not (np.isfinite(positions).all() and np.isfinite(pixels).all()):
        raise ValueError(f"person {number} is not finite")
    if not (np.isfinite(fps) and min(fps, width, height) > 0 <= start) or space not in ("camera", "world"):
        raise ValueError(f"fps {fps}, image {width} x {height}, start {start} or space {space:.20}")
    keypoints = Keypoints(pixels, layout, int(width), int(height))
    name = str(members["names"][number])
    trained_on = str(members["trained_on"])
    return Motion(name, positions, skeleton, fps, np.asarray(filled, bool), space, start, keypoints, trained_on)
