"""Poses by name of track in npz files: what `jaxpose evaluate --save` writes, and what `--predictions` scores.

Any program can write such a file: `np.savez("poses.npz", **{"S9/Walking/55011271": poses, …})`, poses (T, J, 3) of
every frame of the track, in metres, camera space (x right, y down, z forward), relative to the root. The camera may be
a number, counted from 0 among the cameras of the subject's action. Optional are `units`, "m", "cm" or "mm", and
`joints`, the names of the joints, if their order is not that of the data. What `jaxpose predict` writes is read too.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxpose.data.track import Description, Track, first_not_finite, title_with_notice, track_lengths, track_name
from jaxpose.files.atomic import atomic_write
from jaxpose.files.safe_npz import load_npz
from jaxpose.runtime.errors import InputError
from jaxpose.runtime.words import listed

SPACE = "camera: x right, y down, z forward; relative to the root, whose own prediction is kept"


def save_predictions(path: Path, predictions: np.ndarray, tracks: Sequence[Track], description: Description) -> None:
    """Write predictions by name of track.

    The file holds an array (T, J, 3) float32 for each track, under a name such as "S9/Walking/55011271"; `tracks`,
    these names in order; `fps` (N,) of each track; `joints`, the names of the J joints; and `units`, `space` and `data`
    as text.

    Args:
      path: of the file.
      predictions: (F, J, 3) metres, the tracks end to end.
      tracks: N, which name the predictions and say how long each is.
      description: of the data.

    Raises:
      InputError: the file cannot be written.
    """
    ends = np.cumsum(track_lengths(tracks))
    by_name = dict(zip(map(track_name, tracks), np.split(predictions, ends[:-1]), strict=True))
    metadata = {
        "tracks": np.asarray([*by_name]),
        "fps": np.asarray([track.fps for track in tracks]),
        "joints": np.asarray(description.skeleton.joints),
        "units": np.asarray("metres"),
        "space": np.asarray(SPACE),
        "data": np.asarray(title_with_notice(description)),
    }
    atomic_write(path, lambda temporary: np.savez(temporary, **metadata, **by_name))


METRES = {"m": 1.0, "metres": 1.0, "meters": 1.0, "cm": 1e-2, "mm": 1e-3, "millimetres": 1e-3, "millimeters": 1e-3}
"""How many metres each of the units is that a file can name."""

_TALLEST = 20.0  # metres; larger poses are taken for millimetres
_FARTHEST = 0.5  # metres from the origin, of a root that is said to be there
_NAMED = 5  # tracks, in a message
_FORM = "it must hold an array (frames, joints, 3) for each track, by name such as 'S9/Walking/55011271'"


def load_predictions(
    path: Path, tracks: Sequence[Track], split: Sequence[Track], description: Description
) -> np.ndarray:
    """Read the poses of tracks from a file of the form above; its other tracks are not read.

    Args:
      path: an .npz file.
      tracks: to read, all of `split` or some.
      split: among which cameras are counted.
      description: of the data.

    Returns:
      (F, J, 3) float32 metres, the tracks end to end.

    Raises:
      InputError: there is no such file; or it lacks a track, or has one of another shape, of other joints, in other
        units or space, or with NaN.
    """
    members = load_npz(path)
    poses_by_name = _poses_by_name(path, members)
    names = {id(track): name for track, name in zip(split, _names_in_file(split, poses_by_name), strict=True)}
    if missing := [track_name(track) for track in tracks if names[id(track)] is None]:
        raise InputError(
            f"{path} lacks {len(missing)} of the {len(tracks)} tracks to score: {listed(missing, _NAMED)}; "
            f"it has {len(poses_by_name)}, such as {', '.join(list(poses_by_name)[:2])}"
        )
    scale, order = _metres(path, members), _order_of_joints(path, members, description)
    predictions = []
    for track in tracks:
        name = names[id(track)]
        poses, wanted = poses_by_name[name], (len(track.keypoints_2d), description.skeleton.num_joints, 3)
        if poses.shape != wanted:
            raise InputError(f"{path}: {name!r} has shape {poses.shape}; the track's poses have {wanted}")
        if (frame := first_not_finite(poses)) is not None:
            raise InputError(f"{path}: {name!r} is not finite at frame {frame}; every frame needs a pose")
        predictions.append(np.float32(scale * poses[:, order]))
    result = np.concatenate(predictions)
    if (size := float(np.median(np.ptp(result, axis=1).max(axis=-1)))) > _TALLEST:
        raise InputError(f"{path}: the poses are {size:.0f} metres tall; save units='mm' if these are millimetres")
    return result


def check_root(path: Path, predictions: np.ndarray) -> None:
    """Raise `InputError` if the roots of poses (F, J, 3) metres are far from the origin, where the data have them."""
    distance = float(np.median(np.sqrt(np.square(predictions[:, 0]).sum(axis=-1))))
    if distance > _FARTHEST:
        raise InputError(
            f"{path}: the root, joint 0, is {distance:.1f} m from the origin; poses must be relative to the root: "
            "subtract it, or give --root subtracted"
        )


def _poses_by_name(path: Path, members: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The arrays of poses of a file; raises `InputError` if there is none."""
    if str(members.get("space")) == "world":
        raise InputError(f"{path} has upright poses; they must be in camera space: lift without --upright")
    if "names" in members and "positions_0" in members:  # of `jaxpose predict`
        names = [str(name) for name in np.ravel(members["names"])]
        found = {name: members.get(f"positions_{number}") for number, name in enumerate(names)}
    else:
        found = members
    poses = {
        name: value
        for name, value in found.items()
        if isinstance(value, np.ndarray) and value.ndim == 3 and value.dtype.kind in "fiu"
    }
    if not poses:
        raise InputError(f"{path} holds no poses; {_FORM}")
    return poses


def _names_in_file(split: Sequence[Track], poses: Mapping[str, np.ndarray]) -> list[str | None]:
    """The name that each track of a split has in a file: its own or with a number for the camera; None if none."""
    views: dict[tuple[str, str], int] = {}
    found: list[str | None] = []
    for track in split:
        number = views[track.subject, track.action] = views.get((track.subject, track.action), -1) + 1
        candidates = track_name(track), f"{track.subject}/{track.action}/{number}"
        found.append(next((name for name in candidates if name in poses), None))
    return found


def _metres(path: Path, members: Mapping[str, Any]) -> float:
    """How many metres the unit of a file is."""
    units = str(members.get("units", "m"))
    if units not in METRES:
        raise InputError(f"{path}: units is {units!r:.50}; it must be one of {', '.join(METRES)}")
    return METRES[units]


def _order_of_joints(path: Path, members: Mapping[str, Any], description: Description) -> list[int]:
    """The index in a file of each joint of the data."""
    wanted = description.skeleton.joints
    if "joints" not in members:
        return list(range(len(wanted)))
    joints = [str(joint) for joint in np.ravel(members["joints"])]
    if sorted(joints) != sorted(wanted):
        raise InputError(f"{path}: joints are {', '.join(joints)[:300]}; those of the data are {', '.join(wanted)}")
    return [joints.index(joint) for joint in wanted]
