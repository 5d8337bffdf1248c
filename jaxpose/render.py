"""Render a track as a film or a row of frames: 2D input, reconstruction and ground truth.

    jaxpose render RUN --track S9/Walking/0 --out walking.mp4

The suffix of --out chooses the format: .mp4, .gif, or .png, a row of frames like Figure 1 of the joint-aware paper.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import tyro

from jaxpose.runtime.command import run_command
from jaxpose.runtime.errors import InputError

RANGES = {"size": (120, 2160), "fps": (1, 240), "elevation": (-90, 90), "azimuth": (-360, 360)}


@dataclasses.dataclass(frozen=True)
class Command:
    """The arguments of `jaxpose render`."""

    run: tyro.conf.Positional[Path]
    """Folder of the run."""
    out: Path
    """File to write: .mp4, .gif or .png."""
    track: str | None = None
    """Subject/action/camera, as in S9/Walking/55011271, or S9/Walking/0 for the first camera; by default the first
    track of the split."""
    data: str | None = None
    """Data set in which to look for the track; by default, that on which the run was trained."""
    split: str | None = None
    """Subjects among which to look for the track; by default, the run's test split."""
    video: Path | None = None
    """Video to show behind the keypoints, which begins with the track, at any frame rate; after its end the background
    is white."""
    frames: tuple[int, int] | None = None
    """First and last frame to show, both included, counted from 0; by default, all."""
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

    from jaxpose.data.track import find_track, title_with_notice
    from jaxpose.data.windows import pack
    from jaxpose.runs.trained import load_fitting, open_run
    from jaxpose.runtime.progress import working
    from jaxpose.visualization.film import ViewOptions
    from jaxpose.visualization.film_file import check_suffix, write_film
    from jaxpose.visualization.view import cut, make_clip

    check_suffix(command.out)
    with working("opening the run and its data"):
        lifter = open_run(command.run)
        description, tracks, split = load_fitting(lifter, command.data, command.split)
    track = find_track(tracks, command.track, f"{command.data or lifter.config.data}, {split}")
    with working(f"lifting {command.track or 'the track'}"):
        clip = make_clip(track, lifter.lift(pack([track])))
    if command.frames is not None:
        clip = cut(clip, *command.frames)
    title = f"{title_with_notice(description)}, {clip.name}"
    options = ViewOptions(title, command.azimuth, command.elevation, command.size)
    write_film(
        command.out, clip, description.skeleton, description.layout, options, fps=command.fps, source=command.video
    )
    Console(markup=False).print(f"{command.out} shows {len(clip.prediction)} frames of {clip.name}", soft_wrap=True)


if __name__ == "__main__":
    main()
