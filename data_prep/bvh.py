"""Prepare captures in BVH files, of any skeleton, seen by the cameras of Human3.6M.

    jaxpose prepare bvh anna/*.bvh ben/*.bvh --map mixamo --scale 0.01 --out captures
    jaxpose train baseline --data captures

A file is one recording; its subject has the name of the folder that the file is in. The map gives the joints of the
files that are the 17 of Human3.6M. It is cmu, mixamo, vicon, or a JSON file with a name for each of the 17, or a list
of names whose mean position is taken: {"pelvis": "Hips", …, "thorax": ["LeftArm", "RightArm"], …}. The end site of a
joint has the name of the joint, with `_end`. A prefix up to a colon, as in `mixamorig:Hips`, may be left out.

The format does not say everything. What the numbers tell is decided by them and printed; where they tell something else
than what is usual, such as people who are tall along z, the files are refused, and an option decides.
"""

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import numpy as np
import tyro

from data_prep.formats.archives import LARGEST_BYTES
from data_prep.writer.command import Output, check_options, prepare
from data_prep.writer.source import Source, SplitSize
from jaxpose.data.resampling import resample
from jaxpose.data.track import Description, Track
from jaxpose.files.guarded_read import read_bytes, read_json
from jaxpose.runtime.errors import InputError
from jaxpose.runtime.words import listed
from jaxpose.skeleton import H36M_17

if TYPE_CHECKING:  # `--help` answers without JAX and SciPy
    from data_prep.formats.bvh import Capture


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options(Output):
    """The options of `jaxpose prepare bvh`."""

    files: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="FILE")]
    """BVH files, each in the folder of its subject."""
    joint_map: Annotated[str, tyro.conf.arg(name="map", metavar="MAP")]
    """The joints of the files that are those of Human3.6M: cmu, mixamo, vicon, or a JSON file."""
    scale: float | None = None
    """Metres per unit of length of the files, such as 0.01 for centimetres; without it, likely ones are shown."""
    up: Literal["y", "z"] | None = None
    """Axis of the files that points up. By default y, and files in which people are tall along another are refused."""
    capture_fps: float | None = None
    """Frames per second of the files, where their Frame Time is wrong."""
    positions: Literal["replace", "add"] | None = None
    """Whether position channels of joints other than the root replace their OFFSET or are added to it. By default the
    numbers tell."""
    encoding: str = "utf-8"
    """Encoding of the names of joints, such as shift_jis or gbk."""
    fps: float = 50.0
    """Frames per second to write."""
    skip: int = 0
    """Frames to leave out at the beginning of every file; 1 where they begin with a T-pose, as CMU's do."""
    seed: int | None = 0
    """Seed of the noise on the keypoints; None for exact projections."""
    title: str = "BVH captures"
    """Name of the data in reports."""


JointMap = Mapping[str, Sequence[str]]  # by joint of H36M_17, the joints of a file whose mean it is

_LIMBS = {
    "pelvis": "Hips",
    "right_hip": "RightUpLeg", "right_knee": "RightLeg", "right_ankle": "RightFoot",
    "left_hip": "LeftUpLeg", "left_knee": "LeftLeg", "left_ankle": "LeftFoot",
    "left_shoulder": "LeftArm", "left_elbow": "LeftForeArm", "left_wrist": "LeftHand",
    "right_shoulder": "RightArm", "right_elbow": "RightForeArm", "right_wrist": "RightHand",
}  # fmt: skip

MAPS: Mapping[str, Mapping[str, str]] = {
    "cmu": _LIMBS | {"spine": "Spine", "thorax": "Neck", "neck": "Neck1", "head": "Head_end"},
    "mixamo": _LIMBS | {"spine": "Spine1", "thorax": "Neck", "neck": "Head", "head": "HeadTop_End"},
    "vicon": _LIMBS | {"spine": "Spine2", "thorax": "Neck", "neck": "Head", "head": "Head_end"},
}
"""Built-in maps: for B. Hahne's conversion of the CMU database, whose trunks lack the bone "thorax", 12 cm
(`data_prep.cmu` reads the database itself), for Mixamo's skeletons, and for those that Vicon's Shogun writes."""

METRES_PER_UNIT = {"metres": 1.0, "centimetres": 0.01, "inches": 0.0254, "the unit of CMU": 0.0254 / 0.45}
"""Usual units of length; the format does not say which a file has."""

CAMERAS = "S1"
"""The subject of Human3.6M whose cameras see the captures."""


_USUAL_SIZE_M = 1.6
MIN_SIZE_M, MAX_SIZE_M = 0.5, 3.0
"""The distance from the ankles to the head of a person must be between these: less or more is another unit."""

_MIN_UPRIGHT = 0.75
"""Cosine of the angle within which the line from feet to head must be along an axis to tell that it points up."""

_UPRIGHT_PERCENTILE = 90
"""Of the distance from ankles to head: people bend and sit, but hardly all the time."""

_MAX_SAMPLED = 200  # frames of a file by which its axes and its size are found


class Reading(NamedTuple):
    """How files are read; see `data_prep.formats.bvh.read`."""

    encoding: str = "utf-8"
    fps: float | None = None
    positions: Literal["replace", "add"] | None = None


class Look(NamedTuple):
    """What was found about a file."""

    notes: tuple[str, ...]  # what its reader decided
    tall: str  # the axis from feet to head, such as "z" or "-y"; "" if it is along none for most of the time
    size: float  # from the ankles to the head of the person when upright, in the unit of the file


class Recordings(NamedTuple):
    """The files and their conversion."""

    files: Mapping[str, Sequence[Path]]  # by subject
    reading: Reading
    joints: JointMap
    scale: float  # metres per unit of length
    up: str  # the axis of the files that points up, "y" or "z"
    fps: float  # frames per second of the tracks
    skip: int  # frames to leave out at the beginning
    seed: int | None  # of the detector's noise; None for exact projections


def make_source(options: Options) -> Source:
    """Return the source of captures; see `tracks`.

    Raises:
      InputError: an option is missing or out of its range, or the map or a file cannot be read.
    """
    from data_prep.cameras.virtual import noise_note

    check_options(fps=options.fps, seed=options.seed, capture_fps=options.capture_fps)
    if options.skip < 0:
        raise InputError(f"--skip is {options.skip}; it must not be below zero")
    if not options.files:
        raise InputError("there are no files to prepare; name some")
    reading, joints = Reading(options.encoding, options.capture_fps, options.positions), read_map(options.joint_map)
    looks = {path: look(path, reading, joints) for path in options.files}
    up, notes = upward_axis(looks, options.up)
    if options.scale is None or not 0 < options.scale < float("inf"):
        raise InputError(likely_scales(options.files[0], looks[options.files[0]].size))
    check_sizes(looks, options.scale)
    notes = [*merged_notes(looks), *notes]
    recordings = Recordings(
        by_subject(options.files), reading, joints, options.scale, up, options.fps, options.skip, options.seed
    )
    text = (
        f"BVH captures seen by the cameras of Human3.6M; {options.scale} m per unit of length; "
        f"{noise_note(options.seed)}"
    )
    return Source(
        Description(options.title, False, H36M_17, H36M_17, 2, tuple(recordings.files)),
        functools.partial(tracks, recordings),
        text="; ".join([text, *notes]),
        inputs=tuple(file for files in recordings.files.values() for file in files),
        remarks=functools.partial(_remarks, notes, recordings, options.out),
    )


def look(path: Path, reading: Reading, joints: JointMap) -> Look:
    """Find out along which axis the person in a file is tall, and how large the person is.

    Raises:
      InputError: the file cannot be read, or a joint of the map is missing in it.
    """
    capture = read_capture(path, reading)
    step = -(-len(capture.motion) // _MAX_SAMPLED)
    poses = file_17(capture._replace(motion=capture.motion[::step]), joints, str(path))
    feet = poses[:, [H36M_17.index("left_ankle"), H36M_17.index("right_ankle")]].mean(axis=1)
    upward = poses[:, H36M_17.index("head")] - feet
    length = np.linalg.norm(upward, axis=1, keepdims=True)
    direction = np.median(np.divide(upward, length, out=np.zeros_like(upward), where=length > 0), axis=0)
    axis = int(np.abs(direction).argmax())
    name = f"{'-' * bool(direction[axis] < 0)}{'xyz'[axis]}" if abs(direction[axis]) > _MIN_UPRIGHT else ""
    return Look(capture.notes, name, float(np.percentile(length, _UPRIGHT_PERCENTILE)))


def upward_axis(looks: Mapping[Path, Look], given: str | None) -> tuple[str, list[str]]:
    """Decide which axis of the files points up.

    Args:
      looks: by file.
      given: the axis that a user gives, which is believed; None for y.

    Returns:
      The axis, "y" or "z", and remarks.

    Raises:
      InputError: no axis is given, and people are tall along another than y.
    """
    up = given or "y"
    others = {path: seen.tall for path, seen in looks.items() if seen.tall not in ("", up)}
    path, tall = next(iter(others.items()), (None, ""))
    more = f" (so in {len(others)} of {len(looks)} files)" if len(looks) > 1 else ""
    if others and given is None:
        remedy = "give --up z" if tall == "z" else "--up can be y or z: turn the capture in the program that wrote it"
        raise InputError(
            f"{path}: people are tall along {tall}, not along y{more}; {remedy}, or give --up y if they lie or stand "
            "on their hands"
        )
    if others:
        return up, [f"--up is {up}, but people are tall along {tall}{more}: {path}"]
    if given is None and not any(seen.tall for seen in looks.values()):
        return up, ["y is taken to point up: nobody stands for long enough to tell (--up)"]
    return up, []


def check_sizes(looks: Mapping[Path, Look], scale: float) -> None:
    """Check that people have the size of people.

    Raises:
      InputError: somebody is smaller than `MIN_SIZE_M` or larger than `MAX_SIZE_M`.
    """
    for path, seen in looks.items():
        if not MIN_SIZE_M <= seen.size * scale <= MAX_SIZE_M:
            size = f"--scale {scale:g} makes people of {seen.size * scale:.4g} m"
            raise InputError(f"{size}; {likely_scales(path, seen.size)}")


def merged_notes(looks: Mapping[Path, Look]) -> list[str]:
    """The notes on all files, each once, with the first file that has it and the number of the others."""
    files: dict[str, list[Path]] = {}
    for path, seen in looks.items():
        for note in seen.notes:
            files.setdefault(note.removeprefix(f"{path}: "), []).append(path)
    return [f"{note}: {listed([*map(str, paths)], 1)}" for note, paths in files.items()]


def read_map(name: str) -> JointMap:
    """Read a joint map: one of `MAPS`, or a JSON file.

    Raises:
      InputError: the map or file does not exist, or does not give joints for each joint of `H36M_17`.
    """
    try:
        value = MAPS[name] if name in MAPS else read_json(Path(name))
    except FileNotFoundError as error:
        known = ", ".join(MAPS)
        raise InputError(
            f"--map {name}: no such file ({error.strerror}), and not one of the built-in maps: {known}"
        ) from None
    except ValueError as error:
        raise InputError(f"{name}: not a JSON file ({error}); give an object of names of joints") from None
    names = value if isinstance(value, Mapping) else {}
    missing = [joint for joint in H36M_17.joints if joint not in names]
    unknown = [joint for joint in names if joint not in H36M_17.joints]
    if missing or unknown:
        raise InputError(
            f"{name}: a map is an object with the 17 joints of Human3.6M as keys; "
            f"missing: {', '.join(missing) or 'none'}; unknown: {', '.join(unknown) or 'none'}"
        )
    joints = {joint: [sources] if isinstance(sources, str) else sources for joint, sources in names.items()}
    for joint, sources in joints.items():
        if not isinstance(sources, list) or not sources or not all(isinstance(source, str) for source in sources):
            raise InputError(f"{name}: {joint!r} is {sources!r:.50}; give a name, or a list of names")
    return joints


def world_17(capture: "Capture", joints: JointMap, scale: float, up: str, name: str) -> np.ndarray:
    """Positions of the joints of Human3.6M in a capture, in the world.

    Args:
      capture: from `bvh.read`.
      joints: for each joint of `H36M_17`, those of the capture whose mean it is.
      scale: metres per unit of length of the capture.
      up: its axis that points up, "y" or "z".
      name: of the file, for messages.

    Returns:
      (T, 17, 3) float64 metres, z up.

    Raises:
      InputError: a joint of the map is missing in the capture.
    """
    return scale * file_17(capture, joints, name)[..., [2, 0, 1] if up == "y" else [0, 1, 2]]


def file_17(capture: "Capture", joints: JointMap, name: str) -> np.ndarray:
    """Positions (T, 17, 3) of the joints of Human3.6M in a capture, in its unit and axes; see `world_17`."""
    from data_prep.formats import bvh

    full_names = {joint.name: index for index, joint in enumerate(capture.joints)}
    indices = {joint.rpartition(":")[2]: index for joint, index in full_names.items()} | full_names
    for joint in H36M_17.joints:
        if missing := [source for source in joints[joint] if source not in indices]:
            raise InputError(
                f"{name}: has no joint {missing[0]!r} for {joint!r}, only {', '.join(full_names)}; change the map"
            )
    positions = bvh.forward_kinematics(capture)
    mapped = [positions[:, [indices[source] for source in joints[joint]]].mean(axis=1) for joint in H36M_17.joints]
    return np.stack(mapped, axis=1)


def tracks(recordings: Recordings, subject: str) -> Iterator[Track]:
    """Yield the recordings of a subject, seen by the cameras of a Human3.6M subject.

    Raises:
      InputError: a file is not a BVH file, or a joint is missing in it.
    """
    from data_prep.cameras.virtual import move_to_centre, virtual_tracks
    from jaxpose.data.human36m import H36M_CAMERAS

    for path in recordings.files[subject]:
        capture = read_capture(path, recordings.reading)
        world = world_17(capture, recordings.joints, recordings.scale, recordings.up, str(path))[recordings.skip :]
        if not len(world):
            raise InputError(
                f"{path}: --skip {recordings.skip} leaves none of its {len(capture.motion)} frames; remove the file"
            )
        clip = resample(world, capture.fps, recordings.fps).astype(np.float32)
        yield from virtual_tracks(
            subject, path.stem, move_to_centre(clip), recordings.fps, H36M_CAMERAS[CAMERAS], recordings.seed
        )


def read_capture(path: Path, reading: Reading = Reading()) -> "Capture":  # noqa: B008 - immutable
    """Read a BVH file.

    Raises:
      InputError: the file cannot be read, or violates the format.
    """
    from data_prep.formats import bvh

    try:
        return bvh.read(read_bytes(path, most=LARGEST_BYTES), str(path), **reading._asdict())
    except (FileNotFoundError, ValueError) as error:
        raise InputError(f"{path}: {getattr(error, 'strerror', error)}; name BVH files") from None


def by_subject(files: Sequence[Path]) -> dict[str, list[Path]]:
    """Group files by subject, the name of their folder."""
    subjects: dict[str, list[Path]] = {}
    for file in files:
        subjects.setdefault(file.resolve().parent.name, []).append(file)
    return subjects


def likely_scales(path: Path, size: float) -> str:
    """Describe the size of the person in a file by usual units of length, so that a user can choose --scale."""
    if not size:
        return f"{path}: the ankles and the head are in one place; change the map"
    likely = ", ".join(f"{scale:.4g} for {unit} ({size * scale:.2f} m)" for unit, scale in METRES_PER_UNIT.items())
    return (
        f"{path}: {size:.4g} units from the ankles to the head; give --scale, metres per unit: {likely}, or "
        f"{_USUAL_SIZE_M / size:.4g} where the unit is unknown and it is {_USUAL_SIZE_M} m, as in people of 1.7 m"
    )


def _remarks(notes: Sequence[str], recordings: Recordings, out: Path, sizes: Mapping[str, SplitSize]) -> Sequence[str]:
    """Remark on the views that `virtual_tracks` has left out, and on files that are too fast, after other notes."""
    from data_prep.cameras.virtual import LEFT_OUT
    from data_prep.checks.pace_report import too_fast
    from jaxpose.data.human36m import H36M_CAMERAS

    files = sum(len(files) for files in recordings.files.values())
    lost = len(H36M_CAMERAS[CAMERAS]) * files - sum(size.tracks for size in sizes.values())
    return [*notes, *([f"{LEFT_OUT}: {lost}"] if lost else []), *too_fast(out)]


main = functools.partial(prepare, "bvh")

if __name__ == "__main__":
    main()
