"""Draw a contact sheet of tracks: a few frames of each, as the camera sees them and from the side."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from data_prep.checks.quality import camera_of, undetected
from jaxpose.cameras import camera_to_world, project
from jaxpose.data.track import Description, Track, title_with_notice, track_name
from jaxpose.rotations import rotate
from jaxpose.skeleton import Skeleton
from jaxpose.visualization.figures import LEFT, MIDDLE, RIGHT, draw_pose, project_view

_project, _to_world, _rotate = jax.jit(project), jax.jit(camera_to_world), jax.jit(rotate)


def contact_sheet(tracks: Sequence[Track], description: Description, *, frames: int = 4) -> Figure:
    """Draw frames of tracks, as the camera sees them and from its right: poses are lines, keypoints dots.

    Args:
      tracks: at least one; all are measurable (`quality_report.is_measurable`).
      description: of the data.
      frames: to draw of each track, evenly spaced among those without gaps.

    Returns:
      The figure; save it with `figure.savefig`.
    """
    rows = -(-len(tracks) // 2)
    figure = Figure(figsize=(4 * frames, 2.6 * rows + 0.6), layout="constrained")
    figure.suptitle(
        f"{title_with_notice(description)}. Lines: 3D poses, projected; dots: 2D keypoints; right red, left blue. "
        "Beside them the poses from the camera's right, over the floor of the world.",
        parse_math=False,
    )
    grid = figure.subplots(rows, 4, squeeze=False).reshape(-1, 2)
    for axes in grid.flat:
        axes.set_axis_off()
        axes.set_aspect("equal")
    for (image, side), track in zip(grid, tracks, strict=False):
        clip = _excerpt(track, frames)
        _draw_image(image, clip, description)
        _draw_side(side, clip, description.skeleton)
        image.set_title(track_name(track), fontsize="medium", parse_math=False)
    return figure


def evenly_spaced(items: Sequence[Any], most: int) -> list[Any]:
    """Choose at most so many items, evenly spaced, with both ends."""
    return [items[int(index)] for index in np.linspace(0, len(items) - 1, min(most, len(items))).round()]


def _excerpt(track: Track, frames: int) -> Track:
    """Choose a few frames of a track, among those without gaps."""
    arrays = {field: values for field in ("positions_3d", "keypoints_2d") if len(values := getattr(track, field))}
    finite = np.logical_and.reduce([np.isfinite(values).all(axis=(1, 2)) for values in arrays.values()])
    chosen = evenly_spaced(np.flatnonzero(finite), frames)
    return track._replace(**{field: values[chosen] for field, values in arrays.items()})


def _draw_image(axes: Axes, clip: Track, description: Description) -> None:
    """Draw the projected poses and the keypoints; without poses, lines connect the keypoints."""
    layout = description.layout
    dots = np.where(undetected(clip.keypoints_2d)[..., None], np.nan, clip.keypoints_2d[..., :2])
    lines, skeleton = dots, layout
    if len(clip.positions_3d):
        lines, skeleton = np.asarray(_project(clip.positions_3d, camera_of(clip))), description.skeleton
    colours = [LEFT if k in layout.left else RIGHT if k in layout.right else MIDDLE for k in range(layout.num_joints)]
    for pose, keypoints, shift in zip(lines, dots, _side_by_side(lines), strict=True):
        draw_pose(axes, (pose + shift) * [1, -1], skeleton, linewidth=1.5)
        axes.scatter(*((keypoints + shift) * [1, -1]).T, c=colours, s=12, zorder=3, edgecolors="white", linewidths=0.5)


def _draw_side(axes: Axes, clip: Track, skeleton: Skeleton) -> None:
    """Draw the poses in the world, from the right of the camera, over the floor; nothing without poses."""
    if not len(clip.positions_3d):
        return
    camera = camera_of(clip)
    x, y, _ = np.asarray(_rotate(camera.orientation, np.float32([1, 0, 0])))  # the camera's right in the world
    world = np.asarray(_to_world(clip.positions_3d, camera))
    views = project_view(world, np.rad2deg(np.arctan2(y, x)), 0)[..., :2]
    for pose, shift in zip(views, _side_by_side(views), strict=True):
        draw_pose(axes, pose + shift * [1, 0], skeleton, linewidth=1.5)
    axes.axhline(0, color="0.8", linewidth=1, zorder=0)


def _side_by_side(poses: np.ndarray) -> np.ndarray:
    """Shifts (F, 1, 2) that put poses (F, J, 2), which may be partly NaN, next to each other."""
    low, high = (np.nan_to_num(extreme.reduce(poses, axis=1, keepdims=True)) for extreme in (np.fmin, np.fmax))
    step = 1.15 * (high - low)[..., 0].max(initial=0)
    return np.arange(len(poses))[:, None, None] * [step, 0] - (low + high) / 2
