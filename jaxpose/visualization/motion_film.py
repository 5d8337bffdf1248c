"""A film of a person in a motion file: keypoints beside poses, and the video behind the keypoints."""

from collections.abc import Sequence
from pathlib import Path

from jaxpose.export.motion import Motion
from jaxpose.export.reading import choose_motion
from jaxpose.runtime.errors import InputError
from jaxpose.visualization.film import ViewOptions
from jaxpose.visualization.film_file import check_suffix, write_film
from jaxpose.visualization.view import clip_of_motion, layout_of_motion, title_of_motion


def check_film(film: Path, video: Path | None) -> None:
    """Check, before the work, that a film can be made of a video.

    Raises:
      InputError: the suffix is that of no film, there is no folder to write it in, or no such video.
    """
    if video and not video.is_file():
        raise InputError(f"--video {video}: there is no such file")
    check_suffix(film, "--film")
    if not film.parent.is_dir():
        raise InputError(f"--film {film}: there is no folder {film.parent}; make it")


def film_longest(film: Path, motions: Sequence[Motion], name: str, video: Path | None) -> str:
    """Film the person who is seen longest.

    Args:
      film: the file to write, .mp4, .gif or .png.
      motions: of all people.
      name: of the motion's file, for the title.
      video: that the keypoints were detected in, to show behind them.

    Returns:
      Whom the film shows, in words.

    Raises:
      InputError: the film cannot be written.
    """
    motion = choose_motion(motions, None)
    clip, options = clip_of_motion(motion), ViewOptions(title_of_motion(name, motion))
    write_film(film, clip, motion.skeleton, layout_of_motion(motion), options, source=video)
    return f"{clip.name}, who is seen longest of {len(motions)}" if motions[1:] else clip.name
