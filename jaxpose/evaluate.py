"""Evaluate runs as the field does: errors with 95 % bootstrap confidence intervals, and the plausibility of the motion.

    jaxpose evaluate RUN [RUN …] [--data DIR] [--split S9+S11] [--by subject camera joint] [--format md tex csv]
    jaxpose evaluate --predictions POSES.npz --data DIR --split S9+S11    # poses of any program
    jaxpose evaluate RUN --smooth savgol butterworth:6 one-euro           # beside what filters make of them

Tables are printed. With --format they are also written, into RUN/evaluation or --out. Evaluating a single run on its
own test split by the default protocol and in the default metrics also rewrites its results.json and results.md. Several
runs are compared with the first, on the data and the split of the first.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro

from jaxpose.data.smoothing import choose_smoothings, describe_smoothers
from jaxpose.evaluation import Format, Part
from jaxpose.evaluation.metric_records import PUBLISHED_KEYS, choose_metrics, describe_metrics
from jaxpose.evaluation.protocol import VIDEOPOSE3D, Protocol
from jaxpose.runs import Which
from jaxpose.runtime.command import run_command
from jaxpose.runtime.errors import InputError

SMOOTH_HELP = (
    "Filters that smooth the predictions in time: tables and files then have, after each run and file of predictions, "
    f"the same smoothed by each filter, compared with the first run as it is. {describe_smoothers()}"
)


@dataclasses.dataclass(frozen=True)
class Command:
    """The arguments of `jaxpose evaluate`."""

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """Folders of runs, or lifter files; all but the first are compared with the first."""
    predictions: tuple[Path, ...] = ()
    """Files .npz with the poses of any program, scored like runs and after them: an array (frames, joints, 3) for each
    track, by name such as S9/Walking/55011271 or S9/Walking/0, in metres (or with units="mm" in the file), camera
    space, relative to the root. --save and predict write such files."""
    data: str | None = None
    """Data set to evaluate on; by default, that on which the (first) run was trained."""
    split: str | None = None
    """Subjects to evaluate on; by default, the (first) run's test split."""
    metrics: Annotated[tuple[str, ...], tyro.conf.arg(help=f"Metrics to report. {describe_metrics()}.")] = (
        PUBLISHED_KEYS
    )
    smooth: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME[:HZ] ...", help=SMOOTH_HELP)] = ()
    by: tuple[Part, ...] = ("joint",)
    """Tables to print beside those of the actions."""
    format: tuple[Format, ...] = ()
    """Files to write: evaluation.md and evaluation.tex with the tables; evaluation.json and evaluation.csv with all
    numbers of all runs, unrounded. The CSV has a number a row: run, group (all, action, subject, camera, joint, bone,
    pair, angle or difference), name, metric, value, low, high, unit."""
    out: Path | None = None
    """Folder for these files; by default, RUN/evaluation. Files of the same names are replaced."""
    save: Path | None = None
    """File .npz to write the predictions to, by name of track, as they are without --smooth."""
    checkpoint: Which = "last"
    """Checkpoint of every run: the last, or the best on its validation split."""
    protocol: tyro.conf.OmitArgPrefixes[tyro.conf.FlagCreatePairsOff[Protocol]] = VIDEOPOSE3D

    def __post_init__(self) -> None:
        """Raise `InputError` for arguments that contradict each other."""
        if not self.runs and not self.predictions:
            raise InputError("no run is named; give the folder of at least one, or a file with --predictions")
        if not self.runs and not (self.data and self.split):
            raise InputError("--predictions without a run: name the data set with --data and its subjects with --split")
        choose_metrics(self.metrics)
        choose_smoothings(self.smooth)
        for what, paths in (("run", self.runs), ("file of --predictions", self.predictions)):
            if len({path.resolve() for path in paths}) < len(paths):
                raise InputError(f"a {what} is named twice; name each once")
        if self.out and not self.format:
            raise InputError("--out names a folder, but no file is to be written; choose files with --format")
        if self.format and not self.out and not self.runs:
            raise InputError("there is no run to write the files into; name a folder for them with --out")
        if self.format and not self.out and self.runs and self.runs[0].is_file():
            raise InputError(f"{self.runs[0]} is a file; name a folder for the tables with --out")
        if self.format and not self.out and len(self.runs) + len(self.predictions) > 1:
            raise InputError("several runs are compared; name the folder for the files with --out")
        if self.save and (len(self.runs) != 1 or self.protocol.chunk is not None):
            raise InputError("--save writes whole tracks of one run; name one run, and remove --chunk")
        if self.save and self.save.suffix != ".npz":
            raise InputError(f"--save is {self.save}; it must end with .npz")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    run_command(Command, evaluate, arguments, prog="jaxpose evaluate", description=__doc__)


def evaluate(command: Command) -> None:
    """Measure the runs, print the tables, and write the files.

    Raises:
      InputError: there is no such run or data, they do not fit each other, or a file cannot be written.
    """
    import numpy as np
    from rich.console import Console

    from jaxpose.data.load import load
    from jaxpose.data.windows import pack
    from jaxpose.evaluation.averages import summarize
    from jaxpose.evaluation.compare import EvaluatedRun
    from jaxpose.evaluation.evaluation_output import print_tables, write_tables
    from jaxpose.evaluation.predictions_file import check_root, load_predictions, save_predictions
    from jaxpose.evaluation.report_tables import all_tables, evaluation_setting
    from jaxpose.evaluation.results_file import write_results
    from jaxpose.evaluation.run_labels import name_files, name_runs
    from jaxpose.evaluation.smoothed_runs import smoothed_runs
    from jaxpose.evaluation.track_errors import TrackErrors, measure_tracks
    from jaxpose.evaluation.track_selection import cut_into_chunks, poses_of_chunks, select_tracks
    from jaxpose.runs.overlap import trained_subjects
    from jaxpose.runs.trained import check_fits, load_fitting, open_run
    from jaxpose.runtime.progress import working

    metrics, protocol, smoothings = choose_metrics(command.metrics), command.protocol, choose_smoothings(command.smooth)
    with working("opening the run and its data"):
        opened = [open_run(folder, command.checkpoint) for folder in command.runs[:1]]
        if opened:
            description, tracks, split = load_fitting(opened[0], command.data, command.split)
            data = command.data or opened[0].config.data
        else:
            data, split = command.data, command.split
            description, tracks = load(data, split)
    selected = select_tracks(tracks, protocol)
    from_files = [load_predictions(file, selected, tracks, description) for file in command.predictions]
    if protocol.root == "kept":
        for file, poses in zip(command.predictions, from_files, strict=True):
            check_root(file, poses)
    lifted, scored = cut_into_chunks(selected, protocol)
    frames = pack(lifted)
    targets, runs, written = np.asarray(frames.poses), [], []

    def measure(predictions: np.ndarray) -> TrackErrors:
        with working("measuring"):
            return measure_tracks(
                predictions, targets, scored, protocol=protocol, skeleton=description.skeleton, metrics=metrics
            )

    for name, folder in zip(name_runs(command.runs, command.checkpoint), command.runs, strict=True):
        with working(f"lifting {len(lifted)} tracks with {name}"):
            lifter = open_run(folder, command.checkpoint) if runs else opened[0]
            check_fits(lifter, description, data)
            predictions = lifter.lift(frames, mirrored=protocol.mirror)
        if command.save:
            save_predictions(command.save, predictions, lifted, description)
            written.append(command.save)
        errors = measure(predictions)
        trained_on = trained_subjects(lifter.config, lifter.description, description, errors.subjects.tolist())
        run = EvaluatedRun(name, lifter.config, errors, trained_on)
        runs += [run, *smoothed_runs(run, predictions, lifted, smoothings, measure)]
    for name, poses in zip(name_files(command.predictions), from_files, strict=True):
        predictions = poses_of_chunks(poses, selected, protocol)
        run = EvaluatedRun(name, None, measure(predictions))
        runs += [run, *smoothed_runs(run, predictions, lifted, smoothings, measure)]

    setting = evaluation_setting(description, split, tracks, protocol, runs)
    console = Console(markup=False)
    with working("averaging and resampling"):
        by_name = all_tables(runs, setting, command.by)
    print_tables(console, by_name, setting)
    if command.format:
        out = command.out or command.runs[0] / "evaluation"
        written += write_tables(out, command.format, by_name, runs, setting)
    as_trained = (command.data, command.split, command.checkpoint) == (None, None, "last") and command.runs[0].is_dir()
    alone = len(command.runs) + len(command.predictions) == 1
    if alone and as_trained and protocol == VIDEOPOSE3D and command.metrics == PUBLISHED_KEYS:
        write_results(command.runs[0], summarize(runs[0].errors, protocol), description, split, runs[0].trained_on)
        written += [command.runs[0] / "results.json", command.runs[0] / "results.md"]
    for path in written:
        console.print(f"wrote {path}", soft_wrap=True, highlight=False)


if __name__ == "__main__":
    main()
