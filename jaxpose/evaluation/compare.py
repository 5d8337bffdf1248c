"""Comparison of runs: differences with 95 % bootstrap confidence intervals, and means over seeds of equal settings."""

import dataclasses
import math
from collections.abc import Sequence
from typing import NamedTuple, TypedDict

import numpy as np

from jaxpose.data.smoothing import Smoothing
from jaxpose.data.track import Description
from jaxpose.evaluation import bootstrap, results_file, significance
from jaxpose.evaluation.averages import average_metrics, protocol_in_words
from jaxpose.evaluation.metric_records import Metric
from jaxpose.evaluation.protocol import Protocol
from jaxpose.evaluation.track_errors import TrackErrors
from jaxpose.runtime.tables import Table
from jaxpose.training.config import Config

MARK = "*"
COMPARED_NOTE = (
    f"Below each run but the first is its difference from the first, with the {bootstrap.NAME} of the difference. "
    f"{MARK}: significant at the 5 % level (randomisation test on paired recordings, with Holm's correction for all "
    "comparisons of the table; the intervals are not corrected)."
)
SEEDS_NOTE = (
    f"Runs whose settings differ only in the seed: mean ± standard deviation over the runs. {MARK}: the mean differs "
    "from the first row's at the 5 % level (Welch's t-test, with Holm's correction for all comparisons of the table)."
)


class EvaluationSetting(NamedTuple):
    """Data set, split and protocol of an evaluation; the same for all runs that are compared."""

    description: Description
    split: str
    protocol: Protocol
    incomparable: str  # why published rows are not comparable; empty if they are
    notice: str = ""  # which run was trained on which subjects of the split; empty if none was


class EvaluatedRun(NamedTuple):
    """A run and the errors of its predictions."""

    name: str
    config: Config | None  # its settings; None for predictions from a file
    errors: TrackErrors
    trained_on: tuple[str, ...] = ()  # subjects among those of the errors
    smoothing: Smoothing | None = None  # of the predictions, after the network


class Difference(TypedDict):
    """The difference of two runs in one metric, as JSON holds it."""

    difference: float
    interval: list[float]  # ends of its 95 % bootstrap confidence interval; NaN if an action has one recording
    p_value: float  # of the randomisation test, not corrected; NaN where there is no interval
    corrected_p_value: float  # by Holm's method, for all metrics of all runs that are compared
    significant: bool  # the corrected one is below 0.05


def title_of_split(setting: EvaluationSetting) -> str:
    """The split in the title of a table, with the notice of the setting."""
    return results_file.split_with_notice(setting.split, setting.notice)


def differences(runs: Sequence[EvaluatedRun], protocol: Protocol) -> dict[str, dict[str, Difference]]:
    """The difference of each run but the first from the first, by name of the run and key of the metric."""
    first, *others = runs
    weights = bootstrap.resample_weights(first.errors.actions, first.errors.recordings)
    tested = {(run.name, key): value for run in others for key, value in _p_values(run, first, protocol).items()}
    corrected = dict(zip(tested, significance.holm([*tested.values()]), strict=True))

    def resampled(run: EvaluatedRun) -> dict[str, np.ndarray]:
        return {
            metric.key: bootstrap.resampled_averages(run.errors, metric.key, weights, over=protocol.average)
            for metric in run.errors.metrics
        }

    of_first, resampled_first = average_metrics(first.errors, protocol), resampled(first)
    result: dict[str, dict[str, Difference]] = {}
    for run in others:
        averages, resamples = average_metrics(run.errors, protocol), resampled(run)
        result[run.name] = {
            key: Difference(
                difference=averages[key] - of_first[key],
                interval=[*bootstrap.interval(resamples[key] - resampled_first[key])],
                p_value=tested[run.name, key],
                corrected_p_value=corrected[run.name, key],
                significant=corrected[run.name, key] < significance.ALPHA,
            )
            for key in averages
        }
    return result


def _p_values(run: EvaluatedRun, first: EvaluatedRun, protocol: Protocol) -> dict[str, float]:
    """The p-value of the difference of two runs in each metric; NaN where an action has one recording."""
    return {
        metric.key: math.nan
        if bootstrap.single_recordings(run.errors, metric.key)
        else significance.paired_p_value(run.errors, first.errors, metric.key, over=protocol.average)
        for metric in run.errors.metrics
    }


def comparison_table(runs: Sequence[EvaluatedRun], setting: EvaluationSetting) -> Table:
    """The averages of several runs, and their differences from the first."""
    metrics = runs[0].errors.metrics
    rows: list[Sequence[str]] = []
    rules = []  # above each run but the first
    by_run = differences(runs, setting.protocol)
    for run in runs:
        rules += [len(rows)] if rows else []
        rows.append((run.name, *results_file.format_metrics(average_metrics(run.errors, setting.protocol), metrics)))
        if by_key := by_run.get(run.name):
            rows.append(("  difference", *(_format_difference(by_key[metric.key], metric) for metric in metrics)))
            intervals = (format_interval(by_key[metric.key]["interval"], metric, "+") for metric in metrics)
            rows.append((f"  {bootstrap.NAME}", *intervals))
    title = f"Comparison: {results_file.caption(setting.description, title_of_split(setting), metrics)}"
    unknown = bootstrap.why_no_interval(runs[0].errors)
    notes = (COMPARED_NOTE, bootstrap.NOTE, *unknown, protocol_in_words(runs[0].errors, setting.protocol))
    return Table(title, ("run", *(metric.heading for metric in metrics)), rows, notes, rules=tuple(rules))


def seeds_table(runs: Sequence[EvaluatedRun], setting: EvaluationSetting) -> Table | None:
    """Means and standard deviations over the seeds of equal settings; None if no two runs have equal settings."""
    groups = _group_by_settings(runs)
    if all(len(group) == 1 for group in groups):
        return None
    metrics = runs[0].errors.metrics
    averages = [[average_metrics(run.errors, setting.protocol) for run in group] for group in groups]
    values = [{metric: [run[metric.key] for run in group] for metric in metrics} for group in averages]
    tested = [_welch_p_value(own[metric], values[0][metric]) for own in values[1:] for metric in metrics]
    corrected = iter([*[math.nan] * len(metrics), *significance.holm(tested)])  # the first row is not compared
    rows = [
        (
            ", ".join(run.name for run in group),
            *(_format_seeds(own[metric], metric) + MARK * (next(corrected) < significance.ALPHA) for metric in metrics),
        )
        for group, own in zip(groups, values, strict=True)
    ]
    title = f"Seeds: {results_file.caption(setting.description, title_of_split(setting), metrics)}"
    return Table(title, ("runs", *(metric.heading for metric in metrics)), rows, (SEEDS_NOTE,))


def _group_by_settings(runs: Sequence[EvaluatedRun]) -> list[list[EvaluatedRun]]:
    """Runs whose settings differ in nothing but the seed, together."""
    groups: list[tuple[tuple[Config | None, Smoothing | None], list[EvaluatedRun]]] = []
    for run in runs:
        settings = run.config and dataclasses.replace(run.config, seed=0), run.smoothing
        for known, group in groups:
            if run.config and known == settings:
                group.append(run)
                break
        else:
            groups.append((settings, [run]))
    return [group for _, group in groups]


def _format_seeds(values: Sequence[float], metric: Metric) -> str:
    """Mean ± standard deviation of some seeds."""
    text = metric.format(float(np.mean(values)))
    if len(values) > 1:
        text += f" ± {metric.format(float(np.std(values, ddof=1)))}"
    return text


def _welch_p_value(a: Sequence[float], b: Sequence[float]) -> float:
    """The p-value of Welch's t-test of two means; NaN if a group has no spread, as of one seed."""
    from scipy import stats  # its import takes a second, which an evaluation without seeds saves

    return float(stats.ttest_ind(a, b, equal_var=False).pvalue) if min(np.ptp(a), np.ptp(b)) > 0 else math.nan


def format_interval(ends: Sequence[float], metric: Metric, sign: str = "") -> str:
    """An interval of a metric as text; with `sign` "+" an interval of differences."""
    return "–" if math.isnan(ends[0]) else " to ".join(metric.format(end, sign) for end in ends)


def _format_difference(difference: Difference, metric: Metric) -> str:
    return metric.format(difference["difference"], "+") + MARK * difference["significant"]
