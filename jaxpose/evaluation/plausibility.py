"""Anatomical plausibility of predicted motion: bone lengths, symmetry and ranges of motion, beside the ground truth."""

from collections.abc import Sequence
from typing import NamedTuple

from jaxpose.data.track import title_with_notice
from jaxpose.evaluation.averages import average
from jaxpose.evaluation.compare import EvaluatedRun, EvaluationSetting, title_of_split
from jaxpose.evaluation.track_errors import ground_truth
from jaxpose.runtime.tables import Table


class Statistic(NamedTuple):
    """Heading and unit of one of `track_errors.BODY_STATISTICS` in reports."""

    heading: str
    unit: str
    scale: float  # from the statistic to the unit


PLAUSIBILITY = {
    "bone_length_std": Statistic("bone-length SD", "mm", 1),
    "symmetry_error": Statistic("left/right difference", "mm", 1),
    "rom_violation_rate": Statistic("outside the range of motion", "% of frames", 100),
}
PLAUSIBILITY_NOTE = (
    "Bone-length SD: the standard deviation over time of a bone's length within a track. Left/right difference: "
    "the absolute difference in length of a left limb and its right counterpart. Outside the range of motion: the "
    "share of frames in which an angle exceeds its limits. Each is averaged over tracks as the errors are, then over "
    "bones, pairs or angles. Ground truth: the same of the motion capture."
)


def plausibility(run: EvaluatedRun, setting: EvaluationSetting) -> dict[str, dict[str, float]]:
    """Means over bones, pairs and angles, in the units of `PLAUSIBILITY`, of the statistics that the skeleton has.

    Returns:
      By name of the statistic, then "predicted" and "ground_truth".
    """
    result = {}
    for name, statistic in PLAUSIBILITY.items():
        predicted, truth = (
            average(run.errors, measured, over=setting.protocol.average) for measured in (name, ground_truth(name))
        )
        if predicted.size:
            means = statistic.scale * predicted.mean(), statistic.scale * truth.mean()
            result[name] = dict(zip(("predicted", "ground_truth"), map(float, means), strict=True))
    return result


def constraints_table(runs: Sequence[EvaluatedRun], setting: EvaluationSetting) -> Table:
    """The plausibility of several runs, a column each, and of the ground truth."""
    by_run = {run.name: plausibility(run, setting) for run in runs}
    first = by_run[runs[0].name]
    rows = [
        (
            f"{PLAUSIBILITY[name].heading}, {PLAUSIBILITY[name].unit}",
            *(f"{values[name]['predicted']:.1f}" for values in by_run.values()),
            f"{first[name]['ground_truth']:.1f}",
        )
        for name in first
    ]
    title = f"Constraints: {title_with_notice(setting.description)}, {title_of_split(setting)}"
    return Table(title, ("", *by_run, "ground truth"), rows, (PLAUSIBILITY_NOTE,))


def angles_table(run: EvaluatedRun, setting: EvaluationSetting) -> Table:
    """The share of frames in which each angle is outside its range of motion."""
    skeleton, name = setting.description.skeleton, "rom_violation_rate"
    predicted, truth = (
        100 * average(run.errors, measured, over=setting.protocol.average) for measured in (name, ground_truth(name))
    )
    rows = [
        (
            angle.name,
            skeleton.joints[angle.joints[1]],
            "{:g} to {:g}".format(*angle.range_deg),
            f"{predicted[index]:.1f}",
            f"{truth[index]:.1f}",
        )
        for index, angle in enumerate(skeleton.angles)
    ]
    head = ("angle", "at the joint", "range, °", "frames outside, %", "ground truth")
    title = f"{run.name}, range of motion: {title_with_notice(setting.description)}, {title_of_split(setting)}"
    return Table(title, head, rows, text_columns=(0, 1))
