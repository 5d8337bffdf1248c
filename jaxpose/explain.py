"""Attribute the loss of a run on a track to its terms: values, gradients by joint, and cosine similarity of gradients.

    jaxpose explain RUN --track S9/Walking/55011271

Prints a table and writes a folder of figures with a page, `index.html`, that opens from disk. The terms are the
position loss and all constraints, whether or not the run was trained with them.
"""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro

from jaxpose.runtime.command import run_command
from jaxpose.runtime.errors import InputError


@dataclasses.dataclass(frozen=True)
class Command:
    """The arguments of `jaxpose explain`."""

    run: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """Folder of the run."""
    track: str | None = None
    """Subject/action/camera, as in S9/Walking/55011271, or S9/Walking/0 for the first camera; by default the first
    track of the split."""
    data: str | None = None
    """Data set in which to look for the track; by default, that on which the run was trained."""
    split: str | None = None
    """Subjects among which to look for the track; by default, the run's test split."""
    frame: int | None = None
    """Frame to draw, counted from 0; by default, the one with the largest MPJPE."""
    frames: tuple[int, int] | None = None
    """First and last frame of the window, both included; by default, 81 frames around the one drawn."""
    out: Path | None = None
    """Folder to write; by default, RUN/explanation/ and the name of the track."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    run_command(Command, explain, arguments, prog="jaxpose explain", description=__doc__)


def explain(command: Command) -> None:
    """Attribute the loss of a window of one track, print the table and write the folder.

    Raises:
      InputError: there is no such run, split, track or frame, or the folder is not empty.
    """
    import numpy as np
    from rich.console import Console

    from jaxpose.data.track import find_track, title_with_notice, track_name
    from jaxpose.data.windows import pack
    from jaxpose.evaluation import loss_attribution
    from jaxpose.metrics import mpjpe
    from jaxpose.runs.trained import load_fitting, open_run
    from jaxpose.runtime import tables
    from jaxpose.runtime.progress import working
    from jaxpose.training.attribution import POSITION
    from jaxpose.visualization.attribution_page import attribution_page, write_folder

    console = Console(markup=False)
    with working("opening the run and its data"):
        lifter = open_run(command.run)
        description, tracks, split = load_fitting(lifter, command.data, command.split)
    track = find_track(tracks, command.track, f"{command.data or lifter.config.data}, {split}")
    out = command.out or command.run / "explanation" / track_name(track).replace("/", "-")
    if os.path.exists(out) and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} already exists; remove it, or name another folder with --out")

    data, skeleton = pack([track]), description.skeleton
    with working(f"lifting {track_name(track)}"):
        errors = np.asarray(mpjpe(lifter.lift(data), data.poses))
    window = loss_attribution.choose_window(errors, command.frame, command.frames)
    frames = f"frames {window.first} to {window.last} of {len(errors)}"
    caption = f"{title_with_notice(description)}, {track_name(track)}, {frames}."
    with working("computing gradients and descents"):
        pose, target, result = loss_attribution.attribute_loss(
            lifter.model, lifter.variables, data, description, window
        )
    with working("drawing"):
        weights = {POSITION: 1.0} | lifter.config.constraints
        table = loss_attribution.attribution_table(result, weights, window, skeleton)
        figures = loss_attribution.attribution_figures(pose, target, result, window, skeleton, caption)
        write_folder(out, attribution_page(track_name(track), caption, table), figures)
    console.print(caption, style="bold yellow" if description.synthetic else None, soft_wrap=True)
    tables.show(console, table)
    console.print(f"The page is {out / 'index.html'}", soft_wrap=True)


if __name__ == "__main__":
    main()
