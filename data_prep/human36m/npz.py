"""Read Human3.6M, or data that looks like it, from the two npz files that lifting programs exchange.

`data_3d_h36m.npz` holds `positions_3d`: subject -> action -> (frames, 32 or 17, 3), world metres.
`data_2d_h36m_….npz` hold `positions_2d`: subject -> action -> four cameras of (frames, K, 2 or 3), pixels and perhaps
a confidence; and `metadata`: how many keypoints there are and which mirror each other.
"""

import functools
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxpose import skeleton
from jaxpose.data.human36m import H36M_CAMERAS
from jaxpose.data.track import first_not_finite
from jaxpose.files.safe_npz import load_npz
from jaxpose.keypoints import layouts
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import COCO_17, H36M_17, H36M_32, Skeleton

FARTHEST_M = 100.0  # no motion capture volume reaches so far: greater coordinates are millimetres
MOST_KEYPOINTS = 1000  # no detector gives so many: greater numbers are not believed

Recording = tuple[str, str]  # subject, action
Poses = dict[Recording, np.ndarray]  # (T, 17, 3) world metres
Views = dict[Recording, list[np.ndarray]]  # of each camera, (T, K, 2 or 3) pixels


class Keypoints(NamedTuple):
    """What a keypoint file holds."""

    path: Path
    views: Views
    layout: Skeleton
    channels: int  # 2, or 3 with a confidence


def _once(read: Callable[[Path], Any]) -> Callable[[Path], Any]:
    """Read a file once in a process, unless it changes: every subject asks for it."""
    kept = functools.lru_cache(maxsize=1)(lambda path, state: read(path))
    return functools.wraps(read)(lambda path: kept(path, path.stat().st_mtime_ns if path.exists() else 0))


def holds_poses(path: Path) -> bool:
    """Whether an npz file has `positions_3d`."""
    if not zipfile.is_zipfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return "positions_3d.npy" in archive.namelist()
    except zipfile.BadZipFile:
        return False


@_once
def read_poses(path: Path) -> Poses:
    """The poses of a file, on the 17 joints that results are reported on.

    Raises:
      InputError: the file is not as the module says, a pose is not finite, or a subject has no calibration.
    """
    recordings = _recordings(path, load_npz(path), "positions_3d")
    for subject, _ in recordings:
        if subject not in H36M_CAMERAS:
            known = ", ".join(H36M_CAMERAS)
            raise InputError(f"{path}: no calibration of subject {subject!r}, only of {known}; rename or remove it")
    joints = (H36M_32.num_joints, H36M_17.num_joints)
    return {
        recording: seventeen(
            f"{path}: {recording_name(recording)}", _frames(path, recording_name(recording), value, joints, (3,))
        )
        for recording, value in recordings.items()
    }


@_once
def read_keypoints(path: Path) -> Keypoints:
    """The keypoints of a file and their layout.

    Raises:
      InputError: the file is not as the module says, or a keypoint is not finite.
    """
    members = load_npz(path)
    recordings = _recordings(path, members, "positions_2d")
    layout = _layout(path, members.get("metadata"))
    views = {recording: _views(path, recording, value, layout) for recording, value in recordings.items()}
    channels = {view.shape[-1] for cameras in views.values() for view in cameras}
    if len(channels) != 1:
        raise InputError(f"{path}: a confidence must go with all keypoints or with none; here are {channels} channels")
    return Keypoints(path, views, layout, *channels)


def _recordings(path: Path, members: Mapping[str, Any], field: str) -> dict[Recording, Any]:
    """The nested dict subject -> action -> value of a file, flat."""
    if field not in members:
        found = ", ".join(map(repr, members))
        raise InputError(
            f"{path}: has no {field!r}, only {found}; poses go with --archives, keypoints with --keypoints"
        )
    subjects = members[field]
    if not isinstance(subjects, dict) or not all(isinstance(actions, dict) for actions in subjects.values()):
        raise InputError(f"{path}: {field!r} is not a dict of subjects of dicts of actions")
    recordings = {(str(s), str(action)): value for s, actions in subjects.items() for action, value in actions.items()}
    if not recordings:
        raise InputError(f"{path}: {field!r} is empty")
    return recordings


def recording_name(recording: Recording) -> str:
    """How messages call a recording."""
    return f"{recording[0]} {recording[1]!r}"


def _frames(path: Path, where: str, value: Any, joints: tuple[int, ...], channels: tuple[int, ...]) -> np.ndarray:
    """`value` as float32, if it is an array of (frames, one of `joints`, one of `channels`)."""
    frames = value if isinstance(value, np.ndarray) else np.asarray(value, object)
    fits = frames.ndim == 3 and len(frames) and frames.shape[1] in joints and frames.shape[2] in channels
    if not fits or frames.dtype.kind not in "fiu":
        wanted = f"(frames, {' or '.join(map(str, joints))}, {' or '.join(map(str, channels))})"
        raise InputError(f"{path}: {where} is {frames.dtype} of shape {frames.shape}; it must be numbers, {wanted}")
    return frames.astype(np.float32, copy=False)


def _finite(where: str, frames: np.ndarray) -> np.ndarray:
    """`frames`, if all of them are finite."""
    if (frame := first_not_finite(frames)) is not None:
        raise InputError(f"{where} is not finite at frame {frame}; fill the gap or remove the recording")
    return frames


def seventeen(where: str, positions: np.ndarray) -> np.ndarray:
    """World poses (T, 17, 3) from 17 or 32 joints, metres.

    Raises:
      InputError: `where` holds poses that are not finite, or too far away to be in metres.
    """
    if positions.shape[1] == H36M_32.num_joints:
        weights = layouts.conversion(H36M_32, H36M_17)
        used = weights.any(axis=0)  # what the other joints hold, perhaps NaN, does not matter
        positions = weights[:, used] @ positions[:, used]
    if (farthest := np.abs(_finite(where, positions)).max()) > FARTHEST_M:
        raise InputError(f"{where} has coordinates up to {farthest:.0f}; convert millimetres to metres")
    return positions


def _views(path: Path, recording: Recording, value: Any, layout: Skeleton) -> list[np.ndarray]:
    """Keypoints (T, K, 2 or 3) of each camera."""
    if not isinstance(value, list | tuple | np.ndarray):
        raise InputError(f"{path}: {recording_name(recording)} is {type(value).__name__}, not a list of cameras")
    views = []
    for number, view in enumerate(value, start=1):
        where = f"{recording_name(recording)} of camera {number}"
        views.append(_finite(f"{path}: {where}", _frames(path, where, view, (layout.num_joints,), (2, 3))))
    return views


def _layout(path: Path, metadata: Any) -> Skeleton:
    """The layout of the keypoints: a known one if their number and symmetry are its own."""
    try:
        count = int(metadata["num_joints"])
        if count > MOST_KEYPOINTS:
            raise ValueError(f"{count} keypoints")
        left, right = (tuple(int(joint) for joint in side) for side in metadata["keypoints_symmetry"])
        for known in (H36M_17, COCO_17):
            pairs = set(zip(known.left, known.right, strict=True))
            if count == known.num_joints and pairs == set(zip(left, right, strict=True)):
                return known
        return skeleton.layout(str(metadata.get("layout_name", "custom")), count, left, right)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: 'metadata' must be a dict of 'num_joints' and 'keypoints_symmetry', a list of left and a list of "
            f"right keypoints; here is {metadata!s:.80} ({error})"
        ) from error
