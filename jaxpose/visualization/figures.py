"""Figures of poses and runs, drawn without global state: every function takes or returns matplotlib objects."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from jaxpose.skeleton import Skeleton

RIGHT, LEFT, MIDDLE = "#c0392b", "#2471a3", "#424949"
PULL, GHOST = "#1e8449", "0.82"

_LONGEST_ARROW = 0.25  # metres, as drawn


def side_colour(skeleton: Skeleton, joint: int) -> str:
    """The colour of a joint and of the bone that ends there: right red, left blue, middle grey."""
    return RIGHT if joint in skeleton.right else LEFT if joint in skeleton.left else MIDDLE


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
        axes.plot(
            *pose[[parent, child]].T, color=side_colour(skeleton, child), linewidth=linewidth, solid_capstyle="round"
        )
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
    figure.suptitle(title, parse_math=False)
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
        axes.set_title(name, parse_math=False)
        axes.set(xlim=(-0.6, frames * spacing - 0.4), ylim=(-0.15, 2.0), aspect="equal")
    return figure


def training_curves(records: Sequence[Mapping[str, float]], *, title: str) -> Figure:
    """The course of a run: training loss and test error by epoch, and the learning rate.

    Args:
      records: of the run's log, in order, with `epoch`, `loss` and `learning_rate`, others are not drawn; some have a
        `test_mpjpe` (metres, over all test frames).
      title: what the numbers are of; says so if the data are synthetic.

    Returns:
      The figure; save it with `figure.savefig`.
    """
    records = [record for record in records if {"epoch", "loss", "learning_rate"} <= record.keys()]
    figure = Figure(figsize=(8, 5), layout="constrained")
    figure.suptitle(title, fontsize="small", wrap=True, parse_math=False)
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


def joint_errors(pose: np.ndarray, errors: np.ndarray, skeleton: Skeleton, *, title: str) -> Figure:
    """Error by joint, on a skeleton and as bars: area and colour of a disc grow with the error.

    Args:
      pose: (J, 3) metres, z up, facing -y, to draw the errors on.
      errors: (J,) mm.
      skeleton: of both.
      title: what the numbers are of; says so if the data are synthetic.

    Returns:
      The figure.
    """
    figure = Figure(figsize=(9.5, 0.31 * skeleton.num_joints + 1), layout="constrained")
    figure.suptitle(title, fontsize="small", wrap=True)
    body, bars = figure.subplots(1, 2, width_ratios=(3, 4))
    shade = colormaps["YlOrRd"](0.1 + 0.55 * errors / errors.max())
    seen = pose[:, [0, 2]]
    _draw_ghost(body, seen, skeleton)
    body.scatter(*seen.T, s=100 + 500 * errors / errors.max(), c=shade, edgecolors="0.3", linewidths=0.8, zorder=2)
    for place, error in zip(seen, errors, strict=True):
        body.annotate(f"{error:.0f}", place, ha="center", va="center", fontsize=7, zorder=3)
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


def pulls(
    pose: np.ndarray, target: np.ndarray, gradients: Mapping[str, np.ndarray], skeleton: Skeleton, *, title: str
) -> Figure:
    """Where each term of the loss pulls one pose: arrows against its gradient, from two sides; the target in grey.

    Args:
      pose: (J, 3) metres, camera space.
      target: (J, 3) metres.
      gradients: by term, (J, 3) metres of loss a metre.
      skeleton: of both.
      title: what is shown; says so if the data are synthetic.

    Returns:
      The figure. Every panel has its own scale: its heading says how strong its longest arrow is.
    """
    figure, panels = _panels(len(gradients), title)
    for axes, (name, gradient) in zip(panels, gradients.items(), strict=True):
        strongest = float(np.sqrt(np.sum(np.square(gradient), axis=-1)).max())
        tips = pose - np.asarray(gradient) * (_LONGEST_ARROW / strongest if strongest else 0)
        for label, (seen, true, ends) in _views(np.stack([pose, target, tips])):
            _draw_ghost(axes, true, skeleton)
            draw_pose(axes, seen, skeleton, linewidth=1.5)
            axes.quiver(*seen.T, *(ends - seen).T, color=PULL, width=0.005, zorder=3,
                        angles="xy", scale_units="xy", scale=1)  # fmt: skip
            axes.update_datalim(ends)  # a quiver does not count the ends of its arrows
            _label(axes, seen, label)
        _finish(axes, f"{name}\nlongest: {1000 * strongest:.2g} mm/m" if strongest else f"{name}\nno pull")
    return figure


def descents(paths: Mapping[str, tuple[np.ndarray, np.ndarray]], skeleton: Skeleton, *, title: str) -> Figure:
    """What becomes of one pose under descent: before in grey, the way of every joint in green, after in colours.

    Args:
      paths: by what was descended, (S, J, 3) metres in camera space, the pose at each step, and (S,) metres, the loss.
      skeleton: of all.
      title: what is shown; says so if the data are synthetic.

    Returns:
      The figure.
    """
    figure, panels = _panels(len(paths), title)
    for axes, (name, (path, loss)) in zip(panels, paths.items(), strict=True):
        for label, seen in _views(path):
            _draw_ghost(axes, seen[0], skeleton)
            draw_pose(axes, seen[-1], skeleton, linewidth=1.5)
            axes.plot(*seen.transpose(2, 0, 1), color=PULL, linewidth=1, zorder=3)
            _label(axes, seen, label)
        _finish(axes, f"{name}\n{1000 * loss[0]:.2f} → {1000 * loss[-1]:.2f} mm")
    return figure


def joint_terms(tables: Mapping[str, np.ndarray], terms: Sequence[str], skeleton: Skeleton, *, title: str) -> Figure:
    """Heat maps of joint × term: the share of every joint in each term, in percent of the column.

    Args:
      tables: by heading, which names the unit, (J, N), none below zero.
      terms: the N columns.
      skeleton: names the rows.
      title: what is shown; says so if the data are synthetic.

    Returns:
      The figure; the sum of each column stands below its name.
    """
    size = (1 + 0.62 * len(terms) * len(tables), 1.8 + 0.27 * skeleton.num_joints)
    figure = Figure(figsize=size, layout="constrained")
    figure.suptitle(title, fontsize="small", wrap=True, parse_math=False)
    (panels,) = figure.subplots(1, len(tables), sharey=True, squeeze=False)
    for axes, (heading, table) in zip(panels, tables.items(), strict=True):
        sums = np.sum(table, axis=0)
        percent = 100 * np.divide(table, sums, out=np.zeros(np.shape(table)), where=sums > 0)
        image = axes.imshow(percent, cmap="Greys", vmin=0, aspect="auto")
        _number_cells(axes, image, percent, digits=0)
        columns = [f"{term}\n{total:.3g}" for term, total in zip(terms, sums, strict=True)]
        axes.set_xticks(range(len(terms)), columns, rotation=45, ha="right", rotation_mode="anchor", fontsize="small")
        axes.set_yticks(range(skeleton.num_joints), skeleton.joints, fontsize="small", parse_math=False)
        axes.set_title(heading, fontsize="small")
    return figure


def cosine_matrix(cosines: np.ndarray, terms: Sequence[str], *, title: str) -> Figure:
    """The cosines between the terms' gradients: blue where they agree, red where they fight.

    Args:
      cosines: (N, N), in [-1, 1].
      terms: the N rows and columns.
      title: what is shown; says so if the data are synthetic.

    Returns:
      The figure.
    """
    size = 2.2 + 0.55 * len(terms)
    figure = Figure(figsize=(size + 1, size), layout="constrained")
    figure.suptitle(title, fontsize="small", wrap=True, parse_math=False)
    axes = figure.subplots()
    image = axes.imshow(cosines, cmap="RdBu", vmin=-1, vmax=1)
    _number_cells(axes, image, cosines, digits=2)
    axes.set_xticks(range(len(terms)), terms, rotation=45, ha="right", rotation_mode="anchor", fontsize="small")
    axes.set_yticks(range(len(terms)), terms, fontsize="small")
    figure.colorbar(image, ax=axes, shrink=0.8, label="cosine between gradients")
    return figure


def _number_cells(axes: Axes, image: AxesImage, numbers: np.ndarray, *, digits: int) -> None:
    """Write its number into every cell, dark on light and light on dark."""
    bright = image.to_rgba(numbers)[..., :3] @ (0.3, 0.6, 0.1) > 0.5
    for (row, column), number in np.ndenumerate(np.round(numbers, digits) + 0):  # zero without a sign
        colour = "0.1" if bright[row, column] else "1"
        axes.text(column, row, f"{number:.{digits}f}", ha="center", va="center", fontsize="x-small", color=colour)


def _panels(count: int, title: str) -> tuple[Figure, Sequence[Axes]]:
    """A figure with that many panels, three in a row."""
    rows = -(-count // 3)
    figure = Figure(figsize=(16, 3.4 * rows + 0.6), layout="constrained")
    figure.suptitle(title, wrap=True, parse_math=False)
    grid = figure.subplots(rows, 3, squeeze=False).ravel()
    for axes in grid:
        axes.set_axis_off()
    return figure, grid[:count]


def _views(positions: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Positions (..., J, 3) in camera space from two sides, (..., J, 2) each, the second one right of the first."""
    upright = np.asarray(positions)[..., [0, 2, 1]] * [1, 1, -1]  # z up, as `project_view` wants it
    edge = 0.0
    for label, azimuth in (("from the camera", -90), ("from its right", 0)):
        seen = project_view(upright, azimuth, 0)[..., :2]
        seen[..., 0] += edge - seen[..., 0].min()
        edge = seen[..., 0].max() + 0.4
        yield label, seen


def _draw_ghost(axes: Axes, pose: np.ndarray, skeleton: Skeleton) -> None:
    """The bones of a pose (J, 2) that is only there to compare with."""
    for bone in skeleton.bones:
        axes.plot(*pose[list(bone)].T, color=GHOST, linewidth=3, solid_capstyle="round", zorder=0)


def _label(axes: Axes, seen: np.ndarray, text: str) -> None:
    """A few words below positions (..., J, 2)."""
    middle = (seen[..., 0].min() + seen[..., 0].max()) / 2
    below = {"xycoords": ("data", "axes fraction"), "ha": "center", "va": "top"}
    axes.annotate(text, (middle, 0), **below, fontsize="small", color="0.4")


def _finish(axes: Axes, heading: str) -> None:
    """The heading, a bar for the scale, and metres as long up as across."""
    axes.set_title(heading, fontsize="medium")
    axes.set_aspect("equal", adjustable="datalim")
    right, bottom = axes.dataLim.x1 + 0.2, axes.dataLim.y0
    axes.plot([right, right], [bottom, bottom + 0.5], color="0.4", linewidth=1)
    axes.annotate(" 0.5 m", (right, bottom + 0.25), va="center", fontsize="small", color="0.4")
    axes.autoscale_view()
