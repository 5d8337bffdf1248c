"""Films and rows of frames of a clip: the 2D input if it is known, the reconstruction and the ground truth.

What does not change between frames is drawn once; for each frame only the moving artists are drawn over it.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from jaxpose.skeleton import Skeleton
from jaxpose.visualization.figures import MIDDLE, bone_colours, project_view, side_colour
from jaxpose.visualization.view import Clip, crop, joint_errors

_PANEL_HEIGHT = 0.77  # of a film's

Move = Callable[[int, np.ndarray | None], None]
"""Moves artists to a frame of the clip; takes the number of the frame, and the picture behind it or None."""


class ViewOptions(NamedTuple):
    """Title, viewpoint and size of a film.

    Attributes:
      title: names the data, and that they are synthetic if they are.
      azimuth: of the viewer, degrees to the right of the camera.
      elevation: of the viewer, degrees above the floor.
      height: of the film, pixels.
    """

    title: str
    azimuth: float = 30.0
    elevation: float = 12.0
    height: int = 480


def film_size(clip: Clip, options: ViewOptions) -> tuple[int, int]:
    """Width and height of a film in pixels, both even, as video files want them."""
    even, others = 2 * round(options.height / 2), len(_headings(clip)) - 1
    return 2 * round(even * 0.42 * others) + 2 * round(even * 0.42), even


def input_panel_size(clip: Clip, options: ViewOptions) -> tuple[int, int]:
    """Width and height in pixels of a picture behind the keypoints, at the resolution of a film."""
    height = film_size(clip, options)[1]
    return round(height * _PANEL_HEIGHT * clip.width / clip.height), round(height * _PANEL_HEIGHT)


def film_frames(
    clip: Clip,
    skeleton: Skeleton,
    layout: Skeleton | None,
    options: ViewOptions,
    *,
    frames: Sequence[int],
    pictures: Iterable[np.ndarray | None] | None = None,
) -> Iterator[np.ndarray]:
    """Draw frames of a clip, one after the other.

    Args:
      clip: at least one frame.
      skeleton: of the poses.
      layout: of the keypoints; None if the clip has none.
      options: title, viewpoint and size.
      frames: numbers of the frames to draw, counted from 0.
      pictures: the camera's picture of every frame, (h, w, 3) uint8, or None; the keypoints are drawn over it. Without
        pictures the part of the image that holds the keypoints is shown. A clip without keypoints has no such panel.

    Yields:
      (height, width, 4) uint8 of the size `film_size`, each in memory that the next frame reuses.
    """
    width, height = film_size(clip, options)
    dpi = height / 4.8
    figure = Figure(figsize=((width + 0.01) / dpi, (height + 0.01) / dpi), dpi=dpi)  # no pixel lost to rounding
    canvas = FigureCanvasAgg(figure)
    places = np.linspace(0, 1, len(_headings(clip)) + 1)
    panels = [figure.add_axes((left + 0.01, 0.09, places[1] - 0.02, _PANEL_HEIGHT)) for left in places[:-1]]
    figure.text(0.01, 0.97, options.title, va="top", fontsize=8, color="0.25", parse_math=False, wrap=True)
    foot = figure.text(0.01, 0.03, "", fontsize=9, family="monospace", animated=True)
    moves = _draw_panels(panels, clip, skeleton, layout, options, whole=pictures is not None, linewidth=3)
    canvas.draw()
    background = canvas.copy_from_bbox(figure.bbox)
    moving = [artist for axes in panels for artist in axes.get_children() if artist.get_animated()]
    moving.sort(key=lambda artist: artist.get_zorder())
    for frame, picture in _with_pictures(frames, pictures):
        canvas.restore_region(background)
        for move in moves:
            move(frame, picture)
        for artist in moving:
            artist.axes.draw_artist(artist)
        foot.set_text(frame_caption(clip, frame))
        figure.draw_artist(foot)
        yield np.asarray(canvas.buffer_rgba())


def film_strip(
    clip: Clip,
    skeleton: Skeleton,
    layout: Skeleton | None,
    options: ViewOptions,
    *,
    frames: Sequence[int],
    pictures: Iterable[np.ndarray | None] | None = None,
) -> Figure:
    """Draw a row of frames for the input, the reconstruction and the ground truth; arguments as of `film_frames`."""
    rows = len(_headings(clip))
    figure = Figure(figsize=(1.6 * len(frames) + 0.4, 1.7 * rows + 0.5), layout="constrained")
    figure.suptitle(options.title, fontsize="small", x=0.01, ha="left", wrap=True, parse_math=False)
    grid = figure.subplots(rows, len(frames), squeeze=False)
    for column, (frame, picture) in zip(grid.T, _with_pictures(frames, pictures), strict=True):
        for move in _draw_panels(column, clip, skeleton, layout, options, whole=pictures is not None, linewidth=2):
            move(frame, picture)
        for axes in column:
            axes.set_title("")
        column[0].set_title(f"{(clip.first + frame) / clip.fps:.2f} s", fontsize="small")
    for heading, axes in zip(_headings(clip), grid[:, 0], strict=True):
        axes.annotate(heading, (-0.08, 0.5), xycoords="axes fraction", rotation=90, va="center", ha="right")
    return figure


def frame_caption(clip: Clip, frame: int) -> str:
    """The number and time of a frame in its track, and its error if the ground truth is known."""
    number = clip.first + frame
    where = f"frame {number:>{len(str(clip.total))}} of {clip.total}  {number / clip.fps:6.2f} s"
    if clip.truth is None:
        return where
    return f"{where}  error {1000 * joint_errors(clip.prediction[frame], clip.truth[frame]).mean():5.1f} mm"


def _headings(clip: Clip) -> list[str]:
    """The headings of the panels."""
    return [*(["2D input"] if clip.keypoints is not None else []), *_poses(clip)]


def _poses(clip: Clip) -> dict[str, np.ndarray]:
    """The poses of each panel that has some, by heading."""
    return {"reconstruction": clip.prediction} | ({} if clip.truth is None else {"ground truth": clip.truth})


def _project(poses: np.ndarray, options: ViewOptions) -> np.ndarray:
    """Poses (..., 3) projected for the viewer: right, up, near."""
    return project_view(poses, options.azimuth - 90, options.elevation)  # the camera stands at -y


def _with_pictures(
    frames: Sequence[int], pictures: Iterable[np.ndarray | None] | None
) -> Iterator[tuple[int, np.ndarray | None]]:
    """Pairs of a frame and its picture, or None."""
    return zip(frames, itertools.repeat(None, len(frames)) if pictures is None else pictures, strict=True)


def _draw_panels(
    panels: Sequence[Axes],
    clip: Clip,
    skeleton: Skeleton,
    layout: Skeleton | None,
    options: ViewOptions,
    *,
    whole: bool,
    linewidth: float,
) -> list[Move]:
    """Draw the still parts of the panels of input and poses; returns the functions that move the rest."""
    shown = _poses(clip)
    moves = [_input_panel(axes, clip, layout, whole, linewidth) for axes in panels[: -len(shown)]]
    for axes, (heading, poses) in zip(panels[-len(shown) :], shown.items(), strict=True):
        _floor(axes, clip, options)
        axes.set_title(heading, fontsize=10)
        moves.append(_limbs(axes, _project(poses, options), skeleton, linewidth))
    return moves


def _input_panel(axes: Axes, clip: Clip, layout: Skeleton, whole: bool, linewidth: float) -> Move:
    """Draw the panel of the picture, whole or cropped to the keypoints, and of the keypoints over it."""
    across, down = [[0, clip.width], [0, clip.height]] if whole else crop(clip)
    edges = (0, clip.width, clip.height, 0)
    image = axes.imshow(np.full((1, 1, 3), 255, np.uint8), extent=edges, animated=True, zorder=0)
    axes.set(xlim=across, ylim=down[::-1], xticks=[], yticks=[], aspect="equal")
    axes.set_title("2D input", fontsize=10)
    limbs = _limbs(axes, clip.keypoints, layout, linewidth)

    def move(frame: int, picture: np.ndarray | None) -> None:
        image.set_visible(picture is not None)
        if picture is not None:
            image.set_data(picture)
        limbs(frame, picture)

    return move


def _floor(axes: Axes, clip: Clip, options: ViewOptions) -> None:
    """Draw a grid of half metres under all poses of the clip, and set limits that hold them."""
    everything = np.concatenate(list(_poses(clip).values()))
    reach = 0.5 * np.ceil(2 * np.nanmax(np.abs(everything[..., :2])))
    marks = np.arange(-reach, reach + 0.25, 0.5)
    ends = np.asarray(
        [[[a, -reach, 0], [a, reach, 0]] for a in marks] + [[[-reach, a, 0], [reach, a, 0]] for a in marks]
    )
    grid = _project(ends, options)[..., :2]
    axes.add_collection(LineCollection(grid, colors="0.88", linewidths=0.8, zorder=0), autolim=False)
    points = np.concatenate([grid.reshape(-1, 2), _project(everything, options)[..., :2].reshape(-1, 2)])
    low, high = np.nanmin(points, axis=0), np.nanmax(points, axis=0)
    axes.set(xlim=(low[0] - 0.05, high[0] + 0.05), ylim=(low[1] - 0.05, high[1] + 0.1), aspect="equal")
    axes.set_axis_off()


def _limbs(axes: Axes, poses: np.ndarray, skeleton: Skeleton, linewidth: float) -> Move:
    """Draw the bones of poses (T, J, 2 or 3), nearer ones, by the third coordinate, over others.

    A layout without bones is drawn as points.
    """
    bones = np.asarray(skeleton.bones, int).reshape(-1, 2)
    alone = [joint for joint in range(skeleton.num_joints) if joint not in bones]
    colours = np.asarray([side_colour(skeleton, joint) for joint in range(skeleton.num_joints)])
    of_bones = np.asarray(bone_colours(skeleton))
    lines = LineCollection([], linewidths=linewidth, capstyle="round", animated=True, zorder=2)
    axes.add_collection(lines, autolim=False)
    dots = axes.scatter(*poses[0][alone, :2].T, s=3 * linewidth**2, c=colours[alone], animated=True, zorder=2)
    heads = [bone for bone in skeleton.tree_bones if skeleton.joints[bone[1]] == "head"]
    (disc,) = axes.plot([], [], "o", color=MIDDLE, markersize=3.4 * linewidth, animated=True, zorder=3)

    def move(frame: int, _: np.ndarray | None) -> None:
        pose = poses[frame]
        nearest_last = np.argsort(pose[bones][..., 2].mean(axis=1)) if pose.shape[-1] == 3 else np.arange(len(bones))
        lines.set_segments(pose[bones[nearest_last], :2])
        lines.set_color(of_bones[nearest_last])
        dots.set_offsets(pose[alone, :2])
        disc.set_data(*pose[heads][..., :2].reshape(-1, 2, 2).mean(axis=1).T)

    return move
