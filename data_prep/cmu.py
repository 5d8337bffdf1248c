"""Prepare the CMU Graphics Lab Motion Capture Database, which anyone may download.

    python -m data_prep.cmu allasfamc.zip --out DIR
    python -m jaxpose.train --data DIR --train-split S1+S2 --test-split S3

mocap.cs.cmu.edu has the archive of all skeletons (NN.asf) and trials (NN_MM.amc). There are no cameras in it: subjects
are put before those of Human3.6M, and keypoints are projections with the noise of a 2D detector.
"""

import functools
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, NamedTuple

import jax
import numpy as np
import rich
import tyro

from data_prep.cameras.virtual import film, place
from data_prep.formats import amc, asf
from data_prep.formats.archives import members
from data_prep.writer import data_set
from jaxpose.cameras import Camera
from jaxpose.data.human36m import H36M_CAMERAS
from jaxpose.data.resampling import resample
from jaxpose.data.track import Description, Track
from jaxpose.keypoints.layouts import conversion
from jaxpose.runtime.errors import InputError, cli_errors
from jaxpose.skeleton import CMU_31, H36M_17

CITATION = """@misc{cmu_mocap,
  title = {{CMU} Graphics Lab Motion Capture Database},
  howpublished = {mocap.cs.cmu.edu},
  note = {created with funding from NSF EIA-0196217}
}"""

CAPTURE_FPS = 120.0


class Subject(NamedTuple):
    """Where in the source the files of a subject are."""

    skeleton: str  # path of its ASF file
    trials: dict[str, str]  # paths of its AMC files, by names such as 01_02


def find(source: Path) -> tuple[dict[int, Subject], list[str]]:
    """The subjects in a folder or an archive.

    Args:
      source: a folder, a zip or a tar archive with files NN.asf and NN_MM.amc, anywhere in it.

    Returns:
      Subjects by number, in order, with at least one trial each, and remarks on what was left out.

    Raises:
      InputError: `source` cannot be read, a file is there twice, or there is no subject.
    """
    paths: dict[str, str] = {}
    for member in members(source):
        name = PurePosixPath(member.path).name.lower()
        if re.fullmatch(r"[0-9]{1,9}(\.asf|_[0-9]{1,9}\.amc)", name):
            if name in paths:
                raise InputError(f"{source}: {paths[name]} and {member.path} have the same name; keep one of them")
            paths[name] = member.path
    skeletons = {_numbers(name)[0]: path for name, path in paths.items() if name.endswith(".asf")}
    trials: dict[int, dict[str, str]] = {}
    for name in sorted(paths, key=_numbers):
        if name.endswith(".amc"):
            trials.setdefault(_numbers(name)[0], {})[name.removesuffix(".amc")] = paths[name]
    subjects = {number: Subject(skeletons[number], trials[number]) for number in trials if number in skeletons}
    if not subjects:
        raise InputError(f"{source}: holds no NN.asf with NN_MM.amc; take allasfamc.zip from mocap.cs.cmu.edu")
    said = ("trials without a skeleton", trials), ("skeletons without trials", skeletons)
    lone = [(what, sorted(number for number in numbers if number not in subjects)) for what, numbers in said]
    return subjects, [f"left out, {what}: {_listed(numbers)}" for what, numbers in lone if numbers]


def choose(subjects: Mapping[int, Subject], numbers: Collection[int], skip: Collection[str]) -> dict[int, Subject]:
    """Some of the subjects, all if there are no numbers, without the trials to skip.

    Raises:
      InputError: a number or a trial is not there, or no trial is left of a subject.
    """
    if unknown := sorted({*numbers} - subjects.keys()):
        raise InputError(f"--subjects: there is no subject {_listed(unknown)}, only {_listed(subjects)}")
    if unknown := sorted({*skip} - {trial for subject in subjects.values() for trial in subject.trials}):
        raise InputError(f"--skip: there is no trial {', '.join(unknown)}; trials are called as their files, NN_MM")
    chosen = {}
    for number in sorted({*numbers} or subjects):
        skeleton, trials = subjects[number]
        chosen[number] = Subject(skeleton, {name: path for name, path in trials.items() if name not in skip})
        if not chosen[number].trials:
            raise InputError(f"--skip leaves no trial of subject {number}; choose others with --subjects")
    return chosen


def tracks(source: Path, subjects: Mapping[int, Subject], fps: float, seed: int | None, split: str) -> Iterator[Track]:
    """The trials of a subject before the cameras of a Human3.6M subject.

    Args:
      source: where `subjects` are.
      subjects: by number.
      fps: frames a second of the tracks.
      seed: of the detector's noise; None for exact projections.
      split: "S1" for subject 1.

    Yields:
      A track per trial, in order, and camera; without those that `film` leaves out.

    Raises:
      InputError: a file is not as it should be; the message says where, and what to do.
    """
    number = int(split.removeprefix("S"))
    skeleton_path, trials = subjects[number]
    wanted = {skeleton_path, *trials.values()}
    contents = {member.path: member.read() for member in members(source) if member.path in wanted}
    skeleton = asf.read(contents[skeleton_path], f"{source}: {skeleton_path}")
    if missing := [joint for joint in CMU_31.joints if joint not in skeleton.joints]:
        raise InputError(f"{source}: {skeleton_path}: there is no bone {', '.join(missing)}; leave the subject out")
    for trial, path in trials.items():
        try:
            motion = amc.read(contents.pop(path), f"{source}: {path}", skeleton)
        except InputError as error:
            raise InputError(f"{error}: --skip {trial}") from None
        world = resample(world_17(skeleton, motion), CAPTURE_FPS, fps).astype(np.float32)
        yield from film(split, f"trial {trial.partition('_')[2]}", place(world), fps, _rig(number), seed)


def world_17(skeleton: asf.Skeleton, motion: np.ndarray) -> np.ndarray:
    """Positions (T, 17, 3) of `H36M_17`, metres, z up, of motion (T, D) as `amc.read` gives it."""
    joints = [skeleton.joints.index(joint) for joint in CMU_31.joints]
    positions = conversion(CMU_31, H36M_17) @ asf.forward_kinematics(skeleton, motion)[:, joints]
    return positions[..., [2, 0, 1]]  # the files have y up


def convert(
    source: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="SOURCE")],
    *,
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")],
    subjects: tuple[int, ...] = (),
    skip: Annotated[tuple[str, ...], tyro.conf.arg(metavar="[NN_MM …]")] = (),
    fps: float = 50.0,
    seed: int | None = 0,
    jobs: int = os.cpu_count() or 1,
    beam: str | None = None,
) -> None:
    """Prepare CMU motion capture for jaxpose.train.

    Args:
      source: allasfamc.zip, or a folder or another archive with files NN.asf and NN_MM.amc anywhere in it.
      out: Folder to write the prepared data set to; it must not hold anything yet.
      subjects: Numbers of the subjects to prepare; all by default.
      skip: Trials to leave out.
      fps: Frames per second to write; the files have 120.
      seed: Of the noise on the keypoints; None for exact projections.
      jobs: Subjects to prepare at a time.
      beam: Options of an Apache Beam pipeline to do the work, such as 'runner=DirectRunner' (extra: beam).
    """
    if not 1 <= fps <= 1000:
        raise InputError(f"--fps is {fps}; it must be from 1 to 1000")
    if seed is not None and not 0 <= seed < 2**32:
        raise InputError(f"--seed is {seed}; it must be None, or from 0 to {2**32 - 1}")
    data_set.check_out(out)
    found, remarks = find(source)
    chosen = choose(found, subjects, skip)
    description = Description(
        title="CMU motion capture",
        synthetic=False,
        skeleton=H36M_17,
        layout=H36M_17,
        channels=2,
        splits=tuple(f"S{number}" for number in chosen),
    )
    noise = "without noise" if seed is None else f"with the noise of a detector, seed {seed}"
    tallies = data_set.write(
        out,
        description,
        functools.partial(tracks, source, chosen, fps, seed),
        text="; ".join([f"{source.name} before the cameras of Human3.6M; keypoints are projected, {noise}", *remarks]),
        citation=CITATION,
        inputs=[source],
        jobs=jobs,
        beam=beam,
    )
    for remark in [*remarks, *_unseen(chosen, tallies)]:
        print(remark)
    rich.print(data_set.table(tallies))
    print(f"wrote {out}")


def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    jax.config.update("jax_platforms", "cpu")  # nothing here is worth taking a GPU away from a training
    with cli_errors():
        tyro.cli(convert, args=argv, prog="python -m data_prep.cmu")


def _rig(number: int) -> Mapping[str, Camera]:
    """The cameras before a subject: those of the Human3.6M subjects, in turn."""
    return list(H36M_CAMERAS.values())[(number - 1) % len(H36M_CAMERAS)]


def _numbers(name: str) -> tuple[int, ...]:
    """The numbers in the name of a file."""
    return tuple(int(digits) for digits in re.findall("[0-9]+", name))


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))


def _unseen(subjects: Mapping[int, Subject], tallies: Mapping[str, data_set.Tally]) -> list[str]:
    """Remarks on views that `film` has left out."""
    views = {number: len(_rig(number)) * len(subject.trials) for number, subject in subjects.items()}
    lost = {number: views[number] - tallies[f"S{number}"].tracks for number in views}
    said = ", ".join(f"{lost[number]} of {views[number]} of S{number}" for number in lost if lost[number])
    return [f"left out, views of people too near to the camera or too far outside its image: {said}"] if said else []


if __name__ == "__main__":
    main()
