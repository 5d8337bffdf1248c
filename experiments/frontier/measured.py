"""What runs score, plain and behind filters, beside poses that take no lifter; and the table of it."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from experiments.frontier.detectors import DETECTORS, PREPARED, Condition
from jaxpose.data.smoothing import SMOOTHERS, Smoothing, smooth_tracks
from jaxpose.data.track import Track
from jaxpose.data.windows import pack
from jaxpose.evaluation.averages import score
from jaxpose.evaluation.metric_records import METRICS, choose_metrics, describe_units
from jaxpose.evaluation.protocol import VIDEOPOSE3D, describe_protocol
from jaxpose.runs.trained import TrainedModel
from jaxpose.runtime import tables
from jaxpose.runtime.progress import working

Scores = Mapping[str, float]
"""The metrics of `KEYS` by key, in mm, mm/frame and mm/frame²."""

KEYS = ("mpjpe", "p_mpjpe", "mpjve", "mpjae")

HEADINGS = ("P1", "P2", "MPJVE", "MPJAE")

CONSTANT = "constant pose"

TRUE_CUTOFFS = (3.6, 6.0, 10.0)
"""Hz, of the Butterworth filter that smooths the true poses."""


class Row(NamedTuple):
    """The scores of the runs of a label behind one filter, or without any."""

    label: str
    smoothing: Smoothing | None
    runs: list[Scores]  # of each run


class Measured(NamedTuple):
    """What was measured in one condition."""

    condition: Condition
    title: str
    references: dict[str, Scores]  # by name: the constant pose, and the true poses smoothed
    rows: list[Row]  # label by label, the plain one first


def filters_for(lifters: Sequence[TrainedModel], smoothings: Sequence[Smoothing]) -> list[Smoothing]:
    """The filters that count for the runs of a label: causal ones alone if one of the runs is causal."""
    causal = any(getattr(lifter.config.model, "causal", False) for lifter in lifters)
    return [smoothing for smoothing in smoothings if smoothing.smoother.causal or not causal]


def measure(
    condition: Condition,
    tracks: Sequence[Track],
    runs: Mapping[str, Sequence[TrainedModel]],
    smoothings: Sequence[Smoothing],
) -> Measured:
    """Score every run, plain and behind every filter, and what they are compared with.

    Args:
      condition: for the title.
      tracks: as the condition has them, at least one.
      runs: by label.
      smoothings: the filters with their cut-offs.
    """
    frames = pack(tracks)
    targets, rates = np.asarray(frames.poses), {track.fps for track in tracks}

    def scored(poses: np.ndarray) -> Scores:
        return score(poses, targets, tracks, metrics=choose_metrics(KEYS))["average"]

    rows = []
    for label, lifters in runs.items():
        with working(f"{condition.detector} keypoints, {label}"):
            lifted = [lifter.lift(frames) for lifter in lifters]
            rows.append(Row(label, None, list(map(scored, lifted))))
            for smoothing in filters_for(lifters, smoothings):
                smooth = (smooth_tracks(poses, tracks, smoothing) for poses in lifted)
                rows.append(Row(label, smoothing, list(map(scored, smooth))))
    prepared = condition.detector == PREPARED
    keypoints = "keypoints as prepared" if prepared else f"true keypoints with {DETECTORS[condition.detector].words}"
    rate = f"{rates.pop():g} frames/s" if len(rates) == 1 else "frame rates differ"
    references = {name: scored(poses) for name, poses in reference_poses(targets, tracks).items()}
    return Measured(condition, f"{keypoints}, {rate}", references, rows)


def reference_poses(targets: np.ndarray, tracks: Sequence[Track]) -> dict[str, np.ndarray]:
    """Poses that take no lifter, by name: the mean of all true poses in every frame, and the true poses smoothed.

    Args:
      targets: (F, J, 3) metres, the tracks end to end.
      tracks: say how long each is.

    Returns:
      (F, J, 3) each.
    """
    smoothings = [Smoothing(SMOOTHERS["butterworth"], hertz) for hertz in TRUE_CUTOFFS]
    mean = targets.mean(axis=0, dtype=np.float64).astype(targets.dtype)
    return {
        CONSTANT: np.broadcast_to(mean, targets.shape),
        **{f"true poses, {smoothing}": smooth_tracks(targets, tracks, smoothing) for smoothing in smoothings},
    }


def mean_and_spread(runs: Sequence[Scores], key: str) -> tuple[float, float]:
    """Mean and sample standard deviation of a metric over runs; the deviation of a single run is NaN."""
    values = [scores[key] for scores in runs]
    return statistics.mean(values), statistics.stdev(values) if len(values) > 1 else math.nan


def best_rows(rows: Sequence[Row]) -> list[Row]:
    """Of each label, the plain row, and for each filter that with the least MPJVE, in the order of the rows."""
    best: dict[tuple[str, str | None], Row] = {}
    for row in rows:
        key = (row.label, row.smoothing and row.smoothing.smoother.name)
        if key not in best or mean_and_spread(row.runs, "mpjve")[0] < mean_and_spread(best[key].runs, "mpjve")[0]:
            best[key] = row
    return list(best.values())


def table(measured: Measured, data: str) -> tables.Table:
    """The table of one condition; `data` names the data in its title."""
    lines, rules, labels = [], [], []
    for row in best_rows(measured.rows):
        if row.label not in labels:
            rules.append(len(lines))
            labels.append(row.label)
        lines.append([f"{row.label}, {row.smoothing}" if row.smoothing else row.label, *map(cell(row.runs), KEYS)])
    rules.append(len(lines))
    lines += [[name, *map(cell([scores]), KEYS)] for name, scores in measured.references.items()]
    notes = (
        f"{describe_units(choose_metrics(KEYS))}. Each filter at the cut-off, of those tried, with the least MPJVE. "
        "± is the sample standard deviation over runs.",
        describe_protocol(VIDEOPOSE3D),
    )
    return tables.Table(f"{data}; {measured.title}", ("", *HEADINGS), lines, notes, rules)


def cell(runs: Sequence[Scores]) -> Any:
    """The function from the key of a metric to the text of its mean over runs, and spread if there are several."""

    def text(key: str) -> str:
        mean, spread = (METRICS[key].format(value) for value in mean_and_spread(runs, key))
        return f"{mean} ± {spread}" if len(runs) > 1 else mean

    return text


def as_json(measured: Measured) -> dict[str, Any]:
    """All numbers of a condition; a filter and a cut-off of None are no smoothing."""
    rows = [
        {
            "label": row.label,
            "filter": row.smoothing and row.smoothing.smoother.name,
            "cutoff": row.smoothing and row.smoothing.cutoff,
            "runs": row.runs,
        }
        for row in measured.rows
    ]
    return {**measured.condition._asdict(), "title": measured.title, "references": measured.references, "rows": rows}
