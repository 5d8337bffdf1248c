"""One thing varied, all else drawn as usual: what errors depend on."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from experiments.anywhere.clips import Clip
from experiments.anywhere.lifting import lift_tracks
from experiments.anywhere.scores import means, measure, summarize
from experiments.anywhere.views import USUAL, Condition, see
from jaxpose.runs.trained import TrainedModel
from jaxpose.visualization.comparison_figures import run_colours
from jaxpose.visualization.figures import fitting_title


class Curve(NamedTuple):
    """A thing that is varied."""

    name: str  # in JSON
    label: str  # of the axis
    values: tuple[float, ...]
    condition: Callable[[float], Condition]
    trained: Callable[[], tuple[float, float]] | None = None  # the default range of the training, if it has one


def _ranged(field: str) -> Callable[[float], Condition]:
    """The condition in which a range of the augmentations is one value."""
    return lambda value: Condition(dataclasses.replace(USUAL.ranges, **{field: (value, value)}))


CURVES = (
    Curve(
        "noise",
        "noise of a keypoint, % of the person's size",
        (0, 0.5, 1, 2, 4),
        lambda value: _ranged("jitter")(value / 100),
        lambda: tuple(100 * value for value in USUAL.ranges.jitter),
    ),
    Curve("missing", "keypoints not seen, %", (0, 15, 30, 45, 60), lambda value: Condition(missing=value / 100)),
    Curve(
        "pitch",
        "the camera looks down by, degrees",
        (-20, 0, 20, 45, 75),
        _ranged("camera_pitch"),
        lambda: USUAL.ranges.camera_pitch,
    ),
    Curve(
        "distance",
        "distance of the camera, m",
        (1, 2, 4, 8, 16),
        _ranged("camera_distance"),
        lambda: USUAL.ranges.camera_distance,
    ),
    Curve("frame rate", "frames/s", (24, 30, 50, 60), lambda value: Condition(fps=value)),
)
"""What is varied. Noise is the standard deviation of the jitter, before its bursts."""


def measure_curve(
    curve: Curve, values: Sequence[float], clips: Sequence[Clip], runs: Mapping[str, TrainedModel]
) -> dict[str, list[dict[str, float]]]:
    """The scores of each run, by its label, at some values: the averages of the metrics by key."""
    scores: dict[str, list[dict[str, float]]] = {label: [] for label in runs}
    for value in values:
        tracks = see(clips, curve.condition(value))
        for label, run in runs.items():
            scores[label].append(means(summarize(measure(lift_tracks(run, tracks), tracks))))
    return scores


def draw(curves: Mapping[str, dict], title: str) -> Figure:
    """Draw P2 (solid) and P1 (dashed) of each run, a panel for each thing varied; the range of the training is shaded.

    Args:
      curves: by the name of a `Curve`, `values` and `runs`: the scores of each run by its label.
      title: names the data.

    Returns:
      The figure.
    """
    figure = Figure(figsize=(3.2 * len(curves), 4), layout="constrained")
    figure.suptitle(fitting_title(title, figure), fontsize="small", parse_math=False)
    panels = figure.subplots(1, len(curves), sharey=True, squeeze=False)[0]
    for axes, curve in zip(panels, (curve for curve in CURVES if curve.name in curves), strict=True):
        drawn = curves[curve.name]
        values, runs = np.asarray(drawn["values"], float), drawn["runs"]
        for (label, scores), colour in zip(runs.items(), run_colours(len(runs)), strict=True):
            for key, style in (("p_mpjpe", "o-"), ("mpjpe", "s--")):
                name = label.replace("$", r"\$") if key == "p_mpjpe" else None
                axes.plot(values, [score[key] for score in scores], style, color=colour, label=name, markersize=3)
        if curve.trained:
            low, high = curve.trained()
            margin = 0.04 * np.ptp(values) or 1
            axes.axvspan(max(low, values.min() - margin), min(high, values.max() + margin), color="0.93", zorder=0)
        axes.set(xlabel=curve.label, xticks=values)
        axes.xaxis.label.set_fontsize("small")
        axes.grid(alpha=0.3)
    panels[0].set_ylim(bottom=0)  # of all panels, once all is drawn
    panels[0].set_ylabel("mm; solid: P-MPJPE (P2), dashed: MPJPE (P1)")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 4), fontsize="small")
    return figure
