"""Lift the 2D keypoints of a video to 3D motion.

    jaxpose predict KEYPOINTS --out walk.bvh              # with the lifter that comes with jaxpose
    jaxpose predict RUN KEYPOINTS --out walk.bvh          # with a run of your own; or --run RUN

Poses are relative to the root joint: how people move, not where they are in the room.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro

from jaxpose.data.smoothing import USUAL_SMOOTHING, choose_smoothing, describe_smoothers
from jaxpose.export.formats import SUFFIXES, Unit, describe_formats
from jaxpose.keypoints.formats import IN_WORDS
from jaxpose.runs import Which
from jaxpose.runtime.command import run_command
from jaxpose.runtime.errors import InputError, one_line, warn

DESCRIPTION = f"""{__doc__}
KEYPOINTS is recognised by its content: {IN_WORDS}.

The suffix of --out names the format of the motion:
{describe_formats()}
"""
SMOOTH_HELP = (
    "Filter that smooths the poses of each person in time, before --constant-bones; none leaves them as the network "
    f"has them. {describe_smoothers()}"
)


@dataclasses.dataclass(frozen=True)
class Command:
    """Options of `jaxpose predict`."""

    inputs: Annotated[
        tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="[RUN] KEYPOINTS", help_behavior_hint="")
    ]
    """The keypoint file, or OpenPose's folder; before it, the run that lifts, if it is not named with --run."""
    out: Annotated[Path, tyro.conf.arg(metavar="FILE", help=f"The file to write: {SUFFIXES}.")]
    run: Annotated[Path | None, tyro.conf.arg(metavar="RUN")] = None
    """The folder of the run that lifts, or a lifter file; by default, the lifter that comes with jaxpose."""
    size: Annotated[tuple[int, int] | None, tyro.conf.arg(metavar="WIDTH HEIGHT")] = None
    """Width and height of the images in pixels, if KEYPOINTS does not say."""
    fps: Annotated[float | None, tyro.conf.arg(metavar="FPS")] = None
    """Frames per second of the video, if KEYPOINTS does not say."""
    layout: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None
    """Which keypoint is which, if KEYPOINTS does not say: h36m_17, coco_17, posetrack_17, coco_18, halpe_26, body_25,
    body_25b or mediapipe_33, or the run's own layout."""
    track: Annotated[tuple[str, ...], tyro.conf.arg(metavar="ID ...")] = ()
    """Track ids of the people to lift; all people by default."""
    min_score: float | None = None
    """People whose score is below this are left out: the detector's score of a person, or else the mean confidence of
    the person's keypoints. By default, nearly the same pose again is left out, and whoever is mostly inside the box of
    a person with twice the score."""
    min_confidence: float = 0.0
    """Keypoints whose confidence is not above this count as not seen: they are filled relative to the body."""
    keep_sides: bool = False
    """Leave left and right as the detector has them. By default, legs, arms or all, exchanged for some frames, are
    exchanged back where that makes the motion smooth."""
    crop: bool = False
    """Lift as if the video had been cropped around each person: for people who fill more of the image than those of the
    run's training; for smaller ones, try and compare. Camera space is then that of a camera that is aimed at the
    person. Runs that aim the camera by themselves have no use for it."""
    focal_length: Annotated[float | None, tyro.conf.arg(metavar="PIXELS")] = None
    """Focal length of the camera, for runs that aim the camera at the person. By default, that of a usual camera: the
    longer side of the image."""
    smooth: Annotated[str, tyro.conf.arg(metavar="NAME[:HZ]", help=SMOOTH_HELP)] = USUAL_SMOOTHING
    constant_bones: bool = False
    """Give every bone one length in all frames: its median, left and right alike. BVH has such bones in any case; with
    this option all formats have the same positions."""
    units: Annotated[Unit | None, tyro.conf.arg(metavar="UNIT")] = None
    """Unit of lengths in the file: m, cm or mm; by default, the format's first."""
    checkpoint: Which = "last"
    """Checkpoint of the run: the last, or the best on its validation split."""
    upright: Annotated[float | None, tyro.conf.arg(metavar="DEGREES")] = None
    """Write upright poses (z up), for a camera that looks down by so many degrees; 0 for a level camera. By default,
    poses are in camera space: x right, y down, z forward."""
    roll: Annotated[float, tyro.conf.arg(metavar="DEGREES")] = 0.0
    """With --upright: the camera is turned about its optical axis by so many degrees, clockwise as seen from behind."""
    film: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Film of the result to write as well, .mp4, .gif or .png: the person who is seen longest, keypoints beside poses.
    `jaxpose render` makes films of the others, and of parts, from an npz file."""
    video: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """The video that the keypoints were detected in, to show behind them in the film."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `jaxpose predict`."""
    run_command(Command, predict, arguments, prog="jaxpose predict", description=DESCRIPTION)


def run_and_keypoints(command: Command) -> tuple[Path, Path]:
    """Which of the words of a command is the run, and which the keypoints.

    Returns:
      The run, or the lifter file that comes with jaxpose if none is named; and the keypoints.

    Raises:
      InputError: no keypoints, several, or two runs are named; or jaxpose comes without a lifter.
    """
    from jaxpose.runs.saved import is_run
    from jaxpose.weights import find_weights

    words, run = command.inputs, command.run
    if len(words) == 2 and run is None:
        run, words = words[0], words[1:]
    if len(words) != 1:
        named = f"{len(words)} files are named, {', '.join(map(str, words[:3]))}" if words else "no keypoints are named"
        runs = " and --run" if run else ""
        raise InputError(
            f"{named}{runs}; name one keypoint file (or OpenPose's folder), and a run before it or --run RUN"
        )
    if is_run(words[0]):
        raise InputError(
            f"{words[0]} is a run, and stands where keypoints are expected; name the run first, then those"
        )
    return run or find_weights(), words[0]


def predict(command: Command) -> None:
    """Lift the people of a file and write their motion; warnings go to stderr.

    Raises:
      InputError: there is no such run, it is not clear which word is the run, the keypoints cannot be used, or the file
        cannot be written.
    """
    from jaxpose.export.motion import camera_orientation, upright
    from jaxpose.export.writers import check_output_path, describe_losses, write_motions
    from jaxpose.keypoints.detections import Overrides
    from jaxpose.keypoints.readers import read_keypoints
    from jaxpose.lifting.lift import Options, check_options, named_layout
    from jaxpose.lifting.people import (
        choose_tracks,
        describe_axes,
        describe_people,
        lift_people,
        list_tracks,
        reading_notes,
        run_warnings,
    )
    from jaxpose.runs.trained import open_run
    from jaxpose.runtime.progress import working

    run, keypoints = run_and_keypoints(command)
    check_output_path(command.out, command.units)
    smoothing = choose_smoothing(command.smooth) if command.smooth != "none" else None
    if command.video and not command.film:
        raise InputError("--video is shown in a film; name the file of the film with --film")
    if command.film:
        from jaxpose.visualization import motion_film

        motion_film.check_film(command.film, command.video)
    if command.upright is not None and not abs(command.upright) <= 90:
        raise InputError(f"--upright {command.upright:g}: a camera looks down by -90 to 90 degrees")
    if command.roll and (command.upright is None or not abs(command.roll) <= 180):
        raise InputError(f"--roll {command.roll:g}: give -180 to 180 degrees, together with --upright")
    with working("opening the run"):
        lifter = open_run(run, command.checkpoint)
    options = Options(command.min_confidence, command.keep_sides, command.crop, command.constant_bones)
    options = options._replace(focal_length=command.focal_length, smoothing=smoothing)
    doubts = check_options(lifter, options)
    layout = None if command.layout is None else named_layout(command.layout, lifter)
    with working(f"reading {keypoints}"):
        file_format, people = read_keypoints(keypoints, Overrides(layout, command.size, command.fps, command.min_score))
    print(f"{file_format}: {describe_people(people)}")
    chosen = choose_tracks(people, command.track)
    for line in list_tracks(chosen):
        print(f"  {one_line(line)}")
    for note in reading_notes(chosen):  # before lifting, as they may say why it fails
        warn(note)
    with working("lifting"):
        motions, warnings = lift_people(chosen, lifter, options, skip_failures=not command.track)
    for warning in [*run_warnings(lifter), *doubts, *warnings]:
        warn(warning)
    if command.upright is not None:
        motions = [upright(motion, camera_orientation(command.upright, command.roll)) for motion in motions]
    with working("writing the motion"):
        files = write_motions(command.out, motions, command.units)
    for file in files:
        print(f"Written: {file}")
    if smoothing:
        print(f"Poses are smoothed in time ({smoothing}); --smooth none leaves them as the network has them.")
    for sentence in describe_losses(command.out, motions):
        print(f"{one_line(sentence)}.")
    if command.film:
        shown = motion_film.film_longest(command.film, motions, command.out.name, command.video)
        print(f"Written: {command.film}, a film of {shown}")
    axes = {"crop": command.crop, "camera_pitch": command.upright, "focal_length": command.focal_length}
    print(describe_axes(lifter, people[0].fps, **axes))


if __name__ == "__main__":
    main()
