"""Check a prepared data set before anything is trained on it, whatever it was made from.

    python -m data_prep.check DIR

Every split has a table: what `quality.examine` measures, in the median track and in the worst one, and how many tracks
are beyond the limit. Then follow the tracks that are suspect, and those that break the data contract. A contact sheet
beside DIR shows some frames of some tracks.

The exit code is 0 if nothing is suspect, 1 if something is, and 2 if the data set cannot be read.
"""

import os
import statistics
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import jax
import numpy as np
import tyro
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich import box
from rich.console import Console
from rich.progress import track as progress
from rich.table import Column, Table
from rich.text import Text

from data_prep.quality import CHECKS, Finding, camera_of, examine, unseen
from jaxpose.cameras import camera_to_world, project
from jaxpose.data import store
from jaxpose.data.track import Description, Track, contract_violation, title_with_notice, track_name
from jaxpose.files.atomic import atomic_write
from jaxpose.rotations import rotate
from jaxpose.runtime.errors import InputError, cli_errors
from jaxpose.skeleton import Skeleton
from jaxpose.visualization.figures import LEFT, MIDDLE, RIGHT, draw_pose, project_view

MOST_DRAWN = 12  # tracks
MOST_LISTED = 5  # lines of one kind


class Report(NamedTuple):
    """What there is in a split."""

    frames: int
    seconds: float
    rates: Mapping[float, int]  # number of tracks by frames a second
    only_2d: int  # tracks without poses
    findings: Mapping[str, Mapping[str, Finding]]  # by quantity, then by name of track: where it is known
    faults: Sequence[str]  # what breaks the data contract


def report(tracks: Sequence[Track], description: Description) -> Report:
    """Examine the tracks of a split.

    Args:
      tracks: as they were read, unchecked; those that are not `examinable` only count for the faults.
      description: of the data.
    """
    whole = [track for track in tracks if examinable(track, description)]
    examined = {track_name(track): examine(track, description) for track in whole}
    return Report(
        frames=sum(len(track.keypoints_2d) for track in whole),
        seconds=sum(len(track.keypoints_2d) / track.fps for track in whole),
        rates=Counter(track.fps for track in whole),
        only_2d=sum(len(track.positions_3d) == 0 for track in whole),
        findings={q: {track: found[q] for track, found in examined.items() if q in found} for q in CHECKS},
        faults=[found for track in tracks if (found := contract_violation(track, description))],
    )


def examinable(track: Track, description: Description) -> bool:
    """Whether a track would keep the data contract if its gaps, which are NaN or infinite, were filled."""
    filled = {field: np.nan_to_num(getattr(track, field)) for field in ("positions_3d", "keypoints_2d")}
    return not contract_violation(track._replace(**filled), description)


def suspects(found: Report, quantity: str) -> list[str]:
    """The tracks beyond the limit of a quantity, the worst first."""
    values = {track: finding.value for track, finding in found.findings[quantity].items()}
    return sorted((t for t in values if values[t] > CHECKS[quantity].limit), key=values.__getitem__, reverse=True)


def table(split: str, found: Report) -> Table:
    """A report as a table to print, a row for every quantity that is known of some track."""
    rates = ", ".join(f"{tracks} at {fps:g} frames/s" for fps, tracks in sorted(found.rates.items()))
    only_2d = f"; without 3D: {found.only_2d}" if found.only_2d else ""
    title = f"{split}: {found.frames:,} frames, {found.seconds:,.0f} s; tracks: {rates or 'none'}{only_2d}"
    numbers = [Column(heading, justify="right") for heading in ("median", "worst", "limit", "beyond")]
    style = {"box": box.SIMPLE_HEAD, "pad_edge": False, "collapse_padding": True, "title_justify": "left"}
    rows = Table("per track", *numbers, Column("worst at", overflow="fold"), title=title, **style)
    for quantity, known in found.findings.items():
        if known:
            worst = max(known, key=lambda track: known[track].value)
            median = statistics.median(finding.value for finding in known.values())
            rows.add_row(
                CHECKS[quantity].title,
                f"{median:.2f}",
                f"{known[worst].value:.2f}",
                f"{CHECKS[quantity].limit:g}",
                str(len(suspects(found, quantity))),
                Text(f"{worst} {known[worst].where}" if known[worst].where else ""),
            )
    return rows


def complaints(found: Report) -> list[str]:
    """What is suspect or wrong, a line each, the first few of every kind; nothing if all is well."""
    lines = []
    for quantity, known in found.findings.items():
        title, tracks = CHECKS[quantity].title, suspects(found, quantity)
        lines += _first_few([f"suspect: {t}: {title}: {known[t].value:.2f}, {known[t].where}" for t in tracks])
    return lines + _first_few([f"breaks the contract: {fault}" for fault in found.faults])


def contact_sheet(tracks: Sequence[Track], description: Description, *, frames: int = 4) -> Figure:
    """Frames of tracks, as the camera sees them and from its right: poses are lines, keypoints dots.

    Args:
      tracks: to draw, at least one; all are `examinable`.
      description: of the data.
      frames: evenly spaced ones without gaps to draw of each track.

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


def check(
    data: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="DIR")],
    *,
    out: Annotated[Path | None, tyro.conf.arg(metavar="PNG")] = None,
) -> bool:
    """Check a prepared data set, and draw a contact sheet of it.

    Args:
      data: What a command of data_prep wrote.
      out: The contact sheet to write or replace; by default DIR-check.png, beside DIR.

    Returns:
      Whether all is well.
    """
    description = store.read_description(data)
    out = out or Path(f"{os.path.abspath(data)}-check.png")
    if out.suffix != ".png":
        raise InputError(f"--out is {out}; it must end with .png")
    reports, drawn = {}, []
    for split in progress(description.splits, "subjects", console=Console(stderr=True)):
        tracks = store.read_tracks_unchecked(data, split)[1]
        reports[split] = report(tracks, description)
        whole = [track for track in tracks if examinable(track, description)]
        drawn += _spread(whole, -(-MOST_DRAWN // len(description.splits)))

    console = Console(markup=False)
    for split, found in reports.items():
        console.print(table(split, found))
    lines = [line for found in reports.values() for line in complaints(found)]
    for line in lines or ["nothing is suspect"]:
        print(line)
    if drawn:
        figure = contact_sheet(_spread(drawn, MOST_DRAWN), description)
        atomic_write(out, lambda path: figure.savefig(path, dpi=100))
        print(f"The contact sheet is {out}")
    return not lines


def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    jax.config.update("jax_platforms", "cpu")  # nothing here is worth taking a GPU away from a training
    with cli_errors():
        well = tyro.cli(check, args=argv, prog="python -m data_prep.check", description=__doc__)
    if not well:
        sys.exit(1)


def _first_few(lines: Sequence[str]) -> list[str]:
    rest = len(lines) - MOST_LISTED
    return [*lines[:MOST_LISTED], *([f"  and {rest} more"] if rest > 0 else [])]


def _spread(items: Sequence[Any], most: int) -> list[Any]:
    """As many of the items, evenly spaced."""
    return [items[int(place)] for place in np.linspace(0, len(items) - 1, min(most, len(items))).round()]


def _excerpt(track: Track, frames: int) -> Track:
    """A few frames of a track, among those without gaps."""
    known = {field: values for field in ("positions_3d", "keypoints_2d") if len(values := getattr(track, field))}
    whole = np.logical_and.reduce([np.isfinite(values).all(axis=(1, 2)) for values in known.values()])
    places = _spread(np.flatnonzero(whole), frames)
    return track._replace(**{field: values[places] for field, values in known.items()})


def _draw_image(axes: Axes, clip: Track, description: Description) -> None:
    """Projected poses and the keypoints; without poses, lines connect the keypoints."""
    layout = description.layout
    dots = np.where(unseen(clip.keypoints_2d)[..., None], np.nan, clip.keypoints_2d[..., :2])
    lines, tree = dots, layout
    if len(clip.positions_3d):
        lines, tree = np.asarray(project(clip.positions_3d, camera_of(clip))), description.skeleton
    colours = [LEFT if k in layout.left else RIGHT if k in layout.right else MIDDLE for k in range(layout.num_joints)]
    for pose, seen, shift in zip(lines, dots, _beside(lines), strict=True):
        draw_pose(axes, (pose + shift) * [1, -1], tree, linewidth=1.5)
        axes.scatter(*((seen + shift) * [1, -1]).T, c=colours, s=12, zorder=3, edgecolors="white", linewidths=0.5)


def _draw_side(axes: Axes, clip: Track, skeleton: Skeleton) -> None:
    """The poses in the world, from the right of the camera, over the floor; nothing without poses."""
    if not len(clip.positions_3d):
        return
    camera = camera_of(clip)
    x, y, _ = np.asarray(rotate(camera.orientation, np.float32([1, 0, 0])))  # the camera's right in the world
    world = np.asarray(camera_to_world(clip.positions_3d, camera))
    seen = project_view(world, np.rad2deg(np.arctan2(y, x)), 0)[..., :2]
    for pose, shift in zip(seen, _beside(seen), strict=True):
        draw_pose(axes, pose + shift * [1, 0], skeleton, linewidth=1.5)
    axes.axhline(0, color="0.8", linewidth=1, zorder=0)


def _beside(poses: np.ndarray) -> np.ndarray:
    """Shifts (F, 1, 2) that put poses (F, J, 2), which may be partly NaN, next to each other."""
    low, high = (np.nan_to_num(extreme.reduce(poses, axis=1, keepdims=True)) for extreme in (np.fmin, np.fmax))
    step = 1.15 * (high - low)[..., 0].max(initial=0)
    return np.arange(len(poses))[:, None, None] * [step, 0] - (low + high) / 2


if __name__ == "__main__":
    main()
