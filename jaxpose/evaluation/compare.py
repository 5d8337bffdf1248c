"""Runs beside each other: how sure an average is, how two runs differ, and what the seeds of equal settings say."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxpose.data.track import Description
from jaxpose.evaluation import bootstrap, results_file
from jaxpose.evaluation.averages import average, summarize
from jaxpose.evaluation.protocol import Protocol, describe_protocol
from jaxpose.evaluation.track_errors import METRICS, TrackErrors
from jaxpose.runtime.tables import Table
from jaxpose.training.config import Config

MARK = "*"
COMPARED_NOTE = (
    f"Below each run but the first its difference from the first, with the interval of the difference. {MARK}: the "
    "interval excludes zero, the difference exceeds the spread of tracks."
)
SEEDS_NOTE = (
    f"Runs whose settings differ only in the seed: mean ± standard deviation of one run. {MARK}: the means differ from "
    "the first line's by more than the spread of seeds explains (Welch's t-test, 5 %)."
)


class Setting(NamedTuple):
    """What is evaluated, and how; the same for all runs that are compared."""

    description: Description
    split: str
    protocol: Protocol
    incomparable: str  # why published rows do not stand beside; empty if they may


class Evaluated(NamedTuple):
    """A run and what was measured of it."""

    name: str
    config: Config
    measures: TrackErrors


def intervals(measures: TrackErrors, protocol: Protocol) -> dict[str, tuple[float, float]]:
    """The interval of each metric's average."""
    counts = bootstrap.draws(measures.actions)
    return {
        metric: bootstrap.interval(bootstrap.distribution(measures, metric, counts, over=protocol.average))
        for metric in METRICS
    }


def differences(run: Evaluated, first: Evaluated, protocol: Protocol) -> dict[str, dict[str, Any]]:
    """By metric: the difference of the averages, its interval, and whether that excludes zero."""
    counts, found = bootstrap.draws(run.measures.actions), {}
    for metric in METRICS:
        here, there = (float(average(one.measures, metric, over=protocol.average)) for one in (run, first))
        spread = [bootstrap.distribution(one.measures, metric, counts, over=protocol.average) for one in (run, first)]
        low, high = bootstrap.interval(spread[0] - spread[1])
        found[metric] = {"difference": here - there, "interval": [low, high], "exceeds": bool(low > 0 or high < 0)}
    return found


def comparison(runs: Sequence[Evaluated], where: Setting) -> Table:
    """The averages of several runs, and their differences from the first."""
    rows = []
    for run in runs:
        rows.append((run.name, *results_file.cells(summarize(run.measures, where.protocol)["average"]).values()))
        if run is not runs[0]:
            found = differences(run, runs[0], where.protocol)
            rows.append(("  difference", *(_difference(found[metric], metric) for metric in METRICS)))
            rows.append(("  its interval", *(in_range(found[metric]["interval"], metric, "+") for metric in METRICS)))
    names = [place for place, row in enumerate(rows) if not row[0].startswith(" ")]
    title = f"Comparison: {results_file.caption(where.description, where.split)}"
    notes = (COMPARED_NOTE, bootstrap.NOTE, describe_protocol(where.protocol))
    return Table(title, ("run", *results_file.HEADINGS.values()), rows, notes, strong=tuple(names))


def seeds(runs: Sequence[Evaluated], where: Setting) -> Table | None:
    """Means over the seeds of equal settings; None if no two runs have the same."""
    groups: list[list[Evaluated]] = []
    for run in runs:
        same = [group for group in groups if _but_for_the_seed(group[0].config) == _but_for_the_seed(run.config)]
        same[0].append(run) if same else groups.append([run])
    if all(len(group) == 1 for group in groups):
        return None
    from scipy import stats  # takes a second, for which nobody else should wait

    values = [
        {m: [float(average(run.measures, m, over=where.protocol.average)) for run in group] for m in METRICS}
        for group in groups
    ]
    rows = []
    for group, of in zip(groups, values, strict=True):
        cells = []
        for metric in METRICS:
            spread = f" ± {results_file.number(float(np.std(of[metric], ddof=1)), metric)}" if len(group) > 1 else ""
            spreads = [np.ptp(those[metric]) for those in (of, values[0])]  # none of a single seed
            differ = min(spreads) > 0 and stats.ttest_ind(of[metric], values[0][metric], equal_var=False).pvalue < 0.05
            cells.append(results_file.number(float(np.mean(of[metric])), metric) + spread + MARK * bool(differ))
        rows.append((", ".join(run.name for run in group), *cells))
    title = f"Seeds: {results_file.caption(where.description, where.split)}"
    return Table(title, ("runs", *results_file.HEADINGS.values()), rows, (SEEDS_NOTE,))


def in_range(ends: Sequence[float], metric: str, sign: str = "") -> str:
    """An interval of a metric as text; with `sign` "+" one of differences."""
    return "–" if math.isnan(ends[0]) else " to ".join(results_file.number(end, metric, sign) for end in ends)


def _difference(found: Mapping[str, Any], metric: str) -> str:
    return results_file.number(found["difference"], metric, "+") + MARK * found["exceeds"]


def _but_for_the_seed(config: Config) -> Config:
    return dataclasses.replace(config, seed=0)
