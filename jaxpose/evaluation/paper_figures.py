"""Figures of runs like those of the joint-aware paper, beside the paper's rows where they are comparable."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure

from jaxpose.data.track import Description
from jaxpose.evaluation import comparability, paper_tables, results_file
from jaxpose.evaluation.metric_records import PUBLISHED, Metric
from jaxpose.evaluation.protocol import VIDEOPOSE3D
from jaxpose.evaluation.results_file import AVERAGE, Results
from jaxpose.evaluation.run_labels import label_runs
from jaxpose.runtime.errors import InputError
from jaxpose.training.config import Config, loss_in_metres
from jaxpose.visualization.comparison_figures import compare_bars, compare_curves, run_colours

PRINTED = {"Pavllo'19": "0.8", "Ours": "0.6"}
"""The paper's rows that are drawn, its baseline and its own, and their greys."""


class FinishedRun(NamedTuple):
    """A run that has been trained and evaluated."""

    folder: Path
    config: Config
    description: Description
    log: Sequence[Mapping[str, float]]  # empty for converted weights
    results: Results


def check_runs(runs: Sequence[FinishedRun]) -> None:
    """Raise `InputError` if runs cannot be drawn in one figure."""
    if not runs:
        raise InputError("there is nothing to draw; name the folder of at least one run")
    first = runs[0]
    for number, run in enumerate(runs):
        if not all({"epoch", "loss"} <= record.keys() for record in run.log):
            raise InputError(
                f"{run.folder / 'metrics.jsonl'} has a line without epoch or loss; remove the line, or the file"
            )
        if run.folder.resolve() in [other.folder.resolve() for other in runs[:number]]:
            raise InputError(f"{run.folder} is named twice; name each run once")
        if run.description.synthetic != first.description.synthetic:
            raise InputError(f"one of {first.folder} and {run.folder} is of synthetic motion; draw them separately")
        if odd := sorted(run.results.errors.keys() ^ first.results.errors.keys()):
            raise InputError(
                f"{first.folder} and {run.folder} have different actions ({', '.join(odd)}); draw them separately"
            )


def why_runs_incomparable(runs: Sequence[FinishedRun]) -> str:
    """The reason why the paper's rows are not comparable with some run; empty if they are with all."""
    for run in runs:
        results = run.results
        scored = comparability.ScoredFrames(
            run.config.test_split.split("+"), results.errors.keys() - {AVERAGE}, results.frames, (results.fps,)
        )
        if reason := comparability.why_incomparable(run.description, scored, VIDEOPOSE3D, results.trained_on):
            return reason
    return ""


def _title_of_split(run: FinishedRun) -> str:
    """The test split of a run, and a notice if it was trained on."""
    notice = results_file.trained_on_notice(run.results.trained_on)
    return results_file.split_with_notice(run.config.test_split, notice)


def paper_rows(metric: str) -> tuple[dict[str, list[float]], list[str]]:
    """The rows `PRINTED` of a metric (its key) by name, fifteen actions and the average, and the notes on them."""
    number, rows, notes = paper_tables.BY_ACTION[metric], {}, []
    for row in paper_tables.load_rows(number):
        name = row.method.replace(" ", "")  # Pavllo '19, in one table
        if name in PRINTED:
            rows[name] = [float(cell) for cell in row.cells.values()]
            if mark := paper_tables.mark_of_average(row):
                mean = paper_tables.mean_of_actions(row)
                notes.append(f"{name} in the paper (mean {mean:.2f}): {paper_tables.MARKS[mark]}.")
            if note := paper_tables.NOTES.get((number, row.method)):
                notes.append(f"{name} in the paper: {note}.")
    return rows, [*notes, paper_tables.INPUT_NOTE]


def paper_figures(runs: Sequence[FinishedRun], metrics: Sequence[Metric] = PUBLISHED) -> Iterator[tuple[str, Figure]]:
    """Draw the training curves, and the errors by action in each of the metrics.

    Yields:
      The name of a figure, "curves" or the key of a metric, and the figure. There are no curves if no run has a log.
    """
    labels, differences = label_runs([run.config for run in runs], [f"run {run.folder}" for run in runs])
    captions = dict.fromkeys(results_file.caption(run.description, _title_of_split(run)) for run in runs)
    title = " ".join([*captions, differences]).strip()
    if logs := {name: run.log for name, run in zip(labels, runs, strict=True) if run.log}:
        lengths = all(loss_in_metres(run.config) for run in runs)
        yield "curves", compare_curves(logs, title=title, loss_in_metres=lengths)
    reason = why_runs_incomparable(runs)
    groups = tuple(runs[0].results.errors) if reason else (*paper_tables.ACTIONS, AVERAGE)
    for metric in metrics:
        printed, notes = (
            ({}, [f"Not comparable with the paper's rows: {reason}."]) if reason else paper_rows(metric.key)
        )
        rows = {f"{name}, as printed in the paper": values for name, values in printed.items()}
        for name, run in zip(labels, runs, strict=True):
            rows[name] = [run.results.errors[group][metric.key] for group in groups]
        yield (
            metric.key,
            compare_bars(
                rows,
                groups,
                f"{metric.heading}, {metric.unit}",
                digits=metric.digits,
                colours=[PRINTED[name] for name in printed] + run_colours(len(runs)),
                title=title,
                note=" ".join(notes),
            ),
        )
