"""The file of a film: .mp4, .gif, or .png with a row of frames."""

import math
from pathlib import Path

import numpy as np

from jaxpose.files.atomic import atomic_write
from jaxpose.runtime.errors import InputError
from jaxpose.runtime.progress import counted
from jaxpose.skeleton import Skeleton
from jaxpose.visualization import video
from jaxpose.visualization.film import ViewOptions, film_frames, film_size, film_strip, input_panel_size
from jaxpose.visualization.view import Clip

COLUMNS = 8
"""Frames in a PNG, evenly spaced, if the clip has as many."""
GIF_PIXELS = 400_000_000
"""Of all frames of a GIF together, which are in memory at once, a byte each."""


def write_film(
    out: Path,
    clip: Clip,
    skeleton: Skeleton,
    layout: Skeleton | None,
    options: ViewOptions,
    *,
    fps: float | None = None,
    source: Path | None = None,
) -> None:
    """Write a clip as a film or a row of frames, whole or not at all, and show the progress.

    Args:
      out: .mp4, .gif or .png.
      clip: to show.
      skeleton: of its poses.
      layout: of its keypoints; None if it has none.
      options: title, viewpoint and size.
      fps: frames per second of the film; by default the clip's, or half of it for a GIF of a clip with 25 or more. The
        film plays in real time: frames of the clip are dropped or repeated.
      source: a video that begins with the track, to show behind the keypoints.

    Raises:
      InputError: the suffix is another, the video cannot be read or there are no keypoints to show over it, the GIF
        would be too large, or the file cannot be written.
    """
    check_suffix(out)
    if source is not None and clip.keypoints is None:
        raise InputError(f"--video {source}: {clip.name} has no 2D keypoints to show over it; remove --video")
    kind, size = out.suffix.lower(), film_size(clip, options)
    fps = fps or (clip.fps / 2 if kind == ".gif" and clip.fps >= 25 else clip.fps)
    frames = strip_frames(clip) if kind == ".png" else frames_at_rate(clip, fps)
    if kind == ".gif" and len(frames) * math.prod(size) > GIF_PIXELS:
        raise InputError(
            f"{out} would have {len(frames)} frames; choose fewer with --frames or --fps, a smaller --size, or .mp4"
        )
    pictures = None
    if source is not None:
        pictures = video.pictures(source, (clip.first + frames) / clip.fps, input_panel_size(clip, options))
    if kind == ".png":
        figure = film_strip(clip, skeleton, layout, options, frames=frames, pictures=pictures)
        atomic_write(out, lambda path: figure.savefig(path, dpi=150))
        return
    drawn = film_frames(clip, skeleton, layout, options, frames=frames, pictures=pictures)
    drawn = counted(drawn, out.name, len(frames))
    if kind == ".gif":
        atomic_write(out, lambda path: video.write_gif(path, drawn, fps))
    else:
        atomic_write(out, lambda path: video.write_mp4(path, drawn, size, fps))


def check_suffix(out: Path, option: str = "--out") -> None:
    """Raise `InputError` if the suffix of a file is none of those that `write_film` writes."""
    if out.suffix.lower() not in (".mp4", ".gif", ".png"):
        raise InputError(f"{option} is {out}; its suffix must be .mp4, .gif or .png")


def strip_frames(clip: Clip) -> np.ndarray:
    """The evenly spaced frames of a clip that a row of `COLUMNS` shows."""
    return np.unique(np.linspace(0, len(clip.prediction) - 1, COLUMNS).round().astype(int))


def frames_at_rate(clip: Clip, fps: float) -> np.ndarray:
    """The frames of a clip that a film of another frame rate shows in real time."""
    total = len(clip.prediction)
    times = np.arange(max(round(total / clip.fps * fps), 1)) / fps
    return np.minimum((times * clip.fps + 1e-6).astype(int), total - 1)
