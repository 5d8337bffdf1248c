"""Prepare captures in BVH files, of any skeleton, seen by the cameras of Human3.6M.

    jaxpose prepare bvh anna/*.bvh ben/*.bvh --map mixamo --scale 0.01 --out captures
    jaxpose train baseline --data captures

A file is one recording; its subject has the name of the folder that the file is in. The map gives the joints of the
files that are the 17 of Human3.6M. It is cmu, mixamo, or a JSON file with a name for each of the 17, or a list of names
whose mean position is taken: {"pelvis": "Hips", …, "thorax": ["LeftArm", "RightArm"], …}. The end site of a joint has
the name of the joint, with `_end`. A prefix up to a colon, as in `mixamorig:Hips`, may be left out.
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
from jaxpose.skeleton import H36M_17

if TYPE_CHECKING:  # `--help` answers without JAX and SciPy
    from data_prep.formats.bvh import Capture


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options(Output):
    """The options of `jaxpose prepare bvh`."""

    files: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="FILE")]
    """BVH files, each in the folder of its subject."""
    joint_map: Annotated[str, tyro.conf.arg(name="map", metavar="MAP")]
    """The joints of the files that are those of Human3.6M: cmu, mixamo, or a JSON file."""
    scale: float | None = None
    """Metres per unit of length of the files, such as 0.01 for centimetres; without it, likely ones are shown."""
    up: Literal["y", "z"] = "y"
    """Axis of the files that points up."""
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
}
"""Built-in maps: for B. Hahne's conversion of the CMU database, whose trunks lack the bone "thorax", 12 cm
(`data_prep.cmu` reads the database itself), and for Mixamo's skeletons."""

METRES_PER_UNIT = {"metres": 1.0, "centimetres": 0.01, "inches": 0.0254, "the unit of CMU": 0.0254 / 0.45}
"""Usual units of length; the format does not say which a file has."""

CAMERAS = "S1"
"""The subject of Human3.6M whose cameras see the captures."""


class Recordings(NamedTuple):
    """The files and their conversion."""

    files: Mapping[str, Sequence[Path]]  # by subject
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

    check_options(fps=options.fps, seed=options.seed)
    if options.skip < 0:
        raise InputError(f"--skip is {options.skip}; it must not be below zero")
    if not options.files:
        raise InputError("there are no files to prepare; name some")
    if options.scale is None or not 0 < options.scale < float("inf"):
        raise InputError(likely_scales(options.files[0], options.up))
    recordings = Recordings(
        by_subject(options.files), read_map(options.joint_map), options.scale, options.up, options.fps,
        options.skip, options.seed,
    )  # fmt: skip
    text = (
        f"BVH captures seen by the cameras of Human3.6M; {options.scale} m per unit of length; "
        f"{noise_note(options.seed)}"
    )
    return Source(
        Description(options.title, False, H36M_17, H36M_17, 2, tuple(recordings.files)),
        functools.partial(tracks, recordings),
        text=text,
        inputs=tuple(file for files in recordings.files.values() for file in files),
        remarks=functools.partial(_remarks, recordings),
    )


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
    """Positions of the joints of Human3.6M in a capture.

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
    from data_prep.formats import bvh

    full_names = {joint.name: index for index, joint in enumerate(capture.joints)}
    indices = {joint.rpartition(":")[2]: index for joint, index in full_names.items()} | full_names
    for joint in H36M_17.joints:
        if missing := [source for source in joints[joint] if source not in indices]:
            raise InputError(
                f"{name}: has no joint {missing[0]!r} for {joint!r}, only {', '.join(full_names)}; change the map"
            )
    positions = scale * bvh.forward_kinematics(capture)
    mapped = [positions[:, [indices[source] for source in joints[joint]]].mean(axis=1) for joint in H36M_17.joints]
    return np.stack(mapped, axis=1)[..., [2, 0, 1] if up == "y" else [0, 1, 2]]


def tracks(recordings: Recordings, subject: str) -> Iterator[Track]:
    """Yield the recordings of a subject, seen by the cameras of a Human3.6M subject.

    Raises:
      InputError: a file is not a BVH file, or a joint is missing in it.
    """
    from data_prep.cameras.virtual import move_to_centre, virtual_tracks
    from jaxpose.data.human36m import H36M_CAMERAS

    for path in recordings.files[subject]:
        capture = read_capture(path)
        world = world_17(capture, recordings.joints, recordings.scale, recordings.up, str(path))[recordings.skip :]
        if not len(world):
            raise InputError(
                f"{path}: --skip {recordings.skip} leaves none of its {len(capture.motion)} frames; remove the file"
            )
        clip = resample(world, capture.fps, recordings.fps).astype(np.float32)
        yield from virtual_tracks(
            subject, path.stem, move_to_centre(clip), recordings.fps, H36M_CAMERAS[CAMERAS], recordings.seed
        )


def read_capture(path: Path) -> "Capture":
    """Read a BVH file.

    Raises:
      InputError: the file cannot be read, or violates the format.
    """
    from data_prep.formats import bvh

    try:
        return bvh.read(read_bytes(path, most=LARGEST_BYTES), str(path))
    except (FileNotFoundError, ValueError) as error:
        raise InputError(f"{path}: {getattr(error, 'strerror', error)}; name BVH files") from None


def by_subject(files: Sequence[Path]) -> dict[str, list[Path]]:
    """Group files by subject, the name of their folder."""
    subjects: dict[str, list[Path]] = {}
    for file in files:
        subjects.setdefault(file.resolve().parent.name, []).append(file)
    return subjects


def likely_scales(path: Path, up: str) -> str:
    """Describe the height of the person in a file by usual units of length, so that a user can choose --scale."""
    from data_prep.formats import bvh

    capture = read_capture(path)
    first = bvh.forward_kinematics(capture._replace(motion=capture.motion[:1]))[0, :, "xyz".index(up)]
    height = first.max() - first.min()
    likely = ", ".join(f"{scale:.4g} for {unit} ({height * scale:.2f} m)" for unit, scale in METRES_PER_UNIT.items())
    return f"{path} is {height:.4g} units high in its first frame; give --scale, metres per unit: {likely}"


def _remarks(recordings: Recordings, sizes: Mapping[str, SplitSize]) -> Sequence[str]:
    """Remark on the views that `virtual_tracks` has left out, by the sizes of the splits."""
    from data_prep.cameras.virtual import LEFT_OUT
    from jaxpose.data.human36m import H36M_CAMERAS

    files = sum(len(files) for files in recordings.files.values())
    lost = len(H36M_CAMERAS[CAMERAS]) * files - sum(size.tracks for size in sizes.values())
    return [f"{LEFT_OUT}: {lost}"] if lost else []


main = functools.partial(prepare, "bvh")

if __name__ == "__main__":
    main()
