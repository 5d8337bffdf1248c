"""Figures of poses and runs, drawn without global state: every function takes or returns matplotlib objects."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxpose.skeleton import Skeleton

RIGHT, LEFT, MIDDLE = "#c0392b", "#2471a3", "#424949"


def draw_pose(axes: Axes, pose: np.ndarray, skeleton: Skeleton, *, linewidth: float = 2.0) -> None:
    """Draw the bones of one pose: right red, left blue, middle grey, and a disc for the head if there is one.

    Args:
      axes: a plane for (J, 2), a 3D plot for (J, 3); it keeps its limits and aspect.
      pose: (J, 2 or 3) positions.
      skeleton: the bones to draw.
      linewidth: of a bone, in points.
    """
    pose = np.asarray(pose)
    for parent, child in skeleton.bones:
        colour = RIGHT if child in skeleton.right else LEFT if child in skeleton.left else MIDDLE
        axes.plot(*pose[[parent, child]].T, color=colour, linewidth=linewidth, solid_capstyle="round")
        if skeleton.joints[child] == "head":
            axes.plot(*pose[[parent, child]].mean(axis=0)[:, None], "o", color=MIDDLE, markersize=4.5 * linewidth)


def project_view(positions: np.ndarray, azimuth: float, elevation: float) -> np.ndarray:
    """World positions (..., 3), z up, as a distant viewer sees them: (..., 3) of right, up and towards the viewer.

    Args:
      positions: metres.
      azimuth: degrees from +x to +y, where the viewer stands.
      elevation: degrees above the floor.

    Returns:
      (..., 3) metres.
    """
    a, e = np.deg2rad([azimuth, elevation])
    right = (-np.sin(a), np.cos(a), 0)
    up = (-np.cos(a) * np.sin(e), -np.sin(a) * np.sin(e), np.cos(e))
    near = (np.cos(a) * np.cos(e), np.sin(a) * np.cos(e), np.sin(e))
    return positions @ np.asarray([right, up, near]).T


def contact_sheet(
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
      title: what the sheet shows; says so if the data are synthetic.
      frames: evenly spaced ones to draw of each clip.
      azimuth: degrees from where the person faces in the first frame drawn to where the viewer stands.
      elevation: degrees that the viewer looks down.

    Returns:
      The figure; save it with `figure.savefig`.
    """
    spacing = 1.0
    columns = 2
    rows = -(-len(clips) // columns)
    figure = Figure(figsize=(frames * columns, 2.4 * rows + 0.4), layout="constrained")
    figure.suptitle(title)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, (name, clip) in zip(grid.flat, clips.items(), strict=False):
        shown = np.asarray(clip)[np.linspace(0, len(clip) - 1, frames).round().astype(int)]
        first = shown[0]
        left = first[skeleton.index("left_hip")] - first[skeleton.index("right_hip")]
        facing = np.rad2deg(np.arctan2(-left[0], left[1]))
        for place, pose in enumerate(shown):
            middle = pose[:, :2].mean(axis=0)
            seen = project_view(pose - [*middle, 0], facing + azimuth, elevation)
            draw_pose(axes, seen[:, :2] + [place * spacing, 0], skeleton)
        axes.axhline(0, color="0.8", linewidth=1, zorder=0)
        axes.set(title=name, xlim=(-0.6, frames * spacing - 0.4), ylim=(-0.15, 2.0), aspect="equal")
    return figure


def training_curves(records: Sequence[Mapping[str, float]], *, title: str) -> Figure:
    """The course of a run: training loss and test error by epoch, and the learning rate.

    Args:
      records: of the run's log, in order; some have a `test_mpjpe` (metres, over all test frames).
      title: what the numbers are of; says so if the data are synthetic.

    Returns:
      The figure; save it with `figure.savefig`.
    """
    figure = Figure(figsize=(8, 5), layout="constrained")
    figure.suptitle(title, fontsize="small", wrap=True)
    errors, rates = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    for name, label in (("loss", "training loss"), ("test_mpjpe", "test MPJPE, all frames")):
        points = [(record["epoch"], 1000 * record[name]) for record in records if name in record]
        errors.plot(*np.reshape(points, (-1, 2)).T, label=label)
    errors.set(ylabel="mm", yscale="log")
    for set_formatter in (errors.yaxis.set_major_formatter, errors.yaxis.set_minor_formatter):
        set_formatter("{x:g}")  # plain millimetres, no powers of ten
    errors.grid(which="both", alpha=0.3)
    errors.legend()
    rates.step([record["epoch"] for record in records], [record["learning_rate"] for record in records], where="pre")
    rates.set(xlabel="epoch", ylabel="learning rate")
    rates.grid(alpha=0.3)
    return figure
