"""Write one HTML page about a run or lifted poses, which opens from disk and makes no network request.

    jaxpose report RUN [--smooth savgol butterworth:6 one-euro]
    jaxpose report POSES.npz    # what `jaxpose predict` wrote

The page of a run says what it is and with what it was made. It has the tables that `jaxpose evaluate` prints, the
training curves, the error by joint, the worst and the best tracks, and a player that shows them in 3D. The page of
poses has the player and a table of the people.
"""

import dataclasses
import datetime
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import tyro

from jaxpose.data.smoothing import choose_smoothings, describe_smoothers
from jaxpose.runtime.command import run_command
from jaxpose.runtime.errors import InputError

SMOOTH_HELP = f"Filters that smooth the predictions of a run, for more rows of its tables. {describe_smoothers()}"


@dataclasses.dataclass(frozen=True)
class Command:
    """The arguments of `jaxpose report`."""

    run: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN|POSES.npz")]
    """Folder of a run; or an npz file that predict wrote."""
    data: str | None = None
    """Data set to report on; by default, that on which the run was trained."""
    split: str | None = None
    """Subjects to report on; by default, the run's test split."""
    smooth: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME[:HZ] ...", help=SMOOTH_HELP)] = ()
    out: Path | None = None
    """File to write; by default, RUN/report.html or POSES.html."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    run_command(Command, report, arguments, prog="jaxpose report", description=__doc__)


def report(command: Command) -> None:
    """Write the page of a run, or of the poses in a file.

    Raises:
      InputError: there is no such run, data or file, they do not fit each other, or the page cannot be written.
    """
    from rich.console import Console

    from jaxpose.export.reading import is_motion_file
    from jaxpose.files.atomic import atomic_write_text

    console, from_file = Console(markup=False), is_motion_file(command.run)
    out = command.out or (command.run.with_suffix(".html") if from_file else command.run / "report.html")
    atomic_write_text(out, _page_of_file(command) if from_file else _page_of_run(command))
    console.print(f"The report is {out}", soft_wrap=True)


def _page_of_file(command: Command) -> str:
    """The page about the people whom `jaxpose predict` lifted."""
    from jaxpose.export.reading import read_motions
    from jaxpose.visualization.motions_page import motions_page

    if command.data or command.split or command.smooth:
        raise InputError(f"--data, --split and --smooth are for runs; {command.run} has its own tracks")
    return motions_page(f"Poses of {command.run.name}", read_motions(command.run))


def _page_of_run(command: Command) -> str:
    """The page about a run: its split lifted and measured."""
    import numpy as np

    from jaxpose.data.windows import pack
    from jaxpose.evaluation.compare import EvaluatedRun
    from jaxpose.evaluation.protocol import VIDEOPOSE3D
    from jaxpose.evaluation.report_page import Made, report_page
    from jaxpose.evaluation.smoothed_runs import smoothed_runs
    from jaxpose.evaluation.track_errors import measure_tracks
    from jaxpose.evaluation.track_selection import select_tracks
    from jaxpose.runs.log import read_log
    from jaxpose.runs.overlap import trained_subjects
    from jaxpose.runs.trained import load_fitting, open_run
    from jaxpose.runtime.progress import working
    from jaxpose.runtime.versions import versions

    with working("opening the run and its data"):
        smoothings, lifter = choose_smoothings(command.smooth), open_run(command.run)
        description, tracks, split = load_fitting(lifter, command.data, command.split)
    tracks = select_tracks(tracks, VIDEOPOSE3D)
    frames = pack(tracks)
    measure = partial(measure_tracks, targets=np.asarray(frames.poses), tracks=tracks, skeleton=description.skeleton)
    with working(f"lifting {len(tracks)} tracks, {len(frames.track):,} frames"):
        predictions = lifter.lift(frames)
    with working("measuring and drawing"):
        errors = measure(predictions)
        made = Made(datetime.datetime.now(datetime.UTC), versions(), _recorded_versions(command.run))
        trained_on = trained_subjects(lifter.config, lifter.description, description, errors.subjects.tolist())
        run = EvaluatedRun(command.run.resolve().name, lifter.config, errors, trained_on)
        smoothed = smoothed_runs(run, predictions, tracks, smoothings, measure)
        return report_page(run, read_log(command.run), description, tracks, split, predictions, made, smoothed)


def _recorded_versions(run: Path) -> dict[str, str] | None:
    """The versions that a run's `config.json` has; None for older runs."""
    from jaxpose.files.guarded_read import read_json

    settings = read_json(run / "config.json")
    recorded = settings.get("versions") if isinstance(settings, dict) else None
    if not isinstance(recorded, dict):
        return None
    return {name: version for name, version in recorded.items() if isinstance(version, str)}


if __name__ == "__main__":
    main()
