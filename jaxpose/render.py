"""Render a track as a film or a row of frames: 2D input, reconstruction and ground truth.

    jaxpose render RUN --track S9/Walking/0 --out walking.mp4
    jaxpose render POSES.npz --out dance.mp4 --video dance-original.mp4    # what `jaxpose predict` wrote

The suffix of --out chooses the format: .mp4, .gif, or .png, a row of frames like Figure 1 of the joint-aware paper.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import tyro

from jaxpose.runtime.command import run_command
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import Skeleton

if TYPE_CHECKING:
    from jaxpose.visualization.view import Clip

RANGES = {"size": (120, 2160), "fps": (1, 240), "elevation": (-90, 90), "azimuth": (-360, 360)}


@dataclasses.dataclass(frozen=True)
class Command:
    """The arguments of `jaxpose render`."""

    run: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN|POSES.npz")]
    """Folder of a run; or an npz file that predict wrote."""
    out: Path
    """File to write: .mp4, .gif or .png."""
    track: str | None = None
    """Subject/action/camera, as in S9/Walking/55011271, or S9/Walking/0 for the first camera; by default the first
    track of the split. Of POSES.npz the name of a person; by default the one who is seen longest."""
    data: str | None = None
    """Data set in which to look for the track; by default, that on which the run was trained."""
    split: str | None = None
    """Subjects among which to look for the track; by default, the run's test split."""
    video: Path | None = None
    """Video to show behind the keypoints, at any frame rate: it begins with the track, or is the one that POSES.npz was
    detected in; after its end the background is white."""
    frames: tuple[int, int] | None = None
    """First and last frame of the track to show, both included, counted from 0; by default, all."""
    fps: float | None = None
    """Frames per second of the film; by default, the track's (half of them for a GIF, if it has 25 or more). The film
    plays in real time: frames are dropped or repeated."""
    size: int = 480
    """Height of the film, pixels."""
    azimuth: float = 30.0
    """Direction of the viewer, degrees to the right of the camera."""
    elevation: float = 12.0
    """Height of the viewer, degrees above the floor."""

    def __post_init__(self) -> None:
        """Raise `InputError` for a number that is out of range."""
        for field, (low, high) in RANGES.items():
            value = getattr(self, field)
            if value is not None and not low <= value <= high:
                raise InputError(f"--{field} is {value}; choose one from {low} to {high}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    run_command(Command, render, arguments, prog="jaxpose render", description=__doc__)


def render(command: Command) -> None:
    """Lift the track and write its film.

    Raises:
      InputError: there is no such run, track or video, or the file cannot be written.
    """
    from rich.console import Console

    from jaxpose.export.reading import is_motion_file
    from jaxpose.visualization.film import ViewOptions
    from jaxpose.visualization.film_file import check_suffix, write_film
    from jaxpose.visualization.view import cut

    check_suffix(command.out)
    shown = _person_of_file(command) if is_motion_file(command.run) else _track_of_run(command)
    clip = shown.clip if command.frames is None else cut(shown.clip, *command.frames)
    options = ViewOptions(shown.title, command.azimuth, command.elevation, command.size)
    write_film(command.out, clip, shown.skeleton, shown.layout, options, fps=command.fps, source=command.video)
    Console(markup=False).print(f"{command.out} shows {len(clip.prediction)} frames of {clip.name}", soft_wrap=True)


class _Shown(NamedTuple):
    """What a film shows."""

    title: str
    clip: "Clip"
    skeleton: Skeleton  # of the poses
    layout: Skeleton | None  # of the keypoints, if they are known


def _track_of_run(command: Command) -> _Shown:
    """A track of a data set, lifted by a run."""
    from jaxpose.data.track import find_track, title_with_notice
    from jaxpose.data.windows import pack
    from jaxpose.runs.trained import load_fitting, open_run
    from jaxpose.runtime.progress import working
    from jaxpose.visualization.view import make_clip

    with working("opening the run and its data"):
        lifter = open_run(command.run)
        description, tracks, split = load_fitting(lifter, command.data, command.split)
    track = find_track(tracks, command.track, f"{command.data or lifter.config.data}, {split}")
    with working(f"lifting {command.track or 'the track'}"):
        clip = make_clip(track, lifter.lift(pack([track])))
    title = f"{title_with_notice(description)}, {clip.name}"
    return _Shown(title, clip, description.skeleton, description.layout)


def _person_of_file(command: Command) -> _Shown:
    """A person whom `jaxpose predict` lifted."""
    from jaxpose.export.reading import choose_motion, read_motions
    from jaxpose.visualization.view import clip_of_motion, layout_of_motion, title_of_motion

    if command.data or command.split:
        raise InputError(f"--data and --split are for runs; {command.run} has its own tracks, choose one with --track")
    motion = choose_motion(read_motions(command.run), command.track)
    title = title_of_motion(command.run.name, motion)
    return _Shown(title, clip_of_motion(motion), motion.skeleton, layout_of_motion(motion))


if __name__ == "__main__":
    main()
