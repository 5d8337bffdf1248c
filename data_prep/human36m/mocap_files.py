"""Find and read Human3.6M's motion capture in the forms in which people have it on disk.

A form is recognised by the paths inside, never by the name of an archive (the site serves `SubjectSpecific_1.tgz`):

- `Poses_D3_Positions_S*.tgz` as downloaded: S1/MyPoseFeatures/D3_Positions/Directions 1.cdf, variable `Pose`;
- that tree extracted, or converted to `.cdf.mat` by MATLAB, variable `data`;
- `h36m.zip` from 3d-pose-baseline: h36m/S1/MyPoses/3D_positions/Directions 1.h5, data set `3D_positions`;
- `data_3d_h36m.npz`, see `data_prep.human36m.npz`.

D3_Positions are world coordinates in millimetres, 32 joints, 50 frames per second. D3_Positions_mono are the same in
camera space, D3_Positions_mono_universal the poses of one average skeleton, D2_Positions projections.
"""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_prep.formats import cdf, matlab
from data_prep.formats.archives import is_archive, members, read_file
from data_prep.human36m import npz
from jaxpose.runtime.errors import InputError

ACTIONS = (
    "Directions", "Discussion", "Eating", "Greeting", "Phoning", "Posing", "Purchases", "Sitting", "SittingDown",
    "Smoking", "Photo", "Waiting", "Walking", "WalkDog", "WalkTogether",
)  # fmt: skip
"""Names in the lifting literature; every subject performed each action twice."""

_LONG_NAMES = {"TakingPhoto": "Photo", "WalkingDog": "WalkDog"}  # in the files of S1
_USUAL = ("{} 1", "{}")  # the names of an action's two files
_UNUSUAL = {
    "S1": {"Eating": ("{} 2", "{}"), "Sitting": ("{} 1", "{} 2"), "SittingDown": ("{} 2", "{}")},
    "S5": {
        "Directions": ("{} 1", "{} 2"), "Discussion": ("{} 2", "{} 3"), "Greeting": ("{} 1", "{} 2"),
        "Photo": ("{}", "{} 2"), "Waiting": ("{} 1", "{} 2"),
    },
    "S6": {
        "Eating": ("{} 1", "{} 2"), "Posing": ("{} 2", "{}"), "Sitting": ("{} 1", "{} 2"), "Waiting": ("{} 3", "{}"),
    },
    "S7": {"Phoning": ("{} 2", "{}"), "Waiting": ("{} 1", "{} 2"), "Walking": ("{} 1", "{} 2")},
    "S8": {"WalkTogether": ("{} 1", "{} 2")},
    "S9": {"Discussion": ("{} 1", "{} 2")},
    "S11": {
        "Discussion": ("{} 1", "{} 2"), "Greeting": ("{} 2", "{}"), "Phoning": ("{} 3", "{} 2"),
        "Smoking": ("{} 2", "{}"),
    },
}  # fmt: skip

_WORLD = ("D3_Positions", "3D_positions")  # the folders with world poses
_OTHERS = {  # the content of other folders
    "D3_Positions_mono": "poses in camera space",
    "D3_Positions_mono_universal": "camera-space poses of an average skeleton",
    "D2_Positions": "projections in pixels",
    "D3_Angles": "joint angles",
    "D3_Angles_mono": "joint angles",
}
_FILE = re.compile(
    r"(?:^|/)(?P<subject>[Ss]\d+)/(?:MyPoseFeatures|MyPoses)/(?P<kind>[^/]+)/"
    r"(?P<action>[^/]+?)(?P<camera>\.\d{8})?(?P<form>\.cdf\.mat|\.cdf|\.h5)$"
)


class PoseFile(NamedTuple):
    """The location of a recording."""

    container: Path  # the file itself, or the archive or npz file that has it
    member: str = ""  # its path in the archive


class Inventory(NamedTuple):
    """The recordings that exist, and those that are missing."""

    files: Mapping[str, Mapping[str, PoseFile]]  # by subject and action
    missing: Mapping[str, tuple[str, ...]]  # by subject, the actions without a file
    remarks: tuple[str, ...]  # on other files


def expected_actions(subject: str) -> tuple[str, ...]:
    """Return the 30 recordings of a subject, two of each action, by the names of their files ("Walking 1")."""
    unusual = _UNUSUAL.get(subject, {})
    return tuple(name.format(action) for action in ACTIONS for name in unusual.get(action, _USUAL))


def find_recordings(path: Path) -> Inventory:
    """Find the motion capture in a folder or a file; archives are not unpacked.

    Args:
      path: an archive, an npz file, or a folder with any of the forms above, at any depth.

    Returns:
      The files by subject. A recording that exists several times is taken from the first file.

    Raises:
      InputError: there are no recordings, or an archive is damaged or forged.
    """
    files: dict[str, dict[str, PoseFile]] = {}
    missing: dict[str, tuple[str, ...]] = {}
    others: dict[str, set[str]] = {}  # subjects by kind of other files
    remarks = []
    for file, name in _files(path):
        if file.container.suffix == ".npz":
            for subject, action in npz.read_poses(file.container) if npz.holds_poses(file.container) else ():
                files.setdefault(subject, {}).setdefault(action, file)
        elif match := _FILE.search(name):
            subject, action = match["subject"].upper(), canonical_action(match["action"])
            if match["kind"] not in _WORLD or match["camera"]:
                others.setdefault(match["kind"], set()).add(subject)
            elif action not in expected_actions(subject):
                remarks.append(f"{name} is not one of the recordings of {subject}: left out")
            elif action in files.get(subject, {}):
                remarks.append(f"{name} exists twice: {_location(files[subject][action])} is used")
            else:
                files.setdefault(subject, {})[action] = file
                missing[subject] = ()
    for kind, subjects in sorted(others.items()):
        content = _OTHERS.get(kind, "an unknown kind")
        remarks.append(f"{kind} of {', '.join(sorted(subjects))} ({content}) are not used; D3_Positions are needed")
    if not files:
        raise InputError(
            f"{path}: no poses of Human3.6M in it{''.join(f'; {remark}' for remark in remarks)}; name the folder with "
            "the Poses_D3_Positions archives, or the one above S1/MyPoseFeatures/D3_Positions"
        )
    for subject in missing:
        missing[subject] = tuple(action for action in expected_actions(subject) if action not in files[subject])
    return Inventory({subject: files[subject] for subject in sorted(files, key=_sort_key)}, missing, tuple(remarks))


def read_poses(subject: str, files: Mapping[str, PoseFile]) -> dict[str, np.ndarray]:
    """Read the poses of a subject.

    Args:
      subject: such as "S1".
      files: by action, from `find_recordings`.

    Returns:
      By action, in the order of `files`: (T, 17, 3) float32 metres in world space.

    Raises:
      InputError: a file no longer exists, is damaged, or has poses that are missing, not finite, or of another shape.
    """
    poses: dict[str, np.ndarray] = {}
    containers: dict[Path, dict[str, str]] = {}
    for action, file in files.items():
        containers.setdefault(file.container, {})[file.member] = action
    for container, actions in containers.items():
        if container.suffix == ".npz":
            poses |= {action: pose for (s, action), pose in npz.read_poses(container).items() if s == subject}
        elif "" in actions:
            poses[actions[""]] = _poses(str(container), container.name, read_file(container))
        else:
            for member in members(container):
                if member.path in actions:
                    poses[actions[member.path]] = _poses(f"{container}: {member.path}", member.path, member.read())
    if gone := [action for action in files if action not in poses]:
        raise InputError(f"{_location(files[gone[0]])} no longer exists; restore it, or name its new folder")
    return {action: poses[action] for action in files}


def canonical_action(action: str) -> str:
    """Return the name of a recording in the literature: "WalkDog 1" for "WalkingDog 1" and "WalkDog_1"."""
    name, _, number = action.replace("_", " ").partition(" ")
    return f"{_LONG_NAMES.get(name, name)} {number}".strip()


def _files(path: Path) -> Iterator[tuple[PoseFile, str]]:
    """Yield every file, also those in archives, with the path by which it is recognised."""
    if path.is_dir():
        for member in members(path):
            file = Path(os.path.abspath(path), member.path)
            if file.suffix == ".npz" or _FILE.search(file.as_posix()):
                yield PoseFile(file), file.as_posix()
            elif is_archive(file):
                yield from _files(file)
    elif path.suffix == ".npz" or _FILE.search(Path(os.path.abspath(path)).as_posix()):
        yield PoseFile(path), Path(os.path.abspath(path)).as_posix()
    else:
        for member in members(path):
            yield PoseFile(path, member.path), member.path


def _location(file: PoseFile) -> str:
    return f"{file.container}: {file.member}" if file.member else str(file.container)


def _sort_key(subject: str) -> tuple[int, str]:
    """Sort S11 after S9."""
    return len(subject), subject


def _poses(where: str, name: str, content: bytes) -> np.ndarray:
    """Read the poses (T, 17, 3), metres, from the content of a file."""
    if name.endswith(".cdf"):
        values = cdf.read_variable(where, content, "Pose")
    elif name.endswith(".h5"):
        values = matlab.read_hdf5(where, content, "3D_positions").T
    else:
        values = matlab.read_cell(where, content, "data")
    values = np.asarray(values)
    if values.ndim == 3 and len(values) == 1:
        values = values[0]
    if values.ndim != 2 or values.shape[1] != 96 or not len(values) or values.dtype.kind != "f":
        raise InputError(
            f"{where}: the poses are {values.dtype} of shape {values.shape}, not numbers of shape (1, frames, 96); "
            "take D3_Positions, and download them again"
        )
    with np.errstate(invalid="ignore", over="ignore"):  # to_17_joints finds damaged numbers
        metres = values.reshape(-1, 32, 3).astype(np.float32) / 1000
    return npz.to_17_joints(where, metres)
