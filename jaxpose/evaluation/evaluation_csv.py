"""All numbers of an evaluation as tidy CSV: one number a row, unrounded, with everything that says what it is."""

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from jaxpose.evaluation.metric_records import Metric
from jaxpose.evaluation.plausibility import PLAUSIBILITY

GROUND_TRUTH = "ground truth"
"""The run of rows that are measured of the ground truth."""


class Row(NamedTuple):
    """One number of an evaluation."""

    run: str
    group: str  # all, action, subject, camera, joint, bone, pair, angle; or difference
    name: str  # of the action, subject and so on; for a difference, the run that is subtracted
    metric: str
    value: float
    low: float | None  # the ends of the 95 % bootstrap confidence interval, if there is one
    high: float | None
    unit: str
    trained_on: str = ""  # subjects of the split that the run was trained on, joined by +


def evaluation_csv(evaluation: Mapping[str, Any], metrics: Sequence[Metric]) -> str:
    """CSV (RFC 4180) with the columns of `Row`; a number that is not defined is an empty cell.

    Args:
      evaluation: from `evaluation_json.evaluation_as_dict`.
      metrics: that it has.
    """
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(Row._fields)
    trained_on = {run: "+".join(scores["trained_on"]) for run, scores in evaluation["runs"].items()}
    for row in tidy_rows(evaluation, metrics):
        row = row._replace(trained_on=trained_on.get(row.run, ""))
        writer.writerow("" if isinstance(cell, float) and math.isnan(cell) else cell for cell in row)
    return file.getvalue()


def tidy_rows(evaluation: Mapping[str, Any], metrics: Sequence[Metric]) -> Iterator[Row]:
    """The numbers of an evaluation, without `trained_on`; arguments as of `evaluation_csv`."""
    units = {metric.key: metric.unit for metric in metrics}
    for number, (run, scores) in enumerate(evaluation["runs"].items()):
        yield Row(run, "all", "average", "frames", scores["frames"], None, None, "frames")
        for key, value in scores["average"].items():
            yield Row(run, "all", "average", key, value, *scores["intervals"][key], units[key])
        for group in ("action", "subject", "camera"):
            for name, values in scores[f"{group}s"].items():
                for key, value in values.items():
                    yield Row(run, group, name, key, value, None, None, units[key])
        for key, by_joint in scores["joints"].items():
            for joint, value in by_joint.items():
                yield Row(run, "joint", joint, key, value, None, None, units[key])
        for group, name, statistic, values in _body_statistics(scores):
            unit = PLAUSIBILITY[statistic].unit
            yield Row(run, group, name, statistic, values["predicted"], None, None, unit)
            if number == 0:  # the ground truth is that of all runs
                yield Row(GROUND_TRUTH, group, name, statistic, values["ground_truth"], None, None, unit)
    for run, by_key in evaluation.get("differences", {}).items():
        for key, found in by_key.items():
            first = evaluation["differences_from"]
            yield Row(run, "difference", first, key, found["difference"], *found["interval"], units[key])


def _body_statistics(scores: Mapping[str, Any]) -> Iterator[tuple[str, str, str, Mapping[str, float]]]:
    """Group, name, statistic, and the statistic of the predictions and the ground truth in its unit, of one run."""
    for statistic, values in scores["constraints"].items():
        yield "all", "average", statistic, values
    parts = (
        ("bone", "bones", "bone_length_std"),
        ("pair", "pairs", "symmetry_error"),
        ("angle", "angles", "rom_violation_rate"),
    )
    for group, field, statistic in parts:
        scale = PLAUSIBILITY[statistic].scale
        for name, values in scores[field].items():
            yield group, name, statistic, {key: scale * value for key, value in values.items()}
