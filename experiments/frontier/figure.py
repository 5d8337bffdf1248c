"""Curves of motion error over position error."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator, ScalarFormatter

from experiments.frontier.measured import CONSTANT, Measured, mean_and_spread
from jaxpose.visualization.comparison_figures import run_colours
from jaxpose.visualization.figures import fitting_title

STYLES = {"savgol": "-", "butterworth": "--", "one-euro": ":"}
"""The filters, and the style of their lines."""

DOTTED = (0, (1, 4))
"""Style of the line of the constant pose."""


def draw(measured: Sequence[Measured], labels: Sequence[str], title: str) -> Figure:
    """Draw MPJAE and MPJVE over P1: a row of two panels for each condition, a curve for each label and filter.

    Args:
      measured: the conditions, at least one.
      labels: of the runs, each with a colour.
      title: names the data.

    Returns:
      The figure.
    """
    colours = dict(zip(labels, run_colours(len(labels)), strict=True))
    figure = Figure(figsize=(11, 4.4 * len(measured) + 1), layout="constrained")
    figure.suptitle(fitting_title(title, figure), fontsize="small", parse_math=False)
    panels = figure.subplots(len(measured), 2, squeeze=False)
    for (left, right), of in zip(panels, measured, strict=True):
        for axes, key, unit in ((left, "mpjae", "mm/frame²"), (right, "mpjve", "mm/frame")):
            draw_panel(axes, of, key, colours)
            axes.set(xlabel="P1, mm", ylabel=f"{key.upper()}, {unit}")
        left.set_title(of.title, fontsize="small", loc="left", parse_math=False)
    used = {row.smoothing.smoother.name for of in measured for row in of.rows if row.smoothing}
    styles = {name: style for name, style in STYLES.items() if name in used}
    by_label = [Line2D([], [], color=colour, label=label.replace("$", r"\$")) for label, colour in colours.items()]
    by_style = [
        Line2D([], [], color="0.3", marker="*", markersize=11, linestyle="", label="not smoothed"),
        *(Line2D([], [], color="0.3", linestyle=style, marker=".", label=name) for name, style in styles.items()),
        Line2D([], [], color="0.5", linestyle=DOTTED, label=CONSTANT),
    ]
    for handles, side in ((by_label, "left"), (by_style, "right")):
        columns = min(len(handles), 4 if side == "left" else len(by_style))
        figure.legend(handles=handles, loc=f"outside lower {side}", ncols=columns, fontsize="small")
    return figure


def draw_panel(axes: Axes, measured: Measured, key: str, colours: Mapping[str, Any]) -> None:
    """Draw one metric over P1, the means over runs; the cut-offs in Hz stand at the ends of the curves."""
    curves: dict[tuple[str, str], list[tuple[float, float, float]]] = {}
    for row in measured.rows:
        x, y = (mean_and_spread(row.runs, metric)[0] for metric in ("mpjpe", key))
        if row.smoothing is None:
            axes.plot(x, y, "*", color=colours[row.label], markersize=13, zorder=3)
        else:
            name = row.smoothing.smoother.name
            curves.setdefault((row.label, name), []).append((x, y, row.smoothing.cutoff))
    for (label, name), points in curves.items():
        x, y, hertz = np.transpose(points)
        axes.plot(x, y, STYLES[name], color=colours[label], marker=".", linewidth=1.3)
        if name == "butterworth":  # beside savgol, whose cut-offs it has
            continue
        for end in {0, len(points) - 1}:
            axes.annotate(
                f"{hertz[end]:g} Hz",
                (x[end], y[end]),
                xytext=(4, 4),
                textcoords="offset points",
                fontsize=7,
                color=colours[label],
            )
    axes.axhline(measured.references[CONSTANT][key], color="0.5", linestyle=DOTTED, zorder=0)
    axes.set_yscale("log")  # a filter changes motion by factors
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.yaxis.set_minor_locator(NullLocator())
    axes.margins(0.1)
    axes.grid(alpha=0.3)
