"""Draw training windows as augmentations make them, over the image's frame: `python -m experiments.augmentation_sheet`.

    python -m experiments.augmentation_sheet sheet.png --augment mirror body camera --data synthetic --split S1

A panel is a window; its frames fade from the first to the last. Keypoints without confidence are not drawn.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import jax
import numpy as np
import tyro
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from jaxpose.data.augmentation.settings import Augmentation
from jaxpose.data.load import load
from jaxpose.data.track import recording_name, title_with_notice, track_lengths
from jaxpose.data.transforms import TRANSFORMS
from jaxpose.data.windows import Windows, gather_windows, pack, window_starts
from jaxpose.runtime.command import run_command
from jaxpose.skeleton import Skeleton
from jaxpose.training.setup import find
from jaxpose.visualization.figures import bone_colours


@dataclasses.dataclass(frozen=True)
class Command:
    """Options of the picture."""

    out: tyro.conf.Positional[Path]
    """The image to write."""
    augment: tuple[str, ...] = ("mirror", "body", "camera")
    """Augmentations, in this order."""
    augmentation: tyro.conf.OmitArgPrefixes[Augmentation] = dataclasses.field(default_factory=Augmentation)
    """The ranges from which they draw."""
    data: str = "synthetic"
    """Folder of a prepared data set, or `synthetic`."""
    split: str = "S1"
    """Subjects to draw."""
    windows: int = 24
    """Windows to draw."""
    frames: int = 57
    """Frames of each window."""
    shown: int = 5
    """Frames of each window that are drawn."""
    seed: int = 0
    """Of the choice of windows, and of what augmentations draw."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw the picture."""
    run_command(Command, draw, arguments, prog="python -m experiments.augmentation_sheet", description=__doc__)


def draw(command: Command) -> None:
    """Draw windows and write the image."""
    makers = [find(TRANSFORMS, name, "augment") for name in command.augment]
    description, tracks = load(command.data, command.split)
    transforms = [make(description, command.augmentation) for make in makers]
    starts = window_starts(track_lengths(tracks), command.frames)
    chosen = np.random.default_rng(command.seed).choice(starts, command.windows, replace=len(starts) < command.windows)
    key = jax.random.key(command.seed)

    @jax.jit
    def augmented(data, starts):
        odd = np.arange(command.windows) % 2 == 1
        windows = gather_windows(data, starts, command.frames, (0, 0), mirrored=odd)
        for number, transform in enumerate(transforms):
            windows = transform(jax.random.fold_in(key, number), windows)
        return windows

    windows = jax.device_get(augmented(pack(tracks), chosen))
    ends = np.cumsum(track_lengths(tracks))
    names = [recording_name(track) for track in (tracks[index] for index in np.searchsorted(ends, chosen, "right"))]
    title = f"{' '.join(command.augment)}. {title_with_notice(description)}, {command.split}."
    sheet(windows, description.layout, names, title=title, shown=command.shown).savefig(command.out, dpi=80)


def sheet(windows: Windows, layout: Skeleton, names: Sequence[str], *, title: str, shown: int) -> Figure:
    """A panel for each window: the image's frame, and the keypoints of some frames; links and bones are lines."""
    columns = 6
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(3.2 * columns, 3.4 * rows + 0.5), layout="constrained")
    figure.suptitle(title, parse_math=False)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    frames = np.linspace(0, windows.keypoints.shape[1] - 1, shown).round().astype(int)
    for number, (axes, name) in enumerate(zip(grid.flat, names, strict=False)):
        camera = jax.tree.map(lambda field, number=number: field[number], windows.camera)
        for frame, strength in zip(frames, np.linspace(1, 0.25, shown), strict=True):
            draw_keypoints(axes, windows.keypoints[number, frame], layout, strength)
        width, height = float(camera.width), float(camera.height)
        axes.add_patch(Rectangle((-width / 2, -height / 2), width, height, fill=False, color="0.5"))
        reach = 0.55 * max(width, height)
        axes.set(xlim=(-reach, reach), ylim=(reach, -reach), aspect="equal")  # y points down
        metres = np.linalg.norm(windows.root[number, windows.root.shape[1] // 2])
        focal = camera.intrinsics[0] / width
        text = f"{name}{' mirrored' * bool(windows.mirrored[number])}\n{metres:.1f} m, f {focal:.2f}"
        axes.set_title(f"{text}, camera {camera.translation[2]:.1f} m high", fontsize="small", parse_math=False)
    return figure


def draw_keypoints(axes: Axes, keypoints: np.ndarray, layout: Skeleton, strength: float) -> None:
    """Draw the bones between keypoints (K, 2 or 3) whose confidence, if there is one, is above zero."""
    seen = keypoints[:, 2] > 0 if keypoints.shape[1] > 2 else np.ones(len(keypoints), bool)
    for bone, colour in zip(layout.bones, bone_colours(layout), strict=True):
        if seen[list(bone)].all():
            axes.plot(*keypoints[list(bone), :2].T, color=colour, alpha=strength, linewidth=1.5, clip_on=False)
    axes.plot(*keypoints[seen, :2].T, ".", color="0.2", alpha=strength, markersize=2, clip_on=False)


if __name__ == "__main__":
    main()
