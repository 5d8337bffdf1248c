"""Write one HTML page about a run, which opens from disk and makes no network request.

    jaxpose report RUN

The page has the tables that `jaxpose evaluate` prints, the training curves, the error by joint, the worst and the best
tracks, and a player that shows them in 3D.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import tyro

from jaxpose.runtime.command import run_command


@dataclasses.dataclass(frozen=True)
class Command:
    """The arguments of `jaxpose report`."""

    run: tyro.conf.Positional[Path]
    """Folder of the run."""
    data: str | None = None
    """Data set to report on; by default, that on which the run was trained."""
    split: str | None = None
    """Subjects to report on; by default, the run's test split."""
    out: Path | None = None
    """File to write; by default, RUN/report.html."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    run_command(Command, report, arguments, prog="jaxpose report", description=__doc__)


def report(command: Command) -> None:
    """Lift the split and write the page.

    Raises:
      InputError: there is no such run or data, they do not fit each other, or the page cannot be written.
    """
    import numpy as np
    from rich.console import Console

    from jaxpose.data.windows import pack
    from jaxpose.evaluation.compare import EvaluatedRun
    from jaxpose.evaluation.protocol import VIDEOPOSE3D
    from jaxpose.evaluation.report_page import report_page
    from jaxpose.evaluation.track_errors import measure_tracks
    from jaxpose.evaluation.track_selection import select_tracks
    from jaxpose.files.atomic import atomic_write_text
    from jaxpose.runs.log import read_log
    from jaxpose.runs.overlap import trained_subjects
    from jaxpose.runs.trained import load_fitting, open_run

    console, out = Console(markup=False), command.out or command.run / "report.html"
    lifter = open_run(command.run)
    description, tracks, split = load_fitting(lifter, command.data, command.split)
    tracks = select_tracks(tracks, VIDEOPOSE3D)
    frames = pack(tracks)
    with console.status(f"lifting {len(tracks)} tracks, {len(frames.track):,} frames"):
        predictions = lifter.lift(frames)
    with console.status("measuring and drawing"):
        errors = measure_tracks(predictions, np.asarray(frames.poses), tracks, skeleton=description.skeleton)
        trained_on = trained_subjects(lifter.config, lifter.description, description, errors.subjects.tolist())
        run = EvaluatedRun(command.run.resolve().name, lifter.config, errors, trained_on)
        atomic_write_text(out, report_page(run, read_log(command.run), description, tracks, split, predictions))
    console.print(f"The report is {out}", soft_wrap=True)


if __name__ == "__main__":
    main()
