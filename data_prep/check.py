"""Check a prepared data set before training on it, whatever its source.

    jaxpose prepare check DIR

Every split has a table of the quality of its tracks: each quantity in the median and the worst track, and the number
of tracks beyond its limit. Suspect tracks, splits that are doubtful as a whole (people who are not upright, keypoints
far from the poses), and violations of the data contract are listed below. A contact sheet beside DIR shows a few frames
of a few tracks.

The exit code is 0 if nothing is suspect, 1 if something is, and 2 if the data set cannot be read.
"""

import dataclasses
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro

from data_prep.writer.command import run
from jaxpose.runtime.errors import InputError

_MAX_DRAWN = 12  # tracks on the contact sheet


@dataclasses.dataclass(frozen=True)
class Command:
    """The arguments of `jaxpose prepare check`."""

    data: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="DIR")]
    """The prepared data set."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="PNG")] = None
    """Contact sheet to write or replace; by default DIR-check.png, beside DIR."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    run(Command, check, arguments, name="check", description=__doc__)


def check(command: Command) -> None:
    """Check a prepared data set, and draw a contact sheet of it.

    Raises:
      InputError: the data set cannot be read, or the sheet cannot be written.
      SystemExit: with code 1 if anything is suspect.
    """
    from rich.console import Console

    from data_prep.checks.contact_sheet import contact_sheet, evenly_spaced
    from data_prep.checks.doubts import doubts_of_split
    from data_prep.checks.quality_report import is_measurable, make_report, problem_lines, quality_table
    from jaxpose.data import store
    from jaxpose.files.atomic import atomic_write
    from jaxpose.runtime.progress import counted, working

    description = store.read_description(command.data)
    out = command.out or Path(f"{os.path.abspath(command.data)}-check.png")
    if out.suffix != ".png":
        raise InputError(f"--out is {out}; it must end with .png")
    reports, doubts, drawn = {}, [], []
    for split in counted(description.splits, "subjects", len(description.splits)):
        tracks = store.read_tracks_unchecked(command.data, split)[1]
        reports[split] = make_report(tracks, description)
        measurable = [track for track in tracks if is_measurable(track, description)]
        doubts += [f"doubtful, {split}: {doubt}" for doubt in doubts_of_split(measurable, description)]
        drawn += evenly_spaced(measurable, -(-_MAX_DRAWN // len(description.splits)))

    console = Console(markup=False)
    for split, report in reports.items():
        console.print(quality_table(split, report))
    lines = [*(line for report in reports.values() for line in problem_lines(report)), *doubts]
    for line in lines or ["nothing is suspect"]:
        print(line)
    if drawn:
        with working("drawing the contact sheet"):
            figure = contact_sheet(evenly_spaced(drawn, _MAX_DRAWN), description)
            atomic_write(out, lambda path: figure.savefig(path, dpi=100))
        print(f"The contact sheet is {out}")
    if lines:
        sys.exit(1)


if __name__ == "__main__":
    main()
