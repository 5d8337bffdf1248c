"""Figures of poses and runs; every function takes or returns matplotlib objects, and none uses pyplot's state."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from jaxpose.skeleton import Skeleton

RIGHT, LEFT, MIDDLE = "#c0392b", "#2471a3", "#424949"
GRADIENT, REFERENCE = "#1e8449", "0.82"  # arrows and paths; the pose to compare with
_LETTERS_PER_INCH = 14  # of the font size "small"


def side_colour(skeleton: Skeleton, joint: int) -> str:
    """The colour of a joint and of the bone that ends there: right red, left blue, middle grey."""
    return RIGHT if joint in skeleton.right else LEFT if joint in skeleton.left else MIDDLE


def bone_colours(skeleton: Skeleton) -> list[str]:
    """The colour of each of `skeleton.bones`: that of the joint at its end; links, such as both hips, are grey."""
    return [side_colour(skeleton, child) for _, child in skeleton.tree_bones] + [MIDDLE] * len(skeleton.links)


def draw_pose(axes: Axes, pose: np.ndarray, skeleton: Skeleton, *, linewidth: float = 2.0) -> None:
    """Draw the bones of one pose: right red, left blue, middle grey, and a disc for the head if there is one.

    Args:
      axes: a plane for (J, 2), a 3D plot for (J, 3); it keeps its limits and aspect.
      pose: (J, 2 or 3) positions.
      skeleton: the bones to draw.
      linewidth: of a bone, in points.
    """
    pose = np.asarray(pose)
    for (parent, child), colour in zip(skeleton.bones, bone_colours(skeleton), strict=True):
        axes.plot(*pose[[parent, child]].T, color=colour, linewidth=linewidth, solid_capstyle="round")
        if skeleton.joints[child] == "head":
            axes.plot(*pose[[parent, child]].mean(axis=0)[:, None], "o", color=MIDDLE, markersize=4.5 * linewidth)


def draw_reference(axes: Axes, pose: np.ndarray, skeleton: Skeleton) -> None:
    """Draw the bones of a pose (J, 2) to compare with in grey."""
    for bone in skeleton.bones:
        axes.plot(*pose[list(bone)].T, color=REFERENCE, linewidth=3, solid_capstyle="round", zorder=0)


def project_view(positions: np.ndarray, azimuth: float, elevation: float) -> np.ndarray:
    """Project world positions (..., 3), z up, orthographically: (..., 3) of right, up and towards the viewer.

    Args:
      positions: metres.
      azimuth: of the viewer, degrees from +x to +y.
      elevation: of the viewer, degrees above the floor.

    Returns:
      (..., 3) metres.
    """
    a, e = np.deg2rad([azimuth, elevation])
    right = (-np.sin(a), np.cos(a), 0)
    up = (-np.cos(a) * np.sin(e), -np.sin(a) * np.sin(e), np.cos(e))
    near = (np.cos(a) * np.cos(e), np.sin(a) * np.cos(e), np.sin(e))
    return positions @ np.asarray([right, up, near]).T


def fitting_title(title: str, figure: Figure) -> str:
    """Break a title into lines that fit into a figure's width in small letters; what needs more than five is left out.

    Matplotlib's own wrapping leaves no room for the lines above the axes.
    """
    letters = int(figure.get_figwidth() * _LETTERS_PER_INCH)
    return textwrap.fill(title, letters, max_lines=5, placeholder=" …")


def clips_contact_sheet(
    clips: Mapping[str, np.ndarray],
    skeleton: Skeleton,
    *,
    title: str,
    frames: int = 8,
    azimuth: float = 35.0,
    elevation: float = 12.0,
) -> Figure:
    """A row of frames for every clip, over the floor.

    Args:
      clips: name to (T, J, 3) world positions in metres, z up, floor at 0.
      skeleton: of the poses.
      title: names the data, and that they are synthetic if they are.
      frames: number of evenly spaced frames to draw of each clip.
      azimuth: degrees from the direction that the person faces in the first frame to the viewer.
      elevation: of the viewer, degrees above the floor.

    Returns:
      The figure; save it with `figure.savefig`.
    """
    spacing = 1.0
    columns = 2
    rows = -(-len(clips) // columns)
    figure = Figure(figsize=(frames * columns, 2.4 * rows + 0.4), layout="constrained")
    figure.suptitle(title, parse_math=False)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, (name, clip) in zip(grid.flat, clips.items(), strict=False):
        shown = np.asarray(clip)[np.linspace(0, len(clip) - 1, frames).round().astype(int)]
        first = shown[0]
        left = first[skeleton.index("left_hip")] - first[skeleton.index("right_hip")]
        facing = np.rad2deg(np.arctan2(-left[0], left[1]))
        for column, pose in enumerate(shown):
            middle = pose[:, :2].mean(axis=0)
            seen = project_view(pose - [*middle, 0], facing + azimuth, elevation)
            draw_pose(axes, seen[:, :2] + [column * spacing, 0], skeleton)
        axes.axhline(0, color="0.8", linewidth=1, zorder=0)
        axes.set_title(name, parse_math=False)
        axes.set(xlim=(-0.6, frames * spacing - 0.4), ylim=(-0.15, 2.0), aspect="equal")
    return figure


DRAWN = ("epoch", "loss", "position", "learning_rate", "test_mpjpe", "validation_mpjpe")
"""The numbers of a log for which `training_curves` has a place."""


def training_curves(
    records: Sequence[Mapping[str, float]], *, title: str, loss_in_metres: bool = True, terms: Sequence[str] = ()
) -> Figure:
    """Training loss, errors, further terms and learning rate of a run by epoch.

    Args:
      records: of the run's log, in order; those with `epoch`, `loss` and `learning_rate` are drawn, and their
        `test_mpjpe` and `validation_mpjpe` (metres, over all frames) if they have them; `position`, if it is not the
        whole loss.
      title: names the data, and that they are synthetic if they are.
      loss_in_metres: whether the loss is a length, drawn in millimetres beside the errors; else it has an axis of its
        own, without a unit.
      terms: further numbers of the log, such as those of constraints, drawn without their weights and in their own
        units.

    Returns:
      The figure; save it with `figure.savefig`.
    """
    records = [record for record in records if {"epoch", "loss", "learning_rate"} <= record.keys()]
    terms = [term for term in terms if any(term in record for record in records)]
    heights = (4, 2, 1) if terms else (4, 1)
    figure = Figure(figsize=(8, 5 + 2 * bool(terms)), layout="constrained")
    figure.suptitle(fitting_title(title, figure), fontsize="small", parse_math=False)
    panels = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    errors, rates = panels[0], panels[-1]
    losses, scale = (errors, 1000) if loss_in_metres else (errors.twinx(), 1)
    lines = _draw_records(losses, records, {"loss": ("training loss", scale, "C0")})
    if any(record.get("position", record["loss"]) != record["loss"] for record in records):
        lines += _draw_records(losses, records, {"position": ("position loss alone", scale, "C0")}, linestyle=":")
    lines += _draw_records(
        errors,
        records,
        {
            "test_mpjpe": ("test MPJPE, all frames", 1000, "C1"),
            "validation_mpjpe": ("validation MPJPE, all frames", 1000, "C2"),
        },
    )
    for axes, label in {losses: "training loss", errors: "mm"}.items():
        _make_logarithmic(axes, label)
    errors.grid(which="both", alpha=0.3)
    if lines:  # a run that has just begun has no record
        errors.legend(handles=lines, fontsize="small")
    if terms:
        _draw_records(panels[1], records, {term: (term, 1, f"C{3 + index}") for index, term in enumerate(terms)})
        _make_logarithmic(panels[1], "terms, unweighted")
        panels[1].grid(which="both", alpha=0.3)
        panels[1].legend(fontsize="small")
    _draw_records(rates, records, {"learning_rate": ("learning rate", 1, "C0")}, drawstyle="steps-pre")
    rates.set(xlabel="epoch", ylabel="learning rate")
    rates.grid(alpha=0.3)
    return figure


def _draw_records(
    axes: Axes, records: Sequence[Mapping[str, float]], curves: Mapping[str, tuple[str, float, str]], **style: Any
) -> list[Line2D]:
    """Draw numbers of records by epoch, by name: a label, a factor and a colour; those that no record has are skipped.

    Returns:
      The lines, for a legend.
    """
    lines = []
    for name, (label, factor, colour) in curves.items():
        if points := [(record["epoch"], factor * record[name]) for record in records if name in record]:
            marker = "." if len(points) == 1 else ""  # one point has no line
            lines += axes.plot(*np.transpose(points), colour, label=label, marker=marker, **style)
    return lines


def _make_logarithmic(axes: Axes, label: str) -> None:
    """A logarithmic axis of plain numbers, without powers of ten; linear around zero if some are zero or below."""
    axes.set(ylabel=label, yscale="log")
    values = np.concatenate([np.ravel(line.get_ydata()) for line in axes.lines] or [np.ones(1)])
    if values.min() <= 0:
        axes.set_yscale("symlog", linthresh=np.abs(values[values != 0]).min(initial=1))
    for set_formatter in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        set_formatter("{x:g}")


def joint_error_figure(pose: np.ndarray, errors: np.ndarray, skeleton: Skeleton, *, title: str) -> Figure:
    """Error by joint, as discs on a skeleton, whose area and colour grow with the error, and as bars.

    Args:
      pose: (J, 3) metres, z up, facing -y, to draw the errors on.
      errors: (J,) mm.
      skeleton: of both.
      title: names the data, and that they are synthetic if they are.

    Returns:
      The figure.
    """
    figure = Figure(figsize=(9.5, 0.31 * skeleton.num_joints + 1), layout="constrained")
    figure.suptitle(fitting_title(title, figure), fontsize="small", parse_math=False)
    body, bars = figure.subplots(1, 2, width_ratios=(3, 4))
    shade = colormaps["YlOrRd"](0.1 + 0.55 * errors / errors.max())
    seen = pose[:, [0, 2]]
    draw_reference(body, seen, skeleton)
    body.scatter(*seen.T, s=100 + 500 * errors / errors.max(), c=shade, edgecolors="0.3", linewidths=0.8, zorder=2)
    for position, error in zip(seen, errors, strict=True):
        body.annotate(f"{error:.0f}", position, ha="center", va="center", fontsize=7, zorder=3)
    body.set(aspect="equal", title="from the front, mm")
    body.margins(0.2, 0.05)
    body.set_axis_off()
    drawn = bars.barh(range(skeleton.num_joints), errors, color=shade, edgecolor="0.3", linewidth=0.8)
    bars.bar_label(drawn, fmt="%.1f", padding=3, fontsize="small")
    bars.set_yticks(range(skeleton.num_joints), skeleton.joints, fontsize="small")
    bars.axvline(errors.mean(), color="0.3", linewidth=1, linestyle=":")
    bars.set(xlabel=f"error, mm; dotted: the mean, {errors.mean():.1f}", xlim=(0, 1.12 * errors.max()))
    bars.invert_yaxis()
    bars.spines[["top", "right"]].set_visible(False)
    return figure
