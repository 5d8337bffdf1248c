"""How the figures of the paper look: lines by epoch and bars by action, of any number of runs."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxpose.visualization import figures

WIDEST = 100.0  # inches of a figure, whatever the number of actions


def colours(count: int) -> list[Any]:
    """A colour for each run: those of the project's figures while they suffice."""
    few = (figures.LEFT, figures.RIGHT, figures.PULL, "#b7950b", "#7d3c98")
    return list(few[:count] if count <= len(few) else matplotlib.colormaps["turbo"](np.linspace(0.05, 0.95, count)))


def curves(logs: Mapping[str, Sequence[Mapping[str, float]]], *, title: str) -> Figure:
    """Training loss and test error by epoch, one line a run; dotted, the position loss where constraints are added.

    Args:
      logs: the records of each run, by label.
      title: what the numbers are of; says so if the data are synthetic.

    Returns:
      The figure.
    """
    figure = Figure(figsize=(11, 5), layout="constrained")
    figure.suptitle(_folded(title, 150), fontsize="small")
    training, test = figure.subplots(1, 2, sharex=True)
    for (name, log), colour in zip(logs.items(), colours(len(logs)), strict=True):
        _line(training, log, "loss", color=colour, label=_plain(name))
        if any(record.get("position", record["loss"]) != record["loss"] for record in log):
            _line(training, log, "position", color=colour, linestyle=":", label=_plain(f"{name}: position loss alone"))
        _line(test, log, "test_mpjpe", color=colour, label=_plain(name), marker="o", markersize=3)
    for axes, heading in ((training, "training loss"), (test, "test MPJPE, all frames")):
        axes.set(title=heading, xlabel="epoch", ylabel="mm", yscale="log")
        for set_formatter in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
            set_formatter("{x:g}")  # plain millimetres, no powers of ten
        axes.grid(which="both", alpha=0.3)
    training.legend(fontsize="small")
    return figure


def _line(axes: Axes, log: Sequence[Mapping[str, float]], name: str, **style: Any) -> None:
    """What a log says of a length, in millimetres by epoch."""
    points = [(record["epoch"], 1000 * record[name]) for record in log if name in record]
    axes.plot(*np.reshape(points, (-1, 2)).T, **style)


def bars(
    rows: Mapping[str, Sequence[float]],
    groups: Sequence[str],
    measure: str,
    *,
    digits: int,
    shades: Sequence[Any],
    title: str,
    note: str,
) -> Figure:
    """The errors by action and on average: a bar for each row in every group; the averages are written out.

    Args:
      rows: an error for each group, by label; NaN where there is none.
      groups: the actions, then the average.
      measure: what is measured, and its unit.
      digits: of the averages, after the point.
      shades: the colour of each row.
      title: what the numbers are of; says so if the data are synthetic.
      note: what is to be said below.

    Returns:
      The figure.
    """
    figure = Figure(figsize=(min(max(7, 1.5 + 0.13 * len(groups) * (len(rows) + 1)), WIDEST), 5), layout="constrained")
    columns = int(15 * figure.get_figwidth())
    figure.suptitle(_folded(title, columns), fontsize="small")
    axes = figure.subplots()
    width, places = 0.84 / len(rows), np.arange(len(groups)) + np.r_[np.zeros(len(groups) - 1), 0.4]
    for index, ((name, values), shade) in enumerate(zip(rows.items(), shades, strict=True)):
        at = places + (index - (len(rows) - 1) / 2) * width
        axes.bar(at, values, width, color=shade, label=_plain(name))
        written = "–" if math.isnan(values[-1]) else f"{values[-1]:.{digits}f}"
        axes.annotate(written, (at[-1], np.nan_to_num(values[-1])), (0, 3), textcoords="offset points", rotation=90,
                      ha="center", va="bottom", fontsize="x-small")  # fmt: skip
    axes.axvline(places[-1] - 0.7, color="0.8", linewidth=1)
    axes.set_xticks(places, map(_plain, groups), rotation=45, ha="right", rotation_mode="anchor")
    axes.set(ylabel=measure, xlim=(-0.6, places[-1] + 0.6))
    axes.set_xlabel(_folded(note, columns), fontsize="x-small", color="0.4")
    axes.margins(y=0.12)
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    figure.legend(loc="outside lower center", ncols=min(len(rows), 3), fontsize="small")
    return figure


def _folded(text: str, columns: int) -> str:
    """Long text in lines."""
    return _plain(textwrap.fill(text, columns))


def _plain(text: str) -> str:
    """A dollar is a dollar, and begins no formula."""
    return text.replace("$", r"\$")
