"""Figures of the attribution of a loss to its terms: gradients, descents, shares of joints, cosine similarities."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from jaxpose.skeleton import Skeleton
from jaxpose.visualization.figures import GRADIENT, draw_pose, draw_reference, fitting_title, project_view

_LONGEST_ARROW = 0.25  # metres, as drawn


def gradient_arrows(
    pose: np.ndarray, target: np.ndarray, gradients: Mapping[str, np.ndarray], skeleton: Skeleton, *, title: str
) -> Figure:
    """The negative gradient of each term of the loss as arrows on a pose, in two views; the target in grey.

    Args:
      pose: (J, 3) metres, camera space.
      target: (J, 3) metres.
      gradients: by term, (J, 3) metres of loss per metre.
      skeleton: of both.
      title: names the data, and that they are synthetic if they are.

    Returns:
      The figure. Every panel has its own scale: its heading gives the length of its longest arrow.
    """
    figure, panels = _panels(len(gradients), title)
    for axes, (name, gradient) in zip(panels, gradients.items(), strict=True):
        strongest = float(np.sqrt(np.sum(np.square(gradient), axis=-1)).max())
        tips = pose - np.asarray(gradient) * (_LONGEST_ARROW / strongest if strongest else 0)
        for label, (seen, true, ends) in _views(np.stack([pose, target, tips])):
            draw_reference(axes, true, skeleton)
            draw_pose(axes, seen, skeleton, linewidth=1.5)
            axes.quiver(*seen.T, *(ends - seen).T, color=GRADIENT, width=0.005, zorder=3,
                        angles="xy", scale_units="xy", scale=1)  # fmt: skip
            axes.update_datalim(ends)  # a quiver does not count the ends of its arrows
            _label(axes, seen, label)
        _finish(axes, f"{name}\nlongest: {1000 * strongest:.2g} mm/m" if strongest else f"{name}\nno gradient")
    return figure


def descent_paths(paths: Mapping[str, tuple[np.ndarray, np.ndarray]], skeleton: Skeleton, *, title: str) -> Figure:
    """Gradient descents of a pose: before in grey, the path of every joint in green, after in colours.

    Args:
      paths: by name of the loss, the pose at each step, (S, J, 3) metres in camera space, and the loss, (S,) metres.
      skeleton: of all.
      title: names the data, and that they are synthetic if they are.

    Returns:
      The figure.
    """
    figure, panels = _panels(len(paths), title)
    for axes, (name, (path, loss)) in zip(panels, paths.items(), strict=True):
        for label, seen in _views(path):
            draw_reference(axes, seen[0], skeleton)
            draw_pose(axes, seen[-1], skeleton, linewidth=1.5)
            axes.plot(*seen.transpose(2, 0, 1), color=GRADIENT, linewidth=1, zorder=3)
            _label(axes, seen, label)
        _finish(axes, f"{name}\n{1000 * loss[0]:.2f} → {1000 * loss[-1]:.2f} mm")
    return figure


def joint_term_heatmaps(
    tables: Mapping[str, np.ndarray], terms: Sequence[str], skeleton: Skeleton, *, title: str
) -> Figure:
    """Heat maps of joint × term: the share of every joint in each term, in per cent of the column.

    Args:
      tables: by heading, which names the unit, (J, N), all at least zero.
      terms: the N columns.
      skeleton: names the rows.
      title: names the data, and that they are synthetic if they are.

    Returns:
      The figure; the sum of each column stands below its name.
    """
    size = (1 + 0.62 * len(terms) * len(tables), 1.8 + 0.27 * skeleton.num_joints)
    figure = Figure(figsize=size, layout="constrained")
    figure.suptitle(fitting_title(title, figure), fontsize="small", parse_math=False)
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
    """Cosine similarity of the terms' gradients: blue for the same direction, red for opposite directions.

    Args:
      cosines: (N, N), in [-1, 1].
      terms: the N rows and columns.
      title: names the data, and that they are synthetic if they are.

    Returns:
      The figure.
    """
    size = 2.2 + 0.55 * len(terms)
    figure = Figure(figsize=(size + 1, size), layout="constrained")
    figure.suptitle(fitting_title(title, figure), fontsize="small", parse_math=False)
    axes = figure.subplots()
    image = axes.imshow(cosines, cmap="RdBu", vmin=-1, vmax=1)
    _number_cells(axes, image, cosines, digits=2)
    axes.set_xticks(range(len(terms)), terms, rotation=45, ha="right", rotation_mode="anchor", fontsize="small")
    axes.set_yticks(range(len(terms)), terms, fontsize="small")
    figure.colorbar(image, ax=axes, shrink=0.8, label="cosine similarity of gradients")
    return figure


def _number_cells(axes: Axes, image: AxesImage, numbers: np.ndarray, *, digits: int) -> None:
    """Write the number into every cell, dark on light and light on dark."""
    bright = image.to_rgba(numbers)[..., :3] @ (0.3, 0.6, 0.1) > 0.5
    for (row, column), number in np.ndenumerate(np.round(numbers, digits) + 0):  # zero without a sign
        colour = "0.1" if bright[row, column] else "1"
        axes.text(column, row, f"{number:.{digits}f}", ha="center", va="center", fontsize="x-small", color=colour)


def _panels(count: int, title: str) -> tuple[Figure, Sequence[Axes]]:
    """A figure with `count` panels, three in a row."""
    rows = -(-count // 3)
    figure = Figure(figsize=(16, 3.4 * rows + 0.6), layout="constrained")
    figure.suptitle(fitting_title(title, figure), fontsize="small", parse_math=False)
    grid = figure.subplots(rows, 3, squeeze=False).ravel()
    for axes in grid:
        axes.set_axis_off()
    return figure, grid[:count]


def _views(positions: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Two views of positions (..., J, 3) in camera space, (..., J, 2) each, the second to the right of the first."""
    upright = np.asarray(positions)[..., [0, 2, 1]] * [1, 1, -1]  # z up, as `project_view` wants it
    edge = 0.0
    for label, azimuth in (("from the camera", -90), ("from its right", 0)):
        seen = project_view(upright, azimuth, 0)[..., :2]
        seen[..., 0] += edge - seen[..., 0].min()
        edge = seen[..., 0].max() + 0.4
        yield label, seen


def _label(axes: Axes, seen: np.ndarray, text: str) -> None:
    """Write a label below positions (..., J, 2)."""
    middle = (seen[..., 0].min() + seen[..., 0].max()) / 2
    below = {"xycoords": ("data", "axes fraction"), "ha": "center", "va": "top"}
    axes.annotate(text, (middle, 0), **below, fontsize="small", color="0.4")


def _finish(axes: Axes, heading: str) -> None:
    """Add the heading and a bar of half a metre, and give both axes one scale."""
    axes.set_title(heading, fontsize="medium")
    axes.set_aspect("equal", adjustable="datalim")
    right, bottom = axes.dataLim.x1 + 0.2, axes.dataLim.y0
    axes.plot([right, right], [bottom, bottom + 0.5], color="0.4", linewidth=1)
    axes.annotate(" 0.5 m", (right, bottom + 0.25), va="center", fontsize="small", color="0.4")
    axes.autoscale_view()
