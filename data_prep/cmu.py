"""Prepare CMU motion capture, which is free to download (allasfamc.zip, mocap.cs.cmu.edu).

    jaxpose prepare cmu allasfamc.zip --out DIR
    jaxpose train --data DIR --train-split S1+S2 --test-split S3

The CMU Graphics Lab Motion Capture Database has no video: subjects are seen by the cameras of Human3.6M, and keypoints
are projections with the noise of a 2D detector. With --keypoints coco_17 they are COCO's with a confidence, which most
detectors give, and the poses have nose, eyes and ears, too: fixed to the captured head, at the places that are typical
of adults.

The files do not say how often a second they were captured: 120 times is usual, but some trials were captured 60 times
and are twice as fast if that is not known. Trials that are too fast to be right are named when all is written; give
their frame rates with --capture-fps.
"""

import dataclasses
import functools
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import numpy as np
import tyro

from data_prep.formats import amc, asf, cmu_joints
from data_prep.formats.archives import members
from data_prep.writer.command import Output, check_options, prepare
from data_prep.writer.source import Source, SplitSize
from jaxpose.data.resampling import resample
from jaxpose.data.track import Description, Track
from jaxpose.runtime.errors import InputError
from jaxpose.runtime.words import listed
from jaxpose.skeleton import BODY_22, CMU_31, H36M_17, Skeleton

if TYPE_CHECKING:  # `--help` answers without JAX
    from data_prep.cameras.virtual import Form
    from jaxpose.cameras import Camera


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options(Output):
    """The options of `jaxpose prepare cmu`."""

    source: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="SOURCE")]
    """allasfamc.zip, or a folder or another archive with files NN.asf and NN_MM.amc anywhere in it."""
    subjects: tuple[int, ...] = ()
    """Numbers of the subjects to prepare; all by default."""
    skip: Annotated[tuple[str, ...], tyro.conf.arg(metavar="[NN_MM …]")] = ()
    """Trials to leave out."""
    fps: float = 50.0
    """Frames per second to write."""
    capture_fps: Annotated[tuple[str, ...], tyro.conf.arg(metavar="[FPS | NN=FPS | NN_MM=FPS …]")] = ()
    """Frames per second of the files: of all, or of a subject or a trial, which counts most. By default those that a
    file says (:SAMPLES-PER-SECOND), and 120 where it says none."""
    seed: int | None = 0
    """Seed of the noise on the keypoints; None for exact projections."""
    keypoints: Literal["h36m_17", "coco_17"] = "h36m_17"
    """Keypoints to make: Human3.6M's joints, or COCO's with a confidence of 1, of poses of body_22."""


CITATION = """@misc{cmu_mocap,
  title = {{CMU} Graphics Lab Motion Capture Database},
  howpublished = {mocap.cs.cmu.edu},
  note = {created with funding from NSF EIA-0196217}
}"""

_MAX_CAPTURE_FPS = 1000
CAPTURE_FPS = 120.0
"""Frame rate of trials for which neither the file nor a user gives one."""


class Subject(NamedTuple):
    """Paths in the source of the files of a subject."""

    skeleton: str  # of its ASF file
    trials: dict[str, str]  # of its AMC files, by names such as 01_02


def make_source(options: Options) -> Source:
    """Return the source of the subjects; see `tracks`.

    Raises:
      InputError: an option is out of its range, or the subjects cannot be found.
    """
    from data_prep.cameras.virtual import FORMS, noise_note

    check_options(fps=options.fps, seed=options.seed)
    found, incomplete = find_subjects(options.source)
    subjects = select_subjects(found, options.subjects, options.skip)
    rates, notes = capture_rates(options.source, subjects, options.capture_fps)
    splits = tuple(f"S{number}" for number in subjects)
    text = f"{options.source.name} seen by the cameras of Human3.6M; {noise_note(options.seed)}"
    form = FORMS[options.keypoints]
    return Source(
        Description("CMU motion capture", False, *form, splits),
        functools.partial(tracks, options.source, subjects, rates, options.fps, options.seed, form),
        text="; ".join([text, *notes, *incomplete]),
        citation=CITATION,
        inputs=(options.source,),
        remarks=functools.partial(_remarks, [*notes, *incomplete], subjects, options.out),
    )


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


def capture_rates(
    path: Path, subjects: Mapping[int, Subject], given: Sequence[str]
) -> tuple[dict[str, float], list[str]]:
    """Find the frame rate of every trial: the one given, or that in its file, or else `CAPTURE_FPS`.

    Args:
      path: folder or archive that has the files of `subjects`.
      subjects: by number.
      given: frame rates as in the option --capture-fps; that of a trial counts before that of its subject.

    Returns:
      The frame rate by trial, and remarks on those that are not `CAPTURE_FPS` or not that of the file.

    Raises:
      InputError: `given` has no frame rate, or that of a subject or a trial that does not exist; or a file violates its
        format.
    """
    by_name = _parse_rates(given, subjects)
    trials = {file: trial for subject in subjects.values() for trial, file in subject.trials.items()}
    in_file = {}
    for member in members(path):
        if trial := trials.get(member.path):
            try:
                in_file[trial] = amc.capture_rate(member.read(), f"{path}: {member.path}")
            except InputError as error:
                raise InputError(f"{error} (--skip {trial})") from None
    rates: dict[str, float] = {}
    uses: dict[tuple[float, str], list[str]] = {}
    for number, subject in subjects.items():
        for trial in subject.trials:
            said, rate = in_file[trial], by_name.get(trial, by_name.get(str(number), by_name.get("")))
            rates[trial] = rate or said or CAPTURE_FPS
            if rate:
                other = f", where the file says {said:g}" if said and said != rate else ""
                uses.setdefault((rate, f"as given with --capture-fps{other}"), []).append(trial)
            elif said:
                uses.setdefault((said, "as the files say"), []).append(trial)
            else:
                uses.setdefault((CAPTURE_FPS, "as is usual"), []).append(trial)
    lines = [f"read at {rate:g} frames/s, {reason}: {listed(names)}" for (rate, reason), names in uses.items()]
    return rates, lines


def _parse_rates(given: Sequence[str], subjects: Mapping[int, Subject]) -> dict[str, float]:
    """Frame rates by the name of a trial, the number of a subject, or "" for all."""
    trials = {trial for subject in subjects.values() for trial in subject.trials}
    rates: dict[str, float] = {}
    for words in given:
        name, equals, text = words.rpartition("=")
        try:
            rate = float(text)
        except ValueError:
            rate = 0.0
        if not 1 <= rate <= _MAX_CAPTURE_FPS:
            raise InputError(
                f"--capture-fps: {words!r:.50} is not FPS, NN=FPS or NN_MM=FPS with 1 to {_MAX_CAPTURE_FPS} frames per "
                "second"
            )
        key = str(int(name)) if name.isascii() and name.isdigit() else name
        if equals and key not in trials and key not in map(str, subjects):
            raise InputError(f"--capture-fps: there is no subject or trial {name!r:.50}; trials have the names NN_MM")
        if key in rates:
            raise InputError(f"--capture-fps has two frame rates for {name or 'all'}; give one")
        rates[key] = rate
    return rates


def tracks(
    path: Path,
    subjects: Mapping[int, Subject],
    rates: Mapping[str, float],
    fps: float,
    seed: int | None,
    form: "Form",
    split: str,
) -> Iterator[Track]:
    """Yield the trials of a subject, seen by the cameras of a Human3.6M subject.

    Args:
      path: folder or archive that has the files of `subjects`.
      subjects: by number.
      rates: frames per second of the files, by trial.
      fps: frames per second of the tracks.
      seed: of the detector's noise; None for exact projections.
      form: joints and keypoints of the tracks.
      split: "S1" for subject 1.

    Yields:
      A track per trial, in order, and camera, except for those that `virtual_tracks` leaves out.

    Raises:
      InputError: a file violates its format; the message names the line and the remedy.
    """
    from data_prep.cameras.virtual import virtual_tracks

    number = int(split.removeprefix("S"))
    for action, world in clips(path, subjects[number], rates, fps, form.skeleton):
        yield from virtual_tracks(split, action, world, fps, cameras_of(number), seed, form=form)


def clips(
    path: Path, subject: Subject, rates: Mapping[str, float], fps: float, skeleton: Skeleton
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the name and the positions (T, J, 3) of every trial of a subject, in the middle of Human3.6M's room.

    Args:
      path: folder or archive that has the files of the subject.
      subject: its files.
      rates: frames per second of the files, by trial.
      fps: frames per second of the clips.
      skeleton: of the positions: `H36M_17` or `BODY_22`.

    Raises:
      InputError: a file violates its format; the message names the line and the remedy.
    """
    from data_prep.cameras.virtual import move_to_centre

    skeleton_path, trials = subject
    needed = {skeleton_path, *trials.values()}
    contents = {member.path: member.read() for member in members(path) if member.path in needed}
    captured = asf.read(contents[skeleton_path], f"{path}: {skeleton_path}")
    if missing := [joint for joint in CMU_31.joints if joint not in captured.joints]:
        raise InputError(f"{path}: {skeleton_path}: there is no bone {', '.join(missing)}; remove the subject")
    positions = {H36M_17: cmu_joints.world_17, BODY_22: cmu_joints.world_22}[skeleton]
    for trial, trial_path in trials.items():
        try:
            motion = amc.read(contents.pop(trial_path), f"{path}: {trial_path}", captured)
        except InputError as error:
            raise InputError(f"{error} (--skip {trial})") from None
        world = resample(positions(captured, motion), rates[trial], fps).astype(np.float32)
        yield f"trial {trial.partition('_')[2]}", move_to_centre(world)


def _remarks(
    notes: Sequence[str], subjects: Mapping[int, Subject], out: Path, sizes: Mapping[str, SplitSize]
) -> Sequence[str]:
    """Remark on the views that `virtual_tracks` has left out, and on trials that are too fast, after other notes."""
    from data_prep.cameras.virtual import LEFT_OUT
    from data_prep.checks.pace_report import too_fast

    views = {number: len(cameras_of(number)) * len(subject.trials) for number, subject in subjects.items()}
    lost = {number: views[number] - sizes[f"S{number}"].tracks for number in views}
    counts = ", ".join(f"{lost[number]} of {views[number]} of S{number}" for number in lost if lost[number])
    return [*notes, *([f"{LEFT_OUT}: {counts}"] if counts else []), *too_fast(out)]


def cameras_of(number: int) -> Mapping[str, "Camera"]:
    """Return the cameras that see a subject: those of the Human3.6M subjects, in turn."""
    from jaxpose.data.human36m import H36M_CAMERAS

    return list(H36M_CAMERAS.values())[(number - 1) % len(H36M_CAMERAS)]


def _numbers(name: str) -> tuple[int, ...]:
    """Return the numbers in the name of a file."""
    return tuple(int(digits) for digits in re.findall("[0-9]+", name))


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))


main = functools.partial(prepare, "cmu")

if __name__ == "__main__":
    main()
