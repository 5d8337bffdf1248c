"""A film or a picture of a track: what the camera saw, what a run made of it, and what was true.

    python -m jaxpose.render RUN --track S9/Walking/0 --out walking.mp4

The suffix of --out says what it becomes: .mp4, .gif, or .png, a row of frames like Figure 1 of the paper.
"""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tyro
from rich.console import Console
from rich.progress import track as progress

from jaxpose.data.track import find_track, title_with_notice
from jaxpose.files.atomic import atomic_write
from jaxpose.runs.trained import load_fitting, open_run
from jaxpose.runtime.devices import keep_compiled
from jaxpose.runtime.errors import InputError, cli_errors
from jaxpose.skeleton import Skeleton
from jaxpose.visualization import video
from jaxpose.visualization.film import ViewOptions, film, film_size, strip
from jaxpose.visualization.view import Clip, cut, make_clip

COLUMNS = 8
"""Frames in a PNG, evenly spaced, if there are as many."""
_GIF_PIXELS = 400_000_000  # of all its frames, which are in memory together, a byte each
_RANGES = {"size": (120, 2160), "fps": (1, 240), "elevation": (-90, 90), "azimuth": (-360, 360)}


@dataclasses.dataclass(frozen=True)
class Command:
    """What the command line says."""

    run: tyro.conf.Positional[Path]
    """The run's folder."""
    out: Path
    """File to write: .mp4, .gif or .png."""
    track: str | None = None
    """Subject/action/camera, as in S9/Walking/55011271, or S9/Walking/0 for the first camera; without it, the first
    track of the split."""
    data: str | None = None
    """Look for the track in this data set; without it, in the one that the run was trained on."""
    split: str | None = None
    """Look for the track among these subjects; without it, in the run's test split."""
    video: Path | None = None
    """Show the keypoints over this video, which begins with the track, at any frame rate; after its end they stand on
    white."""
    frames: tuple[int, int] | None = None
    """Show the frames from the first to the second, both included, counted from 0; without it, all."""
    fps: float | None = None
    """Frames a second of the film; without it, the track's (half of them for a GIF, if it has 25 or more). The film
    plays as fast as the motion was: frames are left out or repeated."""
    size: int = 480
    """Height of the film, pixels."""
    azimuth: float = 30.0
    """Where the viewer stands, degrees to the right of the camera."""
    elevation: float = 12.0
    """How far the viewer looks down, degrees."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    with cli_errors():
        command = tyro.cli(Command, args=arguments, prog="python -m jaxpose.render", description=__doc__)
        keep_compiled()
        render(command)


def render(command: Command) -> None:
    """Lift the track of a run and write its film.

    Raises:
      InputError: an argument is out of range, there is no such run, track or video, or the file cannot be written.
    """
    check_suffix(command.out)
    for field, (low, high) in _RANGES.items():
        value = getattr(command, field)
        if value is not None and not low <= value <= high:
            raise InputError(f"--{field} is {value}; choose one from {low} to {high}")
    lifter = open_run(command.run)
    description, tracks, split = load_fitting(lifter, command.data, command.split)
    track = find_track(tracks, command.track, f"{command.data or lifter.config.data}, {split}")
    clip = make_clip(track, lifter.lift(lifter.join([track])))
    if command.frames is not None:
        clip = cut(clip, *command.frames)
    look = ViewOptions(
        f"{title_with_notice(description)}, {clip.name}", command.azimuth, command.elevation, command.size
    )
    write_film(command.out, clip, description.skeleton, description.layout, look, fps=command.fps, source=command.video)
    Console(markup=False).print(f"{command.out} shows {len(clip.prediction)} frames of {clip.name}", soft_wrap=True)


def check_suffix(out: Path) -> None:
    """Raise `InputError` if the suffix of a file is none of those that `write_film` writes."""
    if out.suffix.lower() not in (".mp4", ".gif", ".png"):
        raise InputError(f"--out is {out}; its suffix must be .mp4, .gif or .png")


def write_film(
    out: Path,
    clip: Clip,
    skeleton: Skeleton,
    layout: Skeleton,
    look: ViewOptions,
    *,
    fps: float | None = None,
    source: Path | None = None,
) -> None:
    """Write a clip as a film or a row of frames, whole or not at all, and show the progress.

    Args:
      out: .mp4, .gif or .png.
      clip: what to show.
      skeleton: of its poses.
      layout: of its keypoints.
      look: how to show it.
      fps: frames a second; see `Command.fps`.
      source: a video that begins with the track, to show behind the keypoints.

    Raises:
      InputError: the suffix is another, the video cannot be read, the GIF would be too large, or the file cannot be
        written.
    """
    check_suffix(out)
    kind, size = out.suffix.lower(), film_size(clip, look)
    fps = fps or (clip.fps / 2 if kind == ".gif" and clip.fps >= 25 else clip.fps)
    frames = choose_frames(clip, kind, fps)
    if kind == ".gif" and len(frames) * math.prod(size) > _GIF_PIXELS:
        raise InputError(
            f"{out} would have {len(frames)} frames; choose fewer with --frames or --fps, a smaller --size, or .mp4"
        )
    pictures = None
    if source is not None:
        shown = (round(size[1] * 0.77 * clip.width / clip.height), round(size[1] * 0.77))
        pictures = video.pictures(source, (clip.first + frames) / clip.fps, shown)
    if kind == ".png":
        figure = strip(clip, skeleton, layout, look, frames=frames, pictures=pictures)
        atomic_write(out, lambda path: figure.savefig(path, dpi=150))
        return
    drawn = progress(
        film(clip, skeleton, layout, look, frames=frames, pictures=pictures), f"{out.name}", len(frames), transient=True
    )
    if kind == ".gif":
        atomic_write(out, lambda path: video.write_gif(path, drawn, fps))
    else:
        atomic_write(out, lambda path: video.write_mp4(path, drawn, size, fps))


def choose_frames(clip: Clip, kind: str, fps: float) -> np.ndarray:
    """Which frames of the clip to show: for a PNG a few evenly spaced ones, else those of every moment of the film."""
    total = len(clip.prediction)
    if kind == ".png":
        return np.unique(np.linspace(0, total - 1, COLUMNS).round().astype(int))
    moments = np.arange(max(round(total / clip.fps * fps), 1)) / fps
    return np.minimum((moments * clip.fps + 1e-6).astype(int), total - 1)


if __name__ == "__main__":
    main()
