"""Prepare captures in BVH files, of any skeleton: put them before the Human3.6M cameras.

    python -m data_prep.bvh anna/*.bvh ben/*.bvh --map mixamo --scale 0.01 --out captures
    python -m jaxpose.train baseline --data captures

A file is one recording; its subject is called as the folder that it is in. The map says which joints of the files are
the 17 of Human3.6M. It is one of `MAPS`, or a JSON file that gives for each of the 17 the name of a joint, or a list of
names whose midpoint is meant: {"pelvis": "Hips", …, "thorax": ["LeftArm", "RightArm"], …}. The end site of a joint is
called as the joint, with `_end`. What stands before a colon, as in `mixamorig:Hips`, may be left out.
"""

import functools
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import jax
import numpy as np
import rich
import tyro

from data_prep.cameras.virtual import film, place
from data_prep.formats import bvh
from data_prep.formats.archives import LARGEST_BYTES
from data_prep.formats.bvh import Capture
from data_prep.writer import data_set
from jaxpose.data.human36m import H36M_CAMERAS
from jaxpose.data.resampling import resample
from jaxpose.data.track import Description, Track
from jaxpose.files.guarded_read import read_bytes, read_json
from jaxpose.runtime.errors import InputError, cli_errors
from jaxpose.skeleton import H36M_17

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
"""For B. Hahne's conversion of the CMU database, whose trunks lack the bone "thorax", 12 cm (`data_prep.cmu` reads the
database itself); and for Mixamo's skeletons."""

_UNITS = {"metres": 1.0, "centimetres": 0.01, "inches": 0.0254, "the unit of CMU": 0.0254 / 0.45}
_CAMERAS = H36M_CAMERAS["S1"]


class Plan(NamedTuple):
    """What is made of which files."""

    files: Mapping[str, Sequence[Path]]  # by subject
    joints: JointMap
    scale: float  # metres per unit of length
    up: str  # the axis that points up, "y" or "z"
    fps: float  # that is wanted
    skip: int  # frames to leave out at the beginning
    seed: int | None  # of the detector's noise


def read_map(name: str) -> JointMap:
    """A joint map: one of `MAPS`, or what a JSON file holds.

    Raises:
      InputError: there is no such map or file, or it does not give joints for each joint of `H36M_17`.
    """
    try:
        found = MAPS[name] if name in MAPS else read_json(Path(name))
    except FileNotFoundError as error:
        known = ", ".join(MAPS)
        raise InputError(f"--map {name}: no such file ({error.strerror}), and no known map: {known}") from None
    except ValueError as error:
        raise InputError(f"{name}: not a JSON file ({error}); give an object of names of joints") from None
    given = found if isinstance(found, Mapping) else {}
    missing = [joint for joint in H36M_17.joints if joint not in given]
    unknown = [joint for joint in given if joint not in H36M_17.joints]
    if missing or unknown:
        raise InputError(
            f"{name}: a map is an object with the 17 joints of Human3.6M as keys; "
            f"missing: {', '.join(missing) or 'none'}; unknown: {', '.join(unknown) or 'none'}"
        )
    joints = {joint: [names] if isinstance(names, str) else names for joint, names in given.items()}
    for joint, names in joints.items():
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise InputError(f"{name}: {joint!r} is {names!r:.50}; give a name, or a list of names")
    return joints


def world_17(capture: Capture, joints: JointMap, scale: float, up: str, name: str) -> np.ndarray:
    """The joints of Human3.6M in a capture.

    Args:
      capture: of `bvh.read`.
      joints: for each joint of `H36M_17`, those of the capture whose mean it is.
      scale: metres per unit of length of the capture.
      up: its axis that points up, "y" or "z".
      name: of the file, for messages.

    Returns:
      (T, 17, 3) float64 metres, z up.

    Raises:
      InputError: the capture lacks a joint.
    """
    own = {joint.name: index for index, joint in enumerate(capture.joints)}
    places = {name.rpartition(":")[2]: index for name, index in own.items()} | own
    for joint in H36M_17.joints:
        if missing := [wanted for wanted in joints[joint] if wanted not in places]:
            raise InputError(
                f"{name}: has no joint {missing[0]!r} for {joint!r}, only {', '.join(own)}; change the map"
            )
    positions = scale * bvh.forward_kinematics(capture)
    mapped = [positions[:, [places[found] for found in joints[joint]]].mean(axis=1) for joint in H36M_17.joints]
    return np.stack(mapped, axis=1)[..., [2, 0, 1] if up == "y" else [0, 1, 2]]


def tracks(plan: Plan, subject: str) -> Iterator[Track]:
    """The recordings of a subject before the cameras of a Human3.6M subject.

    Raises:
      InputError: a file is no BVH file, or lacks a joint.
    """
    for path in plan.files[subject]:
        capture = _read(path)
        world = world_17(capture, plan.joints, plan.scale, plan.up, str(path))[plan.skip :]
        if not len(world):
            raise InputError(
                f"{path}: --skip {plan.skip} leaves none of its {len(capture.motion)} frames; leave it out"
            )
        clip = resample(world, capture.fps, plan.fps).astype(np.float32)
        yield from film(subject, path.stem, place(clip), plan.fps, _CAMERAS, plan.seed)


def prepare(
    files: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="FILE")],
    *,
    joint_map: Annotated[str, tyro.conf.arg(name="map", metavar="MAP")],
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")],
    scale: float | None = None,
    up: Literal["y", "z"] = "y",
    fps: float = 50.0,
    skip: int = 0,
    seed: int | None = 0,
    title: str = "BVH captures",
    jobs: int = os.cpu_count() or 1,
) -> None:
    """Prepare captures in BVH files for jaxpose.train.

    Args:
      files: BVH files, each in the folder of its subject.
      joint_map: Which joints of the files are those of Human3.6M: cmu, mixamo, or a JSON file.
      out: Folder to write the prepared data set to; it must not hold anything yet.
      scale: Metres per unit of length of the files, such as 0.01 for centimetres; without it, likely ones are shown.
      up: The axis of the files that points up.
      fps: Frames per second to write.
      skip: Frames to leave out at the beginning of every file; 1 where they begin with a T-pose, as CMU's do.
      seed: Of the noise on the keypoints; None for exact projections.
      title: Names the data in reports.
      jobs: Subjects to prepare at a time.
    """
    if not 1 <= fps <= 1000:
        raise InputError(f"--fps is {fps}; it must be from 1 to 1000")
    if skip < 0:
        raise InputError(f"--skip is {skip}; it must not be below zero")
    if seed is not None and not 0 <= seed < 2**32:
        raise InputError(f"--seed is {seed}; it must be None, or from 0 to {2**32 - 1}")
    if not files:
        raise InputError("there are no files to prepare; name some")
    data_set.check_out(out)
    if scale is None or not 0 < scale < float("inf"):
        raise InputError(_likely_scales(files[0], up))
    subjects: dict[str, list[Path]] = {}
    for file in files:
        subjects.setdefault(file.resolve().parent.name, []).append(file)
    noise = "without noise" if seed is None else f"with the noise of a detector, seed {seed}"
    tallies = data_set.write(
        out,
        Description(title, synthetic=False, skeleton=H36M_17, layout=H36M_17, channels=2, splits=tuple(subjects)),
        functools.partial(tracks, Plan(subjects, read_map(joint_map), scale, up, fps, skip, seed)),
        text=f"BVH captures before the cameras of Human3.6M; {scale} m per unit; keypoints are projected, {noise}",
        inputs=files,
        jobs=jobs,
    )
    if lost := len(_CAMERAS) * len(files) - sum(tally.tracks for tally in tallies.values()):
        print(f"left out, views of people too near to the camera or too far outside its image: {lost}")
    rich.print(data_set.table(tallies))
    print(f"wrote {out}")


def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    jax.config.update("jax_platforms", "cpu")  # nothing here is worth taking a GPU away from a training
    with cli_errors():
        tyro.cli(prepare, args=argv, prog="python -m data_prep.bvh")


def _read(path: Path) -> Capture:
    try:
        return bvh.read(read_bytes(path, most=LARGEST_BYTES), str(path))
    except (FileNotFoundError, ValueError) as error:
        raise InputError(f"{path}: {getattr(error, 'strerror', error)}; name BVH files") from None


def _likely_scales(path: Path, up: str) -> str:
    """What to say of the unit of length, which the format leaves open."""
    capture = _read(path)
    first = bvh.forward_kinematics(capture._replace(motion=capture.motion[:1]))[0, :, "xyz".index(up)]
    height = first.max() - first.min()
    likely = ", ".join(f"{scale:.4g} for {unit} ({height * scale:.2f} m)" for unit, scale in _UNITS.items())
    return f"{path} is {height:.4g} units high in its first frame; give --scale, metres per unit: {likely}"


if __name__ == "__main__":
    main()
