"""Figures that compare any number of runs: training curves as lines, and errors by action as bars."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxpose.visualization.figures import GRADIENT, LEFT, RIGHT

WIDEST = 100.0  # inches of a figure, whatever the number of actions


def run_colours(count: int) -> list[Any]:
    """A colour for each of `count` runs: the project's few colours while they suffice."""
    few = (LEFT, RIGHT, GRADIENT, "#b7950b", "#7d3c98")
    return list(few[:count] if count <= len(few) else matplotlib.colormaps["turbo"](np.linspace(0.05, 0.95, count)))


def compare_curves(
    logs: Mapping[str, Sequence[Mapping[str, float]]], *, title: str, loss_in_metres: bool = True
) -> Figure:
    """Training loss and test error by epoch, a line for each run.

    The position loss of runs with constraints is a dotted line.

    Args:
      logs: the records of each run, by label.
      title: names the data, and that they are synthetic if they are.
      loss_in_metres: whether the losses are lengths, drawn in millimetres; else they are drawn without a unit.

    Returns:
      The figure.
    """
    scale, unit = (1000, "mm") if loss_in_metres else (1, "")
    figure = Figure(figsize=(11, 5), layout="constrained")
    figure.suptitle(_wrap(title, 150), fontsize="small")
    training, test = figure.subplots(1, 2, sharex=True)
    for (name, log), colour in zip(logs.items(), run_colours(len(logs)), strict=True):
        _line(training, log, "loss", scale, color=colour, label=_escape(name))
        if any(record.get("position", record["loss"]) != record["loss"] for record in log):
            label = _escape(f"{name}: position loss alone")
            _line(training, log, "position", scale, color=colour, linestyle=":", label=label)
        _line(test, log, "test_mpjpe", 1000, color=colour, label=_escape(name), marker="o", markersize=3)
    for axes, heading, label in ((training, "training loss", unit), (test, "test MPJPE, all frames", "mm")):
        axes.set(title=heading, xlabel="epoch", ylabel=label)
        if axes.lines:  # a run may have no test error yet
            axes.set_yscale("log")
            for set_formatter in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
                set_formatter("{x:g}")  # plain numbers, no powers of ten
        axes.grid(which="both", alpha=0.3)
    if training.lines:
        training.legend(fontsize="small")
    return figure


def _line(axes: Axes, log: Sequence[Mapping[str, float]], name: str, scale: float, **style: Any) -> None:
    """Draw a value in the records of a log, times `scale`, by epoch, if a record has it."""
    if points := [(record["epoch"], scale * record[name]) for record in log if name in record]:
        axes.plot(*np.transpose(points), **style)


def compare_bars(
    rows: Mapping[str, Sequence[float]],
    groups: Sequence[str],
    measure: str,
    *,
    digits: int,
    colours: Sequence[Any],
    title: str,
    note: str,
) -> Figure:
    """Errors by action and on average: a bar for each row in every group, with the averages as text.

    Args:
      rows: an error for each group, by label; NaN where there is none.
      groups: the actions, then the average.
      measure: the metric and its unit.
      digits: of the averages, after the decimal point.
      colours: of each row.
      title: names the data, and that they are synthetic if they are.
      note: text below the axes.

    Returns:
      The figure.
    """
    figure = Figure(figsize=(min(max(7, 1.5 + 0.13 * len(groups) * (len(rows) + 1)), WIDEST), 5), layout="constrained")
    columns = int(15 * figure.get_figwidth())
    figure.suptitle(_wrap(title, columns), fontsize="small")
    axes = figure.subplots()
    width, centres = 0.84 / len(rows), np.arange(len(groups)) + np.r_[np.zeros(len(groups) - 1), 0.4]
    for index, ((name, values), colour) in enumerate(zip(rows.items(), colours, strict=True)):
        positions = centres + (index - (len(rows) - 1) / 2) * width
        axes.bar(positions, values, width, color=colour, label=_escape(name))
        average = "–" if math.isnan(values[-1]) else f"{values[-1]:.{digits}f}"
        axes.annotate(average, (positions[-1], np.nan_to_num(values[-1])), (0, 3), textcoords="offset points",
                      rotation=90, ha="center", va="bottom", fontsize="x-small")  # fmt: skip
    axes.axvline(centres[-1] - 0.7, color="0.8", linewidth=1)
    axes.set_xticks(centres, map(_escape, groups), rotation=45, ha="right", rotation_mode="anchor")
    axes.set(ylabel=measure, xlim=(-0.6, centres[-1] + 0.6))
    axes.set_xlabel(_wrap(note, columns), fontsize="x-small", color="0.4")
    axes.margins(y=0.12)
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    figure.legend(loc="outside lower center", ncols=min(len(rows), 3), fontsize="small")
    return figure


def _wrap(text: str, columns: int) -> str:
    """Break long text into lines."""
    return _escape(textwrap.fill(text, columns))


def _escape(text: str) -> str:
    """Escape dollars, which would begin a formula."""
    return text.replace("$", r"\$")
