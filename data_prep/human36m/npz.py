"""Read Human3.6M, or data in its formats, from the two npz files that lifting programs exchange.

`data_3d_h36m.npz` has `positions_3d`: subject -> action -> (frames, 32 or 17, 3), world metres.
`data_2d_h36m_….npz` have `positions_2d`: subject -> action -> four cameras of (frames, K, 2 or 3), pixels and perhaps a
confidence; and `metadata`: the number of keypoints and their left-right pairs.
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

MAX_COORDINATE_M = 100.0  # no capture volume is as large: greater coordinates are in another unit
MAX_KEYPOINTS = 1000  # of a detector

Recording = tuple[str, str]  # subject, action
Poses = dict[Recording, np.ndarray]  # (T, 17, 3) world metres
Views = dict[Recording, list[np.ndarray]]  # of each camera, (T, K, 2 or 3) pixels


class Keypoints(NamedTuple):
    """The content of a keypoint file."""

    path: Path
    views: Views
    layout: Skeleton
    channels: int  # 2, or 3 with a confidence


def _cache_until_changed(read: Callable[[Path], Any]) -> Callable[[Path], Any]:
    """Keep the content of the last file that was read: every subject asks for it."""
    cached = functools.lru_cache(maxsize=1)(lambda path, modified: read(path))
    return functools.wraps(read)(lambda path: cached(path, path.stat().st_mtime_ns if path.exists() else 0))


def holds_poses(path: Path) -> bool:
    """Return true for an npz file that has `positions_3d`."""
    if not zipfile.is_zipfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return "positions_3d.npy" in archive.namelist()
    except zipfile.BadZipFile:
        return False


@_cache_until_changed
def read_poses(path: Path) -> Poses:
    """Read the poses of a file, on the 17 joints on which results are reported.

    Raises:
      InputError: the file has another structure, a pose is not finite, or a subject has no calibration.
    """
    recordings = _recordings(path, load_npz(path), "positions_3d")
    for subject, _ in recordings:
        if subject not in H36M_CAMERAS:
            known = ", ".join(H36M_CAMERAS)
            raise InputError(f"{path}: no calibration of subject {subject!r}, only of {known}; rename or remove it")
    joints = (H36M_32.num_joints, H36M_17.num_joints)
    return {
        recording: to_17_joints(
            f"{path}: {recording_name(recording)}", _frames(path, recording_name(recording), value, joints, (3,))
        )
        for recording, value in recordings.items()
    }


@_cache_until_changed
def read_keypoints(path: Path) -> Keypoints:
    """Read the keypoints of a file and their layout.

    Raises:
      InputError: the file has another structure, or a keypoint is not finite.
    """
    members = load_npz(path)
    recordings = _recordings(path, members, "positions_2d")
    layout = _layout(path, members.get("metadata"))
    views = {recording: _views(path, recording, value, layout) for recording, value in recordings.items()}
    channels = {view.shape[-1] for cameras in views.values() for view in cameras}
    if len(channels) != 1:
        raise InputError(f"{path}: all keypoints must have a confidence, or none; these have {channels} channels")
    return Keypoints(path, views, layout, *channels)


def _recordings(path: Path, members: Mapping[str, Any], field: str) -> dict[Recording, Any]:
    """Flatten the nested dict subject -> action -> value of a file."""
    if field not in members:
        existing = ", ".join(map(repr, members))
        raise InputError(
            f"{path}: has no {field!r}, only {existing}; give poses with --archives, keypoints with --keypoints"
        )
    subjects = members[field]
    if not isinstance(subjects, dict) or not all(isinstance(actions, dict) for actions in subjects.values()):
        raise InputError(f"{path}: {field!r} is not a dict of subjects of dicts of actions")
    recordings = {(str(s), str(action)): value for s, actions in subjects.items() for action, value in actions.items()}
    if not recordings:
        raise InputError(f"{path}: {field!r} is empty")
    return recordings


def recording_name(recording: Recording) -> str:
    """Return the name of a recording in messages."""
    return f"{recording[0]} {recording[1]!r}"


def _frames(path: Path, where: str, value: Any, joints: tuple[int, ...], channels: tuple[int, ...]) -> np.ndarray:
    """Convert an array of (frames, one of `joints`, one of `channels`) to float32."""
    frames = value if isinstance(value, np.ndarray) else np.asarray(value, object)
    fits = frames.ndim == 3 and len(frames) and frames.shape[1] in joints and frames.shape[2] in channels
    if not fits or frames.dtype.kind not in "fiu":
        expected = f"(frames, {' or '.join(map(str, joints))}, {' or '.join(map(str, channels))})"
        raise InputError(f"{path}: {where} is {frames.dtype} of shape {frames.shape}; it must be numbers, {expected}")
    return frames.astype(np.float32, copy=False)


def _finite(where: str, frames: np.ndarray) -> np.ndarray:
    """Return the frames if all of them are finite."""
    if (frame := first_not_finite(frames)) is not None:
        raise InputError(f"{where} is not finite at frame {frame}; fill the gap or remove the recording")
    return frames


def to_17_joints(where: str, positions: np.ndarray) -> np.ndarray:
    """Convert world poses of 17 or 32 joints, metres, to (T, 17, 3).

    Args:
      where: name of the recording, for messages.
      positions: (T, 17 or 32, 3).

    Raises:
      InputError: a pose is not finite, or has coordinates too large to be metres.
    """
    if positions.shape[1] == H36M_32.num_joints:
        weights = layouts.conversion(H36M_32, H36M_17)
        used = weights.any(axis=0)  # the other joints may be NaN
        positions = weights[:, used] @ positions[:, used]
    if (farthest := np.abs(_finite(where, positions)).max()) > MAX_COORDINATE_M:
        raise InputError(f"{where} has coordinates up to {farthest:.0f}; convert them to metres")
    return positions


def _views(path: Path, recording: Recording, value: Any, layout: Skeleton) -> list[np.ndarray]:
    """Return the keypoints (T, K, 2 or 3) of each camera."""
    if not isinstance(value, list | tuple | np.ndarray):
        raise InputError(f"{path}: {recording_name(recording)} is {type(value).__name__}, not a list of cameras")
    views = []
    for number, view in enumerate(value, start=1):
        where = f"{recording_name(recording)} of camera {number}"
        views.append(_finite(f"{path}: {where}", _frames(path, where, view, (layout.num_joints,), (2, 3))))
    return views


def _layout(path: Path, metadata: Any) -> Skeleton:
    """Return the layout of the keypoints: a known one if number and symmetry are the same, or a new one."""
    try:
        count = int(metadata["num_joints"])
        if count > MAX_KEYPOINTS:
            raise ValueError(f"{count} keypoints")
        left, right = (tuple(int(joint) for joint in side) for side in metadata["keypoints_symmetry"])
        for known in (H36M_17, COCO_17):
            pairs = set(zip(known.left, known.right, strict=True))
            if count == known.num_joints and pairs == set(zip(left, right, strict=True)):
                return known
            if count == known.num_joints and pairs == set(zip(right, left, strict=True)):
                raise ValueError(f"these are {known.name}'s with right and left exchanged")
        return skeleton.layout(str(metadata.get("layout_name", "custom")), count, left, right)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: 'metadata' must be a dict of 'num_joints' and 'keypoints_symmetry', a list of left and a list of "
            f"right keypoints; it is {metadata!s:.80} ({error})"
        ) from error
