"""Evaluate runs as the field does: errors with 95 % bootstrap confidence intervals, and the plausibility of the motion.

    jaxpose evaluate RUN [RUN …] [--data DIR] [--split S9+S11] [--by subject camera joint] [--format md tex]

Tables are printed. With --format they are also written, into RUN/evaluation or --out. Evaluating a single run on its
own test split by the default protocol and in the default metrics also rewrites its results.json and results.md. Several
runs are compared with the first, on the data and the split of the first.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro

from jaxpose.evaluation import Format, Part
from jaxpose.evaluation.metric_records import PUBLISHED_KEYS, choose_metrics, describe_metrics
from jaxpose.evaluation.protocol import VIDEOPOSE3D, Protocol
from jaxpose.runs import Which
from jaxpose.runtime.command import run_command
from jaxpose.runtime.errors import InputError


@dataclasses.dataclass(frozen=True)
class Command:
    """The arguments of `jaxpose evaluate`."""

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """Folders of runs; all but the first are compared with the first."""
    data: str | None = None
    """Data set to evaluate on; by default, that on which the (first) run was trained."""
    split: str | None = None
    """Subjects to evaluate on; by default, the (first) run's test split."""
    metrics: Annotated[tuple[str, ...], tyro.conf.arg(help=f"Metrics to report. {describe_metrics()}.")] = (
        PUBLISHED_KEYS
    )
    by: tuple[Part, ...] = ("joint",)
    """Tables to print beside those of the actions."""
    format: tuple[Format, ...] = ()
    """Files to write: evaluation.md, evaluation.tex and evaluation.json with everything, and a CSV file per table."""
    out: Path | None = None
    """Folder for these files; by default, RUN/evaluation. Files of the same names are replaced."""
    save: Path | None = None
    """File .npz to write the predictions to, by name of track."""
    checkpoint: Which = "last"
    """Checkpoint of every run: the last, or the best on its validation split."""
    protocol: tyro.conf.OmitArgPrefixes[tyro.conf.FlagCreatePairsOff[Protocol]] = VIDEOPOSE3D

    def __post_init__(self) -> None:
        """Raise `InputError` for arguments that contradict each other."""
        if not self.runs:
            raise InputError("no run is named; give the folder of at least one")
        choose_metrics(self.metrics)
        if len({run.resolve() for run in self.runs}) < len(self.runs):
            raise InputError("a run is named twice; name each once")
        if self.out and not self.format:
            raise InputError("--out names a folder, but no file is to be written; choose files with --format")
        if self.format and len(self.runs) > 1 and not self.out:
            raise InputError("several runs are compared; name the folder for the files with --out")
        if self.save and (len(self.runs) > 1 or self.protocol.chunk is not None):
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

    from jaxpose.data.windows import pack
    from jaxpose.evaluation.averages import summarize
    from jaxpose.evaluation.compare import EvaluatedRun
    from jaxpose.evaluation.evaluation_output import print_tables, write_tables
    from jaxpose.evaluation.predictions_file import save_predictions
    from jaxpose.evaluation.report_tables import all_tables, evaluation_setting
    from jaxpose.evaluation.results_file import write_results
    from jaxpose.evaluation.run_labels import name_runs
    from jaxpose.evaluation.track_errors import measure_tracks
    from jaxpose.evaluation.track_selection import cut_into_chunks, select_tracks
    from jaxpose.runs.overlap import trained_subjects
    from jaxpose.runs.trained import check_fits, load_fitting, open_run

    metrics, protocol = choose_metrics(command.metrics), command.protocol
    first = open_run(command.runs[0], command.checkpoint)
    data = command.data or first.config.data
    description, tracks, split = load_fitting(first, data, command.split)
    lifted, scored = cut_into_chunks(select_tracks(tracks, protocol), protocol)
    frames = pack(lifted)
    targets, runs, written = np.asarray(frames.poses), [], []
    for name, folder in zip(name_runs(command.runs, command.checkpoint), command.runs, strict=True):
        lifter = open_run(folder, command.checkpoint) if runs else first
        check_fits(lifter, description, data)
        predictions = lifter.lift(frames, mirrored=protocol.mirror)
        if command.save:
            save_predictions(command.save, predictions, lifted, description)
            written.append(command.save)
        errors = measure_tracks(
            predictions, targets, scored, protocol=protocol, skeleton=description.skeleton, metrics=metrics
        )
        trained_on = trained_subjects(lifter.config, lifter.description, description, errors.subjects.tolist())
        runs.append(EvaluatedRun(name, lifter.config, errors, trained_on))

    setting = evaluation_setting(description, split, tracks, protocol, runs)
    console = Console(markup=False)
    by_name = all_tables(runs, setting, command.by)
    print_tables(console, by_name, setting)
    if command.format:
        out = command.out or command.runs[0] / "evaluation"
        written += write_tables(out, command.format, by_name, runs, setting)
    as_trained = command.data is None and command.split is None and command.checkpoint == "last"
    if len(runs) == 1 and as_trained and protocol == VIDEOPOSE3D and command.metrics == PUBLISHED_KEYS:
        write_results(command.runs[0], summarize(runs[0].errors, protocol), description, split, runs[0].trained_on)
        written += [command.runs[0] / "results.json", command.runs[0] / "results.md"]
    for path in written:
        console.print(f"wrote {path}", soft_wrap=True, highlight=False)


if __name__ == "__main__":
    main()
