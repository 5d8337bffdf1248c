"""The CMU Graphics Lab Motion Capture Database (mocap.cs.cmu.edu): skeletons NN.asf and trials NN_MM.amc.

The database has no cameras and no video: subjects are seen by the cameras of Human3.6M, and keypoints are projections
with the noise of a 2D detector.
"""

import functools
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from data_prep.cameras.virtual import LEFT_OUT, move_to_centre, noise_note, virtual_tracks
from data_prep.formats import amc, asf
from data_prep.formats.archives import members
from data_prep.writer.builder import Source
from data_prep.writer.data_set import SplitSize
from jaxpose.cameras import Camera
from jaxpose.data.human36m import H36M_CAMERAS
from jaxpose.data.resampling import resample
from jaxpose.data.track import Description, Track
from jaxpose.keypoints.layouts import conversion
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import CMU_31, H36M_17

CITATION = """@misc{cmu_mocap,
  title = {{CMU} Graphics Lab Motion Capture Database},
  howpublished = {mocap.cs.cmu.edu},
  note = {created with funding from NSF EIA-0196217}
}"""

CAPTURE_FPS = 120.0


class Subject(NamedTuple):
    """Paths in the source of the files of a subject."""

    skeleton: str  # of its ASF file
    trials: dict[str, str]  # of its AMC files, by names such as 01_02


def find_subjects(path: Path) -> tuple[dict[int, Subject], list[str]]:
    """Find the subjects in a folder or an archive.

    Args:
      path: a folder, a zip or a tar archive with files NN.asf and NN_MM.amc, anywhere in it.

    Returns:
      Subjects by number, in order, with at least one trial each, and remarks on files that are left out.

    Raises:
      InputError: `path` cannot be read, has a file twice, or has no subject.
    """
    paths: dict[str, str] = {}
    for member in members(path):
        name = PurePosixPath(member.path).name.lower()
        if re.fullmatch(r"[0-9]{1,9}(\.asf|_[0-9]{1,9}\.amc)", name):
            if name in paths:
                raise InputError(f"{path}: {paths[name]} and {member.path} have the same name; keep one of them")
            paths[name] = member.path
    skeletons = {_numbers(name)[0]: file for name, file in paths.items() if name.endswith(".asf")}
    trials: dict[int, dict[str, str]] = {}
    for name in sorted(paths, key=_numbers):
        if name.endswith(".amc"):
            trials.setdefault(_numbers(name)[0], {})[name.removesuffix(".amc")] = paths[name]
    subjects = {number: Subject(skeletons[number], trials[number]) for number in trials if number in skeletons}
    if not subjects:
        raise InputError(f"{path}: no NN.asf with NN_MM.amc in it; download allasfamc.zip from mocap.cs.cmu.edu")
    incomplete = {
        "trials without a skeleton": sorted(trials.keys() - subjects.keys()),
        "skeletons without trials": sorted(skeletons.keys() - subjects.keys()),
    }
    return subjects, [f"left out, {kind}: {_listed(numbers)}" for kind, numbers in incomplete.items() if numbers]


def select_subjects(
    subjects: Mapping[int, Subject], numbers: Collection[int], skip: Collection[str]
) -> dict[int, Subject]:
    """Select subjects by number, all if there are no numbers, and remove the trials to skip.

    Raises:
      InputError: a number or a trial does not exist, or a subject has no trials left.
    """
    if unknown := sorted({*numbers} - subjects.keys()):
        raise InputError(f"--subjects: there is no subject {_listed(unknown)}, only {_listed(subjects)}")
    if unknown := sorted({*skip} - {trial for subject in subjects.values() for trial in subject.trials}):
        raise InputError(f"--skip: there is no trial {', '.join(unknown)}; trials have the names of their files, NN_MM")
    selected = {}
    for number in sorted({*numbers} or subjects):
        skeleton, trials = subjects[number]
        selected[number] = Subject(skeleton, {name: path for name, path in trials.items() if name not in skip})
        if not selected[number].trials:
            raise InputError(f"--skip leaves no trial of subject {number}; choose others with --subjects")
    return selected


def make_source(
    path: Path, subjects: Mapping[int, Subject], fps: float, seed: int | None, remarks: Iterable[str]
) -> Source:
    """Return the source of some subjects; see `tracks`.

    Args:
      path: folder or archive that has the files of `subjects`.
      subjects: by number.
      fps: frames per second of the tracks.
      seed: of the detector's noise; None for exact projections.
      remarks: for the text of the data set.
    """
    splits = tuple(f"S{number}" for number in subjects)
    text = f"{path.name} seen by the cameras of Human3.6M; {noise_note(seed)}"
    return Source(
        Description("CMU motion capture", False, H36M_17, H36M_17, 2, splits),
        functools.partial(tracks, path, subjects, fps, seed),
        text="; ".join([text, *remarks]),
        citation=CITATION,
        inputs=(path,),
    )


def tracks(path: Path, subjects: Mapping[int, Subject], fps: float, seed: int | None, split: str) -> Iterator[Track]:
    """Yield the trials of a subject, seen by the cameras of a Human3.6M subject.

    Args:
      path: folder or archive that has the files of `subjects`.
      subjects: by number.
      fps: frames per second of the tracks.
      seed: of the detector's noise; None for exact projections.
      split: "S1" for subject 1.

    Yields:
      A track per trial, in order, and camera, except for those that `virtual_tracks` leaves out.

    Raises:
      InputError: a file violates its format; the message names the line and the remedy.
    """
    number = int(split.removeprefix("S"))
    skeleton_path, trials = subjects[number]
    needed = {skeleton_path, *trials.values()}
    contents = {member.path: member.read() for member in members(path) if member.path in needed}
    skeleton = asf.read(contents[skeleton_path], f"{path}: {skeleton_path}")
    if missing := [joint for joint in CMU_31.joints if joint not in skeleton.joints]:
        raise InputError(f"{path}: {skeleton_path}: there is no bone {', '.join(missing)}; remove the subject")
    for trial, trial_path in trials.items():
        try:
            motion = amc.read(contents.pop(trial_path), f"{path}: {trial_path}", skeleton)
        except InputError as error:
            raise InputError(f"{error} (--skip {trial})") from None
        world = resample(world_17(skeleton, motion), CAPTURE_FPS, fps).astype(np.float32)
        action = f"trial {trial.partition('_')[2]}"
        yield from virtual_tracks(split, action, move_to_centre(world), fps, _cameras(number), seed)


def world_17(skeleton: asf.Skeleton, motion: np.ndarray) -> np.ndarray:
    """Positions (T, 17, 3) of `H36M_17`, metres, z up, of motion (T, D) from `amc.read`."""
    joints = [skeleton.joints.index(joint) for joint in CMU_31.joints]
    positions = conversion(CMU_31, H36M_17) @ asf.forward_kinematics(skeleton, motion)[:, joints]
    return positions[..., [2, 0, 1]]  # the files have y up


def lost_views(subjects: Mapping[int, Subject], sizes: Mapping[str, SplitSize]) -> list[str]:
    """Remark on the views of subjects that `virtual_tracks` has left out, by the sizes of the splits."""
    views = {number: len(_cameras(number)) * len(subject.trials) for number, subject in subjects.items()}
    lost = {number: views[number] - sizes[f"S{number}"].tracks for number in views}
    counts = ", ".join(f"{lost[number]} of {views[number]} of S{number}" for number in lost if lost[number])
    return [f"{LEFT_OUT}: {counts}"] if counts else []


def _cameras(number: int) -> Mapping[str, Camera]:
    """Return the cameras that see a subject: those of the Human3.6M subjects, in turn."""
    return list(H36M_CAMERAS.values())[(number - 1) % len(H36M_CAMERAS)]


def _numbers(name: str) -> tuple[int, ...]:
    """Return the numbers in the name of a file."""
    return tuple(int(digits) for digits in re.findall("[0-9]+", name))


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))
