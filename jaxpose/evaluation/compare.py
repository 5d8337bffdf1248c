"""Comparison of runs: differences with confidence intervals, and means over the seeds of equal settings."""

import dataclasses
import math
from collections.abc import Sequence
from typing import NamedTuple, TypedDict

import numpy as np

from jaxpose.data.track import Description
from jaxpose.evaluation import bootstrap, results_file
from jaxpose.evaluation.averages import average_metrics, protocol_in_words
from jaxpose.evaluation.metric_records import Metric
from jaxpose.evaluation.protocol import Protocol
from jaxpose.evaluation.track_errors import TrackErrors
from jaxpose.runtime.tables import Table
from jaxpose.training.config import Config

MARK = "*"
COMPARED_NOTE = (
    "Below each run but the first is its difference from the first, with the confidence interval of the difference. "
    f"{MARK}: the interval excludes zero."
)
SEEDS_NOTE = (
    f"Runs whose settings differ only in the seed: mean ± standard deviation over the runs. {MARK}: the mean differs "
    "from the first row's at the 5 % level (Welch's t-test)."
)


class EvaluationSetting(NamedTuple):
    """Data set, split and protocol of an evaluation; the same for all runs that are compared."""

    description: Description
    split: str
    protocol: Protocol
    incomparable: str  # why published rows are not comparable; empty if they are


class EvaluatedRun(NamedTuple):
    """A run and the errors of its predictions."""

    name: str
    config: Config | None  # its settings; None for predictions from a file
    errors: TrackErrors


class Difference(TypedDict):
    """The difference of two runs in one metric, as JSON holds it."""

    difference: float
    interval: list[float]  # its ends
    exceeds: bool  # the interval excludes zero


def differences(run: EvaluatedRun, first: EvaluatedRun, protocol: Protocol) -> dict[str, Difference]:
    """The difference of a run from the first one in each metric, with its confidence interval, by the metric's key."""
    averages = [average_metrics(one.errors, protocol) for one in (run, first)]
    counts = bootstrap.resample_counts(run.errors.actions)
    result = {}
    for key in averages[0]:
        resampled = [
            bootstrap.resampled_averages(one.errors, key, counts, over=protocol.average) for one in (run, first)
        ]
        low, high = bootstrap.interval(resampled[0] - resampled[1])
        result[key] = Difference(
            difference=averages[0][key] - averages[1][key],
            interval=[low, high],
            exceeds=bool(low > 0 or high < 0),
        )
    return result


def comparison_table(runs: Sequence[EvaluatedRun], setting: EvaluationSetting) -> Table:
    """The averages of several runs, and their differences from the first."""
    metrics = runs[0].errors.metrics
    rows: list[Sequence[str]] = []
    averages = []  # the rows of averages
    for run in runs:
        averages.append(len(rows))
        rows.append((run.name, *results_file.format_metrics(average_metrics(run.errors, setting.protocol), metrics)))
        if run is not runs[0]:
            by_key = differences(run, runs[0], setting.protocol)
            rows.append(("  difference", *(_format_difference(by_key[metric.key], metric) for metric in metrics)))
            intervals = (format_interval(by_key[metric.key]["interval"], metric, "+") for metric in metrics)
            rows.append(("  its interval", *intervals))
    title = f"Comparison: {results_file.caption(setting.description, setting.split, metrics)}"
    notes = (COMPARED_NOTE, bootstrap.NOTE, protocol_in_words(runs[0].errors, setting.protocol))
    return Table(title, ("run", *(metric.heading for metric in metrics)), rows, notes, summary_rows=tuple(averages))


def seeds_table(runs: Sequence[EvaluatedRun], setting: EvaluationSetting) -> Table | None:
    """Means and standard deviations over the seeds of equal settings; None if no two runs have equal settings."""
    groups = _group_by_settings(runs)
    if all(len(group) == 1 for group in groups):
        return None
    metrics = runs[0].errors.metrics
    averages = [[average_metrics(run.errors, setting.protocol) for run in group] for group in groups]
    values = [{metric: [run[metric.key] for run in group] for metric in metrics} for group in averages]
    rows = [
        (
            ", ".join(run.name for run in group),
            *(_format_seeds(own[metric], values[0][metric], metric) for metric in metrics),
        )
        for group, own in zip(groups, values, strict=True)
    ]
    title = f"Seeds: {results_file.caption(setting.description, setting.split, metrics)}"
    return Table(title, ("runs", *(metric.heading for metric in metrics)), rows, (SEEDS_NOTE,))


def _group_by_settings(runs: Sequence[EvaluatedRun]) -> list[list[EvaluatedRun]]:
    """Runs whose settings differ in nothing but the seed, together."""
    groups: list[tuple[Config | None, list[EvaluatedRun]]] = []
    for run in runs:
        config = run.config and dataclasses.replace(run.config, seed=0)
        for known, group in groups:
            if config and known == config:
                group.append(run)
                break
        else:
            groups.append((config, [run]))
    return [group for _, group in groups]


def _format_seeds(values: Sequence[float], first: Sequence[float], metric: Metric) -> str:
    """Mean ± standard deviation of some seeds, marked if the mean differs from that of the first group of seeds."""
    text = metric.format(float(np.mean(values)))
    if len(values) > 1:
        text += f" ± {metric.format(float(np.std(values, ddof=1)))}"
    return text + MARK * _means_differ(values, first)


def _means_differ(a: Sequence[float], b: Sequence[float]) -> bool:
    """True if two means differ at the 5 % level of Welch's t-test; False if a group has no spread, as of one seed."""
    from scipy import stats  # its import takes a second, which an evaluation without seeds saves

    return bool(min(np.ptp(a), np.ptp(b)) > 0 and stats.ttest_ind(a, b, equal_var=False).pvalue < 0.05)


def format_interval(ends: Sequence[float], metric: Metric, sign: str = "") -> str:
    """An interval of a metric as text; with `sign` "+" an interval of differences."""
    return "–" if math.isnan(ends[0]) else " to ".join(metric.format(end, sign) for end in ends)


def _format_difference(difference: Difference, metric: Metric) -> str:
    return metric.format(difference["difference"], "+") + MARK * difference["exceeds"]
