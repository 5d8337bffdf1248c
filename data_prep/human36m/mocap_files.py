"""Human3.6M's motion capture as people have it on disk: which files are there, and the poses in them.

Recognised by what is inside, never by the name of an archive (the site serves `SubjectSpecific_1.tgz`):

- `Poses_D3_Positions_S*.tgz` as downloaded: S1/MyPoseFeatures/D3_Positions/Directions 1.cdf, variable `Pose`;
- that tree extracted, or converted to `.cdf.mat` by MATLAB, variable `data`;
- `h36m.zip` of 3d-pose-baseline: h36m/S1/MyPoses/3D_positions/Directions 1.h5, data set `3D_positions`;
- `data_3d_h36m.npz`, see `data_prep.human36m.npz`.

D3_Positions hold world coordinates in millimetres, 32 joints, 50 frames a second. D3_Positions_mono are the same in
camera space, D3_Positions_mono_universal the poses of one average skeleton, D2_Positions projections.
"""

import contextlib
import itertools
import os
import re
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import cdflib.cdfread
import numpy as np

from data_prep.formats import matlab
from data_prep.formats.archives import content, is_archive, members
from data_prep.human36m import npz
from jaxpose.runtime.errors import InputError

ACTIONS = (
    "Directions", "Discussion", "Eating", "Greeting", "Phoning", "Posing", "Purchases", "Sitting", "SittingDown",
    "Smoking", "Photo", "Waiting", "Walking", "WalkDog", "WalkTogether",
)  # fmt: skip
"""As the lifting literature calls them; every subject performed each twice."""

_LONG_NAMES = {"TakingPhoto": "Photo", "WalkingDog": "WalkDog"}  # of the files of S1
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
_OTHERS = {  # and what is in others
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
_MOST_STEPS = 20_000  # of the loops over the parts of a CDF file: more than the longest recording has frames
_MOST_NUMBERS = 96 * 10**6  # of a recording: a hundred times the longest
_MOST_UNPACKED = 8 * _MOST_NUMBERS  # bytes of all compressed parts of a CDF file


class File(NamedTuple):
    """Where a recording is."""

    container: Path  # the file itself, or the archive or npz file that holds it
    member: str = ""  # its path in the archive


class Survey(NamedTuple):
    """What there is of the motion capture."""

    files: Mapping[str, Mapping[str, File]]  # by subject and action
    missing: Mapping[str, tuple[str, ...]]  # by subject, the actions whose files should be there too
    remarks: tuple[str, ...]  # on what else there is


def recordings(subject: str) -> tuple[str, ...]:
    """The 30 recordings of a subject, two of each action, by the names of their files ("Walking 1")."""
    unusual = _UNUSUAL.get(subject, {})
    return tuple(name.format(action) for action in ACTIONS for name in unusual.get(action, _USUAL))


def survey(place: Path) -> Survey:
    """Find the motion capture in a folder or a file; archives are read through, nothing is unpacked.

    Args:
      place: an archive, an npz file, or a folder with any of the forms that the module names, at any depth.

    Returns:
      The files by subject. A recording found in several places is taken from the first.

    Raises:
      InputError: there is nothing, or an archive is damaged or hostile.
    """
    found: dict[str, dict[str, File]] = {}
    missing: dict[str, tuple[str, ...]] = {}
    others: dict[str, set[str]] = {}  # subjects by what else was found of them
    remarks = []
    for file, path in _files(place):
        if file.container.suffix == ".npz":
            for subject, action in npz.read_poses(file.container) if npz.holds_poses(file.container) else ():
                found.setdefault(subject, {}).setdefault(action, file)
        elif match := _FILE.search(path):
            subject, action = match["subject"].upper(), canonical(match["action"])
            if match["kind"] not in _WORLD or match["camera"]:
                others.setdefault(match["kind"], set()).add(subject)
            elif action not in recordings(subject):
                remarks.append(f"{path} is no recording of {subject}: left out")
            elif action in found.get(subject, {}):
                remarks.append(f"{path} is there twice: {_where(found[subject][action])} is used")
            else:
                found.setdefault(subject, {})[action] = file
                missing[subject] = ()
    for kind, subjects in sorted(others.items()):
        what = _OTHERS.get(kind, "something else")
        remarks.append(f"{kind} of {', '.join(sorted(subjects))}, {what}, are not what is needed: D3_Positions are")
    if not found:
        raise InputError(
            f"{place}: no poses of Human3.6M in it{''.join(f'; {remark}' for remark in remarks)}; give the folder of "
            "the Poses_D3_Positions archives, or the one above S1/MyPoseFeatures/D3_Positions"
        )
    for subject in missing:
        missing[subject] = tuple(action for action in recordings(subject) if action not in found[subject])
    return Survey({subject: found[subject] for subject in sorted(found, key=_number)}, missing, tuple(remarks))


def read(subject: str, files: Mapping[str, File]) -> dict[str, np.ndarray]:
    """The poses of a subject.

    Args:
      subject: as `survey` found it.
      files: by action, as `survey` found them.

    Returns:
      By action, in the order of `files`: (T, 17, 3) float32 metres in world space.

    Raises:
      InputError: a file has no such variable, another shape or type, is damaged or not finite, or has gone.
    """
    poses: dict[str, np.ndarray] = {}
    containers: dict[Path, dict[str, str]] = {}
    for action, file in files.items():
        containers.setdefault(file.container, {})[file.member] = action
    for container, actions in containers.items():
        if container.suffix == ".npz":
            poses |= {action: pose for (s, action), pose in npz.read_poses(container).items() if s == subject}
        elif "" in actions:
            poses[actions[""]] = _poses(str(container), container.name, content(container))
        else:
            for member in members(container):
                if member.path in actions:
                    poses[actions[member.path]] = _poses(f"{container}: {member.path}", member.path, member.read())
    if gone := [action for action in files if action not in poses]:
        raise InputError(f"{_where(files[gone[0]])} has gone; put it back, or name the folder where it is now")
    return {action: poses[action] for action in files}


def canonical(action: str) -> str:
    """The name of a recording as the literature has it: "WalkingDog 1" and "WalkDog_1" are "WalkDog 1"."""
    name, _, number = action.replace("_", " ").partition(" ")
    return f"{_LONG_NAMES.get(name, name)} {number}".strip()


def _files(place: Path) -> Iterator[tuple[File, str]]:
    """Every file, also in archives, with the path that says what it is."""
    if place.is_dir():
        for member in members(place):
            path = Path(os.path.abspath(place), member.path)
            if path.suffix == ".npz" or _FILE.search(path.as_posix()):
                yield File(path), path.as_posix()
            elif is_archive(path):
                yield from _files(path)
    elif place.suffix == ".npz" or _FILE.search(Path(os.path.abspath(place)).as_posix()):
        yield File(place), Path(os.path.abspath(place)).as_posix()
    else:
        for member in members(place):
            yield File(place, member.path), member.path


def _where(file: File) -> str:
    return f"{file.container}: {file.member}" if file.member else str(file.container)


def _number(subject: str) -> tuple[int, str]:
    """Sorts S11 after S9."""
    return len(subject), subject


def _poses(where: str, name: str, found: bytes) -> np.ndarray:
    """The poses in the content of a file, (T, 17, 3) metres."""
    if name.endswith(".cdf"):
        values = _cdf_variable(where, found)
    elif name.endswith(".h5"):
        values = matlab.read_hdf5(where, found, "3D_positions").T
    else:
        values = matlab.read_cell(where, found, "data")
    values = np.asarray(values)
    if values.ndim == 3 and len(values) == 1:
        values = values[0]
    if values.ndim != 2 or values.shape[1] != 96 or not len(values) or values.dtype.kind != "f":
        raise InputError(
            f"{where}: the poses are {values.dtype} of shape {values.shape}, not numbers of shape (1, frames, 96); "
            "take D3_Positions, and download them again"
        )
    with np.errstate(invalid="ignore", over="ignore"):  # damaged numbers are found by what follows
        metres = values.reshape(-1, 32, 3).astype(np.float32) / 1000
    return npz.seventeen(where, metres)


def _cdf_variable(where: str, found: bytes) -> np.ndarray:
    """The variable `Pose` of a CDF file. cdflib reads files alone: one at a time, of a few MB, is a temporary file."""
    with tempfile.NamedTemporaryFile(suffix=".cdf") as file, _bounded():
        file.write(found)
        file.flush()
        try:
            cdf = cdflib.CDF(file.name)
            variables = [*cdf.cdf_info().zVariables, *cdf.cdf_info().rVariables]
            if "Pose" not in variables:
                raise InputError(
                    f"{where}: no variable 'Pose', only {', '.join(variables) or 'none'}; take D3_Positions"
                )
            shape = cdf.varinq("Pose").Dim_Sizes
            if np.prod(shape, dtype=float) * (cdf.varinq("Pose").Last_Rec + 1) > _MOST_NUMBERS:
                raise InputError(
                    f"{where}: 'Pose' is declared as {shape}, far more than any recording; download it again"
                )
            return cdf.varget("Pose")
        except InputError:
            raise
        except Exception as error:  # damaged bytes can make cdflib raise anything
            fault = f"{type(error).__name__}: {error}"
            raise InputError(f"{where}: not a CDF file, or damaged ({fault}); download it again") from error


@contextlib.contextmanager
def _bounded() -> Iterator[None]:
    """Let cdflib loop and unpack no more than a recording takes: it believes every count, and crafted ones take hours.

    Both are looked up among the names of its module, where these stand before what it would call.
    """
    taken, room = itertools.count(), _MOST_UNPACKED

    def loop(*arguments: int) -> Iterator[int]:
        for index in range(*arguments):
            if next(taken) > _MOST_STEPS:
                raise ValueError(f"it declares more than {_MOST_STEPS} parts")
            yield index

    def unpack(data: bytes) -> bytes:
        nonlocal room
        gzip = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        unpacked = gzip.decompress(data, room + 1)
        room -= len(unpacked)
        if room < 0:
            raise ValueError(f"it unpacks to more than {_MOST_UNPACKED} bytes")
        if not gzip.eof:
            raise ValueError("a compressed part is cut short")
        return unpacked

    unbounded = cdflib.cdfread.gzip_inflate
    cdflib.cdfread.range, cdflib.cdfread.gzip_inflate = loop, unpack
    try:
        yield
    finally:
        del cdflib.cdfread.range
        cdflib.cdfread.gzip_inflate = unbounded
