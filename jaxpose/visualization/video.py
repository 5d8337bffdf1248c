"""Video files, read and written by ffmpeg."""

import contextlib
import logging
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from jaxpose.runtime.errors import InputError


def pictures(path: Path, times: Sequence[float], size: tuple[int, int]) -> Iterator[np.ndarray | None]:
    """Read the pictures of a video at given times.

    Args:
      path: a file that ffmpeg reads.
      times: seconds from the beginning, ascending.
      size: width and height to scale to, pixels.

    Yields:
      A picture (height, width, 3) uint8 for every time; None beyond the end of the video.

    Raises:
      InputError: the file cannot be read, or has another aspect than `size`.
    """
    import imageio_ffmpeg

    width, height = size
    logging.getLogger("imageio_ffmpeg").setLevel(logging.ERROR)  # it warns that it scales
    frames = imageio_ffmpeg.read_frames(path, output_params=["-vf", f"scale={width}:{height}"])
    try:
        with _quiet_fork():
            properties = next(frames)
    except (OSError, IndexError, StopIteration) as error:  # IndexError: a file without pictures, such as music
        raise InputError(f"{path} cannot be read as a video; choose one that ffmpeg reads") from error
    upright = properties["rotate"] % 180 == 0
    source_width, source_height = properties["source_size"][:: 1 if upright else -1]
    if abs(source_width / source_height * height / width - 1) > 0.02:
        raise InputError(
            f"{path} has pictures of {source_width} × {source_height} pixels, but the aspect ratio of the track's is "
            f"{width} × {height}; choose the video from which the keypoints were detected"
        )
    last, picture = -1, b""
    for time in times:
        wanted = int(time * properties["fps"] + 1e-3)  # the picture that is on the screen at this time
        while last < wanted and picture is not None:
            picture, last = next(frames, None), last + 1
        yield None if picture is None else np.frombuffer(picture, np.uint8).reshape(height, width, 3)
    frames.close()


def write_mp4(path: Path, frames: Iterable[np.ndarray], size: tuple[int, int], fps: float) -> None:
    """Write H.264 in the pixel format that every player plays, yuv420p.

    Args:
      path: to write, .mp4.
      frames: (height, width, 4) uint8 each.
      size: width and height, both even.
      fps: frames per second.

    Raises:
      OSError: it cannot be written.
    """
    import imageio_ffmpeg

    output = ["-crf", "20", "-movflags", "+faststart"]  # high quality; plays before it is loaded whole
    writer = imageio_ffmpeg.write_frames(
        path, size, "rgba", fps=fps, codec="libx264", quality=None, macro_block_size=2, output_params=output
    )
    with contextlib.closing(writer):
        with _quiet_fork():
            writer.send(None)
        for frame in frames:
            writer.send(np.ascontiguousarray(frame))


def write_gif(path: Path, frames: Iterable[np.ndarray], fps: float) -> None:
    """Write a GIF that repeats without end.

    Args:
      path: to write.
      frames: (height, width, 4) uint8 each.
      fps: frames per second; the format counts in hundredths of a second, so frames differ in length by one of them,
        while the whole film has the right length.

    Raises:
      OSError: it cannot be written.
    """
    from PIL import Image

    first, *others = [Image.fromarray(frame).convert("RGB").quantize(128) for frame in frames]
    ends = [10 * round(100 * number / fps) for number in range(len(others) + 2)]
    first.save(path, save_all=True, append_images=others, duration=list(np.diff(ends)), loop=0)


@contextlib.contextmanager
def _quiet_fork() -> Iterator[None]:
    """Silence JAX's warning about forks: the one that starts ffmpeg runs nothing of JAX before it becomes ffmpeg."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"os\.fork\(\) was called", RuntimeWarning)
        yield
